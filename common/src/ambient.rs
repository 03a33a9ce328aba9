//! What a process takes from its surroundings without being handed it: the wall clock, chance, and
//! the runtime that its tasks are on.
//!
//! A simulation gives each process of its own: code that runs [`within`] a [`World`] sees that
//! world's clock and chance, and so do all tasks it starts ([`crate::task::spawn`]). Everything else
//! is the machine's.

use std::{
    future::{Future, poll_fn},
    ops::Range,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, SystemTime},
};

use tokio::task::AbortHandle;
use uuid::{Builder, Uuid};

tokio::task_local! {
    static WORLD: Arc<dyn World>;
}

/// The surroundings of a simulated process.
pub trait World: Send + Sync + 'static {
    /// The wall clock: time since 1970. It may jump.
    fn since_1970(&self) -> Duration;

    /// The next of a sequence of random numbers.
    fn random(&self) -> u64;

    /// A task has been started; it ends with the process.
    fn started(&self, task: AbortHandle);

    /// Ready while the process runs. While it is stopped none of its tasks is polled; the clock
    /// goes on all the same, as for a process that got SIGSTOP.
    fn poll_running(&self, context: &mut Context<'_>) -> Poll<()>;
}

/// The world that the caller is in; none outside a simulation.
pub(crate) fn world() -> Option<Arc<dyn World>> {
    WORLD.try_with(Arc::clone).ok()
}

/// Runs `future` in `world`, whenever that runs.
pub async fn within<F: Future>(world: Arc<dyn World>, future: F) -> F::Output {
    let gate = world.clone();
    WORLD
        .scope(world, async move {
            let mut future = pin!(future);
            poll_fn(|context| {
                ready!(gate.poll_running(context));
                future.as_mut().poll(context)
            })
            .await
        })
        .await
}

/// Calls `start` in `world`: the tasks that it starts are that world's.
pub fn start_within<T>(world: Arc<dyn World>, start: impl FnOnce() -> T) -> T {
    WORLD.sync_scope(world, start)
}

/// The wall clock: time since 1970; zero on a clock that is set before that.
#[must_use]
pub fn since_1970() -> Duration {
    WORLD.try_with(|world| world.since_1970()).unwrap_or_else(|_| {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    })
}

/// The wall clock in milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    u64::try_from(since_1970().as_millis()).unwrap_or(u64::MAX)
}

/// A new UUIDv7. Those of one process never go back, unless it is simulated.
#[must_use]
pub fn uuid_v7() -> Uuid {
    let simulated = WORLD.try_with(|world| {
        let chance = u128::from(world.random()) << 64 | u128::from(world.random());
        let [_, _, _, _, _, _, chance @ ..] = chance.to_be_bytes();
        let millis = u64::try_from(world.since_1970().as_millis()).unwrap_or(u64::MAX);
        Builder::from_unix_timestamp_millis(millis, &chance).into_uuid()
    });
    simulated.unwrap_or_else(|_| Uuid::now_v7())
}

/// A random number out of `range`, which must not be empty.
#[must_use]
pub fn random_range(range: Range<u32>) -> u32 {
    let simulated = WORLD.try_with(|world| {
        let below = u64::from(range.end - range.start);
        range.start + u32::try_from(world.random() % below).unwrap_or(0)
    });
    simulated.unwrap_or_else(|_| rand::random_range(range))
}

/// Bytes that nobody can foretell, unless in a simulation.
#[must_use]
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let simulated = WORLD.try_with(|world| {
        let mut bytes = [0; N];
        for chunk in bytes.chunks_mut(size_of::<u64>()) {
            chunk.copy_from_slice(&world.random().to_be_bytes()[..chunk.len()]);
        }
        bytes
    });
    simulated.unwrap_or_else(|_| rand::random())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    };

    use super::*;
    use crate::task;

    #[derive(Default)]
    struct Still {
        stopped: AtomicBool,
        draws: AtomicU64,
        tasks: Mutex<Vec<AbortHandle>>,
    }

    impl World for Still {
        fn since_1970(&self) -> Duration {
            Duration::from_secs(1_000)
        }

        fn random(&self) -> u64 {
            self.draws.fetch_add(1, Ordering::Relaxed)
        }

        fn started(&self, task: AbortHandle) {
            self.tasks.lock().unwrap().push(task);
        }

        fn poll_running(&self, context: &mut Context<'_>) -> Poll<()> {
            context.waker().wake_by_ref();
            if self.stopped.load(Ordering::Relaxed) { Poll::Pending } else { Poll::Ready(()) }
        }
    }

    #[tokio::test]
    async fn tasks_see_the_world_of_whoever_started_them() {
        let still = Arc::new(Still::default());
        let inner = || task::spawn("inner", async { (unix_ms(), uuid_v7(), random_range(5..9)) });
        let outer = || task::spawn("outer", async move { inner().await.unwrap() });
        let (now_ms, uuid, number) = start_within(still.clone(), outer).await.unwrap();
        assert_eq!((now_ms, number), (1_000_000, 7));
        assert_eq!((uuid.as_u128() >> 80, uuid.get_version_num()), (1_000_000, 7));
        assert_eq!(still.tasks.lock().unwrap().len(), 2);
        assert!(unix_ms() > 1_000_000, "here it is the machine's again");
    }

    #[test]
    fn random_bytes_are_a_worlds_own() {
        let drawn = start_within(Arc::new(Still::default()), random_bytes::<10>);
        assert_eq!(
            drawn, [0; 10],
            "its first two numbers are 0 and 1, of which two bytes are used"
        );
        assert_ne!(random_bytes::<16>(), random_bytes::<16>());
    }

    #[tokio::test]
    async fn a_stopped_process_does_nothing_until_it_goes_on() {
        let still = Arc::new(Still::default());
        still.stopped.store(true, Ordering::Relaxed);
        let task = start_within(still.clone(), || task::spawn("stopped", async { unix_ms() }));
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!task.is_finished());
        still.stopped.store(false, Ordering::Relaxed);
        assert_eq!(task.await.unwrap(), 1_000_000);
    }
}
