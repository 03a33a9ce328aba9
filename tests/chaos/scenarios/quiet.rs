//! A comment on a video where nothing follows that would reveal it as missing.

use crate::{
    cluster::{COUNT, Role, Who},
    proxy::calls::CallFaults,
    stage::{QUIET, Stage},
};

const ROUNDS: usize = 3;

/// A dispatcher that dies between appending a comment and forwarding it is no loss, also on a video
/// where nothing else happens: gateways find it in the index of changes, within 2 s.
pub(super) async fn all(stage: &mut Stage) {
    for round in 1..=ROUNDS {
        let name = format!("dispatcher killed between append and forward, quiet video, {round}");
        stage.begin().await;
        stage.commenters.pause().await;
        cut_gateways_off(stage, 1.0);
        let before = arrived(stage);
        stage.commenters.post(QUIET).await;
        let after = arrived(stage);
        let who = (0..COUNT).find(|n| after[*n] > before[*n]).expect("no dispatcher took it");
        let who = Who(Role::Dispatcher, who);
        stage.cluster.kill(who).await;
        stage.settle().await;
        cut_gateways_off(stage, 0.0);
        stage.cluster.start_again(who).await;
        let outcome = stage.end(&name, Some(who)).await;
        stage.judge(&name, &outcome.silences, std::time::Duration::ZERO);
    }
}

/// No push arrives anywhere with this probability.
fn cut_gateways_off(stage: &Stage, drop_request: f64) {
    for link in &stage.cluster.to_gateways {
        link.calls.set(CallFaults { drop_request, ..CallFaults::NONE });
    }
}

/// How many calls each dispatcher has taken.
fn arrived(stage: &Stage) -> Vec<u64> {
    stage.cluster.to_dispatchers.iter().map(|link| link.calls.arrived()).collect()
}
