//! What a store says of all that it should have, held against what it acknowledged.

use std::collections::BTreeSet;

use common::{
    comment_store::{CommentStore, Page, StoreError, Stored},
    ids::CommentId,
    room_store::{Journal, RoomStore},
};
use store::embedded::EmbeddedStore;

use super::used::{Known, video};
use crate::comment_store::claim;

/// What a store says of all that it should have.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Not there, and nobody was told.
    pub(super) silently_missing: BTreeSet<CommentId>,
    pub(super) claims_forgotten: usize,
    /// Pending records that are back.
    pub(super) back: usize,
    /// Comments that were deleted and are not, or of which nobody knows it any more.
    pub(super) not_deleted: BTreeSet<CommentId>,
    /// Slots and notes that are not what they should be.
    pub(super) of_room: usize,
    /// Answered with an error that says what is wrong.
    pub(super) told: usize,
}

pub(super) async fn judge(store: &EmbeddedStore, known: &Known) -> Verdict {
    let mut verdict = Verdict::default();
    for there in &known.comments {
        match store.get(&there.video, there.id).await {
            Ok(Some(found)) => assert_eq!(found, Stored::Comment(there.clone())),
            Ok(None) => drop(verdict.silently_missing.insert(there.id)),
            Err(why) => verdict.hear(&why),
        }
    }
    match store.list(&video(), Page::Newest, usize::MAX).await {
        Ok(listed) => {
            let listed: BTreeSet<_> = listed.into_iter().map(|comment| comment.id).collect();
            let deleted = known.deletions.iter().map(|(id, _)| *id);
            verdict.not_deleted.extend(deleted.filter(|id| listed.contains(id)));
            let missing = known.comments.iter().map(|there| there.id);
            verdict.silently_missing.extend(missing.filter(|id| !listed.contains(id)));
        }
        Err(why) => verdict.hear(&why),
    }
    for pending in &known.struck_off {
        match store.is_pending(pending).await {
            Ok(is_back) => verdict.back += usize::from(is_back),
            Err(why) => verdict.hear(&why),
        }
    }
    for (author, key, mine) in &known.claims {
        match store.claim(author, key, claim(255)).await {
            Ok(found) if found == *mine => {}
            Ok(_) => verdict.claims_forgotten += 1,
            Err(why) => verdict.hear(&why),
        }
    }
    judge_moderation(store, known, &mut verdict).await;
    verdict
}

async fn judge_moderation(store: &EmbeddedStore, known: &Known, verdict: &mut Verdict) {
    for (id, deletion) in &known.deletions {
        match store.get(&video(), *id).await {
            Ok(Some(Stored::Deleted(found))) => assert_eq!(found, *deletion),
            Ok(_) => drop(verdict.not_deleted.insert(*id)),
            Err(why) => verdict.hear(&why),
        }
    }
    for (name, slot) in &known.slots {
        match store.slots(&video(), std::slice::from_ref(name)).await {
            Ok(found) => verdict.of_room += usize::from(found.first() != Some(slot)),
            Err(why) => verdict.hear(&why),
        }
    }
    for note in &known.notes {
        match store.note_of(&video(), Journal::Moderation, note.id).await {
            Ok(found) => verdict.of_room += usize::from(found.as_ref() != Some(note)),
            Err(why) => verdict.hear(&why),
        }
    }
}

impl Verdict {
    fn hear(&mut self, why: &StoreError) {
        assert!(matches!(why, StoreError::Damaged(_)), "{why}");
        self.told += 1;
    }

    /// How many records are not what they should be, without a word.
    pub(super) fn silent(&self) -> usize {
        let moderation = self.not_deleted.len() + self.of_room;
        self.silently_missing.len() + self.claims_forgotten + self.back + moderation
    }

    pub(super) fn is_clean(&self) -> bool {
        self.silent() == 0 && self.told == 0
    }
}
