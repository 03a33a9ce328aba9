//! One run or several, their table on stdout and their JSON in a file.

#![expect(clippy::print_stdout, reason = "the table is this command's output")]

use std::fs::write;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::runtime::Builder;

use crate::args::{Command, CommonArgs, RunArgs, TargetArgs};
use crate::goal::{self, Goal, Judged};
use crate::identity::Identity;
use crate::load::watch;
use crate::machine::Machine;
use crate::median::{self, Spread};
use crate::poster::Policy;
use crate::report::{Report, Verdict};
use crate::{compare, dispatch, load, many, overload, peer, progress, replay, storm, throughput};

/// Options whose value must not be published.
const SECRETS: [&str; 4] = ["--token", "--hs256-secret", "--internal-secret", "--redis"];

impl CommonArgs {
    pub(crate) fn policy(&self) -> Result<Policy> {
        let retry_for = Duration::from_secs(self.retry_seconds);
        Ok(Policy { keyed: self.keyed, retry_for, ..self.target.policy()? })
    }
}

impl TargetArgs {
    /// Nothing is posted twice.
    pub(crate) fn policy(&self) -> Result<Policy> {
        Ok(Policy {
            origins: self.post.clone(),
            identity: Identity::new(self.token.as_deref(), self.hs256_secret.as_deref())?,
            keyed: false,
            retry_for: Duration::ZERO,
        })
    }
}

/// What the command line asks for.
pub(crate) fn run(command: &Command) -> Result<Verdict> {
    match command {
        Command::Replay(args) => repeat(&args.common.run, |number| replay::run(args, number)),
        Command::Post(args) => repeat(&args.common.run, |number| throughput::run(args, number)),
        Command::Dispatch(args) => repeat(&args.run, |number| dispatch::run(args, number)),
        Command::Overload(args) => repeat(&args.run, |number| overload::run(args, number)),
        Command::Storm(args) => repeat(&args.run, |number| storm::run(args, number)),
        Command::Many(args) => repeat(&args.run, |number| many::run(args, number)),
        Command::Watch(args) => watch::run(args).map(|()| Verdict::Passed),
        Command::Compare(args) => compare::run(args),
        Command::Load(args) => load::run(args).map(|()| Verdict::Passed),
        Command::Peer(args) => peer::run(args).map(|()| Verdict::Passed),
    }
}

/// Runs as often as asked; the worst verdict counts, and for goals the median.
fn repeat<F>(args: &RunArgs, run: impl Fn(u32) -> F) -> Result<Verdict>
where
    F: Future<Output = Result<Report>>,
{
    let mut reports = Vec::new();
    for number in 1..=args.runs {
        if args.runs > 1 {
            progress::note(&format!("run {number} of {}", args.runs));
        }
        // A runtime for each run: nothing of one is left over in the next.
        let runtime = Builder::new_current_thread().enable_all().build_local(Default::default())?;
        let report = runtime.block_on(run(number))?;
        println!("{}", report.table());
        reports.push(report);
    }
    let spreads = median::spreads(&reports);
    if args.runs > 1 {
        let table = median::table(&spreads);
        println!("median, minimum – maximum of {} runs\n{table}", args.runs);
    }
    let goals: Vec<Goal> = reports.iter().flat_map(|report| report.goals.clone()).collect();
    let judged = goal::judge(&goals, &spreads);
    judged.iter().for_each(|goal| println!("goal {goal}"));
    println!("on {}", Machine::here());
    if let Some(file) = &args.json {
        let text = serde_json::to_string_pretty(&as_json(&reports, &spreads, &judged))?;
        write(file, text + "\n").with_context(|| format!("writing {}", file.display()))?;
    }
    let verdicts = reports.iter().map(|report| report.verdict);
    Ok(verdicts.chain(judged.iter().map(Judged::verdict)).max().unwrap_or(Verdict::Failed))
}

fn as_json(reports: &[Report], spreads: &[Spread], judged: &[Judged]) -> Value {
    json!({
        "command": command_line(),
        "machine": Machine::here(),
        "runs": reports.iter().map(Report::json).collect::<Vec<_>>(),
        "median": median::json(spreads),
        "goals": judged.iter().map(Judged::json).collect::<Vec<_>>(),
    })
}

/// As it was given, without secrets: the file may be published.
fn command_line() -> String {
    let mut words = Vec::new();
    let mut hide = false;
    for word in std::env::args() {
        let name = word.split('=').next().unwrap_or_default();
        let is_secret = SECRETS.iter().find(|flag| **flag == name);
        match is_secret {
            _ if hide => words.push("…".to_owned()),
            Some(flag) if word.contains('=') => words.push(format!("{flag}=…")),
            _ => words.push(word.clone()),
        }
        hide = !hide && is_secret.is_some() && !word.contains('=');
    }
    words.join(" ")
}
