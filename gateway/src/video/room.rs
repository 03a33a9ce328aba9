//! What a video's room is like, as this gateway knows it: what every newcomer is told, and who may not
//! watch.

use std::collections::HashMap;

use bytes::{BufMut, Bytes, BytesMut};
use common::{
    event::{Event, EventId},
    ids::UserId,
    room::{BanChange, PinChange, VideoChange, VideoState},
    room_store::SlotName,
};

use crate::{ending::End, frame};

/// Nothing, for most videos.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// All of it was told once.
    is_known: bool,
    any: Option<Box<Any>>,
}

#[derive(Debug, Default)]
struct Any {
    /// The event that set a slot which newcomers are told of.
    settings: Option<Event>,
    pin: Option<Event>,
    video: Option<(EventId, VideoState)>,
    bans: HashMap<UserId, Ban>,
    /// Changes of who may watch so far.
    changes: u64,
    /// Of them, those of earlier passes.
    sealed: u64,
}

#[derive(Debug, Clone, Copy)]
struct Ban {
    set_by: EventId,
    until_ms: Option<u64>,
}

impl Room {
    /// Takes in all that set its slots.
    pub(crate) fn fill(&mut self, events: &[Event]) {
        self.is_known = true;
        events.iter().for_each(|event| self.take(event));
    }

    /// Whether it is known that nobody has registered the video.
    pub(crate) fn is_unregistered(&self) -> bool {
        self.is_known && self.any.as_ref().is_none_or(|any| any.video.is_none())
    }

    /// Takes in what sets a slot, unless a later event has set it.
    pub(crate) fn take(&mut self, event: &Event) {
        let Some(slot) = event.slot() else { return };
        let any = self.any.get_or_insert_default();
        match slot {
            SlotName::Settings => keep_later(&mut any.settings, event),
            SlotName::Pin => keep_later(&mut any.pin, event),
            SlotName::Video => any.take_video(event),
            SlotName::Ban(user) => any.take_ban(user, event),
            SlotName::Hide(_) => {}
        }
    }

    /// Ends a pass; tells whether in it changed who may watch.
    pub(super) fn seal(&mut self) -> bool {
        let Some(any) = &mut self.any else { return false };
        std::mem::replace(&mut any.sealed, any.changes) < any.changes
    }

    /// Why this viewer may not watch at this time, milliseconds since 1970, if that is so.
    pub(crate) fn end_for(&self, user: Option<&UserId>, now_ms: u64) -> Option<End> {
        let any = self.any.as_ref()?;
        let is_banned = || any.bans.get(user?).filter(|ban| ban.is_in_force(now_ms));
        match any.video {
            Some((_, VideoState::Ended)) => Some(End::Ended),
            _ => is_banned().map(|_| End::Banned),
        }
    }

    /// Whether anybody at all may be kept from watching.
    pub(crate) fn keeps_some_out(&self) -> bool {
        self.any.as_ref().is_some_and(|any| {
            !any.bans.is_empty() || matches!(any.video, Some((_, VideoState::Ended)))
        })
    }

    /// What newcomers are told after their replay: frames without `id:`.
    pub(crate) fn snapshot(&self) -> Option<Bytes> {
        let Any { settings, pin, .. } = &**self.any.as_ref()?;
        let pin = pin.as_ref().filter(|pin| is_set(pin));
        let mut out = BytesMut::new();
        for event in settings.iter().chain(pin) {
            frame::event(&mut out, event);
            out.put_u8(b'\n');
        }
        (!out.is_empty()).then(|| out.freeze())
    }
}

impl Any {
    fn take_video(&mut self, event: &Event) {
        let Ok(change) = serde_json::from_slice::<VideoChange>(&event.data) else { return };
        if self.video.is_none_or(|(set_by, _)| set_by < event.id) {
            self.video = Some((event.id, change.state));
            self.changes += 1;
        }
    }

    fn take_ban(&mut self, user: UserId, event: &Event) {
        let Ok(change) = serde_json::from_slice::<BanChange>(&event.data) else { return };
        if self.bans.get(&user).is_none_or(|ban| ban.set_by < event.id) {
            self.bans.insert(user, Ban { set_by: event.id, until_ms: change.until_ms });
            self.changes += 1;
        }
    }
}

