//! Where the public keys of tokens are read: a file, or a URL.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::http::{Request, StatusCode, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};

use super::key_set::NoKeySet;
use crate::{config::is_http_url, peer::innermost};

/// Longest document, bytes: some hundred RSA keys.
const DOCUMENT_LEN_MAX: usize = 256 * 1024;
/// Longest that a URL may take to answer, from the look-up of its name to the last byte.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

type Client = HttpClient<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Why there are no keys to check tokens with; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file can't be read.
    #[error("can't read {} (`auth.jwks`): {error}", path.display())]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The URL isn't reached, or answers with something other than 200: it may come back.
    #[error("can't get {url} (`auth.jwks`): {why}")]
    Away {
        /// Where, without its query.
        url: String,
        /// What went wrong.
        why: String,
    },
    /// Far more than a set of keys.
    #[error("{place} (`auth.jwks`) is longer than {} KiB", DOCUMENT_LEN_MAX / 1024)]
    TooLong {
        /// Where.
        place: String,
    },
    /// It holds something else.
    #[error("{place} (`auth.jwks`) must hold a JSON Web Key Set like {{\"keys\": […]}}: {error}")]
    Malformed {
        /// Where.
        place: String,
        /// What is wrong with it.
        error: NoKeySet,
    },
    /// It holds no key at all that we can use.
    #[error(
        "{place} (`auth.jwks`) holds no key for tokens of EdDSA (Ed25519), RS256 (2048 to 8192 \
         bits) or ES256"
    )]
    NoneUsable {
        /// Where.
        place: String,
    },
    /// Nobody is trusted to say who the URL's host is.
    #[error("can't read the system's trusted certificates, which `auth.jwks` needs: {0}")]
    NoTrust(io::Error),
    /// There is no TLS.
    #[error("can't ask `auth.jwks` over TLS: {0}")]
    NoTls(#[from] rustls::Error),
}

/// A file, or a URL.
pub(super) enum KeySource {
    File(PathBuf),
    Url { uri: Uri, client: Box<Client> },
}

impl KeySource {
    /// `jwks` is a URL when it begins like one (configuration has checked that it is), else a path.
    pub(super) fn new(jwks: &str) -> Result<Self, KeysError> {
        match jwks.parse::<Uri>() {
            Ok(uri) if is_http_url(jwks) => {
                let client = Box::new(client(&uri)?);
                Ok(Self::Url { uri, client })
            }
            _ => Ok(Self::File(jwks.into())),
        }
    }

    /// The document as it is now.
    pub(super) async fn read(&self) -> Result<Bytes, KeysError> {
        match self {
            Self::File(path) => {
                let owned = path.clone();
                let read = tokio::task::spawn_blocking(move || read_file(&owned)).await;
                let read = read.unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
                read.map_err(|error| KeysError::Unreadable { path: path.clone(), error })?
            }
            Self::Url { uri, client } => {
                match tokio::time::timeout(ANSWER_TIMEOUT, get(uri, client)).await {
                    Ok(got) => got.map_err(|why| KeysError::Away { url: self.place(), why })?,
                    Err(_) => {
                        let why = "no answer in time".to_owned();
                        return Err(KeysError::Away { url: self.place(), why });
                    }
                }
            }
        }
        .ok_or_else(|| KeysError::TooLong { place: self.place() })
    }

    /// How it is called in messages. A query may hold a password.
    pub(super) fn place(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Url { uri, .. } => {
                let text = uri.to_string();
                text.split('?').next().unwrap_or_default().to_owned()
            }
        }
    }
}

/// Each read has a connection of its own: one that is kept for a minute is mostly dead by then.
/// It trusts whom the system trusts, or those in the file `SSL_CERT_FILE`, follows no redirects and
/// uses no proxy.
fn client(uri: &Uri) -> Result<Client, KeysError> {
    let trust = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let trust = if uri.scheme_str() == Some("https") {
        trust.with_native_roots().map_err(KeysError::NoTrust)?
    } else {
        trust.with_root_certificates(RootCertStore::empty())
    };
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(trust.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .build();
    Ok(HttpClient::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
}

/// `None` when it is too long.
async fn get(uri: &Uri, client: &Client) -> Result<Option<Bytes>, String> {
    let request = Request::get(uri.clone())
        .header(header::ACCEPT, "application/jwk-set+json, application/json")
        .header(header::USER_AGENT, "chorus")
        .body(Empty::new())
        .map_err(|error| error.to_string())?;
    let response = client.request(request).await.map_err(|error| innermost(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("it answers {}", response.status()));
    }
    match Limited::new(response.into_body(), DOCUMENT_LEN_MAX).collect().await {
        Ok(body) => Ok(Some(body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Ok(None),
        Err(error) => Err(innermost(&*error)),
    }
}

/// `None` when it is too long.
fn read_file(path: &Path) -> io::Result<Option<Bytes>> {
    // Whoever opens a pipe may wait for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut document = Vec::new();
    let limit = u64::try_from(DOCUMENT_LEN_MAX + 1).unwrap_or(u64::MAX);
    File::open(path)?.take(limit).read_to_end(&mut document)?;
    Ok((document.len() <= DOCUMENT_LEN_MAX).then(|| document.into()))
}
