//! The calls between roles, [`Dispatch`] and [`Deliver`]: over HTTP/2 when they are apart
//! ([`crate::peer`]), a function call in `chorus all`.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    event::{EventId, VideoEntries, VideoEvents},
    ids::VideoId,
    position::Position,
};

/// One life of a gateway: a new one after every start and every lost lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Incarnation(pub Arc<str>);

/// A living gateway and how dispatchers reach it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Which life of it.
    pub incarnation: Incarnation,
    /// Base address of its internal socket, such as `http://10.0.0.7:9082`.
    pub address: String,
}

/// Why a call to another role failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Not reached, cut off or timed out: the outcome is unknown; repeat it, elsewhere first.
    #[error("{0}")]
    Unavailable(String),
    /// It answered that it has no room now: try another one, or later.
    #[error("overloaded")]
    Overloaded,
    /// It refused: wrong secret, wire version or malformed call. Repeating does not help.
    #[error("refused: {0}")]
    Refused(String),
}

/// Why a dispatcher that answers could not have an event appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAppended {
    /// It can't reach the live log: the outcome is unknown. Others may reach it.
    #[error("{0}")]
    LogAway(String),
    /// The live log refused it: it is too old to be taken as new, and must not be repeated.
    #[error("too late to be taken as new")]
    TooLate,
}

/// What became of one event of a dispatch call.
pub type Accepted = Result<Position, NotAppended>;

/// A dispatcher, as ingest sees it.
#[async_trait]
pub trait Dispatch: Send + Sync + 'static {
    /// Appends to the live logs and forwards to the gateways. Answers event by event, in the order
    /// given (videos in order, events in order within each).
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError>;

    /// Has every gateway that has viewers of the video take away what it holds of an event; to be
    /// called once the live log has taken it away. Whether all of them have, or are dead: otherwise
    /// nobody knows for now who they are, or one lives and does not answer.
    async fn erase(&self, video: &VideoId, event: EventId) -> Result<bool, LinkError>;
}

/// Gateways, as a dispatcher sees them.
#[async_trait]
pub trait Deliver: Send + Sync + 'static {
    /// Hands sequenced entries to one gateway. Taken means taken into memory: the log heals what
    /// is lost from there.
    async fn deliver(&self, to: &Endpoint, batches: Arc<[VideoEntries]>) -> Result<(), LinkError>;

    /// Has a gateway, in whichever life of it, take away what it holds of an event. Afterwards it
    /// hands no byte of that to a socket.
    async fn erase(&self, at: &Endpoint, video: &VideoId, event: EventId) -> Result<(), LinkError>;
}
