//! Streams counted by whom they come from.

use std::net::IpAddr;

use common::network::Network;
use dashmap::{DashMap, Entry};

/// How many streams each network has; those without any have no entry.
pub(super) struct Neighbours {
    max: usize,
    streams: DashMap<Network, usize>,
}

impl Neighbours {
    pub(super) fn new(max: usize) -> Self {
        Self { max, streams: DashMap::new() }
    }

    /// `None`: all places of that network are taken.
    pub(super) fn enter(&self, from: IpAddr) -> Option<Network> {
        let network = Network::of(from);
        let mut streams = self.streams.entry(network).or_insert(0);
        if *streams >= self.max {
            return None;
        }
        *streams += 1;
        Some(network)
    }

    pub(super) fn leave(&self, network: Network) {
        if let Entry::Occupied(mut streams) = self.streams.entry(network) {
            *streams.get_mut() -= 1;
            if *streams.get() == 0 {
                streams.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_left_costs_nothing() {
        let neighbours = Neighbours::new(2);
        let from = "10.0.0.1".parse().unwrap();
        let entered = [neighbours.enter(from), neighbours.enter(from)].map(Option::unwrap);
        assert_eq!(neighbours.streams.len(), 1);
        entered.into_iter().for_each(|network| neighbours.leave(network));
        assert!(neighbours.streams.is_empty());
    }
}
