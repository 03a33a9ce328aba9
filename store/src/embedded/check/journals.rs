//! The journals to their last byte: whole batches, in order, nothing between them.

use std::{
    collections::HashMap,
    fs::OpenOptions,
    io::{self, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    super::{
        batches::{self, Batch, HoleKind, Item, Part},
        damage::Damage,
    },
    Findings, SEQNO_MAX,
};

/// Bytes of a batch before its sequence number.
const SEQNO_AT: usize = 5;

/// A journal's last batch, which a dying process did not get to the end of.
#[derive(Debug)]
pub(super) struct Tail {
    journal: PathBuf,
    len: u64,
    /// What completes it; nothing when it can only be cut off.
    missing: &'static [u8],
}

impl Tail {
    pub(super) fn mend(&self) -> io::Result<()> {
        let Self { journal, len, missing } = self;
        let mut file = OpenOptions::new().write(true).open(journal)?;
        file.set_len(*len)?;
        file.seek(SeekFrom::End(0))?;
        file.write_all(missing)?;
        file.sync_all()
    }
}

/// The oldest batch in the journals. Every other one's sequence number is checked by its neighbours.
#[derive(Debug)]
pub(in super::super) struct First {
    journal: PathBuf,
    at: usize,
    /// What it writes and no later batch removes or writes anew: by the engine's number of the
    /// table, values by keys.
    pub(in super::super) writes: HashMap<u64, HashMap<Vec<u8>, Vec<u8>>>,
}

impl First {
    fn new(journal: &Path, batch: &Batch<'_>) -> Self {
        let mut first = Self { journal: journal.to_owned(), at: batch.at, writes: HashMap::new() };
        for Item { table, key, value, .. } in batches::items(batch).filter(|item| !item.removes) {
            first.writes.entry(table).or_default().insert(key.to_vec(), value.to_vec());
        }
        first.leave_out(batches::items(batch).filter(|item| item.removes));
        first
    }

    /// Leaves out what is written elsewhere: whether that is there tells nothing of this batch.
    fn leave_out<'f>(&mut self, items: impl Iterator<Item = Item<'f>>) {
        for item in items {
            if let Some(writes) = self.writes.get_mut(&item.table) {
                writes.remove(item.key);
            }
        }
    }

    /// What is to be told when the engine passed it over.
    pub(in super::super) fn damage(&self) -> Damage {
        Damage::at(&self.journal, self.at + SEQNO_AT, "its sequence number is not what it was")
    }
}

/// All batches of all journals.
pub(super) fn check(path: &Path, findings: &mut Findings) -> io::Result<()> {
    let journals = super::journals(path)?;
    let mut order = Order::default();
    let (mut expected, last) = (journals.first().map(|(number, _)| *number), journals.len());
    for (nth, (number, journal)) in journals.iter().enumerate() {
        if expected.replace(number + 1) != Some(*number) {
            let what = "the one before it is not there";
            findings.in_journals.push(Damage::of(journal, what));
        }
        check_journal(journal, nth + 1 == last, &mut order, findings)?;
    }
    if journals.is_empty() {
        findings.in_journals.push(Damage::of(&path.join("*.jnl"), "there is no journal"));
    }
    Ok(())
}

fn check_journal(
    journal: &Path,
    last: bool,
    order: &mut Order,
    findings: &mut Findings,
) -> io::Result<()> {
    let bytes = batches::read(journal)?;
    for part in batches::walk(&bytes, last) {
        let hole = match part {
            Part::Batch(batch) => {
                match &mut findings.first {
                    Some(first) => first.leave_out(batches::items(&batch)),
                    None => findings.first = Some(First::new(journal, &batch)),
                }
                findings.in_journals.extend(order.check(journal, &batch));
                continue;
            }
            Part::Hole(hole) => hole,
        };
        let tail = |missing| Tail { journal: journal.to_owned(), len: hole.from as u64, missing };
        match hole.kind {
            HoleKind::Torn => findings.tail = Some(tail(&[])),
            HoleKind::Unclosed => {
                let missing = batches::unclosed(&bytes, hole.from).map(|(_, missing)| missing);
                let len = hole.to as u64;
                findings.tail = missing.map(|missing| Tail { len, ..tail(missing) });
            }
            HoleKind::Damaged => {
                let what = format!("{} bytes are no whole batch of writes", hole.to - hole.from);
                findings.in_journals.push(Damage::at(journal, hole.from, what));
            }
        }
    }
    Ok(())
}

