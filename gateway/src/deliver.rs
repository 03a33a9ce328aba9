//! The dispatchers' side: sequenced entries come in, over HTTP/2 or within the process.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{Router, body::Body, extract::State, http::StatusCode, routing::post};
use common::{
    event::VideoEntries,
    link::{Deliver, Endpoint, Incarnation, LinkError},
    peer::{self, DELIVER_PATH},
    wire::DeliverRequest,
};

use crate::Gateway;

impl Gateway {
    /// Takes entries for the incarnation `to`.
    ///
    /// # Errors
    /// [`LinkError::Refused`] when `to` is over: its subscriptions count no longer. Entries without a
    /// place are taken all the same: they don't come by subscription, but while no dispatcher can
    /// know who is who.
    pub fn take(&self, to: &Incarnation, mut batches: Vec<VideoEntries>) -> Result<(), LinkError> {
        let mut refused = false;
        if *to != self.lease.incarnation() {
            for batch in &mut batches {
                let len = batch.entries.len();
                batch.entries.retain(|entry| !entry.position.is_given());
                refused |= batch.entries.len() < len;
            }
            batches.retain(|batch| !batch.entries.is_empty());
        }
        self.registry.push(batches);
        if refused {
            return Err(LinkError::Refused("that incarnation is over".into()));
        }
        Ok(())
    }
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
}

pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    Router::new().route(DELIVER_PATH, post(deliver)).with_state(gateway)
}

async fn deliver(State(gateway): State<Arc<Gateway>>, body: Body) -> Result<StatusCode, LinkError> {
    let (to, batches) = peer::receive::<DeliverRequest>(body).await?.into_parts()?;
    gateway.take(&to, batches)?;
    Ok(StatusCode::OK)
}

#[cfg(test)]
mod tests {
    use common::{
        config::{Role, Sources, load},
        event::Entry,
        position::Position,
    };
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        Deps,
        test_support::{endpoints::Endpoints, entry, log::CountingLog},
    };

    /// An incarnation that is over gets nothing by its subscriptions. While Redis is away nobody can
    /// know who is who, and what has no place comes for viewers all the same.
    #[tokio::test]
    async fn an_incarnation_that_is_over_gets_only_what_has_no_place() {
        let config = load(Role::All, Sources::default()).config.unwrap();
        let (live_log, endpoints) =
            (Arc::new(CountingLog::new(1, 0)), Arc::new(Endpoints::default()));
        let deps = Deps { live_log, endpoints };
        let (gateway, _) = Gateway::start(&config, deps, CancellationToken::new()).unwrap();
        let placed = entry(1, 1);
        let placeless = Entry { position: Position::NONE, ..entry(1, 2) };
        let batch = |entries: &[Entry]| {
            vec![VideoEntries { video: "v".parse().unwrap(), entries: entries.to_vec() }]
        };
        let over = Incarnation("over".into());
        assert!(gateway.take(&over, batch(&[placeless.clone(), placed.clone()])).is_err());
        assert_eq!(gateway.take(&over, batch(&[placeless])), Ok(()));
        assert_eq!(gateway.take(&gateway.lease.incarnation(), batch(&[placed])), Ok(()));
    }
}
