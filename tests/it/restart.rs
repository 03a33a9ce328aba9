//! A rolling restart: each gateway in turn is drained, ended and started again, behind a load balancer
//! that asks them whether they are ready.

use std::pin::pin;

use axum::http::StatusCode;
use futures_util::future::join_all;
use tempfile::{TempDir, tempdir};
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Duration, Instant, sleep, timeout},
};

use crate::{
    behind::{Balancer, free_ports, haproxy},
    client::{Client, GUARD, Stream},
    process::Process,
    roles::{SECRET, bearer, needed, refs, unique_name},
};

const VIEWERS: usize = 5_000;
const WINDOW_S: usize = 10;
/// Between two comments.
const PERIOD: Duration = Duration::from_millis(500);
/// Viewers who come at a time when it begins; a divisor of all.
const OPENINGS: usize = 50;
/// Where the load balancer says whether all gateways are ready.
const MONITOR: &str = "/monitor";
/// The last comment's text.
const END: &str = "that was all";

/// An ingest, a dispatcher, and two gateways behind a load balancer.
struct Stage {
    folder: TempDir,
    flags: Vec<String>,
    ingest: Process,
    _dispatcher: Process,
    gateways: Mutex<[Option<Process>; 2]>,
    ports: [[u16; 2]; 2],
    _balancer: Balancer,
    front: Client,
    video: String,
}

impl Stage {
    async fn set() -> Self {
        let folder = tempdir().unwrap();
        let redis = needed("CHORUS_TEST_REDIS");
        let flags = [
            ("--internal.secret", "inner"),
            ("--auth.hs256_secret", SECRET),
            ("--live.kind", "redis"),
            ("--live.url", &redis),
        ];
        let flags = flags.map(|(flag, value)| [flag.to_owned(), value.to_owned()]).concat();
        let any = ["--internal_listen", "127.0.0.1:0"];
        let dispatcher = start(&folder, "dispatcher", &flags, &any).await;
        let dispatchers = format!("http://{}", dispatcher.internal);
        let more = ["--listen", "127.0.0.1:0", "--ingest.dispatchers", &dispatchers];
        let ingest = start(&folder, "ingest", &flags, &[&any[..], &more].concat()).await;
        let [front, a, inner_a, b, inner_b] = free_ports();
        let ports = [[a, inner_a], [b, inner_b]];
        let stage = Self {
            ingest,
            _dispatcher: dispatcher,
            gateways: Mutex::default(),
            ports,
            _balancer: haproxy(folder.path(), front, &backends(ports)).await,
            front: Client::new(([127, 0, 0, 1], front).into()),
            video: unique_name(),
            folder,
            flags,
        };
        for nth in 0..2 {
            stage.start_gateway(nth).await;
        }
        stage.all_are_ready().await;
        stage
    }

