//! Telemetry: log lines that never hold up the data path, and the metrics of `/metrics`.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// Environment variable with the log filter, as in `info` or `gateway=debug,info`.
pub const LOG_FILTER_ENV: &str = "CHORUS_LOG";

/// The filter when the environment has none. The CQL driver says at length, and as an error, what
/// the store says in one line.
const LOG_FILTER_DEFAULT: &str = "info,scylla=off";

/// Whatever the filter says. When the path of an HTTP/2 request can't be read, h2 repeats it in a line
/// of its own, with the ticket in it.
const LOG_FILTER_ALWAYS: &str = "h2::server=off";

/// Log lines waiting for stderr. When it is full, new lines are dropped and counted: a stuck
/// terminal or log shipper costs lines, not comments.
const LOG_LINES_MAX: usize = 8_192;

/// How often histograms are folded into their buckets when nobody scrapes; without it the samples
/// of an unwatched process would pile up.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);

/// Bucket bounds of histograms whose name ends in `_seconds`.
const BUCKETS_SECONDS: [f64; 18] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0,
];

/// Bucket bounds of all other histograms: counts and bytes.
const BUCKETS_COUNTS: [f64; 12] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1_024.0, 4_096.0, 16_384.0, 65_536.0, 1_048_576.0];

/// Lines dropped so far, once logs are on; read when metrics are rendered.
static LOG_LINES_DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// Why telemetry could not start.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The operator's filter isn't one.
    #[error("{LOG_FILTER_ENV}: {0}; write a level like `info`, or `gateway=debug,info`")]
    Filter(String),
    /// Logs or metrics were started before in this process.
    #[error("{0} were started before in this process")]
    Twice(&'static str),
    /// The bucket tables of this file are wrong.
    #[error("metrics: {0}")]
    Buckets(BuildError),
    /// The operating system gave no thread.
    #[error("metrics: no thread for upkeep: {0}")]
    Thread(std::io::Error),
}

/// Running logs; hold it until the process ends. Dropping it writes what still waits, for at most
/// about a second.
#[must_use = "dropping it ends the log"]
pub struct Logs {
    _guard: WorkerGuard,
}

/// Starts logging to stderr: human lines when that is a terminal, one JSON object per line when it
/// is not. A thread of its own writes; callers never wait for stderr.
///
/// # Errors
/// [`TelemetryError::Filter`] when `CHORUS_LOG` isn't a filter; [`TelemetryError::Twice`] when
/// something in this process logs already.
pub fn init_logs() -> Result<Logs, TelemetryError> {
    let filter = log_filter(std::env::var(LOG_FILTER_ENV).ok().as_deref())?;
    let (writer, guard) = log_writer(std::io::stderr());
    let dropped = writer.error_counter();
    let terminal = std::io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = if terminal {
        lines.with_ansi(true).finish().try_init()
    } else {
        lines.json().flatten_event(true).with_span_list(false).finish().try_init()
    };
    started.map_err(|_| TelemetryError::Twice("logs"))?;
    // Only the first start gets here, so the cell is empty.
    let _ = LOG_LINES_DROPPED.set(dropped);
    Ok(Logs { _guard: guard })
}

fn log_filter(text: Option<&str>) -> Result<EnvFilter, TelemetryError> {
    let text = text.map(str::trim).filter(|text| !text.is_empty()).unwrap_or(LOG_FILTER_DEFAULT);
    let wrong = |error: &dyn std::fmt::Display| TelemetryError::Filter(error.to_string());
    let filter = EnvFilter::try_new(text).map_err(|error| wrong(&error))?;
    Ok(filter.add_directive(LOG_FILTER_ALWAYS.parse().map_err(|error| wrong(&error))?))
}

fn log_writer(to: impl std::io::Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    NonBlockingBuilder::default()
        .buffered_lines_limit(LOG_LINES_MAX)
        .lossy(true)
        .thread_name("log-writer")
        .finish(to)
}

/// The process's metrics; cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

impl Metrics {
    /// Everything counted so far, in the Prometheus text format.
    #[must_use]
    pub fn render(&self) -> String {
        if let Some(dropped) = LOG_LINES_DROPPED.get() {
            metrics::counter!("chorus_log_lines_dropped_total")
                .absolute(dropped.dropped_lines() as u64);
        }
        self.handle.render()
    }
}

