//! The actor of one video: its mailbox, its reads of the live log, its subscription.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use common::{
    config::{SlowViewer, VideoCreate},
    endpoint_store::{EndpointStore, EndpointStoreError},
    ids::VideoId,
    link::Incarnation,
    live_log::{From, LiveLog, LiveLogError, LogPage},
    live_rooms::LiveRooms,
    tallies::Tallies,
};
use futures_util::future::BoxFuture;
use tokio::time::{Instant, sleep_until};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    MAILBOX_LEN_MAX, Message, VideoHandle,
    order::{Millis, Spares, Wish},
    pass::Pass,
};
use crate::{crowd::Crowd, frame::Encoder, gone::Gone, house::House, inbox::Inbox, lease::Lease};

mod open;
#[cfg(test)]
mod tests;

/// Messages handled in one pass.
const PASS_LEN_MAX: usize = 512;
/// Entries of one read that heals a hole.
const READ_LEN_MAX: usize = 512;
/// Wait between attempts to subscribe, twice as long after each, at most; and to unsubscribe.
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_millis(800);
/// How often a video that nobody watches any more is tried to be unsubscribed.
const UNSUBSCRIBE_ATTEMPTS: u32 = 5;

/// What every actor of a gateway works with.
pub(crate) struct Surroundings {
    pub(crate) encoder: Encoder,
    pub(crate) live_log: Arc<dyn LiveLog>,
    pub(crate) rooms: Arc<dyn LiveRooms>,
    pub(crate) tallies: Arc<dyn Tallies>,
    /// Videos whose rooms are not known, or may have changed unnoticed.
    pub(crate) unknown: Mutex<BTreeSet<VideoId>>,
    /// What was taken away lately.
    pub(crate) gone: Gone,
    pub(crate) endpoints: Arc<dyn EndpointStore>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) started: Instant,
    /// Longest pause between two passes.
    pub(crate) pause_max: Duration,
    pub(crate) slow_viewer: SlowViewer,
    pub(crate) house: Arc<House>,
    /// Which videos there are.
    pub(crate) create: VideoCreate,
    /// For events shown without a position.
    pub(crate) placeless: Arc<Spares>,
    /// What has to end before the gateway has.
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Surroundings {
    fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// Has the video's room asked for.
    fn ask_for_room(&self, video: &VideoId) {
        let mut unknown = self.unknown.lock().unwrap_or_else(PoisonError::into_inner);
        unknown.insert(video.clone());
    }
}

/// A video's actor before it runs.
pub(crate) struct Actor {
    video: VideoId,
    around: Arc<Surroundings>,
    mailbox: Inbox<Message>,
}

/// One call that is under way, or none.
type UnderWay<T> = Option<BoxFuture<'static, T>>;

impl Actor {
    /// An actor and the way to it.
    pub(crate) fn new(video: VideoId, around: Arc<Surroundings>) -> (VideoHandle, Self) {
        let (handle, mailbox) = VideoHandle::new();
        (handle, Self { video, around, mailbox })
    }

    /// Serves until nobody is left or the gateway stops. `leave` takes the handle away, so that
    /// newcomers start another actor: only when no change of the subscription is under way.
    ///
    /// (There are many, so that what this future holds matters: an `async fn` holds what it is given
    /// twice, and so does `run_until_cancelled`.)
    pub(crate) fn run(mut self, leave: impl FnOnce() + Send) -> impl Future<Output = ()> + Send {
        let leave = OnDrop(Some(leave));
        let stop = self.around.stop.clone();
        async move {
            // Also after a panic: the video's next viewer gets another actor.
            let _leave = &leave;
            tokio::select! {
                // A gateway that stops leaves the endpoint store as a whole: no video has to
                // unsubscribe.
                () = stop.cancelled() => {}
                () = self.serve_all() => {}
            }
        }
    }

    /// Subscribes, serves, unsubscribes; again when somebody came meanwhile.
    async fn serve_all(&mut self) {
        // Nobody starts an actor but to join.
        let mut joins = Vec::new();
        self.mailbox.receive(&mut joins, PASS_LEN_MAX).await;
        loop {
            let (subscribed_as, order) = self.open(self.back_to(&joins)).await;
            let crowd = |reading| Crowd::new(reading, self.mailbox.users(), self.around.clone());
            let mut pass = Pass::new(order, crowd);
            pass.take(joins, self.around.now());
            self.serve(&mut pass, subscribed_as).await;
            drop(pass);
            self.unsubscribe().await;
            joins = self.joins_meanwhile();
            if joins.is_empty() {
                break;
            }
        }
    }

    fn joins_meanwhile(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        self.mailbox.take(&mut messages, MAILBOX_LEN_MAX);
        messages.retain(|message| matches!(message, Message::Join(_)));
        messages
    }

