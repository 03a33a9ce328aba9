//! The engine's journal files, read by ourselves: batches one after another, zeros behind the last.
//!
//! A batch is `1, count, seqno`, its items, `3, checksum of the items, FJL3`; numbers are
//! little-endian. The engine ends at the first batch that it can't read and cuts the file off there,
//! whatever follows. What may be cut off is only what a dying process or machine left half written:
//! [`walk`] tells that from damage.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use xxhash_rust::xxh3::xxh3_64;

use super::bytes::Rest;

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
/// Closes every batch.
const TRAILER: [u8; 4] = *b"FJL\x03";
/// Disks write at least so many bytes or none.
const SECTOR: usize = 512;
/// So many zeros up to a sector's end stand in no whole batch.
const GAP_MIN: usize = 16;
/// Bytes read at a time.
const CHUNK: usize = 1 << 20;

/// A whole batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'f> {
    /// Where it begins and where the next one may.
    pub(super) at: usize,
    pub(super) end: usize,
    /// The engine's number of it: each greater than the one before.
    pub(super) seqno: u64,
    /// How many items there are.
    pub(super) count: u32,
    /// The items as they stand in the file.
    pub(super) items: &'f [u8],
}

/// One write of a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item<'f> {
    /// The engine's number of the table.
    pub(super) table: u64,
    pub(super) key: &'f [u8],
    pub(super) value: &'f [u8],
    /// Whether it removes the key; its value is empty then.
    pub(super) removes: bool,
}

impl Item<'_> {
    /// As it stands in a file.
    pub(super) fn encode(&self) -> Vec<u8> {
        let Self { table, key, value, removes } = self;
        // What came out of a file fits into one.
        let key_len = u16::try_from(key.len()).unwrap_or_default().to_le_bytes();
        let len = u32::try_from(value.len()).unwrap_or_default().to_le_bytes();
        let head = [ITEM, u8::from(*removes), 0];
        [&head, &table.to_le_bytes()[..], &key_len, &len, &len, key, value].concat()
    }
}

/// Bytes that are no batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kind: HoleKind,
}

/// How a hole came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HoleKind {
    /// It was being written when the process or the machine died; nobody was told that it is there.
    Torn,
    /// All there but the last bytes of the trailer, which can be put back.
    Unclosed,
    /// It was whole once.
    Damaged,
}

/// The file's bytes up to the last one that isn't zero: the engine makes journals 64 MiB long.
pub(super) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let (mut bytes, mut zeros, mut chunk) = (Vec::new(), 0, vec![0; CHUNK]);
    let nothing = vec![0; CHUNK];
    loop {
        let len = file.read(&mut chunk)?;
        let (read, _) = chunk.split_at(len);
        if len == 0 {
            break;
        } else if nothing.starts_with(read) {
            zeros += len;
        } else {
            bytes.resize(bytes.len() + std::mem::take(&mut zeros), 0);
            bytes.extend_from_slice(read);
        }
    }
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    bytes.truncate(end);
    Ok(bytes)
}

/// A part of a journal.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'f> {
    /// A whole batch.
    Batch(Batch<'f>),
    /// What is between two of them, or behind the last.
    Hole(Hole),
}

/// The parts of a journal, one after another. Only the `last` journal may be torn: the engine syncs
/// one before it begins the next.
pub(super) fn walk(bytes: &[u8], last: bool) -> impl Iterator<Item = Part<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let part = (at < bytes.len()).then(|| part(bytes, at, last))?;
        at = match part {
            Part::Batch(batch) => batch.end,
            Part::Hole(hole) => hole.to,
        };
        Some(part)
    })
}

fn part(bytes: &[u8], at: usize, last: bool) -> Part<'_> {
    if let Some(batch) = parse(bytes, at) {
        return Part::Batch(batch);
    }
    let next = (at + 1..bytes.len()).find(|next| parse(bytes, *next).is_some());
    let kind = if next.is_some() || !last { HoleKind::Damaged } else { tail(bytes, at) };
    Part::Hole(Hole { from: at, to: next.unwrap_or(bytes.len()), kind })
}

/// The batch at `at`, if it is whole.
fn parse(bytes: &[u8], at: usize) -> Option<Batch<'_>> {
    let (batch, mut rest) = parse_items(bytes, at)?;
    let closed = rest.take(TRAILER.len())? == TRAILER;
    closed.then_some(Batch { end: bytes.len() - rest.0.len(), ..batch })
}

