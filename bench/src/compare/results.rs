//! What came of a comparison: tables for a terminal and a document, JSON for machines.

use std::fmt::Write;
use std::fs::write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::Measured;
use super::chart::{self, Panel};
use super::server::Server;
use crate::goal::Judged;
use crate::machine::Machine;
use crate::median::{self, Spread};
use crate::report::shown;

/// All scenarios so far.
pub(super) struct Results {
    pub(super) machine: Machine,
    pub(super) scenarios: Vec<Measured>,
}

impl Results {
    /// `compare.md`, `compare.json` and `compare.svg`.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let tables: String = self.scenarios.iter().map(Measured::table).collect();
        let file = |name: &str, text: String| {
            let file = folder.join(name);
            write(&file, text).with_context(|| format!("writing {}", file.display()))
        };
        let panels: Vec<_> = self.scenarios.iter().map(Measured::panel).collect();
        file("compare.svg", chart::svg(&panels))?;
        file("compare.md", format!("{tables}\non {}\n", self.machine))?;
        let scenarios: Vec<_> = self.scenarios.iter().map(Measured::json).collect();
        let all = json!({ "machine": self.machine, "scenarios": scenarios });
        file("compare.json", serde_json::to_string_pretty(&all)? + "\n")
    }
}

impl Measured {
    /// In Markdown: a row for each figure, a column for each server, median and spread.
    pub(super) fn table(&self) -> String {
        let mut text = format!("\n**{}** ({} rounds)\n\n", self.name.title(), self.rounds);
        let servers: Vec<_> = Server::ALL.into_iter().filter(|server| self.has(*server)).collect();
        let heads: String = servers.iter().map(|server| format!(" {} |", server.key())).collect();
        let _ = writeln!(text, "| |{heads}\n|---|{}", "---|".repeat(servers.len()));
        for (figure, spread) in self.figures() {
            let Spread { label, unit, .. } = spread;
            let comma = if unit.is_empty() { "" } else { ", " };
            let cell = |server: &Server| format!(" {} |", self.cell(figure, *server));
            let cells: String = servers.iter().map(cell).collect();
            let _ = writeln!(text, "| {label}{comma}{unit} |{cells}");
        }
        let ratios = self.spreads.iter().filter(|spread| spread.key.contains('/'));
        let ratios = ratios.map(|Spread { label, median, min, max, .. }| {
            format!("- {label}: {} ({} – {})\n", brief(*median), brief(*min), brief(*max))
        });
        let goals = self.judged.iter().map(|judged| format!("- goal {judged}\n"));
        text.push('\n');
        text.extend(ratios.chain(goals));
        text
    }

    fn panel(&self) -> Panel {
        let figure = self.name.headline();
        let bar = |server: Server| {
            let key = format!("{figure}.{}", server.key());
            let spread = self.spreads.iter().find(|spread| spread.key == key)?;
            Some((server.key(), spread, format!("{} {}", brief(spread.median), spread.unit)))
        };
        let bars: Vec<_> = Server::ALL.into_iter().filter_map(bar).collect();
        let label = bars.first().map_or("", |(_, spread, _)| &spread.label);
        Panel {
            title: format!("{}: {label}", self.name.title()),
            bars: bars.into_iter().map(|(key, spread, text)| (key, spread.median, text)).collect(),
        }
    }

    /// Each figure once, in the order they were measured.
    fn figures(&self) -> Vec<(&str, &Spread)> {
        let mut figures: Vec<(&str, &Spread)> = Vec::new();
        for spread in self.spreads.iter().filter(|spread| !spread.key.contains('/')) {
            let (figure, _) = spread.key.split_once('.').unwrap_or((&spread.key, ""));
            if figures.iter().all(|(known, _)| *known != figure) {
                figures.push((figure, spread));
            }
        }
        figures
    }

    fn has(&self, server: Server) -> bool {
        self.spreads.iter().any(|spread| spread.key.ends_with(&format!(".{}", server.key())))
    }

    fn cell(&self, figure: &str, server: Server) -> String {
        let key = format!("{figure}.{}", server.key());
        let spread = self.spreads.iter().find(|spread| spread.key == key);
        let Some(Spread { median, min, max, .. }) = spread else { return String::new() };
        if min == max {
            return brief(*median);
        }
        format!("{} ({} – {})", brief(*median), brief(*min), brief(*max))
    }

    fn json(&self) -> Value {
        json!({
            "scenario": self.name.key(),
            "title": self.name.title(),
            "rounds": self.rounds,
            "figures": median::json(&self.spreads),
            "goals": self.judged.iter().map(Judged::json).collect::<Vec<_>>(),
        })
    }
}

/// Three digits that count.
fn brief(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 100.0 {
        return shown(value.round());
    }
    format!("{value:.*}", if value.abs() >= 10.0 { 1 } else { 2 })
}
