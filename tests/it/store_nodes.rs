//! Any one of three store nodes dies, or freezes, and comes back, while comments are posted and
//! read: nobody is refused, nothing is lost or doubled. Its nodes are started by
//! `deploy/dev/nightly three-nodes`; `deploy/dev/test` leaves it out by its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use futures_util::future::join_all;
use tempfile::tempdir;
use tokio::{
    process::Command,
    time::{sleep, sleep_until, timeout},
};

use crate::{
    client::Client,
    process::Process,
    roles::{self, needed, refs},
};

/// Commenters and readers, each with one request under way, and how often they make one.
const COMMENTERS: usize = 8;
const READERS: usize = 2;
const PERIOD: Duration = Duration::from_millis(200);
/// How long they go on before a node is hit. A node learns only in its first `read_request_timeout`
/// (10 s here) when to ask another replica: until then it waits for a dead one half as long.
const WHOLE: Duration = Duration::from_secs(15);
/// How long after. It takes the others some 10 s to know that it is dead.
const BROKEN: Duration = Duration::from_secs(15);
/// A frozen node is thawed after this.
const FROZEN: Duration = Duration::from_secs(5);
/// Longest answer: a request's two seconds, a second one's, and what announcing takes.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Hang guard for a node to start. On two busy cores one has been seen to take half a minute.
const NODE_GUARD: Duration = Duration::from_secs(300);

/// What `deploy/dev/cassandra` keeps in a folder.
struct Nodes {
    script: PathBuf,
    folder: String,
    port: u16,
}

impl Nodes {
    fn given() -> Self {
        let folder = std::env::var("CHORUS_TEST_CQL_FOLDER")
            .expect("CHORUS_TEST_CQL_FOLDER is not set: run deploy/dev/nightly three-nodes");
        let ports = std::fs::read_to_string(format!("{folder}/ports")).unwrap();
        let port = ports.split_whitespace().next().unwrap().parse().unwrap();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        Self { script: root.join("deploy/dev/cassandra"), folder, port }
    }

    fn addresses(&self) -> String {
        [1, 2, 3].map(|k| format!("127.0.0.{k}:{}", self.port)).join(",")
    }

    async fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(&self.script);
        let output = command.args(args).args(["--dir", &self.folder]).output();
        let output = timeout(NODE_GUARD, output).await.expect("it hangs").unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    async fn signal(&self, node: u8, name: &str) {
        let pid = self.run(&["pid", &node.to_string()]).await;
        let kill = Command::new("sh").args(["-c", &format!("kill -s {name} {pid}")]).status();
        assert!(kill.await.unwrap().success());
    }

    /// Starts what was killed; returns when all three see each other.
    async fn start(&self) {
        self.run(&["start"]).await;
    }

    /// Whether a client is connected with the node: nobody but ours talks CQL to it.
    fn is_used(&self, node: u8) -> bool {
        const ESTABLISHED: &str = "01";
        let remote = format!("{:02X}00007F:{:04X}", node, self.port);
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        table.lines().any(|line| {
            let mut fields = line.split_whitespace().skip(2);
            fields.next() == Some(&remote) && fields.next() == Some(ESTABLISHED)
        })
    }

    async fn until_used(&self, node: u8) {
        let used = async {
            while !self.is_used(node) {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(NODE_GUARD, used).await.expect("it is not used again");
    }
}

/// What came of the requests so far.
#[derive(Default)]
struct Tally {
    /// Texts that were acknowledged, and their ids.
    acknowledged: BTreeMap<String, String>,
    reads: usize,
    errors: Vec<String>,
    /// Longest answer of a post and of a read since it was last told.
    longest: [Duration; 2],
}

struct Load {
    client: Client,
    tally: Mutex<Tally>,
}

impl Load {
    /// Posts, each with a key, and reads until it is dropped.
    async fn go_on(&self) {
        let commenters = join_all((0..COMMENTERS).map(|who| self.comment(who)));
        let readers = join_all((0..READERS).map(|_| self.read()));
        tokio::join!(commenters, readers);
    }

    async fn comment(&self, who: usize) {
        for n in 0.. {
            let next = tokio::time::Instant::now() + PERIOD;
            let text = format!("{who}-{n}");
            self.post(who, &text).await;
            sleep_until(next).await;
        }
    }

    async fn post(&self, who: usize, text: &str) {
        let bearer = roles::bearer(&format!("u{who}"), Duration::from_secs(60));
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", text)];
        let began = Instant::now();
        let answer = self.client.comment_with("v", text, &headers).await;
        let mut tally = self.tally.lock().unwrap();
        tally.longest[0] = tally.longest[0].max(began.elapsed());
        if answer.status == StatusCode::CREATED {
            let id = answer.json()["id"].as_str().unwrap().to_owned();
            let before = tally.acknowledged.insert(text.to_owned(), id.clone());
            assert!(before.is_none_or(|before| before == id), "{text}");
        } else {
            tally.errors.push(format!("{text}: {answer:?}"));
        }
    }

    async fn read(&self) {
        loop {
            let next = tokio::time::Instant::now() + PERIOD;
            let began = Instant::now();
            let answer = self.client.get("/v1/videos/v/comments").await;
            let mut tally = self.tally.lock().unwrap();
            tally.longest[1] = tally.longest[1].max(began.elapsed());
            tally.reads += 1;
            if answer.status != StatusCode::OK {
                tally.errors.push(format!("{answer:?}"));
            }
            drop(tally);
            sleep_until(next).await;
        }
    }

    #[expect(clippy::print_stderr, reason = "a test's only way to tell a figure")]
    fn tell(&self, what: &str) {
        let mut tally = self.tally.lock().unwrap();
        let [post, read] = std::mem::take(&mut tally.longest);
        eprintln!(
            "three nodes: {what}: {} posts acknowledged, {} reads, {} errors so far; longest post {post:?}, read {read:?}",
            tally.acknowledged.len(),
            tally.reads,
            tally.errors.len()
        );
        assert!(tally.errors.is_empty(), "{:?}", tally.errors);
        assert!(post < ANSWER_MAX && read < ANSWER_MAX);
    }

    /// Each acknowledged comment is in history under its id, once.
    async fn check_history(&self) {
        let acknowledged = self.tally.lock().unwrap().acknowledged.clone();
        let (mut stored, mut query) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/videos/v/comments?limit=200{query}");
            let page = self.client.get(&path).await.json();
            let word =
                |comment: &serde_json::Value, name| comment[name].as_str().unwrap().to_owned();
            let comments = page["comments"].as_array().unwrap().iter();
            stored.extend(comments.map(|comment| (word(comment, "text"), word(comment, "id"))));
            let Some(next) = page["next"].as_str() else { break };
            query = format!("&before={next}");
        }
        let texts: BTreeSet<_> = stored.iter().map(|(text, _)| text).collect();
        assert_eq!(texts.len(), stored.len(), "doubled");
        let stored: BTreeMap<_, _> = stored.into_iter().collect();
        let lost: Vec<_> =
            acknowledged.iter().filter(|(text, id)| stored.get(*text) != Some(id)).collect();
        assert!(lost.is_empty(), "{lost:?}");
    }
}

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
