//! A real chat's arrivals: when, how long, by whom. Lines `t_ms text_bytes user`, `#` comments.

use anyhow::{Context, Result, bail};

/// One message of the recorded chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// Milliseconds since the recording began.
    pub(crate) at_ms: u64,
    /// Length of the text in UTF-8 bytes.
    pub(crate) text_bytes: usize,
    /// Number of the user, the same for all of a user's messages.
    pub(crate) user: u32,
}

/// Reads a whole trace. Times must not go backwards: an open loop walks them once.
pub(crate) fn parse(text: &str) -> Result<Vec<Arrival>> {
    let mut arrivals: Vec<Arrival> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let arrival = parse_line(line)
            .with_context(|| format!("line {}: expected `t_ms text_bytes user`", index + 1))?;
        if arrivals.last().is_some_and(|last| last.at_ms > arrival.at_ms) {
            bail!("line {}: t_ms goes backwards", index + 1);
        }
        arrivals.push(arrival);
    }
    if arrivals.is_empty() {
        bail!("no arrivals in the trace");
    }
    Ok(arrivals)
}

fn parse_line(line: &str) -> Result<Arrival> {
    let mut fields = line.split_ascii_whitespace();
    let mut next = || fields.next().context("a field is missing");
    let arrival =
        Arrival { at_ms: next()?.parse()?, text_bytes: next()?.parse()?, user: next()?.parse()? };
    match fields.next() {
        None => Ok(arrival),
        Some(extra) => bail!("unexpected field `{extra}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_lines_and_skips_comments() {
        let arrivals = parse("# t_ms text_bytes user\n\n46 5 1931\r\n171 34 528\n").unwrap();
        assert_eq!(
            arrivals,
            [
                Arrival { at_ms: 46, text_bytes: 5, user: 1931 },
                Arrival { at_ms: 171, text_bytes: 34, user: 528 }
            ]
        );
    }

    #[test]
    fn names_the_line_that_is_wrong() {
        for (text, line) in
            [("1 2 3\n1 2\n", 2), ("x 2 3\n", 1), ("1 2 3 4\n", 1), ("# c\n9 1 1\n8 1 1\n", 3)]
        {
            let message = format!("{:#}", parse(text).unwrap_err());
            assert!(message.contains(&format!("line {line}:")), "{text:?}: {message}");
        }
        assert!(parse("# nothing\n").is_err());
    }

    #[test]
    fn the_clip_in_the_repository_is_whole() {
        let arrivals = parse(include_str!("../traces/lol_worlds2016_10min.arrivals")).unwrap();
        assert_eq!(arrivals.len(), 9_046);
        assert!(arrivals.iter().all(|arrival| arrival.at_ms < 600_000));
    }
}
