//! Who holds what in a cluster, and the connections to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::join_all;
use redis::{ErrorKind, Pipeline, RedisResult, Value};
use tokio::{sync::Notify, time::sleep};
use tracing::{info, warn};

use super::slots::Slots;
use crate::redis::{
    address::{Login, Node},
    connect_error::is_refusal,
    dial::Dialer,
    peer::Peer,
    server::Server,
};

/// Between two questions who holds what.
const ASK_PAUSE: Duration = Duration::from_millis(100);

/// What is known of a cluster, and how to find out more.
pub(super) struct Map {
    /// Where, password masked.
    name: String,
    /// Those that `live.url` names.
    seeds: Vec<Node>,
    login: Login,
    known: Mutex<Known>,
    /// Told when what is known may be old.
    doubted: Notify,
}

#[derive(Default)]
struct Known {
    slots: Arc<Slots>,
    servers: BTreeMap<Node, Arc<Server>>,
    /// Seeds and primaries, to be asked who holds what.
    peers: BTreeMap<Node, Arc<Peer>>,
    /// Why the last question had no answer, if so.
    unanswered: Option<String>,
}

impl Map {
    pub(super) fn new(name: String, seeds: Vec<Node>, login: Login) -> Self {
        Self { name, seeds, login, known: Mutex::default(), doubted: Notify::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What a call fails with when there is no server for it.
    pub(super) fn nobody(&self) -> String {
        let known = self.known();
        let why = known.unanswered.as_deref().unwrap_or("no server has this slot");
        format!("Redis at {}: {why}", self.name)
    }

    pub(super) fn slots(&self) -> Arc<Slots> {
        Arc::clone(&self.known().slots)
    }

    /// Has everything asked anew, soon.
    pub(super) fn doubt(&self) {
        self.doubted.notify_one();
    }

    /// The connection to this server; begun if it is new.
    pub(super) fn server(&self, node: &Node) -> Result<Arc<Server>, String> {
        let mut known = self.known();
        if let Some(server) = known.servers.get(node) {
            return Ok(Arc::clone(server));
        }
        let dialer = Dialer::Server(self.login.client(node)?);
        let server = Arc::new(Server::new(node.to_string(), dialer));
        known.servers.insert(node.clone(), Arc::clone(&server));
        Ok(server)
    }

    /// Asks who holds what whenever that is in doubt, for ever.
    pub(super) async fn keep(&self) {
        let mut known = true;
        loop {
            self.doubted.notified().await;
            let asked = self.ask().await;
            if let (Err(error), true) = (&asked, known) {
                warn!(url = self.name, %error, "nobody tells who holds what in the redis cluster");
            }
            known = asked.is_ok();
            sleep(ASK_PAUSE).await;
        }
    }

    /// Asks seeds and primaries who holds what, and believes the one that has heard of the latest
    /// election or move: they tell each other, but one that is cut off stays with what it knew.
    pub(super) async fn ask(&self) -> RedisResult<()> {
        let peers = self.peers()?;
        let views = join_all(peers.iter().map(|(node, peer)| view(node, peer))).await;
        let (views, mut failed): (Vec<_>, Vec<_>) = views.into_iter().partition(Result::is_ok);
        match views.into_iter().flatten().max_by_key(|(epoch, _)| *epoch) {
            Some((_, slots)) => {
                self.learn(slots);
                Ok(())
            }
            None => {
                failed.sort_by_key(|failed| !failed.as_ref().is_err_and(is_refusal));
                let error = failed.into_iter().find_map(Result::err);
                let error = error.unwrap_or_else(|| (ErrorKind::Client, "nobody to ask").into());
                self.known().unanswered = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Everyone to be asked, and a connection to each, perhaps still to be made.
    fn peers(&self) -> RedisResult<BTreeMap<Node, Arc<Peer>>> {
        let mut known = self.known();
        let nodes: BTreeSet<Node> =
            self.seeds.iter().chain(known.slots.primaries()).cloned().collect();
        let mut peers = BTreeMap::new();
        for node in nodes {
            let peer = match known.peers.remove(&node) {
                Some(peer) => peer,
                None => {
                    let unfit = |why| (ErrorKind::InvalidClientConfig, "no address", why);
                    Arc::new(Peer::new(self.login.client(&node).map_err(unfit)?))
                }
            };
            peers.insert(node, peer);
        }
        known.peers.clone_from(&peers);
        Ok(peers)
    }

    /// Takes over who holds what; connections to who holds nothing any more end with their calls.
    fn learn(&self, slots: Slots) {
        let mut known = self.known();
        known.unanswered = None;
        if *known.slots == slots {
            return;
        }
        let primaries: BTreeSet<&Node> = slots.primaries().collect();
        known.servers.retain(|node, _| primaries.contains(node));
        let names: Vec<String> = primaries.iter().map(ToString::to_string).collect();
        info!(url = self.name, primaries = names.join(","), "slots of the redis cluster");
        known.slots = Arc::new(slots);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who holds what as one server sees it, and the number of the latest change that it heard of.
async fn view(node: &Node, peer: &Peer) -> RedisResult<(u64, Slots)> {
    let mut questions = Pipeline::with_capacity(2);
    questions.cmd("CLUSTER").arg("INFO").cmd("CLUSTER").arg("SLOTS");
    let mut answers = peer.ask(&questions).await?.into_iter();
    let info: String = redis::from_redis_value(answers.next().unwrap_or_default())?;
    let epoch = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
    let epoch = epoch.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or_default();
    Ok((epoch, Slots::read(answers.next().unwrap_or(Value::Nil), node)?))
}
