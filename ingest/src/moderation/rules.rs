//! What a video's room says to a comment that somebody wants to post.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use common::{
    ambient,
    auth::Principal,
    comment::Text,
    comment_store::StoreError,
    config::VideoCreate,
    ids::{ActionId, VideoId},
    problem::{Code, FieldError, Problem},
    room::{VideoState, WhoCanComment},
    room_store::{RoomStore, Slot, SlotName},
};

use super::{
    action::{BanSlot, VideoSlot},
    settings::{Settings, settings_in},
    words::Words,
};

/// Videos whose settings are kept ready.
const KEPT_MAX: usize = 1_024;

/// A video's settings, made ready to be applied.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) settings: Settings,
    words: Words,
}

/// Settings by version, so that words are made ready once.
#[derive(Default)]
pub(crate) struct Rulebook {
    kept: Mutex<HashMap<VideoId, (ActionId, Arc<Rules>)>>,
}

/// What holds for one comment.
pub(crate) struct RoomForPost {
    video: Option<VideoSlot>,
    rules: Option<Arc<Rules>>,
    ban: Option<BanSlot>,
}

impl Rulebook {
    /// Looks up what holds for this author's comment. The store is asked each time: what a moderator
    /// was told is done holds at every node from then on.
    pub(crate) async fn look_up(
        &self,
        rooms: &dyn RoomStore,
        video: &VideoId,
        principal: &Principal,
    ) -> Result<RoomForPost, StoreError> {
        let ban = SlotName::Ban(principal.author.id.clone());
        let slots = rooms.slots(video, &[ban, SlotName::Settings, SlotName::Video]).await?;
        let mut room = RoomForPost { video: None, rules: None, ban: None };
        for slot in &slots {
            match slot.name {
                SlotName::Ban(_) => room.ban = serde_json::from_str(&slot.value).ok(),
                SlotName::Settings => room.rules = Some(self.rules(video, slot)),
                SlotName::Video => room.video = serde_json::from_str(&slot.value).ok(),
                SlotName::Hide(_) | SlotName::Pin => {}
            }
        }
        Ok(room)
    }

    fn rules(&self, video: &VideoId, slot: &Slot) -> Arc<Rules> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((version, rules)) = kept.get(video)
            && *version == slot.version
        {
            return rules.clone();
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let settings = settings_in(slot);
        let words = Words::new(&settings.blocked_words);
        let rules = Arc::new(Rules { settings, words });
        kept.insert(video.clone(), (slot.version, rules.clone()));
        rules
    }
}

impl RoomForPost {
    /// Whether the comment may be posted, as far as the room goes.
    pub(crate) fn check(
        &self,
        principal: &Principal,
        text: &Text,
        create: VideoCreate,
    ) -> Result<(), Problem> {
        self.check_author(principal, create)?;
        let rules = self.rules.as_ref().filter(|_| !principal.is_staff());
        if rules.is_some_and(|rules| rules.words.are_in(text.as_str())) {
            let why = "has a word that is blocked for this video".to_owned();
            return Err(Problem::invalid(vec![FieldError { field: "text", why }]));
        }
        Ok(())
    }

    /// Whether this author may say anything, as far as the room goes: comment or react. Moderators and
    /// producers by their token are kept from it by bans alone, and by the end of the video.
    pub(crate) fn check_author(
        &self,
        principal: &Principal,
        create: VideoCreate,
    ) -> Result<(), Problem> {
        self.check_going_on(create)?;
        let forbidden = |why: &str| Err(Problem::new(Code::Forbidden, why));
        if self.ban.as_ref().is_some_and(|ban| ban.is_in_force(ambient::unix_ms())) {
            return forbidden("you are banned from commenting on this video");
        }
        let Some(rules) = self.rules.as_ref().filter(|_| !principal.is_staff()) else {
            return Ok(());
        };
        match rules.settings.who_can_comment {
            WhoCanComment::Nobody => forbidden("nobody can comment on this video now"),
            WhoCanComment::Authenticated if principal.is_guest() => {
                forbidden("guests can't comment on this video now")
            }
            _ => Ok(()),
        }
    }

    /// Whether the video is there, and goes on.
    pub(crate) fn check_going_on(&self, create: VideoCreate) -> Result<(), Problem> {
        match &self.video {
            None if create == VideoCreate::Registered => Err(unregistered()),
            Some(video) if video.state == VideoState::Ended => {
                Err(Problem::new(Code::Forbidden, "the video has ended"))
            }
            _ => Ok(()),
        }
    }

    /// How long this author has to wait between two comments, and between two of the same text, in
    /// seconds.
    pub(crate) fn pauses_s(&self, principal: &Principal) -> (u64, u64) {
        let rules = self.rules.as_ref().filter(|_| !principal.is_staff());
        rules.map_or((0, 0), |rules| {
            (rules.settings.slow_mode_s.into(), rules.settings.unique_s.into())
        })
    }
}

/// Where videos have to be registered first, and this one is not.
pub(crate) fn unregistered() -> Problem {
    Problem::new(Code::NotFound, "there is no such video")
}
