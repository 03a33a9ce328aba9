//! The way to one dispatcher: whatever gathered while the last call was under way goes in the next.

use std::{
    iter,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use common::{
    event::{EventId, VideoEvents},
    ids::VideoId,
    link::{Accepted, Dispatch, LinkError, NotAppended},
    position::Position,
    task,
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, timeout, timeout_at},
};

use crate::{
    announce::Announcement,
    standing::{Outcome, Record, Standing},
};

/// Events waiting for one dispatcher. When it is full the next dispatcher is tried.
const QUEUE_LEN_MAX: usize = 4096;
/// Of them, sent in one call.
pub(crate) const CALL_LEN_MAX: usize = 512;
/// For a call to be answered, and for an event to be: then it is tried elsewhere.
pub(crate) const PATIENCE: Duration = Duration::from_millis(600);

/// Why an event was not taken.
#[derive(Debug)]
pub(crate) enum NotTaken {
    /// It never left: too many wait already, or a call before it failed.
    Unsent,
    /// It was not announced, and must not be any more: it might be shown twice.
    TooLate,
    /// The dispatcher can't reach the live log.
    LogAway,
    /// It may have left; what became of it is unknown unless the error tells.
    Failed(LinkError),
}

impl From<NotAppended> for NotTaken {
    fn from(why: NotAppended) -> Self {
        match why {
            NotAppended::LogAway(_) => Self::LogAway,
            NotAppended::TooLate => Self::TooLate,
        }
    }
}

type Answer = oneshot::Sender<Result<Position, NotTaken>>;

struct Waiting {
    announcement: Announcement,
    answer: Answer,
}

/// Handle of one dispatcher's queue and its task; the task ends with the last handle.
#[derive(Clone)]
pub(crate) struct Outbox {
    dispatcher: Arc<dyn Dispatch>,
    queue: mpsc::Sender<Waiting>,
    record: Arc<Mutex<Record>>,
}

