//! A load balancer's address: leads to its own gateway, or to another while that one refuses.

use std::{net::SocketAddr, sync::Mutex};

use crate::proxy::tcp::TcpProxy;

pub(crate) struct Front {
    pub(crate) proxy: TcpProxy,
    /// The gateways, most wanted first.
    order: Vec<usize>,
    /// By gateway: how often it was found at another address than before.
    lives: Mutex<Vec<(Option<SocketAddr>, u64)>>,
}

impl Front {
    /// Prefers gateway `own` among `count`.
    pub(crate) fn start(own: usize, count: usize) -> Self {
        let order: Vec<_> = (0..count).map(|n| (own + n) % count).collect();
        let lives = Mutex::new(vec![(None, 0); count]);
        Self { proxy: TcpProxy::start(vec![None; count]), order, lives }
    }

    /// Where each gateway is; `None` for one that is down.
    pub(crate) fn lead_to(&self, gateways: &[Option<SocketAddr>]) {
        for (life, gateway) in self.lives.lock().unwrap().iter_mut().zip(gateways) {
            if gateway.is_some() && life.0 != *gateway {
                *life = (*gateway, life.1 + 1);
            }
        }
        self.proxy.lead_to(self.order.iter().map(|gateway| gateways[*gateway]).collect());
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    pub(crate) fn own(&self) -> usize {
        self.order[0]
    }

    /// Which gateway serves the connection from the client's `port`.
    pub(crate) fn gateway_of(&self, port: u16) -> Option<usize> {
        self.proxy.target_of(port).map(|index| self.order[index])
    }

    /// Tells the lives of a gateway apart.
    pub(crate) fn life_of(&self, gateway: usize) -> u64 {
        self.lives.lock().unwrap()[gateway].1
    }

    /// Cuts those off who are not at its own gateway.
    pub(crate) fn send_strays_home(&self) {
        self.proxy.reset_strays();
    }
}
