//! One viewer from its opening on: a head of its own, perhaps pages of the live log, then the byte
//! log, through a socket of its own or as a response body.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::IpAddr,
    ops::Range,
    slice,
    sync::Arc,
    time::Duration,
};

use async_stream::stream;
use bytes::{Buf, Bytes, BytesMut};
use common::{
    ambient, event::EventId, ids::VideoId, live_log::LiveLogError, position::Position,
    serve::Farewell,
};
use futures_util::Stream;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Gateway,
    byte_log::READ_LEN_MAX,
    chunked::{chunk, last_chunk},
    crowd::Seat,
    ending::{End, Who},
    frame::{self, Resume, Status},
    house::{Exits, Shed, Ticket},
    pages::{Part, Replay},
    reading::{Next, Reader, read_on},
    stream::Wanted,
    tier::Tier,
    video::{
        KeptOut,
        order::{Erasures, Opening, Order},
    },
};

/// How long a part of the opening may take to be written.
const OPENING_WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a page is read again of which something was taken away since it was read.
const PAGE_READS_MAX: usize = 4;

/// A viewer's stream.
pub(crate) struct Viewer {
    gateway: Arc<Gateway>,
    video: VideoId,
    order: watch::Receiver<Order>,
    resume: Resume,
    step: Step,
    reader: Reader,
    deadline: Option<Instant>,
    who: Option<Who>,
    /// Up to where the byte log is replay, not news.
    replay_end: u64,
    seat: Seat,
    ticket: Ticket,
}

/// How far the opening is.
enum Step {
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
pub(crate) struct EndOfStream;

/// What is written for one viewer alone.
struct OpeningPart {
    bytes: Bytes,
    holds: Holds,
}

/// What may be taken away while it is written.
enum Holds {
    Nothing,
    Comments(Arc<[EventId]>),
    /// Bytes of the byte log, and how many frames had lost their content when they were read.
    Frames(Range<u64>, u64),
}

impl Holds {
    fn is_hit_by(&self, erasures: &Erasures) -> bool {
        match self {
            Self::Nothing => false,
            Self::Comments(ids) => erasures.has_any(ids),
            Self::Frames(bytes, count) => erasures.hit(bytes, *count),
        }
    }
}

/// Why somebody is not served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// It is to come back.
    Now(Shed),
    /// It is not.
    Ever(KeptOut),
}

impl From<Shed> for NotServed {
    fn from(shed: Shed) -> Self {
        Self::Now(shed)
    }
}

impl Viewer {
    /// Fails when there is no place for a viewer from there, or no honest verdict to be had.
    pub(crate) async fn begin(
        gateway: Arc<Gateway>,
        video: VideoId,
        from: IpAddr,
        who: Option<Who>,
        wanted: Wanted,
    ) -> Result<Self, NotServed> {
        let Wanted { start, recent, poll, tier } = wanted;
        let deadline = poll.map(|poll| Instant::now() + poll);
        let ticket = gateway.house.enter(from)?;
        let user = who.as_ref().map(|who| &who.user);
        let joined = gateway.registry.join(&video, start, recent, user).await;
        let joined = joined.ok_or(Shed::Draining)?; // the gateway stops
        let (opening, seat) = joined.map_err(NotServed::Ever)?;
        let order = seat.crowd().order().clone();
        let Opening { mut resume, place, older } = opening;
        let mut page = None;
        if let Some(from) = older {
            match replay(&gateway, (&video, &order), from, tier).await {
                Ok(Replay::Part(part)) => {
                    let replayed = resume.to.position.seq.saturating_sub(from.seq);
                    let (status, from) = (Status::Continued, from.into());
                    resume = Resume { status, from, replayed, ..resume };
                    page = Some(part);
                }
                Ok(Replay::Trimmed) => {}
                Err(error) => {
                    tracing::warn!(%error, "can't replay");
                    return Err(Shed::Unread.into());
                }
            }
        }
        let step = Step::Head(page);
        let reader = Reader { place, tier };
        let replay_end = order.borrow().log().end().offset;
        Ok(Self {
            gateway,
            video,
            order,
            resume,
            step,
            reader,
            deadline,
            who,
            replay_end,
            seat,
            ticket,
        })
    }

