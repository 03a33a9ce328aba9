//! Time buckets: how a video's comments are cut into partitions.
//!
//! A partition should stay under 100 MB, or repairs, compactions and reads of it hurt the whole
//! node. Measured on Cassandra 5: 105 bytes a comment whose text has 44. So a minute of one video
//! at 10,000 comments a second is 63 MB, and its partition reaches 100 MB at 16,000 a second; an
//! hour's would be 3.8 GB. The price of short buckets is paid by calm videos: a page of theirs lies
//! in many partitions. So a table tells which buckets of a video exist, and a page asks several at
//! once.

use std::{collections::HashSet, mem, sync::Mutex};

use common::ids::{CommentId, VideoId};

/// Length of a bucket.
const BUCKET_MS: u64 = 60_000;
/// Buckets remembered as announced, twice over.
const GENERATION_LEN: usize = 16_384;

/// The bucket that a comment lies in: minutes since 1970, by the time inside its id.
pub(super) fn bucket_of(id: CommentId) -> i64 {
    i64::try_from(id.unix_ms() / BUCKET_MS).unwrap_or(i64::MAX)
}

/// Which buckets this process has put in the table of buckets already. Bounded, so it may forget
/// one, which is then put there again: that changes nothing.
#[derive(Default)]
pub(super) struct Announced(Mutex<Generations>);

/// The newer set fills up; when it is full it becomes the older one, whose content is forgotten.
#[derive(Default)]
struct Generations {
    newer: HashSet<(VideoId, i64)>,
    older: HashSet<(VideoId, i64)>,
}

impl Announced {
    pub(super) fn contains(&self, video: &VideoId, bucket: i64) -> bool {
        let generations = self.lock();
        let key = (video.clone(), bucket);
        generations.newer.contains(&key) || generations.older.contains(&key)
    }

    pub(super) fn insert(&self, video: &VideoId, bucket: i64) {
        let mut generations = self.lock();
        if generations.newer.len() >= GENERATION_LEN {
            generations.older = mem::take(&mut generations.newer);
        }
        generations.newer.insert((video.clone(), bucket));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Generations> {
        // Whole sets are moved or single items added: a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_a_minute() {
        // 2024-06-14T10:14:09.300Z
        let id: CommentId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        assert_eq!(bucket_of(id), 1_718_360_049 / 60);
        let last: CommentId = "ffffffff-ffff-7fff-bfff-ffffffffffff".parse().unwrap();
        assert!(bucket_of(last) > i64::from(i32::MAX), "an int column would be too narrow");
    }

    #[test]
    fn memory_of_what_was_announced_is_bounded() {
        let (announced, video) = (Announced::default(), "v".parse().unwrap());
        let last = i64::try_from(10 * GENERATION_LEN).unwrap();
        for bucket in 0..=last {
            announced.insert(&video, bucket);
        }
        assert!(announced.contains(&video, last) && !announced.contains(&video, 0));
        assert!(!announced.contains(&"w".parse().unwrap(), last));
        let held = announced.lock();
        assert!(held.newer.len() + held.older.len() <= 2 * GENERATION_LEN);
    }
}
