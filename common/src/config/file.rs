//! The file layer: TOML with the line of everything.

use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::keys::{self, KEYS};
use super::layer::Layer;
use super::mistake::{Mistake, Source, Wrong};
use super::suggest;

/// Reads a TOML text; `name` is what mistakes call it.
pub(super) fn read(name: &str, text: &str) -> Layer {
    let file = File { name: name.into(), text };
    let mut layer = Layer::default();
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        file.read_top(document.get_ref(), &mut layer);
    } else {
        // What recovery makes of a broken text would only lead to mistakes that aren't there.
        layer.unreadable = true;
        layer.mistakes.extend(errors.iter().map(|error| file.syntax(error)));
    }
    layer.given.sort_by_key(|given| line_of(&given.source));
    layer.mistakes.sort_by_key(|mistake| line_of(&mistake.source));
    layer
}

fn line_of(source: &Source) -> usize {
    if let Source::File { line, .. } = source { *line } else { 0 }
}

struct File<'t> {
    name: Arc<str>,
    text: &'t str,
}

impl File<'_> {
    fn at(&self, offset: usize) -> Source {
        let before = self.text.as_bytes().iter().take(offset);
        let line = 1 + before.filter(|byte| **byte == b'\n').count();
        Source::File { name: Arc::clone(&self.name), line }
    }

    /// The library's own text would quote the line, and the line may hold a secret.
    fn syntax(&self, error: &toml::de::Error) -> Mistake {
        let offset = error.span().map_or(self.text.len(), |span| span.start);
        let wrong = Wrong::new(format!("this is no TOML: {}", error.message()), "");
        Mistake::new(self.at(offset), "", wrong)
    }

    fn read_top(&self, document: &DeTable<'_>, layer: &mut Layer) {
        for (name, value) in document {
            let here = self.at(name.span().start);
            let name = name.get_ref().as_ref();
            let section = !name.is_empty() && KEYS.iter().any(|key| key.section() == name);
            match value.get_ref() {
                DeValue::Table(entries) if section => self.read_section(name, entries, layer),
                DeValue::Table(_) if keys::find(name).is_none() => {
                    let wrong = Wrong::new(
                        "is not a section of the configuration",
                        suggest::for_section(name),
                    );
                    layer.mistakes.push(Mistake::new(here, name, wrong));
                }
                _ if section => {
                    let wrong = Wrong::new("is a section", format!("write [{name}]"));
                    layer.mistakes.push(Mistake::new(here, name, wrong));
                }
                // In quotes a dot is part of a name, and no name has one.
                _ if name.contains('.') => {
                    let wrong = Wrong::new("is one name in quotes", "write it without quotes");
                    layer.mistakes.push(Mistake::new(here, name, wrong));
                }
                found => self.read_key(name, found, here, layer),
            }
        }
    }

    fn read_section(&self, section: &str, entries: &DeTable<'_>, layer: &mut Layer) {
        for (name, value) in entries {
            let here = self.at(name.span().start);
            self.read_key(&format!("{section}.{}", name.get_ref()), value.get_ref(), here, layer);
        }
    }

    fn read_key(&self, path: &str, value: &DeValue<'_>, here: Source, layer: &mut Layer) {
        match keys::find(path) {
            Some(key) => layer.take(key, key.read_toml(value), here, |offset| self.at(offset)),
            None => layer.unknown(here, path, suggest::for_path(path)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        read("c.toml", text).mistakes.iter().map(ToString::to_string).collect()
    }

    fn assert_told(table: &[(&str, &str)]) {
        for (text, line) in table {
            assert_eq!(told(text), [*line], "{text}");
        }
    }

    #[test]
    fn every_misplaced_name_has_its_line() {
        assert_told(&[
            (
                "lisen = 1",
                "c.toml:1: `lisen` is not a key of the configuration; did you mean `listen`?",
            ),
            (
                "\n[stor]\npath = 1",
                "c.toml:2: `stor` is not a section of the configuration; did you mean `store`?",
            ),
            (
                "\n[store]\n\npth = 'x'",
                "c.toml:4: `store.pth` is not a key of the configuration; did you mean `store.path`?",
            ),
            ("store = 5", "c.toml:1: `store` is a section; write [store]"),
            ("[[store]]\npath = 'x'", "c.toml:1: `store` is a section; write [store]"),
            (
                "'store.path' = 'x'",
                "c.toml:1: `store.path` is one name in quotes; write it without quotes",
            ),
        ]);
    }

    #[test]
    fn every_kind_of_wrong_value_has_its_line() {
        assert_told(&[
            (
                "[store]\nkind = 'postgres'",
                "c.toml:2: `store.kind` is \"postgres\"; write \"embedded\" or \"scylla\"",
            ),
            (
                "[store]\nkind = 5",
                "c.toml:2: `store.kind` is a number; write \"embedded\" or \"scylla\"",
            ),
            (
                "[store]\nreplication = { dc1 = 0 }",
                "c.toml:2: `store.replication` has \"dc1\" = 0; write a whole number from 1 to 100",
            ),
            (
                "[store.replication]\ndc1 = 'x'",
                "c.toml:2: `store.replication` has \"dc1\" = a text; write a whole number from 1 to 100",
            ),
            (
                "[live]\ndedup_s = 0x1",
                "c.toml:2: `live.dedup_s` is 0x1; write a whole number from 10 to 3600",
            ),
            (
                "[live]\ndedup_s = 12.5",
                "c.toml:2: `live.dedup_s` is a number with a fraction; write a whole number from 10 to 3600",
            ),
            (
                "[live]\ndedup_s = 99999999999999999999",
                "c.toml:2: `live.dedup_s` is 99999999999999999999; write a whole number from 10 to 3600",
            ),
            (
                "[live]\ndedup_s = '120'",
                "c.toml:2: `live.dedup_s` is a text; write a whole number from 10 to 3600",
            ),
            (
                "[cors]\nallowed_origins = [\n 'https://a',\n 5,\n]",
                "c.toml:4: `cors.allowed_origins` has a number in its list; write an origin without a path, like https://example.org, or *, in quotes",
            ),
            (
                "[cors]\nallowed_origins = 5",
                "c.toml:2: `cors.allowed_origins` is a number; write a list, each an origin without a path, like https://example.org, or *",
            ),
            (
                "listen = true",
                "c.toml:1: `listen` is true or false; write an address and port like 127.0.0.1:8080, in quotes",
            ),
            ("listen = ''\nlisten = ''", "c.toml:2: this is no TOML: duplicate key"),
            (
                "listen = ",
                "c.toml:1: this is no TOML: string values must be quoted, expected literal string",
            ),
        ]);
    }

    #[test]
    fn all_mistakes_come_at_once_in_the_order_of_lines() {
        let told = told("zebra = 1\n[store]\nkind = 'x'\n[dc]\nname = 'DC'\n[ape]\n");
        let lines: Vec<_> = told.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(lines, ["c.toml:1", "c.toml:3", "c.toml:5", "c.toml:6"]);
    }

    #[test]
    fn several_syntax_errors_come_at_once_and_quote_no_line() {
        let told = told("[internal]\nsecret = hush\n[dc]\nname = \n");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(!told.concat().contains("hush"), "{told:?}");
    }

    #[test]
    fn secrets_are_not_quoted() {
        let told = told("[internal]\nsecret = 'hush hush'\n[live]\nurl = 'redis://u:hush@'\n");
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(!told.concat().contains("hush"), "{told:?}");
    }

    #[test]
    fn values_carry_their_line() {
        let layer = read("c.toml", "listen = '127.0.0.1:1'\n[dc]\nname = 'eu'\n");
        let lines: Vec<_> =
            layer.given.iter().map(|given| (given.key.path, line_of(&given.source))).collect();
        assert_eq!(lines, [("listen", 1), ("dc.name", 3)]);
    }
}
