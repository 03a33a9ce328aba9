//! What only numbers in memory do: they are swept, by their own clock.

use std::{slice::from_ref, time::Duration};

use common::{
    live_log::bucket_of,
    tallies::{FILL_AGE_MAX, Tallies},
    totals::Source,
};
use store::memory::MemoryStore;
use tokio::time::advance;

use crate::{
    live::{AMPLE, origin, video},
    tallies::row,
};

/// Anybody may ask for the numbers of any video.
#[tokio::test(start_paused = true)]
async fn what_has_no_numbers_is_soon_forgotten() {
    let (store, asked, counted) = (MemoryStore::new(origin(), AMPLE), video(), video());
    store.fill(&asked, &[]).await.unwrap();
    store.fill(&counted, &[row(&counted, &Source::fresh(), "r/like 1")]).await.unwrap();
    let known = async || {
        store.sweep();
        let tallies = store.tallies(&[asked.clone(), counted.clone()]).await.unwrap();
        [0, 1].map(|nth| tallies[nth].totals.is_some())
    };
    advance(Duration::from_secs(890)).await;
    assert_eq!(known().await, [true, true]);
    advance(Duration::from_secs(20)).await;
    assert_eq!(known().await, [false, true]);
    advance(Duration::from_secs(24 * 3_600)).await;
    assert_eq!(known().await, [false, false]);
}

#[tokio::test(start_paused = true)]
async fn an_old_fill_is_answered_and_wanted_again() {
    let (store, video, source) = (MemoryStore::new(origin(), AMPLE), video(), Source::fresh());
    let wanted = async || {
        let tallies = store.tallies(from_ref(&video)).await.unwrap();
        assert!(tallies[0].totals.is_some(), "it is answered");
        store.wanted(10).await.unwrap()
    };
    let rows = [row(&video, &source, "r/like 1")];
    let fill = || store.fill(&video, &rows);
    fill().await.unwrap();
    assert_eq!(wanted().await, []);
    advance(FILL_AGE_MAX + Duration::from_secs(1)).await;
    assert_eq!(wanted().await, from_ref(&video));
    let since_ms = store.changed(&[], 0).await.unwrap().now_ms;
    fill().await.unwrap();
    assert_eq!(wanted().await, []);
    let changed = store.changed(&[bucket_of(&video)], since_ms).await.unwrap();
    assert_eq!(changed.tallies, [], "nothing was missing");
}
