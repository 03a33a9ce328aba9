//! A TCP proxy: its address stays, while what is behind it and what goes wrong change.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    time::timeout,
};

use super::pipe::{self, Pipe};

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 1024;
/// For a target to take a connection; then the next one is tried.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What happens to who connects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Door {
    /// Let through.
    #[default]
    Open,
    /// Refused, as where nobody listens. Connections that stand go on.
    Refusing,
    /// Taken, then reset; connections that stand are reset as well.
    Resetting,
}

/// What happens to bytes of one direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Flow {
    #[default]
    Passing,
    /// Kept back, and passed on once this is over: a partition that heals before TCP gives up.
    Held,
    /// Thrown away, ends of connections included. The connections that this tore are reset once
    /// it is over.
    Swallowed,
}

/// All that can be wrong with a link.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    pub(crate) door: Door,
    /// From who connects to the target.
    pub(crate) up: Flow,
    /// From the target to who connects.
    pub(crate) down: Flow,
    /// Added to every chunk of bytes, in each direction.
    pub(crate) latency: Duration,
    /// Added to that at most, by chance; order is kept.
    pub(crate) jitter: Duration,
}

impl Faults {
    pub(crate) const NONE: Self = Self {
        door: Door::Open,
        up: Flow::Passing,
        down: Flow::Passing,
        latency: Duration::ZERO,
        jitter: Duration::ZERO,
    };

    /// Accepts and swallows, in both directions.
    pub(crate) const BLACKHOLE: Self =
        Self { up: Flow::Swallowed, down: Flow::Swallowed, ..Self::NONE };
}

/// What the proxy's tasks are told.
#[derive(Debug, Clone, Default)]
pub(super) struct Orders {
    /// In order of preference; `None` is a process that is down.
    pub(super) targets: Vec<Option<SocketAddr>>,
    pub(super) faults: Faults,
    /// How often everything was reset so far.
    pub(super) resets: u32,
    /// The same of connections that lead to another target than the first.
    pub(super) resets_of_strays: u32,
}

/// Which target each client's connection leads to, by the client's port.
type Led = Arc<Mutex<HashMap<u16, usize>>>;

/// A running proxy; dropping it ends it and its connections.
pub(crate) struct TcpProxy {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    led: Led,
}

impl TcpProxy {
    /// On a free port, in front of `targets`: the first that takes a connection gets it.
    pub(crate) fn start(targets: Vec<Option<SocketAddr>>) -> Self {
        let port = Port::reserve();
        let address = port.address;
        let (orders, ordered) = watch::channel(Orders { targets, ..Orders::default() });
        let led = Led::default();
        let listener = Some(port.listen()); // before anybody is told the address
        common::task::spawn("test.proxy", accept_all(port, listener, ordered, led.clone()));
        Self { address, orders, led }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where new connections lead from now on.
    pub(crate) fn lead_to(&self, targets: Vec<Option<SocketAddr>>) {
        self.orders.send_modify(|orders| orders.targets = targets);
    }

    pub(crate) fn set(&self, faults: Faults) {
        self.orders.send_modify(|orders| orders.faults = faults);
    }

    /// Resets every connection that stands.
    pub(crate) fn reset(&self) {
        self.orders.send_modify(|orders| orders.resets += 1);
    }

    /// Resets those that don't lead to the first target.
    pub(crate) fn reset_strays(&self) {
        self.orders.send_modify(|orders| orders.resets_of_strays += 1);
    }

    /// Which target the connection from the client's `port` leads to.
    pub(crate) fn target_of(&self, port: u16) -> Option<usize> {
        self.led.lock().unwrap().get(&port).copied()
    }
}

/// A port that stays ours while nobody listens on it: a socket that is bound but does not listen
/// makes the system refuse connections, and hand the port to nobody else.
struct Port {
    address: SocketAddr,
    _reserved: TcpSocket,
}

impl Port {
    fn reserve() -> Self {
        let reserved = bound("127.0.0.1:0".parse().unwrap());
        Self { address: reserved.local_addr().unwrap(), _reserved: reserved }
    }

    fn listen(&self) -> TcpListener {
        bound(self.address).listen(BACKLOG).unwrap()
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn accept_all(
    port: Port,
    mut listener: Option<TcpListener>,
    mut orders: watch::Receiver<Orders>,
    led: Led,
) {
    loop {
        if orders.borrow_and_update().faults.door == Door::Refusing {
            listener = None;
            let opened = orders.wait_for(|orders| orders.faults.door != Door::Refusing);
            if opened.await.is_err() {
                return;
            }
        }
        let listening = listener.get_or_insert_with(|| port.listen());
        let accepted = tokio::select! {
            biased; // rare first
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
            accepted = listening.accept() => accepted,
        };
        let (client, _) = accepted.unwrap();
        common::task::spawn("test.connection", carry(client, orders.clone(), led.clone()));
    }
}

/// One connection, from beginning to end.
async fn carry(mut client: TcpStream, orders: watch::Receiver<Orders>, led: Led) {
    let port = client.peer_addr().map_or(0, |peer| peer.port());
    let now = orders.borrow().clone();
    let found = if now.faults.door == Door::Open { connect(&now.targets).await } else { None };
    let Some((index, mut target)) = found else {
        let _ = client.set_zero_linger();
        return;
    };
    led.lock().unwrap().insert(port, index);
    let _ = (client.set_nodelay(true), target.set_nodelay(true));
    let is_stray = index > 0;
    let end = Pipe::new(orders, &now, is_stray).run(&mut client, &mut target).await;
    led.lock().unwrap().remove(&port);
    if end == pipe::End::Reset {
        let _ = (client.set_zero_linger(), target.set_zero_linger());
    }
}

async fn connect(targets: &[Option<SocketAddr>]) -> Option<(usize, TcpStream)> {
    for (index, target) in targets.iter().enumerate() {
        let Some(target) = target else { continue };
        if let Ok(Ok(stream)) = timeout(CONNECT_TIMEOUT, TcpStream::connect(target)).await {
            return Some((index, stream));
        }
    }
    None
}

#[cfg(test)]
mod tests;