    /// Writes the opening to a socket that was taken over, after the response's head, then leaves
    /// the socket to the crowd.
    pub(crate) async fn move_in(mut self, socket: TcpStream, head: BytesMut) {
        let mut head = Some(head.freeze());
        loop {
            let part = self.opening().await;
            let (bytes, holds) = match &part {
                Ok(Some(OpeningPart { bytes, holds })) => (chunk(slice::from_ref(bytes)), holds),
                Ok(None) => break,
                Err(EndOfStream) => (last_chunk(frame::come_back().freeze()), &Holds::Nothing),
            };
            let bytes = match head.take() {
                Some(head) => [head, bytes].concat().into(),
                None => bytes,
            };
            let written = timeout(OPENING_WRITE_TIMEOUT, self.write(&socket, bytes, holds)).await;
            // Who takes nothing, has left, or may not be sent the rest comes back with its position.
            if part.is_err() || written != Ok(true) {
                return;
            }
        }
        let Self { seat, reader, ticket, who, .. } = self;
        seat.settle(socket, reader, ticket, who).await;
    }

    /// Whether all could be written, before anything in it was taken away.
    async fn write(&self, socket: &TcpStream, mut bytes: Bytes, holds: &Holds) -> bool {
        while !bytes.is_empty() {
            if socket.writable().await.is_err() {
                return false;
            }
            match self.write_some(socket, &bytes, holds) {
                Ok(written) => bytes.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Nothing can be taken away while this writes: it would have to change the order.
    fn write_some(&self, socket: &TcpStream, bytes: &[u8], holds: &Holds) -> io::Result<usize> {
        let order = self.order.borrow();
        if holds.is_hit_by(order.erasures()) {
            return Err(ErrorKind::Other.into());
        }
        socket.try_write(bytes)
    }

    /// The stream as a response body. With its end it says farewell to the connection, if it is
    /// given one.
    pub(crate) fn frames(
        mut self,
        farewell: Option<Farewell>,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream! {
            let mut exit = self.gateway.house.exits();
            let mut sent = false;
            loop {
                match self.opening().await {
                    Ok(Some(OpeningPart { bytes, .. })) => yield Ok(bytes),
                    Ok(None) => break,
                    Err(EndOfStream) => {
                        yield Ok(frame::come_back().freeze());
                        return;
                    }
                }
                sent |= matches!(self.step, Step::After(_));
            }
            while !self.is_old() {
                let before = self.reader.place.ordinal;
                let next = self.read();
                let has_all = matches!(&next, Next::Frames(frames) if frames.is_empty());
                if let Some(end) = self.end(has_all) {
                    farewell.inspect(Farewell::say);
                    yield Ok(end.frame());
                    return;
                }
                match next {
                    Next::Frames(frames) if !has_all => {
                        sent |= self.reader.place.ordinal > before;
                        for bytes in frames {
                            yield Ok(bytes);
                        }
                    }
                    Next::Notice(notice) => yield Ok(notice),
                    Next::Frames(_) if self.deadline.is_some() && sent => break,
                    Next::Frames(_) if self.more(&mut exit).await => {}
                    _ => break,
                }
            }
            farewell.inspect(Farewell::say);
            yield Ok(frame::come_back().freeze());
        }
    }

    /// The next part of what is this viewer's own; `None` once the byte log has what follows.
    async fn opening(&mut self) -> Result<Option<OpeningPart>, EndOfStream> {
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
        let Some(snapshot) = order.room().snapshot() else { return Ok(None) };
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

    /// Whether the stream has reached its age; a long poll ends soon enough by itself.
    fn is_old(&self) -> bool {
        self.deadline.is_none() && self.ticket.is_over(Instant::now())
    }

    /// Why the stream ends for good, if it does: who saw the video out is shown all of it.
    fn end(&self, has_all: bool) -> Option<End> {
        if self.who.as_ref().is_some_and(|who| who.is_expired(Instant::now())) {
            return Some(End::Expired);
        }
        let user = self.who.as_ref().map(|who| &who.user);
        let end = self.order.borrow().room().end_for(user, ambient::unix_ms());
        end.filter(|end| has_all || *end != End::Ended)
    }

    fn read(&mut self) -> Next {
        // One pass at a time: of more, something may be taken away before hyper asks for it.
        let (order, slow_viewer) = (self.order.borrow_and_update(), self.gateway.slow_viewer);
        read_on(&order, &mut self.reader, 1, slow_viewer)
    }

    /// Waits for more to read, or for the viewer's token to run out; `false` when the stream ends: the actor is gone (the gateway stops),
    /// the gateway drains, or the poll's time is up.
    async fn more(&mut self, exit: &mut Exits) -> bool {
        let (poll_over, expired) = (self.deadline, self.who.as_ref().and_then(|who| who.until));
        tokio::select! {
            changed = self.order.changed() => changed.is_ok(),
            () = exit.next(1) => false,
            () = at(poll_over) => false,
            () = at(expired) => true,
        }
    }
}

/// Waits until then, for ever without a time.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// What the live log has after a position, up to where the byte log begins.
async fn replay(
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
