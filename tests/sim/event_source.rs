//! What a browser's EventSource makes of a stream, by the HTML standard.

/// A block that was dispatched, or that only moved the position.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Block {
    /// `message` where the block names none, as everywhere.
    pub(crate) name: String,
    /// Empty for a block without data, which no listener sees.
    pub(crate) data: String,
    /// The block's own `id:`.
    pub(crate) id: Option<String>,
}

/// The part of its state that outlives a connection, and the one that doesn't.
#[derive(Debug)]
pub(crate) struct EventSource {
    pub(crate) last_id: String,
    pub(crate) retry_ms: u64,
    unread: Vec<u8>,
}

impl EventSource {
    pub(crate) fn new() -> Self {
        Self { last_id: String::new(), retry_ms: 1000, unread: Vec::new() }
    }

    /// A new connection begins: what was cut off is forgotten.
    pub(crate) fn reconnect(&mut self) {
        self.unread.clear();
    }

    /// Takes bytes as they come; blocks that end in them come back.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Block> {
        self.unread.extend_from_slice(bytes);
        let mut blocks = Vec::new();
        while let Some(end) = self.unread.windows(2).position(|pair| pair == b"\n\n") {
            let text: Vec<u8> = self.unread.drain(..end + 2).collect();
            blocks.extend(self.block(str::from_utf8(&text).expect("not UTF-8")));
        }
        blocks
    }

    fn block(&mut self, text: &str) -> Option<Block> {
        let mut block = Block { name: "message".into(), data: String::new(), id: None };
        for line in text.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => block.name = value.into(),
                "data" => block.data.push_str(value),
                "id" => block.id = Some(value.into()),
                "retry" => self.retry_ms = value.parse().expect("retry is no number"),
                _ => {}
            }
        }
        if let Some(id) = &block.id {
            self.last_id.clone_from(id);
        }
        (block.id.is_some() || !block.data.is_empty()).then_some(block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cut_anywhere_and_a_position_that_stays() {
        let text =
            b":\nretry: 700\nevent: comment\nid: a\ndata: {}\n\nid: b\n\n:\n\ndata: x\n\nid: c\n";
        for cut in 0..text.len() {
            let mut source = EventSource::new();
            let mut blocks = source.feed(&text[..cut]);
            blocks.extend(source.feed(&text[cut..]));
            let seen: Vec<_> =
                blocks.iter().map(|b| (&*b.name, &*b.data, b.id.as_deref())).collect();
            let expected =
                [("comment", "{}", Some("a")), ("message", "", Some("b")), ("message", "x", None)];
            assert_eq!(seen, expected, "cut at {cut}");
            source.reconnect();
            assert_eq!((source.last_id.as_str(), source.retry_ms), ("b", 700));
        }
    }
}
