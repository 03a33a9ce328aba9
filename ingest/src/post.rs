//! `POST /v1/videos/{video}/comments`: who, which key, what; then in, and answered.

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
    ids::CommentId,
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
    refusals::RETRY_AFTER_S,
    request::{self, Draft},
};

/// Longest that a post which has its place waits for its answer. Store and dispatchers keep
/// deadlines of their own, but a post needs up to five of them one after the other.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);

/// The route's handler.
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
    let arrival = Arrival { comment, key, principal, address };
    let (comment, announced) = ingest.take(arrival, place).await?;
    Ok(answer(&comment, announced))
}

fn answer(comment: &Comment, announced: Announced) -> Response {
    let status = match announced {
        Announced::Accepted | Announced::Settled | Announced::Deleted => StatusCode::CREATED,
        Announced::Pending => StatusCode::ACCEPTED,
    };
    let location = format!("/v1/videos/{}/comments/{}", comment.video, comment.id);
    metrics::counter!("chorus_ingest_comments_total", "status" => status.as_str().to_owned())
        .increment(1);
    (status, [(header::LOCATION, location)], Json(comment)).into_response()
}

impl Ingest {
    /// Takes a comment in beside the request: a client that leaves, or is refused because it took
    /// too long, does not leave a comment behind that is stored but neither announced nor on record.
    async fn take(&self, arrival: Arrival, place: Place) -> Taken {
        let (intake, gate, counting) =
            (self.intake.clone(), self.gate.clone(), self.counting.clone());
        let (reply, answered) = oneshot::channel();
        task::spawn("ingest.post", async move {
            let (fresh, key) = (arrival.comment.clone(), arrival.key.clone());
            if intake.post(fresh, key, gate.admit(&arrival), reply).await {
                counting.note(&arrival.comment.video, &Counter::COMMENTS);
            }
            drop(place);
        });
        match timeout(ANSWER_PATIENCE, answered).await {
            Ok(Ok(taken)) => taken,
            Ok(Err(_)) => Err(Problem::new(Code::Internal, "the comment may not be stored")),
            Err(_) => {
                metrics::counter!("chorus_ingest_shed_total", "work" => "late").increment(1);
                Err(Problem::unavailable(
                    "comments can't be stored in time right now",
                    RETRY_AFTER_S,
                ))
            }
        }
    }
}
