//! Keys and payloads of what sources have counted; [`record`](super::record) seals them.

use common::{
    ids::VideoId,
    totals::{Row, Source, Totals},
};

use super::record::{Flaw, video_prefix};

/// Begins a row's payload.
pub(super) const TOTALS: u8 = b'T';

/// A row's key; those of a video begin with its [`video_prefix`].
pub(super) fn key(video: &VideoId, source: &Source) -> Vec<u8> {
    [video_prefix(video).as_slice(), source.as_str().as_bytes()].concat()
}

/// A row's payload.
pub(super) fn payload(totals: &Totals) -> Vec<u8> {
    [&[TOTALS], totals.to_string().as_bytes()].concat()
}

/// The row of a key and payload.
pub(super) fn parse(key: &[u8], payload: &[u8]) -> Result<Row, Flaw> {
    let (video, source) = source_of(key)?;
    Ok(Row { video, source, totals: totals(payload)? })
}

/// What is in a [`payload`].
pub(super) fn totals(payload: &[u8]) -> Result<Totals, Flaw> {
    let text = payload.strip_prefix(&[TOTALS]).ok_or(Flaw::Content)?;
    let text = std::str::from_utf8(text).map_err(|_| Flaw::Content)?;
    text.parse().map_err(|_| Flaw::Content)
}

/// Video and source in a [`key`].
pub(super) fn source_of(key: &[u8]) -> Result<(VideoId, Source), Flaw> {
    let key = std::str::from_utf8(key).map_err(|_| Flaw::Content)?;
    let (video, source) = key.split_once('\0').ok_or(Flaw::Content)?;
    let video = video.parse().map_err(|_| Flaw::Content)?;
    Ok((video, source.parse().map_err(|_| Flaw::Content)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_come_back() {
        let (video, source) = ("v".parse().unwrap(), Source::fresh());
        let totals: Totals = "comments 7 r/like 3".parse().unwrap();
        let row = Row { video, source, totals };
        assert_eq!(parse(&key(&row.video, &row.source), &payload(&row.totals)), Ok(row));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (parse(b"v\0s", &bytes), parse(&bytes, b"Tviews 1"));
        }
    }
}
