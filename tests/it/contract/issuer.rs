//! Whoever issues tokens by keys that it gives away: a JWKS file, also at an address, and what is signed
//! by its keys.

use std::{fs, path::PathBuf, sync::LazyLock};

use axum::{Router, routing::get};
use common::{
    serve::{self, Audience},
    task,
};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{signer::Signer, tokens::claims};

/// The keys of tests; a secret is none. The kind of one is its name, but for `old` and `new`.
static SIGNERS: LazyLock<Vec<Signer>> = LazyLock::new(|| {
    let [old, new] = ["old", "new"].map(Signer::eddsa);
    vec![Signer::eddsa("EdDSA"), Signer::rs256("RS256"), Signer::es256("ES256"), old, new]
});
/// Whose keys are given away at first.
pub(super) const KINDS: [&str; 3] = ["EdDSA", "RS256", "ES256"];
const FILE: &str = "keys.json";
pub(super) const OLD: &str = "old";
pub(super) const NEW: &str = "new";

pub(super) fn signer(name: &str) -> &'static Signer {
    SIGNERS.iter().find(|signer| signer.kid == name).expect("nobody is called so")
}

/// `Authorization` by somebody's key, which it names, with claims that are good but for those given.
pub(super) fn bearer(name: &str, differ: &Value) -> String {
    format!("Bearer {}", signer(name).token(&claims(differ), true))
}

/// The file that servers read, or ask for.
pub(super) struct KeyFile {
    folder: TempDir,
    /// Where it is asked for.
    pub(super) url: String,
    _served: DropGuard,
}

impl KeyFile {
    pub(super) fn new() -> Self {
        let (folder, stop) = (tempdir().unwrap(), CancellationToken::new());
        let url = serve_file(folder.path().join(FILE), stop.clone());
        let file = Self { folder, url, _served: stop.drop_guard() };
        file.give_away(&[&KINDS[..], &[OLD]].concat());
        file
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    /// Whole at any time, as whoever rotates keys should do it.
    pub(super) fn give_away(&self, names: &[&str]) {
        let keys: Vec<_> = names.iter().map(|name| signer(name).jwk.clone()).collect();
        let written = self.folder.path().join("written");
        fs::write(&written, json!({ "keys": keys }).to_string()).unwrap();
        fs::rename(written, self.path()).unwrap();
    }
}

/// Where it is served.
fn serve_file(path: PathBuf, stop: CancellationToken) -> String {
    let listener = serve::bind("127.0.0.1:0".parse().unwrap(), "here", Audience::Public).unwrap();
    let url = format!("http://{}/{FILE}", listener.local_addr().unwrap());
    let routes = Router::new().route("/{file}", get(async move || fs::read(path).unwrap()));
    task::spawn("issuer", serve::serve(listener, routes, Audience::Public, None, stop));
    url
}
