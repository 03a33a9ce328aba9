//! Group commit: callers queue their writes, one thread makes all that wait durable at once and
//! then answers them all. A lone write costs one fsync; many at once share it, and the thread rests
//! after each commit so that more of them can.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use common::comment_store::StoreError;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{timeout, timeout_at},
};

/// Writes waiting for the commit thread. When it is full, callers wait for a place, at most
/// [`PATIENCE`] long.
const QUEUE_LEN_MAX: usize = 4_096;
/// Writes that share one commit.
const BATCH_LEN_MAX: usize = 1_024;
/// Longest a write may take, queue and commit together.
const PATIENCE: Duration = Duration::from_secs(2);
/// After a commit the thread rests for as long as that took, at most this long: the busier the
/// processor, the fewer writes would wait for a thread that is always ready, and each commit costs
/// an fsync and two switches.
const REST_MAX: Duration = Duration::from_millis(2);
/// … if it was of so many writes. Fewer don't crowd, and whoever comes next shouldn't wait.
const REST_FROM_LEN: usize = 4;
/// A commit that lasts longer, at most twice that, is a failure: the engine waits for ever when its
/// own threads died, and a disk may hang.
const STALL_MAX: Duration = Duration::from_secs(30);

/// Where writes become durable.
pub(super) trait Sink: Send + 'static {
    /// One write.
    type Write: Send;
    /// What its caller is told once it is durable.
    type Answer: Send;

    /// Applies the writes in order, all or none, and returns once they are durable; one answer per
    /// write. An error among the answers is about that write alone.
    fn commit(&mut self, writes: Vec<Self::Write>) -> Result<Answers<Self::Answer>, CommitError>;
}

/// One answer per write.
pub(super) type Answers<Answer> = Vec<Result<Answer, StoreError>>;

/// Why nothing of a batch was acknowledged.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// Nothing was written; a later batch may succeed.
    #[error("{0}")]
    Refused(String),
    /// What is on disk is unknown. After a failed fsync the kernel may have dropped the pages, and
    /// a second fsync would report success: so nothing is tried again, ever, in this process.
    #[error("{0}")]
    Fatal(String),
}

struct Job<S: Sink> {
    write: S::Write,
    reply: oneshot::Sender<Result<S::Answer, StoreError>>,
}

/// Handle of the commit thread. Dropping it ends the thread after its last batch.
pub(super) struct GroupCommit<S: Sink> {
    // Dropped before the thread is waited for: its end is what tells the thread to stop.
    queue: mpsc::Sender<Job<S>>,
    failure: watch::Receiver<Option<String>>,
    turns: Turns,
    _thread: Joined,
}

/// Counts up when a commit begins and when it ends: odd while one is under way.
type Turns = Arc<AtomicU64>;

/// Waits for the thread when dropped, so that whoever drops the store may open it again.
struct Joined(Option<JoinHandle<()>>);

impl Drop for Joined {
    fn drop(&mut self) {
        // A panic of the thread was told to its callers already.
        let _ = self.0.take().map(JoinHandle::join);
    }
}

impl<S: Sink> GroupCommit<S> {
    /// Starts the commit thread.
    pub(super) fn start(sink: S) -> std::io::Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE_LEN_MAX);
        let (failed, failure) = watch::channel(None);
        let turns = Turns::default();
        let counter = Arc::clone(&turns);
        let thread = std::thread::Builder::new()
            .name("store-commit".into())
            .spawn(move || run(sink, jobs, &failed, &counter))?;
        Ok(Self { queue, failure, turns, _thread: Joined(Some(thread)) })
    }

    /// Has the write made durable and returns its answer.
    pub(super) async fn write(&self, write: S::Write) -> Result<S::Answer, StoreError> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let place = match timeout_at(deadline, self.queue.reserve()).await {
            Ok(place) => place.map_err(|_| self.gone())?,
            Err(_) => return Err(unavailable("more writes wait than the disk keeps up with")),
        };
        let (reply, answer) = oneshot::channel();
        place.send(Job { write, reply });
        match timeout_at(deadline, answer).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(self.gone())),
            Err(_) => Err(unavailable("the disk takes too long; the write may still happen")),
        }
    }

    /// Ends when the commit thread has failed or hangs, with the reason: the process should exit.
    pub(super) fn failed(&self) -> impl Future<Output = String> + Send + use<S> {
        let (mut failure, turns) = (self.failure.clone(), Arc::clone(&self.turns));
        async move {
            let mut before = 0;
            loop {
                if let Ok(reason) = timeout(STALL_MAX, failure.wait_for(Option::is_some)).await {
                    let reason = reason.ok().and_then(|reason| reason.clone());
                    return reason.unwrap_or_else(|| THREAD_ENDED.into());
                }
                let now = turns.load(Ordering::Relaxed);
                if now == before && now % 2 == 1 {
                    return HANGS.into();
                }
                before = now;
            }
        }
    }

    /// What callers are told once the thread is no more.
    fn gone(&self) -> StoreError {
        unavailable(self.failure.borrow().as_deref().unwrap_or(THREAD_ENDED))
    }
}

