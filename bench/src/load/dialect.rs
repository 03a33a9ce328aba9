//! How servers are asked for a stream and told a comment.

use clap::ValueEnum;

use super::marker;

/// Of a comment's JSON, so that all servers deliver about as many bytes.
const JSON_LEN: usize = 200;
/// … of which chorus makes this many itself: ids, author, time.
const CHORUS_MAKES: usize = 160;
/// Authors take turns, so that none meets a limit.
const AUTHORS: u32 = 100_000;

/// A server's routes and bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// The API of chorus, in development mode
    Chorus,
    /// `POST /pub/VIDEO` and `GET /sub/VIDEO`, the body passed on as it is
    Plain,
}

impl Dialect {
    /// A request for a video's stream.
    pub(crate) fn stream(self, video: usize) -> String {
        let path = match self {
            Self::Chorus => format!("/v1/videos/v{video}/stream?recent=0"),
            Self::Plain => format!("/sub/v{video}"),
        };
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
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

/// `{"text":"…"}`, filled up to the length that `made` more will bring to [`JSON_LEN`].
fn json(number: u32, made: usize) -> String {
    let marker = marker::of(number);
    let rest = JSON_LEN.saturating_sub(made + r#"{"text":""}"#.len() + marker.len());
    format!(r#"{{"text":"{marker}{}"}}"#, "x".repeat(rest))
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
