//! What can still be had of a damaged file: records that their own checksum, or that of their block,
//! says are whole. And a name for what can't.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    ops::Range,
    path::{Path, PathBuf},
};

use fjall::CompressionType;
use lsm_tree::{
    InternalValue,
    table::{Block as EngineBlock, DataBlock, Scanner},
};

use super::{
    batches::{self, Item},
    bytes::Rest,
    record, room_record,
    table_file::{self, Block},
    totals_record,
};

/// The engine's numbers of the tables.
const COMMENTS: u64 = 1;
const CLAIMS: u64 = 2;
const PENDING: u64 = 3;
const SETTLED: u64 = 4;
const DELETED: u64 = 5;
const SLOTS: u64 = 6;
const NOTES: u64 = 7;
const TOTALS: u64 = 8;
/// Bytes of a batch that are not items: `1, count, seqno` before them, checksum and trailer behind.
const BATCH_HEAD_LEN: usize = 13;
const BATCH_FRAME_LEN: usize = BATCH_HEAD_LEN + 13;
/// Names of lost records that are told, of each file.
const NAMES_MAX: usize = 100;

/// What is lost of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    /// The file, as it was called.
    pub file: PathBuf,
    /// The bytes of it that are of no use.
    pub at: Range<u64>,
    /// How many records stood there, if that can be told.
    pub records: Option<u64>,
    /// What can be told of them: names of comments, or between which two they were.
    pub names: Vec<String>,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, at, records, names } = self;
        write!(f, "{}, bytes {} to {}: ", file.display(), at.start, at.end)?;
        match records {
            Some(records) => write!(f, "records lost: {records}")?,
            None => write!(f, "records lost: can't be told how many")?,
        }
        if names.is_empty() { Ok(()) } else { write!(f, " ({})", names.join(", ")) }
    }
}

