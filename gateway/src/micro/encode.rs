//! From values to a stream's bytes.

use std::hint::black_box;

use bytes::BytesMut;

use super::{Commenters, DATA, encoder, position};
use crate::frame::{Resume, Status};

/// A comment becomes a frame, in a buffer that has room for it.
pub fn encode_comment() -> impl FnMut() {
    let (encoder, entry, mut out) = (encoder(), Commenters::new().write(), BytesMut::new());
    encoder.entry(&mut out, &entry, None);
    assert_eq!(out, format!("id: 1~dc1:5f:1\nevent: comment\ndata: {DATA}\n\n"));
    move || {
        out.clear();
        black_box(&encoder).entry(&mut out, black_box(&entry), None);
        black_box(&out);
    }
}

/// The first block of a stream that continues.
pub fn encode_head() -> impl FnMut() {
    let encoder = encoder();
    let (from, to) = (position(1_000_000), position(1_000_064));
    let resume =
        Resume { status: Status::Continued, from: from.into(), to: to.into(), replayed: 64 };
    let head = String::from_utf8_lossy(&encoder.head(resume)).into_owned();
    let data =
        r#"{"status":"continued","from":"1~dc1:5f:f4240","to":"1~dc1:5f:f4280","replayed":64}"#;
    let end = format!("\nevent: resume\nid: 1~dc1:5f:f4240\ndata: {data}\n\n");
    assert!(head.starts_with(":\nretry: ") && head.ends_with(&end), "{head}");
    move || _ = black_box(black_box(&encoder).head(black_box(resume)))
}
