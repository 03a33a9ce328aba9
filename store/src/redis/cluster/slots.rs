//! Which server of a cluster holds what.

use redis::{Arg, Cmd, ErrorKind, RedisResult, Value};

use crate::redis::address::Node;

/// Slots that a cluster's keys are spread over.
const SLOTS: u16 = 16_384;

/// The slots' servers, as one of them sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slots {
    /// First and last slot, and the primary that holds them; in order.
    ranges: Vec<(u16, u16, Node)>,
}

impl Slots {
    /// From CLUSTER SLOTS' answer by `asked`, which may leave its own address out.
    pub(super) fn read(answer: Value, asked: &Node) -> RedisResult<Self> {
        let mut ranges = Vec::new();
        for range in redis::from_redis_value::<Vec<Vec<Value>>>(answer)? {
            let mut range = range.into_iter();
            let mut next = || range.next().unwrap_or_default();
            let (first, last): (u16, u16) =
                (redis::from_redis_value(next())?, redis::from_redis_value(next())?);
            let mut primary = redis::from_redis_value::<Vec<Value>>(next())?.into_iter();
            let mut next = || primary.next().unwrap_or_default();
            let (host, port): (Option<String>, u16) =
                (redis::from_redis_value(next())?, redis::from_redis_value(next())?);
            let host = host.filter(|host| !host.is_empty()).unwrap_or_else(|| asked.host.clone());
            ranges.push((first, last, Node { host, port }));
        }
        ranges.sort_unstable_by_key(|(first, ..)| *first);
        if ranges.is_empty() {
            let why = "it belongs to no cluster that holds anything";
            return Err((ErrorKind::ClusterConnectionNotFound, why).into());
        }
        Ok(Self { ranges })
    }

    /// Who holds what this command is about.
    pub(super) fn owner(&self, command: &Cmd) -> Option<&Node> {
        let slot = slot(key(command)?);
        let after = self.ranges.partition_point(|(first, ..)| *first <= slot);
        let (_, last, node) = self.ranges.get(after.checked_sub(1)?)?;
        (slot <= *last).then_some(node)
    }

    /// Everyone who holds something; one that holds several ranges comes several times.
    pub(super) fn primaries(&self) -> impl Iterator<Item = &Node> {
        self.ranges.iter().map(|(_, _, node)| node)
    }
}

/// The first key of a command of ours. All others have the same hash tag.
fn key(command: &Cmd) -> Option<&[u8]> {
    let mut arguments = command.args_iter().map(|argument| match argument {
        Arg::Simple(bytes) => bytes,
        _ => &[][..],
    });
    match arguments.next()? {
        b"EVALSHA" => arguments.nth(2),
        _ => arguments.next(),
    }
}

/// CRC-16 (XMODEM) of the hash tag, or of the whole key without one.
fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let inside = &key[open + 1..];
        let close = inside.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &inside[..close])
    });
    let crc = tag.unwrap_or(key).iter().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(*byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    });
    crc % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As CLUSTER KEYSLOT says.
    #[test]
    fn slots_of_keys() {
        for (key, expected) in [
            ("123456789", 12_739),
            ("{ch:gw}:all", slot(b"ch:gw")),
            ("{}x", slot(b"{}x")),
            ("a{b", slot(b"a{b")),
        ] {
            assert_eq!(slot(key.as_bytes()), expected, "{key}");
        }
    }

    fn node(port: u16) -> Node {
        Node { host: "h".to_owned(), port }
    }

    #[test]
    fn owners_of_commands() {
        let of = slot(b"ch:7");
        let ranges = vec![(0, of - 1, node(1)), (of, of, node(2)), (of + 2, 16_383, node(3))];
        let slots = Slots { ranges };
        let mut script = redis::cmd("EVALSHA");
        script.arg("hash").arg(1).arg("{ch:7}:meta:v").arg("x");
        assert_eq!(slots.owner(&script), Some(&node(2)));
        let mut plain = redis::cmd("SADD");
        plain.arg("{ch:7}:subs:v").arg("{ch:1}");
        assert_eq!(slots.owner(&plain), Some(&node(2)));
        assert_eq!(slots.owner(&redis::cmd("TIME")), None);
        let nobodys = Slots { ranges: vec![(of + 1, 16_383, node(3))] };
        assert_eq!(nobodys.owner(&plain), None);
    }
}
