//! What the tool says while it runs: a line that is redrawn on a terminal, else one now and then.

#![expect(clippy::print_stderr, reason = "progress is for whoever watches the run")]

use std::convert::Infallible;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, interval_at};

const REDRAW_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

async fn show(total: u64, say: impl Fn() -> (u64, String)) -> Infallible {
    if !stderr().is_terminal() {
        return lines(&say).await;
    }
    let bar = ProgressBar::new(total);
    let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {percent} %\n{msg}");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    let _clear = Clear(&bar);
    let mut ticks = interval_at(Instant::now(), REDRAW_EVERY);
    loop {
        ticks.tick().await;
        let (done, message) = say();
        bar.set_message(message);
        bar.set_position(done);
    }
}

/// Leaves the terminal to the table, also when the work ends in an error.
struct Clear<'a>(&'a ProgressBar);

impl Drop for Clear<'_> {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

async fn lines(say: &impl Fn() -> (u64, String)) -> Infallible {
    let start = Instant::now();
    let mut ticks = interval_at(start + LINE_EVERY, LINE_EVERY);
    loop {
        ticks.tick().await;
        eprintln!("{:>5} s: {}", start.elapsed().as_secs(), say().1);
    }
}

/// A line of its own, such as what is about to happen.
pub(crate) fn note(line: &str) {
    eprintln!("{line}");
}

/// Does `work` and shows `say()` meanwhile: how far it is of `total`, and a line.
pub(crate) async fn beside<T>(
    total: u64,
    say: impl Fn() -> (u64, String),
    work: impl Future<Output = T>,
) -> T {
    tokio::select! {
        // The work first: what it has done is then in the display's next look.
        biased;
        done = work => done,
        never = show(total, say) => match never {},
    }
}
