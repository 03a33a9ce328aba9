//! Which server is the master, by what sentinels say.
//!
//! Sentinels agree on a failover by majority, and then tell it to each other: of their answers at
//! one instant a few can be old, and one that is cut off from the others stays with what it knew.
//! So a master that we are connected to is left when more than half of all sentinels in `live.url`
//! name the same other one, and never for less: those that are down or cut off count as silent,
//! and it takes a majority to promote anything, so a majority comes to name it. This is asked once
//! a second, as the old master may still answer us: it doesn't know that it was replaced while it
//! can't reach the sentinels, and what it accepts then is lost.
//!
//! Without a connection there is nothing good to lose, and fewer must do: the one that most name,
//! of those that answer. It has to say itself that it is a master. Who is as often named as another
//! is taken if the failover it comes from is the later one, which sentinels number.

use std::{collections::HashMap, sync::Mutex, sync::PoisonError, time::Duration};

use futures_util::stream::{FuturesUnordered, StreamExt};
use redis::{Client, ErrorKind, Pipeline, RedisError, RedisResult, Value};
use tokio::time::sleep;

use super::{
    address::{Login, Node},
    connect_error::is_refusal,
    peer::Peer,
};

/// Between two questions whether the master is still the master.
const ASK_PERIOD: Duration = Duration::from_secs(1);

/// All sentinels of `live.url`.
pub(super) struct Sentinels {
    name: String,
    peers: Vec<Peer>,
    login: Login,
    /// The master that was taken last.
    taken: Mutex<Option<Node>>,
}

impl Sentinels {
    pub(super) fn new(name: String, sentinels: Vec<Client>, login: Login) -> Self {
        let peers = sentinels.into_iter().map(Peer::new).collect();
        Self { name, peers, login, taken: Mutex::new(None) }
    }

    /// What connects to the master, as most say.
    pub(super) async fn master(&self) -> RedisResult<Client> {
        let node = self.ask().await.most_named()?;
        *self.taken() = Some(node.clone());
        self.login
            .client(&node)
            .map_err(|why| (ErrorKind::InvalidClientConfig, "sentinels name no host", why).into())
    }

    /// Ends when most of all sentinels name another master than was taken last, and says which.
    pub(super) async fn replaced(&self) -> Node {
        loop {
            sleep(ASK_PERIOD).await;
            let votes = self.ask().await;
            if let Some(master) = votes.majority(self.peers.len())
                && self.taken().as_ref() != Some(master)
            {
                return master.clone();
            }
        }
    }

    /// Asks all at once; waits for no more of them when more than half agree.
    async fn ask(&self) -> Votes {
        let mut questions = Pipeline::with_capacity(2);
        questions.cmd("SENTINEL").arg("GET-MASTER-ADDR-BY-NAME").arg(&self.name);
        // Of this the epoch alone: it names the old master until every replica follows the new one.
        questions.cmd("SENTINEL").arg("MASTER").arg(&self.name);
        let ask = async |peer: &Peer| {
            let answer = peer.ask(&questions).await.and_then(vote);
            answer.map_err(|error| (format!("sentinel {}", peer.name()), error))
        };
        let mut asked: FuturesUnordered<_> = self.peers.iter().map(ask).collect();
        let mut votes = Votes::default();
        while let Some(answer) = asked.next().await {
            votes.count(answer);
            if votes.majority(self.peers.len()).is_some() {
                break;
            }
        }
        votes
    }

    fn taken(&self) -> std::sync::MutexGuard<'_, Option<Node>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a sentinel says: the master, and the number of the failover that made it that.
type Vote = (Node, u64);

/// The answers to both questions.
fn vote(answers: Vec<Value>) -> RedisResult<Vote> {
    let mut answers = answers.into_iter();
    let (host, port) = redis::from_redis_value(answers.next().unwrap_or_default())?;
    let details: HashMap<String, String> =
        redis::from_redis_value(answers.next().unwrap_or_default())?;
    let failover = details.get("config-epoch").and_then(|number| number.parse().ok());
    Ok((Node { host, port }, failover.unwrap_or_default()))
}

/// The answers so far.
#[derive(Default)]
struct Votes {
    /// Who was named, how often, and the latest failover it was named with.
    named: Vec<(Node, usize, u64)>,
    /// Why those who named nobody didn't.
    failed: Vec<(String, RedisError)>,
}

impl Votes {
    fn count(&mut self, answer: Result<Vote, (String, RedisError)>) {
        match answer {
            Ok((node, failover)) => {
                match self.named.iter_mut().find(|(named, ..)| *named == node) {
                    Some((_, count, latest)) => {
                        (*count, *latest) = (*count + 1, failover.max(*latest));
                    }
                    None => self.named.push((node, 1, failover)),
                }
            }
            Err(failure) => self.failed.push(failure),
        }
    }

    /// Who is named by more than half of `all`.
    fn majority(&self, all: usize) -> Option<&Node> {
        let most = self.named.iter().find(|(_, count, _)| 2 * count > all);
        most.map(|(node, ..)| node)
    }

    /// Who is named by most of those that answered; a refusal is told before other failures.
    fn most_named(mut self) -> RedisResult<Node> {
        if let Some((node, ..)) =
            self.named.into_iter().max_by_key(|(_, count, failover)| (*count, *failover))
        {
            return Ok(node);
        }
        self.failed.sort_by_key(|(_, error)| !is_refusal(error));
        let Some((who, error)) = self.failed.into_iter().next() else {
            return Err((ErrorKind::EmptySentinelList, "there is no sentinel").into());
        };
        let (kind, what) = if is_refusal(&error) {
            (ErrorKind::AuthenticationFailed, "sentinels want ?sentinel_password=")
        } else {
            (ErrorKind::Io, "no sentinel names the master")
        };
        Err((kind, what, format!("{who}: {error}")).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str) -> Node {
        Node { host: host.to_owned(), port: 6_379 }
    }

    fn votes(named: &[(&str, u64)]) -> Votes {
        let mut votes = Votes::default();
        for (host, failover) in named {
            votes.count(Ok((node(host), *failover)));
        }
        votes
    }

    #[test]
    fn a_majority_is_of_all_sentinels_not_of_those_that_answer() {
        for (named, majority) in [
            (&[("a", 1), ("a", 1)][..], Some("a")),
            (&[("b", 2), ("a", 1), ("b", 2)], Some("b")),
            (&[("b", 2)], None),
            (&[("b", 2), ("a", 1)], None),
            (&[], None),
        ] {
            assert_eq!(votes(named).majority(3), majority.map(node).as_ref(), "{named:?}");
        }
    }

    #[test]
    fn the_most_named_is_taken_and_among_equals_the_latest() {
        for (named, taken) in [
            (&[("a", 1), ("b", 2)][..], "b"),
            (&[("b", 2), ("a", 1)], "b"),
            (&[("a", 1), ("b", 2), ("a", 1)], "a"),
            (&[("a", 1)], "a"),
        ] {
            assert_eq!(votes(named).most_named().unwrap(), node(taken), "{named:?}");
        }
    }
}
