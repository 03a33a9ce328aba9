//! One video's actor: its mailbox, its reads of the live log, its subscription. What to do is
//! decided in [`order`]; here it is done.

use std::{sync::Arc, time::Duration};

use common::{
    endpoint_store::EndpointStore,
    event::Entry,
    ids::VideoId,
    live_log::{From, LiveLog, LiveLogError, LogPage},
    position::Position,
};
use futures_util::future::BoxFuture;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::Instant,
};

use crate::{frame::Encoder, lease::Lease};
use order::{Millis, Opening, Order, Start, Wish};

pub(crate) mod order;

/// Messages waiting for one actor. A push that finds no room is dropped: the log heals it.
const MAILBOX_LEN_MAX: usize = 1024;
/// Messages handled in one pass.
const PASS_LEN_MAX: usize = 64;
/// Newest events read when a video begins: covers every `recent`.
const OPENING_LEN: usize = 256;
/// Entries of one read that heals a hole.
const READ_LEN_MAX: usize = 512;
/// Wait between attempts to begin, and to end, a subscription.
const RETRY: Duration = Duration::from_millis(200);
/// Ticks without a viewer after which a video goes.
const LINGER_TICKS: u32 = 2;

/// What an actor is told.
#[derive(Debug)]
pub(crate) enum Message {
    /// A viewer comes.
    Join(Join),
    /// A dispatcher sent entries.
    Pushed(Vec<Entry>),
    /// The live log was seen to be here.
    Head(Position),
    /// Time for a heartbeat, and to see whether anybody is left.
    Tick,
    /// The gateway has a new incarnation: subscribe again.
    Subscribe,
}

/// A viewer that comes.
#[derive(Debug)]
pub(crate) struct Join {
    pub(crate) start: Start,
    pub(crate) recent: u64,
    pub(crate) reply: oneshot::Sender<Joined>,
}

/// Where a viewer begins, and what it reads from then on.
pub(crate) type Joined = (Opening, watch::Receiver<Order>);

/// The way to an actor; it ends when it has had no viewer for a while.
#[derive(Debug, Clone)]
pub(crate) struct VideoHandle {
    mailbox: mpsc::Sender<Message>,
}

impl VideoHandle {
    /// Tells without waiting; `false` when there is no room or no actor any more.
    pub(crate) fn tell(&self, message: Message) -> bool {
        self.mailbox.try_send(message).is_ok()
    }

    /// Tells when there is room; gives the message back when the actor has ended.
    pub(crate) async fn send(&self, message: Message) -> Result<(), Message> {
        self.mailbox.send(message).await.map_err(|refused| refused.0)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.mailbox.same_channel(&other.mailbox)
    }
}

/// What every actor of a gateway works with.
pub(crate) struct Surroundings {
    pub(crate) encoder: Encoder,
    pub(crate) live_log: Arc<dyn LiveLog>,
    pub(crate) endpoints: Arc<dyn EndpointStore>,
    pub(crate) lease: Arc<Lease>,
    pub(crate) started: Instant,
}

impl Surroundings {
    fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }
}

/// A video's actor before it runs.
pub(crate) struct Actor {
    video: VideoId,
    around: Arc<Surroundings>,
    mailbox: mpsc::Receiver<Message>,
}

impl Actor {
    /// An actor and the way to it.
    pub(crate) fn new(video: VideoId, around: Arc<Surroundings>) -> (VideoHandle, Self) {
        let (sender, mailbox) = mpsc::channel(MAILBOX_LEN_MAX);
        (VideoHandle { mailbox: sender }, Self { video, around, mailbox })
    }

    /// Subscribes, serves until nobody is left, unsubscribes. `leave` takes the handle away, so
    /// that newcomers start another actor: only when no change of the subscription is under way.
    pub(crate) async fn run(mut self, leave: impl FnOnce()) {
        let mut joins = Vec::new();
        loop {
            let page = self.open().await;
            let (viewers, _) = watch::channel(Order::new(self.around.encoder.clone(), page));
            viewers.send_if_modified(Order::seal);
            self.serve(viewers, joins).await;
            self.unsubscribe().await;
            joins = self.joins_meanwhile();
            if joins.is_empty() {
                break;
            }
        }
        leave();
        // A join that slips in here is dropped, which tells its viewer to ask for a new actor.
    }

    fn joins_meanwhile(&mut self) -> Vec<Message> {
        let messages = std::iter::from_fn(|| self.mailbox.try_recv().ok());
        messages.filter(|message| matches!(message, Message::Join(_))).collect()
    }

