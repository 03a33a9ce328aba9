//! ingest: takes comments from commenters, stores them, and has a dispatcher announce them.
//!
//! In reading order: [`request`] is what a commenter may send ([`fields`] what others may, [`client`]
//! from where), [`post`] the way from there to an answer ([`places`] who waits or is refused before,
//! [`gate`] who is let in, [`limits`] how often, [`plain_text`] what counts as the same text), [`intake`]
//! what happens to a comment on it, [`announce`] the way to a dispatcher ([`budget`] how often, [`away`]
//! what when none reaches the log, [`dispatchers`] who they are, [`standing`] whom to ask first,
//! [`outbox`] the batches, [`window`] until when, [`vigil`] whether it stays), [`pending`] what is
//! announced later, [`moderation`] what is done to a video's room, [`posted`] what goes that way besides comments
//! ([`events`]), [`reactions`] how viewers react, [`counting`] how often, [`views`] what gateways count,
//! [`stats`] what that comes to, [`history`] what readers get and [`export`] all of it, [`tickets`] how
//! browsers get in; [`refusals`] is what all get when the store fails.
//!
//! Invariant: nothing is acknowledged before it is stored; 201 only when a dispatcher said that the
//! live log has it (or viewers were told that it is skipped), 202 only when it is on record that
//! none did yet.

use std::{sync::Arc, time::Duration};

use axum::Router;
use common::{
    ambient,
    auth::Authenticator,
    client_address::TrustedProxies,
    comment_store::{CommentStore, StoreError},
    config::{Config, ViewerAuth},
    counter_store::CounterStore,
    limiter::Limiter,
    live_log::LiveLog,
    live_rooms::LiveRooms,
    outage::Outage,
    pass::Passes,
    position::{InvalidPosition, Origin},
    room_store::RoomStore,
    tallies::Tallies,
    task,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use announce::Announcer;
use counting::Counting;
pub use dispatchers::Dispatchers;
use gate::Gate;
use intake::Intake;
use limits::Limits;
use moderation::{deletion, filling::Filler, rules::Rulebook};
use places::Places;
use reactions::Kinds;
use refusals::Refusals;
use window::Window;

mod announce;
mod away;
mod budget;
mod client;
mod counting;
mod dispatchers;
mod events;
mod export;
mod fields;
mod gate;
mod history;
mod intake;
mod limits;
mod moderation;
mod outbox;
mod pending;
mod places;
mod plain_text;
mod post;
mod posted;
mod reactions;
mod refusals;
mod request;
mod standing;
mod stats;
mod tickets;
mod views;
mod vigil;
mod window;

/// Posts under way at once, from the whole body to the answer and the settled mark after it.
const POSTS_MAX: usize = 2048;
/// Bodies being waited for at once, of commenters who have shown who they are: 64 MiB of them at
/// most. One more is answered 503, so slow senders crowd out each other and not the posts under
/// way.
const BODIES_MAX: usize = 4096;
/// Reads of history at once. Together with posts and reactions they stay below what a store takes on at a
/// time, so that no flood of readers keeps comments from being stored.
const READS_MAX: usize = 512;
/// Reactions under way at once, and waited-for bodies of them: places of their own, so that no storm
/// of them keeps comments from being stored. One takes a read of the store and a question to the
/// limiter, some milliseconds.
const REACTIONS_MAX: usize = 512;
const REACTION_BODIES_MAX: usize = 1_024;
/// Reactions that wait for a place.
const REACTIONS_ROOM: usize = 2_048;
/// Posts that wait for a place, and as many reads: about as many connections as a process has, so
/// that clients which wait for each answer are all held back. Texts of 64 MiB at most.
const ROOM: usize = 16_384;
/// Between looks at what is pending.
const PENDING_PERIOD: Duration = Duration::from_secs(1);
/// Between looks at which rooms gateways want to know.
const FILLING_PERIOD: Duration = Duration::from_millis(500);

/// What ingest works with.
pub struct Deps {
    /// Who knows commenters.
    pub authenticator: Arc<Authenticator>,
    /// What lets viewers' browsers in.
    pub passes: Arc<Passes>,
    /// The durable truth.
    pub comments: Arc<dyn CommentStore>,
    /// And that about videos' rooms.
    pub rooms: Arc<dyn RoomStore>,
    /// And what was counted of them.
    pub counters: Arc<dyn CounterStore>,
    /// Numbers as gateways know them.
    pub tallies: Arc<dyn Tallies>,
    /// Rooms as gateways know them, to be filled.
    pub live_rooms: Arc<dyn LiveRooms>,
    /// Counts for all nodes.
    pub limiter: Arc<dyn Limiter>,
    /// Counts here, while that one is away.
    pub local_limiter: Arc<dyn Limiter>,
    /// For the stream position that a page of history comes with.
    pub live_log: Arc<dyn LiveLog>,
    /// Who announces.
    pub dispatchers: Dispatchers,
}

/// A running ingest. Its tasks end with the token it was started with.
pub struct Ingest {
    comments: Arc<dyn CommentStore>,
    rooms: Arc<dyn RoomStore>,
    live_log: Arc<dyn LiveLog>,
    intake: Arc<Intake>,
    gate: Arc<Gate>,
    limits: Arc<Limits>,
    counting: Arc<Counting>,
    kinds: Kinds,
    passes: Arc<Passes>,
    proxies: TrustedProxies,
    viewers: ViewerAuth,
    refusals: Arc<Refusals>,
    authenticator: Arc<Authenticator>,
    origin: Arc<Origin>,
    posts: Places,
    bodies: Places,
    reads: Places,
    reactions: Places,
    reaction_bodies: Places,
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
        let Deps { authenticator, comments, rooms, live_rooms, live_log, .. } = deps;
        let refusals = Arc::new(Refusals::new());
        let limits = Limits::new(&config.limits, deps.limiter, deps.local_limiter);
        let limits = Arc::new(limits);
        let intake = Arc::new(Intake {
            comments: comments.clone(),
            rooms: rooms.clone(),
            announcer: Announcer::new(deps.dispatchers),
            window: Window::new(config.live.dedup_s, ambient::unix_ms),
            refusals: refusals.clone(),
        });
        let counting = Counting::new(deps.tallies, deps.counters);
        let gate = Arc::new(Gate {
            comments: comments.clone(),
            rooms: rooms.clone(),
            rulebook: Rulebook::default(),
            limits: limits.clone(),
            create: config.videos.create,
            refusals: refusals.clone(),
        });
        let ingest = Arc::new(Self {
            comments,
            rooms: rooms.clone(),
            live_log: live_log.clone(),
            intake: intake.clone(),
            gate,
            limits,
            counting: counting.clone(),
            kinds: Kinds::new(&config.reactions.kinds, config.limits.reactions_per_user_per_minute),
            passes: deps.passes,
            proxies: TrustedProxies::new(&config.trusted_proxies),
            viewers: config.auth.viewers,
            refusals,
            authenticator,
            origin: Arc::new(config.dc.name.parse()?),
            posts: Places::new("posts", POSTS_MAX, ROOM),
            bodies: Places::new("bodies", BODIES_MAX, 0),
            reads: Places::new("reads", READS_MAX, ROOM),
            reactions: Places::new("reactions", REACTIONS_MAX, REACTIONS_ROOM),
            reaction_bodies: Places::new("reaction_bodies", REACTION_BODIES_MAX, 0),
        });
        let filler = Filler { rooms, live: live_rooms };
        task::spawn("ingest.filling", fill(filler, stop.clone()));
        task::spawn("ingest.vigil", watch_over(intake.clone(), live_log, stop.clone()));
        let counting = counting.start(&stop);
        let drain = task::spawn("ingest.pending", async move {
            drain(intake, stop).await;
            for task in counting {
                let _ = task.await; // one that panicked has ended as well
            }
        });
        Ok((ingest, drain))
    }

    /// Keeps all that was counted, and tells it; to be called when nothing more is served. Store and
    /// Redis keep their deadlines.
    ///
    /// # Errors
    /// When the store can't take it: it is lost with this process.
    pub async fn keep_counted(&self) -> Result<(), StoreError> {
        self.counting.finish().await
    }

    /// What commenters and readers ask for.
    pub fn public(self: &Arc<Self>) -> Router {
        router().with_state(self.clone()).into()
    }
}

