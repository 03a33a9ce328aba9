//! The three Cassandra nodes that `deploy/dev/nightly three-nodes` has started.

use std::{path::PathBuf, time::Duration};

use tokio::{
    process::Command,
    time::{sleep, timeout},
};

/// Hang guard for a node to start. On two busy cores one has been seen to take half a minute.
const NODE_GUARD: Duration = Duration::from_secs(300);

/// What `deploy/dev/cassandra` keeps in a folder.
pub(super) struct Nodes {
    script: PathBuf,
    folder: String,
    port: u16,
}

impl Nodes {
    pub(super) fn given() -> Self {
        let folder = std::env::var("CHORUS_TEST_CQL_FOLDER")
            .expect("CHORUS_TEST_CQL_FOLDER is not set: run deploy/dev/nightly three-nodes");
        let ports = std::fs::read_to_string(format!("{folder}/ports")).unwrap();
        let port = ports.split_whitespace().next().unwrap().parse().unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Self { script: root.join("deploy/dev/cassandra"), folder, port }
    }

    pub(super) fn addresses(&self) -> String {
        [1, 2, 3].map(|k| format!("127.0.0.{k}:{}", self.port)).join(",")
    }

    pub(super) async fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.script);
        let output = command.args(args).args(["--dir", &self.folder]).output();
        let output = timeout(NODE_GUARD, output).await.expect("it hangs").unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    pub(super) async fn signal(&self, node: u8, name: &str) {
        let pid = self.run(&["pid", &node.to_string()]).await;
        let kill = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
        assert!(kill.await.unwrap().success());
    }

    /// Starts what was killed; returns when all three see each other.
    pub(super) async fn start(&self) {
        self.run(&["start"]).await;
    }

    /// Whether a client is connected with the node: nobody but ours talks CQL to it.
    pub(super) fn is_used(&self, node: u8) -> bool {
        const ESTABLISHED: &str = "01";
        let remote = format!("{:02X}00007F:{:04X}", node, self.port);
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(2);
            fields.next() == Some(&remote) && fields.next() == Some(ESTABLISHED)
        })
    }

    pub(super) async fn until_used(&self, node: u8) {
        let used = async {
            while !self.is_used(node) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(NODE_GUARD, used).await.expect("it is not used again");
    }
}
