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
    cluster::Deaf,
    commenter::{Acknowledged, Deleted, Posted},
    comments::Comments,
    redis::{Order, Orders},
    viewer::{Notes, Seen},
};
use viewer::Viewer;

mod viewer;

/// All that a run left behind.
pub(crate) struct Evidence<'a> {
    pub(crate) orders: &'a Orders,
    pub(crate) comments: &'a Comments,
    pub(crate) posted: &'a [Posted],
    pub(crate) notes: &'a [Notes],
    /// Gateways that could not hear, and when.
    pub(crate) deaf: &'a [Deaf],
    /// The live log kept everything: a position that was given can always be continued.
    pub(crate) keeps_all: bool,
    /// Redis was there all the time.
    pub(crate) has_redis: bool,
}

/// Every promise that was broken, in words.
pub(crate) fn broken(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = posts(evidence);
    let nothing = Order::new();
    let placeless = placeless(evidence.notes);
    broken.extend(shown_after_all(evidence));
    for notes in evidence.notes {
        let order = evidence.orders.get(&notes.video).unwrap_or(&nothing);
        let viewer = Viewer::new(evidence, order, &placeless, notes);
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
    let mut in_epoch = HashSet::new();
    for (video, order) in *orders {
        for (Position { epoch, .. }, placed) in order {
            // A deletion may be told at any time, also when the log has forgotten that it was: it is
            // as true then.
            let is_first = in_epoch.insert((video, *epoch, placed.event));
            if !is_first && !is_deletion(placed.event) {
                broken.push(format!("{} of {} has two places", placed.event, video.as_str()));
            }
            let first_ms = placed_ms.entry((video, placed.event)).or_insert(placed.at_ms);
            *first_ms = placed.at_ms.min(*first_ms);
        }
    }
    for Posted { video, acknowledged, deleted, .. } in *posted {
        let ids: HashSet<CommentId> = acknowledged.iter().map(|answer| answer.id).collect();
        if ids.len() > 1 {
            broken.push(format!("one key, several comments: {acknowledged:?}"));
        }
        if let Some(Deleted { id, .. }) = deleted {
            if comments.has(video, *id) {
                broken.push(format!("{id} was deleted and is stored"));
            }
            continue; // nobody needs to hear of it
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

/// For how long a gateway that was deaf may hand out what it had, until it has heard.
const THAW_MS: u64 = 2_000;

/// A comment of which its author was told that it is gone is shown to nobody from then on, but by a
/// gateway that could not hear of it and was taken for dead, or not known yet.
fn shown_after_all(Evidence { posted, notes, deaf, .. }: &Evidence<'_>) -> Vec<String> {
    let gone = posted.iter().filter_map(|posted| {
        let Deleted { id, gone_ms } = posted.deleted?;
        Some((EventId::from(id), gone_ms?))
    });
    let gone: HashMap<EventId, u64> = gone.collect();
    let mut broken = Vec::new();
    for notes in *notes {
        let comments = notes.seen.iter().filter(|seen| seen.event.name == "comment");
        for Seen { at_ms, gateway, event } in comments {
            let data = serde_json::from_str(&event.data).unwrap_or_default();
            let gone_ms = comment(&data).ok().and_then(|id| gone.get(&id));
            let Some(gone_ms) = gone_ms.filter(|gone_ms| at_ms > gone_ms) else { continue };
            let was_deaf = deaf.iter().any(|deaf| {
                let is_then = (deaf.from_ms..=deaf.until_ms).contains(gone_ms);
                deaf.gateway == *gateway && is_then && *at_ms <= deaf.until_ms + THAW_MS
            });
            if !was_deaf {
                let (viewer, data) = (notes.viewer, &event.data);
                broken.push(format!("viewer {viewer} got {data} at {at_ms} ms, gone at {gone_ms}"));
            }
        }
    }
    broken
}

/// What anybody was shown without a place, and when that began.
fn placeless(notes: &[Notes]) -> HashMap<EventId, u64> {
    let mut since_ms = HashMap::new();
    for Seen { at_ms, event, .. } in notes.iter().flat_map(|notes| &notes.seen) {
        let data = serde_json::from_str(&event.data).unwrap_or_default();
        let id = match &*event.name {
            "comment" => comment(&data),
            "delete" => deletion(&data),
            _ => continue,
        };
        if let (false, Ok(id)) = (event.gives_id, id) {
            let first_ms = since_ms.entry(id).or_insert(*at_ms);
            *first_ms = (*at_ms).min(*first_ms);
        }
    }
    since_ms
}

fn position(cursor: &str) -> Result<Position, String> {
    let origin: Origin = "dc1".parse().map_err(|_| "origin")?;
    let cursor: Cursor = cursor.parse().map_err(|_| format!("{cursor} is no cursor"))?;
    cursor.at(&origin).ok_or_else(|| "a cursor without a place".into())
}

fn comment(data: &Value) -> Result<EventId, String> {
    comment_id(data).map(EventId::from)
}

fn deletion(data: &Value) -> Result<EventId, String> {
    comment_id(data).map(EventId::of_deletion)
}

/// Whether the event takes a comment away: UUIDv9.
fn is_deletion(event: EventId) -> bool {
    event.as_bytes()[6] >> 4 == 9
}

fn comment_id(data: &Value) -> Result<CommentId, String> {
    let id = data["id"].as_str().and_then(|id| id.parse().ok());
    id.ok_or_else(|| "a comment without id".into())
}
