//! The real roles as processes, with a fault proxy of our own in every link, while they are killed,
//! paused, ended and cut off from each other: does every viewer get every acknowledged comment,
//! once and in the one order?
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "clippy allows them in tests, but not in the functions that tests share"
)]

mod proxy;
