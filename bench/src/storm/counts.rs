//! What a gateway's /metrics count that a storm can move: reads of the live log, leases lost.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use tokio::time::timeout;

use crate::client::Client;
use crate::report::Row;

const LOG_READS: &str = "chorus_gateway_log_reads_total";
/// One lost in a storm means that the gateway had no time left to renew it; then it reads every
/// video's log again.
const LEASES_LOST: &str = "chorus_gateway_leases_lost_total";
/// A busy gateway may be slow to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Counted since the gateway started, or since an earlier count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Reads that a video began with, when its first viewer came.
    open: u64,
    /// Reads of what no push brought in time, or of what a viewer knew better.
    hole: u64,
    /// Reads for viewers whose position is older than what the gateway keeps.
    page: u64,
    leases_lost: u64,
}

impl Counts {
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
        let mut counts = Self::default();
        for line in metrics.lines() {
            if !line.starts_with(LOG_READS) && !line.starts_with(LEASES_LOST) {
                continue;
            }
            let (counter, value) = line.rsplit_once(' ').context("a counter without a value")?;
            let value = value.parse().with_context(|| format!("`{line}`"))?;
            match counter.strip_prefix(LOG_READS) {
                None => counts.leases_lost = value,
                Some(r#"{why="open"}"#) => counts.open = value,
                Some(r#"{why="hole"}"#) => counts.hole = value,
                Some(r#"{why="page"}"#) => counts.page = value,
                Some(_) => bail!("`{line}`: unknown to this tool"),
            }
        }
        Ok(counts)
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            open: self.open.saturating_sub(before.open),
            hole: self.hole.saturating_sub(before.hole),
            page: self.page.saturating_sub(before.page),
            leases_lost: self.leases_lost.saturating_sub(before.leases_lost),
        }
    }

    /// Whether it counts at all: each video served began with a read.
    pub(crate) fn has_opened(self, videos: usize) -> bool {
        self.open >= videos as u64
    }

    pub(crate) fn log_reads(self) -> u64 {
        self.open + self.hole + self.page
    }

    pub(crate) fn rows(self, videos: usize) -> Vec<Row> {
        let each =
            Row::count("", "", self.log_reads()).value / Row::count("", "", videos as u64).value;
        let mut rows = [
            ("log_reads", "live-log reads, kill → back + 1 s", self.log_reads()),
            ("log_reads_open", "… to open a video", self.open),
            ("log_reads_hole", "… for what no push brought", self.hole),
            ("log_reads_page", "… for older positions", self.page),
            ("leases_lost", "leases that it lost meanwhile", self.leases_lost),
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
                    chorus_gateway_leases_lost_total 1\n\
                    chorus_gateway_viewers 9\n";
        let counts = Counts::parse(text).unwrap();
        assert_eq!(counts, Counts { open: 4, hole: 0, page: 17, leases_lost: 1 });
        assert_eq!(counts.since(Counts { open: 4, page: 10, ..counts }).log_reads(), 7);
        assert_eq!(Counts::parse("").unwrap(), Counts::default());
        for bad in ["{why=\"else\"} 1", "{why=\"open\"} x", " 3"] {
            assert!(Counts::parse(&format!("{LOG_READS}{bad}\n")).is_err(), "{bad}");
        }
    }
}
