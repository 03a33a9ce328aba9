//! A CQL keyspace beside an earlier chorus: migrated from its schema, and used by it still.

use common::{
    comment::Comment,
    comment_store::{CommentStore, Page, Stored},
    ids::{ActionId, CommentId},
};
use store::cql::{self, CqlStore, Migrated};

use crate::{
    comment_store::{comment, deletion, get, id_at, video},
    cql_server::{Keyspace, with_cluster, with_keyspace},
};

/// As version 2 made it, and what its processes go on saying.
const COMMENTS: &str = "comments (video text, bucket bigint, id uuid, author_id text, \
    author_name text, author_role text, author_avatar text, body text, reply_to uuid, \
    PRIMARY KEY ((video, bucket), id)) WITH speculative_retry = '50ms' \
    AND CLUSTERING ORDER BY (id DESC) AND default_time_to_live = 0 AND compaction = \
    {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'DAYS', \
    'compaction_window_size': '30'}";
const INSERT: &str = "INSERT INTO {}.comments (video, bucket, id, author_id, author_name, \
    author_role, author_avatar, body, reply_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
const SELECT: &str = "SELECT id, author_id, author_name, author_role, author_avatar, body, \
    reply_to FROM {}.comments WHERE video = ? AND bucket = ? AND id < ? LIMIT ?";

/// A row as version 2 reads it: no null where it expects none.
type Row = (uuid::Uuid, String, String, Option<String>, Option<String>, String, Option<uuid::Uuid>);

impl Keyspace {
    fn of_earlier(&self, statement: &str) -> String {
        statement.replace("{}", &self.config.keyspace)
    }

    /// Writes a comment as version 2 does, at a time of the cluster's or at the one that is given.
    async fn put_as_earlier(&self, comment: &Comment, at: &str) {
        let nobody: Option<&str> = None;
        let bucket = bucket_of(comment.id);
        let values = (
            comment.video.as_str(),
            bucket,
            comment.id.as_uuid(),
            comment.author.id.as_str(),
            comment.author.name.as_str(),
            nobody,
            nobody,
            comment.text.as_str(),
            None::<uuid::Uuid>,
        );
        let insert = self.of_earlier(INSERT) + at;
        self.session.query_unpaged(insert, values).await.unwrap();
        let announce =
            self.of_earlier("INSERT INTO {}.comment_buckets (video, bucket) VALUES (?, ?)");
        self.session.query_unpaged(announce, (comment.video.as_str(), bucket)).await.unwrap();
    }

    /// What version 2 reads of the minute that the comment is in.
    async fn read_as_earlier(&self, comment: &Comment) -> Vec<Row> {
        let last: uuid::Uuid = id_at((1 << 48) - 1).as_uuid();
        let values = (comment.video.as_str(), bucket_of(comment.id), last, 200);
        let answer = self.session.query_unpaged(self.of_earlier(SELECT), values).await.unwrap();
        let answer = answer.into_rows_result().unwrap();
        answer.rows::<Row>().unwrap().map(Result::unwrap).collect()
    }
}

fn bucket_of(id: CommentId) -> i64 {
    i64::try_from(id.unix_ms() / 60_000).unwrap()
}

async fn expect_deleted(store: &CqlStore, gone: &Comment) {
    let stored = store.get(&gone.video, gone.id).await.unwrap();
    assert!(matches!(stored, Some(Stored::Deleted(_))), "{stored:?}");
    let listed = store.list(&gone.video, Page::Newest, 200).await.unwrap();
    assert!(listed.iter().all(|comment| comment.id != gone.id));
}

