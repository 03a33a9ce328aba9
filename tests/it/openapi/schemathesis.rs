//! schemathesis reads the description and sends what it allows, and what it forbids, to a real server: by
//! examples, at every bound, by chance, and in sequences that follow from one answer to the next.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::{process::Command, time::timeout};

use super::write;
use crate::process::{self, Process, stderr};

/// Of what it draws by chance; the same is sent every time.
const SEED: &str = "20161105";
/// A run takes a tenth of this.
const HANG_GUARD: Duration = Duration::from_secs(300);

/// A program that deploy/dev/test has installed.
pub(super) fn program(name: &str) -> PathBuf {
    let folder = env::var_os("CHORUS_TEST_PYTHON");
    Path::new(&folder.expect("CHORUS_TEST_PYTHON is not set: run deploy/dev/test")).join(name)
}

/// `chorus all` with a secret.
struct Tried {
    folder: TempDir,
    server: Process,
}

impl Tried {
    async fn start() -> Self {
        let folder = tempdir().unwrap();
        let ports = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
        let args = [&["all", "--auth.hs256_secret", "s"][..], &ports].concat();
        let server = Process::start(folder.path(), &args).await;
        Self { folder, server }
    }

    /// Tries what `document` says (a URL or a file), as somebody of a role.
    async fn by(&self, role: Option<&str>, document: &str, more: &[&str]) -> Report {
        let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/openapi");
        let path = self.folder.path().join("report.json");
        let mut command = Command::new(program("st"));
        command.current_dir(self.folder.path()).kill_on_drop(true);
        command.env("SCHEMATHESIS_HOOKS", parts.join("hooks.py"));
        command.arg("--no-color").arg("--config-file").arg(parts.join("schemathesis.toml"));
        command.args(["run", document, "--url", &self.url(""), "--seed", SEED]);
        command.args(["--report", "json", "--report-json-path"]).arg(&path).args(more);
        if let Some(role) = role {
            command
                .args(["--header", &format!("Authorization: Bearer {}", self.token(role).await)]);
        }
        let output = timeout(HANG_GUARD, command.output()).await.expect("it hangs").unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &stderr(&output);
        let report = std::fs::read(&path).unwrap_or_else(|_| panic!("it reports nothing:\n{said}"));
        std::fs::remove_file(path).unwrap();
        Report { json: serde_json::from_slice(&report).unwrap(), said }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.public.unwrap())
    }

    async fn token(&self, role: &str) -> String {
        let args = ["token", "--sub", role, "--role", role, "--auth.hs256_secret", "s"];
        let output = process::run(self.folder.path(), &args).await;
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

struct Report {
    json: Value,
    said: String,
}

impl Report {
    /// Names of what was found.
    fn found(&self) -> Vec<&str> {
        let found = ["failures", "errors"].map(|kind| self.json[kind].as_array().unwrap().iter());
        found.into_iter().flatten().map(|group| group["title"].as_str().unwrap()).collect()
    }

    fn assert_nothing_found(&self) {
        assert!(self.json["complete"] == true && self.found().is_empty(), "{}", self.said);
    }

    /// Requests by phase.
    fn tried(&self) -> String {
        let rates = self.json["valid_rates"].as_object().unwrap().values();
        let phases = rates.flat_map(|phases| phases.as_object().unwrap());
        let mut tried = BTreeMap::<&str, u64>::new();
        for (phase, rate) in phases {
            let sent: u64 = rate.as_object().unwrap().values().filter_map(Value::as_u64).sum();
            *tried.entry(phase).or_default() += sent;
        }
        format!("{tried:?}, {} in all", self.json["test_cases"]["generated"])
    }
}

#[tokio::test]
#[ignore = "needs schemathesis: run deploy/dev/test"]
async fn schemathesis_finds_nothing() {
    let tried = Tried::start().await;
    for (role, examples) in [(None, "8"), (Some("viewer"), "8"), (Some("admin"), "25")] {
        let report =
            tried.by(role, &tried.url("/openapi.json"), &["--max-examples", examples]).await;
        report.assert_nothing_found();
        assert_eq!(report.json["operations"]["tested"], report.json["operations"]["total"]);
        println!(
            "{}: {} operations, {}",
            role.unwrap_or("nobody"),
            report.json["operations"]["tested"],
            report.tried()
        );
    }
    tried.server.kill().await;
}

/// Who checks is checked: a description that lies in one thing.
#[tokio::test]
#[ignore = "needs schemathesis: run deploy/dev/test"]
async fn schemathesis_notices_lies() {
    let tried = Tried::start().await;
    let get = "/paths/~1v1~1videos~1{video}~1settings/get";
    let lies: [(&str, Value, &str); 3] = [
        (
            "/components/schemas/Settings/properties/unique_s/type",
            json!("string"),
            "Response violates schema",
        ),
        (
            &format!("{get}/responses"),
            json!({ "204": { "description": "" } }),
            "Undocumented HTTP status code",
        ),
        (
            "/components/headers/x-request-id/schema/pattern",
            json!("^nothing$"),
            "Response header does not conform to the schema",
        ),
    ];
    for (place, lie, title) in lies {
        let mut document = chorus::openapi::document();
        *document.pointer_mut(place).unwrap() = lie;
        let file = write(tried.folder.path(), &document);
        let more = ["--include-operation-id", "getSettings", "--phases", "examples,coverage"];
        let report = tried.by(Some("admin"), &file, &more).await;
        assert!(report.found().contains(&title), "{place}: {:?}\n{}", report.found(), report.said);
    }
    tried.server.kill().await;
}

/// The rules of OpenAPI 3.1, by another program's reading of them.
#[tokio::test]
#[ignore = "needs schemathesis: run deploy/dev/test"]
async fn the_description_is_openapi() {
    let folder = tempdir().unwrap();
    let is_valid = async |document: &Value| {
        let file = write(folder.path(), document);
        let output = Command::new(program("openapi-spec-validator")).arg(file).output();
        let output = timeout(HANG_GUARD, output).await.expect("it hangs").unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let document = chorus::openapi::document();
    let (valid, said) = is_valid(&document).await;
    assert!(valid, "{said}");
    let mut wrong = document;
    wrong["paths"]["/openapi.json"]["get"]["responses"]["200"] = json!({});
    assert!(!is_valid(&wrong).await.0, "a response needs a description");
}
