//! Redis, whatever it is made of: one server, or the servers of a cluster.

use std::time::Duration;

use redis::{Cmd, Pipeline, Value};
use tokio::time::Instant;

use super::{
    address::Address, cluster::Cluster, connect_error::ConnectError, dial::Dialer,
    sentinel::Sentinels, server::Server,
};

/// Longest wait for an answer, waiting for a connection included.
const ANSWER_WAIT_MAX: Duration = Duration::from_millis(500);

/// What a command is answered with, errors of the server included; or why it isn't answered.
pub(super) type Answer = Result<Value, String>;

/// Calls Redis.
pub(super) enum Link {
    /// One server, by itself or named by sentinels.
    Server(Server),
    /// The servers of a cluster, each by what it holds.
    Cluster(Cluster),
}

impl Link {
    pub(super) async fn connect(url: &str) -> Result<Self, ConnectError> {
        let name = common::config::mask_url(url);
        let connected = match Address::parse(url)? {
            Address::Server(client) => {
                Server::connected(name, Dialer::Server(client)).await.map(Self::Server)
            }
            Address::Sentinel { name: master, sentinels, login } => {
                let dialer = Dialer::Sentinel(Sentinels::new(master, sentinels, login));
                Server::connected(name, dialer).await.map(Self::Server)
            }
            Address::Cluster { nodes, login } => {
                Cluster::connected(name, nodes, login).await.map(Self::Cluster)
            }
        };
        connected.map_err(|error| ConnectError::refused(url, &error))
    }

    /// Sends the commands in one go and gives back their answers in order. In a cluster those of
    /// different servers are carried out in any order, and fail apart.
    pub(super) async fn call(&self, commands: Pipeline) -> Vec<Answer> {
        self.call_each(Pipeline::new(), commands).await.1
    }

    /// As `call`, but a command is carried out after those before it, and not at all in a cluster
    /// when one of those was not answered.
    pub(super) async fn call_in_turn(&self, commands: Pipeline) -> Vec<Answer> {
        let Self::Cluster(cluster) = self else { return self.call(commands).await };
        let deadline = Instant::now() + ANSWER_WAIT_MAX;
        let mut answers: Vec<Answer> = Vec::with_capacity(commands.len());
        for command in commands.cmd_iter() {
            let answer = match answers.last() {
                Some(Err(why)) => Err(why.clone()),
                _ => {
                    let mut one = Pipeline::with_capacity(1);
                    one.add_command(command.clone());
                    sole(cluster.call_each(&Pipeline::new(), &one, deadline).await.1)
                }
            };
            answers.push(answer);
        }
        answers
    }

    /// One command.
    pub(super) async fn call_one(&self, command: Cmd) -> Answer {
        let mut commands = Pipeline::with_capacity(1);
        commands.add_command(command);
        sole(self.call(commands).await)
    }

    /// As `call`, but first of all every server is sent `each`, of which come a list of answers per
    /// server.
    pub(super) async fn call_each(
        &self,
        each: Pipeline,
        commands: Pipeline,
    ) -> (Vec<Vec<Answer>>, Vec<Answer>) {
        if each.is_empty() && commands.is_empty() {
            return (Vec::new(), Vec::new());
        }
        let deadline = Instant::now() + ANSWER_WAIT_MAX;
        match self {
            Self::Server(server) => {
                let count = each.len();
                let all = if count == 0 { commands } else { with(each, &commands) };
                let mut of_each = answered(server, &all, deadline).await;
                let answers = of_each.split_off(count);
                (vec![of_each], answers)
            }
            Self::Cluster(cluster) => cluster.call_each(&each, &commands, deadline).await,
        }
    }

    /// Whether every server answers.
    pub(super) async fn ping(&self) -> Result<(), String> {
        let mut ping = Pipeline::with_capacity(1);
        ping.cmd("PING");
        let (servers, _) = self.call_each(ping, Pipeline::new()).await;
        servers.into_iter().flatten().try_for_each(|answer| {
            answer?.extract_error().map(|_| ()).map_err(|error| error.to_string())
        })
    }
}

fn sole(mut answers: Vec<Answer>) -> Answer {
    answers.pop().unwrap_or_else(|| Err("no answer".to_owned()))
}

/// `commands`, and then those of `more`.
fn with(mut commands: Pipeline, more: &Pipeline) -> Pipeline {
    more.cmd_iter().for_each(|command| {
        commands.add_command(command.clone());
    });
    commands
}

/// A server's answers, as many as commands whatever happens.
pub(super) async fn answered(
    server: &Server,
    commands: &Pipeline,
    deadline: Instant,
) -> Vec<Answer> {
    match server.call(commands, deadline).await {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(why) => vec![Err(why); commands.len()],
    }
}
