//! `POST /v1/videos/{video}/comments`: who, which key, what; then in, and answered. Producers' events
//! ([`crate::events`]) are taken in the same way.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    comment::Comment,
    ids::{CommentId, IdempotencyKey},
    openapi::{
        COMMENTS,
        refusals::{BadPost, NoStore, NoSuch, Stranger, TooOften},
    },
    path::VideoPath,
    problem::{Code, Problem},
    task,
    totals::Counter,
};
use tokio::{sync::oneshot, time::timeout};

use crate::{
    Ingest,
    client::Client,
    gate::Arrival,
    intake::{Announced, Taken},
    places::Place,
    posted::Posted,
    refusals::RETRY_AFTER_S,
    request::{self, Draft, Key, NewComment},
};

/// Longest that a post which has its place waits for its answer. Store and dispatchers keep
/// deadlines of their own, but a post needs up to five of them one after the other.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// Post a comment
///
/// With an Idempotency-Key the same request can be repeated until it is answered: it is one comment,
/// whatever happens. A known key passes all limits.
#[utoipa::path(
    post,
    path = "/v1/videos/{video}/comments",
    operation_id = "postComment",
    tag = COMMENTS,
    params(VideoPath, Key),
    request_body = NewComment,
    responses(
        (status = 201, body = Comment, headers(("Location" = String, description = "Of the comment.")),
         description = "Stored durably, and accepted for live delivery."),
        (status = 202, body = Comment, headers(("Location" = String, description = "Of the comment.")),
         description = "Stored durably. Live delivery is on record and goes on being tried."),
        BadPost, Stranger, NoSuch, TooOften, NoStore,
    ),
)]
pub(crate) async fn post(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    Client(address): Client,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    ingest.posts.check()?;
    let key = request::key(&headers)?;
    let guest_seed = key.as_ref().map(|key| key.as_str().as_bytes());
    let principal = ingest.authenticator.require(&headers, guest_seed).await?;
    principal.check_commenter(&video)?;
    request::check_headers(&headers)?;
    let Draft { text, reply_to } = {
        let _place = ingest.bodies.enter().await?;
        request::draft(body).await?
    };
    let place = ingest.posts.enter().await?;
    let author = principal.author.clone();
    let comment = Comment { id: CommentId::now(), video, author, text, reply_to };
    let posted = Posted::Comment(comment.clone());
    let (gate, arrival) =
        (ingest.gate.clone(), Arrival { comment, key: key.clone(), principal, address });
    let admission = async move { gate.admit(&arrival).await };
    let (posted, announced) = ingest.take(posted, key, admission, place).await?;
    Ok(answer(&posted, announced))
}

/// What was taken in, and whether it is shown yet.
pub(crate) fn answer(posted: &Posted, announced: Announced) -> Response {
    let status = match announced {
        Announced::Accepted | Announced::Settled | Announced::Deleted => StatusCode::CREATED,
        Announced::Pending => StatusCode::ACCEPTED,
    };
    let label = status.as_str().to_owned();
    match posted {
        Posted::Comment(comment) => {
            metrics::counter!("chorus_ingest_comments_total", "status" => label).increment(1);
            let location = format!("/v1/videos/{}/comments/{}", comment.video, comment.id);
            (status, [(header::LOCATION, location)], Json(comment)).into_response()
        }
        Posted::Event(event) => {
            metrics::counter!("chorus_ingest_events_total", "status" => label).increment(1);
            (status, Json(event.answered())).into_response()
        }
    }
}

impl Ingest {
    /// Takes it in beside the request: a client that leaves, or is refused because it took too long,
    /// does not leave anything behind that is stored but neither announced nor on record.
    pub(crate) async fn take(
        &self,
        fresh: Posted,
        key: Option<IdempotencyKey>,
        admission: impl Future<Output = Result<(), Problem>> + Send + 'static,
        place: Place,
    ) -> Taken {
        let (intake, counting) = (self.intake.clone(), self.counting.clone());
        let (reply, answered) = oneshot::channel();
        task::spawn("ingest.post", async move {
            let (video, is_comment) = (fresh.video().clone(), matches!(&fresh, Posted::Comment(_)));
            if intake.post(fresh, key, admission, reply).await && is_comment {
                counting.note(&video, &Counter::COMMENTS);
            }
            drop(place);
        });
        match timeout(ANSWER_PATIENCE, answered).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(_)) => Err(Problem::new(Code::Internal, "it may not be stored")),
            Err(_) => {
                metrics::counter!("chorus_ingest_shed_total", "work" => "late").increment(1);
                Err(Problem::unavailable("nothing can be stored in time right now", RETRY_AFTER_S))
            }
        }
    }
}