impl Ban {
    fn is_in_force(&self, now_ms: u64) -> bool {
        self.until_ms.is_none_or(|until_ms| now_ms < until_ms)
    }
}

fn keep_later(slot: &mut Option<Event>, event: &Event) {
    if slot.as_ref().is_none_or(|there| there.id < event.id) {
        *slot = Some(event.clone());
    }
}

fn is_set(pin: &Event) -> bool {
    serde_json::from_slice::<PinChange>(&pin.data).is_ok_and(|change| change.comment.is_some())
}

#[cfg(test)]
mod tests {
    use common::{
        event::Kind,
        ids::{ActionId, CommentId},
    };
    use serde_json::json;

    use super::*;

    fn event(kind: Kind, data: &serde_json::Value) -> Event {
        Event::of_action(ActionId::now(), kind, data)
    }

    fn user(name: &str) -> UserId {
        name.parse().unwrap()
    }

    fn told(room: &Room) -> String {
        room.snapshot().map_or_else(String::new, |bytes| String::from_utf8(bytes.to_vec()).unwrap())
    }

    #[test]
    fn newcomers_are_told_what_there_is() {
        let mut room = Room::default();
        assert_eq!(told(&room), "");
        let settings = event(Kind::SETTINGS, &json!({"slow_mode_s": 5}));
        room.take(&settings);
        let told_of_settings = "event: settings\ndata: {\"slow_mode_s\":5}\n\n";
        assert_eq!(told(&room), told_of_settings);
        let id = CommentId::now().to_string();
        let pinned = event(Kind::PIN, &json!({"comment": id}));
        let unpinned = event(Kind::PIN, &json!({"comment": null}));
        room.take(&pinned);
        let told_of_pin = format!("event: pin\ndata: {{\"comment\":\"{id}\"}}\n\n");
        assert_eq!(told(&room), format!("{told_of_settings}{told_of_pin}"));
        room.take(&unpinned);
        room.take(&pinned);
        assert_eq!(told(&room), told_of_settings, "the later one counts");
        assert!(!room.seal() && !room.keeps_some_out());
    }

    #[test]
    fn who_may_not_watch() {
        let mut room = Room::default();
        let ban = |until_ms: Option<u64>| {
            event(Kind::BAN, &json!({"user": "troll", "until_ms": until_ms}))
        };
        let [first, second, lifted] = [ban(None), ban(Some(100)), ban(Some(0))];
        let ends = |room: &Room, name: &str, at| room.end_for(Some(&user(name)), at);
        room.take(&first);
        assert!(room.seal() && !room.seal());
        assert_eq!(ends(&room, "troll", u64::MAX), Some(End::Banned));
        assert_eq!((ends(&room, "other", 0), room.end_for(None, 0)), (None, None));
        room.take(&second);
        room.take(&first);
        assert_eq!([99, 100].map(|at| ends(&room, "troll", at)), [Some(End::Banned), None]);
        room.take(&lifted);
        assert_eq!(ends(&room, "troll", 0), None);
    }

    #[test]
    fn who_is_registered() {
        let mut room = Room::default();
        assert!(!room.is_unregistered(), "nobody knows");
        room.fill(&[event(Kind::SETTINGS, &json!({}))]);
        assert!(room.is_unregistered());
        room.take(&event(Kind::VIDEO, &json!({"state": "live"})));
        assert!(!room.is_unregistered());
    }

    #[test]
    fn nobody_watches_what_has_ended() {
        let mut room = Room::default();
        let [ended, live] = ["ended", "live"].map(|s| event(Kind::VIDEO, &json!({"state": s})));
        room.take(&ended);
        assert!(room.seal() && room.keeps_some_out());
        assert_eq!(room.end_for(None, 0), Some(End::Ended));
        room.take(&live);
        assert!(room.seal() && !room.keeps_some_out());
        assert_eq!(room.end_for(None, 0), None);
    }
}
