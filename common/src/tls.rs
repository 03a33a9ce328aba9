//! TLS of the public socket: a certificate and its key from PEM files, read again every minute, so
//! that renewing them needs no restart. HTTP/2 or HTTP/1.1 by ALPN.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::time::sleep;
pub use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::{config, task};

/// How often the files are read. Certificates are renewed days before they expire.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why there is no certificate to show; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("can't read {} (`{key}`): {error}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// The configuration key.
        key: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A file holds something else.
    #[error("{} (`{key}`) must hold a {wanted} in PEM form: {error}", path.display())]
    NotPem {
        /// Where.
        path: PathBuf,
        /// The configuration key.
        key: &'static str,
        /// What should be there.
        wanted: &'static str,
        /// What the parser says.
        error: pem::Error,
    },
    /// What was read can't be used.
    #[error("`tls.cert` and `tls.key` can't be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Accepts TLS connections with the certificate that `tls` names, and reads it anew until `stop`;
/// `None` when it names none.
///
/// # Errors
/// When the files can't be read or used.
pub fn acceptor(
    tls: &config::Tls,
    stop: &CancellationToken,
) -> Result<Option<TlsAcceptor>, TlsError> {
    if !tls.is_on() {
        return Ok(None);
    }
    let provider = Arc::new(ring::default_provider());
    let shown = Arc::new(Shown::load(tls.clone(), provider.clone())?);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shown.clone());
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stop = stop.clone();
    task::spawn("tls", async move { stop.run_until_cancelled(shown.keep_fresh()).await });
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

