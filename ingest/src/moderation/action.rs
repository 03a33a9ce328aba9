//! What a moderator or producer did, as it stands in a video's journal, sets slots of its room, and is
//! told live.

use common::{
    auth::Principal,
    comment::rfc3339,
    event::{Event, Kind},
    ids::{ActionId, CommentId, UserId},
    openapi::shape::Time,
    room::{BanChange, PinChange, SettingsChange, VideoChange, VideoState},
    room_store::{Note, Slot, SlotName},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::settings::{Settings, settings_in};

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum Action {
    /// A comment was deleted.
    Delete { comment: CommentId },
    /// Somebody was banned, for so many seconds or for ever.
    Ban {
        user: UserId,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[schema(value_type = u64)]
        ttl_s: Option<u64>,
        hide_comments: bool,
    },
    /// A ban was lifted, and what it hid is shown again.
    Unban { user: UserId },
    /// A comment was pinned.
    Pin { comment: CommentId },
    /// No comment is pinned any more.
    Unpin,
    /// Settings were replaced.
    Settings(Settings),
    /// A video was registered, named, ended or opened again.
    Video(VideoSlot),
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Actor {
    pub(crate) id: UserId,
    pub(crate) name: String,
}

/// An entry of the moderation log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) struct Record {
    pub(crate) id: ActionId,
    #[schema(value_type = Time)]
    pub(crate) at: String,
    pub(crate) by: Actor,
    #[serde(flatten)]
    pub(crate) action: Action,
}

/// What is known of a video itself.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub(crate) struct VideoSlot {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub(crate) title: Option<String>,
    pub(crate) state: VideoState,
}

/// A ban, in force or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BanSlot {
    pub(crate) by: UserId,
    /// Until when, milliseconds since 1970; `None`: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until_ms: Option<u64>,
    pub(crate) hide_comments: bool,
    /// It was taken back.
    #[serde(default)]
    pub(crate) is_lifted: bool,
}

impl BanSlot {
    /// Whether it counts at this time, milliseconds since 1970.
    pub(crate) fn is_in_force(&self, now_ms: u64) -> bool {
        !self.is_lifted && self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

/// Whether comments that an author had posted by the slot's version are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HideSlot {
    pub(crate) is_hidden: bool,
}

impl Record {
    /// Done now.
    pub(crate) fn new(principal: &Principal, action: Action) -> Self {
        let id = ActionId::now();
        let author = &principal.author;
        let by = Actor { id: author.id.clone(), name: author.name.clone() };
        Self { id, at: rfc3339(id.unix_ms()), by, action }
    }

    /// Reads an entry; `None` when it isn't one.
    pub(crate) fn of(note: &Note) -> Option<Self> {
        serde_json::from_str(&note.value).ok()
    }

    pub(crate) fn note(&self) -> Note {
        // Plain fields: there is nothing in it that could fail to serialise.
        Note { id: self.id, value: serde_json::to_string(self).unwrap_or_default() }
    }

    /// Until when a ban lasts.
    pub(crate) fn ban_ends_ms(&self, ttl_s: Option<u64>) -> Option<u64> {
        ttl_s.map(|ttl_s| self.id.unix_ms().saturating_add(ttl_s.saturating_mul(1_000)))
    }

