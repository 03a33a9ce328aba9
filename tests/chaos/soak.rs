//! Random processes killed, frozen and ended, again and again, sometimes two at a time.
//!
//! `CHORUS_CHAOS_KILLS` says how often (12 unless set), `CHORUS_CHAOS_SEED` makes a run's choices
//! come again; the seed of every run is printed.

use std::{env, str::FromStr, time::Duration};

use rand::{SeedableRng, rngs::StdRng};
use tokio::time::sleep;

use crate::{
    checker::Findings,
    outcome::tell,
    scenarios::ALONE,
    stage::{QUIET, Scene, Stage},
};
use blow::{Blow, Kind, Round};
use table::Table;

mod blow;
mod table;

const KILLS_DEFAULT: usize = 12;
/// Blows after which everything is checked and forgotten: bounds what a long run remembers.
const CHAPTER_LEN: usize = 20;
/// How long a process is missed before it is started again while another one is hit as well.
const MISSED: Duration = Duration::from_millis(500);
/// How long the load goes on before silence is measured: something has to be there to be heard.
const AFTERMATH: Duration = Duration::from_millis(500);

fn given<T: FromStr>(variable: &str) -> Option<T> {
    let value = env::var(variable).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable}={value} is not a number")))
}

/// However often any process dies, freezes or ends, no acknowledged comment is lost, and no viewer
/// misses one, sees one twice or in another order than everybody else.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn however_often_processes_die_everyone_gets_everything_once_and_in_order() {
    let _alone = ALONE.lock().await;
    let kills = given("CHORUS_CHAOS_KILLS").unwrap_or(KILLS_DEFAULT);
    let seed = given("CHORUS_CHAOS_SEED").unwrap_or_else(rand::random::<u64>);
    tell(&format!("soak: {kills} kills and pauses, CHORUS_CHAOS_SEED={seed}"));
    let mut chance = StdRng::seed_from_u64(seed);
    let mut stage = Stage::start(Scene::usual(seed)).await;
    let (mut table, mut findings) = (Table::default(), Findings::default());
    let (mut struck, mut chapter, mut before) = (0, 0, "nothing".to_owned());
    while struck < kills {
        let until = kills.min(struck + CHAPTER_LEN);
        while struck < until && !stage.has_failed() {
            let round = Round::draw(&mut chance, until - struck);
            struck += round.blows.len();
            play(&mut stage, &round, &mut table, &before).await;
            before = round.to_string();
        }
        chapter += 1;
        findings += stage.end(&format!("soak, part {chapter}"), None).await.findings;
    }
    tell(&format!("soak with CHORUS_CHAOS_SEED={seed}: {findings}\n{table}"));
    stage.finish().await;
}

/// One round: from everything well to everything well. What came `before` may have an aftermath.
async fn play(stage: &mut Stage, round: &Round, table: &mut Table, before: &str) {
    stage.begin().await;
    // Nothing follows it on its video until the next round.
    stage.commenters.begin_post(QUIET).await;
    for blow in &round.blows {
        strike(stage, blow).await;
    }
    if let [blow] = &round.blows[..] {
        if blow.is_missed_long {
            // The others have to do without it.
            stage.settle().await;
        }
        recover(stage, blow).await;
        sleep(AFTERMATH).await;
        stage.settle().await;
        let silences = stage.silences(Some(blow.who));
        stage.judge(&format!("soak, {blow} after {before}"), &silences, blow.pause());
        table.add(blow, Some(&silences));
    } else {
        sleep(MISSED).await;
        for blow in &round.blows {
            recover(stage, blow).await;
            table.add(blow, None);
        }
        stage.settle().await;
    }
}

async fn strike(stage: &mut Stage, blow: &Blow) {
    match blow.kind {
        Kind::Killed => stage.cluster.kill(blow.who).await,
        Kind::Terminated => stage.cluster.terminate(blow.who).await,
        Kind::Frozen { .. } => stage.cluster.pause(blow.who).await,
    }
}

async fn recover(stage: &mut Stage, blow: &Blow) {
    match blow.kind {
        Kind::Killed | Kind::Terminated => stage.cluster.start_again(blow.who).await,
        Kind::Frozen { pause } => {
            sleep(pause).await;
            stage.cluster.go_on(blow.who).await;
        }
    }
}
