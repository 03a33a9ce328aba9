//! What becomes of events while the live log is away, and of what is taken away.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use common::{
    endpoint_store::EndpointStoreError,
    event::{EventId, Kind},
    link::{Endpoint, Incarnation},
    live_log::{Changes, From, LogPage},
    position::{Epoch, Position},
};

use super::*;

/// Redis, as a dispatcher sees it, and gateways that take everything.
#[derive(Default)]
struct Surroundings {
    is_away: AtomicBool,
    /// Of the live log, only what holds this video.
    away: Mutex<Option<VideoId>>,
    is_late: AtomicBool,
    live: Mutex<Vec<Endpoint>>,
    /// By gateway's address: what it was sent.
    sent: Mutex<Vec<(String, VideoEntries)>>,
    subscribed: Mutex<Vec<Incarnation>>,
    /// Address of a gateway that erases nothing.
    frozen: Mutex<Option<String>>,
    /// Addresses of those that did.
    erased: Mutex<Vec<String>>,
}

impl Surroundings {
    fn check(&self) -> Result<(), EndpointStoreError> {
        let is_away = self.is_away.load(Relaxed);
        if is_away { Err(EndpointStoreError("told to be away".into())) } else { Ok(()) }
    }

    fn sent(&self) -> Vec<(String, bool)> {
        let mut sent: Vec<_> = self.sent.lock().unwrap().drain(..).collect();
        sent.sort_by(|(one, _), (other, _)| one.cmp(other));
        let has_place = |entries: &VideoEntries| entries.entries[0].position.is_given();
        sent.into_iter().map(|(address, entries)| (address, has_place(&entries))).collect()
    }
}

#[async_trait]
impl EndpointStore for Surroundings {
    async fn register(&self, _: &Endpoint, _: Duration) -> Result<(), EndpointStoreError> {
        self.check()
    }

    async fn renew(&self, _: &Incarnation, _: Duration) -> Result<bool, EndpointStoreError> {
        self.check().map(|()| true)
    }

    async fn subscribe(&self, _: &Incarnation, _: &VideoId) -> Result<(), EndpointStoreError> {
        self.check()
    }

    async fn unsubscribe(&self, _: &Incarnation, _: &VideoId) -> Result<(), EndpointStoreError> {
        self.check()
    }

    async fn subscribers(&self, _: &VideoId) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.check().map(|()| self.subscribed.lock().unwrap().clone())
    }

    async fn live(&self) -> Result<Vec<Endpoint>, EndpointStoreError> {
        self.check().map(|()| self.live.lock().unwrap().clone())
    }

    async fn dead(&self) -> Result<Vec<Incarnation>, EndpointStoreError> {
        self.check().map(|()| vec![])
    }

    async fn remove(&self, _: &Incarnation) -> Result<(), EndpointStoreError> {
        self.check()
    }

    async fn ping(&self) -> Result<(), EndpointStoreError> {
        self.check()
    }
}

#[async_trait]
impl LiveLog for Surroundings {
    /// The first gateway is subscribed.
    async fn append(&self, batches: Vec<VideoEvents>) -> Vec<Result<Appended, LiveLogError>> {
        let away = self.away.lock().unwrap().clone();
        let append = |VideoEvents { video, events, .. }: VideoEvents| {
            self.check().map_err(|EndpointStoreError(why)| LiveLogError::Unavailable(why))?;
            if away.as_ref() == Some(&video) {
                return Err(LiveLogError::Unavailable("its server is away".into()));
            }
            if self.is_late.load(Relaxed) {
                return Err(LiveLogError::TooLate);
            }
            let at = Position { epoch: Epoch(7), seq: 1 };
            let place = |event| Entry { position: at, ..Entry::without_place(origin(), event, 0) };
            let live = self.live.lock().unwrap();
            let subscribers = live.first().map(|first| first.incarnation.clone());
            let entries = events.into_iter().map(place).collect();
            Ok(Appended { entries, subscribers: subscribers.into_iter().collect() })
        };
        batches.into_iter().map(append).collect()
    }

    async fn read(&self, _: &VideoId, _: From, _: usize) -> Result<LogPage, LiveLogError> {
        unimplemented!("dispatchers read nothing")
    }

    async fn heads(&self, _: &[VideoId]) -> Result<Vec<Position>, LiveLogError> {
        unimplemented!("dispatchers read nothing")
    }

    async fn changed(&self, _: &[u16], _: u64) -> Result<Changes, LiveLogError> {
        unimplemented!("dispatchers read nothing")
    }

    async fn ping(&self) -> Result<(), LiveLogError> {
        unimplemented!("dispatchers ask the endpoint store")
    }
}

