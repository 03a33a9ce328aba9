//! Queues among gateways that answer, fail and refuse.

use std::sync::Mutex;

use async_trait::async_trait;
use common::{event::EventId, ids::VideoId};
use tokio::sync::Semaphore;

use super::*;

/// Gateways by address: what each took, and how it answers.
struct Gateways {
    taken: Mutex<Vec<(String, usize)>>,
    fails_left: Mutex<usize>,
    refuses: bool,
    /// A call to the gateway `slow` takes a permit.
    permits: Semaphore,
}

impl Gateways {
    fn new(fails_left: usize, refuses: bool, permits: usize) -> Arc<Self> {
        let fails_left = Mutex::new(fails_left);
        let permits = Semaphore::new(permits);
        Arc::new(Self { taken: Mutex::default(), fails_left, refuses, permits })
    }

    fn taken(&self) -> Vec<(String, usize)> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl Deliver for Gateways {
    async fn deliver(&self, to: &Endpoint, batches: Arc<[VideoEntries]>) -> Result<(), LinkError> {
        if to.address == "slow" {
            self.permits.acquire().await.unwrap().forget();
        }
        let mut fails_left = self.fails_left.lock().unwrap();
        if *fails_left > 0 {
            *fails_left -= 1;
            return Err(if self.refuses {
                LinkError::Refused("told to".into())
            } else {
                LinkError::Unavailable("told to".into())
            });
        }
        self.taken.lock().unwrap().push((to.address.clone(), batches.len()));
        Ok(())
    }

    async fn erase(&self, _: &Endpoint, _: &VideoId, _: EventId) -> Result<(), LinkError> {
        unimplemented!("queues erase nothing")
    }
}

fn endpoint(address: &str) -> Endpoint {
    Endpoint { incarnation: Incarnation(address.into()), address: address.into() }
}

fn entries() -> VideoEntries {
    VideoEntries { video: "v".parse().unwrap(), entries: vec![] }
}

async fn settle() {
    tokio::time::sleep(Duration::from_secs(5)).await;
}

#[tokio::test(start_paused = true)]
async fn what_gathers_goes_in_one_call_and_a_slow_gateway_delays_no_other() {
    let gateways = Gateways::new(0, false, 1);
    let forward = Forward::new(gateways.clone());
    for _ in 0..3 {
        forward.queue(&endpoint("slow"), entries());
        settle().await;
    }
    forward.queue(&endpoint("quick"), entries());
    settle().await;
    let one = |address: &str, len| (address.to_owned(), len);
    assert_eq!(gateways.taken(), [one("slow", 1), one("quick", 1)]);
    gateways.permits.add_permits(2);
    forward.queue(&endpoint("slow"), entries());
    settle().await;
    assert_eq!(gateways.taken()[2..], [one("slow", 1), one("slow", 2)]);
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_gateway_is_tried_three_times() {
    for (fails, taken) in [(2, 1), (3, 0)] {
        let gateways = Gateways::new(fails, false, 0);
        Forward::new(gateways.clone()).queue(&endpoint("g"), entries());
        settle().await;
        assert_eq!(gateways.taken().len(), taken, "{fails} failures");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_final() {
    let gateways = Gateways::new(1, true, 0);
    Forward::new(gateways.clone()).queue(&endpoint("g"), entries());
    settle().await;
    assert_eq!(gateways.taken(), []);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_the_newest_and_a_dead_gateway_loses_its_queue() {
    let gateways = Gateways::new(0, false, 0);
    let forward = Forward::new(gateways.clone());
    for _ in 0..QUEUE_LEN_MAX + CALL_LEN_MAX + 10 {
        forward.queue(&endpoint("slow"), entries());
    }
    assert_eq!(forward.queues.len(), 1);
    forward.keep(&[endpoint("other")]);
    assert_eq!(forward.queues.len(), 0);
    gateways.permits.add_permits(100);
    settle().await;
    let sum: usize = gateways.taken().iter().map(|(_, len)| len).sum();
    assert_eq!(sum, QUEUE_LEN_MAX, "bounded, and what was queued is still sent");
}
