//! Names of keys; the table in [`super`] says what they hold.

use common::{
    ids::{UserId, VideoId},
    limiter::Key,
    link::Incarnation,
    live_log::bucket_of,
};

/// Registered incarnations.
pub(super) const GATEWAYS: &str = "{ch:gw}:all";

pub(super) fn meta(video: &VideoId) -> String {
    of_video("meta", video)
}

pub(super) fn subs(video: &VideoId) -> String {
    of_video("subs", video)
}

/// What `log.lua` takes, in its order.
pub(super) fn log(video: &VideoId) -> [String; 5] {
    ["meta", "log", "ids", "ids.old", "room"].map(|what| of_video(what, video))
}

pub(super) fn room(video: &VideoId) -> String {
    of_video("room", video)
}

/// Videos of a bucket whose rooms are wanted.
pub(super) fn wanted(bucket: u16) -> String {
    format!("{{ch:{bucket}}}:wanted")
}

pub(super) fn tally(video: &VideoId) -> String {
    of_video("tally", video)
}

pub(super) fn viewers(video: &VideoId) -> String {
    of_video("viewers", video)
}

/// The index of a bucket's changed numbers.
pub(super) fn tallied(bucket: u16) -> String {
    format!("{{ch:{bucket}}}:tallied")
}

/// Videos of a bucket whose totals are wanted.
pub(super) fn untallied(bucket: u16) -> String {
    format!("{{ch:{bucket}}}:untallied")
}

/// Rows of a bucket that somebody is to keep.
pub(super) fn unkept(bucket: u16) -> String {
    format!("{{ch:{bucket}}}:unkept")
}

/// The index of a bucket's changes.
pub(super) fn changed(bucket: u16) -> String {
    format!("{{ch:{bucket}}}:changed")
}

pub(super) fn lease(incarnation: &Incarnation) -> String {
    format!("{{ch:gw}}:lease:{}", incarnation.0)
}

pub(super) fn videos(incarnation: &Incarnation) -> String {
    format!("{{ch:gw}}:videos:{}", incarnation.0)
}

/// A bucket of an author's own.
pub(super) fn own_bucket(author: &UserId, bucket: &Key) -> String {
    of_author(author, "bucket", bucket)
}

/// The mark of a token that was charged.
pub(super) fn token(author: &UserId, token: &Key) -> String {
    of_author(author, "token", token)
}

/// A bucket that several authors share.
pub(super) fn shared_bucket(bucket: &Key) -> String {
    format!("{{ch:b:{bucket}}}")
}

fn of_author(author: &UserId, what: &str, key: &Key) -> String {
    let author = Key::of("author", &[author.as_str()]);
    format!("{{ch:u:{author}}}:{what}:{key}")
}

fn of_video(what: &str, video: &VideoId) -> String {
    format!("{{ch:{}}}:{what}:{video}", bucket_of(video))
}