impl Outbox {
    pub(crate) fn start(dispatcher: Arc<dyn Dispatch>) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LEN_MAX);
        let record = Arc::default();
        task::spawn("ingest.outbox", send_all(dispatcher.clone(), waiting, Arc::clone(&record)));
        Self { dispatcher, queue, record }
    }

    /// Has the dispatcher see to it that all gateways take an event away: at once, for that is rare,
    /// and takes long while one of them does not answer.
    pub(crate) async fn erase(&self, video: &VideoId, event: EventId) -> Result<bool, LinkError> {
        self.dispatcher.erase(video, event).await
    }

    /// How the dispatcher stands.
    pub(crate) fn standing(&self) -> Standing {
        lock(&self.record).standing(Instant::now())
    }

    /// Whether the caller is the one to try a dispatcher again that was suspect for long enough.
    pub(crate) fn take_trial(&self) -> bool {
        lock(&self.record).take_trial(Instant::now())
    }

    /// Sends with the next call; what became of it comes back within [`PATIENCE`], or by
    /// `deadline`.
    pub(crate) async fn send(
        &self,
        announcement: Announcement,
        deadline: Instant,
    ) -> Result<Position, NotTaken> {
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { announcement, answer };
        self.queue.try_send(waiting).map_err(|_| NotTaken::Unsent)?;
        let patience = Instant::now() + PATIENCE;
        let failed = |why: &str| Err(NotTaken::Failed(LinkError::Unavailable(why.into())));
        match timeout_at(patience.min(deadline), answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| failed("the dispatcher is no longer known")),
            Err(_) => {
                if patience <= deadline {
                    // Its calls are answered, or it would be suspect by now, but too many wait.
                    self.has_no_room();
                }
                failed("no answer in time")
            }
        }
    }

    fn has_no_room(&self) {
        let mut record = lock(&self.record);
        let now = Instant::now();
        if record.standing(now) == Standing::Good {
            record.note(Outcome::Overloaded, now);
        }
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn send_all(
    dispatcher: Arc<dyn Dispatch>,
    mut queue: mpsc::Receiver<Waiting>,
    record: Arc<Mutex<Record>>,
) {
    let mut gathered = Vec::with_capacity(CALL_LEN_MAX);
    while !gathered.is_empty() || queue.recv_many(&mut gathered, CALL_LEN_MAX).await > 0 {
        drop_stale(&mut gathered);
        if gathered.is_empty() {
            continue;
        }
        metrics::histogram!("chorus_ingest_dispatch_batch").record(gathered.len() as f64);
        let outcome = call(&*dispatcher, &mut gathered).await;
        lock(&record).note(outcome, Instant::now());
        if outcome != Outcome::Taken {
            release(&mut queue, outcome, &mut gathered);
        }
    }
}

/// Whoever gave up waiting has gone to another dispatcher. And a process that was paused may wake
/// up here, long after another one has announced the same: this is the last look before it leaves.
fn drop_stale(gathered: &mut Vec<Waiting>) {
    gathered.retain(|waiting| !waiting.answer.is_closed());
    for late in gathered.extract_if(.., |waiting| waiting.announcement.until.is_past()) {
        let _ = late.answer.send(Err(NotTaken::TooLate)); // it may have given up
    }
}

/// Calls once with what was gathered, as much as goes in a call, and passes on the answers.
async fn call(dispatcher: &dyn Dispatch, gathered: &mut Vec<Waiting>) -> Outcome {
    let (batches, waiting) = by_video(gathered.drain(..CALL_LEN_MAX.min(gathered.len())));
    let answer = timeout(PATIENCE, dispatcher.dispatch(batches)).await;
    let late = || Err(LinkError::Unavailable("no answer in time".into()));
    let (outcome, answers): (_, Vec<_>) = match answer.unwrap_or_else(|_| late()) {
        Ok(answers) => {
            let is_away = |answer: &Accepted| matches!(answer, Err(NotAppended::LogAway(_)));
            // One that can append nothing is not asked first any more.
            let all_away = answers.iter().all(is_away);
            let answers = answers.into_iter().map(|answer| answer.map_err(NotTaken::from));
            (if all_away { Outcome::LogAway } else { Outcome::Taken }, answers.collect())
        }
        Err(error) => {
            let overloaded = error == LinkError::Overloaded;
            let outcome = if overloaded { Outcome::Overloaded } else { Outcome::Failed };
            let answer = || Err(NotTaken::Failed(error.clone()));
            (outcome, iter::repeat_with(answer).take(waiting.len()).collect())
        }
    };
    for (waiting, answer) in waiting.into_iter().zip(answers) {
        let _ = waiting.send(answer); // it may have given up
    }
    outcome
}

/// Lets go of those behind a failed call: others can have them at once, and none was sent. A
/// dispatcher that can't reach the live log keeps those that it is to show all the same.
fn release(queue: &mut mpsc::Receiver<Waiting>, outcome: Outcome, kept: &mut Vec<Waiting>) {
    for _ in 0..QUEUE_LEN_MAX {
        let Ok(waiting) = queue.try_recv() else { break };
        let why = match outcome {
            Outcome::LogAway if waiting.announcement.show_anyway => {
                kept.push(waiting);
                continue;
            }
            Outcome::LogAway => NotTaken::LogAway,
            _ => NotTaken::Unsent,
        };
        let _ = waiting.answer.send(Err(why)); // it may have given up
    }
}

fn earliest(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    one.into_iter().chain(other).min()
}

/// Groups by video and by whether they are shown anyway, keeping the order within each; who waits
/// for an answer in the batches' order.
fn by_video(gathered: impl Iterator<Item = Waiting>) -> (Vec<VideoEvents>, Vec<Answer>) {
    let mut gathered: Vec<_> = gathered.collect();
    gathered.sort_by(|Waiting { announcement: a, .. }, Waiting { announcement: b, .. }| {
        (&a.video, a.show_anyway).cmp(&(&b.video, b.show_anyway))
    });
    let mut batches: Vec<VideoEvents> = Vec::new();
    let mut answers = Vec::with_capacity(gathered.len());
    for Waiting { announcement, answer } in gathered {
        let Announcement { video, event, until, show_anyway, .. } = announcement;
        answers.push(answer);
        match batches.last_mut() {
            Some(batch) if batch.video == video && batch.show_anyway == show_anyway => {
                batch.events.push(event);
                batch.until_ms = earliest(batch.until_ms, until.end_ms());
            }
            _ => {
                let (events, until_ms) = (vec![event], until.end_ms());
                batches.push(VideoEvents { video, events, until_ms, show_anyway });
            }
        }
    }
    (batches, answers)
}

#[cfg(test)]
mod tests;