/// A batch with the right checksum, and what follows that.
fn parse_items(bytes: &[u8], at: usize) -> Option<(Batch<'_>, Rest<'_>)> {
    let mut rest = Rest(bytes.get(at..)?);
    let (START, count @ 1.., seqno) = (rest.u8()?, rest.u32()?, rest.u64()?) else { return None };
    let from = rest;
    for _ in 0..count {
        item(&mut rest)?;
    }
    let items = from.0.get(..from.0.len() - rest.0.len())?;
    let (END, sum) = (rest.u8()?, rest.u64()?) else { return None };
    (sum == xxh3_64(items)).then_some((Batch { at, end: at, seqno, count, items }, rest))
}

/// The item that comes next, whatever is in it.
pub(super) fn item<'f>(rest: &mut Rest<'f>) -> Option<Item<'f>> {
    // Nothing in our journals is compressed.
    let (ITEM, kind @ 0..=2, 0) = (rest.u8()?, rest.u8()?, rest.u8()?) else { return None };
    let (table, key_len) = (rest.u64()?, rest.u16()?);
    let (value_len, stored_len) = (rest.u32()?, rest.u32()?);
    let key = rest.take(usize::from(key_len))?;
    let value = rest.take(usize::try_from(value_len).ok()?)?;
    (value_len == stored_len).then_some(Item { table, key, value, removes: kind != 0 })
}

/// The items of a whole batch.
pub(super) fn items<'f>(batch: &Batch<'f>) -> impl Iterator<Item = Item<'f>> + use<'f> {
    let mut rest = Rest(batch.items);
    std::iter::from_fn(move || item(&mut rest))
}

/// What the end of the last journal is, from `at` on. A process that dies leaves a beginning of its
/// batch; a machine that dies leaves out sectors. Damage leaves the trailer, or all but that.
fn tail(bytes: &[u8], at: usize) -> HoleKind {
    if let Some((_, rest)) = parse_items(bytes, at) {
        let cut = TRAILER.starts_with(rest.0);
        return if cut { HoleKind::Unclosed } else { HoleKind::Damaged };
    }
    let closed = bytes.ends_with(&TRAILER);
    if closed && !has_gap(bytes, at) { HoleKind::Damaged } else { HoleKind::Torn }
}

/// Whether a sector, or the part of it from `at` on, was never written.
fn has_gap(bytes: &[u8], at: usize) -> bool {
    let first = (at / SECTOR + 1) * SECTOR;
    (first..bytes.len()).step_by(SECTOR).any(|end| {
        let from = at.max(end - SECTOR);
        end - from >= GAP_MIN && bytes[from..end].ends_with(&[0; GAP_MIN])
    })
}

/// The [`HoleKind::Unclosed`] batch at `at`, and what is missing of its trailer.
pub(super) fn unclosed(bytes: &[u8], at: usize) -> Option<(Batch<'_>, &'static [u8])> {
    let (batch, rest) = parse_items(bytes, at)?;
    Some((batch, TRAILER.get(rest.0.len()..)?))
}

