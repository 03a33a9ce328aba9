//! One video: the messages its actor takes, and the way to it. What to do is decided in [`order`],
//! done in [`actor`].

use std::sync::Arc;

use tokio::sync::oneshot;

use common::{
    event::{Entry, Event, EventId},
    ids::UserId,
    position::Position,
    tallies::Tally,
};

use crate::{
    crowd::{Crowd, Seat},
    ending::End,
    inbox::{Inbox, Sender, inbox},
};
pub(crate) use actor::{Actor, Surroundings};
use order::{Opening, Start};

mod actor;
pub(crate) mod numbers;
pub(crate) mod order;
mod pass;
mod room;

/// Messages waiting for one actor. A push that finds no room is dropped: the log heals it.
const MAILBOX_LEN_MAX: usize = 1024;

/// What an actor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A viewer comes.
    Join(Box<Join>),
    /// A dispatcher sent entries.
    Pushed(Vec<Entry>),
    /// An event is to be taken away.
    Erase(EventId, oneshot::Sender<Erased>),
    /// What set each slot of the room.
    Room(Vec<Event>),
    /// What the video's numbers are.
    Tally(Box<Tally>),
    /// The live log was seen to be here.
    Head(Position),
    /// Time for a heartbeat, and to see whether anybody is left.
    Tick,
    /// The gateway has a new incarnation, which has to subscribe.
    Reborn,
}

/// A viewer that comes.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) start: Start,
    pub(crate) recent: u64,
    pub(crate) user: Option<UserId>,
    pub(crate) must_be_registered: bool,
    pub(crate) reply: oneshot::Sender<Joined>,
}

/// Where a viewer begins, and its place among those who read the same; or why it may not watch.
pub(crate) type Joined = Result<(Opening, Seat), KeptOut>;

/// Why a viewer may not watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeptOut {
    /// As those are told who watched before.
    End(End),
    /// Videos have to be registered, and this one is not.
    Unregistered,
}

/// An event was taken away, and the crowd has to let go of what its first so many lost frames had.
#[derive(Debug)]
pub(crate) struct Erased {
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) count: u64,
}

/// The way to an actor; it ends when it has had no viewer for a while.
#[derive(Debug, Clone)]
pub(crate) struct VideoHandle {
    mailbox: Sender<Message>,
}

impl VideoHandle {
    fn new() -> (Self, Inbox<Message>) {
        let (mailbox, messages) = inbox(MAILBOX_LEN_MAX);
        (Self { mailbox }, messages)
    }

    /// Tells without waiting; `false` when there is no room or no actor any more.
    pub(crate) fn tell(&self, message: Message) -> bool {
        self.mailbox.tell(message)
    }

    /// Tells when there is room; gives the message back when the actor has ended.
    pub(crate) async fn send(&self, message: Message) -> Result<(), Message> {
        self.mailbox.send(message).await
    }

    /// How many watch.
    pub(crate) fn viewers(&self) -> usize {
        self.mailbox.users()
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.mailbox.is_same(&other.mailbox)
    }
}
