//! The one way to start a task: named in the logs, counted in the metrics.

use std::future::Future;

use tokio::task::JoinHandle;

use crate::ambient;

/// Counts a task as running until it is dropped, however it ends.
struct Running(metrics::Gauge);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

/// Runs `future` beside the caller. `name` is a fixed word such as `"ingest.outbox"`; the gauge
/// `chorus_tasks{task=name}` says how many of it run.
#[expect(clippy::disallowed_methods, reason = "this is the replacement that the lint names")]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let gauge = metrics::gauge!("chorus_tasks", "task" => name);
    gauge.increment(1);
    let running = Running(gauge);
    let counted = async move {
        let _running = running;
        future.await
    };
    match ambient::world() {
        None => tokio::spawn(counted),
        Some(world) => {
            let task = tokio::spawn(ambient::within(world.clone(), counted));
            world.started(task.abort_handle());
            task
        }
    }
}
