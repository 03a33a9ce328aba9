//! One viewer: does it get everything that follows where it began, once and in order?

use std::collections::{HashMap, HashSet};

use common::{event::EventId, position::Position};
use serde_json::Value;

use super::{Evidence, comment, deletion, position};
use crate::{
    event_source::Event,
    faults::SKEW_MS_MAX,
    process::EPOCH_MS,
    redis::Order,
    viewer::{Notes, Seen},
};

/// Where a viewer began, or began anew.
#[derive(Clone, Copy)]
struct Beginning {
    from: Position,
    at_ms: u64,
}

/// What a viewer has seen, and must see next.
pub(super) struct Viewer<'a> {
    evidence: &'a Evidence<'a>,
    order: &'a Order,
    /// Each event's first place, and whether it got another one: a log that was lost is given again
    /// what it took last.
    first: HashMap<EventId, (Position, bool)>,
    /// What was shown without a place to anybody, and since when.
    placeless: &'a HashMap<EventId, u64>,
    at: Option<Position>,
    beginning: Option<Beginning>,
    /// Comments that their authors deleted, or tried to.
    deleted: HashSet<EventId>,
    /// Since then.
    shown: HashSet<EventId>,
    /// Places of which it was told that they are left out: after one, up to another.
    told: Vec<(Position, Position)>,
    gateway: Option<u64>,
    /// It changed gateways: what was posted while Redis was away, or shortly before its log was lost,
    /// may come again.
    may_repeat: bool,
}

impl<'a> Viewer<'a> {
    pub(super) fn new(
        evidence: &'a Evidence<'a>,
        order: &'a Order,
        placeless: &'a HashMap<EventId, u64>,
        notes: &Notes,
    ) -> Self {
        // A cursor without a place (the log could not be asked) can only be reset.
        let at = notes.listed.as_deref().and_then(|cursor| position(cursor).ok());
        let mut first = HashMap::new();
        for (place, placed) in order {
            first
                .entry(placed.event)
                .and_modify(|(_, again)| *again = true)
                .or_insert((*place, false));
        }
        Self {
            evidence,
            order,
            first,
            placeless,
            at,
            beginning: at.map(|from| Beginning { from, at_ms: 0 }),
            deleted: evidence.posted.iter().filter_map(|p| Some(p.deleted?.id.into())).collect(),
            shown: HashSet::new(),
            told: Vec::new(),
            gateway: None,
            may_repeat: false,
        }
    }

    pub(super) fn follow(mut self, notes: &Notes) -> Result<(), String> {
        for seen in &notes.seen {
            let told = |why| format!("at {} ms: {why}; {:?}", seen.at_ms, seen.event);
            self.see(seen).map_err(told)?;
        }
        if notes.seen.is_empty() {
            return if notes.stayed { Err("it never got a verdict".into()) } else { Ok(()) };
        }
        self.move_to(position(&notes.last_id)?)?;
        if !notes.stayed {
            return Ok(());
        }
        match self.order.last_key_value() {
            Some((head, _)) if self.at < Some(*head) => {
                Err(format!("it ended at {:?}, the log at {head:?}", self.at))
            }
            _ => self.has_all(),
        }
    }

    fn see(&mut self, Seen { at_ms, gateway, event }: &Seen) -> Result<(), String> {
        let data = serde_json::from_str(&event.data).map_err(|error| error.to_string())?;
        match &*event.name {
            "resume" => {
                self.may_repeat |= self.gateway.is_some_and(|before| before != *gateway);
                self.gateway = Some(*gateway);
                self.resume(&data, Beginning { from: position(&event.last_id)?, at_ms: *at_ms })
            }
            "comment" => self.shown(comment(&data)?, event),
            "delete" => self.shown(deletion(&data)?, event),
            "skipped" => self.skipped(&data),
            // How many watch is no part of the order.
            "viewers" if data["count"].is_u64() && !event.gives_id => Ok(()),
            _ => Err("unexpected".into()),
        }
    }

    fn resume(&mut self, data: &Value, beginning: Beginning) -> Result<(), String> {
        let Evidence { keeps_all, has_redis, .. } = *self.evidence;
        match (data["status"].as_str(), self.at) {
            (Some("new" | "reset"), None) => self.begin(beginning),
            (Some("reset"), Some(_)) if !keeps_all || !has_redis => self.begin(beginning),
            (Some("reset"), Some(at)) => return Err(format!("reset, though the log has {at:?}")),
            (Some("continued"), Some(_)) => self.move_to(beginning.from)?,
            (_, at) => return Err(format!("that verdict at {at:?}")),
        }
        self.at = Some(beginning.from);
        Ok(())
    }

