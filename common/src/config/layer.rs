//! Layer: what one source gives, and what is wrong with it.

use super::key::Key;
use super::mistake::{Mistake, Source, Wrong};
use super::value::Value;

/// One value from one source.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) key: &'static Key,
    pub(super) value: Value,
    pub(super) source: Source,
}

/// All values of one source, in its order, and all its mistakes.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) given: Vec<Given>,
    pub(super) mistakes: Vec<Mistake>,
    /// The source could not be read at all, so nobody knows what it would have given.
    pub(super) unreadable: bool,
}

impl Layer {
    /// Takes what a source gives under `key`; `place` finds the source of a mistake within.
    pub(super) fn take(
        &mut self,
        key: &'static Key,
        read: Result<Value, Vec<Wrong>>,
        source: Source,
        place: impl Fn(usize) -> Source,
    ) {
        match read {
            Ok(value) => self.given.push(Given { key, value, source }),
            Err(wrongs) => self.mistakes.extend(wrongs.into_iter().map(|wrong| {
                let source = wrong.offset.map_or_else(|| source.clone(), &place);
                Mistake::new(source, key.path, wrong)
            })),
        }
    }

    /// Takes what a variable or flag gives under `key`.
    pub(super) fn take_text(&mut self, key: &'static Key, text: &str, source: Source) {
        self.take(key, key.read_text(text), source.clone(), |_| source.clone());
    }

    pub(super) fn unknown(&mut self, source: Source, key: &str, suggestion: String) {
        let why = "is not a key of the configuration";
        self.mistakes.push(Mistake::new(source, key, Wrong::new(why, suggestion)));
    }
}
