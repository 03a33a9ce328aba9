//! Server-Sent Events out of bytes, as a browser reads them.

use std::time::Duration;

/// An event with a name or data.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// A stream's reader: what is left of a line or block, and what is kept over a reconnect.
#[derive(Debug, Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    name: String,
    data: String,
    id: Option<String>,
    last_id: Option<String>,
    retry: Option<Duration>,
}

impl Events {
    /// Where the stream stands.
    pub(crate) fn last_id(&self) -> Option<&str> {
        self.last_id.as_deref()
    }

    /// When the server wants us back.
    pub(crate) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The connection is gone: an unfinished block counts for nothing.
    pub(crate) fn cut_off(&mut self) {
        let Self { last_id, retry, .. } = std::mem::take(self);
        *self = Self { id: last_id.clone(), last_id, retry, ..Self::default() };
    }

    /// Takes bytes in, gives the events that are whole by now.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for byte in bytes {
            // Our gateways end lines with LF alone, whatever else the format would allow.
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
                events.extend(self.take_line(&line));
            } else {
                self.line.push(*byte);
            }
        }
        events
    }

    fn take_line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            self.last_id.clone_from(&self.id);
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            return (!data.is_empty()).then_some(Event { name, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => self.data.push_str(value),
            "id" => self.id = Some(value.to_owned()),
            "retry" => self.retry = value.parse().ok().map(Duration::from_millis).or(self.retry),
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_split_anywhere() {
        let stream = b":\nretry: 1500\nevent: a\nid: 1\ndata: {}\n\nid: 2\n\nevent: b\ndata: x\n\n";
        for cut in 0..stream.len() {
            let mut events = Events::default();
            let mut all = events.take(&stream[..cut]);
            all.extend(events.take(&stream[cut..]));
            let names: Vec<_> = all.iter().map(|event| event.name.as_str()).collect();
            assert_eq!(names, ["a", "b"]);
            assert_eq!(
                (events.last_id(), events.retry()),
                (Some("2"), Some(Duration::from_millis(1500)))
            );
        }
    }

    #[test]
    fn an_unfinished_block_is_forgotten() {
        let mut events = Events::default();
        events.take(b"id: 1\ndata: x\n\nid: 2\ndata: y\n");
        events.cut_off();
        assert_eq!(events.last_id(), Some("1"));
        assert_eq!(events.take(b"\n"), []);
        assert_eq!(events.last_id(), Some("1"));
    }
}
