//! Merged: one value per key, the latest source's, before anybody asked whether they go together.

use std::collections::BTreeSet;

use super::Role;
use super::key::Key;
use super::keys::{self, KEYS};
use super::layer::{Given, Layer};
use super::mistake::{Mistake, Source};
use super::value::Value;

/// One value per key, in the order of the table.
pub(super) struct Merged {
    pub(super) values: Vec<Given>,
    /// Keys with a mistake: their values are not what the operator meant.
    doubtful: BTreeSet<String>,
    /// A whole source is missing, so every value is in doubt.
    incomplete: bool,
}

impl Merged {
    /// Lays `layers` over the defaults of `role`, the later the stronger; hands back all mistakes.
    pub(super) fn new(role: Role, layers: Vec<Layer>) -> (Self, Vec<Mistake>) {
        let defaults = KEYS.iter().map(|key| Given {
            key,
            value: key.default_for(role),
            source: Source::Default,
        });
        let mut merged =
            Self { values: defaults.collect(), doubtful: BTreeSet::new(), incomplete: false };
        let mut mistakes = Vec::new();
        for layer in layers {
            merged.incomplete |= layer.unreadable;
            merged.doubtful.extend(layer.mistakes.iter().map(|mistake| mistake.key.clone()));
            mistakes.extend(layer.mistakes);
            for given in layer.given {
                merged.set(given);
            }
        }
        if role == Role::Gateway {
            merged.follow_internal_listen();
        }
        (merged, mistakes)
    }

    fn set(&mut self, given: Given) {
        if let Some(slot) = self.values.iter_mut().find(|slot| slot.key.path == given.key.path) {
            *slot = given;
        }
    }

    /// A second gateway on one machine moves its internal socket; were its address still that of
    /// the first, dispatchers would send its comments there and nobody would see an error.
    fn follow_internal_listen(&mut self) {
        let moved = self.get("internal_listen").filter(|given| given.source != Source::Default);
        let Some(Value::Text(socket)) = moved.map(|given| &given.value) else { return };
        let address = socket.parse::<std::net::SocketAddr>().ok();
        // Neither "every address" nor "any port" can be called.
        let callable = address.filter(|socket| !socket.ip().is_unspecified() && socket.port() != 0);
        let (Some(socket), Some(key)) = (callable, keys::find("gateway.advertise")) else { return };
        if self.get(key.path).is_some_and(|given| given.source == Source::Default) {
            let value = Value::Text(format!("http://{socket}"));
            self.set(Given { key, value, source: Source::Follows("internal_listen") });
        }
    }

    /// The value under `path` and where it came from.
    pub(super) fn get(&self, path: &str) -> Option<&Given> {
        self.values.iter().find(|given| given.key.path == path)
    }

    /// The text under `path`; empty when there is none.
    pub(super) fn text(&self, path: &str) -> &str {
        match self.get(path).map(|given| &given.value) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether the value under `path` is empty, 0 or off.
    pub(super) fn is_off(&self, path: &str) -> bool {
        self.get(path).is_none_or(|given| given.value.is_off())
    }

    /// Whether nothing that an operator wrote about these keys was refused.
    pub(super) fn is_sure(&self, paths: &[&str]) -> bool {
        !self.incomplete && !paths.iter().any(|path| self.doubtful.contains(*path))
    }

    /// All values as one TOML table, sections nested; empty addresses left out.
    pub(super) fn to_toml(&self) -> toml::Table {
        let mut root = toml::Table::new();
        for Given { key, value, .. } in &self.values {
            let absent = key.path == Key::LISTEN && value.is_off();
            if absent {
                continue;
            }
            let table = match key.section() {
                "" => &mut root,
                section => match root
                    .entry(section)
                    .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                {
                    toml::Value::Table(table) => table,
                    // Only sections are ever put under a section's name.
                    _ => continue,
                },
            };
            table.insert(key.name().to_owned(), value.into());
        }
        root
    }
}
