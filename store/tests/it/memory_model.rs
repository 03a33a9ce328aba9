//! Random histories of a live log in memory against a model that keeps everything.

use std::{collections::HashMap, time::Duration};

use common::{
    event::{Event, EventId, Kind},
    ids::VideoId,
    live_log::{From, LiveLog, Retention},
    position::{Position, Seq},
};
use proptest::{prelude::*, test_runner::TestCaseError};
use store::memory::MemoryStore;
use tokio::time::advance;

use crate::live::{append, origin};

const RETENTION: Retention = Retention { replay_max: 8, replay_ttl_s: 10, dedup_s: 2 };

#[derive(Debug, Clone)]
enum Op {
    Append { video: usize, ids: Vec<u8> },
    ReadAfter { video: usize, seq: Seq, limit: usize },
    ReadNewest { video: usize, limit: usize },
    Wait { ms: u64 },
    Sweep,
}

fn op() -> impl Strategy<Value = Op> {
    let video = 0..2_usize;
    prop_oneof![
        4 => (video.clone(), prop::collection::vec(0..12_u8, 1..6))
            .prop_map(|(video, ids)| Op::Append { video, ids }),
        2 => (video.clone(), 0..40_u64, 0..12_usize)
            .prop_map(|(video, seq, limit)| Op::ReadAfter { video, seq, limit }),
        1 => (video, 0..12_usize).prop_map(|(video, limit)| Op::ReadNewest { video, limit }),
        2 => (0..3_000_u64).prop_map(|ms| Op::Wait { ms }),
        1 => Just(Op::Sweep),
    ]
}

/// One video: every entry that there ever was, as (id, time), its seq being its index + 1.
#[derive(Default)]
struct Model {
    said: Vec<(u8, u64)>,
    last: HashMap<u8, usize>,
}

impl Model {
    /// Takes over the log's answer, if it may be.
    fn appended(&mut self, id: u8, seq: Seq, now_ms: u64) -> Result<(), TestCaseError> {
        let next = self.said.len() + 1;
        let seq = usize::try_from(seq).unwrap();
        let known = self.last.get(&id).map(|at| (at + 1, now_ms - self.said[*at].1));
        match known {
            Some((place, age_ms)) if age_ms < 1_000 * RETENTION.dedup_s => {
                prop_assert_eq!(seq, place, "known for dedup_s at least");
            }
            Some((place, _)) => prop_assert!(seq == place || seq == next),
            None => prop_assert_eq!(seq, next, "never said before"),
        }
        if seq == next {
            self.last.insert(id, self.said.len());
            self.said.push((id, now_ms));
        }
        Ok(())
    }

    /// Seq of the oldest entry that is held.
    fn first(&self, now_ms: u64) -> usize {
        let by_count = self.said.len().saturating_sub(RETENTION.replay_max);
        let too_old = |(_, at_ms): &(u8, u64)| now_ms - at_ms > 1_000 * RETENTION.replay_ttl_s;
        1 + by_count.max(self.said.iter().take_while(|said| too_old(said)).count())
    }
}

/// The store, and what is known about it.
struct World {
    store: MemoryStore,
    videos: [VideoId; 2],
    models: [Model; 2],
    heads: Vec<Position>,
    touched_ms: [u64; 2],
    now_ms: u64,
}

impl World {
    async fn new() -> Self {
        let store = MemoryStore::new(origin(), RETENTION);
        let videos = ["a", "b"].map(|name| name.parse().unwrap());
        let heads = store.heads(&videos).await.unwrap();
        Self { store, videos, models: Default::default(), heads, touched_ms: [0; 2], now_ms: 0 }
    }

    async fn step(&mut self, op: Op) -> Result<(), TestCaseError> {
        match op {
            Op::Append { video, ids } => self.append(video, &ids).await,
            Op::ReadAfter { video, seq, limit } => {
                let from = From::After(Position { seq, ..self.heads[video] });
                self.read(video, from, limit).await
            }
            Op::ReadNewest { video, limit } => self.read(video, From::Newest, limit).await,
            Op::Wait { ms } => {
                advance(Duration::from_millis(ms)).await;
                self.now_ms += ms;
                Ok(())
            }
            Op::Sweep => self.sweep().await,
        }
    }

    async fn append(&mut self, video: usize, ids: &[u8]) -> Result<(), TestCaseError> {
        let said: Vec<Event> = ids.iter().map(|byte| event(*byte)).collect();
        let appended = append(&self.store, &self.videos[video], &said).await;
        self.touched_ms[video] = self.now_ms;
        let mut answers = ids.iter().zip(appended.entries);
        let model = &mut self.models[video];
        answers.try_for_each(|(id, entry)| model.appended(*id, entry.position.seq, self.now_ms))
    }

    async fn read(&mut self, video: usize, from: From, limit: usize) -> Result<(), TestCaseError> {
        let page = self.store.read(&self.videos[video], from, limit).await.unwrap();
        self.touched_ms[video] = self.now_ms;
        let model = &self.models[video];
        let (first, head) = (model.first(self.now_ms), model.said.len());
        prop_assert_eq!((page.first, page.head.seq), (first as u64, head as u64));
        prop_assert_eq!(page.head.epoch, self.heads[video].epoch);
        let start = match from {
            From::Newest => (head + 1).saturating_sub(limit).max(first),
            From::After(position) => usize::try_from(position.seq + 1).unwrap().max(first),
        };
        let entry = |seq: usize| (seq as u64, event(model.said[seq - 1].0));
        let expected: Vec<_> = (start..=head).take(limit).map(entry).collect();
        let read = page.entries.into_iter().map(|entry| (entry.position.seq, entry.event));
        prop_assert_eq!(read.collect::<Vec<_>>(), expected);
        Ok(())
    }

    async fn sweep(&mut self) -> Result<(), TestCaseError> {
        self.store.sweep();
        let heads = self.store.heads(&self.videos).await.unwrap();
        for (video, head) in heads.iter().enumerate() {
            let idle_ms = self.now_ms - self.touched_ms[video];
            let dropped = idle_ms > 1_000 * RETENTION.replay_ttl_s;
            prop_assert_eq!(head.epoch > self.heads[video].epoch, dropped);
            if dropped {
                self.models[video] = Model::default();
            }
        }
        (self.heads, self.touched_ms) = (heads, [self.now_ms; 2]);
        Ok(())
    }
}

fn event(id: u8) -> Event {
    Event { id: EventId::from_bytes([id; 16]), kind: Kind::COMMENT, data: vec![id].into() }
}

async fn run(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let mut world = World::new().await;
    for op in ops {
        world.step(op).await?;
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_history_is_what_the_model_says(ops in prop::collection::vec(op(), 1..60)) {
        let paused = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        paused.block_on(run(ops))?;
    }
}
