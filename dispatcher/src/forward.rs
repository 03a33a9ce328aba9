//! One bounded queue and one task per gateway: a slow one holds up no other.

use std::{sync::Arc, time::Duration};

use common::{
    event::VideoEntries,
    link::{Deliver, Endpoint, Incarnation, LinkError},
    task,
};
use dashmap::DashMap;
use tokio::sync::mpsc;

/// Videos' entries waiting for one gateway. When it is full the newest are dropped: the gateway
/// finds them in the live log, and work that came first is finished first.
const QUEUE_LEN_MAX: usize = 1024;
/// Of them, sent in one call at most.
const CALL_LEN_MAX: usize = 512;
/// Bytes of events' data after which a call takes no more: half of what an envelope may hold, for a
/// last batch is not cut.
const CALL_BYTES_MAX: usize = common::wire::ENVELOPE_LEN_MAX / 2;
/// Waits before the second and third attempt; after that the gateway has to heal from the log.
const RETRIES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];

/// The queues of all gateways.
pub(crate) struct Forward {
    deliver: Arc<dyn Deliver>,
    queues: DashMap<Incarnation, mpsc::Sender<VideoEntries>>,
}

impl Forward {
    pub(crate) fn new(deliver: Arc<dyn Deliver>) -> Self {
        Self { deliver, queues: DashMap::new() }
    }

    /// Queues entries for a gateway.
    pub(crate) fn queue(&self, to: &Endpoint, entries: VideoEntries) {
        let queue = self.queues.entry(to.incarnation.clone()).or_insert_with(|| {
            let (sender, queue) = mpsc::channel(QUEUE_LEN_MAX);
            task::spawn("dispatcher.forward", send_all(self.deliver.clone(), to.clone(), queue));
            sender
        });
        if queue.try_send(entries).is_err() {
            metrics::counter!("chorus_dispatcher_forward_dropped_total").increment(1);
        }
    }

    /// Ends the queues of gateways that are not among `live`.
    pub(crate) fn keep(&self, live: &[Endpoint]) {
        self.queues.retain(|incarnation, _| live.iter().any(|e| e.incarnation == *incarnation));
    }
}

/// Whatever gathered while the last call was under way goes in the next one.
async fn send_all(
    deliver: Arc<dyn Deliver>,
    to: Endpoint,
    mut queue: mpsc::Receiver<VideoEntries>,
) {
    let mut gathered = Vec::with_capacity(CALL_LEN_MAX);
    while queue.recv_many(&mut gathered, CALL_LEN_MAX).await > 0 {
        while !gathered.is_empty() {
            let batches: Arc<[VideoEntries]> = gathered.drain(..call_len(&gathered)).collect();
            metrics::histogram!("chorus_dispatcher_forward_batch").record(batches.len() as f64);
            if let Err(error) = send(&*deliver, &to, batches).await {
                tracing::warn!(gateway = to.address, %error, "can't forward");
                metrics::counter!("chorus_dispatcher_forward_failed_total").increment(1);
            }
        }
    }
}

/// How many of the gathered go in one call: all, or as many as reach its bytes; one at least.
fn call_len(gathered: &[VideoEntries]) -> usize {
    let mut bytes = 0;
    let reached = gathered.iter().position(|batch| {
        bytes += batch.entries.iter().map(|entry| entry.event.data.len()).sum::<usize>();
        bytes >= CALL_BYTES_MAX
    });
    reached.map_or(gathered.len(), |last| last + 1)
}

async fn send(
    deliver: &dyn Deliver,
    to: &Endpoint,
    batches: Arc<[VideoEntries]>,
) -> Result<(), LinkError> {
    for wait in RETRIES {
        match deliver.deliver(to, batches.clone()).await {
            Ok(()) => return Ok(()),
            Err(refused @ LinkError::Refused(_)) => return Err(refused),
            Err(LinkError::Unavailable(_) | LinkError::Overloaded) => {
                tokio::time::sleep(wait).await;
            }
        }
    }
    deliver.deliver(to, batches).await
}

#[cfg(test)]
mod tests;
