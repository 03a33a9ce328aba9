//! `bench` puts load on a chorus and checks what comes of it, over the public HTTP interface; with
//! [`dispatch`] it calls one role inside, as another role would, and [`storm`] and [`many`] start the
//! roles themselves, as a [`cluster`]. [`compare`] measures chorus beside its peers, two of which are
//! in [`peer`], by the cheapest client there can be, [`load`].
//!
//! What goes in: [`trace`] (when a real chat spoke), [`text`] (what it says now), [`open_loop`] and
//! [`closed_loop`] (when to post; [`overload`] has a loop of its own), [`poster`] over [`client`] as some
//! [`identity`].
//! What comes out: the [`crowd`]'s [`audience`]s (threads of [`viewer`]s sharing a [`hall`]) read each
//! [`response`] through [`chunks`] and [`scanner`] into a [`recording`]; [`checker`] judges it
//! against the [`order`] that the viewers agree on.
//! What is said of it: [`progress`], [`report`], [`median`].

mod args;
mod audience;
mod checker;
mod chunks;
mod client;
mod clock;
mod closed_loop;
mod cluster;
mod comment_id;
mod compare;
mod crowd;
mod dispatch;
mod footprint;
mod goal;
mod hall;
mod identity;
mod interrupt;
mod latency;
mod load;
mod machine;
mod many;
mod median;
mod open_loop;
mod order;
mod origin;
mod outcome;
mod overload;
mod peer;
mod poster;
mod process;
mod progress;
mod recording;
mod replay;
mod replay_report;
mod report;
mod response;
mod runs;
mod scanner;
mod storm;
mod tally;
mod text;
mod throughput;
mod trace;
mod viewer;

use std::process::ExitCode;

use clap::Parser;

use crate::args::CommandLine;

/// The run could not be made: not to be taken for a verdict.
const COULD_NOT_RUN: u8 = 2;

fn main() -> ExitCode {
    match runs::run(&CommandLine::parse().command) {
        Ok(verdict) => verdict.exit_code().into(),
        Err(error) => {
            progress::note(&format!("bench: {error:#}"));
            COULD_NOT_RUN.into()
        }
    }
}
