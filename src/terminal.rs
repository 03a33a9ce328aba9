//! `chorus tail` and `chorus post`: a viewer and a commenter in a terminal.

use std::{sync::Arc, time::Duration};

use anyhow::{Context, Result, bail};
use axum::http::{Method, Request, Response, StatusCode, header};
use bytes::Bytes;
use common::{comment::Comment, config::Secret};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};

use rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::{
    announce,
    cli::{PostRequest, TailRequest},
};
use events::{Event, Events};

mod events;

/// Between attempts while the server is away, unless it said otherwise.
const RETRY: Duration = Duration::from_secs(2);

type Client = HttpClient<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Over TLS it trusts whom the system trusts, or those in the file `SSL_CERT_FILE`.
fn client(url: &str) -> Result<Client> {
    let trust = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    let trust = if url.starts_with("https://") {
        trust.with_native_roots().context("can't read the system's trusted certificates")?
    } else {
        trust.with_root_certificates(RootCertStore::empty())
    };
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(trust.with_no_client_auth())
        .https_or_http()
        .enable_http1()
        .build();
    Ok(HttpClient::builder(TokioExecutor::new()).build(connector))
}

/// Posts one comment and prints it as the server has it.
pub(crate) async fn post(request: PostRequest) -> Result<()> {
    let PostRequest { video, text, url, user, token, key } = request;
    let mut builder = Request::builder()
        .method(Method::POST)
        .uri(format!("{url}/v1/videos/{video}/comments"))
        .header(header::CONTENT_TYPE, "application/json");
    if let Some(user) = user {
        builder = builder.header(common::auth::DEVELOPMENT_USER, user.as_str());
    }
    if let Some(key) = key {
        builder = builder.header("idempotency-key", key.as_str());
    }
    let body = serde_json::json!({ "text": text }).to_string();
    let request = authorized(builder, token.as_ref()).body(Full::from(body))?;
    let response =
        client(&url)?.request(request).await.with_context(|| format!("can't reach {url}"))?;
    let status = response.status();
    let body = response.into_body().collect().await.context("the answer was cut off")?.to_bytes();
    let body = String::from_utf8_lossy(&body);
    if status.is_success() { announce::line(&body) } else { bail!("{status}: {body}") }
}

/// Prints comments as they come, until it is interrupted; comes back where it stood.
pub(crate) async fn tail(request: TailRequest) -> Result<()> {
    let client = client(&request.url)?;
    let mut events = Events::default();
    let mut connected = false;
    loop {
        match open(&client, &request, &events).await {
            Ok(response) if response.status() == StatusCode::OK => {
                connected = true;
                read(response, &mut events).await?;
            }
            Ok(response) => bail!("{}: {}", request.url, response.status()),
            Err(error) if connected => tracing::debug!(%error, "not reached"),
            Err(error) => return Err(error),
        }
        events.cut_off();
        tokio::time::sleep(events.retry().unwrap_or(RETRY)).await;
    }
}

async fn open(
    client: &Client,
    request: &TailRequest,
    events: &Events,
) -> Result<Response<Incoming>> {
    let TailRequest { video, url, token, recent } = request;
    let builder = Request::get(format!("{url}/v1/videos/{video}/stream?recent={recent}"))
        .header(header::ACCEPT, "text/event-stream");
    let builder = match events.last_id() {
        Some(id) => builder.header("last-event-id", id),
        None => builder,
    };
    let request = authorized(builder, token.as_ref()).body(Full::default())?;
    client.request(request).await.with_context(|| format!("can't reach {url}"))
}

fn authorized(
    builder: axum::http::request::Builder,
    token: Option<&Secret>,
) -> axum::http::request::Builder {
    match token {
        Some(token) => builder.header(header::AUTHORIZATION, format!("Bearer {}", token.expose())),
        None => builder,
    }
}

async fn read(response: Response<Incoming>, events: &mut Events) -> Result<()> {
    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(bytes) = frame.into_data() else { continue };
        for Event { name, data } in events.take(&bytes) {
            match name.as_str() {
                "comment" => print(&data)?,
                "skipped" => announce::line(&format!("-- skipped: {data}"))?,
                "resume" if data.contains("\"reset\"") => {
                    announce::line("-- the stream was reset: comments may be missing here")?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn print(data: &str) -> Result<()> {
    let comment: Comment = serde_json::from_str(data).context("not a comment")?;
    let time = common::comment::rfc3339(comment.id.unix_ms());
    let clock = time.get(11..19).unwrap_or(&time);
    // A terminal obeys control characters: a name or text must not reach it with any.
    let plain = |text: &str| text.replace(char::is_control, " ");
    announce::line(&format!(
        "{clock} {}: {}",
        plain(&comment.author.name),
        plain(comment.text.as_str())
    ))
}