    /// Waits until the load balancer knows of both.
    async fn all_are_ready(&self) {
        let ready = async {
            while self.front.get(MONITOR).await.status != StatusCode::OK {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GUARD, ready).await.expect("the load balancer does not see them");
    }

    async fn start_gateway(&self, nth: usize) {
        let [public, internal] = self.ports[nth].map(|port| format!("127.0.0.1:{port}"));
        let (advertise, window) = (format!("http://{internal}"), WINDOW_S.to_string());
        let more = [
            ["--listen", &public],
            ["--internal_listen", &internal],
            ["--gateway.advertise", &advertise],
            ["--gateway.drain_window_s", &window],
        ];
        let gateway = start(&self.folder, "gateway", &self.flags, &more.concat()).await;
        self.gateways.lock().await[nth] = Some(gateway);
    }

    /// Drains each gateway, waits for its end and starts it again; when each drain began.
    async fn restart_all(&self) -> Vec<Instant> {
        let mut began = Vec::new();
        for nth in 0..2 {
            began.push(Instant::now());
            let gateway = self.gateways.lock().await[nth].take().unwrap();
            gateway.signal("TERM").await;
            gateway.ended().await;
            self.start_gateway(nth).await;
            self.all_are_ready().await;
        }
        began
    }

    async fn seat(&self) -> Vec<JoinHandle<Seen>> {
        let mut viewers = Vec::new();
        for _ in 0..VIEWERS / OPENINGS {
            let streams = (0..OPENINGS).map(|_| self.front.stream(&self.video, "?recent=0"));
            for stream in join_all(streams).await {
                let viewer = watch(self.front.clone(), self.video.clone(), stream);
                viewers.push(common::task::spawn("test", viewer));
            }
        }
        viewers
    }

    async fn post(&self, text: &str) {
        let bearer = bearer("u1", Duration::from_secs(600));
        let headers = [("authorization", bearer.as_str())];
        let answer = self.ingest.client().comment_with(&self.video, text, &headers).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    }
}

async fn start(folder: &TempDir, role: &str, flags: &[String], more: &[&str]) -> Process {
    Process::start(folder.path(), &[&[role][..], &refs(flags), more].concat()).await
}

/// Who isn't ready any more gets nobody new, and keeps those it has.
fn backends(ports: [[u16; 2]; 2]) -> String {
    let server = |[public, internal]: [u16; 2]| {
        let check = format!("check port {internal} inter 100 fall 1 rise 1");
        format!("  server g{public} 127.0.0.1:{public} {check}\n")
    };
    let servers = ports.map(server).concat();
    let monitor = format!("  monitor-uri {MONITOR}\n  monitor fail if {{ nbsrv lt 2 }}\n");
    format!("{monitor}  balance leastconn\n  option httpchk GET /readyz\n{servers}")
}

/// What a viewer lived through.
#[derive(Debug, Default)]
struct Seen {
    /// The numbers that comments bore.
    comments: Vec<usize>,
    /// When its streams ended.
    ends: Vec<Instant>,
}

/// Watches until the end, coming back as an EventSource does.
async fn watch(front: Client, video: String, mut stream: Stream) -> Seen {
    let (mut seen, mut last_id, mut retry, mut verdict) = (Seen::default(), String::new(), 0, 0);
    loop {
        assert_eq!(stream.status, StatusCode::OK);
        while let Some(block) = stream.event().await {
            last_id = block.id.clone().unwrap_or(last_id);
            retry = block.retry.as_ref().map_or(retry, |retry| retry.parse().unwrap());
            match block.name.as_str() {
                "comment" if block.data.contains(END) => return seen,
                "comment" => {
                    let text = block.json()["text"].as_str().unwrap().parse();
                    seen.comments.push(text.unwrap());
                }
                "resume" => assert_eq!(block.json()["status"], ["new", "continued"][verdict]),
                other => assert_eq!(other, ""),
            }
        }
        seen.ends.push(Instant::now());
        sleep(Duration::from_millis(retry)).await;
        let position = [("last-event-id", last_id.as_str())];
        stream = front.stream_with(&video, "", &position).await;
        verdict = 1;
    }
}

/// Most ends in a second.
fn peak(ends: &[Duration]) -> usize {
    let in_second = |second| ends.iter().filter(|end| end.as_secs() == second).count();
    ends.iter().map(|end| in_second(end.as_secs())).max().unwrap_or_default()
}

/// Everybody comes back once when its gateway is restarted, where it stood, and not all at once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Redis and haproxy: run deploy/dev/test"]
async fn gateways_are_restarted_and_nobody_misses_anything() {
    let stage = Stage::set().await;
    let viewers = stage.seat().await;
    let mut restarts = pin!(stage.restart_all());
    let mut posted = 0;
    let began = loop {
        stage.post(&posted.to_string()).await;
        posted += 1;
        if let Ok(began) = timeout(PERIOD, &mut restarts).await {
            break began;
        }
    };
    stage.post(END).await;
    let mut ends = [Vec::new(), Vec::new()];
    for seen in join_all(viewers).await {
        let Seen { comments, ends: its } = seen.unwrap();
        assert!(comments.iter().copied().eq(0..posted), "of {posted}: {comments:?}");
        let (first, second): (Vec<_>, Vec<_>) = its.into_iter().partition(|end| *end < began[1]);
        for ((restart, its), all) in began.iter().zip([first, second]).zip(&mut ends) {
            assert!(its.len() <= 1, "more than once: {its:?}");
            all.extend(its.into_iter().map(|end| end - *restart));
        }
    }
    for ends in &ends {
        assert!(ends.len() >= VIEWERS / 2 - OPENINGS, "{} of {VIEWERS} came back", ends.len());
        let (peak, even) = (peak(ends), ends.len() / WINDOW_S);
        assert!(peak <= even * 3 / 2, "{peak} in a second, {even} if all were even");
    }
}
