//! `POST /v1/videos/{video}/reactions`: counted here, told and kept by [`counting`](crate::counting).

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use common::{
    openapi::{
        COMMENTS,
        refusals::{BadPost, NoStore, NoSuch, Stranger, TooOften},
    },
    path::VideoPath,
    problem::Problem,
    totals::Counter,
};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    Ingest,
    fields::Fields,
    refusals::RETRY_AFTER_S,
    request::{self, Key},
};

/// Most presses in one request.
const COUNT_MAX: u64 = 50;

/// What viewers may react with.
pub(crate) struct Kinds(Vec<Counter>);

impl Kinds {
    /// Those of the configuration, whose names were checked there.
    pub(crate) fn new(names: &[String]) -> Self {
        Self(names.iter().filter_map(|name| Counter::of_reaction(name)).collect())
    }

    /// What counts reactions of that name, if there is such a kind.
    fn find(&self, name: &str) -> Option<&Counter> {
        self.0.iter().find(|kind| kind.as_reaction() == Some(name))
    }

    /// Their names, in the order of the configuration.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(Counter::as_reaction)
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
    /// How often it was pressed.
    #[schema(minimum = 1, maximum = 50, default = 1)]
    count: Option<u64>,
}

/// React
///
/// For whoever may comment. It is kept within two seconds, and viewers are told the total. Under an
/// Idempotency-Key that was seen in the last ten minutes nothing is counted again, whatever the body
/// says.
#[utoipa::path(
    post,
    path = "/v1/videos/{video}/reactions",
    operation_id = "react",
    tag = COMMENTS,
    params(VideoPath, Key),
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
    ingest.posts.check()?;
    let key = request::key(&headers)?;
    let guest_seed = key.as_ref().map(|key| key.as_str().as_bytes());
    let principal = ingest.authenticator.require(&headers, guest_seed).await?;
    principal.check_commenter(&video)?;
    let (kind, count) = {
        let _place = ingest.bodies.enter().await?;
        let fields = Fields::read(&headers, body).await?;
        presses(fields, &ingest.kinds)?
    };
    let _place = ingest.posts.enter().await?;
    let is_new = ingest.gate.admit_reactions(&video, &principal, key.as_ref(), count).await?;
    if is_new {
        let counted = ingest.counting.count(&video, &kind, count.into());
        let full = |_| Problem::unavailable("reactions to too many videos at once", RETRY_AFTER_S);
        counted.map_err(full)?;
        metrics::counter!("chorus_ingest_reactions_total").increment(count.into());
    }
    Ok(StatusCode::ACCEPTED)
}

/// Which kind, and how often.
fn presses(mut fields: Fields, kinds: &Kinds) -> Result<(Counter, u32), Problem> {
    let name = fields.take::<String>("kind", "a text");
    let kind = name.as_deref().and_then(|name| kinds.find(name)).cloned();
    let why = format!("must be one of {}", kinds.names().collect::<Vec<_>>().join(", "));
    fields.check("kind", kind.is_some(), &why);
    let count = fields.take::<u64>("count", "a whole number").unwrap_or(1);
    fields.check("count", (1..=COUNT_MAX).contains(&count), "must be 1 to 50");
    let counter = kind.unwrap_or(Counter::COMMENTS);
    fields.finish((counter, u32::try_from(count).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_sent() {
        let kinds = Kinds::new(&["like".to_owned(), "wow".to_owned()]);
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
}
