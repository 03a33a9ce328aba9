//! A batch in the making: what a write does depends on what is stored, and on what else is in its
//! batch and not to be read yet.

use std::collections::HashMap;

use common::{
    comment_store::{Claim, StoreError},
    ids::ActionId,
    totals::Totals,
};
use fjall::{Keyspace, OwnedWriteBatch};

use super::{
    journal::Write,
    reads::{self, damaged, unread},
    record, room_record,
    tables::Tables,
    totals::is_more,
    totals_record,
};

/// Writes of one batch. Of two for one key the engine keeps the last: so none is added that another
/// one of the same batch makes void.
pub(super) struct Staging<'t> {
    tables: &'t Tables,
    pub(super) batch: OwnedWriteBatch,
    /// Claims that stand in the batch.
    claimed: HashMap<Vec<u8>, Claim>,
    /// Comments that the batch deletes, and whether that stands in it already.
    deleted: HashMap<Vec<u8>, bool>,
    /// The latest version of each slot that the batch sets.
    latest: HashMap<Vec<u8>, ActionId>,
    /// Totals that stand in the batch.
    counted: HashMap<Vec<u8>, Totals>,
}

impl<'t> Staging<'t> {
    /// An empty batch for these writes.
    pub(super) fn new(tables: &'t Tables, writes: &[Write]) -> Self {
        let batch = OwnedWriteBatch::with_capacity(tables.db.clone(), writes.len());
        let (mut deleted, mut latest) = (HashMap::new(), HashMap::<Vec<u8>, ActionId>::new());
        for write in writes {
            match write {
                Write::Delete { key, .. } => drop(deleted.insert(key.clone(), false)),
                Write::Set { key, version, .. } => {
                    let latest = latest.entry(key.clone()).or_insert(*version);
                    *latest = (*latest).max(*version);
                }
                _ => {}
            }
        }
        let (claimed, counted) = (HashMap::new(), HashMap::new());
        Self { tables, batch, claimed, deleted, latest, counted }
    }

    /// Adds a write; the claim in force is for who claims.
    pub(super) fn stage(&mut self, write: Write) -> Result<Option<Claim>, StoreError> {
        let Tables { pending, settled, notes, .. } = self.tables;
        match write {
            Write::Comment { key, value } => self.stage_comment(key, value)?,
            Write::Delete { key, value } => self.stage_deletion(key, value)?,
            Write::AddPending { key } => insert_empty(&mut self.batch, pending, key),
            Write::RemovePending { key } => self.batch.remove(pending, key),
            Write::Settle { key } => insert_empty(&mut self.batch, settled, key),
            Write::Claim { key, claim } => return self.stage_claim(key, claim).map(Some),
            Write::Set { key, version, value } => self.stage_slot(key, version, value)?,
            Write::Note { key, value } => self.batch.insert(notes, key, value),
            Write::Totals { key, value } => self.stage_totals(key, value)?,
            Write::Nothing => {}
        }
        Ok(None)
    }

    /// A comment that is deleted stays so, also when that is done only now: of writes that wait at
    /// the same time either may be the first.
    fn stage_comment(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        if !self.is_deleted(&key)? && !self.deleted.contains_key(&key) {
            self.batch.insert(&self.tables.comments, key, value);
        }
        Ok(())
    }

    fn stage_deletion(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        if self.is_deleted(&key)? || self.deleted.insert(key.clone(), true) == Some(true) {
            return Ok(());
        }
        self.batch.remove(&self.tables.comments, key.clone());
        self.batch.insert(&self.tables.deleted, key, value);
        Ok(())
    }

    /// Whether it is, on disk. Asked for each comment that is put: a filter in memory answers.
    fn is_deleted(&self, key: &[u8]) -> Result<bool, StoreError> {
        self.tables.deleted.contains_key(key).map_err(|why| unread("deletion", key, why))
    }

    fn stage_claim(&mut self, key: Vec<u8>, claim: Claim) -> Result<Claim, StoreError> {
        let earlier = match self.claimed.get(&key) {
            Some(earlier) => Some(*earlier),
            None => reads::claim_in_force(self.tables, &key)?,
        };
        if let Some(earlier) = earlier {
            return Ok(earlier);
        }
        let value = record::seal(&key, &record::claim_payload(&claim));
        self.batch.insert(&self.tables.claims, key.clone(), value);
        self.claimed.insert(key, claim);
        Ok(claim)
    }

    fn stage_slot(
        &mut self,
        key: Vec<u8>,
        version: ActionId,
        value: Vec<u8>,
    ) -> Result<(), StoreError> {
        let stored = slot_version(&self.tables.slots, &key)?;
        let is_latest = self.latest.get(&key).is_none_or(|latest| *latest <= version);
        if is_latest && stored.is_none_or(|stored| stored < version) {
            self.batch.insert(&self.tables.slots, key, value);
        }
        Ok(())
    }

