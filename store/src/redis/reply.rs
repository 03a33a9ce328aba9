//! From what the server answers to what the contracts promise.

use std::{str::FromStr, sync::Arc};

use bytes::Bytes;
use common::{
    event::{Entry, Event, Stamp},
    ids::VideoId,
    link::Incarnation,
    live_log::{Appended, LiveLogError, LogPage},
    position::{Epoch, Origin, Position, Seq},
    wire::{self, LoggedEvent},
};
use redis::{FromRedisValue, Value};

use super::link::Answer;

/// Digits of the milliseconds at the beginning of a stamp.
const MS_LEN: usize = 13;
/// Digits of a stamp, which stands before a payload, and before the seq in a place.
const STAMP_LEN: usize = 16;

/// The answer as `T`, or what the server has to say instead.
pub(super) fn parse<T: FromRedisValue>(value: Value) -> Result<T, String> {
    let value = value.extract_error().map_err(|error| error.to_string())?;
    redis::from_redis_value(value).map_err(|error| format!("an answer that isn't ours: {error}"))
}

/// `append.lua`'s answer, for these events; it has a place as well for what one of them erases.
pub(super) fn appended(
    value: Value,
    events: Vec<Event>,
    origin: &Arc<Origin>,
) -> Result<Appended, LiveLogError> {
    if matches!(&value, Value::ServerError(error) if error.code() == "LATE") {
        return Err(LiveLogError::TooLate);
    }
    placed(value, events, origin).map_err(LiveLogError::Unavailable)
}

fn placed(value: Value, events: Vec<Event>, origin: &Arc<Origin>) -> Result<Appended, String> {
    let (epoch, _now_ms, places, subscribers): (u64, u64, Vec<Vec<u8>>, Vec<String>) =
        parse(value)?;
    let (mut places, count) = (places.into_iter(), events.len());
    let mut entries = Vec::with_capacity(count);
    for event in events {
        if event.erases().is_some() {
            places.next(); // of what it erases
        }
        let place = places.next().ok_or_else(|| format!("too few places for {count} events"))?;
        entries.push(placed_at(&place, epoch, event, origin).ok_or("a place that isn't ours")?);
    }
    if places.next().is_some() {
        return Err(format!("too many places for {count} events"));
    }
    Ok(Appended { entries, subscribers: subscribers.into_iter().map(incarnation).collect() })
}

/// The entry of an event at its place: stamp, seq, and perhaps a mark that it was erased.
fn placed_at(place: &[u8], epoch: u64, event: Event, origin: &Arc<Origin>) -> Option<Entry> {
    let (stamp, rest) = split(place)?;
    let (seq, event) = match rest.strip_suffix(b"x") {
        Some(seq) => (seq, Event::erased(event.id)),
        None => (rest, event),
    };
    let position = Position { epoch: Epoch(epoch), seq: number(seq)? };
    Some(Entry { origin: Arc::clone(origin), position, stamp, event })
}

/// `read.lua`'s answer.
pub(super) fn page(value: Value) -> Result<LogPage, String> {
    let (epoch, seq, first, start, raw): (u64, Seq, Seq, Seq, Vec<Vec<u8>>) = parse(value)?;
    let epoch = Epoch(epoch);
    let entry = |(seq, bytes)| entry(Position { epoch, seq }, bytes);
    let entries = (start..).zip(raw).map(entry).collect::<Result<_, _>>()?;
    Ok(LogPage { head: Position { epoch, seq }, first, entries })
}

fn entry(position: Position, raw: Vec<u8>) -> Result<Entry, String> {
    let wrong = |why: &str| format!("entry {} of the log can't be read: {why}", position.seq);
    let raw = Bytes::from(raw);
    let (stamp, _) = split(&raw).ok_or_else(|| wrong("no time before it"))?;
    let logged: LoggedEvent =
        wire::decode(raw.slice(STAMP_LEN..)).map_err(|error| wrong(&error.to_string()))?;
    logged.into_entry(position, stamp).map_err(|error| wrong(&error.to_string()))
}

/// `heads.lua`'s answer for `count` videos; `None` where there is no log of this run.
pub(super) fn heads(value: Value, count: usize) -> Result<Vec<Option<Position>>, String> {
    let fields: Vec<String> = parse(value)?;
    let head = |pair: &[String]| {
        Some(Position { epoch: Epoch(pair[0].parse().ok()?), seq: pair[1].parse().ok()? })
    };
    let heads: Vec<_> = fields.chunks_exact(2).map(head).collect();
    if heads.len() == count { Ok(heads) } else { Err(format!("{} of {count} heads", heads.len())) }
}

/// Bytes of an event's id, which stands before its payload in a slot.
const ID_LEN: usize = 16;

