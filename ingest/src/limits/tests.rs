use std::{net::Ipv4Addr, sync::atomic::AtomicUsize, sync::atomic::Ordering::Relaxed};

use async_trait::async_trait;
use common::comment::Text;
use tokio::time::{advance, sleep};

use super::*;

const REFUSED: Verdict = Verdict::Refused { nth: 0, retry_after: Duration::from_millis(1_001) };

/// A limiter that answers as it is told to.
struct StandIn {
    answer: Mutex<Answer>,
    asked: AtomicUsize,
}

#[derive(Clone)]
enum Answer {
    Now(Result<Verdict, LimiterError>),
    Never,
}

impl StandIn {
    fn new(answer: Result<Verdict, LimiterError>) -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new(Answer::Now(answer)), asked: AtomicUsize::new(0) })
    }

    fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    fn times_asked(&self) -> usize {
        self.asked.swap(0, Relaxed)
    }
}

#[async_trait]
impl Limiter for StandIn {
    async fn admit(&self, _: &Ask) -> Result<Verdict, LimiterError> {
        self.asked.fetch_add(1, Relaxed);
        let answer = self.answer.lock().unwrap().clone();
        match answer {
            Answer::Now(answer) => answer,
            Answer::Never => std::future::pending().await,
        }
    }
}

fn away() -> Result<Verdict, LimiterError> {
    Err(LimiterError::Unavailable("gone fishing".to_owned()))
}

fn limits(shared: &Arc<StandIn>, local: &Arc<StandIn>) -> Limits {
    let config = config::Limits {
        comments_per_user_per_minute: 30,
        reactions_per_user_per_minute: 0,
        comments_per_video_per_second: 5,
        comments_per_address_per_minute: 0,
    };
    Limits::new(&config, shared.clone(), local.clone())
}

async fn admit(limits: &Limits) -> Result<(), Limited> {
    let text = Text::parse("hi").unwrap();
    let attempt = Attempt {
        author: &"u1".parse().unwrap(),
        video: &"v1".parse().unwrap(),
        address: Ipv4Addr::LOCALHOST.into(),
        key: None,
        text: &text,
        slow_mode_s: 10,
        unique_s: 0,
    };
    limits.admit(&attempt).await
}

#[tokio::test(start_paused = true)]
async fn the_shared_limiter_decides() {
    let (shared, local) = (StandIn::new(Ok(Verdict::Admitted)), StandIn::new(Ok(REFUSED)));
    let limits = limits(&shared, &local);
    assert_eq!(admit(&limits).await, Ok(()));
    let retry_after = Duration::from_millis(1_001);
    for (nth, limit) in [(0, Limit::Author), (1, Limit::SlowMode), (2, Limit::Video)] {
        shared.answers(Answer::Now(Ok(Verdict::Refused { nth, retry_after })));
        assert_eq!(admit(&limits).await, Err(Limited { limit, retry_after_s: 2 }));
    }
    assert_eq!((shared.times_asked(), local.times_asked()), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn while_it_is_away_the_local_one_decides() {
    let (shared, local) = (StandIn::new(away()), StandIn::new(Ok(REFUSED)));
    let limits = limits(&shared, &local);
    for _ in 0..3 {
        assert!(admit(&limits).await.is_err());
    }
    assert_eq!((shared.times_asked(), local.times_asked()), (1, 3), "not asked again so soon");
    advance(AWAY).await;
    shared.answers(Answer::Now(Ok(Verdict::Admitted)));
    for _ in 0..3 {
        assert_eq!(admit(&limits).await, Ok(()));
    }
    assert_eq!((shared.times_asked(), local.times_asked()), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_frozen_one_costs_its_patience_once() {
    let (shared, local) = (StandIn::new(away()), StandIn::new(Ok(Verdict::Admitted)));
    shared.answers(Answer::Never);
    let limits = limits(&shared, &local);
    let began = Instant::now();
    for _ in 0..3 {
        assert_eq!(admit(&limits).await, Ok(()));
    }
    assert_eq!(began.elapsed(), PATIENCE);
    assert_eq!((shared.times_asked(), local.times_asked()), (1, 3));
    sleep(AWAY).await;
    assert_eq!(admit(&limits).await, Ok(()));
    assert_eq!(shared.times_asked(), 1, "it is tried again");
}

#[tokio::test(start_paused = true)]
async fn an_undecided_token_is_not_an_outage() {
    let (shared, local) = (StandIn::new(Err(LimiterError::Undecided)), StandIn::new(Ok(REFUSED)));
    let limits = limits(&shared, &local);
    for _ in 0..2 {
        assert!(admit(&limits).await.is_err());
    }
    assert_eq!((shared.times_asked(), local.times_asked()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn with_none_left_everybody_may_post() {
    let limits = limits(&StandIn::new(away()), &StandIn::new(away()));
    assert_eq!(admit(&limits).await, Ok(()));
}

#[test]
fn waits_are_told_in_whole_seconds() {
    for (wait_us, seconds) in [(1, 1), (1_000_000, 1), (1_000_001, 2), (59_999_000, 60)] {
        assert_eq!(whole_seconds(Duration::from_micros(wait_us)), seconds, "{wait_us}");
    }
}
