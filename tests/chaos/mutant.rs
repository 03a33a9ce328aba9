//! A gateway that does harm: passes streams on, but drops, doubles or swaps comments on their way.

use std::net::SocketAddr;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, Request, Response, Uri},
};
use bytes::Bytes;
use common::serve::{self, Audience};
use futures_util::StreamExt;
use http_body_util::Empty;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Every how many comments one is harmed.
pub(crate) const PERIOD: usize = 5;

/// What is done to a comment's block, its `id:` included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Harm {
    None,
    Drop,
    Double,
    /// It changes places with the next one.
    Swap,
}

/// A running mutant; dropping it ends it.
pub(crate) struct Mutant {
    address: SocketAddr,
    _stop: DropGuard,
}

#[derive(Clone)]
struct Behind {
    gateway: SocketAddr,
    harm: Harm,
    http: Client<HttpConnector, Empty<Bytes>>,
}

impl Mutant {
    pub(crate) fn start(gateway: SocketAddr, harm: Harm) -> Self {
        let listener =
            serve::bind("127.0.0.1:0".parse().unwrap(), "test", Audience::Public).unwrap();
        let address = listener.local_addr().unwrap();
        let http = Client::builder(TokioExecutor::new()).build_http();
        let router = Router::new().fallback(pass_on).with_state(Behind { gateway, harm, http });
        let stop = CancellationToken::new();
        let served = serve::serve(listener, router, Audience::Public, None, stop.clone());
        common::task::spawn("test.mutant", served);
        Self { address, _stop: stop.drop_guard() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn pass_on(State(behind): State<Behind>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
    let mut request = Request::get(format!("http://{}{}", behind.gateway, uri.path()));
    if let Some(id) = headers.get(LAST_EVENT_ID) {
        request = request.header(LAST_EVENT_ID, id);
    }
    let answer = behind.http.request(request.body(Empty::new()).unwrap()).await.unwrap();
    let (head, body) = answer.into_parts();
    let mut blocks = Blocks::new(behind.harm);
    let harmed =
        Body::new(body).into_data_stream().map(move |bytes| bytes.map(|bytes| blocks.feed(&bytes)));
    Response::from_parts(head, Body::from_stream(harmed))
}

/// Blocks of a stream on their way.
struct Blocks {
    harm: Harm,
    unread: Vec<u8>,
    comments: usize,
    /// To come after the next comment.
    kept: Vec<u8>,
}

impl Blocks {
    fn new(harm: Harm) -> Self {
        Self { harm, unread: Vec::new(), comments: 0, kept: Vec::new() }
    }

    /// What comes out when `bytes` go in: whole blocks.
    fn feed(&mut self, bytes: &[u8]) -> Bytes {
        self.unread.extend_from_slice(bytes);
        let mut out = Vec::new();
        while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
            let block: Vec<u8> = self.unread.drain(..end + 2).collect();
            let is_comment = String::from_utf8_lossy(&block).contains("event: comment\n");
            if is_comment {
                self.comments += 1;
                self.harm(&block, &mut out);
            } else {
                out.extend(block);
            }
        }
        out.into()
    }

    fn harm(&mut self, block: &[u8], out: &mut Vec<u8>) {
        match self.harm {
            _ if !self.comments.is_multiple_of(PERIOD) => {
                out.extend_from_slice(block);
                out.append(&mut self.kept);
            }
            Harm::None => out.extend_from_slice(block),
            Harm::Drop => {}
            Harm::Double => out.extend_from_slice(&[block, block].concat()),
            Harm::Swap => self.kept = block.to_vec(),
        }
    }
}
