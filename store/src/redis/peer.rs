//! A server that is asked where others are: a sentinel, or a node of a cluster.

use std::time::Duration;

use redis::{Client, Pipeline, RedisResult, Value, aio::MultiplexedConnection};
use tokio::{sync::Mutex, time::timeout};

use super::dial::{connect, timed_out};

/// Longest wait for its answer, waiting for a connection included. Half of what a call may take,
/// so that one who is asked in vain still leaves time to go where the others say.
const ASK_WAIT_MAX: Duration = Duration::from_millis(250);

/// Asked on a connection of its own, which is kept for the next question.
pub(super) struct Peer {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Peer {
    pub(super) fn new(client: Client) -> Self {
        Self { client, connection: Mutex::new(None) }
    }

    /// Where it is.
    pub(super) fn name(&self) -> String {
        self.client.get_connection_info().addr().to_string()
    }

    /// Answers to all of `questions`, none of which is an error.
    pub(super) async fn ask(&self, questions: &Pipeline) -> RedisResult<Vec<Value>> {
        // Waits for another question at most, which has its own time.
        let mut kept = self.connection.lock().await;
        let asked = timeout(ASK_WAIT_MAX, async {
            let mut connection = match &*kept {
                Some(connection) => connection.clone(),
                None => kept.insert(connect(&self.client).await?).clone(),
            };
            connection.send_packed_commands(questions, 0, questions.len()).await
        });
        // Who doesn't wait for the end of this leaves the connection as it is: it drops answers
        // that nobody waits for.
        let answers = asked.await.unwrap_or_else(|elapsed| Err(timed_out(elapsed)));
        if answers.is_err() {
            *kept = None;
        }
        answers?.into_iter().map(Value::extract_error).collect()
    }
}