/// What [`Ingest::public`] serves, as it describes itself.
#[must_use]
pub fn openapi() -> OpenApi {
    router().into_openapi()
}

fn router() -> OpenApiRouter<Arc<Ingest>> {
    OpenApiRouter::default()
        .routes(routes!(post::post, history::list))
        .routes(routes!(history::one, deletion::delete))
        .routes(routes!(events::post))
        .routes(routes!(tickets::post))
        .routes(routes!(reactions::post))
        .routes(routes!(stats::get))
        .merge(moderation::router())
}

async fn fill(filler: Filler, stop: CancellationToken) {
    let outage = Outage::new("fill rooms that gateways want");
    while tokio::time::timeout(FILLING_PERIOD, stop.cancelled()).await.is_err() {
        if let Some(filled) = stop.run_until_cancelled(filler.fill_wanted()).await {
            outage.note(&filled);
        }
    }
}

async fn watch_over(intake: Arc<Intake>, live_log: Arc<dyn LiveLog>, stop: CancellationToken) {
    let outage = Outage::new("look after what was accepted");
    while tokio::time::timeout(vigil::PERIOD, stop.cancelled()).await.is_err() {
        let look = intake.announcer.vigil.look(&*live_log, &intake.announcer, &*intake);
        if let Some(looked) = stop.run_until_cancelled(look).await {
            outage.note(&looked);
        }
    }
}

async fn drain(intake: Arc<Intake>, stop: CancellationToken) {
    let outage = Outage::new("drain pending comments");
    while tokio::time::timeout(PENDING_PERIOD, stop.cancelled()).await.is_err() {
        if let Some(drained) = stop.run_until_cancelled(intake.drain_pending()).await {
            outage.note(&drained);
        }
    }
}
