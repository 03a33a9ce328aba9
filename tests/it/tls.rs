//! The public socket over TLS: HTTP/2 where the client speaks it, HTTP/1 otherwise.

use std::{net::SocketAddr, path::Path, sync::Arc};

use axum::http::StatusCode;
use rcgen::generate_simple_self_signed;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tempfile::tempdir;
use tokio::{net::TcpStream, sync::Barrier};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    client::Client,
    kinds::{LAST, Raw, get, h2, path_before_three},
    process::{self, Process, stderr},
    server::Server,
};

/// A certificate of this machine and its key, in files; and how to reach who shows it.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    pub(crate) files: [String; 2],
}

impl Identity {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let pair = generate_simple_self_signed(names).unwrap();
        let files = ["cert.pem", "key.pem"].map(|name| folder.join(name));
        std::fs::write(&files[0], pair.cert.pem()).unwrap();
        std::fs::write(&files[1], pair.signing_key.serialize_pem()).unwrap();
        let files = files.map(|path| path.to_str().unwrap().to_owned());
        Self { certificate: pair.cert.der().clone(), files }
    }

    /// How a client trusts it and no other.
    fn trust(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    async fn connect(&self, address: SocketAddr, protocol: &str) -> TlsStream<TcpStream> {
        let mut trust = self.trust();
        trust.alpn_protocols = vec![protocol.into()];
        let name = ServerName::try_from("localhost").unwrap();
        let socket = TcpStream::connect(address).await.unwrap();
        let stream = TlsConnector::from(Arc::new(trust)).connect(name, socket).await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol();
        assert_eq!(agreed, Some(protocol.as_bytes()));
        stream
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_over_tls_get_the_same() {
    let folder = tempdir().unwrap();
    let identity = Identity::in_folder(folder.path());
    let [cert, key] = &identity.files;
    let tls = format!("[tls]\ncert = {cert:?}\nkey = {key:?}");
    let server = Server::all_with(folder.path(), &tls).await;
    let address = server.public();
    let client = Client::over_tls(address, identity.trust());
    let path = path_before_three(&client).await;
    let (mut one, mut old) = (
        Raw::over(identity.connect(address, "http/1.1").await),
        Raw::over(identity.connect(address, "http/1.1").await),
    );
    one.send(&get(&path, "1.1")).await;
    old.send(&get(&path, "1.0")).await;
    let two = identity.connect(address, "h2").await;
    let open = Barrier::new(4);
    let post_more = async {
        open.wait().await;
        for text in ["four", LAST] {
            assert_eq!(client.comment("v", text).await.status, StatusCode::CREATED);
        }
    };
    let (one, old, two, ()) =
        tokio::join!(one.stream(&open), old.stream(&open), h2(two, &path, &open), post_more);
    assert_eq!(one.body.matches("event: comment").count(), 5, "{}", one.body);
    for (kind, seen) in [("HTTP/1.0", &old), ("HTTP/2", &two)] {
        assert_eq!((&seen.head, &seen.body), (&one.head, &one.body), "{kind}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_terminal_reaches_a_server_over_tls() {
    let folder = tempdir().unwrap();
    let identity = Identity::in_folder(folder.path());
    let [cert, key] = identity.files.each_ref().map(String::as_str);
    let any = ["--listen", "127.0.0.1:0", "--internal_listen", "127.0.0.1:0"];
    let tls = ["--tls.cert", cert, "--tls.key", key];
    let server = Process::start(folder.path(), &[&any[..], &tls].concat()).await;
    let url = format!("https://{}", server.public.unwrap());
    let post = ["post", "v", "over TLS", "--url", &url];
    let untrusted = process::run(folder.path(), &post).await;
    assert!(!untrusted.status.success() && stderr(&untrusted).contains("certificate"));
    let trusting = |args: &[&str]| {
        let mut command = process::command(folder.path(), args);
        command.env("SSL_CERT_FILE", cert);
        command
    };
    let posted = trusting(&post).output().await.unwrap();
    assert!(posted.status.success(), "{}", stderr(&posted));
    let line = process::first_line(trusting(&["tail", "v", "--url", &url])).await;
    assert!(line.ends_with(": over TLS"), "{line}");
    server.kill().await;
}
