//! The page's files, embedded in the binary.

/// A file of `gateway/web`.
pub(super) struct File {
    /// Its path there, and below `/assets/<hash>/`.
    pub(super) name: &'static str,
    pub(super) content: &'static [u8],
}

impl File {
    /// Its Content-Type, by its name's ending.
    pub(super) fn kind(&self) -> &'static str {
        match self.name.rsplit('.').next() {
            Some("js" | "ts") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "application/octet-stream",
        }
    }
}

macro_rules! files {
    ($($name:literal),* $(,)?) => {
        &[$(File { name: $name, content: include_bytes!(concat!("../../web/", $name)) }),*]
    };
}

/// All that is served as it is.
pub(super) const FILES: &[File] = files![
    "chorus.js",
    "chorus.d.ts",
    "early.js",
    "favicon.svg",
    "page.js",
    "page/actions.js",
    "page/address.js",
    "page/announcer.js",
    "page/author.js",
    "page/card.js",
    "page/composer.js",
    "page/connection.js",
    "page/conversation.js",
    "page/countdown.js",
    "page/deeds.js",
    "page/dialog.js",
    "page/draft.js",
    "page/element.js",
    "page/icons.js",
    "page/identity.js",
    "page/keys.js",
    "page/memory.js",
    "page/muted.js",
    "page/past.js",
    "page/pinned.js",
    "page/poll.js",
    "page/quotes.js",
    "page/rate.js",
    "page/reactions.js",
    "page/refusal.js",
    "page/room.js",
    "page/rooms.js",
    "page/row.js",
    "page/settings.js",
    "page/snippets.js",
    "page/stage.js",
    "page/standings.js",
    "page/theme.js",
    "page/timeline.js",
    "page/toast.js",
    "page/transcript.js",
    "style/base.css",
    "style/cards.css",
    "style/chat.css",
    "style/comment.css",
    "style/composer.css",
    "style/dialog.css",
    "style/layout.css",
    "style/stage.css",
];