/// The whole records of a damaged part of a journal, and what is lost.
pub(super) fn of_journal<'f>(
    journal: &Path,
    bytes: &'f [u8],
    hole: Range<usize>,
) -> (Vec<Item<'f>>, Lost) {
    let part = bytes.get(hole.clone()).unwrap_or_default();
    let (mut kept, mut names, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(from) = part.get(at..).filter(|from| !from.is_empty()) {
        let mut rest = Rest(from);
        let item = batches::item(&mut rest);
        at += match item.and_then(whole) {
            Some(whole) => {
                kept.push(whole);
                from.len() - rest.0.len()
            }
            None => {
                names.extend(item.and_then(|item| name(item.key)));
                1
            }
        };
    }
    names.dedup();
    names.truncate(NAMES_MAX);
    let records = lost_records(part, &kept);
    // What is deleted must not come back because the other half of the deletion is lost.
    let deleted: Vec<_> = kept.iter().filter(|item| item.table == DELETED).copied().collect();
    let removal = |item| Item { table: COMMENTS, value: &[], removes: true, ..item };
    kept.extend(deleted.into_iter().map(removal));
    let at = hole.start as u64..hole.end as u64;
    (kept, Lost { file: journal.to_owned(), at, records, names })
}

/// The item, if it is what it was. Its own checksum says so of a record, and its form of which table
/// it is. A removal has none; of its key, an id and a name must have stayed one.
fn whole(item: Item<'_>) -> Option<Item<'_>> {
    if item.removes && item.value.is_empty() {
        let table = table_of_removal(&item)?;
        return Some(Item { table, ..item });
    }
    let payload = record::unseal(item.key, item.value).ok()?;
    let table = table_of(item.key, payload)?;
    Some(Item { table, removes: false, ..item })
}

/// The table that the item names, if its key is of that one's form. Some keys are of both.
fn table_of_removal(item: &Item<'_>) -> Option<u64> {
    let fits = |table: &u64| match *table {
        COMMENTS => name(item.key).is_some(),
        PENDING => record::parse_pending(item.key).is_ok(),
        _ => false,
    };
    [item.table, COMMENTS, PENDING].into_iter().find(fits)
}

fn table_of(key: &[u8], payload: &[u8]) -> Option<u64> {
    match payload {
        [] if name(key).is_some() => Some(SETTLED),
        [] => record::parse_pending(key).ok().map(|_| PENDING),
        [b'{', ..] => name(key).map(|_| COMMENTS),
        [record::DELETION, ..] if name(key).is_some() => Some(DELETED),
        [room_record::SLOT, ..] if room_record::slot_name(key).is_ok() => Some(SLOTS),
        [room_record::NOTE, ..] if room_record::note_id(key).is_ok() => Some(NOTES),
        [totals_record::TOTALS, ..] if totals_record::parse(key, payload).is_ok() => Some(TOTALS),
        _ => record::parse_claim(payload).ok().map(|_| CLAIMS),
    }
}

/// The name of a comment, if the key is one's.
fn name(key: &[u8]) -> Option<String> {
    record::comment_of(key).ok()?;
    Some(record::describe(key)).filter(|name| name.contains('/'))
}

/// None are lost if what was kept fills the batch; otherwise its head says how many there were, if
/// it can be believed.
fn lost_records(part: &[u8], kept: &[Item<'_>]) -> Option<u64> {
    let kept_len = kept.iter().map(|item| item.encode().len()).sum::<usize>();
    let left = part.len().checked_sub(kept_len)?;
    if left <= BATCH_FRAME_LEN {
        return Some(0);
    }
    let count = Rest(part.get(1..)?).u32()?;
    let lost = u64::from(count).checked_sub(kept.len() as u64)?;
    (lost > 0 && lost < left as u64).then_some(lost)
}

/// Hands the records of a table file to `each`, by key, the newest of a key first, and tells what is
/// lost. `scratch` is a file to write to.
pub(super) fn of_table(
    file: &Path,
    scratch: &Path,
    mut each: impl FnMut(InternalValue) -> io::Result<()>,
) -> io::Result<Vec<Lost>> {
    let bytes = fs::read(file)?;
    let (blocks, bad) = table_file::blocks(&bytes);
    let (mut kept, mut lost, mut last) = (0, Vec::<Lost>::new(), None);
    for (run, bad) in stretches(&blocks, bad) {
        let mut first = None;
        scan(&bytes, &run, scratch, |record| {
            let name = || record::describe(&record.key.user_key);
            first.get_or_insert_with(name);
            last = Some(name());
            kept += 1;
            each(record)
        })?;
        if let Some(lost) = lost.last_mut() {
            lost.names.extend(first.map(|first| format!("before {first}")));
        }
        if let Some(bad) = bad {
            let names = last.iter().map(|last| format!("after {last}")).collect();
            let at = bad.start as u64..bad.end as u64;
            lost.push(Lost { file: file.to_owned(), at, records: None, names });
        }
    }
    let count = blocks.iter().rev().find_map(|block| record_count(bytes.get(block.at..)?));
    if let [only] = lost.as_mut_slice() {
        only.records = count.and_then(|count| count.checked_sub(kept));
    }
    Ok(lost)
}

/// Blocks of records that follow one another, each time with the damaged ones behind them.
fn stretches(blocks: &[Block], bad: Vec<Range<usize>>) -> Vec<(Vec<Block>, Option<Range<usize>>)> {
    let of_records = || blocks.iter().filter(|block| block.has_records).copied();
    let end = of_records().last().map_or(0, |block| block.end);
    let index = blocks.iter().find(|block| !block.has_records).map_or(usize::MAX, |it| it.at);
    let mut left = of_records().peekable();
    let mut stretches = Vec::new();
    // Of the rest of the file, indexes and filters, nothing is needed.
    for bad in bad.into_iter().filter(|bad| bad.start < end.max(index)) {
        let run = std::iter::from_fn(|| left.next_if(|block| block.at < bad.start)).collect();
        stretches.push((run, Some(bad)));
    }
    stretches.push((left.collect(), None));
    stretches
}

/// The records of blocks. The engine reads them from a file's beginning only, so they get a file.
fn scan(
    bytes: &[u8],
    run: &[Block],
    scratch: &Path,
    mut each: impl FnMut(InternalValue) -> io::Result<()>,
) -> io::Result<()> {
    if run.is_empty() {
        return Ok(());
    }
    let mut file = File::create(scratch)?;
    for block in run {
        file.write_all(bytes.get(block.at..block.end).unwrap_or_default())?;
    }
    let scanner = Scanner::new(scratch, run.len(), CompressionType::None, 0);
    for record in scanner.map_err(io::Error::other)? {
        each(record.map_err(io::Error::other)?)?;
    }
    Ok(())
}

/// How many records a table's block of properties says there are.
fn record_count(mut block: &[u8]) -> Option<u64> {
    let block = EngineBlock::from_reader(&mut block, CompressionType::None).ok()?;
    if u8::from(block.header.block_type) != table_file::META {
        return None;
    }
    let count = DataBlock::new(block).point_read(b"item_count", fjall::SeqNo::MAX)?;
    Rest(&count.value).u64()
}

#[cfg(test)]
mod tests {
    use common::{
        comment_store::{Claim, Deletion, Pending},
        ids::{ActionId, CommentId, VideoId},
        room_store::{Journal, Note, Slot, SlotName},
        totals::Source,
    };

    use super::*;
    use crate::embedded::tables::Tables;

    /// The tables of a [`batch`]'s items, and which of them are removals.
    const ITEMS: [(u64, bool); 10] = [
        (COMMENTS, false),
        (CLAIMS, false),
        (PENDING, false),
        (SETTLED, false),
        (DELETED, false),
        (SLOTS, false),
        (NOTES, false),
        (TOTALS, false),
        (PENDING, true),
        (COMMENTS, true),
    ];

    /// A record of each table, and removals, in a batch as the engine writes it.
    fn batch() -> Vec<u8> {
        let (video, comment): (VideoId, _) = ("v".parse().unwrap(), CommentId::now());
        let pending = record::pending_key(&Pending { video: video.clone(), comment });
        let deleted = record::comment_key(&video, CommentId::now());
        let key = record::comment_key(&video, comment);
        let mut items = Vec::new();
        for (table, key, payload) in records(&video, comment, &key, &deleted) {
            let value = record::seal(&key, &payload);
            items.extend(Item { table, key: &key, value: &value, removes: false }.encode());
        }
        for (table, key) in [(PENDING, &pending), (COMMENTS, &deleted)] {
            items.extend(Item { table, key, value: b"", removes: true }.encode());
        }
        batches::encode(7, 10, &items)
    }

    fn records(
        video: &VideoId,
        comment: CommentId,
        key: &[u8],
        deleted: &[u8],
    ) -> [(u64, Vec<u8>, Vec<u8>); 8] {
        let claim = record::claim_payload(&Claim { comment, digest: [7; 32] });
        let (author, by) = ("uma".parse().unwrap(), "mo".parse().unwrap());
        let action = ActionId::now();
        let deletion = record::deletion_payload(&Deletion { author, by, action });
        let name = SlotName::Ban("uma".parse().unwrap());
        let slot = room_record::slot_key(video, &name);
        let value = Slot { name, version: action, value: "{}".into(), until_ms: None };
        let note = room_record::note_key(video, Journal::Reports, action);
        let noted = room_record::note_payload(&Note { id: action, value: "{}".into() });
        let pending = record::pending_key(&Pending { video: video.clone(), comment });
        let counted = totals_record::key(video, &Source::fresh());
        [
            (COMMENTS, key.to_vec(), b"{}".to_vec()),
            (CLAIMS, b"uma\0k".to_vec(), claim),
            (PENDING, pending, Vec::new()),
            (SETTLED, key.to_vec(), Vec::new()),
            (DELETED, deleted.to_vec(), deletion),
            (SLOTS, slot, room_record::slot_payload(&value)),
            (NOTES, note, noted),
            (TOTALS, counted, totals_record::payload(&"views 7".parse().unwrap())),
        ]
    }

    fn salvaged(bytes: &[u8]) -> (Vec<Item<'_>>, Lost) {
        of_journal(Path::new("0.jnl"), bytes, 0..bytes.len())
    }

    #[test]
    fn tables_have_the_numbers_that_the_engine_gave_them() {
        let home = tempfile::tempdir().unwrap();
        let tables = Tables::open(home.path()).unwrap();
        let numbers = [COMMENTS, CLAIMS, PENDING, SETTLED, DELETED, SLOTS, NOTES, TOTALS];
        let names =
            ["comments", "claims", "pending", "settled", "deleted", "slots", "notes", "totals"];
        for ((number, name), (named, table)) in numbers.iter().zip(names).zip(tables.named()) {
            assert_eq!(name, named);
            assert!(table.path().ends_with(number.to_string()), "{name}: {:?}", table.path());
        }
    }

    #[test]
    fn whole_records_of_a_damaged_batch_are_kept() {
        let mut bytes = batch();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let (kept, lost) = salvaged(&bytes);
        let tables: Vec<_> = kept.iter().map(|item| (item.table, item.removes)).collect();
        // The removal that goes with the deletion comes again.
        assert_eq!(tables, [&ITEMS[..], &[(COMMENTS, true)]].concat());
        assert_eq!(lost.records, Some(0));
    }

    /// Whatever flips: what is kept is what was written, in its table, and the rest is counted. A
    /// removal may be of another key, which nothing is under.
    #[test]
    fn nothing_is_kept_that_was_never_written() {
        let whole = batch();
        let written: Vec<_> = salvaged(&whole).0.iter().map(Item::encode).collect();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let (kept, lost) = salvaged(&bytes);
                let deletions = kept.iter().filter(|item| item.table == DELETED).count();
                let removals = kept.iter().filter(|item| item.removes).count();
                let strange = kept.iter().filter(|item| !written.contains(&item.encode())).count();
                let odd_removals =
                    kept.iter().filter(|it| it.removes && !written.contains(&it.encode())).count();
                assert!(strange == odd_removals && strange <= 1, "{at} {bit}");
                let kept = kept.len() - deletions;
                assert!(kept >= 9 && removals <= 2 + deletions, "{at} {bit}");
                let counted = lost.records.unwrap_or(u64::MAX);
                assert!(10 - kept as u64 <= counted, "{at} {bit} {lost:?}");
            }
        }
    }
}
