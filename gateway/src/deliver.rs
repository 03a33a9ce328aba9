//! The dispatchers' side: sequenced entries come in, over HTTP/2 or within the process.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body, extract::State, http::StatusCode, routing::post};
use common::{
    event::{Entry, EventId, VideoEntries},
    ids::VideoId,
    link::{Deliver, Endpoint, Incarnation, LinkError},
    peer::{self, DELIVER_PATH, ERASE_PATH},
    wire::{DeliverRequest, EraseRequest},
};
use tokio::time::timeout;

use crate::Gateway;

/// Longest wait until nothing of what is taken away is left.
const ERASE_PATIENCE: Duration = Duration::from_secs(2);

impl Gateway {
    /// Takes entries for the incarnation `to`.
    ///
    /// # Errors
    /// [`LinkError::Refused`] when `to` is over: its subscriptions count no longer. Entries without a
    /// place are taken all the same: they don't come by subscription, but while no dispatcher can
    /// know who is who.
    pub fn take(&self, to: &Incarnation, mut batches: Vec<VideoEntries>) -> Result<(), LinkError> {
        let is_over = *to != self.lease.incarnation();
        let is_refused = is_over && take_out_placed(&mut batches);
        self.registry.push(batches);
        if is_refused {
            return Err(LinkError::Refused("that incarnation is over".into()));
        }
        Ok(())
    }

    /// Takes an event away; when this returns without an error, no byte of it is handed to a socket
    /// any more. (What hyper or the kernel was given is on its way.)
    ///
    /// # Errors
    /// When that can't be told in time.
    pub async fn erase(&self, video: &VideoId, event: EventId) -> Result<(), LinkError> {
        let erased = timeout(ERASE_PATIENCE, self.registry.erase(video, event)).await;
        erased.map_err(|_| LinkError::Unavailable("the video's viewers can't be asked".into()))
    }
}

/// Leaves only entries without a place; whether there were others.
fn take_out_placed(batches: &mut Vec<VideoEntries>) -> bool {
    let is_placed = |entry: &mut Entry| entry.position.is_given();
    let mut placed = 0;
    for batch in &mut *batches {
        placed += batch.entries.extract_if(.., is_placed).count();
    }
    batches.retain(|batch| !batch.entries.is_empty());
    placed > 0
}

/// `chorus all`: this process's own gateway by a function call, others (which may share its Redis)
/// over the network.
pub struct OwnFirst<Others> {
    /// The gateway of this process.
    pub own: Arc<Gateway>,
    /// The way to all others.
    pub others: Others,
}

#[async_trait]
impl<Others: Deliver> Deliver for OwnFirst<Others> {
    async fn deliver(&self, to: &Endpoint, batches: Arc<[VideoEntries]>) -> Result<(), LinkError> {
        if to.incarnation == self.own.lease.incarnation() {
            self.own.take(&to.incarnation, batches.to_vec())
        } else {
            self.others.deliver(to, batches).await
        }
    }

    async fn erase(&self, at: &Endpoint, video: &VideoId, event: EventId) -> Result<(), LinkError> {
        if at.incarnation == self.own.lease.incarnation() {
            self.own.erase(video, event).await
        } else {
            self.others.erase(at, video, event).await
        }
    }
}

pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new()
        .route(DELIVER_PATH, post(deliver))
        .route(ERASE_PATH, post(erase))
        .with_state(gateway)
}

async fn erase(State(gateway): State<Arc<Gateway>>, body: Body) -> Result<StatusCode, LinkError> {
    let (video, event) = peer::receive::<EraseRequest>(body).await?.into_parts()?;
    gateway.erase(&video, event).await?;
    Ok(StatusCode::OK)
}

async fn deliver(State(gateway): State<Arc<Gateway>>, body: Body) -> Result<StatusCode, LinkError> {
    let (to, batches) = peer::receive::<DeliverRequest>(body).await?.into_parts()?;
    gateway.take(&to, batches)?;
    Ok(StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use common::{
        auth::Authenticator,
        config::{Role, Sources, load},
        pass::Passes,
        position::Position,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        Deps,
        test_support::{
            endpoints::Endpoints, entry, log::CountingLog, once::Once, position, rooms::Rooms,
            tallies::Numbers,
        },
        video::order::Start,
    };

    /// An incarnation that is over gets nothing by its subscriptions. While Redis is away nobody can
    /// know who is who, and what has no place comes for viewers all the same.
    #[tokio::test(start_paused = true)]
    async fn an_incarnation_that_is_over_gets_only_what_has_no_place() {
        let config = load(Role::All, Sources::default()).config.unwrap();
        let (live_log, endpoints) =
            (Arc::new(CountingLog::new(1, 0)), Arc::new(Endpoints::default()));
        let (authenticator, rooms) = (Authenticator::development(), Arc::new(Rooms));
        let (passes, limiter) = (Arc::new(Passes::new(&config)), Arc::new(Once::default()));
        let tallies = Arc::new(Numbers::default());
        let deps = Deps { authenticator, passes, limiter, live_log, rooms, tallies, endpoints };
        let (gateway, _) = Gateway::start(&config, deps, CancellationToken::new()).unwrap();
        let placed = entry(1, 1);
        let placeless = Entry { position: Position::NONE, ..entry(1, 2) };
        let batch = |entries: &[Entry]| {
            vec![VideoEntries { video: "v".parse().unwrap(), entries: entries.to_vec() }]
        };
        let video = "v".parse().unwrap();
        let (_, seat) =
            gateway.registry.join(&video, Start::Newest, 2, None).await.unwrap().unwrap();
        let shown = async || {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let end = seat.crowd().order().borrow().log().end();
            (end.ordinal, end.position)
        };
        let over = Incarnation("over".into());
        assert!(gateway.take(&over, batch(from_ref(&placed))).is_err());
        assert_eq!(shown().await, (0, position(1, 0)));
        assert!(gateway.take(&over, batch(&[placed.clone(), placeless])).is_err());
        assert_eq!(shown().await.0, 1, "the one without a place");
        let later = Entry { position: Position::NONE, ..entry(1, 3) };
        assert_eq!(gateway.take(&over, batch(&[later])), Ok(()));
        assert_eq!(shown().await.0, 2);
        assert_eq!(gateway.take(&gateway.lease.incarnation(), batch(&[placed])), Ok(()));
        assert_eq!(shown().await, (3, position(1, 1)));
    }
}
