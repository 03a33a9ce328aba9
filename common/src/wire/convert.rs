//! Between messages and the typed values that the rest of the code uses: everything that comes
//! from outside is checked here, once.

use std::sync::Arc;

use super::{
    DeliverRequest, DispatchRequest, DispatchResponse, EraseRequest, LoggedEvent, WireError,
    message::{
        AcceptedMessage, EntryMessage, EventMessage, VideoEntriesMessage, VideoEventsMessage,
    },
};
use crate::{
    event::{Entry, Event, EventId, Kind, Stamp, VideoEntries, VideoEvents},
    ids::VideoId,
    link::{Accepted, Incarnation, NotAppended},
    position::{Epoch, Origin, Position},
};

impl From<&Event> for EventMessage {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.as_bytes().to_vec().into(),
            kind: event.kind.as_str().to_owned(),
            data: event.data.clone(),
        }
    }
}

impl TryFrom<EventMessage> for Event {
    type Error = WireError;

    fn try_from(message: EventMessage) -> Result<Self, WireError> {
        let id = parse_event_id(&message.id)?;
        let kind = Kind::parse(&message.kind).ok_or(WireError::Invalid("event kind"))?;
        // A line end in data would let one event pass for several: the only bytes that SSE treats
        // as more than data.
        if message.data.iter().any(|b| matches!(b, b'\n' | b'\r')) {
            return Err(WireError::Invalid("event data"));
        }
        Ok(Self { id, kind, data: message.data })
    }
}

fn parse_event_id(bytes: &[u8]) -> Result<EventId, WireError> {
    bytes.try_into().map(EventId::from_bytes).map_err(|_| WireError::Invalid("event id"))
}

fn parse_video(text: &str) -> Result<VideoId, WireError> {
    text.parse().map_err(|_| WireError::Invalid("video id"))
}

fn parse_origin(text: &str) -> Result<Arc<Origin>, WireError> {
    text.parse().map(Arc::new).map_err(|_| WireError::Invalid("origin"))
}

fn collect<M, T: TryFrom<M, Error = WireError>>(messages: Vec<M>) -> Result<Vec<T>, WireError> {
    messages.into_iter().map(T::try_from).collect()
}

impl TryFrom<VideoEventsMessage> for VideoEvents {
    type Error = WireError;

    fn try_from(message: VideoEventsMessage) -> Result<Self, WireError> {
        let until_ms = (message.until_ms > 0).then_some(message.until_ms);
        let events = collect(message.events)?;
        let VideoEventsMessage { video, show_anyway, .. } = message;
        Ok(Self { video: parse_video(&video)?, events, until_ms, show_anyway })
    }
}

impl From<&[VideoEvents]> for DispatchRequest {
    fn from(batches: &[VideoEvents]) -> Self {
        let batch = |batch: &VideoEvents| VideoEventsMessage {
            video: batch.video.to_string(),
            events: batch.events.iter().map(EventMessage::from).collect(),
            until_ms: batch.until_ms.unwrap_or_default(),
            show_anyway: batch.show_anyway,
        };
        Self { batches: batches.iter().map(batch).collect() }
    }
}

impl TryFrom<DispatchRequest> for Vec<VideoEvents> {
    type Error = WireError;

    fn try_from(message: DispatchRequest) -> Result<Self, WireError> {
        collect(message.batches)
    }
}

impl From<&[Accepted]> for DispatchResponse {
    fn from(accepted: &[Accepted]) -> Self {
        let answer = |accepted: &Accepted| match accepted {
            Ok(Position { epoch, seq }) => {
                AcceptedMessage { epoch: epoch.0, seq: *seq, ..Default::default() }
            }
            Err(why_not) => AcceptedMessage {
                why_not: why_not.to_string(),
                is_too_late: *why_not == NotAppended::TooLate,
                ..Default::default()
            },
        };
        Self { accepted: accepted.iter().map(answer).collect() }
    }
}