#[async_trait]
impl Deliver for Surroundings {
    async fn deliver(&self, to: &Endpoint, batches: Arc<[VideoEntries]>) -> Result<(), LinkError> {
        let sent = batches.iter().map(|batch| (to.address.clone(), batch.clone()));
        self.sent.lock().unwrap().extend(sent);
        Ok(())
    }

    async fn erase(&self, at: &Endpoint, _: &VideoId, _: EventId) -> Result<(), LinkError> {
        if self.frozen.lock().unwrap().as_ref() == Some(&at.address) {
            return std::future::pending().await;
        }
        self.erased.lock().unwrap().push(at.address.clone());
        Ok(())
    }
}

fn origin() -> Arc<Origin> {
    Arc::new("dc1".parse().unwrap())
}

fn batch(show_anyway: bool) -> Vec<VideoEvents> {
    let id = EventId::from_bytes([7; 16]);
    let events = vec![Event { id, kind: Kind::COMMENT, data: Bytes::from("{}") }];
    vec![VideoEvents { video: "v".parse().unwrap(), events, until_ms: None, show_anyway }]
}

/// A dispatcher that knows of two gateways.
async fn started() -> (Arc<Surroundings>, Arc<Dispatcher>) {
    let around = Arc::new(Surroundings::default());
    live(&around, &["one", "two"]);
    let dispatcher = started_in(&around).await;
    (around, dispatcher)
}

async fn started_in(around: &Arc<Surroundings>) -> Arc<Dispatcher> {
    let deps = Deps {
        live_log: around.clone(),
        endpoints: around.clone(),
        deliver: around.clone(),
        origin: origin(),
    };
    let (dispatcher, _) = Dispatcher::start(deps, CancellationToken::new());
    settle().await;
    dispatcher
}

fn live(around: &Surroundings, addresses: &[&str]) {
    let endpoint = |address: &&str| Endpoint {
        incarnation: Incarnation((*address).into()),
        address: (*address).to_owned(),
    };
    *around.live.lock().unwrap() = addresses.iter().map(endpoint).collect();
}

/// Longer than between two looks at gateways.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
}

async fn dispatched(dispatcher: &Dispatcher, show_anyway: bool) -> Accepted {
    let accepted = dispatcher.dispatch(batch(show_anyway)).await.unwrap().remove(0);
    tokio::time::sleep(Duration::from_millis(10)).await;
    accepted
}

fn everywhere(has_place: bool) -> Vec<(String, bool)> {
    ["one", "two"].map(|address| (address.to_owned(), has_place)).to_vec()
}

#[tokio::test(start_paused = true)]
async fn what_is_shown_anyway_goes_to_all_and_only_while_the_log_is_away() {
    let (around, dispatcher) = started().await;
    assert!(dispatched(&dispatcher, true).await.is_ok());
    assert_eq!(around.sent(), everywhere(true)[..1], "who is subscribed");
    around.is_away.store(true, Relaxed);
    let refused = dispatched(&dispatcher, false).await;
    assert!(matches!(refused, Err(NotAppended::LogAway(_))));
    assert_eq!(around.sent(), [], "others may reach it");
    let shown = dispatched(&dispatcher, true).await;
    assert!(matches!(shown, Err(NotAppended::LogAway(_))), "it has no place yet");
    assert_eq!(around.sent(), everywhere(false));
}

#[tokio::test(start_paused = true)]
async fn what_comes_too_late_is_not_shown() {
    let (around, dispatcher) = started().await;
    around.is_late.store(true, Relaxed);
    assert_eq!(dispatched(&dispatcher, true).await, Err(NotAppended::TooLate));
    assert_eq!(around.sent(), []);
}

/// Redis comes back empty, and goes away again before the gateways are known there.
#[tokio::test(start_paused = true)]
async fn gateways_are_remembered_for_a_while() {
    let (around, dispatcher) = started().await;
    live(&around, &[]);
    settle().await;
    around.is_away.store(true, Relaxed);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert!(dispatched(&dispatcher, true).await.is_err());
    assert_eq!(around.sent(), everywhere(false), "nothing better is known");
    around.is_away.store(false, Relaxed);
    live(&around, &["three"]);
    settle().await;
    tokio::time::sleep(Duration::from_secs(15)).await;
    around.is_away.store(true, Relaxed);
    assert!(dispatched(&dispatcher, true).await.is_err());
    assert_eq!(around.sent(), [("three".to_owned(), false)]);
}

