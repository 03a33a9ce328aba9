//! API.md's sections Comments, Moderation, Auth and Errors, row by row: who asks for what, what is
//! answered, what viewers get. The same tables hold for `chorus all` and for the roles apart.
//!
//! [`row`] is what a table is made of, [`who`] who asks, [`pattern`] what answers should look like;
//! [`world`] is what is asked, [`drive`] how, [`controls`] that it would notice. The tables:
//! [`comments`], [`history`], [`moderation`], [`rooms`], [`roles`], [`auth`], [`passes`],
//! [`development`], [`errors`]; [`limits`] are counted instead.

use futures_util::future::join;

use drive::broken;
use row::Table;
use world::World;

mod auth;
mod comments;
mod controls;
mod development;
mod drive;
mod errors;
mod history;
mod limits;
mod moderation;
mod passes;
mod pattern;
mod roles;
mod rooms;
mod row;
mod who;
mod world;

/// Rounds in which nodes may be kept from deciding together.
const ROUNDS_MAX: usize = 5;

fn tables() -> Vec<Table> {
    let sections = [
        comments::tables(),
        history::tables(),
        moderation::tables(),
        rooms::tables(),
        roles::tables(),
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
    join(limits::of_an_author(world), limits::of_a_video(world)).await;
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
    let can_be = |table: &Table| table.house != row::In::Development;
    hold(&world, tables().into_iter().filter(can_be).collect()).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_wrong_is_noticed() {
    let world = World::all().await;
    controls::wrong_tables_are_noticed(&world).await;
    world.stop().await;
}
