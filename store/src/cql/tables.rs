//! The tables, and why they are so; [`super::comments`], [`super::claims`], [`super::pending`],
//! [`super::settled`], [`super::slots`], [`super::notes`] and [`super::totals`] say more.

/// The longest TTL there is, 20 years.
pub(super) const RETENTION_DAYS_MAX: u32 = 7_300;
/// Partitions of a bucket's table outlive their comments by this, so that none is out of reach.
const BUCKET_TTL_EXTRA_S: u32 = 3_600;
/// Files per table that time-window compaction should end up with, about.
const WINDOWS: u32 = 30;

/// When a replica that was asked for a row is not waited for any longer, and another is asked as
/// well. The databases' default is the 99th percentile of what reads took lately, which is no help
/// while a replica is dead and not yet known to be: reads were seen to take more than two seconds.
/// Transactions read as well.
pub(super) const SPECULATION: &str = "speculative_retry = '50ms'";

/// What a table is like in which everything expires after about a day and nothing is deleted: whole
/// files drop out.
const OF_ONE_DAY: &str = "gc_grace_seconds = 10800 AND compaction = \
    {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', \
    'compaction_window_size': '1'}";

/// For partitions that grow over the video's whole life and are read as one: levels keep each in few
/// files.
const IN_LEVELS: &str = "compaction = {'class': 'LeveledCompactionStrategy'}";

/// How many there are.
const COUNT: usize = 9;
/// Their names.
pub(super) const NAMES: [&str; COUNT] = [
    "chorus_schema",
    "comments",
    "comment_buckets",
    "claims",
    "pending",
    "settled",
    "room_slots",
    "room_notes",
    "totals",
];

/// Columns that a table lacks which an earlier chorus made: table, column, type.
pub(super) const LATER_COLUMNS: [(&str, &str, &str); 1] = [("comments", "deletion", "text")];

/// The statements that make them. `IF NOT EXISTS` in each, so that a migration cut short is simply
/// run again.
pub(super) fn tables(keyspace: &str, retention_days: u32) -> [String; COUNT] {
    let (rows, buckets) = (comment_options(retention_days), bucket_options(retention_days));
    let notes = note_options(retention_days);
    let table = |name: &str, columns: &str| {
        format!("CREATE TABLE IF NOT EXISTS {keyspace}.{name} ({columns}) WITH {SPECULATION}")
    };
    [
        table("chorus_schema", "part text PRIMARY KEY, version int"),
        // Newest first, since that is what is read most.
        table(
            "comments",
            "video text, bucket bigint, id uuid, author_id text, author_name text, \
             author_role text, author_avatar text, body text, reply_to uuid, deletion text, \
             PRIMARY KEY ((video, bucket), id)",
        ) + " AND CLUSTERING ORDER BY (id DESC) AND "
            + &rows,
        table("comment_buckets", "video text, bucket bigint, PRIMARY KEY (video, bucket)")
            + " AND CLUSTERING ORDER BY (bucket DESC) AND "
            + &buckets,
        table(
            "claims",
            "author text, idempotency_key text, comment uuid, digest blob, \
             PRIMARY KEY ((author, idempotency_key))",
        ) + " AND default_time_to_live = 86400 AND "
            + OF_ONE_DAY,
        // Nobody waits for the live delivery of a comment of the day before.
        table("pending", "shard tinyint, id uuid, video text, PRIMARY KEY (shard, id)")
            + " AND CLUSTERING ORDER BY (id ASC) AND default_time_to_live = 86400 \
               AND gc_grace_seconds = 600",
        // An hour longer than claims: whoever finds a claim finds its comment's mark as well.
        table("settled", "video text, id uuid, PRIMARY KEY ((video, id))")
            + " AND default_time_to_live = 90000 AND "
            + OF_ONE_DAY,
        // Kept as long as the room is, however long that of its comments is.
        table("room_slots", "video text, name text, slot text, PRIMARY KEY (video, name)")
            + " AND CLUSTERING ORDER BY (name ASC) AND "
            + IN_LEVELS,
        table(
            "room_notes",
            "video text, journal text, id uuid, value text, \
             PRIMARY KEY ((video, journal), id)",
        ) + " AND CLUSTERING ORDER BY (id DESC) AND "
            + &notes,
        // Kept whatever the retention of comments is: a few hundred bytes per source.
        table("totals", "video text, source text, counted text, PRIMARY KEY (video, source)")
            + " AND "
            + IN_LEVELS,
    ]
}

/// Rows of about the same time end up in one file, which is dropped as a whole once they expired.
pub(super) fn comment_options(retention_days: u32) -> String {
    let window_days = if retention_days == 0 { 30 } else { retention_days.div_ceil(WINDOWS) };
    format!(
        "default_time_to_live = {} AND compaction = {{'class': 'TimeWindowCompactionStrategy', \
         'compaction_window_unit': 'DAYS', 'compaction_window_size': '{window_days}'}}",
        comment_ttl(retention_days)
    )
}

pub(super) fn bucket_options(retention_days: u32) -> String {
    format!("default_time_to_live = {} AND {IN_LEVELS}", bucket_ttl(retention_days))
}

/// Notes are kept as long as the comments that they tell of.
pub(super) fn note_options(retention_days: u32) -> String {
    format!("default_time_to_live = {} AND {IN_LEVELS}", comment_ttl(retention_days))
}

/// Seconds; 0 = for ever. Fits: [`RETENTION_DAYS_MAX`] was checked.
pub(super) fn comment_ttl(retention_days: u32) -> u32 {
    retention_days.saturating_mul(86_400)
}

/// Seconds; 0 = for ever.
pub(super) fn bucket_ttl(retention_days: u32) -> u32 {
    match comment_ttl(retention_days) {
        0 => 0,
        // The longest TTL leaves no room for more.
        ttl => (ttl + BUCKET_TTL_EXTRA_S).min(comment_ttl(RETENTION_DAYS_MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_outlive_comments_and_no_ttl_is_too_long() {
        assert_eq!((comment_ttl(0), bucket_ttl(0)), (0, 0));
        assert_eq!((comment_ttl(1), bucket_ttl(1)), (86_400, 90_000));
        assert_eq!(bucket_ttl(RETENTION_DAYS_MAX), 630_720_000);
    }

    #[test]
    fn windows_stay_few() {
        for days in [1, 30, 31, 365, RETENTION_DAYS_MAX] {
            let options = comment_options(days);
            let size: u32 = options.split('\'').rev().nth(1).unwrap().parse().unwrap();
            assert!(size >= 1 && days.div_ceil(size) <= WINDOWS, "{days}: {options}");
        }
    }
}
