//! What a process has counted of each video, until it is told and kept: [`TallyBook`].

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use crate::{
    ids::VideoId,
    totals::{Counter, Row, Source, Totals},
};

/// Of the pages that can be spared when there is no more room, the share that goes.
const SPARED_SHARE: usize = 8;

/// There is no room for another video: all pages have something that is not told or kept yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many videos are counted at once")]
pub struct NoRoom;

/// Cumulative totals by video, so many at most. When there is no more room, pages that were not
/// written to for longest go, of those that are told and kept as they are; a video that comes back
/// has a page of another source, which adds up with the first.
pub struct TallyBook {
    /// Begins the names of all its sources, which are numbered.
    name: Source,
    sources: AtomicU64,
    pages: Mutex<Pages>,
    len_max: usize,
    /// Whether what is counted is to be kept as well as told.
    is_kept: bool,
}

type Pages = HashMap<VideoId, Page>;

struct Page {
    source: Source,
    totals: Totals,
    is_untold: bool,
    is_unkept: bool,
    written: Instant,
}

impl TallyBook {
    /// An empty one, of whose rows each is to be told ([`told`](Self::told)) and kept
    /// ([`kept`](Self::kept)).
    #[must_use]
    pub fn new(len_max: usize) -> Self {
        let (name, sources) = (Source::fresh(), AtomicU64::new(0));
        Self { name, sources, pages: Mutex::default(), len_max, is_kept: true }
    }

    /// The same where rows are only told: others keep them.
    #[must_use]
    pub fn of_told(len_max: usize) -> Self {
        Self { is_kept: false, ..Self::new(len_max) }
    }

    /// Counts something of a video.
    ///
    /// # Errors
    /// When there is no room; nothing is counted.
    pub fn add(&self, video: &VideoId, counter: &Counter, count: u64) -> Result<(), NoRoom> {
        let mut pages = self.pages();
        self.make_room_in(&mut pages, video)?;
        self.add_to(&mut pages, video, counter, count);
        Ok(())
    }

    /// Makes room for a video, for who must know before something is done that it can be counted.
    ///
    /// # Errors
    /// When there is none.
    pub fn make_room(&self, video: &VideoId) -> Result<(), NoRoom> {
        self.make_room_in(&mut self.pages(), video)
    }

    fn make_room_in(&self, pages: &mut Pages, video: &VideoId) -> Result<(), NoRoom> {
        let is_full = !pages.contains_key(video) && pages.len() >= self.len_max;
        if is_full { spare(pages, self.len_max) } else { Ok(()) }
    }

    /// Counts something of a video for which there was room a moment ago. It has a page even if others
    /// have taken that room: there are so many more than it may have as do this at once.
    pub fn add_anyhow(&self, video: &VideoId, counter: &Counter, count: u64) {
        self.add_to(&mut self.pages(), video, counter, count);
    }

    fn add_to(&self, pages: &mut Pages, video: &VideoId, counter: &Counter, count: u64) {
        let page = pages.entry(video.clone()).or_insert_with(|| Page::new(self.next_source()));
        page.totals.add(counter, count);
        (page.is_untold, page.is_unkept, page.written) = (true, self.is_kept, Instant::now());
    }

    fn next_source(&self) -> Source {
        self.name.numbered(self.sources.fetch_add(1, Relaxed))
    }

    /// What was counted of a video here.
    #[must_use]
    pub fn row(&self, video: &VideoId) -> Option<Row> {
        self.pages().get(video).map(|page| page.row(video))
    }

    /// The rows that are to be told.
    #[must_use]
    pub fn untold(&self) -> Vec<Row> {
        self.rows(|page| page.is_untold)
    }

    /// Notes that these rows were told. One that has grown meanwhile is to be told again.
    pub fn told(&self, rows: &[Row]) {
        self.note(rows, |page| page.is_untold = false);
    }

    /// All rows are to be told again: whoever was told may have lost them.
    pub fn tell_all_again(&self) {
        self.pages().values_mut().for_each(|page| page.is_untold = true);
    }

    /// The rows that are to be kept.
    #[must_use]
    pub fn unkept(&self) -> Vec<Row> {
        self.rows(|page| page.is_unkept)
    }

    /// Notes that these rows were kept. They are told once more: what was told before may have been
    /// lost, and filled again from what was kept until then, with nobody to notice.
    pub fn kept(&self, rows: &[Row]) {
        self.note(rows, |page| (page.is_unkept, page.is_untold) = (false, true));
    }

    fn rows(&self, is_wanted: impl Fn(&Page) -> bool) -> Vec<Row> {
        let pages = self.pages();
        let wanted = pages.iter().filter(|(_, page)| is_wanted(page));
        wanted.map(|(video, page)| page.row(video)).collect()
    }

