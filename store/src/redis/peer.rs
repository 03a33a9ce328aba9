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
        let asked = timeout(ASK_WAIT_MAX, async {
            let mut kept = self.connection.lock().await;
            let mut connection = match kept.take() {
                Some(connection) => connection,
                None => connect(&self.client).await?,
            };
            let answers = connection.send_packed_commands(questions, 0, questions.len()).await?;
            // Put back only now: who was cut off or kept us waiting is dialed anew next time.
            *kept = Some(connection);
            answers.into_iter().map(Value::extract_error).collect()
        });
        asked.await.unwrap_or_else(|elapsed| Err(timed_out(elapsed)))
    }
}
