//! One viewer from its opening on: a head of its own, perhaps pages of the live log, then the byte
//! log, through a socket of its own or as a response body.

use std::{convert::Infallible, net::IpAddr, sync::Arc, time::Duration};

use async_stream::stream;
use bytes::{Bytes, BytesMut};
use common::{ids::VideoId, position::Position, serve::Farewell};
use futures_util::Stream;
use tokio::{
    io::AsyncWriteExt,
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
    pages::Replay,
    reading::{Next, Reader, read_on},
    stream::Wanted,
    video::order::{Opening, Order},
};

/// How long a part of the opening may take to be written.
const OPENING_WRITE_TIMEOUT: Duration = Duration::from_secs(10);

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
    /// The head comes first, then a page if there is one.
    Head(Option<(Bytes, Position)>),
    Page(Bytes, Position),
    /// The live log was replayed up to here.
    After(Position),
    /// The byte log has the rest.
    Log,
}

/// A replay that can't go on.
pub(crate) struct EndOfStream;

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
            let until = order.borrow().pages_until();
            match gateway.pages.after(&video, from, until, tier).await {
                Ok(Replay::Frames(frames, end)) => {
                    let replayed = resume.to.position.seq.saturating_sub(from.seq);
                    let (status, from) = (Status::Continued, from.into());
                    resume = Resume { status, from, replayed, ..resume };
                    page = Some((frames, end));
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
    pub(crate) async fn move_in(mut self, mut socket: TcpStream, head: BytesMut) {
        let mut head = Some(head.freeze());
        loop {
            let part = self.opening().await;
            let bytes = match &part {
                Ok(Some(bytes)) => chunk(std::slice::from_ref(bytes)),
                Ok(None) => break,
                Err(EndOfStream) => last_chunk(frame::come_back().freeze()),
            };
            let bytes = match head.take() {
                Some(head) => [head, bytes].concat().into(),
                None => bytes,
            };
            let written = timeout(OPENING_WRITE_TIMEOUT, socket.write_all(&bytes)).await;
            // Who takes nothing, or has left, comes back with its position.
            if part.is_err() || !matches!(written, Ok(Ok(()))) {
                return;
            }
        }
        let Self { seat, reader, ticket, .. } = self;
        seat.settle(socket, reader, ticket).await;
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
                    Ok(Some(bytes)) => yield Ok(bytes),
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
    async fn opening(&mut self) -> Result<Option<Bytes>, EndOfStream> {
        if let Step::After(end) = self.step {
            self.step = self.page_after(end).await?;
        }
        match std::mem::replace(&mut self.step, Step::Log) {
            Step::Head(page) => {
                self.step = page.map_or(Step::Log, |(frames, end)| Step::Page(frames, end));
                Ok(Some(self.gateway.encoder.head(self.resume).freeze()))
            }
            Step::Page(frames, end) => {
                self.step = Step::After(end);
                Ok(Some(frames))
            }
            Step::After(_) | Step::Log => Ok(None),
        }
    }

    /// What follows a page of the live log: the next one, or the byte log.
    async fn page_after(&mut self, end: Position) -> Result<Step, EndOfStream> {
        let until = {
            let order = self.order.borrow();
            if let Some(place) = order.place_after(end) {
                self.reader.place = place;
                return Ok(Step::Log);
            }
            order.pages_until()
        };
        let Gateway { pages, .. } = &*self.gateway;
        match pages.after(&self.video, end, until, self.reader.tier).await {
            Ok(Replay::Frames(frames, end)) => Ok(Step::Page(frames, end)),
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
        read_on(&self.order.borrow_and_update(), &mut self.reader, self.gateway.slow_viewer)
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
