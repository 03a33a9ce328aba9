//! A commenter's and a viewer's side of HTTP.

use std::{collections::VecDeque, net::SocketAddr, sync::Arc, time::Duration};

use axum::http::{HeaderMap, Method, Request, StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as Http, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde_json::{Value, json};

/// Hang guard for anything that should come at once.
pub(crate) const GUARD: Duration = Duration::from_secs(20);

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Talks to one public socket.
#[derive(Clone)]
pub(crate) struct Client {
    http: Http<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: String,
}

impl Client {
    /// HTTP/1.1.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self::plain(address, false)
    }

    /// HTTP/2 without TLS, all requests on one connection.
    pub(crate) fn http2(address: SocketAddr) -> Self {
        Self::plain(address, true)
    }

    fn plain(address: SocketAddr, is_http2: bool) -> Self {
        let trust = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let trust = trust.with_safe_default_protocol_versions().unwrap();
        let nobody = trust.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
        Self::with(format!("http://{address}"), nobody, is_http2)
    }

    /// HTTP/1.1 over TLS.
    pub(crate) fn over_tls(address: SocketAddr, trust: ClientConfig) -> Self {
        Self::with(format!("https://{address}"), trust, false)
    }

    fn with(base: String, trust: ClientConfig, is_http2: bool) -> Self {
        let connector = HttpsConnectorBuilder::new().with_tls_config(trust).https_or_http();
        let mut builder = Http::builder(TokioExecutor::new());
        let http = builder.http2_only(is_http2).build(connector.enable_http1().build());
        Self { http, base }
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Answer {
        let answer = tokio::time::timeout(GUARD, self.try_send(method, path, headers, body)).await;
        answer.expect("no answer").expect("not reached, or cut off")
    }

    /// As [`Client::send`], for servers that may be gone; waits for ever.
    pub(crate) async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, Box<dyn std::error::Error + Send + Sync>> {
        let mut builder = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Full::new(body.into()))?;
        let (head, body) = self.http.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], "").await
    }

    /// Posts a comment as a user of development mode.
    pub(crate) async fn comment(&self, video: &str, text: &str) -> Answer {
        self.comment_with(video, text, &[("x-chorus-user", "u1")]).await
    }

    pub(crate) async fn comment_with(
        &self,
        video: &str,
        text: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let body = json!({ "text": text }).to_string();
        self.send(Method::POST, &format!("/v1/videos/{video}/comments"), &headers, body).await
    }

    /// Reacts as a user of development mode, or as the headers say.
    pub(crate) async fn react(
        &self,
        video: &str,
        kind: &str,
        count: u64,
        headers: &[(&str, &str)],
    ) -> Answer {
        let headers = [&[("content-type", "application/json")], headers].concat();
        let body = json!({ "kind": kind, "count": count }).to_string();
        self.send(Method::POST, &format!("/v1/videos/{video}/reactions"), &headers, body).await
    }

    /// Opens a stream; the query begins with `?`, or is empty.
    pub(crate) async fn stream(&self, video: &str, query: &str) -> Stream {
        self.stream_with(video, query, &[]).await
    }

    pub(crate) async fn stream_with(
        &self,
        video: &str,
        query: &str,
        headers: &[(&str, &str)],
    ) -> Stream {
        self.open(&format!("/v1/videos/{video}/stream{query}"), headers).await
    }

    /// Opens the stream of that path.
    pub(crate) async fn open(&self, path: &str, headers: &[(&str, &str)]) -> Stream {
        let mut builder = Request::get(format!("{}{path}", self.base));
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        let request = builder.body(Full::default()).unwrap();
        let response = tokio::time::timeout(GUARD, self.http.request(request)).await;
        let response = response.expect("no answer").expect("not reached");
        let (head, body) = response.into_parts();
        let (status, headers) = (head.status, head.headers);
        Stream { status, headers, body, unread: Vec::new(), blocks: VecDeque::new() }
    }
}

/// One block of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
    pub(crate) retry: Option<String>,
    pub(crate) has_comment_line: bool,
}

impl Block {
    fn parse(text: &str) -> Self {
        let mut block = Self::default();
        for line in text.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
            match field {
                "" => block.has_comment_line = true,
                "event" => block.name = value,
                "id" => block.id = Some(value),
                "data" => block.data = value,
                "retry" => block.retry = Some(value),
                other => panic!("unknown field {other:?} in {text:?}"),
            }
        }
        block
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }
}

/// An open stream.
pub(crate) struct Stream {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    unread: Vec<u8>,
    blocks: VecDeque<Block>,
}

impl Stream {
    /// The next block; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Block> {
        loop {
            if let Some(block) = self.blocks.pop_front() {
                return Some(block);
            }
            let frame = tokio::time::timeout(GUARD, self.body.frame()).await;
            let bytes = match frame.expect("the stream is silent")? {
                Ok(frame) => frame.into_data().unwrap_or_default(),
                Err(_) => return None,
            };
            self.unread.extend_from_slice(&bytes);
            while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.unread.drain(..end + 2).collect();
                let block = str::from_utf8(&block).expect("not UTF-8");
                self.blocks.push_back(Block::parse(block));
            }
        }
    }

    /// The next block that isn't just a heartbeat, or how many watch.
    pub(crate) async fn event(&mut self) -> Option<Block> {
        loop {
            let block = self.any_event().await?;
            if block.name != "viewers" {
                return Some(block);
            }
        }
    }

    /// The next block that isn't just a heartbeat.
    pub(crate) async fn any_event(&mut self) -> Option<Block> {
        loop {
            let block = self.next().await?;
            if !block.name.is_empty() || block.id.is_some() || block.retry.is_some() {
                return Some(block);
            }
        }
    }

    /// The texts of the next `count` comments.
    pub(crate) async fn texts(&mut self, count: usize) -> Vec<String> {
        let mut texts = Vec::new();
        while texts.len() < count {
            let block = self.event().await.expect("the stream ended");
            if block.name == "comment" {
                texts.push(block.json()["text"].as_str().unwrap().to_owned());
            }
        }
        texts
    }
}
