//! The journals to their last byte: whole batches, in order, nothing between them.

use std::{
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
    /// What it writes that no later batch removes.
    pub(in super::super) writes: Vec<Written>,
}

/// A record that a batch writes.
#[derive(Debug)]
pub(in super::super) struct Written {
    /// The engine's number of the table.
    pub(in super::super) table: u64,
    pub(in super::super) key: Vec<u8>,
    pub(in super::super) value: Vec<u8>,
}

impl First {
    fn new(journal: &Path, batch: &Batch<'_>) -> Self {
        let written = |Item { table, key, value, .. }: Item<'_>| Written {
            table,
            key: key.to_vec(),
            value: value.to_vec(),
        };
        let writes = batches::items(batch).filter(|item| !item.removes).map(written).collect();
        Self { journal: journal.to_owned(), at: batch.at, writes }
    }

    /// Leaves out what another batch removes.
    fn leave_out(&mut self, batch: &Batch<'_>) {
        for item in batches::items(batch).filter(|item| item.removes) {
            self.writes.retain(|it| (it.table, it.key.as_slice()) != (item.table, item.key));
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
                let first = findings.first.get_or_insert_with(|| First::new(journal, &batch));
                first.leave_out(&batch);
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
    fn the_odd_number_is_the_one_that_is_told() {
        assert!(wrong(&[5, 6, 9, 1000]).is_empty());
        assert_eq!(wrong(&[5, 6, 3, 9, 10]), [2]);
        assert_eq!(wrong(&[5, 900, 7, 8]), [1]);
        assert_eq!(wrong(&[5, 6, SEQNO_MAX, 8]), [2]);
        assert_eq!(wrong(&[5, 6, 6, 7]).len(), 1);
    }
}