    fn begin(&mut self, beginning: Beginning) {
        self.beginning = Some(beginning);
        self.shown.clear();
        self.told.clear();
    }

    fn shown(&mut self, id: EventId, event: &Event) -> Result<(), String> {
        let at = position(&event.last_id)?;
        if event.gives_id {
            if self.order.get(&at).map(|placed| placed.event) != Some(id) {
                return Err("not what the log has there".into());
            }
            self.move_to(Position { seq: at.seq - 1, ..at })?;
            self.at = Some(at);
        } else if self.evidence.has_redis {
            return Err("without a place, though Redis was there".into());
        } else {
            self.move_to(at)?;
        }
        let is_placed_again = self.first.get(&id).is_some_and(|(_, again)| *again);
        let repeats = self.may_repeat && (is_placed_again || self.placeless.contains_key(&id));
        if !self.shown.insert(id) && !repeats {
            return Err("shown before".into());
        }
        Ok(())
    }

    /// A position moves without an event only past what was shown or told. What a log that was lost
    /// had after it is looked for at the end.
    fn move_to(&mut self, to: Position) -> Result<(), String> {
        let at = self.at.ok_or("a position before the verdict")?;
        if to < at {
            return Err(format!("back from {at:?} to {to:?}"));
        }
        if at.is_given() {
            let mut passed = self.order.range(at..=to).skip_while(|(place, _)| **place == at);
            if let Some((place, _)) =
                passed.find(|(place, _)| place.epoch == to.epoch && !self.has(place))
            {
                return Err(format!("{place:?} is left out on the way from {at:?} to {to:?}"));
            }
        }
        self.at = Some(to);
        Ok(())
    }

    /// Whether it has seen what the log has at this place, or was told of it, or came after that.
    fn has(&self, place: &Position) -> bool {
        let event = self.order[place].event;
        // Word of a comment is for those who have not seen it.
        let event = if is_of_skipped(event) { event.of_told() } else { event };
        let from = self.beginning.map_or(Position::NONE, |beginning| beginning.from);
        let was_before = self.first.get(&event).is_some_and(|(first, _)| *first <= from);
        let is_told = |(from, to): &(Position, Position)| from < place && place <= to;
        // What was sent before it came may have been shown to others without a place, before as well.
        let came_ms = self.beginning.map_or(0, |beginning| beginning.at_ms);
        let was_sent = !self.evidence.has_redis && sent_ms(event) <= came_ms + SKEW_MS_MAX / 2;
        // Who has not seen it before its deletion does not get it after that.
        let is_deleted = self.deleted.contains(&event);
        self.shown.contains(&event)
            || is_deleted
            || was_before
            || was_sent
            || self.told.iter().any(is_told)
    }

    fn skipped(&mut self, data: &Value) -> Result<(), String> {
        let end = |name: &str| position(data[name].as_str().unwrap_or_default());
        let (from, to) = (end("from")?, end("to")?);
        self.move_to(from)?;
        let Evidence { keeps_all, has_redis, .. } = *self.evidence;
        if has_redis {
            if data["count"].as_u64() != Some(to.seq - from.seq) {
                return Err("a wrong count".into());
            }
            let tells = self.order.get(&to).is_some_and(|placed| is_of_skipped(placed.event));
            if keeps_all && !tells {
                return Err("skipped, though the log has it all".into());
            }
        }
        self.told.push((from, to));
        self.at = Some(to);
        Ok(())
    }

    /// Whether it has all that got a place after it began.
    fn has_all(&self) -> Result<(), String> {
        let Some(beginning) = self.beginning else { return Ok(()) };
        let is_due = |place: &Position, at_ms: u64| {
            if beginning.from.is_given() {
                *place > beginning.from
            } else {
                at_ms > beginning.at_ms // where the log was then, nobody knew
            }
        };
        for (place, placed) in self.order {
            if is_due(place, placed.at_ms) && !self.has(place) {
                return Err(format!("it never got {place:?}, {placed:?}"));
            }
        }
        Ok(())
    }
}

/// When the comment was sent, by the clock of the ingest that took it, since the simulation began.
fn sent_ms(event: EventId) -> u64 {
    let unix_ms = event.as_bytes()[..6].iter().fold(0, |ms, byte| ms << 8 | u64::from(*byte));
    unix_ms.saturating_sub(EPOCH_MS.unsigned_abs())
}

/// Whether the event tells of a comment that was never announced: UUIDv8.
fn is_of_skipped(event: EventId) -> bool {
    event.as_bytes()[6] >> 4 == 8
}
