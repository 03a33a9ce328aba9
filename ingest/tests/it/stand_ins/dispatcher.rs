//! A dispatcher that counts what it is given.

use std::sync::Mutex;

use async_trait::async_trait;
use common::{
    event::{Event, EventId, VideoEvents},
    ids::VideoId,
    link::{Accepted, Dispatch, LinkError, NotAppended},
    position::{Epoch, Position},
};

/// What a dispatcher does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Mood {
    /// Takes all.
    #[default]
    Takes,
    /// Is not reached.
    Fails,
    /// Is reached and never answers.
    Sticks,
    /// Answers that it has no room.
    IsFull,
    /// Answers, but can append nothing.
    AppendsNothing,
}

/// A dispatcher.
#[derive(Default)]
pub(crate) struct Dispatcher {
    mood: Mutex<Mood>,
    offered: Mutex<Vec<Event>>,
    taken: Mutex<Vec<Event>>,
    shown_anyway: Mutex<Vec<Event>>,
}

impl Dispatcher {
    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How many events it was given.
    pub(crate) fn offered(&self) -> usize {
        self.offered.lock().unwrap().len()
    }

    /// How many events it took.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// What it could not append, and was to show all the same.
    pub(crate) fn shown_anyway(&self) -> Vec<EventId> {
        self.shown_anyway.lock().unwrap().iter().map(|event| event.id).collect()
    }

    /// What it took, in order.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.taken.lock().unwrap().clone()
    }
}

#[async_trait]
impl Dispatch for Dispatcher {
    async fn dispatch(&self, batches: Vec<VideoEvents>) -> Result<Vec<Accepted>, LinkError> {
        let anyway = batches.iter().filter(|batch| batch.show_anyway);
        let anyway: Vec<_> = anyway.flat_map(|batch| batch.events.clone()).collect();
        let events: Vec<_> = batches.into_iter().flat_map(|batch| batch.events).collect();
        assert!(!events.is_empty(), "a call for nothing");
        self.offered.lock().unwrap().extend(events.iter().cloned());
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Takes => {
                let mut taken = self.taken.lock().unwrap();
                let place = |seq| Ok(Position { epoch: Epoch(7), seq });
                let places = (taken.len() as u64 + 1..).take(events.len()).map(place).collect();
                taken.extend(events);
                Ok(places)
            }
            Mood::Fails => Err(LinkError::Unavailable("told to fail".into())),
            Mood::Sticks => std::future::pending().await,
            Mood::IsFull => Err(LinkError::Overloaded),
            Mood::AppendsNothing => {
                self.shown_anyway.lock().unwrap().extend(anyway);
                Ok(vec![Err(NotAppended::LogAway("told to fail".into())); events.len()])
            }
        }
    }

    async fn erase(&self, _: &VideoId, _: EventId) -> Result<bool, LinkError> {
        let mood = *self.mood.lock().unwrap();
        match mood {
            Mood::Takes => Ok(true),
            Mood::Fails => Err(LinkError::Unavailable("told to fail".into())),
            Mood::Sticks => std::future::pending().await,
            Mood::IsFull => Err(LinkError::Overloaded),
            Mood::AppendsNothing => Ok(false),
        }
    }
}