/// The reason when the thread left none: it panicked.
const THREAD_ENDED: &str = "the commit thread ended; restart chorus";
/// The reason when a commit does not end.
const HANGS: &str = "writing to the disk hangs; check it, then restart chorus";

fn unavailable(why: &str) -> StoreError {
    StoreError::Unavailable(why.into())
}

fn run<S: Sink>(
    mut sink: S,
    mut queue: mpsc::Receiver<Job<S>>,
    failed: &watch::Sender<Option<String>>,
    turns: &AtomicU64,
) {
    let seconds = metrics::histogram!("chorus_store_commit_seconds");
    let batch_len = metrics::histogram!("chorus_store_commit_batch");
    let mut jobs = Vec::with_capacity(BATCH_LEN_MAX);
    let mut refused = false;
    while queue.blocking_recv_many(&mut jobs, BATCH_LEN_MAX) > 0 {
        let (writes, replies): (Vec<_>, Vec<_>) =
            jobs.drain(..).map(|job| (job.write, job.reply)).unzip();
        batch_len.record(f64::from(u32::try_from(writes.len()).unwrap_or(u32::MAX)));
        let is_crowded = writes.len() >= REST_FROM_LEN;
        let began = Instant::now();
        turns.fetch_add(1, Ordering::Relaxed);
        let outcome = sink.commit(writes);
        turns.fetch_add(1, Ordering::Relaxed);
        let took = began.elapsed();
        seconds.record(took);
        match outcome {
            Ok(answers) => {
                refused = false;
                // A caller that gave up has dropped its end.
                replies
                    .into_iter()
                    .zip(answers)
                    .for_each(|(reply, answer)| drop(reply.send(answer)));
            }
            Err(CommitError::Refused(why)) => {
                if !std::mem::replace(&mut refused, true) {
                    tracing::error!(%why, "the comment store refuses writes");
                }
                refuse(replies, &why);
            }
            Err(CommitError::Fatal(why)) => {
                tracing::error!(%why, "the comment store failed; nothing is acknowledged any more");
                failed.send_replace(Some(why.clone()));
                return refuse(replies, &why);
            }
        }
        if is_crowded {
            #[expect(clippy::disallowed_methods, reason = "a thread of its own, unawaited")]
            std::thread::sleep(took.min(REST_MAX));
        }
    }
}

