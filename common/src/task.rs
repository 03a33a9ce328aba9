//! The one way to start a task: named in the logs, counted in the metrics.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::task::JoinHandle;

use crate::ambient;

/// Counts a task as running until it is dropped, however it ends.
struct Running {
    name: &'static str,
    gauge: metrics::Gauge,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.gauge.decrement(1);
    }
}

/// Counts a panic that it is dropped by.
struct Watch(&'static str);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.0, "a task panicked");
            metrics::counter!("chorus_tasks_panicked_total", "task" => self.0).increment(1);
        }
    }
}

pin_project! {
    /// A task's future, counted. (An async block that awaits `future` would hold it twice: as what
    /// it was given and as what it awaits.)
    struct Counted<F> {
        #[pin]
        future: F,
        running: Running,
    }
}

impl<F: Future> Future for Counted<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _watch = Watch(this.running.name);
        this.future.poll(context)
    }
}

/// Runs `future` beside the caller. `name` is a fixed word such as `"ingest.outbox"`; the gauge
/// `chorus_tasks{task=name}` says how many of it run, the counter `chorus_tasks_panicked_total` how
/// many ended in a panic.
#[expect(clippy::disallowed_methods, reason = "this is the replacement that the lint names")]
pub fn spawn<F>(name: &'static str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let gauge = metrics::gauge!("chorus_tasks", "task" => name);
    gauge.increment(1);
    let running = Running { name, gauge };
    let counted = Counted { future, running };
    match ambient::world() {
        None => tokio::spawn(counted),
        Some(world) => {
            let task = tokio::spawn(ambient::within(world.clone(), counted));
            world.started(task.abort_handle());
            task
        }
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn tasks_that_run_and_those_that_panicked_are_counted() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        metrics::with_local_recorder(&recorder, || {
            runtime.block_on(async {
                let _lasting = spawn("lasting", std::future::pending::<()>());
                assert!(spawn("clumsy", async { panic!("told to") }).await.is_err());
                let text = recorder.handle().render();
                assert!(text.contains("chorus_tasks{task=\"lasting\"} 1"), "{text}");
                assert!(text.contains("chorus_tasks{task=\"clumsy\"} 0"), "{text}");
                assert!(text.contains("panicked_total{task=\"clumsy\"} 1"), "{text}");
            });
        });
    }
}
