//! How servers are asked for a stream and told a comment.

use clap::ValueEnum;

use super::marker;

/// Of a comment's JSON, so that all servers deliver about as many bytes.
const JSON_LEN: usize = 200;
/// … of which chorus makes this many itself: ids, author, time.
const CHORUS_MAKES: usize = 160;
/// Authors take turns, so that none meets a limit.
const AUTHORS: u32 = 100_000;

/// What a stream of chorus begins with; one that is put off has none.
const RESUME: &str = "event: resume\n";

/// How a stream is asked for.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) request: String,
    /// What follows the head once the stream is open.
    pub(super) greeting: &'static str,
}

/// A server's routes and bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// The API of chorus, in development mode
    Chorus,
    /// `POST /pub/VIDEO` and `GET /sub/VIDEO`, the body passed on as it is
    Plain,
}

impl Dialect {
    /// How a video's stream is asked for.
    pub(super) fn stream(self, video: &str) -> Ask {
        let (path, greeting) = match self {
            Self::Chorus => (format!("/v1/videos/{video}/stream?recent=0"), RESUME),
            Self::Plain => (format!("/sub/{video}"), ""),
        };
        let headers = "Host: localhost\r\nAccept: text/event-stream";
        Ask { request: format!("GET {path} HTTP/1.1\r\n{headers}\r\n\r\n"), greeting }
    }

    /// A request that posts comment `number`.
    pub(crate) fn post(self, video: usize, number: u32) -> String {
        let (path, author, json) = match self {
            Self::Chorus => {
                let author = format!("X-Chorus-User: u{}\r\n", number % AUTHORS);
                (format!("/v1/videos/v{video}/comments"), author, json(number, CHORUS_MAKES))
            }
            Self::Plain => (format!("/pub/v{video}"), String::new(), json(number, 0)),
        };
        let len = json.len();
        let head = "Host: localhost\r\nContent-Type: application/json\r\n";
        format!("POST {path} HTTP/1.1\r\n{head}{author}Content-Length: {len}\r\n\r\n{json}")
    }
}

/// The text of comment `number` at chorus.
pub(crate) fn text(number: u32) -> String {
    filled(number, CHORUS_MAKES)
}

/// `{"text":"…"}` with what is [`filled`].
fn json(number: u32, made: usize) -> String {
    format!(r#"{{"text":"{}"}}"#, filled(number, made))
}

/// A marker, and more up to the length that `made` more will bring to [`JSON_LEN`].
fn filled(number: u32, made: usize) -> String {
    let marker = marker::of(number);
    let rest = JSON_LEN.saturating_sub(made + r#"{"text":""}"#.len() + marker.len());
    format!("{marker}{}", "x".repeat(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_length_that_they_say() {
        for (dialect, len) in [(Dialect::Plain, 200), (Dialect::Chorus, 40)] {
            let post = dialect.post(3, 42);
            let (head, body) = post.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("Content-Length: {len}")), "{post}");
            assert_eq!(body.len(), len, "{post}");
            assert!(body.contains("#seq=00000042#") && head.contains("/v3"), "{post}");
        }
    }
}
