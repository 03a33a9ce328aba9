//! `bench compare`: the same scenarios with chorus and its peers, in one go on this machine.
//!
//! Each [`scenario`] is [`mod@measure`]d round by round, and in a round every [`server`] has its turn, so
//! that ratios are of neighbours in time: servers on one core, the [`loading`] on another. CPU and
//! memory are the kernel's [`footprint`](crate::footprint); [`results`] are shown, with a [`chart`].

#![expect(clippy::print_stdout, reason = "the tables are this command's output")]

use std::fs::create_dir_all;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::args::CompareArgs;
use crate::goal::{self, Judged};
use crate::machine::Machine;
use crate::median::{self, Spread};
use crate::progress;
use crate::report::{Report, Row, Verdict};

use measure::{Figure, measure};
use results::Results;
use scenario::Name;
use server::Server;

mod chart;
mod loading;
mod measure;
mod results;
pub(crate) mod scenario;
pub(crate) mod server;

/// What came of one scenario.
struct Measured {
    name: Name,
    rounds: u32,
    spreads: Vec<Spread>,
    judged: Vec<Judged>,
}

pub(crate) fn run(args: &CompareArgs) -> Result<Verdict> {
    if let Some(folder) = &args.results {
        create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
    }
    let names = Name::ALL.iter().filter(|name| args.only.is_empty() || args.only.contains(name));
    let mut results = Results { machine: Machine::here(), scenarios: Vec::new() };
    for name in names {
        let measured = compare(*name, args)?;
        println!("{}", measured.table());
        results.scenarios.push(measured);
        if let Some(folder) = &args.results {
            results.write(folder)?; // after each: a long comparison may be ended early
        }
    }
    println!("on {}", results.machine);
    let judged = results.scenarios.iter().flat_map(|measured| &measured.judged);
    Ok(judged.map(Judged::verdict).max().unwrap_or(Verdict::Passed))
}

#[expect(clippy::disallowed_methods, reason = "nothing else is to be done on this thread")]
fn rest(duration: Duration) {
    std::thread::sleep(duration);
}

/// All rounds of a scenario.
fn compare(name: Name, args: &CompareArgs) -> Result<Measured> {
    let rounds = name.rounds(args.rounds);
    let mut reports = Vec::new();
    for round in 1..=rounds {
        progress::note(&format!("{}: round {round} of {rounds}", name.key()));
        reports.push(Report {
            rows: one_round(name, args, round)?,
            verdict: Verdict::Passed,
            goals: Vec::new(),
            problems: Vec::new(),
            notes: Vec::new(),
        });
    }
    let spreads = median::spreads(&reports);
    let has_goal = |key: &str| spreads.iter().any(|spread| spread.key == key);
    let goals: Vec<_> = name.goals().into_iter().filter(|goal| has_goal(&goal.key)).collect();
    let judged = goal::judge(&goals, &spreads);
    Ok(Measured { name, rounds, spreads, judged })
}

/// Every server once; who is first alternates.
fn one_round(name: Name, args: &CompareArgs, round: u32) -> Result<Vec<Row>> {
    let asked = |server: &Server| args.servers.is_empty() || args.servers.contains(server);
    let mut servers: Vec<_> = name.servers().iter().copied().filter(asked).collect();
    if round.is_multiple_of(2) {
        servers.reverse();
    }
    let mut rows: Vec<Row> = Vec::new();
    for server in servers {
        let figures = measure(name, server, args);
        let figures = figures.with_context(|| format!("{} with {}", name.key(), server.key()))?;
        rows.extend(figures.into_iter().map(|figure| row(figure, server.key())));
    }
    let value = |figure: &str, server: Server| {
        let key = format!("{figure}.{}", server.key());
        rows.iter().find(|row| row.key == key).map(|row| (row.label.clone(), row.value))
    };
    let ratio = |(figure, one, other): &(&'static str, Server, Server)| {
        let ((label, one_value), (_, other_value)) = (value(figure, *one)?, value(figure, *other)?);
        let of = format!("{}/{}", one.key(), other.key());
        Some(Row {
            key: format!("{figure}.{of}"),
            label: format!("{label}, {of}"),
            value: one_value / other_value,
            unit: "",
        })
    };
    let ratios: Vec<_> = name.ratios().iter().filter_map(ratio).collect();
    rows.extend(ratios);
    Ok(rows)
}

fn row((key, label, value, unit): Figure, server: &str) -> Row {
    Row { key: format!("{key}.{server}"), label: label.to_owned(), value, unit }
}