/// In a cluster one server may be away: a video of that one is not shown to nobody because others
/// are well.
#[tokio::test(start_paused = true)]
async fn one_video_that_nobody_would_see_has_the_call_repeated_elsewhere() {
    let around = Arc::new(Surroundings::default());
    let dispatcher = started_in(&around).await;
    *around.away.lock().unwrap() = Some("lost".parse().unwrap());
    let lost = |show_anyway| {
        let batch = batch(show_anyway).remove(0);
        VideoEvents { video: "lost".parse().unwrap(), ..batch }
    };
    let mixed = |show_anyway| [batch(true), vec![lost(show_anyway)]].concat();
    let accepted = dispatcher.dispatch(mixed(false)).await.unwrap();
    assert!(accepted[0].is_ok() && accepted[1].is_err(), "{accepted:?}");
    assert!(dispatcher.dispatch(mixed(true)).await.is_err());
    live(&around, &["one"]);
    settle().await;
    assert_eq!(dispatcher.dispatch(mixed(true)).await.unwrap(), accepted);
}

/// Who starts while the log is away does not pretend to have shown anything.
#[tokio::test(start_paused = true)]
async fn who_has_heard_of_no_gateway_leaves_it_to_others() {
    let around = Arc::new(Surroundings::default());
    around.is_away.store(true, Relaxed);
    let dispatcher = started_in(&around).await;
    let refused = dispatcher.dispatch(batch(true)).await;
    assert!(matches!(refused, Err(LinkError::Unavailable(_))), "{refused:?}");
    around.is_away.store(false, Relaxed);
    settle().await;
    assert!(dispatched(&dispatcher, true).await.is_ok());
    around.is_away.store(true, Relaxed);
    assert!(dispatcher.dispatch(batch(true)).await.is_err(), "none lived");
    let asked_only = dispatched(&dispatcher, false).await;
    assert!(matches!(asked_only, Err(NotAppended::LogAway(_))), "others may have been there");
    around.is_away.store(false, Relaxed);
    live(&around, &["one"]);
    settle().await;
    around.is_away.store(true, Relaxed);
    let shown = dispatched(&dispatcher, true).await;
    assert!(matches!(shown, Err(NotAppended::LogAway(_))), "{shown:?}");
}

/// A dispatcher, and three gateways that are subscribed, of which one takes nothing.
async fn with_one_frozen() -> (Arc<Surroundings>, Arc<Dispatcher>) {
    let around = Arc::new(Surroundings::default());
    live(&around, &["one", "two", "frozen"]);
    let incarnations = around.live.lock().unwrap().iter().map(|e| e.incarnation.clone()).collect();
    *around.subscribed.lock().unwrap() = incarnations;
    *around.frozen.lock().unwrap() = Some("frozen".into());
    let dispatcher = started_in(&around).await;
    (around, dispatcher)
}

async fn erase(dispatcher: &Dispatcher) -> (bool, Duration) {
    let began = tokio::time::Instant::now();
    let event = EventId::from_bytes([7; 16]);
    let is_gone = dispatcher.erase(&"v".parse().unwrap(), event).await.unwrap();
    (is_gone, began.elapsed())
}

fn erased(around: &Surroundings) -> Vec<String> {
    let mut erased: Vec<_> = around.erased.lock().unwrap().drain(..).collect();
    erased.sort_unstable();
    erased
}

#[tokio::test(start_paused = true)]
async fn erasing_waits_for_a_gateway_as_long_as_it_lives() {
    let (around, dispatcher) = with_one_frozen().await;
    let dies = async {
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        live(&around, &["one", "two"]);
    };
    let ((is_gone, lasted), ()) = tokio::join!(erase(&dispatcher), dies);
    assert!(is_gone && lasted >= Duration::from_millis(2_500), "{lasted:?}");
    assert!(lasted < Duration::from_millis(3_700), "{lasted:?}");
    assert_eq!(erased(&around), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn erasing_does_not_wait_for_ever() {
    let (around, dispatcher) = with_one_frozen().await;
    let (is_gone, lasted) = erase(&dispatcher).await;
    assert!(!is_gone && lasted < Duration::from_secs(6), "{lasted:?}");
    assert_eq!(erased(&around), ["one", "two"]);
    *around.frozen.lock().unwrap() = None;
    let (is_gone, lasted) = erase(&dispatcher).await;
    assert!(is_gone && lasted.is_zero(), "{lasted:?}");
    assert_eq!(erased(&around), ["frozen", "one", "two"]);
}

/// Whoever may have viewers is told, and nothing is promised.
#[tokio::test(start_paused = true)]
async fn erasing_while_nobody_knows_who_is_subscribed() {
    let (around, dispatcher) = with_one_frozen().await;
    around.is_away.store(true, Relaxed);
    assert!(!erase(&dispatcher).await.0);
    assert_eq!(erased(&around), ["one", "two"]);
}
