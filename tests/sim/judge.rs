//! Whether what viewers and commenters saw is what was promised, by the order that the live log
//! gave.

use std::collections::{HashMap, HashSet};

use common::{
    event::EventId,
    ids::{CommentId, VideoId},
    position::{Cursor, Origin, Position},
};
use serde_json::Value;

use crate::{
    commenter::{Acknowledged, Posted},
    comments::Comments,
    event_source::Event,
    redis::{Order, Orders},
    viewer::{Notes, Seen},
};

/// All that a run left behind.
pub(crate) struct Evidence<'a> {
    pub(crate) orders: &'a Orders,
    pub(crate) comments: &'a Comments,
    pub(crate) posted: &'a [Posted],
    pub(crate) notes: &'a [Notes],
    /// The live log kept everything: a position that was given can always be continued.
    pub(crate) keeps_all: bool,
}

/// Every promise that was broken, in words.
pub(crate) fn broken(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = posts(evidence);
    let nothing = Order::new();
    for notes in evidence.notes {
        let order = evidence.orders.get(&notes.video).unwrap_or(&nothing);
        // A cursor without a place (the log could not be asked) can only be reset.
        let at = notes.listed.as_deref().and_then(|cursor| position(cursor).ok());
        let viewer = Viewer { order, keeps_all: evidence.keeps_all, at, shown: HashSet::new() };
        if let Err(why) = viewer.follow(notes) {
            broken.push(format!("viewer {} of {}: {why}", notes.viewer, notes.video.as_str()));
        }
    }
    broken
}

/// Acknowledged means stored and, by the end, in the order, or told as skipped there; one key is one
/// comment; nothing has two places.
fn posts(Evidence { orders, comments, posted, .. }: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    let mut placed_ms: HashMap<(&VideoId, EventId), u64> = HashMap::new();
    for (video, order) in *orders {
        for placed in order.values() {
            if placed_ms.insert((video, placed.event), placed.at_ms).is_some() {
                broken.push(format!("{} of {} has two places", placed.event, video.as_str()));
            }
        }
    }
    for Posted { video, acknowledged, .. } in *posted {
        let ids: HashSet<CommentId> = acknowledged.iter().map(|answer| answer.id).collect();
        if ids.len() > 1 {
            broken.push(format!("one key, several comments: {acknowledged:?}"));
        }
        for Acknowledged { at_ms, status, id } in acknowledged {
            if !comments.has(video, *id) {
                broken.push(format!("{id} was acknowledged and isn't stored"));
            }
            match placed_ms.get(&(video, (*id).into())) {
                None if placed_ms.contains_key(&(video, EventId::of_skipped(*id))) => {}
                None => broken.push(format!("{id} got {status}, and was never announced")),
                Some(placed_ms) if *status == 201 && placed_ms > at_ms => {
                    broken.push(format!("{id} got 201 before it had a place"));
                }
                Some(_) => {}
            }
        }
    }
    broken.extend(comments.said_twice(placed_ms.keys().map(|(video, id)| (*video, *id))));
    broken.sort();
    broken
}

/// What a viewer must see next.
struct Viewer<'a> {
    order: &'a Order,
    keeps_all: bool,
    at: Option<Position>,
    /// Since it last began anew.
    shown: HashSet<EventId>,
}

impl Viewer<'_> {
    fn follow(mut self, notes: &Notes) -> Result<(), String> {
        for Seen { at_ms, event } in &notes.seen {
            self.see(event).map_err(|why| format!("at {at_ms} ms: {why}; {event:?}"))?;
        }
        if notes.seen.is_empty() {
            return if notes.stayed { Err("it never got a verdict".into()) } else { Ok(()) };
        }
        if position(&notes.last_id).ok() != self.at {
            return Err(format!("its position is {}, it has seen {:?}", notes.last_id, self.at));
        }
        let head = self.order.last_key_value().map(|(position, _)| *position);
        match head {
            Some(head) if notes.stayed && self.at != Some(head) => {
                Err(format!("it ended at {:?}, the log at {head:?}", self.at))
            }
            _ => Ok(()),
        }
    }

    fn see(&mut self, event: &Event) -> Result<(), String> {
        let data = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
        match &*event.name {
            "resume" => self.resume(&data, position(&event.last_id)?),
            "comment" => self.comment(&data, position(&event.last_id)?),
            "skipped" => self.skipped(&data),
            _ => Err("unexpected".into()),
        }
    }

    fn resume(&mut self, data: &Value, from: Position) -> Result<(), String> {
        match (data["status"].as_str(), self.at) {
            (Some("new"), None) => {}
            (Some("reset"), None) => {}
            (Some("reset"), Some(_)) if !self.keeps_all => self.shown.clear(),
            (Some("reset"), Some(at)) => return Err(format!("reset, though the log has {at:?}")),
            (Some("continued"), Some(at)) if at == from => {}
            (_, at) => return Err(format!("that verdict at {at:?}")),
        }
        self.at = Some(from);
        Ok(())
    }

    fn comment(&mut self, data: &Value, position: Position) -> Result<(), String> {
        let at = self.at.ok_or("a comment before the verdict")?;
        if position != (Position { seq: at.seq + 1, ..at }) {
            return Err(format!("it should follow {at:?}"));
        }
        let id: CommentId = data["id"].as_str().and_then(|id| id.parse().ok()).ok_or("no id")?;
        if self.order.get(&position).map(|placed| placed.event) != Some(id.into()) {
            return Err("not what the log has there".into());
        }
        if !self.shown.insert(id.into()) {
            return Err("shown before".into());
        }
        self.at = Some(position);
        Ok(())
    }

    /// What the log has at this place stands for a comment that was never announced: UUIDv8.
    fn tells_of_skipped(&self, at: Position) -> bool {
        self.order.get(&at).is_some_and(|placed| placed.event.as_bytes()[6] >> 4 == 8)
    }

    fn skipped(&mut self, data: &Value) -> Result<(), String> {
        let end = |name: &str| position(data[name].as_str().unwrap_or_default());
        let (from, to) = (end("from")?, end("to")?);
        if Some(from) != self.at || data["count"].as_u64() != Some(to.seq - from.seq) {
            return Err(format!("skipped at {:?}", self.at));
        }
        if self.keeps_all && !self.tells_of_skipped(to) {
            return Err("skipped, though the log has it all".into());
        }
        self.at = Some(to);
        Ok(())
    }
}

fn position(cursor: &str) -> Result<Position, String> {
    let origin: Origin = "dc1".parse().map_err(|_| "origin")?;
    let cursor: Cursor = cursor.parse().map_err(|_| format!("{cursor} is no cursor"))?;
    cursor.at(&origin).ok_or_else(|| "a cursor without a place".into())
}
