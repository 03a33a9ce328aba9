use common::{event::*, ids::VideoId, live_log::*, position::*};
use std::{sync::Arc, time::Instant};
use uuid::Uuid;
#[tokio::main(flavor = "current_thread")]
async fn main() {
    let url = std::env::args().nth(1).unwrap();
    let r = Retention { replay_max: 20000, replay_ttl_s: 600, dedup_s: 120 };
    let origin: Arc<Origin> = Arc::new("dc1".parse().unwrap());
    let data: bytes::Bytes = vec![b'x'; 300].into();
    let ev = || Event {
        id: EventId::from_bytes(*Uuid::now_v7().as_bytes()),
        kind: Kind::COMMENT,
        data: data.clone(),
    };
    let s: Arc<dyn LiveLog> = if url == "memory" {
        Arc::new(store::memory::MemoryStore::new(origin, r))
    } else {
        Arc::new(store::redis::RedisStore::connect(&url, origin, r).await.unwrap())
    };
    for (videos, per, pipe, what) in [
        (1000usize, 1usize, 64usize, "1 event x 64 videos a trip"),
        (1000, 50, 8, "50 events x 8 videos"),
        (1, 50, 1, "50 events x 1 video"),
        (1, 1, 1, "1 x 1"),
        (50, 5, 50, "5 x 50"),
    ] {
        let vs: Vec<VideoId> =
            (0..videos).map(|_| format!("b-{}", Uuid::now_v7()).parse().unwrap()).collect();
        let trips = 100_000 / (per * pipe).max(20);
        let mut batches: Vec<Vec<VideoEvents>> = (0..trips)
            .map(|t| {
                (0..pipe)
                    .map(|p| VideoEvents {
                        video: vs[(t * pipe + p) % videos].clone(),
                        events: (0..per).map(|_| ev()).collect(),
                    })
                    .collect()
            })
            .collect();
        let t = Instant::now();
        let window = 2;
        let mut running = std::collections::VecDeque::new();
        while let Some(b) = batches.pop() {
            let s = s.clone();
            running.push_back(common::task::spawn("x", async move {
                for a in s.append(b).await {
                    a.unwrap();
                }
            }));
            if running.len() >= window {
                running.pop_front().unwrap().await.unwrap();
            }
        }
        for h in running {
            h.await.unwrap();
        }
        let e = t.elapsed().as_secs_f64();
        println!(
            "{what}: {:.0} scripts/s, {:.0} events/s",
            (trips * pipe) as f64 / e,
            (trips * pipe * per) as f64 / e
        );
    }
    let vs: Vec<VideoId> = (0..100_000).map(|n| format!("h{n}").parse().unwrap()).collect();
    for _ in 0..2 {
        let t = Instant::now();
        s.heads(&vs).await.unwrap();
        println!("heads of 100k: {:?}", t.elapsed());
    }
    let buckets: Vec<u16> = (0..256).collect();
    let t = Instant::now();
    let n = s.changed(&buckets, 0).await.unwrap();
    println!("changed, all: {} {:?}", n.heads.len(), t.elapsed());
    let t = Instant::now();
    for _ in 0..100 {
        s.changed(&buckets, n.now_ms + 5).await.unwrap();
    }
    println!("changed, nothing new: {:?} each", t.elapsed() / 100);
    let v = &vs[0];
    s.append(vec![VideoEvents { video: v.clone(), events: (0..20000).map(|_| ev()).collect() }])
        .await[0]
        .as_ref()
        .unwrap();
    let t = Instant::now();
    for _ in 0..100 {
        assert_eq!(s.read(v, From::Newest, 200).await.unwrap().entries.len(), 200);
    }
    println!("read newest 200 of 20000: {:?}", t.elapsed() / 100);
    let head = s.read(v, From::Newest, 0).await.unwrap().head;
    let t = Instant::now();
    for _ in 0..100 {
        assert_eq!(
            s.read(v, From::After(Position { seq: 10000, ..head }), 200)
                .await
                .unwrap()
                .entries
                .len(),
            200
        );
    }
    println!("read 200 from the middle: {:?}", t.elapsed() / 100);
}
