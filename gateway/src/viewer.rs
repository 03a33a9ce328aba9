//! One viewer from its opening on: a head of its own, perhaps pages of the live log, then the byte
//! log, through a socket of its own or as a response body.

use std::{net::IpAddr, sync::Arc};

use common::{ids::VideoId, totals::Counter};
use tokio::{sync::watch, time::Instant};

use crate::{
    Gateway,
    crowd::Seat,
    ending::Who,
    frame::Resume,
    house::{Shed, Ticket},
    reading::Reader,
    stream::Wanted,
    video::{
        KeptOut,
        order::{Order, Start},
    },
};
use opening::{Step, first_page};

mod body;
mod opening;
mod socket;

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
        let is_new = start == Start::Newest;
        let joined = gateway.registry.join(&video, start, recent, user).await;
        let joined = joined.ok_or(Shed::Draining)?; // the gateway stops
        let (opening, seat) = joined.map_err(NotServed::Ever)?;
        let order = seat.crowd().order().clone();
        let place = opening.place;
        let (resume, page) = first_page(&gateway, (&video, &order), opening, tier).await?;
        if is_new && gateway.views.add(&video, &Counter::VIEWS, 1).is_err() {
            metrics::counter!("chorus_gateway_views_uncounted_total").increment(1);
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
}
