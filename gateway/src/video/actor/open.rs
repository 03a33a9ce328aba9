//! What a video begins with: its newest events, what its room is like, its subscription.

use std::{cmp::Reverse, slice, time::Duration};

use common::{
    ambient,
    config::VideoCreate,
    event::Event,
    link::Incarnation,
    live_log::{From, LiveLogError, LogPage},
    position::Position,
    tallies::Tally,
};
use futures_util::future::join3;

use super::{
    super::{
        Message,
        order::{Order, Placeless, Start},
    },
    Actor, Surroundings,
};

/// Newest events read when a video begins: covers every `recent`.
const OPENING_LEN: usize = 256;
/// Events read at most so that the byte log begins before those who come first: the others of a
/// herd that lost its gateway were about as far. At 300 bytes each 600 KB, of busy videos alone.
const OPENING_LEN_MAX: usize = 2048;
/// How often a room that decides is asked for, and how long between that.
const ROOM_READS_MAX: u32 = 15;
const ROOM_RETRY: Duration = Duration::from_millis(100);

impl Actor {
    /// The oldest position that somebody continues from, of the newest epoch that any is in.
    pub(super) fn back_to(&self, joins: &[Message]) -> Option<Position> {
        let origin = self.around.encoder.origin();
        let positions = joins.iter().filter_map(|message| match message {
            Message::Join(join) => match &join.start {
                Start::After(Some(cursor)) => cursor.at(origin),
                _ => None,
            },
            _ => None,
        });
        positions.max_by_key(|position| (position.epoch, Reverse(position.seq)))
    }

    /// Subscribe, *then* read: what comes in between is pushed. Neither is waited for any longer: while
    /// Redis is away dispatchers send to every gateway, and a place in the order is found later.
    pub(super) async fn open(&self, back_to: Option<Position>) -> (Option<Incarnation>, Order) {
        let subscribed_as = self.subscribe(Duration::ZERO).await.ok();
        let Surroundings { encoder, placeless, .. } = &*self.around;
        let (_, life) = ambient::uuid_v7().as_u64_pair();
        let (encoder, placeless) = (encoder.clone(), Placeless::new(life, placeless.clone()));
        // In a box, or the actor would hold room for it as long as it lives.
        let reads = join3(self.read_opening(back_to), self.read_room(), self.read_tally());
        let (page, room, tally) = Box::pin(reads).await;
        let mut order = match page {
            Ok(page) => Order::new(encoder, placeless, page),
            Err(error) => {
                tracing::debug!(video = %self.video, %error, "begins without the live log");
                metrics::counter!("chorus_gateway_adrift_total").increment(1);
                Order::adrift(encoder, placeless, ambient::unix_ms())
            }
        };
        for event in self.around.gone.of(&self.video) {
            order.erase(event, self.around.now());
        }
        match room {
            Some(events) => order.on_room(&events),
            None => self.around.ask_for_room(&self.video),
        }
        order.doubts_room(); // it was just asked for
        if let Some(tally) = tally {
            order.on_tally(&tally, 0);
        }
        (subscribed_as, order)
    }

    /// What the room is like, if somebody knows. Where that decides whether there is such a video, who
    /// can fill the room is given the time to.
    async fn read_room(&self) -> Option<Vec<Event>> {
        let is_decisive = self.around.create == VideoCreate::Registered;
        let mut reads = 0;
        loop {
            let rooms = self.around.rooms.rooms(slice::from_ref(&self.video)).await;
            let room = rooms.ok()?.pop().flatten();
            reads += 1;
            if room.is_some() || !is_decisive || reads == ROOM_READS_MAX {
                return room;
            }
            tokio::time::sleep(ROOM_RETRY).await;
        }
    }

    /// What the numbers are; who is told nothing now is told with the next look.
    async fn read_tally(&self) -> Option<Tally> {
        self.around.tallies.tallies(slice::from_ref(&self.video)).await.ok()?.pop()
    }

    /// What the byte log begins with: the newest events, and those back to a position, with some
    /// before it, unless they are too many or gone.
    async fn read_opening(&self, back_to: Option<Position>) -> Result<LogPage, LiveLogError> {
        if let Some(Position { epoch, seq }) = back_to {
            let before = Position { epoch, seq: seq.saturating_sub(OPENING_LEN as u64) };
            let page = self.read("open", From::After(before), OPENING_LEN_MAX).await?;
            if page.entries.last().is_some_and(|last| last.position == page.head) {
                return Ok(page);
            }
        }
        self.read("open", From::Newest, OPENING_LEN).await
    }
}