    /// A row that comes late, or again, changes nothing.
    fn stage_totals(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        let new = record::unseal(&key, &value).and_then(totals_record::totals);
        let new = new.map_err(|flaw| damaged("totals", &key, flaw))?;
        let stored = match self.counted.get(&key) {
            Some(staged) => Some(staged.clone()),
            None => counted(&self.tables.totals, &key)?,
        };
        if stored.is_none_or(|stored| is_more(&new, &stored)) {
            self.batch.insert(&self.tables.totals, key.clone(), value);
            self.counted.insert(key, new);
        }
        Ok(())
    }
}

/// What a source has counted, by what stands under its key.
fn counted(totals: &Keyspace, key: &[u8]) -> Result<Option<Totals>, StoreError> {
    let value = totals.get(key).map_err(|why| unread("totals", key, why))?;
    let totals =
        value.map(|value| record::unseal(key, &value).and_then(totals_record::totals)).transpose();
    totals.map_err(|flaw| damaged("totals", key, flaw))
}

/// The version of the slot that stands under a key.
fn slot_version(slots: &Keyspace, key: &[u8]) -> Result<Option<ActionId>, StoreError> {
    let value = slots.get(key).map_err(|why| unread("slot", key, why))?;
    let version = value
        .map(|value| record::unseal(key, &value).and_then(room_record::slot_version))
        .transpose();
    version.map_err(|flaw| damaged("slot", key, flaw))
}

fn insert_empty(batch: &mut OwnedWriteBatch, table: &Keyspace, key: Vec<u8>) {
    let value = record::seal(&key, &[]);
    batch.insert(table, key, value);
}

#[cfg(test)]
mod tests {
    use common::{
        comment_store::Deletion,
        ids::{CommentId, VideoId},
        room_store::{Slot, SlotName},
    };

    use super::*;

    struct Rig {
        tables: Tables,
        _home: tempfile::TempDir,
    }

    impl Rig {
        fn new() -> Self {
            let home = tempfile::tempdir().unwrap();
            Self { tables: Tables::open(home.path()).unwrap(), _home: home }
        }

        fn commit(&self, writes: Vec<Write>) -> Vec<Option<Claim>> {
            let mut staging = Staging::new(&self.tables, &writes);
            let answers = writes.into_iter().map(|write| staging.stage(write).unwrap()).collect();
            staging.batch.commit().unwrap();
            answers
        }
    }

    #[test]
    fn two_claims_of_a_key_in_one_batch_have_one_winner() {
        let rig = Rig::new();
        let claim = |digest| Claim { comment: CommentId::now(), digest: [digest; 32] };
        let (first, second, third) = (claim(1), claim(2), claim(3));
        let write = |claim| Write::Claim { key: b"a\0k".to_vec(), claim };
        let answers = rig.commit(vec![write(first), write(second)]);
        for answer in answers.into_iter().chain(rig.commit(vec![write(third)])) {
            assert_eq!(answer, Some(first));
        }
    }

    #[test]
    fn in_one_batch_a_deletion_holds_on_both_sides_of_a_put_and_the_first_one_stays() {
        let put = || Write::Comment { key: b"k".to_vec(), value: b"text".to_vec() };
        let delete = |value: &[u8]| Write::Delete { key: b"k".to_vec(), value: value.to_vec() };
        for before in [true, false] {
            let rig = Rig::new();
            if before {
                rig.commit(vec![put()]);
            }
            rig.commit(vec![put(), delete(b"first"), delete(b"second"), put()]);
            rig.commit(vec![put(), delete(b"third")]);
            assert!(!rig.tables.comments.contains_key("k").unwrap());
            assert_eq!(rig.tables.deleted.get("k").unwrap().unwrap(), b"first");
        }
    }

    #[test]
    fn of_versions_in_one_batch_the_latest_stays() {
        let rig = Rig::new();
        let (video, name): (VideoId, SlotName) = ("v".parse().unwrap(), SlotName::Pin);
        let versions: [ActionId; 4] = std::array::from_fn(|_| ActionId::now());
        let key = room_record::slot_key(&video, &name);
        let set = |nth: usize| {
            let (version, value) = (versions[nth], nth.to_string());
            let slot = Slot { name: name.clone(), version, value, until_ms: None };
            let value = record::seal(&key, &room_record::slot_payload(&slot));
            Write::Set { key: key.clone(), version, value }
        };
        for (batch, latest) in [(vec![1, 2, 0, 2], 2), (vec![0, 1], 2), (vec![3, 2], 3)] {
            rig.commit(batch.into_iter().map(set).collect());
            assert_eq!(slot_version(&rig.tables.slots, &key).unwrap(), Some(versions[latest]));
        }
    }

    /// A put may not take place of which nobody knows whether the comment is deleted.
    #[test]
    fn deletions_are_found_by_their_key_alone() {
        let rig = Rig::new();
        let deletion = Deletion {
            author: "uma".parse().unwrap(),
            by: "mo".parse().unwrap(),
            action: ActionId::now(),
        };
        let key = record::comment_key(&"v".parse().unwrap(), CommentId::now());
        let mut value = record::seal(&key, &record::deletion_payload(&deletion));
        value[7] ^= 1;
        rig.tables.deleted.insert(key.clone(), value).unwrap();
        rig.commit(vec![Write::Comment { key: key.clone(), value: b"text".to_vec() }]);
        assert!(!rig.tables.comments.contains_key(&key).unwrap());
    }
}
