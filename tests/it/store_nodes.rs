//! Any one of three store nodes dies, or freezes, and comes back, while comments are posted and
//! read: nobody is refused, nothing is lost or doubled. Its nodes are started by
//! `deploy/dev/nightly three-nodes`; `deploy/dev/test` leaves it out by its name.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use tempfile::tempdir;
use tokio::time::sleep;

use crate::{
    process::Process,
    roles::{self, needed, refs},
};
use load::Load;
use nodes::Nodes;

mod load;
mod nodes;

/// How long they go on before a node is hit. A node learns only in its first `read_request_timeout`
/// (10 s here) when to ask another replica: until then it waits for a dead one half as long.
const WHOLE: Duration = Duration::from_secs(15);
/// How long after. It takes the others some 10 s to know that it is dead.
const BROKEN: Duration = Duration::from_secs(15);
/// A frozen node is thawed after this.
const FROZEN: Duration = Duration::from_secs(5);

async fn hit_each_node(nodes: &Nodes, load: &Load) {
    sleep(WHOLE).await;
    load.tell("all well");
    for node in 1..=3 {
        nodes.signal(node, "KILL").await;
        sleep(BROKEN).await;
        assert!(!nodes.is_used(node));
        load.tell(&format!("node {node} dead"));
        nodes.start().await;
        let back = Instant::now();
        nodes.until_used(node).await;
        let waited = back.elapsed();
        sleep(WHOLE).await;
        load.tell(&format!("node {node} back, used {waited:?} after"));
    }
    for node in 1..=3 {
        nodes.signal(node, "STOP").await;
        sleep(FROZEN).await;
        nodes.signal(node, "CONT").await;
        nodes.until_used(node).await;
        sleep(BROKEN).await;
        load.tell(&format!("node {node} frozen for {FROZEN:?}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs three Cassandra nodes: run deploy/dev/nightly three-nodes"]
async fn nightly_any_one_of_three_store_nodes_dies() {
    let (folder, nodes) = (tempdir().unwrap(), Nodes::given());
    let mut flags = roles::flags(&roles::unique_name(), &needed("CHORUS_TEST_REDIS"));
    for (flag, value) in
        [("--store.nodes", nodes.addresses()), ("--store.replication", "datacenter1=3".into())]
    {
        let at = flags.iter().position(|known| known == flag).unwrap();
        flags[at + 1] = value;
    }
    roles::migrate(folder.path(), &flags).await;
    let start = async |role: &str, more: &[&str]| {
        Process::start(folder.path(), &[&[role][..], &refs(&flags), more].concat()).await
    };
    let dispatcher = start("dispatcher", &[]).await;
    let url = format!("http://{}", dispatcher.internal);
    let ingest = ["--listen", "127.0.0.1:0", "--ingest.dispatchers", &url];
    let ingest = start("ingest", &ingest).await;

    let load = Load { client: ingest.client(), tally: Mutex::default() };
    tokio::select! {
        () = load.go_on() => {}
        () = hit_each_node(&nodes, &load) => {}
    }
    load.check_history().await;
    // The same keys once more: the same comments.
    let acknowledged = load.tally.lock().unwrap().acknowledged.clone();
    for text in acknowledged.keys().step_by(50) {
        load.post(text.split('-').next().unwrap().parse().unwrap(), text).await;
    }
    load.check_history().await;
    load.tell("passed");
}
