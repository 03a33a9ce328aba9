//! `POST /v1/videos/{video}/comments`: who, which key, what; then store, announce, answer.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use common::{
    comment::{Author, Comment},
    comment_store::{Claim, Pending, StoreError},
    ids::{CommentId, IdempotencyKey, VideoId},
    path::VideoPath,
    problem::{Code, Problem},
};
use sha2::{Digest, Sha256};

use crate::{
    Ingest,
    request::{self, Draft},
};

/// Seconds after which a client may try again what the store could not take.
const RETRY_AFTER_S: u32 = 1;

/// What an answer tells of live delivery.
enum Announced {
    /// A dispatcher has it: 201.
    Accepted,
    /// On record, still being tried: 202.
    Pending,
}

/// The route's handler.
pub(crate) async fn post(
    State(ingest): State<Arc<Ingest>>,
    VideoPath(video): VideoPath,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let key = request::key(&headers)?;
    let guest_seed = key.as_ref().map(|key| key.as_str().as_bytes());
    let principal = ingest.authenticator.require(&headers, guest_seed)?;
    principal.check_commenter(&video)?;
    request::check_headers(&headers)?;
    let draft = request::draft(body).await?;
    let _slot = ingest.posts.try_acquire().map_err(|_| {
        metrics::counter!("chorus_ingest_shed_total").increment(1);
        Problem::unavailable("too many posts at once", RETRY_AFTER_S)
    })?;
    let (comment, announced) = ingest.take(video, principal.author, key, draft).await?;
    Ok(answer(&comment, &announced))
}

fn answer(comment: &Comment, announced: &Announced) -> Response {
    let status = match announced {
        Announced::Accepted => StatusCode::CREATED,
        Announced::Pending => StatusCode::ACCEPTED,
    };
    let location = format!("/v1/videos/{}/comments/{}", comment.video, comment.id);
    metrics::counter!("chorus_ingest_comments_total", "status" => status.as_str().to_owned())
        .increment(1);
    (status, [(header::LOCATION, location)], Json(comment)).into_response()
}

/// A store's failure, as the client may know it.
pub(crate) fn refusal(error: StoreError) -> Problem {
    match error {
        StoreError::Unavailable(why) => {
            tracing::warn!(why, "the comment store is unavailable");
            Problem::unavailable("comments can't be stored or read right now", RETRY_AFTER_S)
        }
        StoreError::Damaged(why) => {
            tracing::error!(why, "the comment store is damaged");
            Problem::new(Code::Internal, "a stored comment can't be read")
        }
    }
}

impl Ingest {
    async fn take(
        &self,
        video: VideoId,
        author: Author,
        key: Option<IdempotencyKey>,
        draft: Draft,
    ) -> Result<(Comment, Announced), Problem> {
        let Draft { text, reply_to } = draft;
        let fresh = Comment { id: CommentId::now(), video, author, text, reply_to };
        let (comment, is_new) = match key {
            Some(key) => self.claimed(fresh, &key).await?,
            None => (fresh, true),
        };
        self.comments.put(&comment).await.map_err(refusal)?;
        let announced = self.announce(&comment, is_new).await?;
        Ok((comment, announced))
    }

    /// The comment that the key stands for, and whether its row is new. Nobody waits for a first
    /// request that may have died: whoever finds its claim writes the same row and announces the
    /// same id, both idempotent.
    async fn claimed(
        &self,
        fresh: Comment,
        key: &IdempotencyKey,
    ) -> Result<(Comment, bool), Problem> {
        let ours = Claim { comment: fresh.id, digest: digest(&fresh) };
        let claim = self.comments.claim(&fresh.author.id, key, ours).await.map_err(refusal)?;
        if claim.digest != ours.digest {
            let why = "this Idempotency-Key was used for another video or text";
            return Err(Problem::new(Code::KeyReused, why));
        }
        if claim.comment == ours.comment {
            return Ok((fresh, true));
        }
        let id = claim.comment;
        match self.comments.get(&fresh.video, id).await.map_err(refusal)? {
            Some(first) => Ok((first, false)),
            None => Ok((Comment { id, ..fresh }, true)),
        }
    }

    /// Announces, also again: the live log knows the id. When it may know it no longer, a comment
    /// is announced only if it never was, which is certain while its row was missing.
    async fn announce(&self, comment: &Comment, is_new: bool) -> Result<Announced, Problem> {
        let pending = Pending { video: comment.video.clone(), comment: comment.id };
        if !is_new && self.too_old_to_announce(comment.id) {
            let waits = self.comments.is_pending(&pending).await.map_err(refusal)?;
            return Ok(if waits { Announced::Pending } else { Announced::Accepted });
        }
        if self.announcer.announce(comment).await {
            return Ok(Announced::Accepted);
        }
        self.comments.add_pending(&pending).await.map_err(refusal)?;
        Ok(Announced::Pending)
    }
}

/// SHA-256 over video and body: tells a repeated request from another one under the same key.
fn digest(comment: &Comment) -> [u8; 32] {
    let reply_to = comment.reply_to.map(|id| id.to_string()).unwrap_or_default();
    let parts = [comment.video.as_str(), &reply_to, comment.text.as_str()];
    let hash = parts.iter().fold(Sha256::new(), |hash, part| {
        hash.chain_update(part.len().to_be_bytes()).chain_update(part)
    });
    hash.finalize().into()
}
