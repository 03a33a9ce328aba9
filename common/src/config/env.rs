//! The environment layer: `CHORUS_<SECTION>__<KEY>`.

use super::keys::KEYS;
use super::layer::Layer;
use super::mistake::Source;
use super::suggest;

const PREFIX: &str = "CHORUS_";

/// Variables of this prefix that aren't configuration: test suites, developers' scripts, the log
/// filter (which must work before there is a configuration).
const OTHERS: [&str; 2] = ["CHORUS_TEST_", "CHORUS_DEV_"];

/// Reads the variables that start with `CHORUS_`, in the order of their names.
pub(super) fn read(variables: &[(String, String)]) -> Layer {
    let mut ours: Vec<_> = variables.iter().filter(|(name, text)| is_ours(name, text)).collect();
    ours.sort();
    let mut layer = Layer::default();
    for (name, text) in ours {
        let source = Source::Env(name.clone());
        match KEYS.iter().find(|key| key.env_name() == *name) {
            Some(key) => layer.take_text(key, text, source),
            None => layer.unknown(source, name, suggest::for_env(name)),
        }
    }
    layer
}

/// Whether the variable `name` with the value `text` is meant for the configuration.
pub(super) fn is_ours(name: &str, text: &str) -> bool {
    name.starts_with(PREFIX)
        && !OTHERS.iter().any(|other| name.starts_with(other))
        && name != crate::telemetry::LOG_FILTER_ENV
        && !is_kubernetes_link(name, text)
}

/// Kubernetes puts `CHORUS_GATEWAY_SERVICE_HOST`, `CHORUS_GATEWAY_PORT_8082_TCP_ADDR` and the like
/// into every pod beside a Service called `chorus-gateway`; they are nobody's mistake.
fn is_kubernetes_link(name: &str, text: &str) -> bool {
    let service = name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT");
    // `CHORUS_PORT=8080` is somebody's mistake, `CHORUS_PORT=tcp://10.0.0.1:8080` is not.
    let whole = name.ends_with("_PORT") && text.contains("://");
    let link = name.split_once("_PORT_").is_some_and(|(_, rest)| {
        rest.starts_with(|first: char| first.is_ascii_digit())
            && ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| rest.contains(protocol))
    });
    !name.contains("__") && (service || whole || link)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, text: &str) -> Vec<String> {
        let layer = read(&[(name.to_owned(), text.to_owned())]);
        layer.mistakes.iter().map(ToString::to_string).collect()
    }

    fn value(name: &str, text: &str) -> Vec<String> {
        let layer = read(&[(name.to_owned(), text.to_owned())]);
        layer.given.iter().map(|given| format!("{} = {}", given.key.path, given.value)).collect()
    }

    #[test]
    fn every_kind_of_value() {
        for (name, text, shown) in [
            ("CHORUS_LISTEN", "127.0.0.1:1", "listen = \"127.0.0.1:1\""),
            ("CHORUS_INTERNAL_LISTEN", "[::1]:1", "internal_listen = \"[::1]:1\""),
            ("CHORUS_STORE__RETENTION_DAYS", "30", "store.retention_days = 30"),
            ("CHORUS_STORE__NODES", "a, b:1", "store.nodes = [\"a\", \"b:1\"]"),
            ("CHORUS_STORE__NODES", "[\"a\", 'b:1']", "store.nodes = [\"a\", \"b:1\"]"),
            ("CHORUS_STORE__NODES", "", "store.nodes = []"),
            ("CHORUS_STORE__REPLICATION", "a=1, b-2=3", "store.replication = { a = 1, b-2 = 3 }"),
            ("CHORUS_STORE__REPLICATION", "{ 'x.y' = 2 }", "store.replication = { \"x.y\" = 2 }"),
            ("CHORUS_AUTH__HS256_SECRET", "a b\"c", "auth.hs256_secret = \"a b\\\"c\""),
        ] {
            assert_eq!(value(name, text), [shown], "{name}={text}: {:?}", told(name, text));
        }
    }

    #[test]
    fn every_kind_of_mistake_names_its_variable() {
        for (name, text, line) in [
            (
                "CHORUS_LISTEN",
                "8080",
                "env CHORUS_LISTEN: `listen` is \"8080\"; write an address and port like 127.0.0.1:8080",
            ),
            (
                "CHORUS_STORE_PATH",
                "x",
                "env CHORUS_STORE_PATH: `CHORUS_STORE_PATH` is not a key of the configuration; did you mean `CHORUS_STORE__PATH`?",
            ),
            (
                "CHORUS_LIVE__DEDUP_S",
                "",
                "env CHORUS_LIVE__DEDUP_S: `live.dedup_s` is \"\"; write a whole number from 10 to 3600",
            ),
            (
                "CHORUS_STORE__NODES",
                "a,,b",
                "env CHORUS_STORE__NODES: `store.nodes` is empty; write host:port like 127.0.0.1:9042",
            ),
            (
                "CHORUS_STORE__NODES",
                "[\"a\"",
                "env CHORUS_STORE__NODES: `store.nodes` is no TOML: unclosed array, expected `]`; write a list, each host:port like 127.0.0.1:9042",
            ),
            (
                "CHORUS_STORE__REPLICATION",
                "dc1",
                "env CHORUS_STORE__REPLICATION: `store.replication` has \"dc1\" in it; write dc1=3,dc2=3",
            ),
            (
                "CHORUS_STORE__REPLICATION",
                "dc1=x",
                "env CHORUS_STORE__REPLICATION: `store.replication` has \"dc1\" = x; write a whole number from 1 to 100",
            ),
            (
                "CHORUS_STORE__REPLICATION",
                "a'b=1",
                "env CHORUS_STORE__REPLICATION: `store.replication` has the name \"a'b\"; write a data centre's name of 1 to 48 letters, digits, `_`, `-` and `.`",
            ),
            (
                "CHORUS_INTERNAL__SECRET",
                "hush\n",
                "env CHORUS_INTERNAL__SECRET: `internal.secret` does not have the right form; write visible ASCII characters without spaces or line breaks",
            ),
        ] {
            assert_eq!(told(name, text), [line], "{name}={text}");
        }
    }

    #[test]
    fn variables_of_others_are_left_alone() {
        for name in [
            "HOME",
            "CHORUS_LOG",
            "CHORUS_TEST_CQL",
            "CHORUS_DEV_DIR",
            "CHORUS_SERVICE_HOST",
            "CHORUS_PORT",
            "CHORUS_GATEWAY_SERVICE_PORT_INTERNAL",
            "CHORUS_GATEWAY_PORT_8082_TCP",
            "CHORUS_GATEWAY_PORT_8082_TCP_PORT",
            "CHORUS_GATEWAY_PORT_8082_TCP_ADDR",
        ] {
            assert!(told(name, "tcp://10.0.0.1:8082").is_empty(), "{name}");
        }
        for name in ["CHORUS_STORE__PORT", "CHORUS_PORT", "CHORUS_PORT_X", "CHORUS_"] {
            assert_eq!(told(name, "x").len(), 1, "{name}");
        }
    }
}
