//! A proxy of the calls between roles (HTTP/2 without TLS): it can lose a request or its answer,
//! send it twice, and keep it back until later ones have overtaken it.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    http::{Request, Response, StatusCode, request::Parts},
};
use bytes::Bytes;
use common::{
    serve::{self, Audience},
    wire::ENVELOPE_LEN_MAX,
};
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a caller hangs whose call was lost: longer than any caller of ours waits.
const HANG: Duration = Duration::from_secs(10);
/// A target that vanished without a word is noticed after this long.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Probabilities, drawn anew for every call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CallFaults {
    /// It never arrives; the caller hears nothing.
    pub(crate) drop_request: f64,
    /// It arrives; the caller hears nothing.
    pub(crate) drop_answer: f64,
    /// It arrives twice, at the same time.
    pub(crate) double: f64,
    /// It arrives later, also when its caller has given up by then.
    pub(crate) delay: f64,
    /// How much later at most.
    pub(crate) delay_max: Duration,
}

impl CallFaults {
    pub(crate) const NONE: Self = Self {
        drop_request: 0.0,
        drop_answer: 0.0,
        double: 0.0,
        delay: 0.0,
        delay_max: Duration::ZERO,
    };
}

/// What becomes of one call.
struct Fate {
    drop_request: bool,
    drop_answer: bool,
    double: bool,
    delay: Duration,
}

impl Fate {
    fn draw(faults: &CallFaults, chance: &mut StdRng) -> Self {
        let late = chance.random_bool(faults.delay);
        Self {
            drop_request: chance.random_bool(faults.drop_request),
            drop_answer: chance.random_bool(faults.drop_answer),
            double: chance.random_bool(faults.double),
            delay: if late { faults.delay_max.mul_f64(chance.random()) } else { Duration::ZERO },
        }
    }
}

/// What handlers share.
struct Inner {
    http: Client<HttpConnector, Full<Bytes>>,
    /// `None`: the process behind is down.
    target: Mutex<Option<SocketAddr>>,
    faults: Mutex<CallFaults>,
    chance: Mutex<StdRng>,
    arrived: AtomicU64,
}

/// A running proxy; dropping it ends it.
pub(crate) struct CallProxy {
    address: SocketAddr,
    inner: Arc<Inner>,
    _stop: DropGuard,
}

impl CallProxy {
    /// On a free port; `seed` decides which calls are hit.
    pub(crate) fn start(target: Option<SocketAddr>, seed: u64) -> Self {
        let listener =
            serve::bind("127.0.0.1:0".parse().unwrap(), "test", Audience::Internal).unwrap();
        let address = listener.local_addr().unwrap();
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true); // or a body waits for the acknowledgement of its head
        let http = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .http2_only(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build(connector);
        let inner = Arc::new(Inner {
            http,
            target: Mutex::new(target),
            faults: Mutex::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed)),
            arrived: AtomicU64::new(0),
        });
        let router = Router::new().fallback(handle).with_state(inner.clone());
        let stop = CancellationToken::new();
        let served = serve::serve(listener, router, Audience::Internal, None, stop.clone());
        common::task::spawn("test.calls", served);
        Self { address, inner, _stop: stop.drop_guard() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where calls go from now on.
    pub(crate) fn lead_to(&self, target: Option<SocketAddr>) {
        *locked(&self.inner.target) = target;
    }

    pub(crate) fn set(&self, faults: CallFaults) {
        *locked(&self.inner.faults) = faults;
    }

    /// How many calls the target answered so far.
    pub(crate) fn arrived(&self) -> u64 {
        self.inner.arrived.load(Ordering::SeqCst)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

async fn handle(State(inner): State<Arc<Inner>>, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, ENVELOPE_LEN_MAX).await else {
        return status(StatusCode::BAD_REQUEST);
    };
    let fate = Fate::draw(&locked(&inner.faults), &mut locked(&inner.chance));
    if fate.drop_request {
        tokio::time::sleep(HANG).await;
        return status(StatusCode::GATEWAY_TIMEOUT);
    }
    // By itself: it goes on when the caller has given up.
    let carried = async move {
        tokio::time::sleep(fate.delay).await;
        let second = async {
            if fate.double {
                inner.pass_on(&head, body.clone()).await;
            }
        };
        let (answer, ()) = tokio::join!(inner.pass_on(&head, body.clone()), second);
        answer
    };
    let answer = common::task::spawn("test.call", carried).await;
    if fate.drop_answer {
        tokio::time::sleep(HANG).await;
        return status(StatusCode::GATEWAY_TIMEOUT);
    }
    answer.unwrap_or_else(|_| status(StatusCode::INTERNAL_SERVER_ERROR))
}

impl Inner {
    async fn pass_on(&self, head: &Parts, body: Bytes) -> Response<Body> {
        let Some(target) = *locked(&self.target) else {
            return status(StatusCode::BAD_GATEWAY);
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = format!("http://{target}{path}").parse().unwrap();
        *request.headers_mut() = head.headers.clone();
        match tokio::time::timeout(HANG, self.http.request(request)).await {
            Ok(Ok(answer)) => {
                self.arrived.fetch_add(1, Ordering::SeqCst);
                answer.map(Body::new)
            }
            Ok(Err(_)) | Err(_) => status(StatusCode::BAD_GATEWAY),
        }
    }
}

fn status(status: StatusCode) -> Response<Body> {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests;