/// Takes in whatever the `metrics` macros of this process report from now on, and keeps it tidy
/// from a thread of its own for as long as the process lives.
///
/// Names start with `chorus_`; histograms are explicit buckets: seconds when the name ends in
/// `_seconds`, counts otherwise.
///
/// # Errors
/// [`TelemetryError::Twice`] when this process has a recorder already.
pub fn init_metrics() -> Result<Metrics, TelemetryError> {
    let recorder = recorder()?;
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).map_err(|_| TelemetryError::Twice("metrics"))?;
    metrics::describe_counter!(
        "chorus_log_lines_dropped_total",
        "log lines dropped because stderr took them too slowly"
    );
    metrics::gauge!("chorus_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    let upkeep = handle.clone();
    thread::Builder::new()
        .name("metrics-upkeep".to_owned())
        .spawn(move || keep_up(&upkeep))
        .map_err(TelemetryError::Thread)?;
    Ok(Metrics { handle })
}

#[expect(clippy::disallowed_methods, reason = "a thread of its own, with no tasks to stop")]
fn keep_up(handle: &PrometheusHandle) {
    loop {
        thread::sleep(UPKEEP_PERIOD);
        handle.run_upkeep();
    }
}

/// A recorder that isn't the process's yet.
fn recorder() -> Result<PrometheusRecorder, TelemetryError> {
    let builder = PrometheusBuilder::new()
        .set_buckets(&BUCKETS_COUNTS)
        .map_err(TelemetryError::Buckets)?
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS_SECONDS)
        .map_err(TelemetryError::Buckets)?;
    Ok(builder.build_recorder())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn histograms_are_buckets_not_summaries() -> Result<(), TelemetryError> {
        let recorder = recorder()?;
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("chorus_post_seconds").record(0.003);
            metrics::histogram!("chorus_batch_comments").record(3.0);
        });
        let text = handle.render();
        assert!(text.contains("chorus_post_seconds_bucket{le=\"0.0025\"} 0"), "{text}");
        assert!(text.contains("chorus_post_seconds_bucket{le=\"0.005\"} 1"), "{text}");
        assert!(text.contains("chorus_batch_comments_bucket{le=\"4\"} 1"), "{text}");
        assert!(!text.contains("quantile"), "{text}");
        Ok(())
    }

    #[test]
    fn a_second_recorder_is_refused_and_the_first_renders() -> Result<(), TelemetryError> {
        let metrics = init_metrics()?;
        assert!(matches!(init_metrics(), Err(TelemetryError::Twice("metrics"))));
        assert!(metrics.render().contains("chorus_build_info{version="));
        Ok(())
    }

    #[test]
    fn bad_filters_name_the_variable_and_a_good_one() {
        for bad in ["=nonsense", "info,=x=y", "gateway=loudest"] {
            let told = log_filter(Some(bad)).map(|_| ()).map_err(|error| error.to_string());
            assert!(told.as_ref().is_err_and(|why| why.contains("CHORUS_LOG")), "{bad}: {told:?}");
        }
        for good in [None, Some(""), Some("debug"), Some("gateway=debug,info")] {
            assert!(log_filter(good).is_ok(), "{good:?}");
        }
    }

    #[test]
    fn paths_of_requests_are_never_asked_for() {
        for text in ["trace", "h2=trace", "h2::server=trace,info"] {
            let filter = log_filter(Some(text)).map(|filter| filter.to_string());
            let directives = filter.as_deref().unwrap_or_default().split(',');
            let of_them: Vec<_> = directives.filter(|d| d.starts_with("h2::server")).collect();
            assert_eq!(of_them, [LOG_FILTER_ALWAYS], "{text}: {filter:?}");
        }
    }

    /// Blocks in `write` until the test ends, like a terminal whose reader is stopped.
    struct Stuck(mpsc::Receiver<()>);

    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // An error means that the test let go.
            let _ = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_stderr_costs_lines_and_nobody_waits() {
        let (release, stuck) = mpsc::sync_channel(0);
        let (mut writer, guard) = log_writer(Stuck(stuck));
        for _ in 0..LOG_LINES_MAX * 2 {
            assert!(writer.write_all(b"a line\n").is_ok());
        }
        // One line is in the writer's hands, the queue is full, the rest is gone.
        let dropped = writer.error_counter().dropped_lines();
        assert!((LOG_LINES_MAX - 1..=LOG_LINES_MAX).contains(&dropped), "{dropped}");
        drop(release);
        drop(guard);
    }
}
