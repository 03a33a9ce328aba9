//! `POST /v1/videos/{video}/events`: a producer has something shown, in its place among the comments.

use std::sync::Arc;

use axum::{body::Body, extract::State, http::HeaderMap, response::Response};
use common::{
    event::Kind,
    ids::ActionId,
    openapi::{
        EVENTS,
        refusals::{BadPost, NoStore, NoSuch, Stranger},
        shape,
    },
    path::VideoPath,
    problem::Problem,
};
use serde_json::{Value, value::RawValue};
use utoipa::{ToSchema, openapi::ObjectBuilder};

use crate::{
    Ingest,
    fields::Fields,
    post::answer,
    posted::{Answered, Posted, Produced},
    request::{self, Key},
};

/// A producer's event, to be shown.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `named` takes field by field")]
pub(crate) struct NewEvent {
    /// Its name in streams: none of those that streams have for something else.
    #[schema(schema_with = name)]
    r#type: String,
    /// Any JSON but `null`; viewers get it as it was sent, in one line.
    #[schema(example = json!({ "home": 1.85, "away": 4.2 }))]
    data: Value,
}

/// What a producer's event may be called.
pub(crate) fn name() -> ObjectBuilder {
    shape::text(&Kind::form_of_producers(), "odds")
}

/// Show an event
///
/// Odds, a score, a quiz's question: whatever is to be shown at its time. It takes its place among the
/// comments, and viewers get it under its own name. With an Idempotency-Key the same request can be
/// repeated until it is answered: it is shown once.
#[utoipa::path(
    post,
    path = "/v1/videos/{video}/events",
    operation_id = "postEvent",
    tag = EVENTS,
    params(VideoPath, Key),
    request_body = NewEvent,
    responses(
        (status = 201, body = Answered, description = "Stored durably, and accepted for live delivery."),
        (status = 202, body = Answered,
         description = "Stored durably. Live delivery is on record and goes on being tried."),
        BadPost, Stranger, NoSuch, NoStore,
    ),
)]
pub(crate) async fn post(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    ingest.posts.check()?;
    let key = request::key(&headers)?;
    let principal = ingest.authenticator.require(&headers, None).await?;
    principal.check_producer(&video)?;
    let (kind, data) = {
        let _place = ingest.bodies.enter().await?;
        named(Fields::read(&headers, body).await?)?
    };
    let place = ingest.posts.enter().await?;
    let (id, by) = (ActionId::now(), principal.author.id.clone());
    let posted = Posted::Event(Produced { id, video: video.clone(), by, kind, data });
    let gate = ingest.gate.clone();
    let admission = async move { gate.admit_event(&video, &principal).await };
    let (posted, announced) = ingest.take(posted, key, admission, place).await?;
    Ok(answer(&posted, announced))
}

/// What it is called, and its data in one line.
fn named(mut fields: Fields) -> Result<(Kind, Box<RawValue>), Problem> {
    let name = fields.take::<String>("type", "a name");
    let kind = name.as_deref().and_then(Kind::of_producer);
    let why = "must be 1 to 32 of a-z 0-9 -, begin with a letter, and be no name that streams have";
    fields.check("type", kind.is_some(), why);
    let data = fields.take::<Box<RawValue>>("data", "JSON");
    fields.check("data", data.is_some(), "is missing");
    let both = fields.finish(kind.zip(data))?;
    let (kind, data) = both.ok_or_else(|| request::malformed("an event needs a type and data"))?;
    Ok((kind, in_one_line(data)))
}

/// Between values JSON may have line ends, where a blank will do; inside of texts it has none.
fn in_one_line(data: Box<RawValue>) -> Box<RawValue> {
    let one_line = data.get().replace(['\n', '\r'], " ");
    RawValue::from_string(one_line).unwrap_or(data)
}

#[cfg(test)]
mod tests {
    use common::problem::Code;

    use super::*;

    fn of(body: &str) -> Result<(String, String), Problem> {
        let (kind, data) = named(Fields::parse(body.as_bytes()).unwrap())?;
        Ok((kind.as_str().into(), data.get().into()))
    }

    #[test]
    fn what_is_sent_is_shown_in_one_line() {
        for (body, kind, data) in [
            (
                r#"{"type":"odds","data":{"home":1.10,"away":2}}"#,
                "odds",
                r#"{"home":1.10,"away":2}"#,
            ),
            ("{\"type\":\"q\",\"data\":[1,\r\n2]}", "q", "[1,  2]"),
            (r#"{"type":"a-1","data":"x\ny"}"#, "a-1", r#""x\ny""#),
            (r#"{"type":"n","data":0}"#, "n", "0"),
        ] {
            assert_eq!(of(body).unwrap(), (kind.into(), data.into()));
        }
    }

    #[test]
    fn what_will_not_do() {
        for body in [
            "{}",
            r#"{"type":"odds"}"#,
            r#"{"type":"odds","data":null}"#,
            r#"{"data":1}"#,
            r#"{"type":"comment","data":1}"#,
            r#"{"type":"chorus-ban","data":1}"#,
            r#"{"type":"Odds","data":1}"#,
            r#"{"type":"od\nds","data":1}"#,
            r#"{"type":7,"data":1}"#,
            r#"{"type":"odds","data":1,"extra":1}"#,
        ] {
            assert_eq!(of(body).unwrap_err().code(), Code::Invalid, "{body}");
        }
    }
}
