//! The bytes of one proxied connection: a delay line in each direction, and the faults on it.

use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::{mpsc, watch},
    time::{Instant, sleep_until},
};

use super::tcp::{Door, Faults, Flow, Orders};

/// Bytes of one read.
const CHUNK_LEN_MAX: usize = 16 * 1024;
/// Chunks on their way in one direction. When it is full nothing more is read.
const CHUNKS_MAX: usize = 256;

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Both sides closed.
    Closed,
    /// To be reset on both sides.
    Reset,
}

/// One connection's link to its proxy.
pub(super) struct Pipe {
    orders: watch::Receiver<Orders>,
    resets: u32,
    resets_of_strays: u32,
    is_stray: bool,
    /// Bytes were thrown away: what follows would be nonsense.
    torn: AtomicBool,
}

impl Pipe {
    /// A connection made under `orders_then`.
    pub(super) fn new(
        orders: watch::Receiver<Orders>,
        orders_then: &Orders,
        is_stray: bool,
    ) -> Self {
        let Orders { resets, resets_of_strays, .. } = *orders_then;
        Self { orders, resets, resets_of_strays, is_stray, torn: AtomicBool::new(false) }
    }

    pub(super) async fn run(&self, client: &mut TcpStream, target: &mut TcpStream) -> End {
        let (from_client, to_client) = client.split();
        let (from_target, to_target) = target.split();
        let both = async {
            let up = self.direction(from_client, to_target, |faults| faults.up);
            let down = self.direction(from_target, to_client, |faults| faults.down);
            tokio::try_join!(up, down)
        };
        tokio::select! {
            biased; // rare and final
            () = self.told_to_reset() => End::Reset,
            ended = both => if ended.is_ok() { End::Closed } else { End::Reset },
        }
    }

    /// Returns when the connection is to be reset: by order, or because a fault that tore it is
    /// over.
    async fn told_to_reset(&self) {
        let mut orders = self.orders.clone();
        let reset = orders.wait_for(|orders| {
            let Faults { door, up, down, .. } = orders.faults;
            let swallowing = up == Flow::Swallowed || down == Flow::Swallowed;
            door == Door::Resetting
                || orders.resets != self.resets
                || (self.is_stray && orders.resets_of_strays != self.resets_of_strays)
                || (self.torn.load(Ordering::Relaxed) && !swallowing)
        });
        // An error is the proxy's end.
        let _ = reset.await;
    }

    async fn direction(
        &self,
        from: ReadHalf<'_>,
        to: WriteHalf<'_>,
        flow: fn(&Faults) -> Flow,
    ) -> io::Result<()> {
        let (chunks, delayed) = mpsc::channel(CHUNKS_MAX);
        tokio::try_join!(self.read(from, chunks, flow), self.write(to, delayed, flow))?;
        Ok(())
    }

    async fn read(
        &self,
        mut from: ReadHalf<'_>,
        chunks: mpsc::Sender<(Instant, Bytes)>,
        flow: fn(&Faults) -> Flow,
    ) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK_LEN_MAX];
        let mut due = Instant::now();
        loop {
            let len = from.read(&mut buffer).await?;
            if self.swallows(flow).await {
                if len == 0 {
                    // The other side is not to learn of it.
                    std::future::pending::<()>().await;
                }
                continue;
            }
            if len == 0 {
                return Ok(());
            }
            due = due.max(Instant::now() + self.delay());
            let chunk = Bytes::copy_from_slice(&buffer[..len]);
            if chunks.send((due, chunk)).await.is_err() {
                return Ok(());
            }
        }
    }

    async fn write(
        &self,
        mut to: WriteHalf<'_>,
        mut delayed: mpsc::Receiver<(Instant, Bytes)>,
        flow: fn(&Faults) -> Flow,
    ) -> io::Result<()> {
        while let Some((due, chunk)) = delayed.recv().await {
            sleep_until(due).await;
            if !self.swallows(flow).await {
                to.write_all(&chunk).await?;
            }
        }
        to.shutdown().await
    }

    /// Waits while bytes are held; then whether they are thrown away.
    async fn swallows(&self, flow: fn(&Faults) -> Flow) -> bool {
        let mut orders = self.orders.clone();
        let free = orders.wait_for(|orders| flow(&orders.faults) != Flow::Held).await;
        free.is_ok_and(|orders| {
            let swallows = flow(&orders.faults) == Flow::Swallowed;
            if swallows {
                // While the orders can't change: their next change finds it.
                self.torn.store(true, Ordering::Relaxed);
            }
            swallows
        })
    }

    fn delay(&self) -> Duration {
        let Faults { latency, jitter, .. } = self.orders.borrow().faults;
        latency + jitter.mul_f64(rand::random())
    }
}