    /// What it sets.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        match &self.action {
            Action::Delete { .. } => Vec::new(),
            Action::Ban { user, ttl_s, hide_comments } => {
                let (by, hide_comments) = (self.by.id.clone(), *hide_comments);
                let until_ms = self.ban_ends_ms(*ttl_s);
                let ban = BanSlot { by, until_ms, hide_comments, is_lifted: false };
                let ban = Slot { until_ms, ..self.slot(SlotName::Ban(user.clone()), &ban) };
                let hide = hide_comments.then(|| self.hide_slot(user, true));
                [ban].into_iter().chain(hide).collect()
            }
            Action::Unban { user } => {
                let (by, hide_comments) = (self.by.id.clone(), false);
                let ban = BanSlot { by, until_ms: None, hide_comments, is_lifted: true };
                let ban = self.slot(SlotName::Ban(user.clone()), &ban);
                vec![ban, self.hide_slot(user, false)]
            }
            Action::Pin { comment } => vec![self.pin_slot(Some(*comment))],
            Action::Unpin => vec![self.pin_slot(None)],
            Action::Settings(settings) => vec![self.slot(SlotName::Settings, settings)],
            Action::Video(video) => vec![self.slot(SlotName::Video, video)],
        }
    }

    fn pin_slot(&self, comment: Option<CommentId>) -> Slot {
        self.slot(SlotName::Pin, &PinChange { comment })
    }

    fn hide_slot(&self, user: &UserId, is_hidden: bool) -> Slot {
        self.slot(SlotName::Hide(user.clone()), &HideSlot { is_hidden })
    }

    fn slot(&self, name: SlotName, value: &impl Serialize) -> Slot {
        let value = serde_json::to_string(value).unwrap_or_default();
        Slot { name, version: self.id, value, until_ms: None }
    }

    /// What gateways and viewers are told.
    pub(crate) fn events(&self) -> Vec<Event> {
        let id = self.id;
        match &self.action {
            Action::Delete { comment } => vec![Event::of_deletion(*comment)],
            Action::Ban { user, ttl_s, hide_comments } => {
                let (user, until_ms) = (user.clone(), self.ban_ends_ms(*ttl_s));
                let hide = hide_comments.then(|| Event::of_hiding(id, user.clone()));
                let ban = Event::of_action(id, Kind::BAN, &BanChange { user, until_ms });
                [ban].into_iter().chain(hide).collect()
            }
            Action::Unban { user } => {
                let lifted = BanChange { user: user.clone(), until_ms: Some(0) };
                vec![Event::of_action(id, Kind::BAN, &lifted)]
            }
            Action::Pin { .. } | Action::Unpin | Action::Settings(_) | Action::Video(_) => {
                self.slots().iter().filter_map(|slot| event_of(slot, id.unix_ms())).collect()
            }
        }
    }
}