fn refuse<Answer>(replies: Vec<oneshot::Sender<Result<Answer, StoreError>>>, why: &str) {
    for reply in replies {
        // A caller that gave up has dropped its end.
        let _ = reply.send(Err(unavailable(why)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc as std_mpsc;

    use super::*;

    /// Answers each write with its number, as the test orders: one outcome per batch.
    struct Ordered {
        outcomes: std_mpsc::Receiver<Result<(), CommitError>>,
        batches: std_mpsc::SyncSender<usize>,
    }

    impl Sink for Ordered {
        type Write = u32;
        type Answer = u32;

        fn commit(&mut self, writes: Vec<u32>) -> Result<Answers<u32>, CommitError> {
            let outcome = self.outcomes.recv().unwrap();
            // A test that doesn't count batches has dropped the other end.
            let _ = self.batches.send(writes.len());
            outcome.map(|()| writes.into_iter().map(Ok).collect())
        }
    }

    struct Rig {
        commit: GroupCommit<Ordered>,
        outcome: std_mpsc::SyncSender<Result<(), CommitError>>,
        batches: std_mpsc::Receiver<usize>,
    }

    fn rig() -> Rig {
        let (outcome, outcomes) = std_mpsc::sync_channel(QUEUE_LEN_MAX);
        let (sent, batches) = std_mpsc::sync_channel(QUEUE_LEN_MAX);
        let commit = GroupCommit::start(Ordered { outcomes, batches: sent }).unwrap();
        Rig { commit, outcome, batches }
    }

    #[tokio::test]
    async fn writes_that_wait_share_a_commit_and_get_their_own_answers() {
        let Rig { commit, outcome, batches } = rig();
        let first = commit.write(0);
        let others = futures_util::future::join_all((1..100).map(|n| commit.write(n)));
        let order = async {
            // The first batch is under way with whatever it caught; all others are queued behind.
            tokio::task::yield_now().await;
            std::iter::repeat_with(|| outcome.send(Ok(()))).take(100).for_each(drop);
        };
        let (first, others, ()) = tokio::join!(first, others, order);
        assert_eq!(first.unwrap(), 0);
        assert!(others.into_iter().map(Result::unwrap).eq(1..100));
        let sizes: Vec<usize> = batches.try_iter().collect();
        assert_eq!(sizes.iter().sum::<usize>(), 100);
        assert!(sizes.len() < 10, "{sizes:?}");
    }

    #[tokio::test]
    async fn a_refused_batch_is_not_the_end() {
        let Rig { commit, outcome, .. } = rig();
        outcome.send(Err(CommitError::Refused("full".into()))).unwrap();
        outcome.send(Ok(())).unwrap();
        assert!(
            matches!(commit.write(1).await, Err(StoreError::Unavailable(why)) if why == "full")
        );
        assert_eq!(commit.write(2).await.unwrap(), 2);
    }

    #[tokio::test]
    async fn after_a_failed_fsync_nothing_is_acknowledged() {
        let Rig { commit, outcome, batches } = rig();
        let failed = commit.failed();
        outcome.send(Err(CommitError::Fatal("EIO".into()))).unwrap();
        // An order that must never be asked for: the thread is gone.
        outcome.send(Ok(())).unwrap();
        for n in 0..3 {
            let answer = commit.write(n).await;
            assert!(matches!(answer, Err(StoreError::Unavailable(why)) if why == "EIO"));
        }
        assert_eq!(failed.await, "EIO");
        assert_eq!(batches.try_iter().count(), 1);
    }

    #[tokio::test]
    async fn a_panic_of_the_thread_is_told() {
        let Rig { commit, outcome, .. } = rig();
        let failed = commit.failed();
        drop(outcome);
        assert!(matches!(commit.write(1).await, Err(StoreError::Unavailable(_))));
        assert!(failed.await.contains("restart"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_commit_that_hangs_is_a_failure_and_an_idle_thread_is_not() {
        let Rig { commit, outcome, .. } = rig();
        let failed = commit.failed();
        tokio::pin!(failed);
        assert!(timeout(STALL_MAX * 10, &mut failed).await.is_err());
        let told = async {
            // The thread lives in real time: it must have begun before the clock is turned on.
            while commit.turns.load(Ordering::Relaxed).is_multiple_of(2) {
                std::thread::yield_now();
            }
            timeout(STALL_MAX * 3, failed).await.unwrap()
        };
        let (write, told) = tokio::join!(commit.write(1), told);
        assert!(write.is_err() && told == HANGS);
        outcome.send(Ok(())).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_disk_does_not_hold_callers() {
        let Rig { commit, outcome, .. } = rig();
        let answer = commit.write(1).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(why)) if why.contains("too long")));
        let queued = (0..QUEUE_LEN_MAX + BATCH_LEN_MAX + 1).map(|_| commit.write(2));
        let answers = futures_util::future::join_all(queued).await;
        let full = |answer: &Result<u32, StoreError>| matches!(answer, Err(StoreError::Unavailable(why)) if why.contains("more writes wait"));
        assert!(answers.iter().any(full) && answers.iter().all(Result::is_err));
        std::iter::repeat_with(|| outcome.send(Ok(()))).take(QUEUE_LEN_MAX).for_each(drop);
    }
}