/// `rooms.lua`'s answer for `count` videos.
pub(super) fn rooms(value: Value, count: usize) -> Result<Vec<Option<Vec<Event>>>, String> {
    let rooms: Vec<Vec<Vec<u8>>> = parse(value)?;
    if rooms.len() != count {
        return Err(format!("{} of {count} rooms", rooms.len()));
    }
    let room = |slots: Vec<Vec<u8>>| {
        let events = slots.into_iter().filter(|slot| slot.len() > ID_LEN).map(slot_event);
        events.collect::<Result<Vec<_>, _>>()
    };
    rooms.into_iter().map(|slots| (!slots.is_empty()).then(|| room(slots)).transpose()).collect()
}

fn slot_event(slot: Vec<u8>) -> Result<Event, String> {
    let wrong = |why: &dyn std::fmt::Display| format!("a slot can't be read: {why}");
    let payload = Bytes::from(slot).slice(ID_LEN..);
    let logged: LoggedEvent = wire::decode(payload).map_err(|error| wrong(&error))?;
    logged.into_event().map_err(|error| wrong(&error))
}

/// The videos in a bucket's index.
pub(super) fn videos(value: Value) -> Result<Vec<VideoId>, String> {
    let videos: Vec<String> = parse(value)?;
    Ok(videos.iter().filter_map(|video| video.parse().ok()).collect())
}

/// What servers say of themselves.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Servers {
    /// Identity of all their runs.
    pub(super) run: String,
    /// The least of their times.
    pub(super) now_ms: u64,
}

/// From the answers of each to TIME and `INFO replication`. Who didn't answer is left out, and then, or
/// when something else is `missing`, `run` is another than that of all of them: whoever compares
/// runs reads everything anew when nothing is missing any more.
pub(super) fn servers(answers: Vec<Vec<Answer>>, missing: bool) -> Result<Servers, String> {
    let (mut runs, mut now_ms, mut away) = (Vec::new(), u64::MAX, None);
    for answers in answers {
        match answers.into_iter().collect::<Result<Vec<_>, _>>() {
            Ok(answers) => {
                let mut answers = answers.into_iter();
                now_ms = now_ms.min(time_ms(answers.next().unwrap_or_default())?);
                runs.push(run(answers.next().unwrap_or_default())?);
            }
            Err(why) => away = Some(why),
        }
    }
    if runs.is_empty() {
        return Err(away.unwrap_or_else(|| "there is no server".to_owned()));
    }
    runs.sort_unstable();
    if missing || away.is_some() {
        runs.push("?".to_owned());
    }
    Ok(Servers { run: runs.join(","), now_ms })
}

/// Which run of the server this is, in INFO's answer; `prelude.lua` says why it is this.
fn run(value: Value) -> Result<String, String> {
    let info: String = parse(value)?;
    let run = info.lines().find_map(|line| line.strip_prefix("master_replid:"));
    run.map(|run| run.trim().to_owned()).ok_or_else(|| "INFO tells no master_replid".to_owned())
}

/// TIME's answer, in milliseconds.
fn time_ms(value: Value) -> Result<u64, String> {
    let (seconds, micros): (u64, u64) = parse(value)?;
    Ok(seconds.saturating_mul(1_000).saturating_add(micros / 1_000))
}

pub(super) fn incarnation(name: String) -> Incarnation {
    Incarnation(name.into())
}

/// The stamp, and what follows it.
fn split(bytes: &[u8]) -> Option<(Stamp, &[u8])> {
    let (stamp, rest) = bytes.split_at_checked(STAMP_LEN)?;
    let (ms, rank) = stamp.split_at_checked(MS_LEN)?;
    Some((Stamp { at_ms: number(ms)?, rank: number(rank)? }, rest))
}

fn number<T: FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(run: &str, seconds: u64) -> Vec<Answer> {
        let text = |text: String| Value::BulkString(text.into_bytes());
        let time = Value::Array(vec![text(seconds.to_string()), text("5000".to_owned())]);
        vec![Ok(time), Ok(text(format!("# Replication\r\nmaster_replid:{run}\r\n")))]
    }

    #[test]
    fn several_servers_are_one_run_which_a_gap_changes() {
        let away = || vec![Err("away".to_owned()), Err("away".to_owned())];
        let run = |answers, missing| servers(answers, missing).map(|all| (all.run, all.now_ms));
        let both = || vec![server("b", 9), server("a", 8)];
        assert_eq!(run(both(), false), Ok(("a,b".to_owned(), 8_005)));
        assert_eq!(run(both(), true), Ok(("a,b,?".to_owned(), 8_005)));
        assert_eq!(run(vec![away(), server("b", 9)], false), Ok(("b,?".to_owned(), 9_005)));
        assert_eq!(run(vec![server("b", 9)], false), Ok(("b".to_owned(), 9_005)));
        assert_eq!(run(vec![away()], false), Err("away".to_owned()));
    }
}
