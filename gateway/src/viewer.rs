//! One viewer from its opening on: a head of its own, perhaps pages of the live log, then the byte
//! log, through a socket of its own or as a response body.

use std::{
    convert::Infallible,
    io::{self, ErrorKind},
    net::IpAddr,
    slice,
    sync::Arc,
    time::Duration,
};

use async_stream::stream;
use bytes::{Buf, Bytes, BytesMut};
use common::{
    event::EventId, ids::VideoId, live_log::LiveLogError, position::Position, serve::Farewell,
};
use futures_util::Stream;
use tokio::{
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};

use crate::{
    Gateway,
    chunked::{chunk, last_chunk},
    crowd::Seat,
    frame::{self, Resume, Status},
    house::{Exits, Shed, Ticket},
    pages::{Part, Replay},
    reading::{Next, Reader, read_on},
    stream::Wanted,
    tier::Tier,
    video::order::{Opening, Order},
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
    /// The byte log has the rest.
    Log,
}

/// A replay that can't go on.
pub(crate) struct EndOfStream;

/// What comes before the byte log, and the events that may be in it.
struct OpeningPart {
    bytes: Bytes,
    ids: Arc<[EventId]>,
}

impl Viewer {
    /// Fails when there is no place for a viewer from there, or no honest verdict to be had.
    pub(crate) async fn begin(
        gateway: Arc<Gateway>,
        video: VideoId,
        from: IpAddr,
        wanted: Wanted,
    ) -> Result<Self, Shed> {
        let Wanted { start, recent, poll, tier } = wanted;
        let deadline = poll.map(|poll| Instant::now() + poll);
        let ticket = gateway.house.enter(from)?;
        let joined = gateway.registry.join(&video, start, recent).await;
        let (opening, seat) = joined.ok_or(Shed::Draining)?; // the gateway stops
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
                    return Err(Shed::Unread);
                }
            }
        }
        let step = Step::Head(page);
        let reader = Reader { place, tier };
        Ok(Self { gateway, video, order, resume, step, reader, deadline, seat, ticket })
    }

    /// Writes the opening to a socket that was taken over, after the response's head, then leaves
    /// the socket to the crowd.
    pub(crate) async fn move_in(mut self, socket: TcpStream, head: BytesMut) {
        let mut head = Some(head.freeze());
        loop {
            let part = self.opening().await;
            let (bytes, ids) = match &part {
                Ok(Some(OpeningPart { bytes, ids })) => (chunk(slice::from_ref(bytes)), &ids[..]),
                Ok(None) => break,
                Err(EndOfStream) => (last_chunk(frame::come_back().freeze()), &[][..]),
            };
            let bytes = match head.take() {
                Some(head) => [head, bytes].concat().into(),
                None => bytes,
            };
            let written = timeout(OPENING_WRITE_TIMEOUT, self.write(&socket, bytes, ids)).await;
            // Who takes nothing, has left, or may not be sent the rest comes back with its position.
            if part.is_err() || written != Ok(true) {
                return;
            }
        }
        let Self { seat, reader, ticket, .. } = self;
        seat.settle(socket, reader, ticket).await;
    }

    /// Whether all could be written, before any of these events was taken away.
    async fn write(&self, socket: &TcpStream, mut bytes: Bytes, ids: &[EventId]) -> bool {
        while !bytes.is_empty() {
            if socket.writable().await.is_err() {
                return false;
            }
            match self.write_some(socket, &bytes, ids) {
                Ok(written) => bytes.advance(written),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Nothing can be taken away while this writes: it would have to change the order.
    fn write_some(&self, socket: &TcpStream, bytes: &[u8], ids: &[EventId]) -> io::Result<usize> {
        let order = self.order.borrow();
        if order.erasures().has_any(ids) {
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
                match self.read() {
                    Next::Frames(frames) if !frames.is_empty() => {
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
                self.step = page.map_or(Step::Log, Step::Page);
                let bytes = self.gateway.encoder.head(self.resume).freeze();
                Ok(Some(OpeningPart { bytes, ids: Arc::default() }))
            }
            Step::Page(Part { frames: bytes, end, ids }) => {
                self.step = Step::After(end);
                Ok(Some(OpeningPart { bytes, ids }))
            }
            Step::After(_) | Step::Log => Ok(None),
        }
    }

    /// What follows a page of the live log: the next one, or the byte log.
    async fn page_after(&mut self, end: Position) -> Result<Step, EndOfStream> {
        if let Some(place) = self.order.borrow().place_after(end) {
            self.reader.place = place;
            return Ok(Step::Log);
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

    fn read(&mut self) -> Next {
        // One pass at a time: of more, something may be taken away before hyper asks for it.
        let (order, slow_viewer) = (self.order.borrow_and_update(), self.gateway.slow_viewer);
        read_on(&order, &mut self.reader, 1, slow_viewer)
    }

    /// Waits for more to read; `false` when the stream ends: the actor is gone (the gateway stops),
    /// the gateway drains, or the poll's time is up.
    async fn more(&mut self, exit: &mut Exits) -> bool {
        let deadline = self.deadline;
        let over = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = self.order.changed() => changed.is_ok(),
            () = exit.next(1) => false,
            () = over => false,
        }
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