    fn note(&self, rows: &[Row], note: impl Fn(&mut Page)) {
        let mut pages = self.pages();
        for Row { video, source, totals } in rows {
            let page = pages.get_mut(video);
            if let Some(page) = page.filter(|p| p.source == *source && p.totals == *totals) {
                note(page);
            }
        }
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn new(source: Source) -> Self {
        let totals = Totals::default();
        Self { source, totals, is_untold: false, is_unkept: false, written: Instant::now() }
    }

    fn row(&self, video: &VideoId) -> Row {
        Row { video: video.clone(), source: self.source.clone(), totals: self.totals.clone() }
    }
}

/// Makes room for some videos.
fn spare(pages: &mut Pages, len_max: usize) -> Result<(), NoRoom> {
    let can_go = |page: &Page| !page.is_untold && !page.is_unkept;
    let mut ages: Vec<_> = pages.values().filter(|p| can_go(p)).map(|page| page.written).collect();
    let count = len_max.div_ceil(SPARED_SHARE).min(ages.len());
    let last = count.checked_sub(1).ok_or(NoRoom)?;
    let (_, newest, _) = ages.select_nth_unstable(last);
    let (newest, mut left) = (*newest, count);
    pages.retain(|_, page| {
        let goes = can_go(page) && page.written <= newest && left > 0;
        left -= usize::from(goes);
        !goes
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video(n: usize) -> VideoId {
        format!("v{n}").parse().unwrap()
    }

    fn like() -> Counter {
        Counter::of_reaction("like").unwrap()
    }

    fn texts(rows: &[Row]) -> Vec<String> {
        rows.iter().map(|row| row.totals.to_string()).collect()
    }

    #[test]
    fn what_grows_while_it_is_told_is_told_again() {
        let book = TallyBook::new(8);
        book.add(&video(1), &like(), 2).unwrap();
        let told = book.untold();
        assert_eq!(texts(&told), ["r/like 2"]);
        book.add(&video(1), &like(), 1).unwrap();
        book.told(&told);
        let told = book.untold();
        assert_eq!(texts(&told), ["r/like 3"]);
        book.told(&told);
        assert_eq!(book.untold(), []);
        assert_eq!(book.row(&video(1)).as_ref(), told.first());
    }

    /// A log that is lost and filled between telling and keeping has lost what was told.
    #[test]
    fn what_was_kept_is_told_once_more() {
        let book = TallyBook::new(8);
        book.add(&video(1), &like(), 2).unwrap();
        book.told(&book.untold());
        let kept = book.unkept();
        assert_eq!((texts(&kept), book.untold().len()), (vec!["r/like 2".to_owned()], 0));
        book.kept(&kept);
        assert_eq!((book.unkept(), book.untold()), (vec![], kept));
    }

    #[test]
    fn what_others_keep_is_only_told() {
        let book = TallyBook::of_told(8);
        book.add(&video(1), &Counter::VIEWS, 1).unwrap();
        assert_eq!((book.unkept().len(), book.untold().len()), (0, 1));
    }

    #[test]
    fn what_was_told_and_is_lost_is_told_again() {
        let book = TallyBook::of_told(8);
        for n in 0..3 {
            book.add(&video(n), &Counter::VIEWS, 1).unwrap();
        }
        book.told(&book.untold());
        assert_eq!(book.untold(), []);
        book.tell_all_again();
        assert_eq!((book.untold().len(), book.unkept().len()), (3, 0));
        book.told(&book.untold());
        assert_eq!(book.untold(), []);
    }

    /// Who was told that there is room may count, whatever came in between.
    #[test]
    fn what_there_was_room_for_is_counted() {
        let book = TallyBook::new(1);
        book.make_room(&video(1)).unwrap();
        book.add(&video(2), &like(), 1).unwrap();
        book.add_anyhow(&video(1), &like(), 1);
        assert_eq!(book.untold().len(), 2);
        assert_eq!(book.make_room(&video(3)), Err(NoRoom));
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_that_are_told_and_kept_make_room() {
        let book = TallyBook::new(16);
        for n in 0..16 {
            book.add(&video(n), &like(), 1).unwrap();
            tokio::time::advance(std::time::Duration::from_secs(1)).await;
        }
        assert_eq!(book.add(&video(16), &like(), 1), Err(NoRoom));
        assert_eq!(book.make_room(&video(16)), Err(NoRoom));
        assert_eq!(book.add(&video(15), &like(), 1), Ok(()), "one that has a page");
        book.kept(&book.unkept());
        book.told(&book.untold());
        let first = book.row(&video(0)).unwrap();
        book.add(&video(1), &like(), 1).unwrap();
        book.add(&video(16), &like(), 1).unwrap();
        let gone: Vec<_> = (0..17).filter(|n| book.row(&video(*n)).is_none()).collect();
        assert_eq!(gone, [0, 2], "not what is to be told");
        book.add(&video(0), &like(), 1).unwrap();
        let second = book.row(&video(0)).unwrap();
        assert_eq!(second.totals, first.totals);
        assert_ne!(second.source, first.source, "another source, so that both add up");
    }
}
