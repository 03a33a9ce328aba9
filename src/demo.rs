//! `chorus all --demo`: a room that lives. Fills the video `demo` with a real chat's arrivals, texts and
//! names made up for them, reactions, odds that change, and a pinned welcome, asked for as anybody would.
//!
//! [`arrivals`] is when somebody writes and how much, [`chat`] who and what, [`odds`] what a producer
//! sends besides, [`caller`] how it is asked for.

use std::time::Duration;

use anyhow::Result;
use axum::http::Method;
use common::{auth::Role, config::Config};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::time::{Instant, sleep_until};

use arrivals::{Arrival, Arrivals};
pub use caller::Caller;
use caller::Person;
use chat::Chat;
use odds::Odds;

mod arrivals;
mod caller;
mod chat;
mod odds;

/// Comments that are there at once, so that nobody comes into an empty room.
const FIRST: usize = 24;
/// Comments under way at once.
const AT_ONCE: usize = 16;
/// What is later than this is left out: a machine that sleeps does not wake up to a flood.
const LATE_MAX: Duration = Duration::from_secs(1);
/// Between two changes of the odds.
const ODDS_PERIOD: Duration = Duration::from_secs(6);
/// Between two bursts of reactions.
const REACTIONS_PERIOD: Duration = Duration::from_millis(700);
/// One comment in so many answers another one.
const REPLY_EVERY: usize = 12;

/// What they react with, some oftener.
const REACTIONS: [&str; 8] = ["like", "like", "love", "like", "applause", "laugh", "love", "wow"];

/// The room's life. It has no end of its own.
pub struct Demo {
    caller: Caller,
    chat: Chat,
}

impl Demo {
    /// A demo of a system that is asked by `caller`.
    ///
    /// # Errors
    /// When the configuration wants tokens that can't be signed here.
    pub fn new(caller: Caller, config: &Config) -> Result<Self> {
        let caller = caller.with_tokens(config)?;
        Ok(Self { caller, chat: Chat::default() })
    }

    /// Lives.
    pub async fn run(self) {
        let mut arrivals = Arrivals::recorded();
        self.begin(&mut arrivals).await;
        tokio::join!(self.talk(arrivals), self.react(), self.run_odds());
    }

    async fn begin(&self, arrivals: &mut Arrivals) {
        let producer = Person::staff("Stage", Role::Producer);
        let video = json!({ "title": "The final", "state": "live" });
        self.caller.ask(Method::PUT, "", &producer, &video).await;
        let moderator = Person::staff("Mira", Role::Moderator);
        let welcome =
            json!({ "text": "Welcome! This room replays a real final's chat. Say something 👋" });
        let welcome = self.caller.ask(Method::POST, "/comments", &moderator, &welcome).await;
        if let Some(id) = welcome.as_ref().and_then(|comment| comment["id"].as_str()) {
            self.caller.ask(Method::PUT, "/pin", &moderator, &json!({ "comment": id })).await;
        }
        for arrival in arrivals.next_few(FIRST) {
            self.say(arrival).await;
        }
    }

    async fn talk(&self, mut arrivals: Arrivals) {
        let began = Instant::now();
        let first = arrivals.next_at();
        let due = stream::iter(arrivals).filter_map(async |arrival| {
            let due = began + arrival.at.saturating_sub(first);
            sleep_until(due).await;
            (due.elapsed() < LATE_MAX).then_some(arrival)
        });
        due.for_each_concurrent(AT_ONCE, async |arrival| self.say(arrival).await).await;
    }

    async fn say(&self, arrival: Arrival) {
        let mut comment = json!({ "text": self.chat.text(arrival) });
        if arrival.nth.is_multiple_of(REPLY_EVERY)
            && let Some(id) = self.chat.some_earlier(arrival)
        {
            comment["reply_to"] = id.into();
        }
        let person = self.chat.person(arrival.user);
        let posted = self.caller.ask(Method::POST, "/comments", &person, &comment).await;
        if let Some(id) = posted.as_ref().and_then(|comment| comment["id"].as_str()) {
            self.chat.remember(id);
        }
    }

    async fn react(&self) {
        let mut due = Instant::now();
        loop {
            let (nth, person) = self.chat.someone();
            let (kind, count) = (REACTIONS[nth % REACTIONS.len()], nth % 5 + 1);
            let reaction = json!({ "kind": kind, "count": count });
            self.caller.ask(Method::POST, "/reactions", &person, &reaction).await;
            due = (due + REACTIONS_PERIOD).max(Instant::now());
            sleep_until(due).await;
        }
    }

    async fn run_odds(&self) {
        let producer = Person::staff("Stage", Role::Producer);
        let mut odds = Odds::default();
        let mut due = Instant::now();
        loop {
            let event = json!({ "type": "odds", "data": odds.next() });
            self.caller.ask(Method::POST, "/events", &producer, &event).await;
            due = (due + ODDS_PERIOD).max(Instant::now());
            sleep_until(due).await;
        }
    }
}
