//! Has a stored comment announced: by its video's first choice of dispatcher, or the next.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use common::{
    event::{Event, EventId},
    ids::VideoId,
    link::LinkError,
};
use tokio::time::{Instant, timeout};

use crate::{
    away::LogWatch,
    budget::Budget,
    dispatchers::Dispatchers,
    outbox::{NotTaken, Outbox},
    vigil::Vigil,
    window::Until,
};

/// For all attempts together.
const DEADLINE: Duration = Duration::from_secs(2);
/// Before all dispatchers are asked again; twice as long each time.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest wait until all gateways have taken something away: the dispatcher's, and a little more.
const ERASE_PATIENCE: Duration = Duration::from_millis(4_500);

/// An event for a video's viewers.
#[derive(Debug, Clone)]
pub(crate) struct Announcement {
    pub(crate) video: VideoId,
    pub(crate) event: Event,
    /// After that it must not leave this process any more.
    pub(crate) until: Until,
    /// Whether it is shown without a place if the live log is away.
    pub(crate) show_anyway: bool,
    /// When a live log took it that was lost since.
    pub(crate) taken_at: Option<Instant>,
}

impl Announcement {
    pub(crate) fn of(video: VideoId, event: Event, until: Until) -> Self {
        Self { video, event, until, show_anyway: false, taken_at: None }
    }
}

/// The way to the live log, as [`Intake`](crate::intake::Intake) knows it. `false` says nothing
/// about whether viewers see it; announcing again is harmless within the announcement's window.
pub(crate) trait Announce: Send + Sync + 'static {
    /// Whether a dispatcher has taken it, tried within the deadline and the budget for retries.
    fn announce(&self, announcement: Announcement) -> impl Future<Output = bool> + Send;

    /// Whether a dispatcher has taken it at the first attempt: for what is tried again anyway.
    fn announce_once(&self, announcement: Announcement) -> impl Future<Output = bool> + Send;

    /// Whether no gateway holds anything of an event that was deleted.
    fn erase(&self, video: &VideoId, event: EventId) -> impl Future<Output = bool> + Send;
}

/// Announces by dispatchers.
pub(crate) struct Announcer {
    dispatchers: Dispatchers,
    budget: Mutex<Budget>,
    log: LogWatch,
    pub(crate) vigil: Vigil,
}

/// How a round of all dispatchers ended, when none of them took the comment.
enum Round {
    /// Asking again may help.
    Retry,
    /// None that answered can reach the live log.
    LogAway,
    /// The same, and the last one has shown it all the same.
    Shown,
    /// It must not be announced any more, or there is no budget for another attempt.
    Over,
}

impl Announcer {
    pub(crate) fn new(dispatchers: Dispatchers) -> Self {
        Self {
            dispatchers,
            budget: Mutex::new(Budget::new(Instant::now())),
            log: LogWatch::new(),
            vigil: Vigil::default(),
        }
    }

    /// What the live log has taken is watched over from then on.
    async fn send(
        &self,
        outbox: &Outbox,
        announcement: Announcement,
        deadline: Instant,
    ) -> Result<(), NotTaken> {
        let sent = outbox.send(announcement.clone(), deadline).await;
        if let Err(NotTaken::Failed(error)) = &sent {
            failed(error);
        }
        let position = sent?;
        let announcement = Announcement { show_anyway: false, ..announcement };
        self.vigil.begin(announcement, position.epoch);
        Ok(())
    }

    fn may_repeat(&self) -> bool {
        let may = self.budget(Budget::withdraw);
        if !may {
            metrics::counter!("chorus_ingest_retries_refused_total").increment(1);
        }
        may
    }