#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn a_keyspace_of_version_2_keeps_its_comments_and_gets_what_it_lacks() {
    with_cluster(async |keyspace| {
        let (name, datacenter) = (&keyspace.config.keyspace, &keyspace.config.replication);
        let replicas: Vec<_> = datacenter.iter().map(|(dc, n)| format!(", '{dc}': {n}")).collect();
        for statement in [
            format!(
                "CREATE KEYSPACE {name} WITH replication = \
                 {{'class': 'NetworkTopologyStrategy'{}}}",
                replicas.concat()
            ),
            format!("CREATE TABLE {name}.{COMMENTS}"),
            format!(
                "CREATE TABLE {name}.comment_buckets (video text, bucket bigint, \
                 PRIMARY KEY (video, bucket)) WITH CLUSTERING ORDER BY (bucket DESC)"
            ),
            format!("CREATE TABLE {name}.chorus_schema (part text PRIMARY KEY, version int)"),
            format!("INSERT INTO {name}.chorus_schema (part, version) VALUES ('comments', 2)"),
        ] {
            keyspace.session.query_unpaged(statement, ()).await.unwrap();
        }
        let stays = comment(&video(), CommentId::now(), "stays");
        let gone = comment(&stays.video, CommentId::now(), "gone");
        // Its last repetition was almost a day after it was made.
        let repeated = comment(&stays.video, CommentId::now(), "repeated");
        let later = (repeated.id.unix_ms() + 20 * 3_600_000) * 1_000;
        for (there, at) in
            [(&stays, ""), (&gone, ""), (&repeated, &format!(" USING TIMESTAMP {later}"))]
        {
            keyspace.put_as_earlier(there, at).await;
        }
        let told = keyspace.connect().await.err().unwrap().to_string();
        assert!(told.contains("schema version 2, this chorus needs 4"), "{told}");
        let migrate = || cql::migrate(&keyspace.config);
        let at_once = tokio::join!(migrate(), migrate(), migrate());
        for migrated in [at_once.0, at_once.1, at_once.2] {
            assert_eq!(migrated.unwrap().now, 4);
        }
        assert_eq!(migrate().await.unwrap(), Migrated { before: 4, now: 4 });
        let store = keyspace.connect().await.unwrap();
        for gone in [&gone, &repeated] {
            assert_eq!(get(&store, &gone.video, gone.id).await.as_ref(), Some(gone));
            let deletion = deletion("mo", ActionId::now());
            store.delete(&gone.video, gone.id, &deletion).await.unwrap();
            store.put(gone).await.unwrap();
            expect_deleted(&store, gone).await;
        }
        assert_eq!(
            store.list(&stays.video, Page::Newest, 200).await.unwrap(),
            std::slice::from_ref(&stays)
        );
        let texts = keyspace.read_as_earlier(&stays).await;
        let texts: Vec<_> =
            texts.into_iter().map(|row| row.5).filter(|it| !it.is_empty()).collect();
        assert_eq!(texts, ["stays"], "what is deleted is not there any more");
    })
    .await;
}

/// While a release is rolled out.
#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn an_earlier_chorus_goes_on_beside_and_brings_nothing_back() {
    with_keyspace(async |keyspace| {
        let store = keyspace.connect().await.unwrap();
        let (stays, gone) = (video(), video());
        let stays = comment(&stays, CommentId::now(), "stays");
        keyspace.put_as_earlier(&stays, "").await;
        assert_eq!(
            store.list(&stays.video, Page::Newest, 9).await.unwrap(),
            std::slice::from_ref(&stays)
        );
        for was_put in [true, false] {
            let gone = comment(&gone, CommentId::now(), "gone");
            if was_put {
                store.put(&gone).await.unwrap();
            }
            let deletion = deletion("mo", ActionId::now());
            store.delete(&gone.video, gone.id, &deletion).await.unwrap();
            let row = keyspace
                .read_as_earlier(&gone)
                .await
                .into_iter()
                .find(|row| row.0 == gone.id.as_uuid());
            let (_, author, name, .., text, _) = row.unwrap();
            assert_eq!([author, name, text], ["uma", "", ""], "it can read the row");
            keyspace.put_as_earlier(&gone, "").await;
            expect_deleted(&store, &gone).await;
        }
    })
    .await;
}

/// The text is overwritten and stays so, also when the put is repeated.
#[tokio::test]
#[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
async fn no_cell_has_a_deleted_text() {
    with_keyspace(async |keyspace| {
        let store = keyspace.connect().await.unwrap();
        let video = video();
        for minutes in [0, 3, 60 * 24 * 400] {
            let made = id_at(ActionId::now().unix_ms() - minutes * 60_000);
            let mut gone = comment(&video, made, "gone");
            gone.author.role = Some("commenter".into());
            gone.author.avatar = Some("https://example.org/a.png".into());
            store.put(&gone).await.unwrap();
            let deletion = deletion("mo", ActionId::now());
            store.delete(&gone.video, gone.id, &deletion).await.unwrap();
            for _ in 0..2 {
                let [row] = &keyspace.read_as_earlier(&gone).await[..] else { panic!("one row") };
                let nothing = Some(String::new());
                assert_eq!((&row.2, &row.3, &row.4), (&String::new(), &nothing, &nothing));
                assert_eq!(row.5, "");
                store.put(&gone).await.unwrap();
            }
        }
    })
    .await;
}
