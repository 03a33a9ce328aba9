//! Viewers: bare EventSources behind a load balancer that come, lose their connection, sleep and
//! leave, and write down all they see.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::Request,
};
use common::ids::VideoId;
use futures_util::StreamExt;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tower::ServiceExt;

use crate::{
    cluster::{Cluster, PROCESSES},
    dice::Dice,
    event_source::{Event, EventSource},
    network::Node,
};

/// A viewer's patience with history; without it, it begins with what is new.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pieces of a stream on their way to one viewer.
const PIECES_MAX: usize = 64;

/// Instead of a query: begins with history, and continues from the cursor that came with it.
const FROM_HISTORY: &str = "history";

/// What a viewer noticed, and when (milliseconds since the simulation began).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Seen {
    pub(crate) at_ms: u64,
    /// From which life of which gateway.
    pub(crate) gateway: u64,
    pub(crate) event: Event,
}

/// A viewer's notes.
#[derive(Debug, Clone)]
pub(crate) struct Notes {
    pub(crate) viewer: u64,
    pub(crate) video: VideoId,
    /// The cursor that came with history, where it began with that.
    pub(crate) listed: Option<String>,
    pub(crate) seen: Vec<Seen>,
    /// Where it stood at last.
    pub(crate) last_id: String,
    /// It was still there at the end, and must have everything.
    pub(crate) stayed: bool,
}

pub(crate) struct Viewer {
    cluster: Arc<Cluster>,
    dice: Dice,
    seed: u64,
    query: String,
    source: EventSource,
    notes: Notes,
    /// Where it watches.
    gateway: u64,
    /// It never leaves, and its own network never breaks.
    pub(crate) is_steady: bool,
}

/// How a connection came to its end.
enum End {
    /// The gateway ended it, or died.
    Theirs,
    /// The viewer's own network did.
    Ours,
    /// The viewer has seen enough.
    Leaves,
}

impl Viewer {
    pub(crate) fn new(cluster: Arc<Cluster>, seed: u64, viewer: u64, video: VideoId) -> Self {
        let mut dice = Dice::new(seed, ("viewer", viewer));
        let query: &str =
            dice.pick(&["", "?recent=0", "?recent=200", "?after=1~dc1:7:7", FROM_HISTORY]);
        let notes = Notes {
            viewer,
            video,
            listed: None,
            seen: Vec::new(),
            last_id: String::new(),
            stayed: true,
        };
        Self {
            cluster,
            dice,
            seed,
            query: query.to_owned(),
            source: EventSource::new(),
            notes,
            gateway: 0,
            is_steady: false,
        }
    }

    /// Watches until `end`, or until it leaves before.
    pub(crate) async fn watch(mut self, end: Instant, calm: Instant) -> Notes {
        sleep(Duration::from_millis(self.dice.within(0..10_000))).await;
        if self.query == FROM_HISTORY {
            self.query.clear();
            self.read_history().await;
        }
        let leaves = (self.dice.happens(200) && !self.is_steady)
            .then(|| Instant::now() + Duration::from_millis(self.dice.within(1_000..20_000)));
        for attempt in 0.. {
            let (pieces, stream) = mpsc::channel(PIECES_MAX);
            self.open(attempt, pieces);
            self.source.reconnect();
            let until = leaves.unwrap_or(end).min(end);
            match self.read(stream, until, calm).await {
                End::Leaves => break,
                End::Theirs => {}
                End::Ours => sleep(Duration::from_millis(self.dice.within(0..5_000))).await,
            }
            let retry = sleep(Duration::from_millis(self.source.retry_ms()));
            tokio::select! {
                biased;
                () = sleep_until(until) => break,
                () = retry => {}
            }
        }
        self.notes.stayed = leaves.is_none();
        self.source.last_id().clone_into(&mut self.notes.last_id);
        self.notes
    }

    async fn read_history(&mut self) {
        let path = format!("/v1/videos/{}/comments", self.notes.video.as_str());
        let asked = path.clone();
        let request = move || Request::get(&asked).body(Body::empty()).unwrap();
        let answer = self.cluster.ask(Node::Viewers, Node::Ingest(0), &path, request);
        let Ok(Some((200, history))) = timeout(PATIENCE, answer).await else { return };
        let cursor = history["cursor"].as_str().unwrap();
        self.query = format!("?after={cursor}");
        self.notes.listed = Some(cursor.to_owned());
    }

    /// Asks a gateway that lives, from within it: a killed gateway's streams end with it.
    fn open(&mut self, attempt: u64, pieces: mpsc::Sender<Bytes>) {
        let first = u8::try_from(self.dice.within(0..u64::from(PROCESSES))).unwrap();
        let gateways = (0..PROCESSES).map(|n| Node::Gateway((first + n) % PROCESSES));
        let found = { gateways }.find_map(|node| Some((node, self.cluster.gateway(node)?)));
        let Some((node, (process, gateway))) = found else {
            return; // refused: comes back after `retry`
        };
        self.gateway = self.cluster.generation(node);
        let uri = format!("/v1/videos/{}/stream{}", self.notes.video.as_str(), self.query);
        let from: SocketAddr = ([127, 0, 0, 1], 1).into();
        let mut request = Request::get(uri).extension(ConnectInfo(from));
        if !self.source.last_id().is_empty() {
            request = request.header("last-event-id", self.source.last_id());
        }
        let request = request.body(Body::empty()).unwrap();
        let dice = Dice::new(self.seed, ("stream", self.notes.viewer, attempt));
        let (mutant, mut mutations) = (self.cluster.mutant, dice.clone());
        process.spawn_apart(dice, async move {
            let response = gateway.public().oneshot(request).await.unwrap();
            assert_eq!(response.status(), 200);
            let mut body = response.into_body().into_data_stream();
            while let Some(Ok(piece)) = body.next().await {
                if pieces.send(mutant.sent(piece, &mut mutations)).await.is_err() {
                    break;
                }
            }
        });
    }

    async fn read(
        &mut self,
        mut stream: mpsc::Receiver<Bytes>,
        until: Instant,
        calm: Instant,
    ) -> End {
        let breaks = self.dice.happens(300) && !self.is_steady;
        let breaks_at = Instant::now() + Duration::from_millis(self.dice.within(100..8_000));
        // When the faults end, so do those of viewers' networks.
        let breaks_at = if breaks && breaks_at < calm { breaks_at } else { until };
        loop {
            let piece = tokio::select! {
                biased;
                () = sleep_until(breaks_at.min(until)) => {
                    return if breaks_at < until { End::Ours } else { End::Leaves };
                }
                piece = stream.recv() => piece,
            };
            let Some(piece) = piece else { return End::Theirs };
            let at_ms = self.cluster.now_ms();
            let Self { source, notes, gateway, .. } = self;
            let note = |event| Seen { at_ms, gateway: *gateway, event };
            source.feed(&piece, &mut |event| notes.seen.push(note(event)));
        }
    }
}
