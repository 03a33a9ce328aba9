//! Endpoint store, live log and limiter in one Redis per data centre, by Lua scripts. It may be one
//! server, one that sentinels name, or a cluster.
//!
//! | key | type | holds |
//! |---|---|---|
//! | `{ch:B}:meta:VIDEO` | hash | run of the server, epoch, seq, when ids rotated |
//! | `{ch:B}:log:VIDEO` | list | the newest entries, seqs without a hole up to meta's |
//! | `{ch:B}:ids:VIDEO`, `…:ids.old:VIDEO` | hash | event id → place, two generations by age |
//! | `{ch:B}:room:VIDEO` | hash | slot → event that set it last |
//! | `{ch:B}:wanted` | set | videos whose rooms are to be filled |
//! | `{ch:B}:subs:VIDEO` | set | incarnations of gateways with viewers of the video |
//! | `{ch:B}:tally:VIDEO` | hash | what each source has counted, their sums, the run that filled it and when |
//! | `{ch:B}:viewers:VIDEO` | hash | incarnation of a gateway → how many viewers it has |
//! | `{ch:B}:tallied` | zset | videos whose numbers changed in the last minute, by time |
//! | `{ch:B}:untallied` | set | videos whose totals are to be filled |
//! | `{ch:B}:unkept` | hash | video and source → what it has counted, which somebody is to keep |
//! | `{ch:B}:changed` | zset | videos appended to in the last minute, by time |
//! | `{ch:gw}:all` | set | registered incarnations |
//! | `{ch:gw}:lease:INC` | string | run of the server and address; expires unless renewed |
//! | `{ch:gw}:videos:INC` | set | videos it subscribed to, so that they can be found when it died |
//! | `{ch:u:A}:bucket:K` | string | when an author's bucket is full again |
//! | `{ch:u:A}:token:K` | string | which request was admitted, or when it was charged |
//! | `{ch:b:K}` | string | when a bucket that authors share is full again |
//!
//! `B` is the video's bucket, 0 to 255; `A` and `K` are hashes. A script touches keys of one hash tag
//! only, all of them passed in, so that a cluster can run it. A video's keys expire and so do
//! buckets, a gateway's go with it, and the indexes of 256 buckets stay: nothing here needs to be kept, since
//! gateways and the comment store hold what it takes to rebuild it, and a limiter that begins anew
//! admits a burst too much.

mod address;
mod cluster;
mod connect_error;
mod dial;
mod endpoint_store;
mod keys;
mod limiter;
mod link;
mod live_log;
mod live_rooms;
mod peer;
mod reply;
mod script;
mod sentinel;
mod server;
mod tallies;

use std::sync::Arc;

use common::{live_log::Retention, position::Origin};

pub use connect_error::ConnectError;

use self::link::Link;

/// [`LiveLog`](common::live_log::LiveLog), [`LiveRooms`](common::live_rooms::LiveRooms),
/// [`Tallies`](common::tallies::Tallies), [`EndpointStore`](common::endpoint_store::EndpointStore) and
/// [`Limiter`](common::limiter::Limiter) on Redis 6.2 or later, or Valkey.
pub struct RedisStore {
    link: Arc<Link>,
    origin: Arc<Origin>,
    retention: Retention,
}

impl RedisStore {
    /// Connects to Redis; entries appended here carry `origin`. From then on the connection is
    /// renewed whenever it breaks. A Redis that does not answer within three seconds is waited for
    /// behind the scenes, and calls fail until it is there: a process that restarts while Redis is
    /// away has things to do all the same. Forms of `url`:
    /// - `redis://[user:password@]host[:port][/db]`: one server.
    /// - `redis+sentinel://[user:password@]host[:port],host[:port],…/master[/db]`: the server that
    ///   the sentinels at these addresses name as `master`. User and password are the server's;
    ///   sentinels that want some too get them by `?sentinel_user=…&sentinel_password=…`.
    /// - `redis+cluster://[user:password@]host[:port],host[:port],…`: a Redis Cluster, some of
    ///   whose servers are at these addresses.
    ///
    /// With `rediss` for `redis` all of it is TLS: certificates must be signed by whom the system
    /// trusts (or, where `SSL_CERT_FILE` is set, by a CA in that file). User, password and options
    /// are percent-encoded.
    ///
    /// # Errors
    /// When the address is none, or the server refuses.
    pub async fn connect(
        url: &str,
        origin: Arc<Origin>,
        retention: Retention,
    ) -> Result<Self, ConnectError> {
        Ok(Self { link: Arc::new(Link::connect(url).await?), origin, retention })
    }
}
