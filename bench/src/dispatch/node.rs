//! A stand-in for one ingest node: its connection, and one call after the other.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result};
use common::link::Dispatch;
use common::peer::{HttpDispatch, PeerClient};
use tokio::time::sleep;

use super::feed::Feed;
use super::ledger::Ledger;
use crate::args::DispatchArgs;
use crate::clock::Clock;

/// After a call that failed: a dispatcher that is away must not be asked thousands of times a second.
const PAUSE: Duration = Duration::from_millis(20);

/// Calls until time is up. Real nodes call likewise: whatever gathered while the last call was
/// under way goes in the next.
pub(crate) struct Node {
    dispatcher: HttpDispatch,
    feed: Rc<Feed>,
    ledger: Rc<RefCell<Ledger>>,
    clock: Clock,
}

impl Node {
    pub(crate) fn new(
        args: &DispatchArgs,
        feed: &Rc<Feed>,
        ledger: &Rc<RefCell<Ledger>>,
        clock: Clock,
    ) -> Result<Self> {
        // A client of its own is a connection of its own.
        let client = PeerClient::new(&args.internal_secret);
        let client = client.context("--internal-secret can't stand in a header")?;
        let base = format!("http://{}", args.dispatcher.authority());
        let dispatcher = HttpDispatch::new(client, base);
        Ok(Self { dispatcher, feed: Rc::clone(feed), ledger: Rc::clone(ledger), clock })
    }

    pub(crate) async fn run(self, until_us: u64) {
        loop {
            let batches = self.feed.batches();
            let sent_us = self.clock.micros();
            if sent_us >= until_us {
                return;
            }
            let answer = self.dispatcher.dispatch(batches).await;
            let took_us = self.clock.micros() - sent_us;
            let answered = self.ledger.borrow_mut().enter(answer, took_us);
            if !answered {
                sleep(PAUSE).await;
            }
        }
    }
}
