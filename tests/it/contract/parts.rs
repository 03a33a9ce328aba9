//! What a house can lose for a while.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::{
    client::{Client, GUARD},
    proxy::tcp::{Door, Faults, TcpProxy},
    small_disk::Ballast,
};

/// By then each dispatcher, which looks once a second, knows of the gateways: what it can do without
/// Redis is to show comments at those.
const KNOWN: Duration = Duration::from_secs(3);

/// Something that all nodes of a house need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Redis,
    /// Where comments are kept: a CQL store, or a disk that has no room.
    Store,
}

/// How it is taken away.
pub(super) enum Taking {
    /// The way there is cut, as after kill -9: connections are reset, nobody listens.
    Cutting(TcpProxy),
    /// Something else takes all the room.
    Filling(Ballast),
}

impl Taking {
    fn take(&self) {
        match self {
            Self::Cutting(link) => {
                link.set(Faults { door: Door::Refusing, ..Faults::NONE });
                link.reset();
            }
            Self::Filling(ballast) => ballast.fill(),
        }
    }

    fn give_back(&self) {
        match self {
            Self::Cutting(link) => link.set(Faults::NONE),
            Self::Filling(ballast) => ballast.free(),
        }
    }

    /// Whether nodes tell by themselves. Of a disk they don't before they have to write.
    fn is_told(&self) -> bool {
        matches!(self, Self::Cutting(_))
    }
}

/// What a house can lose.
pub(crate) struct Losable {
    parts: Vec<(Part, Taking)>,
    /// Internal sockets of all who need it.
    nodes: Vec<Client>,
    began: Instant,
}

impl Losable {
    pub(super) fn of(parts: Vec<(Part, Taking)>, nodes: Vec<Client>) -> Self {
        Self { parts, nodes, began: Instant::now() }
    }

    pub(crate) async fn lose(&self, part: Part) {
        sleep_until(self.began + KNOWN).await;
        self.taking(part).take();
        self.all_say(part, "down").await;
    }

    pub(crate) async fn regain(&self, part: Part) {
        self.taking(part).give_back();
        self.all_say(part, "up").await;
    }

    fn taking(&self, part: Part) -> &Taking {
        let found = self.parts.iter().find(|(which, _)| *which == part);
        &found.expect("it can't lose that").1
    }

    /// Waits until each node that needs the part says so of it.
    async fn all_say(&self, part: Part, state: &str) {
        if self.taking(part).is_told() {
            let told = join_all(self.nodes.iter().map(|node| says(node, part, state)));
            timeout(GUARD, told).await.expect("/readyz says otherwise");
        }
    }
}

async fn says(node: &Client, part: Part, state: &str) {
    let name = match part {
        Part::Redis => "live",
        Part::Store => "store",
    };
    loop {
        let told = node.get("/readyz").await.json();
        if told["dependencies"][name].as_str().is_none_or(|told| told.starts_with(state)) {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
}
