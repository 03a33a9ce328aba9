//! API.md's sections Comments, Moderation, Auth and Errors, row by row: who asks for what, what is
//! answered, what viewers get. The same tables hold for `chorus all` and for the roles apart.
//!
//! [`table`] is what is written down, of [`row`]s and what they have [`shown`]; [`who`] asks, and
//! [`pattern`]s say what answers should look like. [`world`] is what is asked, [`drive`] how,
//! [`verdict`] whether that was right, [`controls`] that it would notice. The tables: [`comments`],
//! [`texts`], [`history`], [`deletions`]; [`settings`], [`bans`], [`rooms`], [`videos`], [`roles`];
//! [`tokens`], [`auth`], [`passes`], [`development`]; [`errors`]. [`limits`] are counted instead.

use drive::broken;
use table::Table;
use world::World;

mod auth;
mod bans;
mod comments;
mod controls;
mod deletions;
mod development;
mod drive;
mod errors;
mod history;
mod limits;
mod passes;
mod pattern;
mod roles;
mod rooms;
mod row;
mod settings;
mod shown;
mod table;
mod texts;
mod tokens;
mod verdict;
mod videos;
mod who;
mod world;

/// Rounds in which nodes may be kept from deciding together.
const ROUNDS_MAX: usize = 5;

fn tables() -> Vec<Table> {
    let sections = [
        comments::tables(),
        texts::tables(),
        history::tables(),
        deletions::tables(),
        settings::tables(),
        bans::tables(),
        rooms::tables(),
        videos::tables(),
        roles::tables(),
        tokens::tables(),
        auth::tables(),
        passes::tables(),
        development::tables(),
        errors::tables(),
    ];
    sections.into_iter().flatten().collect()
}

/// Runs the tables. When a node had to decide by itself meanwhile, those that are broken are run
/// again.
async fn hold(world: &World, mut tables: Vec<Table>) {
    for nth in 0..ROUNDS_MAX {
        let alone = world.decided_alone().await;
        let (broken, told): (Vec<_>, Vec<_>) = broken(world, tables, nth).await.into_iter().unzip();
        tables = broken;
        if tables.is_empty() {
            break;
        }
        let is_excused = world.decided_alone().await > alone && nth + 1 < ROUNDS_MAX;
        assert!(is_excused, "{} tables are broken:\n{}", told.len(), told.join("\n"));
    }
    limits::hold(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_one_process() {
    let world = World::all().await;
    hold(&world, tables()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn the_contract_holds_with_the_roles_apart() {
    let world = World::apart().await;
    let can_be = |table: &Table| table.house != table::In::Development;
    hold(&world, tables().into_iter().filter(can_be).collect()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_wrong_is_noticed() {
    let world = World::all().await;
    controls::wrong_tables_are_noticed(&world).await;
    world.stop().await;
}
