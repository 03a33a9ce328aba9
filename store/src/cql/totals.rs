//! What sources have counted, in CQL: a video's rows are one partition, one for each source. A row is a
//! single cell that is written at the time of its sum, in microseconds since 1970: sums grow, so the
//! one with most stays whenever it comes, and nothing is counted by the database.

use common::{comment_store::StoreError, ids::VideoId, totals::Row};
use futures_util::{StreamExt, TryStreamExt, stream};
use scylla::errors::PrepareError;

use super::link::{Kind, Link, Query};

/// Rows written at a time: posts need their share of requests.
const WRITES_MAX: usize = 64;

/// The prepared statements about totals.
pub(super) struct TotalRows {
    keep: Query,
    all: Query,
}

impl TotalRows {
    pub(super) async fn prepare(link: &Link) -> Result<Self, PrepareError> {
        let keep = "UPDATE totals USING TIMESTAMP ? SET counted = ? WHERE video = ? AND source = ?";
        let all = "SELECT source, counted FROM totals WHERE video = ?";
        let [keep, all] =
            link.prepare([("keep_totals", Kind::Write, keep), ("totals", Kind::Read, all)]).await?;
        Ok(Self { keep, all })
    }

    pub(super) async fn keep(&self, link: &Link, rows: &[Row]) -> Result<(), StoreError> {
        let keep = async |row: &Row| {
            // What JavaScript counts exactly fits.
            let stamp = i64::try_from(row.totals.weight()).unwrap_or(i64::MAX);
            let (video, source) = (row.video.as_str(), row.source.as_str());
            let values = (stamp, row.totals.to_string(), video, source);
            link.run(&self.keep, values).await.map(drop).map_err(StoreError::from)
        };
        stream::iter(rows).map(keep).buffer_unordered(WRITES_MAX).try_collect().await
    }

    pub(super) async fn of(&self, link: &Link, video: &VideoId) -> Result<Vec<Row>, StoreError> {
        let rows = link.rows::<(String, String)>(&self.all, (video.as_str(),)).await?;
        rows.iter().map(|row| parse(video, row)).collect()
    }
}

fn parse(video: &VideoId, (source, counted): &(String, String)) -> Result<Row, StoreError> {
    let damaged = |why| StoreError::Damaged(format!("totals {video}/{source}: {why}"));
    Ok(Row {
        video: video.clone(),
        source: source.parse().map_err(damaged)?,
        totals: counted.parse().map_err(damaged)?,
    })
}