    fn budget<T>(&self, act: impl FnOnce(&mut Budget, Instant) -> T) -> T {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut budget, Instant::now())
    }

    /// Asks all dispatchers, one after the other, until one has taken it. The last one shows it anyway
    /// if it can't reach the live log and none before had anything else to say: nobody is left who
    /// might give it a place.
    async fn round(
        &self,
        announcement: &Announcement,
        is_repeated: &mut bool,
        deadline: Instant,
    ) -> Result<(), Round> {
        let (mut is_away, mut may_help) = (false, false);
        let ranked = self.dispatchers.ranked(&announcement.video);
        let last = ranked.len().saturating_sub(1);
        for (nth, outbox) in ranked.into_iter().enumerate() {
            let show_anyway = nth == last && !may_help;
            if *is_repeated && !self.may_repeat() {
                return Err(if is_away { Round::LogAway } else { Round::Over });
            }
            let announcement = Announcement { show_anyway, ..announcement.clone() };
            match self.send(&outbox, announcement, deadline).await {
                Ok(()) => return Ok(()),
                Err(NotTaken::TooLate) => return Err(Round::Over),
                Err(NotTaken::Unsent) => may_help = true,
                Err(NotTaken::LogAway) if show_anyway => return Err(Round::Shown),
                Err(NotTaken::LogAway) => (*is_repeated, is_away) = (true, true),
                Err(NotTaken::Failed(error)) => {
                    *is_repeated = true;
                    may_help |= error == LinkError::Overloaded;
                }
            }
        }
        Err(if is_away && !may_help { Round::LogAway } else { Round::Retry })
    }

    /// Has one dispatcher append it or, failing that, show it without a place. This is asked for
    /// once, so it needs no budget.
    async fn show_anyway(
        &self,
        announcement: &Announcement,
        deadline: Instant,
    ) -> Result<(), Round> {
        let announcement = Announcement { show_anyway: true, ..announcement.clone() };
        for outbox in self.dispatchers.ranked(&announcement.video) {
            match self.send(&outbox, announcement.clone(), deadline).await {
                Ok(()) => return Ok(()),
                Err(NotTaken::LogAway) => return Err(Round::Shown),
                Err(NotTaken::TooLate) => return Err(Round::Over),
                Err(NotTaken::Failed(_) | NotTaken::Unsent) => {}
            }
        }
        Err(Round::Retry)
    }
}

impl Announce for Announcer {
    async fn announce(&self, announcement: Announcement) -> bool {
        let deadline = Instant::now() + DEADLINE;
        self.budget(|budget, _| budget.deposit());
        let (mut is_repeated, mut pause) = (false, PAUSE_MIN);
        loop {
            // What it costs to ask a second time is for the budget to say.
            let is_away = !is_repeated && self.log.is_away();
            let mut round = if is_away {
                self.show_anyway(&announcement, deadline).await
            } else {
                self.round(&announcement, &mut is_repeated, deadline).await
            };
            if matches!(round, Err(Round::LogAway)) {
                self.log.note(true);
                round = self.show_anyway(&announcement, deadline).await;
            }
            match round {
                Ok(()) => {
                    self.log.note(false);
                    return true;
                }
                Err(Round::Over) => return false,
                Err(Round::Shown) => {
                    // One dispatcher's word is not renewed: all are asked again soon.
                    if !is_away {
                        self.log.note(true);
                    }
                    return false;
                }
                Err(Round::LogAway | Round::Retry) => {}
            }
            is_repeated = true;
            if Instant::now() + pause >= deadline {
                return false;
            }
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn announce_once(&self, announcement: Announcement) -> bool {
        let first = self.dispatchers.ranked(&announcement.video).into_iter().next();
        let Some(outbox) = first else { return false };
        self.send(&outbox, announcement, Instant::now() + DEADLINE).await.is_ok()
    }

    /// Any dispatcher will do.
    async fn erase(&self, video: &VideoId, event: EventId) -> bool {
        for outbox in self.dispatchers.ranked(video) {
            match timeout(ERASE_PATIENCE, outbox.erase(video, event)).await {
                Ok(Ok(is_gone)) => return is_gone,
                Ok(Err(error)) => failed(&error),
                Err(_) => return false,
            }
        }
        false
    }
}

fn failed(error: &LinkError) {
    metrics::counter!("chorus_ingest_announce_failed_total").increment(1);
    tracing::debug!(%error, "a dispatcher did not take a comment");
}
