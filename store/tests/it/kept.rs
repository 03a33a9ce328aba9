//! Suites that hold for a store whatever it is kept on: the embedded one, or a CQL cluster. A case gets
//! a `Store` that others may have used.

macro_rules! kept_suite {
    ($($case:ident)*) => {
        mod embedded {
            $(
                #[tokio::test]
                async fn $case() {
                    let home = tempfile::tempdir().unwrap();
                    let store = store::embedded::EmbeddedStore::open(home.path()).unwrap();
                    super::$case(std::sync::Arc::new(store)).await;
                }
            )*
        }

        /// One test, for the sake of one keyspace: making one takes longer than all the cases.
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        #[ignore = "needs Cassandra or ScyllaDB: run deploy/dev/test"]
        async fn cql() {
            crate::cql_server::with_keyspace(async |keyspace| {
                let store: Store = std::sync::Arc::new(keyspace.connect().await.unwrap());
                $(
                    keyspace.case(stringify!($case));
                    $case(store.clone()).await;
                )*
            })
            .await;
        }
    };
}

pub(crate) use kept_suite;
