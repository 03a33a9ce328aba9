//! The messages, field by field. Tags are for ever: a field that goes leaves its tag unused.
#![expect(missing_docs, reason = "prost's derive adds accessors without docs for enum fields")]

use bytes::Bytes;

use super::Tagged;

/// An event on its way to the live log.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EventMessage {
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    pub id: Bytes,
    /// The stream's event name; empty for a bare position.
    #[prost(string, tag = "2")]
    pub kind: String,
    /// One line of JSON.
    #[prost(bytes = "bytes", tag = "3")]
    pub data: Bytes,
}

/// Events of one video.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VideoEventsMessage {
    #[prost(string, tag = "1")]
    pub video: String,
    #[prost(message, repeated, tag = "2")]
    pub events: Vec<EventMessage>,
    /// Milliseconds since 1970; 0 for none.
    #[prost(uint64, tag = "3")]
    pub until_ms: u64,
    #[prost(bool, tag = "4")]
    pub show_anyway: bool,
}

/// ingest → dispatcher.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DispatchRequest {
    #[prost(message, repeated, tag = "1")]
    pub batches: Vec<VideoEventsMessage>,
}

/// What became of one event: a place, or the reason why there is none.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AcceptedMessage {
    #[prost(uint64, tag = "1")]
    pub epoch: u64,
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// Empty when it was accepted.
    #[prost(string, tag = "3")]
    pub why_not: String,
    /// It was not, because it is too old; otherwise because the live log is away.
    #[prost(bool, tag = "4")]
    pub is_too_late: bool,
}

/// dispatcher → ingest: one answer per event, in the request's order.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DispatchResponse {
    #[prost(message, repeated, tag = "1")]
    pub accepted: Vec<AcceptedMessage>,
}

/// An event with its place.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EntryMessage {
    #[prost(string, tag = "1")]
    pub origin: String,
    #[prost(uint64, tag = "2")]
    pub epoch: u64,
    #[prost(uint64, tag = "3")]
    pub seq: u64,
    #[prost(uint64, tag = "4")]
    pub at_ms: u64,
    #[prost(message, optional, tag = "5")]
    pub event: Option<EventMessage>,
    #[prost(uint32, tag = "6")]
    pub rank: u32,
}

/// Entries of one video.
#[derive(Clone, PartialEq, prost::Message)]
pub struct VideoEntriesMessage {
    #[prost(string, tag = "1")]
    pub video: String,
    #[prost(message, repeated, tag = "2")]
    pub entries: Vec<EntryMessage>,
}

/// dispatcher → gateway.
#[derive(Clone, PartialEq, prost::Message)]
pub struct DeliverRequest {
    /// The incarnation that the dispatcher means: another one at the same address refuses.
    #[prost(string, tag = "1")]
    pub incarnation: String,
    #[prost(message, repeated, tag = "2")]
    pub batches: Vec<VideoEntriesMessage>,
}

/// ingest → dispatcher → gateway: what is to be taken away.
#[derive(Clone, PartialEq, prost::Message)]
pub struct EraseRequest {
    #[prost(string, tag = "1")]
    pub video: String,
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "2")]
    pub event: Bytes,
}

/// The answer to it.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct EraseResponse {
    /// No gateway holds any of it.
    #[prost(bool, tag = "1")]
    pub is_gone: bool,
}

/// An entry as the live log holds it: what the log itself does not know by place and clock.
#[derive(Clone, PartialEq, prost::Message)]
pub struct LoggedEvent {
    #[prost(string, tag = "1")]
    pub origin: String,
    #[prost(message, optional, tag = "2")]
    pub event: Option<EventMessage>,
}

impl Tagged for DispatchRequest {
    const TAG: u8 = 1;
}

impl Tagged for DispatchResponse {
    const TAG: u8 = 2;
}

impl Tagged for DeliverRequest {
    const TAG: u8 = 3;
}

impl Tagged for LoggedEvent {
    const TAG: u8 = 4;
}

impl Tagged for EraseRequest {
    const TAG: u8 = 5;
}

impl Tagged for EraseResponse {
    const TAG: u8 = 6;
}
