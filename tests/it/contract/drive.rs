//! Runs tables: says which row of the contract is broken, and how.

use futures_util::future::join_all;

use super::{
    parts::Part,
    run::Run,
    table::{Outage, Table},
    world::World,
};

/// Runs tables beside each other, for the nth time; the ones that are broken, and how. Those of an
/// outage go through it together, and through one outage after the other.
pub(crate) async fn broken(world: &World, tables: Vec<Table>, nth: usize) -> Vec<(Table, String)> {
    let runs = |part: Option<Part>| {
        let tables = tables.iter().filter(move |table| table.part() == part);
        tables.map(|table| Run::new(world, table, nth)).collect::<Vec<_>>()
    };
    let losing = async {
        let redis = through_an_outage(world, Part::Redis, runs(Some(Part::Redis))).await;
        let store = through_an_outage(world, Part::Store, runs(Some(Part::Store))).await;
        redis.into_iter().chain(store)
    };
    let (calm, losing) = tokio::join!(join_all(runs(None).into_iter().map(undisturbed)), losing);
    let told = calm.into_iter().chain(losing);
    told.filter_map(|run| Some((run.table.clone(), run.told.err()?))).collect()
}

async fn undisturbed(mut run: Run<'_>) -> Run<'_> {
    run.begin().await;
    run.rows(&run.table.rows).await;
    run.end().await;
    run
}

async fn through_an_outage<'w>(world: &World, part: Part, mut runs: Vec<Run<'w>>) -> Vec<Run<'w>> {
    if runs.is_empty() {
        return runs;
    }
    let outage = |table: &'w Table| -> &'w Outage { table.outage.as_ref().expect("it has one") };
    let before = runs.iter_mut().map(async |run| {
        run.begin().await;
        run.rows(&run.table.rows).await;
    });
    join_all(before).await;
    world.losable().lose(part).await;
    join_all(runs.iter_mut().map(async |run| run.rows(&outage(run.table).meanwhile).await)).await;
    world.losable().regain(part).await;
    let afterwards = runs.iter_mut().map(async |run| {
        run.rows(&outage(run.table).afterwards).await;
        run.end().await;
    });
    join_all(afterwards).await;
    runs
}
