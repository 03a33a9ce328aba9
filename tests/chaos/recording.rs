//! What was seen and acknowledged: all that the checker knows.

use std::{collections::HashSet, sync::Mutex, time::Instant};

use common::ids::CommentId;

/// Something that a viewer was shown or told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Comment(CommentId),
    /// The same, without a position.
    Placeless(CommentId),
    /// `resume` said that it begins here.
    Joined,
    /// `resume` said that its position can't be continued; so many events are replayed.
    Reset {
        replayed: u64,
    },
    /// `resume` said that it is continued, at another gateway or another life of it.
    Moved,
    /// The same at the same one.
    Continued,
    /// So many events were left out.
    Skipped {
        count: u64,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) what: What,
}

/// One viewer's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    /// When it was first told where it begins.
    pub(crate) joined_at: Option<Instant>,
    /// In the order of arrival.
    pub(crate) seen: Vec<Seen>,
    /// Comments among them.
    pub(crate) ids: HashSet<CommentId>,
    /// The gateway it is connected to, once that has answered.
    pub(crate) gateway: Option<usize>,
    /// Why its EventSource gave up for good, which none should.
    pub(crate) given_up: Option<String>,
}

impl Recording {
    pub(crate) fn add(&mut self, what: What) {
        let at = Instant::now();
        match what {
            What::Comment(id) | What::Placeless(id) => {
                self.ids.insert(id);
            }
            What::Joined => {
                self.joined_at.get_or_insert(at);
            }
            What::Moved | What::Continued | What::Reset { .. } | What::Skipped { .. } => {}
        }
        self.seen.push(Seen { at, what });
    }

    /// Takes what was recorded; the viewer goes on with nothing seen.
    pub(crate) fn cut(&mut self) -> Self {
        let rest = Self { seen: Vec::new(), ids: HashSet::new(), ..self.clone_of_state() };
        std::mem::replace(self, rest)
    }

    fn clone_of_state(&self) -> Self {
        Self {
            joined_at: self.joined_at,
            gateway: self.gateway,
            given_up: self.given_up.clone(),
            ..Self::default()
        }
    }
}

/// A comment that was answered with 201 or 202.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) id: CommentId,
    /// Its Idempotency-Key, which is also its text.
    pub(crate) key: String,
    /// When it was first sent.
    pub(crate) sent_at: Instant,
    pub(crate) at: Instant,
    /// With 202.
    pub(crate) is_pending: bool,
    /// How often it was sent.
    pub(crate) attempts: u32,
}

/// The acknowledged comments by video, each video's in the order of their acknowledgement.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Vec<Vec<Acknowledged>>>);

impl Ledger {
    pub(crate) fn of(videos: usize) -> Self {
        Self(Mutex::new(vec![Vec::new(); videos]))
    }

    pub(crate) fn add(&self, video: usize, acknowledged: Acknowledged) {
        self.0.lock().unwrap()[video].push(acknowledged);
    }

    /// Takes all of it.
    pub(crate) fn cut(&self) -> Vec<Vec<Acknowledged>> {
        let mut videos = self.0.lock().unwrap();
        videos.iter_mut().map(std::mem::take).collect()
    }

    /// How many there are of each video.
    pub(crate) fn lens(&self) -> Vec<usize> {
        self.0.lock().unwrap().iter().map(Vec::len).collect()
    }

    /// Looks at those of one video.
    pub(crate) fn with<T>(&self, video: usize, look: impl FnOnce(&[Acknowledged]) -> T) -> T {
        look(&self.0.lock().unwrap()[video])
    }
}
