//! How often a gateway has read the live log, as its /metrics tells it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::time::timeout;

use crate::client::Client;
use crate::report::Row;

const COUNTER: &str = "chorus_gateway_log_reads_total";
/// A busy gateway may be slow to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Reads by why they were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LogReads {
    /// A video's first, when its first viewer comes.
    open: u64,
    /// What no push brought in time, or what a viewer knew better.
    hole: u64,
    /// For viewers whose position is older than what the gateway keeps.
    page: u64,
}

impl LogReads {
    pub(crate) async fn fetch(gateway: &Client) -> Result<Self> {
        let request = Request::get("/metrics").body(Full::<Bytes>::default())?;
        let reply = timeout(ANSWER_WITHIN, gateway.send(request)).await;
        let reply = reply.context("no answer in time").flatten();
        let reply = reply.context("asking the gateway for /metrics")?;
        if reply.status != 200 {
            bail!("/metrics answered {}", reply.status);
        }
        Self::parse(str::from_utf8(&reply.body).context("/metrics is no text")?)
    }

    /// A reason that never came up has no line.
    fn parse(metrics: &str) -> Result<Self> {
        let mut reads = Self::default();
        for line in metrics.lines() {
            let Some(rest) = line.strip_prefix(COUNTER) else { continue };
            let (labels, value) = rest.rsplit_once(' ').context("a counter without a value")?;
            let value = value.parse().with_context(|| format!("`{line}`"))?;
            match labels {
                r#"{why="open"}"# => reads.open = value,
                r#"{why="hole"}"# => reads.hole = value,
                r#"{why="page"}"# => reads.page = value,
                _ => bail!("`{line}`: unknown to this tool"),
            }
        }
        Ok(reads)
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            open: self.open.saturating_sub(before.open),
            hole: self.hole.saturating_sub(before.hole),
            page: self.page.saturating_sub(before.page),
        }
    }

    /// Whether it counts at all: each video served began with a read.
    pub(crate) fn has_opened(self, videos: usize) -> bool {
        self.open >= videos as u64
    }

    pub(crate) fn total(self) -> u64 {
        self.open + self.hole + self.page
    }

    pub(crate) fn rows(self, videos: usize) -> Vec<Row> {
        let each = Row::count("", "", self.total()).value / Row::count("", "", videos as u64).value;
        let mut rows = [
            ("log_reads", "live-log reads, kill → all back", self.total()),
            ("log_reads_open", "… to open a video", self.open),
            ("log_reads_hole", "… for what no push brought", self.hole),
            ("log_reads_page", "… for older positions", self.page),
        ]
        .map(|(key, label, value)| Row::count(key, label, value))
        .to_vec();
        rows.push(Row {
            key: "log_reads_per_video".into(),
            label: "live-log reads per video".into(),
            value: each,
            unit: "",
        });
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_by_reason_and_takes_nothing_for_nothing() {
        let text = "# TYPE chorus_gateway_log_reads_total counter\n\
                    chorus_gateway_log_reads_total{why=\"open\"} 4\n\
                    chorus_gateway_log_reads_total{why=\"page\"} 17\n\
                    chorus_gateway_viewers 9\n";
        let reads = LogReads::parse(text).unwrap();
        assert_eq!(reads, LogReads { open: 4, hole: 0, page: 17 });
        assert_eq!(reads.since(LogReads { open: 4, hole: 0, page: 10 }).total(), 7);
        assert_eq!(LogReads::parse("").unwrap(), LogReads::default());
        for bad in ["{why=\"else\"} 1", "{why=\"open\"} x", " 3"] {
            assert!(LogReads::parse(&format!("{COUNTER}{bad}\n")).is_err(), "{bad}");
        }
    }
}
