//! Which dispatchers there are: fixed ones, or names that are resolved anew every few seconds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use common::{
    ids::VideoId,
    link::Dispatch,
    peer::{HttpDispatch, PeerClient},
    task,
};
use tokio_util::sync::CancellationToken;

use crate::outbox::Outbox;

/// Between resolutions of the names.
const RESOLVE_PERIOD: Duration = Duration::from_secs(5);

type ByAddress = BTreeMap<String, Outbox>;

/// The dispatchers known at present, each with its outbox.
#[derive(Clone)]
pub struct Dispatchers {
    known: Arc<RwLock<ByAddress>>,
}

impl Dispatchers {
    /// These, by name, and no others: `chorus all` has one, in the same process.
    pub fn fixed(named: impl IntoIterator<Item = (String, Arc<dyn Dispatch>)>) -> Self {
        let named = named.into_iter();
        let known = named.map(|(name, dispatcher)| (name, Outbox::start(dispatcher))).collect();
        Self { known: Arc::new(RwLock::new(known)) }
    }

    /// Those behind `urls` (`http://host:port`); a host with several addresses means all of them.
    /// Resolved at once, and again every 5 s until `stop`.
    pub async fn resolve(urls: Vec<String>, client: PeerClient, stop: CancellationToken) -> Self {
        let dispatchers = Self { known: Arc::default() };
        let mut resolved = urls.into_iter().map(|url| (url, Vec::new())).collect();
        dispatchers.refresh(&mut resolved, &client).await;
        let refreshed = dispatchers.clone();
        task::spawn("ingest.resolve", async move {
            while tokio::time::timeout(RESOLVE_PERIOD, stop.cancelled()).await.is_err() {
                refreshed.refresh(&mut resolved, &client).await;
            }
        });
        dispatchers
    }

    /// Resolves every URL; one that can't be resolved keeps the addresses it had, for a name server
    /// in trouble is no reason to forget who was there.
    async fn refresh(&self, resolved: &mut BTreeMap<String, Vec<String>>, client: &PeerClient) {
        for (url, addresses) in resolved.iter_mut() {
            let host_port = url.trim_start_matches("http://").trim_end_matches('/');
            match tokio::net::lookup_host(host_port).await {
                Ok(found) => {
                    *addresses = found.map(|address| format!("http://{address}")).collect();
                }
                Err(error) => tracing::warn!(url, %error, "can't resolve a dispatcher"),
            }
        }
        let addresses: BTreeSet<&String> = resolved.values().flatten().collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.retain(|address, _| addresses.contains(address));
        for address in addresses {
            known.entry(address.clone()).or_insert_with_key(|address| {
                Outbox::start(Arc::new(HttpDispatch::new(client.clone(), address.clone())))
            });
        }
    }

    /// All of them, in the order in which they are to be asked: those in good standing first, and
    /// the video's first choice first among equals. That is rendezvous hashing: a video's comments
    /// meet in one dispatcher's batches, and a dispatcher that goes moves only its own videos. A
    /// first choice that was suspect for long enough comes first once more, for one caller.
    pub(crate) fn ranked(&self, video: &VideoId) -> Vec<Outbox> {
        let mut ranked = self.by_weight(video);
        let on_trial = ranked.first().is_some_and(Outbox::take_trial);
        // Stable: equals stay in the order of their weights.
        ranked[usize::from(on_trial)..].sort_by_cached_key(Outbox::standing);
        ranked
    }

    fn by_weight(&self, video: &VideoId) -> Vec<Outbox> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut ranked: Vec<_> = known
            .iter()
            .map(|(address, outbox)| (weight(address, video), outbox.clone()))
            .collect();
        ranked.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
        ranked.into_iter().map(|(_, outbox)| outbox).collect()
    }
}

fn weight(address: &str, video: &VideoId) -> u64 {
    use sha2::{Digest, Sha256};
    let digest = Sha256::new().chain_update(address).chain_update([0]).chain_update(video.as_str());
    let digest = digest.finalize();
    digest.iter().take(8).fold(0, |weight, byte| weight << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_that_is_gone_takes_no_other_with_it() {
        let client = PeerClient::new(&"s".into()).unwrap();
        let urls = vec!["http://gone.invalid:1".to_owned(), "http://127.0.0.1:9".to_owned()];
        let dispatchers = Dispatchers::resolve(urls, client, CancellationToken::new()).await;
        let known: Vec<_> = dispatchers.known.read().unwrap().keys().cloned().collect();
        assert_eq!(known, ["http://127.0.0.1:9"]);
    }

    #[test]
    fn only_the_videos_of_a_dispatcher_that_goes_move() {
        let first = |addresses: &[&'static str], video: &VideoId| {
            addresses.iter().copied().max_by_key(|address| weight(address, video)).unwrap()
        };
        let mut used = BTreeSet::new();
        for n in 0..100 {
            let video: VideoId = format!("v{n}").parse().unwrap();
            let of_three = first(&["a", "b", "c"], &video);
            used.insert(of_three);
            if of_three != "c" {
                assert_eq!(first(&["a", "b"], &video), of_three);
            }
        }
        assert_eq!(used.len(), 3, "all are used");
    }
}
