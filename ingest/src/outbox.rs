//! The way to one dispatcher: whatever gathered while the last call was under way goes in the next.

use std::sync::Arc;

use common::{
    event::{Event, VideoEvents},
    ids::VideoId,
    link::{Accepted, Dispatch, LinkError},
    task,
};
use tokio::sync::{mpsc, oneshot};

/// Events waiting for one dispatcher. When it is full the next dispatcher is tried.
const QUEUE_LEN_MAX: usize = 4096;
/// Of them, sent in one call.
const CALL_LEN_MAX: usize = 512;

struct Waiting {
    video: VideoId,
    event: Event,
    answer: oneshot::Sender<Accepted>,
}

/// Handle of one dispatcher's queue and its task; the task ends with the last handle.
#[derive(Clone)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<Waiting>,
}

impl Outbox {
    pub(crate) fn start(dispatcher: Arc<dyn Dispatch>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        task::spawn("ingest.outbox", send_all(dispatcher, waiting));
        Self { queue }
    }

    /// Sends with the next call; what became of it comes back.
    pub(crate) async fn send(&self, video: VideoId, event: Event) -> Accepted {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { video, event, answer };
        self.queue.try_send(waiting).map_err(|_| LinkError::Overloaded)?;
        let gone = || Err(LinkError::Unavailable("the dispatcher is no longer known".into()));
        answered.await.unwrap_or_else(|_| gone())
    }
}

async fn send_all(dispatcher: Arc<dyn Dispatch>, mut queue: mpsc::Receiver<Waiting>) {
    let mut gathered = Vec::with_capacity(CALL_LEN_MAX);
    while queue.recv_many(&mut gathered, CALL_LEN_MAX).await > 0 {
        // Whoever gave up waiting has gone to another dispatcher.
        gathered.retain(|waiting| !waiting.answer.is_closed());
        metrics::histogram!("chorus_ingest_dispatch_batch").record(gathered.len() as f64);
        let (batches, answers) = by_video(gathered.drain(..));
        match dispatcher.dispatch(batches).await {
            Ok(accepted) => {
                for (answer, accepted) in answers.into_iter().zip(accepted) {
                    let _ = answer.send(accepted); // who gave up in between doesn't mind
                }
            }
            Err(error) => {
                for answer in answers {
                    let _ = answer.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Groups by video, keeping the order within each; the answers in the batches' order.
fn by_video(
    gathered: impl Iterator<Item = Waiting>,
) -> (Vec<VideoEvents>, Vec<oneshot::Sender<Accepted>>) {
    let mut gathered: Vec<_> = gathered.collect();
    gathered.sort_by(|a, b| a.video.cmp(&b.video));
    let mut batches: Vec<VideoEvents> = Vec::new();
    let mut answers = Vec::with_capacity(gathered.len());
    for Waiting { video, event, answer } in gathered {
        answers.push(answer);
        match batches.last_mut() {
            Some(batch) if batch.video == video => batch.events.push(event),
            _ => batches.push(VideoEvents { video, events: vec![event] }),
        }
    }
    (batches, answers)
}
