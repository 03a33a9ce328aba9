//! Systems that do one thing wrong: the judge is worth something only if it notices.

use bytes::Bytes;
use common::{
    comment_store::Claim,
    event::{EventId, VideoEntries, VideoEvents},
    live_log::{Changes, LogPage},
    position::Position,
};

use crate::{dice::Dice, faults::Faults};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The system as it is.
    None,
    /// A gateway that leaves out a comment.
    DropsFrames,
    /// … that sends one twice.
    DoublesFrames,
    /// … that swaps two.
    SwapsFrames,
    /// … that keeps what is deleted.
    KeepsDeleted,
    /// A live log that doesn't know again what it has.
    ForgetsIds,
    /// … that tells nobody what changed.
    HidesChanges,
    /// … whose reads mix up what was said.
    MixesReads,
    /// A store that gives a key to everybody who asks.
    ForgetsClaims,
    /// … that acknowledges without storing.
    ForgetsComments,
}

impl Mutant {
    pub(crate) const ALL: [Self; 9] = [
        Self::DropsFrames,
        Self::DoublesFrames,
        Self::SwapsFrames,
        Self::KeepsDeleted,
        Self::ForgetsIds,
        Self::HidesChanges,
        Self::MixesReads,
        Self::ForgetsClaims,
        Self::ForgetsComments,
    ];

    /// The faults under which it shows.
    pub(crate) fn shown_by(self) -> Faults {
        if self == Self::HidesChanges { Faults::PushesLost } else { Faults::Any }
    }

    pub(crate) fn appended(self, mut batches: Vec<VideoEvents>) -> Vec<VideoEvents> {
        if self == Self::ForgetsIds {
            for event in batches.iter_mut().flat_map(|batch| &mut batch.events) {
                event.id = EventId::from_bytes(*common::ambient::uuid_v7().as_bytes());
            }
        }
        batches
    }

    /// What a gateway is sent.
    pub(crate) fn delivered(self, mut batches: Vec<VideoEntries>) -> Vec<VideoEntries> {
        if self == Self::KeepsDeleted {
            for batch in &mut batches {
                batch.entries.retain(|entry| entry.event.erases().is_none());
            }
        }
        batches
    }

    pub(crate) fn changed(self, mut changes: Changes) -> Changes {
        if self == Self::HidesChanges {
            changes.heads.clear();
        }
        changes
    }

    pub(crate) fn heads(self, mut heads: Vec<Position>) -> Vec<Position> {
        if self == Self::HidesChanges {
            heads.iter_mut().for_each(|head| head.seq = 0);
        }
        heads
    }

    pub(crate) fn read(self, mut page: LogPage) -> LogPage {
        if let (Self::MixesReads, [first, second, ..]) = (self, &mut page.entries[..]) {
            std::mem::swap(&mut first.event, &mut second.event);
        }
        page
    }

    /// The claim in force, where `first` came before `asked`.
    pub(crate) fn claimed(self, first: Claim, asked: Claim) -> Claim {
        if self == Self::ForgetsClaims { asked } else { first }
    }

    /// What a gateway sends instead of `bytes`, which are whole blocks.
    pub(crate) fn sent(self, bytes: Bytes, dice: &mut Dice) -> Bytes {
        let frames = matches!(self, Self::DropsFrames | Self::DoublesFrames | Self::SwapsFrames);
        if !frames || !dice.happens(20) {
            return bytes;
        }
        let text = str::from_utf8(&bytes).unwrap();
        let mut blocks: Vec<&str> = text.split_inclusive("\n\n").collect();
        let comments = blocks.iter().enumerate().filter(|(_, b)| b.contains("event: comment\n"));
        let at: Vec<usize> = comments.map(|(index, _)| index).collect();
        match (self, &at[..]) {
            (Self::DropsFrames, [first, ..]) => drop(blocks.remove(*first)),
            (Self::DoublesFrames, [first, ..]) => blocks.insert(*first, blocks[*first]),
            (Self::SwapsFrames, [first, second, ..]) => blocks.swap(*first, *second),
            _ => {}
        }
        blocks.concat().into()
    }
}
