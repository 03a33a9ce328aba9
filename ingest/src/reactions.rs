//! `POST /v1/videos/{video}/reactions`: counted here, told and kept by [`counting`](crate::counting).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use common::{
    auth::Principal,
    ids::IdempotencyKey,
    openapi::{
        COMMENTS,
        refusals::{BadPost, NoStore, NoSuch, Stranger, TooOften},
    },
    path::VideoPath,
    problem::{Code, Problem},
    task,
    totals::Counter,
};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::{Ingest, fields::Fields, limits::Reaction, refusals::RETRY_AFTER_S, request};

/// Most presses in one request, where a minute's limit is not less.
const COUNT_MAX: u32 = 50;

/// What viewers may react with.
pub(crate) struct Kinds {
    all: Vec<Counter>,
    /// Most presses in one request.
    count_max: u32,
}

impl Kinds {
    /// Those of the configuration, whose names were checked there. Nobody may press oftener at once
    /// than in a minute, which is `limit`; 0 = no limit.
    pub(crate) fn new(names: &[String], limit: u64) -> Self {
        let all = names.iter().filter_map(|name| Counter::of_reaction(name)).collect();
        let limit = u32::try_from(limit).ok().filter(|limit| *limit > 0);
        Self { all, count_max: limit.unwrap_or(COUNT_MAX).min(COUNT_MAX) }
    }

    /// What counts reactions of that name, if there is such a kind.
    fn find(&self, name: &str) -> Option<&Counter> {
        self.all.iter().find(|kind| kind.as_reaction() == Some(name))
    }

    /// Their names, in the order of the configuration.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(Counter::as_reaction)
    }
}

/// Some presses of one kind.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes what `presses` takes field by field")]
pub(crate) struct NewReaction {
    /// One of those that are configured.
    #[schema(examples("like"))]
    kind: String,
    /// How often it was pressed: no oftener than one may react in a minute.
    #[schema(minimum = 1, maximum = 50, default = 1)]
    count: Option<u64>,
}

/// What a reaction can be repeated with.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it describes what `request::key` reads")]
pub(crate) struct ReactionKey {
    /// The same key is the same request, for the same author and ten minutes: 1 to 128 visible ASCII
    /// characters, quoted or bare. For another request it is 422.
    #[param(rename = "Idempotency-Key", value_type = IdempotencyKey, inline, required = false)]
    key: Option<IdempotencyKey>,
}

/// React
///
/// For whoever may comment. It is kept within two seconds, and viewers are told the total. A request
/// that is repeated under its Idempotency-Key is counted once.
#[utoipa::path(
    post,
    path = "/v1/videos/{video}/reactions",
    operation_id = "react",
    tag = COMMENTS,
    params(VideoPath, ReactionKey),
    request_body = NewReaction,
    responses(
        (status = 202, description = "Counted."),
        BadPost, Stranger, NoSuch, TooOften, NoStore,
    ),
)]
pub(crate) async fn post(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    ingest.reactions.check()?;
    let key = request::key(&headers)?;
    let guest_seed = key.as_ref().map(|key| key.as_str().as_bytes());
    let principal = ingest.authenticator.require(&headers, guest_seed).await?;
    principal.check_commenter(&video)?;
    let (kind, count) = {
        let _place = ingest.reaction_bodies.enter().await?;
        presses(Fields::read(&headers, body).await?, &ingest.kinds)?
    };
    let place = ingest.reactions.enter().await?;
    // Beside the request: the key of a client that leaves is known from when it is admitted, so what
    // was pressed must be counted all the same.
    let reacting = task::spawn("ingest.reaction", async move {
        let author = principal.author.id.clone();
        let reaction = Reaction { video, author, key, kind, count };
        let reacted = ingest.react(&principal, &reaction).await;
        drop(place);
        reacted
    });
    let reacted = reacting.await;
    reacted.map_err(|_| Problem::new(Code::Internal, "it may not be counted"))??;
    Ok(StatusCode::ACCEPTED)
}

impl Ingest {
    /// Counts it, unless that was done under its key before. Nothing fails after it was admitted: the
    /// key would be known, and a retry count nothing.
    async fn react(&self, principal: &Principal, reaction: &Reaction) -> Result<(), Problem> {
        let Reaction { video, kind, count, .. } = reaction;
        let full = |_| Problem::unavailable("reactions to too many videos at once", RETRY_AFTER_S);
        self.counting.make_room(video).map_err(full)?;
        if self.gate.admit_reaction(principal, reaction).await? {
            let count = u64::from(*count);
            self.counting.count(video, kind, count);
            metrics::counter!("chorus_ingest_reactions_total").increment(count);
        }
        Ok(())
    }
}

/// Which kind, and how often.
fn presses(mut fields: Fields, kinds: &Kinds) -> Result<(Counter, u32), Problem> {
    let name = fields.take::<String>("kind", "a text");
    let kind = name.as_deref().and_then(|name| kinds.find(name)).cloned();
    let why = format!("must be one of {}", kinds.names().collect::<Vec<_>>().join(", "));
    fields.check("kind", kind.is_some(), &why);
    let count = fields.take::<u64>("count", "a whole number").unwrap_or(1);
    let good = u32::try_from(count).ok().filter(|count| (1..=kinds.count_max).contains(count));
    fields.check("count", good.is_some(), &format!("must be 1 to {}", kinds.count_max));
    let both = fields.finish(kind.zip(good))?;
    both.ok_or_else(|| Problem::new(Code::Internal, "a field was not looked at"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent() {
        let names = ["like".to_owned(), "wow".to_owned()];
        let kinds = Kinds::new(&names, 0);
        let read = |body: &str| presses(Fields::parse(body.as_bytes())?, &kinds);
        let presses = |body| {
            read(body).map(|(kind, count)| (kind.as_reaction().unwrap().to_owned(), count)).ok()
        };
        assert_eq!(presses(r#"{"kind":"like"}"#), Some(("like".into(), 1)));
        assert_eq!(presses(r#"{"kind":"wow","count":50}"#), Some(("wow".into(), 50)));
        for bad in [
            "{}",
            r#"{"kind":null}"#,
            r#"{"kind":"hate"}"#,
            r#"{"kind":7}"#,
            r#"{"kind":"like","count":0}"#,
            r#"{"kind":"like","count":51}"#,
            r#"{"kind":"like","count":-1}"#,
            r#"{"kind":"like","count":1.5}"#,
            r#"{"kind":"like","x":1}"#,
        ] {
            assert_eq!(presses(bad), None, "{bad}");
        }
        let told = format!("{:?}", read(r#"{"kind":"hate","count":0}"#).unwrap_err());
        assert!(told.contains("must be one of like, wow") && told.contains("1 to 50"), "{told}");
    }

    /// More would be admitted for the price of a minute's.
    #[test]
    fn nobody_presses_oftener_at_once_than_in_a_minute() {
        let most = |limit| {
            let kinds = Kinds::new(&["like".to_owned()], limit);
            let is_good = |count: &u32| {
                let body = format!(r#"{{"kind":"like","count":{count}}}"#);
                presses(Fields::parse(body.as_bytes()).unwrap(), &kinds).is_ok()
            };
            (0..100).filter(is_good).max()
        };
        assert_eq!([0, 600, 49, 1, 1 << 32].map(most), [50, 50, 49, 1, 50].map(Some));
    }
}