/// The certificate that clients are shown.
#[derive(Debug)]
struct Shown {
    tls: config::Tls,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Shown {
    fn load(tls: config::Tls, provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let current = RwLock::new(Arc::new(read(&tls, &provider)?));
        Ok(Self { tls, provider, current })
    }

    async fn keep_fresh(self: Arc<Self>) {
        loop {
            sleep(LOOK_EVERY).await;
            let shown = self.clone();
            match tokio::task::spawn_blocking(move || shown.renew()).await {
                Ok(Ok(true)) => tracing::info!("the new TLS certificate is in use"),
                Ok(Err(error)) => tracing::warn!(%error, "the TLS certificate stays as it is"),
                Ok(Ok(false)) | Err(_) => {} // a look that panicked is followed by the next
            }
        }
    }

    /// Whether there is another certificate than before. When only one of the two files is new yet,
    /// they can't be used together, and nothing changes.
    fn renew(&self) -> Result<bool, TlsError> {
        let new = read(&self.tls, &self.provider)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_new = new.cert != current.cert;
        *current = Arc::new(new);
        Ok(is_new)
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

fn read(tls: &config::Tls, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = parse(&tls.cert, "tls.cert", "certificate", |text| {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(text).collect::<Result<_, _>>()?;
        if chain.is_empty() { Err(pem::Error::NoItemsFound) } else { Ok(chain) }
    })?;
    let key = parse(&tls.key, "tls.key", "private key", PrivateKeyDer::from_pem_slice)?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

fn parse<T>(
    path: &Path,
    key: &'static str,
    wanted: &'static str,
    from_pem: impl FnOnce(&[u8]) -> Result<T, pem::Error>,
) -> Result<T, TlsError> {
    let path = path.to_owned();
    match fs::read(&path) {
        Ok(text) => from_pem(&text).map_err(|error| TlsError::NotPem { path, key, wanted, error }),
        Err(error) => Err(TlsError::Unreadable { path, key, error }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::{CertifiedKey as Pair, generate_simple_self_signed};
    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
    use tempfile::{TempDir, tempdir};
    use tokio::time::{advance, timeout};
    use tokio_rustls::TlsConnector;

    use super::*;

    struct Fixture {
        folder: TempDir,
        tls: config::Tls,
    }

    impl Fixture {
        fn new() -> Self {
            let folder = tempdir().unwrap();
            let [cert, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
            let fixture = Self { folder, tls: config::Tls { cert, key } };
            let pair = pair();
            fixture.write("cert.pem", &pair.cert.pem());
            fixture.write("key.pem", &pair.signing_key.serialize_pem());
            fixture
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.folder.path().join(name), text).unwrap();
        }

        fn load(&self) -> Result<Shown, TlsError> {
            Shown::load(self.tls.clone(), Arc::new(ring::default_provider()))
        }
    }

    /// Shows a certificate of its own.
    pub(crate) fn some_acceptor(stop: &CancellationToken) -> TlsAcceptor {
        acceptor(&Fixture::new().tls, stop).unwrap().unwrap()
    }

    fn pair() -> Pair<rcgen::KeyPair> {
        generate_simple_self_signed(["localhost".to_owned()]).unwrap()
    }

    #[test]
    fn a_renewed_certificate_is_shown_once_both_files_are_there() {
        let fixture = Fixture::new();
        let shown = fixture.load().unwrap();
        let first = shown.current.read().unwrap().cert.clone();
        assert!(!shown.renew().unwrap(), "nothing is new");
        let renewed = pair();
        fixture.write("cert.pem", &renewed.cert.pem());
        assert!(matches!(shown.renew(), Err(TlsError::Unusable(_))));
        assert_eq!(shown.current.read().unwrap().cert, first);
        fixture.write("key.pem", &renewed.signing_key.serialize_pem());
        assert!(shown.renew().unwrap());
        assert_eq!(shown.current.read().unwrap().cert, [renewed.cert.der().clone()]);
    }

    /// What a client is shown who trusts these.
    async fn seen(
        acceptor: &TlsAcceptor,
        trusted: &[CertificateDer<'static>],
    ) -> CertificateDer<'static> {
        let mut roots = RootCertStore::empty();
        trusted.iter().for_each(|root| roots.add(root.clone()).unwrap());
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let client = client.with_safe_default_protocol_versions().unwrap();
        let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let name = ServerName::try_from("localhost").unwrap();
        let connect = TlsConnector::from(client).connect(name, theirs);
        let (accepted, connected) = tokio::join!(acceptor.accept(ours), connect);
        accepted.unwrap();
        connected.unwrap().get_ref().1.peer_certificates().unwrap()[0].clone()
    }

    #[tokio::test(start_paused = true)]
    async fn clients_are_shown_the_new_certificate_within_a_minute() {
        let fixture = Fixture::new();
        let stop = CancellationToken::new();
        let acceptor = acceptor(&fixture.tls, &stop).unwrap().unwrap();
        let first = fixture.load().unwrap().current.read().unwrap().cert[0].clone();
        let renewed = pair();
        let trusted = [first.clone(), renewed.cert.der().clone()];
        fixture.write("cert.pem", &renewed.cert.pem());
        fixture.write("key.pem", &renewed.signing_key.serialize_pem());
        assert_eq!(seen(&acceptor, &trusted).await, first);
        let is_shown = async {
            while seen(&acceptor, &trusted).await == first {
                advance(LOOK_EVERY / 10).await;
            }
        };
        timeout(LOOK_EVERY * 10, is_shown).await.unwrap();
    }

    #[test]
    fn files_that_can_not_be_used_are_named() {
        let fixture = Fixture::new();
        fixture.write("key.pem", "not a key");
        let error = fixture.load().unwrap_err().to_string();
        assert!(error.contains("key.pem (`tls.key`)") && error.contains("private key"), "{error}");
        fixture.write("cert.pem", "");
        let error = fixture.load().unwrap_err().to_string();
        assert!(error.contains("cert.pem (`tls.cert`)"), "{error}");
        fs::remove_file(&fixture.tls.cert).unwrap();
        let error = fixture.load().unwrap_err().to_string();
        assert!(error.contains("can't read") && error.contains("`tls.cert`"), "{error}");
    }
}