    /// Subscribe, *then* read: what comes in between is pushed.
    async fn open(&self) -> LogPage {
        loop {
            let opened = async {
                self.subscribe().await?;
                self.read(From::Newest, OPENING_LEN).await.map_err(|error| error.to_string())
            };
            match opened.await {
                Ok(page) => return page,
                Err(error) => {
                    tracing::warn!(video = %self.video, error, "can't begin, trying again");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }

    async fn subscribe(&self) -> Result<(), String> {
        let incarnation = self.around.lease.incarnation();
        let subscribed = self.around.endpoints.subscribe(&incarnation, &self.video).await;
        subscribed.map_err(|error| error.to_string())
    }

    async fn subscribed_again(&self) -> bool {
        let subscribed = self.subscribe().await;
        if let Err(error) = &subscribed {
            tracing::warn!(video = %self.video, error, "can't subscribe again");
            tokio::time::sleep(RETRY).await;
        }
        subscribed.is_ok()
    }

    fn read(
        &self,
        from: From,
        limit: usize,
    ) -> BoxFuture<'static, Result<LogPage, LiveLogError>> {
        let (log, video) = (self.around.live_log.clone(), self.video.clone());
        Box::pin(async move { log.read(&video, from, limit).await })
    }

    async fn serve(&mut self, viewers: watch::Sender<Order>, mut messages: Vec<Message>) {
        let mut pass = Pass { viewers, waiting: Vec::new(), idle_ticks: 0, resubscribe: false };
        let mut reading = None;
        pass.messages(&mut messages, self.around.now());
        while pass.idle_ticks < LINGER_TICKS {
            let wish = pass.viewers.borrow().wish(self.around.now());
            if let (Wish::Read(from), None) = (wish, &reading) {
                reading = Some(self.read(from, READ_LEN_MAX));
            }
            tokio::select! {
                biased; // rare ones first: a busy mailbox must not keep a hole open
                page = until_read(&mut reading) => {
                    reading = None;
                    pass.read(page, self.around.now());
                }
                () = until_due(wish, self.around.started) => {}
                _ = self.mailbox.recv_many(&mut messages, PASS_LEN_MAX) => {
                    pass.messages(&mut messages, self.around.now());
                }
            }
            if pass.resubscribe {
                pass.resubscribe = !self.subscribed_again().await;
            }
        }
    }

    async fn unsubscribe(&self) {
        let incarnation = self.around.lease.incarnation();
        if let Err(error) = self.around.endpoints.unsubscribe(&incarnation, &self.video).await {
            // Harmless: pushes for a video without viewers are ignored, and a lease ends.
            tracing::info!(video = %self.video, %error, "can't unsubscribe");
        }
    }
}

async fn until_read(
    reading: &mut Option<BoxFuture<'static, Result<LogPage, LiveLogError>>>,
) -> Result<LogPage, LiveLogError> {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

async fn until_due(wish: Wish, started: Instant) {
    match wish {
        Wish::WaitUntil(due) => {
            tokio::time::sleep_until(started + Duration::from_millis(due)).await;
        }
        Wish::Wait | Wish::Read(_) => std::future::pending().await,
    }
}

/// An actor's state while it serves.
struct Pass {
    viewers: watch::Sender<Order>,
    /// Viewers that may know more than this gateway: answered after the next read.
    waiting: Vec<Join>,
    idle_ticks: u32,
    resubscribe: bool,
}

impl Pass {
    fn messages(&mut self, messages: &mut Vec<Message>, now: Millis) {
        let Self { viewers, idle_ticks, resubscribe, .. } = self;
        let mut joins = Vec::new();
        let nobody = viewers.receiver_count() == 0;
        viewers.send_if_modified(|order| {
            for message in messages.drain(..) {
                match message {
                    Message::Join(join) => joins.push(join),
                    Message::Pushed(entries) => order.on_pushed(entries, now),
                    Message::Head(head) => order.on_head(head, now),
                    Message::Tick if nobody => *idle_ticks += 1,
                    Message::Tick => order.heartbeat(),
                    Message::Subscribe => {
                        *resubscribe = true;
                        order.ask_read();
                    }
                }
            }
            order.seal()
        });
        for join in joins {
            self.idle_ticks = 0;
            self.join(join);
        }
    }

    fn join(&mut self, join: Join) {
        let opening = self.viewers.borrow().resume(&join.start, join.recent);
        if let Some(opening) = opening {
            self.answer(join.reply, opening);
        } else {
            self.viewers.send_if_modified(|order| {
                order.ask_read();
                false
            });
            self.waiting.push(join);
        }
    }

    fn read(&mut self, page: Result<LogPage, LiveLogError>, now: Millis) {
        self.viewers.send_if_modified(|order| {
            match page {
                Ok(page) => order.on_page(page, now),
                Err(error) => {
                    tracing::warn!(%error, "can't read the live log");
                    order.on_read_failed(now);
                }
            }
            order.seal()
        });
        for join in std::mem::take(&mut self.waiting) {
            let opening = self.viewers.borrow().resume_settled(&join.start, join.recent);
            self.answer(join.reply, opening);
        }
    }

    fn answer(&self, reply: oneshot::Sender<Joined>, opening: Opening) {
        // A viewer that has gone meanwhile takes its receiver with it.
        let _ = reply.send((opening, self.viewers.subscribe()));
    }
}