impl From<DispatchResponse> for Vec<Accepted> {
    fn from(message: DispatchResponse) -> Self {
        let answer = |answer: AcceptedMessage| match answer {
            AcceptedMessage { epoch, seq, why_not, .. } if why_not.is_empty() => {
                Ok(Position { epoch: Epoch(epoch), seq })
            }
            AcceptedMessage { is_too_late: true, .. } => Err(NotAppended::TooLate),
            AcceptedMessage { why_not, .. } => Err(NotAppended::LogAway(why_not)),
        };
        message.accepted.into_iter().map(answer).collect()
    }
}

impl From<&Entry> for EntryMessage {
    fn from(entry: &Entry) -> Self {
        Self {
            origin: entry.origin.as_str().to_owned(),
            epoch: entry.position.epoch.0,
            seq: entry.position.seq,
            at_ms: entry.stamp.at_ms,
            rank: entry.stamp.rank.into(),
            event: Some((&entry.event).into()),
        }
    }
}

impl TryFrom<EntryMessage> for Entry {
    type Error = WireError;

    fn try_from(message: EntryMessage) -> Result<Self, WireError> {
        Ok(Self {
            origin: parse_origin(&message.origin)?,
            position: Position { epoch: Epoch(message.epoch), seq: message.seq },
            stamp: Stamp {
                at_ms: message.at_ms,
                rank: message.rank.try_into().unwrap_or(Stamp::RANK_MAX),
            },
            event: message.event.ok_or(WireError::Invalid("event"))?.try_into()?,
        })
    }
}

impl TryFrom<VideoEntriesMessage> for VideoEntries {
    type Error = WireError;

    fn try_from(message: VideoEntriesMessage) -> Result<Self, WireError> {
        Ok(Self { video: parse_video(&message.video)?, entries: collect(message.entries)? })
    }
}

impl DeliverRequest {
    /// The call that hands `batches` to the gateway `incarnation`.
    #[must_use]
    pub fn new(incarnation: &Incarnation, batches: &[VideoEntries]) -> Self {
        let batch = |batch: &VideoEntries| VideoEntriesMessage {
            video: batch.video.to_string(),
            entries: batch.entries.iter().map(EntryMessage::from).collect(),
        };
        Self {
            incarnation: incarnation.0.as_ref().to_owned(),
            batches: batches.iter().map(batch).collect(),
        }
    }

    /// Whom it is for, and what it brings.
    ///
    /// # Errors
    /// When a video id, origin, event id or kind is malformed.
    pub fn into_parts(self) -> Result<(Incarnation, Vec<VideoEntries>), WireError> {
        Ok((Incarnation(self.incarnation.into()), collect(self.batches)?))
    }
}

impl EraseRequest {
    /// The call that has an event of a video taken away.
    #[must_use]
    pub fn new(video: &VideoId, event: EventId) -> Self {
        Self { video: video.to_string(), event: event.as_bytes().to_vec().into() }
    }

    /// What is to be taken away.
    ///
    /// # Errors
    /// When a field is malformed.
    pub fn into_parts(self) -> Result<(VideoId, EventId), WireError> {
        Ok((parse_video(&self.video)?, parse_event_id(&self.event)?))
    }
}

impl LoggedEvent {
    /// What the log keeps of an event.
    #[must_use]
    pub fn new(origin: &Origin, event: &Event) -> Self {
        Self { origin: origin.as_str().to_owned(), event: Some(event.into()) }
    }

    /// The entry, with the place and time that the log knows.
    ///
    /// # Errors
    /// When a field is malformed.
    pub fn into_entry(self, position: Position, stamp: Stamp) -> Result<Entry, WireError> {
        let origin = parse_origin(&self.origin)?;
        Ok(Entry { origin, position, stamp, event: self.into_event()? })
    }

    /// The event alone.
    ///
    /// # Errors
    /// When a field is malformed.
    pub fn into_event(self) -> Result<Event, WireError> {
        self.event.ok_or(WireError::Invalid("event"))?.try_into()
    }
}