    async fn serve(&mut self, pass: &mut Pass, mut subscribed_as: Option<Incarnation>) {
        let (mut reading, mut subscribing, mut messages) = (None, None, Vec::new());
        let mut failures = 0;
        let mut not_before = Instant::now();
        while !pass.is_over() {
            if pass.doubts_room() {
                self.around.ask_for_room(&self.video);
            }
            let mut wish = pass.wish(self.around.now());
            if matches!(wish, Wish::Read(_)) && reading.is_none() {
                wish = self.wish_after_all(pass, std::mem::take(&mut messages));
            }
            if let (Some(read), None) = (self.wished(wish), &reading) {
                pass.read_begins();
                reading = Some(read);
            }
            let is_known = subscribed_as.as_ref() == Some(&self.around.lease.incarnation());
            if subscribing.is_none() && !(is_known && pass.is_pushed_to()) {
                subscribing = Some(self.subscribe(retry_after(failures)));
                pass.subscribes();
            }
            tokio::select! {
                biased; // rare ones first: a busy mailbox must not keep a hole open
                page = ended(&mut reading) => pass.read(page, self.around.now()),
                subscribed = ended(&mut subscribing) => {
                    failures = if subscribed.is_ok() { 0 } else { failures.saturating_add(1) };
                    subscribed_as = subscribed.ok();
                    if subscribed_as.is_some() {
                        // What was pushed while nobody was subscribed is in the log.
                        pass.ask_read();
                    }
                }
                () = due(wish, self.around.started) => {}
                () = gathered(not_before, &mut self.mailbox, &mut messages) => {
                    not_before = Instant::now() + pass.pause();
                    pass.take(std::mem::take(&mut messages), self.around.now());
                }
            }
        }
    }

    /// What fills a hole may have come in the pause after the last pass, which can be longer than a
    /// hole may stay open: a read of the live log for it would be in vain.
    fn wish_after_all(&mut self, pass: &mut Pass, mut messages: Vec<Message>) -> Wish {
        self.mailbox.take(&mut messages, PASS_LEN_MAX);
        pass.take(messages, self.around.now());
        pass.wish(self.around.now())
    }

    /// The read that is wished for, if one is.
    fn wished(&self, wish: Wish) -> UnderWay<Result<LogPage, LiveLogError>> {
        match wish {
            Wish::Read(from) => Some(self.read("hole", from, READ_LEN_MAX)),
            Wish::Find(len) => Some(self.read("open", From::Newest, len)),
            Wish::Wait | Wish::WaitUntil(_) => None,
        }
    }

    fn read(
        &self,
        why: &'static str,
        from: From,
        limit: usize,
    ) -> BoxFuture<'static, Result<LogPage, LiveLogError>> {
        metrics::counter!("chorus_gateway_log_reads_total", "why" => why).increment(1);
        let (log, video) = (self.around.live_log.clone(), self.video.clone());
        Box::pin(async move { log.read(&video, from, limit).await })
    }

    /// Subscribes the incarnation in force by then, after a wait.
    fn subscribe(
        &self,
        wait: Duration,
    ) -> BoxFuture<'static, Result<Incarnation, EndpointStoreError>> {
        let (around, video) = (self.around.clone(), self.video.clone());
        Box::pin(async move {
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
            let incarnation = around.lease.incarnation();
            let subscribed = around.endpoints.subscribe(&incarnation, &video).await;
            if let Err(error) = &subscribed {
                tracing::debug!(%video, %error, "can't subscribe");
            }
            subscribed.map(|()| incarnation)
        })
    }

    /// Tries a few times. What stays subscribed costs pushes that nobody needs, no more.
    async fn unsubscribe(&self) {
        let incarnation = self.around.lease.incarnation();
        for _ in 0..UNSUBSCRIBE_ATTEMPTS {
            match self.around.endpoints.unsubscribe(&incarnation, &self.video).await {
                Ok(()) => break,
                Err(error) => tracing::info!(video = %self.video, %error, "can't unsubscribe"),
            }
            if !self.mailbox.is_empty() {
                break; // somebody may have come, who must not wait for this
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// How long to wait after so many failures in a row.
fn retry_after(failures: u8) -> Duration {
    match failures {
        0 => Duration::ZERO,
        1..3 => u32::from(failures) * RETRY,
        _ => RETRY_MAX,
    }
}

/// Runs a closure when it goes.
struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(run) = self.0.take() {
            run();
        }
    }
}

/// Waits for the call under way, for ever when there is none.
async fn ended<T>(call: &mut UnderWay<T>) -> T {
    match call {
        Some(running) => {
            let answer = running.await;
            *call = None;
            answer
        }
        None => std::future::pending().await,
    }
}

/// Takes what has come, at once or when the pause after the last pass is over; a viewer that comes
/// ends the pause. When it is cancelled, what it took stays in `messages`.
async fn gathered(not_before: Instant, mailbox: &mut Inbox<Message>, messages: &mut Vec<Message>) {
    // The timer's step is a millisecond: a shorter pause would cost more than it gives.
    if not_before.saturating_duration_since(Instant::now()) >= Duration::from_millis(1) {
        Box::pin(pause(not_before, mailbox, messages)).await;
    }
    if messages.is_empty() {
        mailbox.receive(messages, PASS_LEN_MAX).await;
    }
}

async fn pause(not_before: Instant, mailbox: &mut Inbox<Message>, messages: &mut Vec<Message>) {
    let mut over = pin!(sleep_until(not_before));
    let is_join = |message: &Message| matches!(message, Message::Join(_));
    while messages.len() < PASS_LEN_MAX && !messages.iter().any(is_join) {
        tokio::select! {
            () = &mut over => break,
            () = mailbox.receive(messages, PASS_LEN_MAX) => {}
        }
    }
}

async fn due(wish: Wish, started: Instant) {
    match wish {
        Wish::WaitUntil(due) => {
            Box::pin(sleep_until(started + Duration::from_millis(due))).await;
        }
        Wish::Wait | Wish::Read(_) | Wish::Find(_) => std::future::pending().await,
    }
}
