//! What only the CQL store does: migrating, and saying why it can't start.

use std::time::{Duration, Instant};

use common::{
    comment_store::{CommentStore, StoreError},
    ids::{ActionId, CommentId},
    room_store::{Journal, Note, RoomStore, Slot},
};
use store::cql::{self, CqlStore, Migrated};

use crate::{
    comment_store::{comment, get, video},
    cql_server::{Keyspace, with_cluster, with_keyspace},
    room_store::slot,
};

/// The schema that this chorus works with.
const VERSION: i32 = 4;

/// The line that connecting ends with.
async fn refusal(config: &common::config::Store) -> String {
    let refusal = CqlStore::connect(config).await.err().expect("an error").to_string();
    assert!(!refusal.contains('\n'), "{refusal}");
    refusal
}

#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn migrating_is_safe_to_repeat_also_at_once() {
    with_cluster(async |keyspace| {
        let config = &keyspace.config;
        let outcomes =
            tokio::join!(cql::migrate(config), cql::migrate(config), cql::migrate(config));
        for outcome in [outcomes.0, outcomes.1, outcomes.2] {
            assert_eq!(outcome.unwrap().now, VERSION);
        }
        assert_eq!(cql::migrate(config).await.unwrap(), Migrated { before: VERSION, now: VERSION });
        keyspace.connect().await.unwrap();
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn a_keyspace_that_is_not_migrated_is_told() {
    with_cluster(async |keyspace| {
        let name = &keyspace.config.keyspace;
        let told = refusal(&keyspace.config).await;
        assert!(told.contains(&format!("`{name}` not found: run `chorus migrate`")), "{told}");
        let create = format!(
            "CREATE KEYSPACE {name} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
        );
        keyspace.session.query_unpaged(create, ()).await.unwrap();
        let told = refusal(&keyspace.config).await;
        assert!(told.contains("schema version 0, this chorus needs 4: run `chorus migrate`"), "{told}");
        assert_eq!(cql::migrate(&keyspace.config).await.unwrap(), Migrated { before: 0, now: VERSION });
        keyspace.connect().await.unwrap();
    })
    .await;
}

/// A keyspace of the release before settled marks is told, and migrating it adds what it lacks.
#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn a_keyspace_of_version_1_is_upgraded() {
    with_keyspace(async |keyspace| {
        let there = comment(&video(), CommentId::now(), "hi");
        keyspace.connect().await.unwrap().put(&there).await.unwrap();
        let name = &keyspace.config.keyspace;
        for back in [
            format!("DROP TABLE {name}.settled"),
            format!("UPDATE {name}.chorus_schema SET version = 1 WHERE part = 'comments'"),
        ] {
            keyspace.session.query_unpaged(back, ()).await.unwrap();
        }
        let told = refusal(&keyspace.config).await;
        assert!(told.contains("schema version 1, this chorus needs 4"), "{told}");
        let upgraded = cql::migrate(&keyspace.config).await.unwrap();
        assert_eq!(upgraded, Migrated { before: 1, now: VERSION });
        let store = keyspace.connect().await.unwrap();
        store.settle(&there.video, there.id).await.unwrap();
        assert_eq!(get(&store, &there.video, there.id).await, Some(there));
    })
    .await;
}

/// Tables of an earlier release wait for a dead replica as long as the database's default says;
/// what an operator chose is not touched.
#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn tables_with_the_default_speculation_get_ours() {
    with_keyspace(async |keyspace| {
        let name = &keyspace.config.keyspace;
        let of = async |table: &str| {
            let select = "SELECT speculative_retry FROM system_schema.tables \
                          WHERE keyspace_name = ? AND table_name = ?";
            let answer = keyspace.session.query_unpaged(select, (name, table)).await.unwrap();
            answer.into_rows_result().unwrap().single_row::<(String,)>().unwrap().0
        };
        let ours = of("claims").await;
        assert!(ours.starts_with("50") && ours.ends_with("ms"), "{ours}");
        for (table, value) in [("claims", "99PERCENTILE"), ("comments", "10ms")] {
            let alter = format!("ALTER TABLE {name}.{table} WITH speculative_retry = '{value}'");
            keyspace.session.query_unpaged(alter, ()).await.unwrap();
        }
        let operators = of("comments").await;
        assert!(of("claims").await.starts_with("99"));
        cql::migrate(&keyspace.config).await.unwrap();
        assert_eq!([of("claims").await, of("comments").await], [ours, operators]);
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn replication_names_data_centres_that_are_there() {
    with_cluster(async |keyspace| {
        let mut config = keyspace.config.clone();
        config.replication.insert("nowhere".into(), 3);
        let told = cql::migrate(&config).await.unwrap_err().to_string();
        assert!(told.contains("`nowhere`") && told.contains("set store.replication"), "{told}");
    })
    .await;
}

#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn retention_is_the_rows_ttl_and_can_be_changed() {
    with_keyspace(async |keyspace| {
        assert_eq!(ttl_of_a_new_row(keyspace).await, None);
        let mut config = keyspace.config.clone();
        config.retention_days = 90;
        cql::migrate(&config).await.unwrap();
        let ttl = ttl_of_a_new_row(keyspace).await.unwrap();
        assert!((90 * 86_400 - 60..=90 * 86_400).contains(&ttl), "{ttl}");
        assert_eq!(ttl_of_room(keyspace).await, [None, Some(true), Some(true)]);
        config.retention_days = 10_000;
        let told = cql::migrate(&config).await.unwrap_err().to_string();
        assert!(told.contains("7300 days at most"), "{told}");
    })
    .await;
}

/// Seconds that a comment put now has to live.
async fn ttl_of_a_new_row(keyspace: &Keyspace) -> Option<i32> {
    let there = comment(&video(), CommentId::now(), "hi");
    keyspace.connect().await.unwrap().put(&there).await.unwrap();
    let select = format!(
        "SELECT TTL(body) FROM {}.comments WHERE video = ? AND bucket = ? AND id = ?",
        keyspace.config.keyspace
    );
    let bucket = i64::try_from(there.id.unix_ms() / 60_000).unwrap();
    let values = (there.video.as_str(), bucket, there.id.as_uuid());
    let answer = keyspace.session.query_unpaged(select, values).await.unwrap();
    answer.into_rows_result().unwrap().single_row::<(Option<i32>,)>().unwrap().0
}

/// Of a slot, of one that ends in a minute and of a note, whether it lives as long as it should.
async fn ttl_of_room(keyspace: &Keyspace) -> [Option<bool>; 3] {
    let (store, video) = (keyspace.connect().await.unwrap(), video());
    let ends = |until_ms| Slot { until_ms, ..slot("pin", ActionId::now(), "{}") };
    let note = Note { id: ActionId::now(), value: "{}".into() };
    store.note(&video, Journal::Reports, &note).await.unwrap();
    let ttl = async |cell, table| {
        let keyspace_name = &keyspace.config.keyspace;
        let select = format!(
            "SELECT TTL({cell}) FROM {keyspace_name}.{table} WHERE video = ? {}",
            if table == "room_notes" { "AND journal = 'reports'" } else { "" }
        );
        let answer = keyspace.session.query_unpaged(select, (video.as_str(),)).await.unwrap();
        answer.into_rows_result().unwrap().single_row::<(Option<i32>,)>().unwrap().0
    };
    let within = |ttl: Option<i32>, most| ttl.map(|ttl| (most - 60..=most).contains(&ttl));
    let noted = within(ttl("value", "room_notes").await, 90 * 86_400);
    store.set(&video, &ends(None)).await.unwrap();
    let stays = ttl("slot", "room_slots").await.map(|_| false);
    let in_a_minute = ActionId::now().unix_ms() + 60_000;
    store.set(&video, &ends(Some(in_a_minute))).await.unwrap();
    [stays, within(ttl("slot", "room_slots").await, 3_660), noted]
}

#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn a_keyspace_dropped_under_way_makes_it_unavailable() {
    with_keyspace(async |keyspace| {
        let store = keyspace.connect().await.unwrap();
        let drop = format!("DROP KEYSPACE {}", keyspace.config.keyspace);
        keyspace.session.query_unpaged(drop, ()).await.unwrap();
        let put = store.put(&comment(&video(), CommentId::now(), "hi")).await;
        assert!(matches!(put, Err(StoreError::Unavailable(_))), "{put:?}");
    })
    .await;
}

/// A configuration that needs no cluster.
fn config_of(nodes: &[&str]) -> common::config::Store {
    common::config::Store {
        kind: common::config::StoreKind::Scylla,
        path: "unused".into(),
        nodes: nodes.iter().map(ToString::to_string).collect(),
        keyspace: "chorus".into(),
        replication: [("dc1".into(), 3)].into(),
        user: String::new(),
        password: "".into(),
        retention_days: 0,
    }
}

#[tokio::test]
async fn nodes_that_do_not_answer_are_told_in_time() {
    // Takes connections and never says a word.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mute = mute.local_addr().unwrap().to_string();
    for node in ["127.0.0.1:1", "no-such-host.invalid:9042", &mute] {
        let began = Instant::now();
        let told = refusal(&config_of(&[node])).await;
        assert!(told.starts_with(&format!("no CQL node answers at {node} (")), "{told}");
        assert!(told.ends_with("start ScyllaDB or Cassandra, or set store.nodes"), "{told}");
        assert!(began.elapsed() < Duration::from_secs(7), "{node}: {:?}", began.elapsed());
    }
}
