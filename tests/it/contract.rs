//! API.md's sections Comments, Moderation, Auth and Errors, row by row: who asks for what, what is
//! answered, what viewers get. The same tables hold for `chorus all` and for the roles apart.
//!
//! [`table`] is what is written down, of [`row`]s and what they have [`shown`]; [`who`] asks, by
//! tokens of an [`issuer`] as well, and [`pattern`]s say what answers should look like. [`world`] is
//! what is asked (the roles of a [`street`]), what it can lose are [`parts`]; [`drive`] and [`run`] are
//! how, [`verdict`] whether that was right, [`controls`] that it would notice.
//!
//! The tables: [`comments`], [`texts`], [`history`], [`deletions`]; [`settings`], [`bans`], [`rooms`],
//! [`videos`], [`roles`]; [`tokens`], [`jwks`], [`auth`], [`passes`], [`development`]; [`errors`].
//! Without Redis: [`redis_away`], [`moderated`]; without the store: [`store_away`]. [`limits`] are
//! counted instead.

use drive::broken;
use store_away::Reads;
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
mod issuer;
mod jwks;
mod limits;
mod moderated;
mod parts;
mod passes;
mod pattern;
mod redis_away;
mod roles;
mod rooms;
mod row;
mod run;
mod settings;
mod shown;
#[expect(dead_code, reason = "the tests of checking tokens use more of it")]
#[path = "../../common/src/auth/tests/signer.rs"]
mod signer;
mod store_away;
mod street;
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
        jwks::tables(),
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
    let mut told = String::new();
    for nth in 0..ROUNDS_MAX {
        let alone = world.decided_alone().await;
        let (broken, whys): (Vec<_>, Vec<_>) = broken(world, tables, nth).await.into_iter().unzip();
        tables = broken;
        if tables.is_empty() {
            return;
        }
        told += &format!("{} tables are broken:\n{}\n", whys.len(), whys.join("\n"));
        let is_excused = world.decided_alone().await > alone && nth + 1 < ROUNDS_MAX;
        assert!(is_excused, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_one_process() {
    let world = World::all().await;
    hold(&world, tables()).await;
    limits::hold(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root, or user namespaces: run deploy/dev/test"]
async fn the_contract_holds_in_one_process_whose_disk_is_full() {
    let world = World::on_a_small_disk().await;
    hold(&world, store_away::tables(Reads::GoOn)).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and Cassandra: run deploy/dev/test"]
async fn the_contract_holds_with_the_roles_apart() {
    let world = World::apart().await;
    let can_be = |table: &Table| table.house != table::In::Development;
    let all = tables().into_iter().filter(can_be);
    let losing =
        [redis_away::tables(), moderated::tables(), store_away::tables(Reads::Refused)].concat();
    hold(&world, all.chain(losing).collect()).await;
    limits::hold(&world).await;
    controls::wrong_outages_are_noticed(&world).await;
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_wrong_is_noticed() {
    let world = World::all().await;
    controls::wrong_tables_are_noticed(&world).await;
    world.stop().await;
}
