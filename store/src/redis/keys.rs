//! Names of keys; the table in [`super`] says what they hold.

use common::{ids::VideoId, link::Incarnation, live_log::bucket_of};

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

fn of_video(what: &str, video: &VideoId) -> String {
    format!("{{ch:{}}}:{what}:{video}", bucket_of(video))
}
