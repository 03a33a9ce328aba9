//! The Lua scripts, by their hashes.

use std::sync::LazyLock;

use redis::{Cmd, ToRedisArgs};

/// A script and its SHA-1.
pub(super) struct Script(redis::Script);

impl Script {
    fn new(code: &str) -> Self {
        Self(redis::Script::new(code))
    }

    /// The command that runs it, with its keys in; arguments are to be added.
    pub(super) fn call(&self, keys: &[impl ToRedisArgs]) -> Cmd {
        let mut command = redis::cmd("EVALSHA");
        command.arg(self.0.get_hash()).arg(keys.len()).arg(keys);
        command
    }
}

pub(super) static APPEND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("log.lua"),
        include_str!("append.lua")
    ))
});

pub(super) static READ: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("log.lua"),
        include_str!("read.lua")
    ))
});

pub(super) static HEADS: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("prelude.lua"), include_str!("heads.lua"))));

pub(super) static ROOMS: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("prelude.lua"), include_str!("rooms.lua"))));

pub(super) static FILL: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("log.lua"),
        include_str!("fill.lua")
    ))
});

pub(super) static REPORT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("note.lua"),
        include_str!("report.lua")
    ))
});

pub(super) static UNKEPT: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("unkept.lua")));

pub(super) static WATCHED: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("note.lua"),
        include_str!("watched.lua")
    ))
});

pub(super) static TALLIES: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("prelude.lua"), include_str!("tallies.lua")))
});

pub(super) static REGISTER: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(include_str!("prelude.lua"), include_str!("register.lua")))
});

pub(super) static RENEW: LazyLock<Script> =
    LazyLock::new(|| Script::new(concat!(include_str!("prelude.lua"), include_str!("renew.lua"))));

pub(super) static SUBSCRIBE: LazyLock<Script> =
    LazyLock::new(|| Script::new(include_str!("subscribe.lua")));

pub(super) static CHARGE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("bucket.lua"),
        include_str!("charge.lua")
    ))
});

pub(super) static REFUND: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("prelude.lua"),
        include_str!("bucket.lua"),
        include_str!("refund.lua")
    ))
});

/// Hands all scripts to the server.
pub(super) async fn load_all(
    connection: &mut impl redis::aio::ConnectionLike,
) -> redis::RedisResult<()> {
    let of_log = [&APPEND, &READ, &HEADS, &ROOMS, &FILL];
    let of_tallies = [&REPORT, &UNKEPT, &WATCHED, &TALLIES];
    let others = [&REGISTER, &RENEW, &SUBSCRIBE, &CHARGE, &REFUND];
    for script in of_log.into_iter().chain(of_tallies).chain(others) {
        script.0.load_async(connection).await?;
    }
    Ok(())
}
