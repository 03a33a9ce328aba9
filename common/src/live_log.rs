//! A video's one order, for as long as viewers may come back to it: contract [`LiveLog`].

use async_trait::async_trait;

use crate::{
    event::{Entry, VideoEvents},
    ids::VideoId,
    link::Incarnation,
    position::{Epoch, Position, Seq},
};

/// Buckets that videos are spread over; a bucket's videos share one index of changes.
pub const BUCKETS: u16 = 256;

/// Which bucket of the changed index a video is in: 0 to 255, the same in every process.
#[must_use]
pub fn bucket_of(video: &VideoId) -> u16 {
    u16::try_from(crc32fast::hash(video.as_str().as_bytes()) % u32::from(BUCKETS)).unwrap_or(0)
}

/// Why a live log did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LiveLogError {
    /// It can't be reached, timed out or refused: the outcome of an append is unknown. The same
    /// append is safe to repeat for `dedup_s`.
    #[error("the live log is unavailable: {0}")]
    Unavailable(String),
    /// The batch came after its `until_ms`, with an event that the log doesn't know: nothing of it
    /// was appended, and it must not be repeated.
    #[error("too late to be taken as new")]
    TooLate,
}

/// Longest `dedup_s`: nobody tries to append an event for longer than it is known, seconds.
pub const DEDUP_S_MAX: u64 = 3_600;

/// How long and how much a live log keeps, per video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Newest entries kept.
    pub replay_max: usize,
    /// Oldest age of an entry, seconds.
    pub replay_ttl_s: u64,
    /// For how long at least an id that was appended is known, seconds (never by count).
    pub dedup_s: u64,
}

/// The answer to one video's append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Each event with its place, in the order given; an id that the log had already keeps the
    /// place it had (also when the entry itself is trimmed).
    pub entries: Vec<Entry>,
    /// Gateways that have viewers of the video, read in the same round trip.
    pub subscribers: Vec<Incarnation>,
}

/// What a reader wants of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// What follows this place, oldest first. When the epoch isn't the log's, no entries come.
    After(Position),
    /// The newest entries, oldest first. With limit 0 that is the question for the head alone.
    Newest,
}

/// Part of a log, and what the log was at that instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPage {
    /// The log's last place: its epoch, and the seq of the newest entry (0 when there is none).
    pub head: Position,
    /// Seq of the oldest entry held; `head.seq + 1` when none is.
    pub first: Seq,
    /// Contiguous, oldest first.
    pub entries: Vec<Entry>,
}

impl LogPage {
    /// Whether everything after `position` is still held.
    #[must_use]
    pub fn covers(&self, position: Position) -> bool {
        position.epoch == self.head.epoch
            && position.seq <= self.head.seq
            && position.seq + 1 >= self.first
    }
}

/// What changed in some buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// Identity of the server's run. When it differs from the last look's, nothing that wasn't
    /// looked at since can be trusted: re-read all heads.
    pub run: String,
    /// The log's own clock, milliseconds since 1970: what to pass as `since_ms` next time.
    pub now_ms: u64,
    /// Videos appended to at or after `since_ms`, with their heads.
    pub heads: Vec<(VideoId, Position)>,
}

/// The live log of every video of a data centre. Every call brings its own time-out.
#[async_trait]
pub trait LiveLog: Send + Sync + 'static {
    /// Appends each video's events in one atomic step, all videos in one round trip. The answer's
    /// order is that of `batches`. A batch that comes after its `until_ms` with an event that has no
    /// place is refused as a whole.
    ///
    /// An event that erases another ([`Event::erases`](crate::event::Event::erases)) does so in the
    /// same step: the log holds [`Event::erased`](crate::event::Event::erased) in its place, now or,
    /// when it had none yet, from now on; an append of it later is answered with that.
    async fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>>;

    /// Reads at most `limit` entries. A video never heard of has an empty log in a new epoch.
    async fn read(
        &self,
        video: &VideoId,
        from: From,
        limit: usize,
    ) -> Result<LogPage, LiveLogError>;

    /// The heads of all `videos`, in one round trip.
    async fn heads(&self, videos: &[VideoId]) -> Result<Vec<Position>, LiveLogError>;

    /// What changed in `buckets` since `since_ms` of the log's own clock. Kept for a minute: who
    /// looks less often must re-read heads.
    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<Changes, LiveLogError>;

    /// Whether the log answers at all, for `/readyz`'s body.
    async fn ping(&self) -> Result<(), LiveLogError>;
}

/// An epoch that starts now: greater than any before it.
#[must_use]
pub fn next_epoch(now_us: u64, last: Option<Epoch>) -> Epoch {
    Epoch(last.map_or(now_us, |Epoch(last)| now_us.max(last + 1)))
}
