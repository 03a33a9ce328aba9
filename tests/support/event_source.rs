//! What a browser's EventSource makes of the bytes of a stream, by the rules of the HTML standard.

/// What browsers wait before coming back when no `retry:` was seen.
const RETRY_MS_DEFAULT: u64 = 3000;

/// An event as a page would get it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) data: String,
    /// The position after it.
    pub(crate) last_id: String,
    /// Whether its own block gave that.
    pub(crate) gives_id: bool,
}

/// What outlives connections (the last id, the time to wait), and the block that is being read.
#[derive(Debug)]
pub(crate) struct EventSource {
    last_id: String,
    retry_ms: u64,
    /// The line under way.
    line: Vec<u8>,
    after_cr: bool,
    at_start: bool,
    name: String,
    data: String,
    /// Takes effect at the end of its block. As browsers do, and unlike the standard's letter, it
    /// begins a connection as what it was: a first block without `id:` loses nothing.
    next_id: String,
    gives_id: bool,
}

impl EventSource {
    pub(crate) fn new() -> Self {
        Self {
            last_id: String::new(),
            retry_ms: RETRY_MS_DEFAULT,
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            name: String::new(),
            data: String::new(),
            next_id: String::new(),
            gives_id: false,
        }
    }

    /// For `Last-Event-ID` when coming back; nothing is sent while it is empty.
    pub(crate) fn last_id(&self) -> &str {
        &self.last_id
    }

    /// How long to wait before coming back, milliseconds.
    pub(crate) fn retry_ms(&self) -> u64 {
        self.retry_ms
    }

    /// A new connection: the block that the last one's end cut never was.
    pub(crate) fn reconnect(&mut self) {
        self.line.clear();
        (self.after_cr, self.at_start) = (false, true);
        self.name.clear();
        self.data.clear();
        self.next_id.clone_from(&self.last_id);
        self.gives_id = false;
    }

    /// Reads on; `on` gets every event that ends within `bytes`.
    pub(crate) fn feed(&mut self, bytes: &[u8], on: &mut impl FnMut(Event)) {
        for &byte in bytes {
            let after_cr = std::mem::replace(&mut self.after_cr, byte == b'\r');
            match byte {
                b'\n' if after_cr => {} // the second half of one line end
                b'\n' | b'\r' => self.end_line(on),
                byte => self.line.push(byte),
            }
        }
    }

    fn end_line(&mut self, on: &mut impl FnMut(Event)) {
        let line = std::mem::take(&mut self.line);
        let mut line = &*String::from_utf8_lossy(&line);
        if std::mem::replace(&mut self.at_start, false) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            return self.end_block(on);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => {
                value.clone_into(&mut self.next_id);
                self.gives_id = true;
            }
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry_ms = value.parse().unwrap_or(self.retry_ms);
            }
            _ => {}
        }
    }

    fn end_block(&mut self, on: &mut impl FnMut(Event)) {
        self.last_id.clone_from(&self.next_id);
        let gives_id = std::mem::take(&mut self.gives_id);
        let (name, mut data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        if data.pop().is_some() {
            let name = if name.is_empty() { "message".to_owned() } else { name };
            on(Event { name, data, last_id: self.last_id.clone(), gives_id });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(source: &mut EventSource, text: &str) -> Vec<(String, String)> {
        let mut events = Vec::new();
        source.feed(text.as_bytes(), &mut |event| events.push((event.name, event.data)));
        events
    }

    #[test]
    fn an_event_may_leave_the_position_to_others() {
        let mut source = EventSource::new();
        let mut told = Vec::new();
        let text = "id: a\ndata: 1\n\ndata: 2\n\nid: b\n\ndata: 3\n\n";
        source.feed(text.as_bytes(), &mut |event| told.push((event.last_id, event.gives_id)));
        assert_eq!(
            told,
            [("a", true), ("a", false), ("b", false)].map(|(id, g)| (id.to_owned(), g))
        );
    }

    fn event(name: &str, data: &str) -> (String, String) {
        (name.to_owned(), data.to_owned())
    }

    #[test]
    fn blocks_are_read_as_the_standard_says() {
        let mut source = EventSource::new();
        let text = "\u{feff}:\nretry: 700\nevent: resume\nid: a\ndata: {}\n\ndata:x\r\ndata: y\r\r";
        assert_eq!(fed(&mut source, text), [event("resume", "{}"), event("message", "x\ny")]);
        assert_eq!((source.last_id(), source.retry_ms()), ("a", 700));
        assert_eq!(fed(&mut source, "id: b\n\nretry: soon\nid: c\0\n: heartbeat\n\n"), []);
        assert_eq!((source.last_id(), source.retry_ms()), ("b", 700));
    }

    #[test]
    fn any_cut_of_the_bytes_reads_the_same() {
        let text = "id: ü\nevent: comment\r\ndata: 1\r\n\r\nid: b\n\n";
        for cut in 0..text.len() {
            let mut source = EventSource::new();
            let mut events = Vec::new();
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                source.feed(part, &mut |event| events.push((event.name, event.data)));
            }
            assert_eq!((events, source.last_id()), (vec![event("comment", "1")], "b"), "{cut}");
        }
    }

    #[test]
    fn a_block_that_was_cut_never_was_and_the_position_stays() {
        let mut source = EventSource::new();
        assert_eq!(fed(&mut source, "id: a\ndata: 1\n\nid: b\ndata: 2\n"), [event("message", "1")]);
        source.reconnect();
        assert_eq!(source.last_id(), "a");
        assert_eq!(fed(&mut source, "retry: 9\n\n"), []);
        assert_eq!((source.last_id(), source.retry_ms()), ("a", 9));
    }
}
