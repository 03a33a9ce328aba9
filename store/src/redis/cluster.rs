//! A Redis Cluster: a connection to each of its primaries, and who of them holds what.
//!
//! redis-rs's cluster connection isn't used: while it asks for the slots anew every call waits for
//! that, also those to servers that are well; what waits in it has no bound; and of a pipeline it
//! expects one slot. Here each primary is a [`Server`](super::server::Server) with a breaker of its
//! own, so that a call waits for nobody but those it is for. Redirections are followed within the
//! call's time; a task asks for the slots anew whenever an answer, or the lack of one, says that
//! what we know is old.

mod map;
mod redirect;
mod slots;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use common::task;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use redis::{Cmd, Pipeline, RedisResult};
use tokio::{
    task::AbortHandle,
    time::{Instant, sleep},
};

use self::{
    map::Map,
    redirect::{Target, redirect, unless_down},
};
use super::{
    address::{Login, Node},
    dial::first,
    link::{Answer, answered},
};

/// Before a command is sent where another server said: a slot that is being moved takes a moment.
const REDIRECT_PAUSE: Duration = Duration::from_millis(10);

/// Calls a cluster; dropping it ends its tasks.
pub(super) struct Cluster {
    map: Arc<Map>,
    keeper: AbortHandle,
}

/// Commands, each with its place among all.
type Share<'a> = Vec<(usize, &'a Cmd)>;
/// Answers by those places.
type Settled = Vec<(usize, Answer)>;

impl Cluster {
    /// A start asks for one server that knows the others; if there is none, each call has them
    /// asked again. An error is a refusal.
    pub(super) async fn connected(
        name: String,
        seeds: Vec<Node>,
        login: Login,
    ) -> RedisResult<Self> {
        let map = Arc::new(Map::new(name, seeds, login));
        // Why nobody answered, the map knows.
        let _ = first(map.name(), async || map.ask().await).await?;
        let keeper = Arc::clone(&map);
        let keeper = task::spawn("store.redis_cluster", async move { keeper.keep().await });
        Ok(Self { map, keeper: keeper.abort_handle() })
    }

    /// Sends every primary `each`, and what it holds of `commands`; gives back a list of answers to
    /// `each` per primary, and those to `commands` in order.
    pub(super) async fn call_each(
        &self,
        each: &Pipeline,
        commands: &Pipeline,
        deadline: Instant,
    ) -> (Vec<Vec<Answer>>, Vec<Answer>) {
        let slots = self.map.slots();
        let mut shares = BTreeMap::<Target, Share>::new();
        let target = |node: &Node| Target { node: node.clone(), asking: false };
        if !each.is_empty() {
            shares.extend(slots.primaries().map(|node| (target(node), Vec::new())));
        }
        let nobody = || Err(self.map.nobody());
        let mut answers = vec![nobody(); commands.len()];
        for (place, command) in commands.cmd_iter().enumerate() {
            match slots.owner(command) {
                Some(node) => shares.entry(target(node)).or_default().push((place, command)),
                None => self.map.doubt(),
            }
        }
        let sent = shares.iter().map(|(to, share)| self.send(to, each, share, deadline));
        let mut of_each = Vec::new();
        if shares.is_empty() {
            self.map.doubt();
            of_each.push(vec![nobody(); each.len()]);
        }
        for (own, settled) in join_all(sent).await {
            of_each.push(own);
            settled.into_iter().for_each(|(place, answer)| answers[place] = answer);
        }
        (of_each, answers)
    }

    /// Sends one server its share, and follows where it says that some of it belongs. Answers to
    /// `each`, and to the share by place.
    fn send<'a>(
        &'a self,
        to: &'a Target,
        each: &'a Pipeline,
        share: &'a Share<'a>,
        deadline: Instant,
    ) -> BoxFuture<'a, (Vec<Answer>, Settled)> {
        async move {
            let commands = packed(to, each, share);
            let answers = match self.map.server(&to.node) {
                Ok(server) => answered(&server, &commands, deadline).await,
                Err(why) => vec![Err(why); commands.len()],
            };
            let mut of_each: Vec<_> = answers.into_iter().map(unless_down).collect();
            let mut answers = of_each.split_off(each.len());
            if to.asking {
                answers = answers.into_iter().skip(1).step_by(2).collect();
            }
            if of_each.iter().chain(&answers).any(Result::is_err) {
                self.map.doubt();
            }
            (of_each, self.follow(to, share, answers, deadline).await)
        }
        .boxed()
    }

    /// Sends again what belongs elsewhere, as long as there is time.
    async fn follow(
        &self,
        asked: &Target,
        share: &Share<'_>,
        answers: Vec<Answer>,
        deadline: Instant,
    ) -> Settled {
        let in_time = Instant::now() + REDIRECT_PAUSE < deadline;
        let mut redirected = BTreeMap::<Target, Share>::new();
        let mut settled = Vec::with_capacity(share.len());
        for ((place, command), answer) in share.iter().zip(answers) {
            match redirect(&answer, asked).filter(|_| in_time) {
                Some(to) => redirected.entry(to).or_default().push((*place, command)),
                None => settled.push((*place, answer)),
            }
        }
        if redirected.is_empty() {
            return settled;
        }
        self.map.doubt();
        sleep(REDIRECT_PAUSE).await;
        let nothing = Pipeline::new();
        let sent = redirected.iter().map(|(to, share)| self.send(to, &nothing, share, deadline));
        settled.extend(join_all(sent).await.into_iter().flat_map(|(_, answers)| answers));
        settled
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// What is sent: `each`, then the share, with ASKING before each of its commands if need be.
fn packed(to: &Target, each: &Pipeline, share: &Share<'_>) -> Pipeline {
    let mut commands = each.clone();
    for (_, command) in share {
        if to.asking {
            commands.cmd("ASKING");
        }
        commands.add_command((*command).clone());
    }
    commands
}
