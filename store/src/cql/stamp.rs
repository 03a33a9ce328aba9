//! Write timestamps, in microseconds since 1970: made of what is written, not of when. Repeated
//! hours later, by a process with another clock, a write is the same one still.

use std::time::Duration;

use common::{
    ambient,
    ids::{ActionId, CommentId},
};

/// How far ahead of the clock a timestamp may be; a cluster may refuse one of days (ScyllaDB: more
/// than three).
const AHEAD_MAX: Duration = Duration::from_secs(24 * 3600);
/// Of deletions at once the earliest action holds, if so many milliseconds or fewer lie between the
/// comment and it: 11 days.
const DELAY_MS_MAX: u64 = 1_000_000_000;

/// When a comment is written.
pub(super) fn of_comment(id: CommentId) -> i64 {
    let latest = ambient::since_1970() + AHEAD_MAX;
    micros(id.unix_ms()).min(i64::try_from(latest.as_micros()).unwrap_or(i64::MAX))
}

/// When a comment is deleted by that action: after it was written, which an earlier chorus did at
/// `written`, a time of the cluster's own. The earlier the action, the later, at most 17 minutes:
/// that is how the earliest holds without a transaction.
pub(super) fn of_deletion(id: CommentId, action: ActionId, written: Option<i64>) -> i64 {
    let delay_ms = action.unix_ms().saturating_sub(id.unix_ms()).min(DELAY_MS_MAX);
    let earliness = i64::try_from(DELAY_MS_MAX - delay_ms).unwrap_or(0);
    let after = of_comment(id).max(written.unwrap_or(i64::MIN));
    after.saturating_add(1).saturating_add(earliness)
}

/// When a slot is set to that version. Ids of one millisecond go on in the next twelve bits.
pub(super) fn of_version(version: ActionId) -> i64 {
    let within_ms = (version.as_uuid().as_u128() >> 64) & 0xfff;
    micros(version.unix_ms()) + i64::try_from((within_ms * 1_000) >> 12).unwrap_or(0)
}

fn micros(unix_ms: u64) -> i64 {
    // 48 bits of milliseconds fit.
    i64::try_from(unix_ms.saturating_mul(1_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use uuid::Builder;

    use super::*;

    fn action_at(unix_ms: u64, random: [u8; 10]) -> ActionId {
        let uuid = Builder::from_unix_timestamp_millis(unix_ms, &random).into_uuid();
        ActionId::try_from(uuid).unwrap()
    }

    #[test]
    fn a_deletion_is_after_every_write_of_its_comment() {
        let id = CommentId::now();
        let now_ms = id.unix_ms();
        let put = of_comment(id);
        assert_eq!(put, micros(now_ms));
        for action in [action_at(0, [0; 10]), ActionId::now(), action_at((1 << 48) - 1, [255; 10])]
        {
            assert!(of_deletion(id, action, None) > put);
            assert!(of_deletion(id, action, Some(put + 90_000_000_000)) > put + 90_000_000_000);
            assert!(of_deletion(id, action, None) <= put + 1_000_000_001);
        }
        let (first, second) = (action_at(now_ms + 3, [0; 10]), action_at(now_ms + 4, [0; 10]));
        assert!(of_deletion(id, first, None) > of_deletion(id, second, None));
    }

    #[test]
    fn no_timestamp_is_days_ahead() {
        let last = CommentId::try_from(action_at((1 << 48) - 1, [0; 10]).as_uuid()).unwrap();
        let day_us = 24 * 3_600_000_000;
        let now_us = micros(ActionId::now().unix_ms());
        assert!((now_us..=now_us + 2 * day_us).contains(&of_comment(last)));
        assert!(of_deletion(last, ActionId::now(), None) < now_us + 2 * day_us);
    }

    #[test]
    fn versions_are_in_order_also_within_a_millisecond() {
        let within =
            |high: u8, low: u8| of_version(action_at(1_000, [high, low, 0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(within(0, 0), 1_000_000);
        assert!(within(0, 0) < within(0, 5) && within(0, 5) < within(0x0f, 0xff));
        assert_eq!(within(0x0f, 0xff), 1_000_999);
        assert!(of_version(ActionId::now()) <= of_version(ActionId::now()));
    }
}
