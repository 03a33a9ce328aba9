//! ingest: takes comments from commenters, stores them, and has a dispatcher announce them.
//!
//! In reading order: [`request`] is what a commenter may send, [`post`] a comment's way from there
//! to an answer, [`announce`] the way to a dispatcher ([`budget`] how often, [`dispatchers`] who they are, [`standing`] whom
//! to ask first, [`outbox`] the batches), [`pending`] what is announced later, [`history`] what readers get.
//!
//! Invariant: nothing is acknowledged before it is stored; 201 only when a dispatcher said that the
//! live log has it, 202 only when it is on record that none did yet.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post as post_route},
};
use common::{
    auth::Authenticator,
    comment_store::CommentStore,
    config::Config,
    live_log::LiveLog,
    position::{InvalidPosition, Origin},
    task,
};
use tokio::{sync::Semaphore, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use announce::Announcer;
pub use dispatchers::Dispatchers;

mod announce;
mod budget;
mod dispatchers;
mod history;
mod outbox;
mod pending;
mod post;
mod request;
mod standing;

/// Posts under way at once; one more is answered 503 before any work is done for it.
const POSTS_MAX: usize = 2048;
/// How far the clocks of an ingest node (in a comment's id) and of Redis may be apart.
const CLOCKS_APART_MAX: Duration = Duration::from_secs(5);
/// Between looks at what is pending.
const PENDING_PERIOD: Duration = Duration::from_secs(1);

/// What ingest works with.
pub struct Deps {
    /// The durable truth.
    pub comments: Arc<dyn CommentStore>,
    /// For the stream position that a page of history comes with.
    pub live_log: Arc<dyn LiveLog>,
    /// Who announces.
    pub dispatchers: Dispatchers,
}

/// A running ingest. Its tasks end with the token it was started with.
pub struct Ingest {
    comments: Arc<dyn CommentStore>,
    live_log: Arc<dyn LiveLog>,
    announcer: Announcer,
    authenticator: Authenticator,
    origin: Arc<Origin>,
    /// How old a comment may be and still be announced again without risk of a second showing.
    announce_age_max: Duration,
    posts: Semaphore,
}

impl Ingest {
    /// Starts the drain of pending comments; it serves as soon as its router is.
    ///
    /// # Errors
    /// When `dc.name` is no origin's name.
    pub fn start(
        config: &Config,
        deps: Deps,
        stop: CancellationToken,
    ) -> Result<(Arc<Self>, JoinHandle<()>), InvalidPosition> {
        let ingest = Arc::new(Self {
            comments: deps.comments,
            live_log: deps.live_log,
            announcer: Announcer::new(deps.dispatchers),
            authenticator: Authenticator::new(config),
            origin: Arc::new(config.dc.name.parse()?),
            announce_age_max: Duration::from_secs(config.live.dedup_s) - CLOCKS_APART_MAX,
            posts: Semaphore::new(POSTS_MAX),
        });
        let drain = task::spawn("ingest.pending", drain(ingest.clone(), stop));
        Ok((ingest, drain))
    }

    /// What commenters and readers ask for.
    pub fn public(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/v1/videos/{video}/comments", post_route(post::post).get(history::list))
            .route("/v1/videos/{video}/comments/{id}", get(history::one))
            .with_state(self.clone())
    }
}

async fn drain(ingest: Arc<Ingest>, stop: CancellationToken) {
    while tokio::time::timeout(PENDING_PERIOD, stop.cancelled()).await.is_err() {
        let drained = stop.run_until_cancelled(ingest.drain_pending()).await;
        if let Some(Err(error)) = drained {
            tracing::warn!(%error, "can't drain pending comments");
        }
    }
}
