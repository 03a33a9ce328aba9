//! Each fault of the call proxy does what it says.

use axum::routing::post;

use super::*;

/// Hang guard for what should come at once.
const GUARD: Duration = Duration::from_secs(20);
/// How long a silence is watched.
const SILENCE: Duration = Duration::from_millis(200);

/// A target that remembers the calls it got, and answers with their bodies.
#[derive(Clone, Default)]
struct Target {
    got: Arc<Mutex<Vec<Bytes>>>,
}

impl Target {
    fn start(&self) -> SocketAddr {
        let got = self.got.clone();
        let echo = move |body: Bytes| async move {
            got.lock().unwrap().push(body.clone());
            body
        };
        let listener =
            serve::bind("127.0.0.1:0".parse().unwrap(), "test", Audience::Internal).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/call", post(echo));
        let served =
            serve::serve(listener, router, Audience::Internal, None, CancellationToken::new());
        common::task::spawn("test", served);
        address
    }

    fn got(&self) -> Vec<Bytes> {
        self.got.lock().unwrap().clone()
    }

    async fn got_calls(&self, count: usize) -> Vec<Bytes> {
        let wait = async {
            while self.got().len() < count {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(GUARD, wait).await.expect("calls are missing");
        self.got()
    }
}

/// A caller, the proxy and the target.
struct Rig {
    target: Target,
    proxy: CallProxy,
    http: Client<HttpConnector, Full<Bytes>>,
}

impl Rig {
    fn new(faults: CallFaults) -> Self {
        let target = Target::default();
        let proxy = CallProxy::start(Some(target.start()), 1);
        proxy.set(faults);
        let http = Client::builder(TokioExecutor::new()).http2_only(true).build_http();
        Self { target, proxy, http }
    }

    async fn call(&self, body: &'static str) -> (StatusCode, Bytes) {
        let request = Request::post(format!("http://{}/call", self.proxy.address()))
            .body(Full::from(body))
            .unwrap();
        let answer = tokio::time::timeout(GUARD, self.http.request(request)).await;
        let answer = answer.expect("no answer").unwrap();
        let status = answer.status();
        (status, to_bytes(Body::new(answer.into_body()), 100).await.unwrap())
    }

    async fn is_unanswered(&self, body: &'static str) -> bool {
        tokio::time::timeout(SILENCE, self.call(body)).await.is_err()
    }
}

const OK: StatusCode = StatusCode::OK;

#[tokio::test]
async fn without_faults_it_passes_calls_on_to_whoever_is_the_target() {
    let mut rig = Rig::new(CallFaults::NONE);
    assert_eq!(rig.call("one").await, (OK, "one".into()));
    rig.proxy.lead_to(None);
    assert_eq!(rig.call("two").await.0, StatusCode::BAD_GATEWAY);
    let first = std::mem::take(&mut rig.target);
    rig.proxy.lead_to(Some(rig.target.start()));
    assert_eq!(rig.call("three").await, (OK, "three".into()));
    assert_eq!((first.got(), rig.target.got()), (vec!["one".into()], vec!["three".into()]));
    assert_eq!(rig.proxy.arrived(), 2);
}

#[tokio::test]
async fn a_dropped_request_reaches_nobody() {
    let rig = Rig::new(CallFaults { drop_request: 1.0, ..CallFaults::NONE });
    assert!(rig.is_unanswered("one").await);
    assert_eq!(rig.target.got(), [] as [Bytes; 0]);
}

#[tokio::test]
async fn a_dropped_answer_leaves_the_caller_alone_with_a_call_that_arrived() {
    let rig = Rig::new(CallFaults { drop_answer: 1.0, ..CallFaults::NONE });
    assert!(rig.is_unanswered("one").await);
    assert_eq!(rig.target.got(), ["one"]);
}

#[tokio::test]
async fn a_doubled_call_arrives_twice_and_is_answered_once() {
    let rig = Rig::new(CallFaults { double: 1.0, ..CallFaults::NONE });
    assert_eq!(rig.call("one").await, (OK, "one".into()));
    assert_eq!(rig.target.got_calls(2).await, ["one", "one"]);
}

#[tokio::test]
async fn a_delayed_call_is_overtaken_and_arrives_though_its_caller_has_given_up() {
    let late = CallFaults { delay: 1.0, delay_max: 20 * SILENCE, ..CallFaults::NONE };
    let rig = Rig::new(late);
    assert!(rig.is_unanswered("late").await);
    rig.proxy.set(CallFaults::NONE);
    rig.call("early").await;
    assert_eq!(rig.target.got_calls(2).await, ["early", "late"]);
}

#[tokio::test]
async fn the_seed_decides_which_calls_are_hit() {
    let half = CallFaults { drop_request: 0.5, ..CallFaults::NONE };
    let drawn = |seed| {
        let mut chance = StdRng::seed_from_u64(seed);
        let hit = (0..100).map(|_| Fate::draw(&half, &mut chance).drop_request);
        hit.collect::<Vec<_>>()
    };
    assert_eq!(drawn(1), drawn(1));
    assert_ne!(drawn(1), drawn(2));
    assert!((20..80).contains(&drawn(1).iter().filter(|hit| **hit).count()));
}
