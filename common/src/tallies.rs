//! How often a video's viewers react, how many they are: contract [`Tallies`].

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    ids::VideoId,
    link::Incarnation,
    live_log::LiveLogError,
    totals::{Row, Totals},
};

/// A fill that is older is wanted again, and is answered meanwhile: what was kept is told by who kept
/// it, which may have died in between.
pub const FILL_AGE_MAX: Duration = Duration::from_secs(600);

/// What is known of a video's numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// What all sources have counted. `None` until it was filled: sources that no longer live may
    /// be missing.
    pub totals: Option<Totals>,
    /// Viewers at present, at gateways whose leases run.
    pub viewers: u64,
}

/// What changed in some buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TallyChanges {
    /// Identity of the server's run: as [`Changes::run`](crate::live_log::Changes::run).
    pub run: String,
    /// The server's clock, milliseconds since 1970: what to pass as `since_ms` next time.
    pub now_ms: u64,
    /// Videos of which something changed at or after `since_ms`.
    pub tallies: Vec<(VideoId, Tally)>,
}

/// A data centre's numbers while they are live. They may be lost, as a whole or in part, and are
/// then filled again: totals from the counter store, which is what counts, viewers by gateways,
/// which tell all of theirs to another run. Every call is safe to repeat and brings its own time-out.
#[async_trait]
pub trait Tallies: Send + Sync + 'static {
    /// Takes in what sources have counted so far. Of one source's totals the greatest count, however
    /// often and in whatever order they are told.
    async fn report(&self, rows: &[Row]) -> Result<(), LiveLogError>;

    /// The same of sources that have no counter store: their rows are noted as
    /// [`unkept`](Self::unkept), again as well.
    async fn hand_over(&self, rows: &[Row]) -> Result<(), LiveLogError>;

    /// At most `limit` of the rows that were handed over; they are noted no longer. Who can't keep them
    /// hands them over again.
    async fn unkept(&self, limit: usize) -> Result<Vec<Row>, LiveLogError>;

    /// Takes in how many viewers of each video a gateway has from now on. They count while its lease
    /// runs, and are forgotten some minutes after they were told last.
    async fn watched(
        &self,
        by: &Incarnation,
        viewers: &[(VideoId, u64)],
    ) -> Result<(), LiveLogError>;

    /// The numbers of these videos, in the order asked. Those that were not filled, or not for
    /// [`FILL_AGE_MAX`], are noted as wanted.
    async fn tallies(&self, videos: &[VideoId]) -> Result<Vec<Tally>, LiveLogError>;

    /// What changed in `buckets` since `since_ms` of the server's own clock, with the numbers as
    /// [`tallies`](Self::tallies) gives them. Kept for a minute: who looks less often must ask for
    /// all. A gateway's viewers change as well when it is
    /// [removed](crate::endpoint_store::EndpointStore::remove).
    async fn changed(&self, buckets: &[u16], since_ms: u64) -> Result<TallyChanges, LiveLogError>;

    /// Fills a video's totals: takes in all rows that there are, as [`report`](Self::report) does. Where
    /// there are none that is forgotten after a quarter of an hour: anybody may ask for any video.
    async fn fill(&self, video: &VideoId, rows: &[Row]) -> Result<(), LiveLogError>;

    /// At most `limit` of the videos whose totals are wanted; they are noted no longer.
    async fn wanted(&self, limit: usize) -> Result<Vec<VideoId>, LiveLogError>;
}