/// Sequence numbers grow from batch to batch; their own checksum doesn't cover them. The engine
/// passes over a batch with a number that it thinks it has written out.
#[derive(Default)]
struct Order {
    before: Option<u64>,
    last: Option<(PathBuf, usize, u64)>,
}

impl Order {
    fn check(&mut self, journal: &Path, batch: &Batch<'_>) -> Option<Damage> {
        let this = (journal.to_owned(), batch.at, batch.seqno);
        let fits = |after: Option<u64>| after < Some(batch.seqno) && batch.seqno < SEQNO_MAX;
        let last = self.last.as_ref().map(|(.., seqno)| *seqno);
        let wrong = if fits(last) {
            self.before = last;
            self.last = Some(this);
            return None;
        } else if fits(self.before) {
            // The one in between is the odd one.
            self.last.replace(this)?
        } else {
            this
        };
        let what = format!("the sequence number {} is out of order", wrong.2);
        Some(Damage::at(&wrong.0, wrong.1 + SEQNO_AT, what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where numbers are told to be out of order, the batches being ten bytes apart.
    fn wrong(seqnos: &[u64]) -> Vec<u64> {
        let mut order = Order::default();
        let batches = seqnos.iter().zip((0..).step_by(10)).map(|(seqno, at)| Batch {
            at,
            end: at + 10,
            seqno: *seqno,
            count: 1,
            items: &[],
        });
        let damages = batches.filter_map(|batch| order.check(Path::new("0.jnl"), &batch));
        damages.filter_map(|damage| Some((damage.at? - SEQNO_AT as u64) / 10)).collect()
    }

    #[test]
    fn of_the_first_batch_counts_what_no_other_one_writes() {
        let batch = |keys: &[(u64, &str, bool)]| {
            let items = keys.iter().map(|(table, key, removes)| {
                let (key, value) = (key.as_bytes(), if *removes { "" } else { "x" }.as_bytes());
                Item { table: *table, key, value, removes: *removes }.encode()
            });
            let items: Vec<_> = items.collect();
            batches::encode(1, items.len().try_into().unwrap(), &items.concat())
        };
        let journal = tempfile::tempdir().unwrap();
        let file = journal.path().join("0.jnl");
        let first = batch(&[(1, "a", false), (1, "b", false), (2, "a", false), (3, "c", false)]);
        let second = batch(&[(1, "a", true), (2, "a", false), (3, "b", true)]);
        std::fs::write(&file, [first, second].concat()).unwrap();
        let mut findings = Findings::default();
        check_journal(&file, true, &mut Order::default(), &mut findings).unwrap();
        let writes = findings.first.unwrap().writes.into_iter();
        let left = writes.flat_map(|(table, of)| of.into_keys().map(move |key| (table, key)));
        let mut left: Vec<_> = left.collect();
        left.sort_unstable();
        assert_eq!(left, [(1, b"b".to_vec()), (3, b"c".to_vec())]);
    }

    #[test]
    fn the_odd_number_is_the_one_that_is_told() {
        assert!(wrong(&[5, 6, 9, 1000]).is_empty());
        assert_eq!(wrong(&[5, 6, 3, 9, 10]), [2]);
        assert_eq!(wrong(&[5, 900, 7, 8]), [1]);
        assert_eq!(wrong(&[5, 6, SEQNO_MAX, 8]), [2]);
        assert_eq!(wrong(&[5, 6, 6, 7]).len(), 1);
    }
}
