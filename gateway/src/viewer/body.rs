//! A viewer as a response body.

use std::convert::Infallible;

use async_stream::stream;
use bytes::Bytes;
use common::{ambient, serve::Farewell};
use futures_util::Stream;
use tokio::time::{Instant, sleep_until};

use super::{
    Viewer,
    opening::{EndOfStream, OpeningPart, Step},
};
use crate::{
    byte_log::Place,
    ending::End,
    frame,
    house::Exits,
    reading::{Next, read_on},
};

impl Viewer {
    /// The stream as a response body. When its viewer is to come back, it says farewell to the
    /// connection, if it is given one; an end for good concerns nothing else that the connection
    /// carries.
    pub(crate) fn frames(
        mut self,
        farewell: Option<Farewell>,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> {
        stream! {
            let mut exit = self.gateway.house.exits();
            let (began, mut sent) = (self.reader.place.ordinal, false);
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
            sent |= self.reader.place.ordinal > began;
            while !self.is_old() {
                let before = self.reader.place;
                let next = self.read();
                let has_all = matches!(&next, Next::Frames(frames) if frames.is_empty());
                if let Some(end) = self.end(has_all) {
                    yield Ok(end.frame());
                    return;
                }
                match next {
                    Next::Frames(frames) if !has_all => {
                        sent |= self.is_worth_an_answer(before);
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

    /// Whether a long poll may end with what was read since: events, and totals of reactions. How many
    /// watch changes with each poll that ends, and would end all others.
    fn is_worth_an_answer(&self, before: Place) -> bool {
        let place = self.reader.place;
        place.ordinal > before.ordinal || self.order.borrow().has_reactions_between(before, place)
    }

    fn read(&mut self) -> Next {
        // One pass at a time: of more, something may be taken away before hyper asks for it.
        let (order, slow_viewer) = (self.order.borrow_and_update(), self.gateway.slow_viewer);
        read_on(&order, &mut self.reader, 1, slow_viewer)
    }

    /// Waits for more to read, or for the viewer's token to run out; `false` when the stream ends:
    /// the actor is gone (the gateway stops), the gateway drains, or the poll's time is up.
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
