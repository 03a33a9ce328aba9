//! Redis over TLS: a server of the test's own, with a certificate of a CA of the test's own.

use std::{path::Path, process::Command};

use common::{
    endpoint_store::EndpointStore,
    live_log::{From, LiveLog},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{
    live::{AMPLE, append, events, redis_at, video, why_away},
    redis_server::{RedisServer, eventually, free_port},
};

/// Where the server is, told to the process that trusts its CA.
const TRUSTED_URL: &str = "CHORUS_TEST_TRUSTED_REDIS";

/// The CA is trusted as an operator has it trusted: by the environment, which only a process of
/// its own can be given. So this test runs itself.
#[tokio::test]
#[ignore = "needs Redis: run deploy/dev/test"]
async fn a_server_is_reached_over_tls_if_its_ca_is_trusted() {
    if let Ok(url) = std::env::var(TRUSTED_URL) {
        appends_and_reads(&url).await;
        return appends_and_reads(&url.replace("://", "+cluster://")).await;
    }
    let dir = tempfile::tempdir().unwrap();
    write_certificates(dir.path());
    let (path, port) = (|name: &str| dir.path().join(name).display().to_string(), free_port());
    let (port, cert, key, ca) =
        (port.to_string(), path("cert.pem"), path("key.pem"), path("ca.pem"));
    let options = [
        ["--tls-port", &port],
        ["--tls-cert-file", &cert],
        ["--tls-key-file", &key],
        ["--tls-ca-cert-file", &ca],
        ["--tls-auth-clients", "no"],
        // A cluster of one is both: a server, and a cluster that tells where its server listens.
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &free_port().to_string()],
        ["--tls-cluster", "yes"],
    ];
    let server = RedisServer::start(options.as_flattened()).await;
    server.run::<()>(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    eventually("a cluster", async || {
        server.run::<String>(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok")
    })
    .await;

    let url = format!("rediss://127.0.0.1:{port}");
    let why = why_away(&*redis_at(&url, AMPLE).await).await;
    assert!(why.contains("certificate"), "{why}");

    let name = "redis_tls::a_server_is_reached_over_tls_if_its_ca_is_trusted";
    let trusting = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--include-ignored"])
        .env(TRUSTED_URL, &url)
        .env("SSL_CERT_FILE", &ca)
        .output();
    let output = trusting.unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

async fn appends_and_reads(url: &str) {
    let (store, video) = (redis_at(url, AMPLE).await, video());
    let entries = append(&*store, &video, &events(3)).await.entries;
    assert_eq!(store.read(&video, From::Newest, 9).await.unwrap().entries, entries);
    EndpointStore::ping(&*store).await.unwrap();
}

/// `ca.pem`, and `cert.pem` with `key.pem` for 127.0.0.1, signed by it.
fn write_certificates(dir: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let server = server.signed_by(&key, &authority).unwrap();
    for (name, pem) in
        [("ca.pem", authority.pem()), ("cert.pem", server.pem()), ("key.pem", key.serialize_pem())]
    {
        std::fs::write(dir.join(name), pem).unwrap();
    }
}
