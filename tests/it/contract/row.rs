//! A row: a request, and what comes of it.

use axum::http::Method;
use bytes::Bytes;
use serde_json::{Value, json};

use super::{
    shown::{AUDIENCE, Shown},
    who::Who,
};

/// Whom a request goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// The ingest nodes by turns.
    Ingest,
    /// Every gateway; they answer alike.
    Gateways,
    /// The gateways by turns.
    OneGateway,
}

/// A body as it should be.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Any,
    Empty,
    Json(Value),
    /// A line of JSON each.
    Lines(Vec<Value>),
    /// A refusal of 422 that names these fields.
    Fields(&'static [&'static str]),
}

/// A request, and what comes of it. Paths are below the video's, unless they begin with `/`; texts may
/// have holes.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// What the contract says.
    pub(crate) rule: String,
    /// From then on the issuer of tokens has these keys alone.
    pub(crate) keys: Option<Vec<&'static str>>,
    /// A number of seconds to wait before; may be a hole.
    pub(crate) wait_s: &'static str,
    /// So many times, at the nodes by turns; each is answered the same.
    pub(crate) at_once: usize,
    pub(crate) who: Who,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) to: To,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
    /// Asked again while this is the answer's status.
    pub(crate) at_first: Option<u16>,
    pub(crate) status: u16,
    pub(crate) answer: Body,
    /// `None`: there must be none.
    pub(crate) answer_headers: Vec<(&'static str, Option<&'static str>)>,
    /// What must stand nowhere in the answer.
    pub(crate) lacks: Option<&'static str>,
    /// What a stream begins with.
    pub(crate) shows: Vec<Shown>,
    /// Keeps the streams open, as viewers of that name.
    pub(crate) stays: Option<&'static str>,
    /// What viewers get, by name.
    pub(crate) seen: Vec<(&'static str, Vec<Shown>)>,
}

impl Row {
    pub(crate) fn new(rule: impl Into<String>) -> Self {
        Self {
            rule: rule.into(),
            keys: None,
            wait_s: "",
            at_once: 1,
            who: Who::default(),
            method: Method::GET,
            path: String::new(),
            to: To::Ingest,
            headers: Vec::new(),
            body: Bytes::new(),
            at_first: None,
            status: 200,
            answer: Body::Any,
            answer_headers: Vec::new(),
            lacks: None,
            shows: Vec::new(),
            stays: None,
            seen: Vec::new(),
        }
    }

    pub(crate) fn after_s(self, wait_s: &'static str) -> Self {
        Self { wait_s, ..self }
    }

    /// Before, the issuer of tokens has replaced its keys by those of these names.
    pub(crate) fn with_keys_of(self, names: &[&'static str]) -> Self {
        Self { keys: Some(names.to_vec()), ..self }
    }

    pub(crate) fn by(self, who: impl Into<Who>) -> Self {
        Self { who: who.into(), ..self }
    }

    pub(crate) fn ask(self, method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), ..self }
    }

    pub(crate) fn get(self, path: impl Into<String>) -> Self {
        self.ask(Method::GET, path)
    }

    pub(crate) fn delete(self, path: impl Into<String>) -> Self {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn post(self, path: impl Into<String>, body: impl ToString) -> Self {
        self.ask(Method::POST, path).json(body)
    }

    pub(crate) fn put(self, path: impl Into<String>, body: impl ToString) -> Self {
        self.ask(Method::PUT, path).json(body)
    }

    /// Posts a comment.
    pub(crate) fn says(self, text: &str) -> Self {
        self.post("comments", json!({ "text": text }))
    }

    /// Opens the video's stream at every gateway.
    pub(crate) fn stream(self, query: &str) -> Self {
        Self { to: To::Gateways, ..self.get(format!("stream{query}")) }
    }

    pub(crate) fn at(self, to: To) -> Self {
        Self { to, ..self }
    }

    /// Asks `times` times at once.
    pub(crate) fn at_once(self, times: usize) -> Self {
        Self { at_once: times, ..self }
    }

    pub(crate) fn json(self, body: impl ToString) -> Self {
        let body = body.to_string().into_bytes();
        self.with("content-type", "application/json").raw(body)
    }

    /// A body as it is, of no type that the row doesn't name.
    pub(crate) fn raw(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn key(self, key: impl Into<String>) -> Self {
        self.with("idempotency-key", key)
    }

    /// It may be answered so for a while, then it is asked again. A success is the same but for its
    /// status.
    pub(crate) fn at_first(self, status: u16) -> Self {
        Self { at_first: Some(status), ..self }
    }

    pub(crate) fn gets(self, status: u16) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn gets_json(self, status: u16, pattern: Value) -> Self {
        Self { answer: Body::Json(pattern), ..self.gets(status) }
    }

    pub(crate) fn gets_lines(self, patterns: impl Into<Vec<Value>>) -> Self {
        Self { answer: Body::Lines(patterns.into()), ..self.gets(200) }
    }

    pub(crate) fn gets_nothing(self) -> Self {
        self.gets_bare(204)
    }

    /// A status without a body.
    pub(crate) fn gets_bare(self, status: u16) -> Self {
        Self { answer: Body::Empty, ..self.gets(status) }
    }

    /// 422, whose `errors` name these fields.
    pub(crate) fn gets_invalid(self, fields: &'static [&'static str]) -> Self {
        Self { answer: Body::Fields(fields), ..self.gets(422) }
    }

    pub(crate) fn header(mut self, name: &'static str, pattern: &'static str) -> Self {
        self.answer_headers.push((name, Some(pattern)));
        self
    }

    pub(crate) fn no_header(mut self, name: &'static str) -> Self {
        self.answer_headers.push((name, None));
        self
    }

    pub(crate) fn lacks(self, text: &'static str) -> Self {
        Self { lacks: Some(text), ..self }
    }

    pub(crate) fn shows(self, shown: impl Into<Vec<Shown>>) -> Self {
        Self { shows: shown.into(), ..self }
    }

    pub(crate) fn stays(self, name: &'static str) -> Self {
        Self { stays: Some(name), ..self }
    }

    /// What the audience gets.
    pub(crate) fn seen(self, shown: impl Into<Vec<Shown>>) -> Self {
        self.seen_by(AUDIENCE, shown)
    }

    pub(crate) fn seen_by(mut self, name: &'static str, shown: impl Into<Vec<Shown>>) -> Self {
        self.seen.push((name, shown.into()));
        self
    }

    /// As it may be answered at first.
    pub(super) fn as_at_first(&self) -> Self {
        let status = self.at_first.expect("it may be answered otherwise");
        if status < 400 {
            return self.clone().gets(status);
        }
        let (answer, answer_headers) = (Body::Any, Vec::new());
        Self { answer, answer_headers, ..self.clone().gets(status) }
    }
}
