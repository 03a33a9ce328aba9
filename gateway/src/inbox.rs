//! A bounded queue to one task that takes no memory while it is empty: every video has one and every
//! shard has one, and most of them are idle. (tokio's channel holds room for 32 messages.) Senders who
//! wait for room are not let in by turns.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use tokio::{sync::Notify, task::coop::consume_budget};

/// An inbox for so many messages, and the way to it.
pub(crate) fn inbox<T>(len_max: usize) -> (Sender<T>, Inbox<T>) {
    let state = Mutex::new(State { queue: VecDeque::new(), is_closed: false });
    let (len_max, users) = (u32::try_from(len_max).unwrap_or(u32::MAX), AtomicU32::new(0));
    let (news, room) = (Notify::new(), Notify::new());
    let shared = Arc::new(Shared { len_max, users, state, news, room });
    (Sender(shared.clone()), Inbox(shared))
}

#[derive(Debug)]
struct Shared<T> {
    len_max: u32,
    /// How many use what the reader serves: here, where it takes no memory of its own.
    users: AtomicU32,
    state: Mutex<State<T>>,
    /// Something came.
    news: Notify,
    /// A full queue is full no more, or closed.
    room: Notify,
}

#[derive(Debug)]
struct State<T> {
    queue: VecDeque<T>,
    is_closed: bool,
}

impl<T> Shared<T> {
    fn is_full(&self, queue: &VecDeque<T>) -> bool {
        u32::try_from(queue.len()).is_ok_and(|len| len >= self.len_max)
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nobody panics while holding it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a message did not go in; it is given back.
#[derive(Debug)]
enum Refused<T> {
    Full(T),
    Closed(T),
}

/// The way to an [`Inbox`].
#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Tells without waiting; `false` when there is no room, or nobody who reads.
    pub(crate) fn tell(&self, message: T) -> bool {
        self.put(message).is_ok()
    }

    /// Tells when there is room; gives the message back when nobody reads any more.
    pub(crate) async fn send(&self, mut message: T) -> Result<(), T> {
        loop {
            let mut room = pin!(self.0.room.notified());
            room.as_mut().enable(); // before the look, or what changes in between goes unheard
            match self.put(message) {
                Ok(()) => return Ok(()),
                Err(Refused::Closed(refused)) => return Err(refused),
                Err(Refused::Full(refused)) => message = refused,
            }
            room.await;
        }
    }

    fn put(&self, message: T) -> Result<(), Refused<T>> {
        let mut state = self.0.state();
        if state.is_closed {
            return Err(Refused::Closed(message));
        }
        if self.0.is_full(&state.queue) {
            return Err(Refused::Full(message));
        }
        state.queue.push_back(message);
        drop(state);
        self.0.news.notify_one();
        Ok(())
    }

    /// How many use what the reader serves.
    pub(crate) fn users(&self) -> usize {
        usize::try_from(self.0.users.load(Relaxed)).unwrap_or(usize::MAX)
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.state().is_closed
    }

    /// Whether both lead to the same inbox.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// What one task reads. Dropped, it drops what is in it and refuses what comes.
#[derive(Debug)]
pub(crate) struct Inbox<T>(Arc<Shared<T>>);

impl<T> Inbox<T> {
    /// Waits for something and takes up to `limit`, oldest first. Nothing is lost when it is
    /// cancelled.
    pub(crate) async fn receive(&mut self, into: &mut Vec<T>, limit: usize) {
        // As tokio's own channels do: a reader whose senders never pause lets other tasks run.
        consume_budget().await;
        while !self.take(into, limit) {
            self.0.news.notified().await;
        }
    }

    /// Takes up to `limit` of what is there; `false` when there is nothing.
    pub(crate) fn take(&mut self, into: &mut Vec<T>, limit: usize) -> bool {
        let mut state = self.0.state();
        let was_full = self.0.is_full(&state.queue);
        let len = state.queue.len().min(limit);
        if len == state.queue.len() {
            into.extend(std::mem::take(&mut state.queue));
        } else {
            into.extend(state.queue.drain(..len));
        }
        drop(state);
        if was_full {
            self.0.room.notify_waiters();
        }
        len > 0
    }

    /// Where those are counted who use what this inbox's reader serves.
    pub(crate) fn users(&self) -> Users<T> {
        Users(self.0.clone())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.state().queue.is_empty()
    }

    /// Refuses what comes from now on; what is there can be taken.
    pub(crate) fn close(&mut self) {
        self.0.state().is_closed = true;
        self.0.room.notify_waiters();
    }
}

/// Counts those who use what an inbox's reader serves, for its senders to see.
pub(crate) struct Users<T>(Arc<Shared<T>>);

impl<T> Users<T> {
    pub(crate) fn enter(&self) {
        self.0.users.fetch_add(1, Relaxed);
    }

    pub(crate) fn leave(&self) {
        self.0.users.fetch_sub(1, Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        usize::try_from(self.0.users.load(Relaxed)).unwrap_or(usize::MAX)
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        self.close();
        let rest = std::mem::take(&mut self.0.state().queue);
        drop(rest); // not under the lock: it may drop what looks here
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::yield_now;

    use super::*;

    #[tokio::test]
    async fn a_full_inbox_lets_senders_wait_and_no_others() {
        let (sender, mut inbox) = inbox(2);
        assert!(sender.tell(1) && sender.tell(2) && !sender.tell(3));
        let waits = async { sender.send(3).await };
        let reads = async {
            yield_now().await;
            let mut read = Vec::new();
            inbox.receive(&mut read, 1).await;
            assert_eq!(read, [1]);
            yield_now().await;
            inbox.receive(&mut read, 5).await;
            read
        };
        let (sent, read) = tokio::join!(waits, reads);
        assert_eq!((sent, read), (Ok(()), vec![1, 2, 3]));
        assert!(inbox.is_empty() && !inbox.take(&mut Vec::new(), 1));
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_what_comes() {
        let (sender, mut inbox) = inbox(2);
        let mut read = Vec::new();
        let tells = async {
            yield_now().await;
            assert!(sender.tell("late"));
        };
        tokio::join!(inbox.receive(&mut read, 2), tells);
        assert_eq!(read, ["late"]);
    }

    #[test]
    fn users_are_counted_where_senders_see_them() {
        let (sender, inbox) = inbox::<()>(1);
        let users = inbox.users();
        users.enter();
        users.enter();
        users.leave();
        drop(inbox);
        assert_eq!((sender.users(), users.count()), (1, 1));
    }

    #[tokio::test]
    async fn a_closed_inbox_gives_back_what_comes_and_drops_what_is_in_it() {
        let (sender, mut closing) = inbox(1);
        let alive = Arc::new(());
        assert!(sender.tell(alive.clone()));
        let refused = async { sender.send(alive.clone()).await.is_err() };
        let close = async {
            yield_now().await;
            closing.close();
        };
        assert!(tokio::join!(refused, close).0 && sender.is_closed());
        assert_eq!(Arc::strong_count(&alive), 2);
        drop(closing);
        assert_eq!(Arc::strong_count(&alive), 1);
        let (other, _inbox) = inbox(1);
        assert!(sender.is_same(&sender.clone()) && !sender.is_same(&other));
    }
}
