//! An endpoint store that remembers who is registered; away or forgetful when told to be.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use common::{
    endpoint_store::{EndpointStore, EndpointStoreError},
    ids::VideoId,
    link::{Endpoint, Incarnation},
};

#[derive(Default)]
pub(crate) struct Endpoints {
    registered: Mutex<Vec<Incarnation>>,
    away: Mutex<bool>,
}

impl Endpoints {
    fn checked(&self) -> Result<(), EndpointStoreError> {
        let away = *self.away.lock().unwrap();
        if away { Err(EndpointStoreError("told to be away".into())) } else { Ok(()) }
    }

    pub(crate) fn go_away(&self, away: bool) {
        *self.away.lock().unwrap() = away;
    }

    pub(crate) fn forget(&self) {
        self.registered.lock().unwrap().clear();
    }

    pub(crate) fn registered(&self) -> Vec<Incarnation> {
        self.registered.lock().unwrap().clone()
    }
}

#[async_trait]
impl EndpointStore for Endpoints {
    async fn register(&self, who: &Endpoint, _: Duration) -> Result<(), EndpointStoreError> {
        self.checked()?;
        self.registered.lock().unwrap().push(who.incarnation.clone());
        Ok(())
    }

    async fn renew(&self, who: &Incarnation, _: Duration) -> Result<bool, EndpointStoreError> {
        self.checked()?;
        Ok(self.registered().contains(who))
    }

    async fn remove(&self, who: &Incarnation) -> Result<(), EndpointStoreError> {
        self.registered.lock().unwrap().retain(|known| known != who);
        self.checked()
    }

    async fn subscribe(&self, _: &Incarnation, _: &VideoId) -> Result<(), EndpointStoreError> {
        self.checked()
    }

    async fn unsubscribe(&self, _: &Incarnation, _: &VideoId) -> Result<(), EndpointStoreError> {
        self.checked()
    }

    async fn subscribers(&self, _: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.checked().map(|()| vec![])
    }

    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        self.checked().map(|()| vec![])
    }

    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.checked().map(|()| vec![])
    }

    async fn ping(&self) -> Result<(), EndpointStoreError> {
        self.checked()
    }
}