/// A batch of these items, each as it stood in a file.
pub(super) fn encode(seqno: u64, count: u32, items: &[u8]) -> Vec<u8> {
    let (count, seqno, sum) = (count.to_le_bytes(), seqno.to_le_bytes(), xxh3_64(items));
    [&[START], &count[..], &seqno, items, &[END], &sum.to_le_bytes(), &TRAILER].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Three batches of two items each, as the engine writes them, and where each begins.
    fn three() -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for seqno in 7..10 {
            let items = [one(1, b"key", b"a value that is longer"), one(4, b"another key", b"")];
            starts.push(bytes.len());
            bytes.extend(encode(seqno, 2, &items.concat()));
        }
        (bytes, starts)
    }

    fn one(table: u64, key: &[u8], value: &[u8]) -> Vec<u8> {
        Item { table, key, value, removes: false }.encode()
    }

    fn holes(bytes: &[u8], last: bool) -> Vec<Hole> {
        let holes = walk(bytes, last).filter_map(|part| match part {
            Part::Hole(hole) => Some(hole),
            Part::Batch(_) => None,
        });
        holes.collect()
    }

    #[test]
    fn whole_batches_come_one_after_another() {
        let (bytes, starts) = three();
        let batches = walk(&bytes, true).map(|part| match part {
            Part::Batch(batch) => batch,
            Part::Hole(hole) => panic!("{hole:?}"),
        });
        let batches: Vec<_> = batches.collect();
        assert_eq!(batches.iter().map(|batch| batch.at).collect::<Vec<_>>(), starts);
        assert_eq!(batches[1].seqno, 8);
        let items: Vec<_> = items(&batches[2]).map(|item| (item.table, item.key)).collect();
        assert_eq!(items, [(1, b"key".as_slice()), (4, b"another key")]);
    }

    #[test]
    fn a_cut_is_torn_or_can_be_closed() {
        let (bytes, starts) = three();
        for len in starts[2] + 1..bytes.len() {
            let [hole] = holes(&bytes[..len], true)[..] else { panic!("{len}") };
            let expected =
                if len + TRAILER.len() < bytes.len() { HoleKind::Torn } else { HoleKind::Unclosed };
            assert_eq!((hole.from, hole.kind), (starts[2], expected), "{len}");
            if let Some((batch, missing)) = unclosed(&bytes[..len], starts[2]) {
                assert_eq!((batch.seqno, [&bytes[..len], missing].concat()), (9, bytes.clone()));
            }
            // The engine syncs a journal before it begins the next.
            assert_eq!(holes(&bytes[..len], false)[0].kind, HoleKind::Damaged);
        }
    }

    /// Every byte, every bit, and to zero: the last batch was acknowledged as well.
    #[test]
    fn no_flip_is_taken_for_a_cut() {
        let (bytes, _) = three();
        for at in 0..bytes.len() {
            let bits = (0..8).map(|bit| bytes[at] ^ (1 << bit));
            for changed in bits.chain([0, 0xff]).filter(|changed| *changed != bytes[at]) {
                let mut flipped = bytes.clone();
                flipped[at] = changed;
                let end = flipped.iter().rposition(|byte| *byte != 0).unwrap() + 1;
                let kinds: Vec<_> = holes(&flipped[..end], true).iter().map(|h| h.kind).collect();
                let closable = at + 1 == bytes.len() && changed == 0;
                // Its neighbours tell of a wrong sequence number, not the batch itself.
                let seqno = [0, 1, 2].map(|nth| nth * bytes.len() / 3 + 5);
                if seqno.iter().any(|from| (*from..from + 8).contains(&at)) {
                    assert!(kinds.is_empty(), "{at}");
                } else if closable {
                    assert_eq!(kinds, [HoleKind::Unclosed]);
                } else {
                    assert_eq!(kinds, [HoleKind::Damaged], "{at} {changed}");
                }
            }
        }
    }

    /// A machine that dies may have written the last sectors and not the ones before.
    #[test]
    fn sectors_that_were_never_written_are_torn() {
        let mut bytes = three().0;
        let at = bytes.len();
        bytes.extend(encode(10, 1, &one(1, b"key", &[b'x'; 3 * SECTOR])));
        for sector in 1..3 {
            let mut torn = bytes.clone();
            torn[sector * SECTOR..(sector + 1) * SECTOR].fill(0);
            assert_eq!(holes(&torn, true)[0].kind, HoleKind::Torn);
        }
        let mut flipped = bytes;
        flipped[at + 900] ^= 1;
        assert_eq!(holes(&flipped, true)[0].kind, HoleKind::Damaged);
    }

    #[test]
    fn zeros_behind_the_last_batch_are_not_read() {
        let (bytes, _) = three();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("0.jnl");
        for zeros in [0, 1, CHUNK - 1, 3 * CHUNK] {
            std::fs::write(&path, [&bytes[..], &vec![0; zeros]].concat()).unwrap();
            assert_eq!(read(&path).unwrap(), bytes);
        }
        let apart = [&bytes[..], &vec![0; 2 * CHUNK], &[1]].concat();
        std::fs::write(&path, &apart).unwrap();
        assert_eq!(read(&path).unwrap(), apart);
    }

    proptest! {
        #[test]
        fn no_bytes_panic_or_are_read_twice(bytes in prop::collection::vec(0u8..5, 0..300)) {
            let mut at = 0;
            for part in walk(&bytes, true) {
                let (from, to) = match part {
                    Part::Batch(batch) => (batch.at, batch.end),
                    Part::Hole(hole) => (hole.from, hole.to),
                };
                prop_assert_eq!(from, at);
                at = to;
            }
            prop_assert_eq!(at, bytes.len());
        }
    }
}
