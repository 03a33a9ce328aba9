//! What moderators decide, as it travels: events that each set a slot of their video's room.
//!
//! Some are shown to viewers as they are (`settings`, `pin`). Others are for gateways alone, and move a
//! viewer's position without showing anything; producers can't send events of such names.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    event::{Event, EventId, Kind},
    ids::{ActionId, CommentId, UserId},
    room_store::SlotName,
};

/// Whether a video goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum VideoState {
    /// It takes comments and has streams.
    #[default]
    Live,
    /// It takes no comments, and its streams end.
    Ended,
}

/// Data of [`Kind::VIDEO`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoChange {
    /// From now on.
    pub state: VideoState,
}

/// Data of [`Kind::BAN`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanChange {
    /// Who.
    pub user: UserId,
    /// Until when, milliseconds since 1970: for ever when missing, lifted when it is past.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// Data of [`Kind::PIN`]: the id alone, so that no deletion has to look for texts in pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Pin, description = "Which comment stands above all others.")]
pub struct PinChange {
    /// The comment that is pinned from now on; `null`: none.
    #[schema(required = true)]
    pub comment: Option<CommentId>,
}

/// Data of [`Kind::SETTINGS`]: everything but the blocked words, which nobody needs to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = ShownSettings, description = "Who may comment, and how often.")]
pub struct SettingsChange {
    /// Seconds between two comments of one author; 0: no slow mode.
    pub slow_mode_s: u32,
    /// Who may comment besides moderators.
    pub who_can_comment: WhoCanComment,
    /// Seconds in which an author may not say the same again; 0: at any time.
    pub unique_s: u32,
}

/// Who may comment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum WhoCanComment {
    /// Whoever may at all.
    #[default]
    Everyone,
    /// Whoever has shown who they are.
    Authenticated,
    /// Moderators and producers alone.
    Nobody,
}

/// Data of [`Kind::HIDE`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = Hide, description = "Whose comments so far are not to be shown any more.")]
pub struct HideChange {
    /// Whose comments are not to be shown any more.
    pub author: UserId,
}

impl Event {
    /// The event of a moderator's action, with such data.
    #[must_use]
    pub fn of_action(action: ActionId, kind: Kind, data: &impl Serialize) -> Self {
        // Data of plain fields: there is nothing in it that could fail to serialise.
        let data = serde_json::to_vec(data).unwrap_or_default();
        Self { id: EventId::from_bytes(*action.as_bytes()), kind, data: Bytes::from(data) }
    }

    /// The event that hides an author's comments, told beside the ban of the same action.
    #[must_use]
    pub fn of_hiding(action: ActionId, author: UserId) -> Self {
        let event = Self::of_action(action, Kind::HIDE, &HideChange { author });
        Self { id: event.id.beside(), ..event }
    }

    /// The slot of the video's room that this sets, if it sets one. Of two events that set the same
    /// one, the one with the later id counts, whatever their order.
    #[must_use]
    pub fn slot(&self) -> Option<SlotName> {
        match () {
            () if self.kind == Kind::SETTINGS => Some(SlotName::Settings),
            () if self.kind == Kind::PIN => Some(SlotName::Pin),
            () if self.kind == Kind::VIDEO => Some(SlotName::Video),
            () if self.kind == Kind::BAN => {
                let change = serde_json::from_slice::<BanChange>(&self.data).ok()?;
                Some(SlotName::Ban(change.user))
            }
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sets_what() {
        let action = ActionId::now();
        let user: UserId = "u".parse().unwrap();
        let ban = BanChange { user: user.clone(), until_ms: None };
        let ban = Event::of_action(action, Kind::BAN, &ban);
        assert_eq!(ban.data, r#"{"user":"u"}"#);
        assert_eq!(ban.slot(), Some(SlotName::Ban(user.clone())));
        assert_eq!(ban.id.as_bytes(), action.as_bytes());
        let pin = Event::of_action(action, Kind::PIN, &PinChange { comment: None });
        assert_eq!((&pin.data[..], pin.slot()), (&br#"{"comment":null}"#[..], Some(SlotName::Pin)));
        let video = VideoChange { state: VideoState::Ended };
        let video = Event::of_action(action, Kind::VIDEO, &video);
        assert_eq!(video.data, r#"{"state":"ended"}"#);
        assert_eq!(video.slot(), Some(SlotName::Video));
        let hide = Event::of_hiding(action, user);
        assert_ne!(hide.id, ban.id);
        assert_eq!((&hide.data[..], hide.slot()), (&br#"{"author":"u"}"#[..], None));
        assert_eq!(Event { data: Bytes::from_static(b"{}"), ..ban }.slot(), None);
    }
}
