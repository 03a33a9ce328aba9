//! What is written for one viewer alone, part by part: its head, pages of the live log, the rest of
//! its replay, what the room is like.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use common::{event::EventId, ids::VideoId, live_log::LiveLogError, position::Position};
use tokio::sync::watch;

use super::Viewer;
use crate::{
    Gateway,
    byte_log::READ_LEN_MAX,
    frame::{Resume, Status},
    house::Shed,
    pages::{Part, Replay},
    reading::{Next, read_on},
    tier::Tier,
    video::order::{Erasures, Opening, Order},
};

/// How often a page is read again of which something was taken away since it was read.
const PAGE_READS_MAX: usize = 4;

/// How far the opening is.
pub(super) enum Step {
    /// The head comes first, then part of a page if there is one.
    Head(Option<Part>),
    Page(Part),
    /// The live log was replayed up to here.
    After(Position),
    /// The byte log has the rest of the replay.
    Replay,
    /// The byte log has what comes.
    Log,
}

/// A replay that can't go on.
pub(super) struct EndOfStream;

/// What is written for one viewer alone.
pub(super) struct OpeningPart {
    pub(super) bytes: Bytes,
    pub(super) holds: Holds,
}

/// What may be taken away while it is written.
pub(super) enum Holds {
    Nothing,
    Comments(Arc<[EventId]>),
    /// Bytes of the byte log, and how many frames had lost their content when they were read.
    Frames(Range<u64>, u64),
}

impl Holds {
    pub(super) fn is_hit_by(&self, erasures: &Erasures) -> bool {
        match self {
            Self::Nothing => false,
            Self::Comments(ids) => erasures.has_any(ids),
            Self::Frames(bytes, count) => erasures.hit(bytes, *count),
        }
    }
}

impl Viewer {
    /// The next part of what is this viewer's own; `None` once the byte log has what follows.
    pub(super) async fn opening(&mut self) -> Result<Option<OpeningPart>, EndOfStream> {
        if let Step::After(end) = self.step {
            self.step = self.page_after(end).await?;
        }
        match std::mem::replace(&mut self.step, Step::Log) {
            Step::Head(page) => {
                self.step = page.map_or(Step::Replay, Step::Page);
                let bytes = self.gateway.encoder.head(self.resume).freeze();
                Ok(Some(OpeningPart { bytes, holds: Holds::Nothing }))
            }
            Step::Page(Part { frames: bytes, end, ids }) => {
                self.step = Step::After(end);
                Ok(Some(OpeningPart { bytes, holds: Holds::Comments(ids) }))
            }
            Step::Replay => self.rest_of_replay(),
            Step::After(_) | Step::Log => Ok(None),
        }
    }

    /// What the byte log has of the replay and, after that, what the room is like. When there is
    /// nothing to tell of that, replay and news need not be told apart.
    fn rest_of_replay(&mut self) -> Result<Option<OpeningPart>, EndOfStream> {
        let order = self.order.borrow();
        let Some(snapshot) = order.snapshot() else { return Ok(None) };
        let from = self.reader.place.offset;
        if from < self.replay_end {
            let read = read_on(&order, &mut self.reader, READ_LEN_MAX, self.gateway.slow_viewer);
            let bytes = match read {
                Next::Frames(frames) => frames.concat().into(),
                Next::Notice(notice) => notice,
                Next::End => return Err(EndOfStream),
            };
            // (A tier may leave out all that is left.)
            if !bytes.is_empty() {
                self.step = Step::Replay;
                let read = from..self.reader.place.offset;
                let holds = Holds::Frames(read, order.erasures().count());
                return Ok(Some(OpeningPart { bytes, holds }));
            }
        }
        Ok(Some(OpeningPart { bytes: snapshot, holds: Holds::Nothing }))
    }

    /// What follows a page of the live log: the next one, or the byte log.
    async fn page_after(&mut self, end: Position) -> Result<Step, EndOfStream> {
        if let Some(place) = self.order.borrow().place_after(end) {
            self.reader.place = place;
            return Ok(Step::Replay);
        }
        let video = (&self.video, &self.order);
        match replay(&self.gateway, video, end, self.reader.tier).await {
            Ok(Replay::Part(part)) => Ok(Step::Page(part)),
            // Trimmed while it was being read: its cursor stands where it got to, and coming back
            // with it gives an honest verdict.
            Ok(Replay::Trimmed) | Err(_) => Err(EndOfStream),
        }
    }
}

/// The verdict on where a viewer comes from, and what it gets first if that is older than the byte
/// log.
pub(super) async fn first_page(
    gateway: &Gateway,
    video: (&VideoId, &watch::Receiver<Order>),
    opening: Opening,
    tier: Option<Tier>,
) -> Result<(Resume, Option<Part>), Shed> {
    let Opening { resume, older, .. } = opening;
    let Some(from) = older else { return Ok((resume, None)) };
    match replay(gateway, video, from, tier).await {
        Ok(Replay::Part(part)) => {
            let replayed = resume.to.position.seq.saturating_sub(from.seq);
            let (status, from) = (Status::Continued, from.into());
            Ok((Resume { status, from, replayed, ..resume }, Some(part)))
        }
        Ok(Replay::Trimmed) => Ok((resume, None)),
        Err(error) => {
            tracing::warn!(%error, "can't replay");
            Err(Shed::Unread)
        }
    }
}

/// What the live log has after a position, up to where the byte log begins.
pub(super) async fn replay(
    gateway: &Gateway,
    (video, order): (&VideoId, &watch::Receiver<Order>),
    from: Position,
    tier: Option<Tier>,
) -> Result<Replay, LiveLogError> {
    for _ in 0..PAGE_READS_MAX {
        let until = order.borrow().pages_until();
        let replay = gateway.pages.after(video, from, until, tier).await?;
        match &replay {
            // Read before something in it was taken away.
            Replay::Part(part) if order.borrow().erasures().has_any(&part.ids) => {
                gateway.pages.spoil(video, from);
            }
            _ => return Ok(replay),
        }
    }
    Err(LiveLogError::Unavailable("what is read is taken away meanwhile".into()))
}
