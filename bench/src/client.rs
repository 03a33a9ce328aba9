//! HTTP/1.1 over kept connections: one per request in flight, and as many more as are asked for.

use std::cell::RefCell;
use std::collections::VecDeque;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{HOST, RETRY_AFTER};
use hyper::http::HeaderValue;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use crate::origin::Origin;

type Sender = SendRequest<Full<Bytes>>;

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Seconds of `Retry-After`.
    pub(crate) retry_after_s: Option<u64>,
    pub(crate) body: Bytes,
}

/// A client of one origin. Whoever sends bounds how many are in flight.
pub(crate) struct Client {
    origin: Origin,
    host: HeaderValue,
    /// The one that was used longest ago first: each of many commenters has their own connection.
    idle: RefCell<VecDeque<Sender>>,
}

impl Client {
    pub(crate) fn new(origin: Origin) -> Result<Self> {
        let host = origin.authority().try_into()?;
        Ok(Self { origin, host, idle: RefCell::default() })
    }

    /// Sends once. A kept connection that turns out to be closed before anything was sent doesn't
    /// count; any other error means that the outcome is unknown.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> Result<Reply> {
        request.headers_mut().insert(HOST, self.host.clone());
        loop {
            let (mut sender, is_new) = self.sender().await?;
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let reply = read(response).await?;
                    self.keep(sender);
                    return Ok(reply);
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_new => request = unsent,
                    _ => return Err(error.into_error()).context("the connection broke"),
                },
            }
        }
    }

    async fn sender(&self) -> Result<(Sender, bool)> {
        loop {
            // Not in the `while let`: the borrow would last through the await.
            let kept = self.idle.borrow_mut().pop_front();
            let Some(mut sender) = kept else { break };
            if sender.ready().await.is_ok() {
                return Ok((sender, false));
            }
        }
        Ok((self.connect().await?, true))
    }

    /// Opens so many connections, to be taken in turn.
    pub(crate) async fn open(&self, count: usize) -> Result<()> {
        for _ in 0..count {
            let sender = self.connect().await?;
            self.keep(sender);
        }
        Ok(())
    }

    fn keep(&self, sender: Sender) {
        self.idle.borrow_mut().push_back(sender);
    }

    async fn connect(&self) -> Result<Sender> {
        let stream = self.origin.connect(None).await.context("cannot connect")?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        // Its errors reach the sender too; it ends when the sender is dropped.
        spawn_local(connection);
        Ok(sender)
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<Reply> {
    let retry_after_s = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.context("the answer was cut")?.to_bytes();
    Ok(Reply { status, retry_after_s, body })
}