/// The event that tells what a slot holds, if gateways need to know that at this time, milliseconds
/// since 1970.
pub(crate) fn event_of(slot: &Slot, now_ms: u64) -> Option<Event> {
    let (id, value) = (slot.version, slot.value.as_str());
    match &slot.name {
        SlotName::Settings => {
            Some(Event::of_action(id, Kind::SETTINGS, &SettingsChange::from(&settings_in(slot))))
        }
        SlotName::Pin => {
            let pin: PinChange = serde_json::from_str(value).ok()?;
            Some(Event::of_action(id, Kind::PIN, &pin))
        }
        SlotName::Video => {
            let VideoSlot { state, .. } = serde_json::from_str(value).ok()?;
            Some(Event::of_action(id, Kind::VIDEO, &VideoChange { state }))
        }
        SlotName::Ban(user) => {
            let ban: BanSlot = serde_json::from_str(value).ok()?;
            let change = BanChange { user: user.clone(), until_ms: ban.until_ms };
            ban.is_in_force(now_ms).then(|| Event::of_action(id, Kind::BAN, &change))
        }
        SlotName::Hide(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(action: Action) -> Record {
        let id: ActionId = "0190163d-8694-739b-aea5-966c26f8ad91".parse().unwrap();
        let by = Actor { id: "m".parse().unwrap(), name: "Mo".into() };
        Record { id, at: rfc3339(id.unix_ms()), by, action }
    }

    fn user() -> UserId {
        "u/1".parse().unwrap()
    }

    fn comment() -> CommentId {
        "0190163d-8694-739b-aea5-000000000001".parse().unwrap()
    }

    /// Values by name.
    type Named = Vec<(&'static str, Value)>;

    /// Every action: what stands in the log, what it sets, what is told.
    fn all() -> Vec<(Action, Value, Named, Named)> {
        let settings = Settings { slow_mode_s: 5, ..Settings::default() };
        let (ended, id) = (VideoState::Ended, comment().to_string());
        let all_settings = json!({"slow_mode_s": 5, "who_can_comment": "everyone",
            "blocked_words": [], "unique_s": 0});
        let shown = json!({"slow_mode_s": 5, "who_can_comment": "everyone", "unique_s": 0});
        let until_ms = 1_718_360_049_300_u64 + 60_000;
        vec![
            (
                Action::Delete { comment: comment() },
                json!({"action": "delete", "comment": id}),
                vec![],
                vec![("delete", json!({"id": id}))],
            ),
            (
                Action::Ban { user: user(), ttl_s: Some(60), hide_comments: true },
                json!({"action": "ban", "user": "u/1", "ttl_s": 60, "hide_comments": true}),
                vec![
                    (
                        "ban/u/1",
                        json!({"by": "m", "until_ms": until_ms, "hide_comments": true,
                        "is_lifted": false}),
                    ),
                    ("hide/u/1", json!({"is_hidden": true})),
                ],
                vec![
                    ("chorus-ban", json!({"user": "u/1", "until_ms": until_ms})),
                    ("hide", json!({"author": "u/1"})),
                ],
            ),
            (
                Action::Ban { user: user(), ttl_s: None, hide_comments: false },
                json!({"action": "ban", "user": "u/1", "hide_comments": false}),
                vec![("ban/u/1", json!({"by": "m", "hide_comments": false, "is_lifted": false}))],
                vec![("chorus-ban", json!({"user": "u/1"}))],
            ),
            (
                Action::Unban { user: user() },
                json!({"action": "unban", "user": "u/1"}),
                vec![
                    ("ban/u/1", json!({"by": "m", "hide_comments": false, "is_lifted": true})),
                    ("hide/u/1", json!({"is_hidden": false})),
                ],
                vec![("chorus-ban", json!({"user": "u/1", "until_ms": 0}))],
            ),
            (
                Action::Pin { comment: comment() },
                json!({"action": "pin", "comment": id}),
                vec![("pin", json!({"comment": id}))],
                vec![("pin", json!({"comment": id}))],
            ),
            (
                Action::Unpin,
                json!({"action": "unpin"}),
                vec![("pin", json!({"comment": null}))],
                vec![("pin", json!({"comment": null}))],
            ),
            (
                Action::Settings(settings),
                json!({"action": "settings", "slow_mode_s": 5, "who_can_comment": "everyone",
                    "blocked_words": [], "unique_s": 0}),
                vec![("settings", all_settings)],
                vec![("settings", shown)],
            ),
            (
                Action::Video(VideoSlot { title: Some("Final".into()), state: ended }),
                json!({"action": "video", "title": "Final", "state": "ended"}),
                vec![("video", json!({"title": "Final", "state": "ended"}))],
                vec![("chorus-video", json!({"state": "ended"}))],
            ),
        ]
    }

    #[test]
    fn every_action_is_logged_set_and_told() {
        for (action, logged, set, told) in all() {
            let record = record(action);
            let note = record.note();
            assert_eq!(Record::of(&note).unwrap(), record);
            let mut entry: Value = serde_json::from_str(&note.value).unwrap();
            let head = json!({"id": record.id.to_string(), "at": "2024-06-14T10:14:09.300Z",
                "by": {"id": "m", "name": "Mo"}});
            for (key, value) in head.as_object().unwrap() {
                assert_eq!(entry.as_object_mut().unwrap().remove(key).as_ref(), Some(value));
            }
            assert_eq!(entry, logged);
            let value = |slot: &Slot| serde_json::from_str::<Value>(&slot.value).unwrap();
            let slots = record.slots();
            assert!(slots.iter().all(|slot| slot.version == record.id));
            let slots: Vec<_> = slots.iter().map(|s| (s.name.to_string(), value(s))).collect();
            assert_eq!(slots, set.map_names());
            let data = |event: &Event| serde_json::from_slice::<Value>(&event.data).unwrap();
            let events: Vec<_> =
                record.events().iter().map(|e| (e.kind.as_str().to_owned(), data(e))).collect();
            assert_eq!(events, told.map_names());
        }
    }

    trait MapNames {
        fn map_names(self) -> Vec<(String, Value)>;
    }

    impl MapNames for Named {
        fn map_names(self) -> Vec<(String, Value)> {
            self.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        }
    }

    /// What fills a room tells the same as what was told when it was set, but for what is over.
    #[test]
    fn slots_tell_what_was_told() {
        for (action, ..) in all() {
            let record = record(action);
            let from_slots: Vec<_> =
                record.slots().iter().filter_map(|slot| event_of(slot, 0)).collect();
            let shown = |event: &Event| {
                event.slot().is_some() && !matches!(record.action, Action::Unban { .. })
            };
            let told: Vec<_> = record.events().into_iter().filter(shown).collect();
            assert_eq!(from_slots, told);
        }
        let ban = record(Action::Ban { user: user(), ttl_s: Some(60), hide_comments: false });
        let slot = &ban.slots()[0];
        assert!(event_of(slot, ban.id.unix_ms() + 59_999).is_some());
        assert!(event_of(slot, ban.id.unix_ms() + 60_000).is_none());
    }
}
