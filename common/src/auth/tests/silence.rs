//! Nothing secret is ever shown: neither in answers nor in logs, whoever prints whatever.

use std::{
    io::{self, Write},
    sync::Mutex,
};

use axum::http::header;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::{
    issuer::{Answer, Issuer},
    *,
};
use crate::pass::Passes;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Log {
    type Writer = Self;

    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

/// Everything that is told within the test, at every level.
fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let subscriber =
        tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_writer(log.clone());
    (log, tracing::subscriber::set_default(subscriber.finish()))
}

fn assert_silent(told: &str, secrets: &[&str]) {
    for secret in secrets {
        assert!(!told.contains(secret), "{secret:?} in {told}");
    }
}

#[tokio::test]
async fn neither_tokens_nor_secrets_are_shown() {
    let (log, _guard) = listen();
    let signer = Signer::eddsa("hush-kid");
    let issuer = Issuer::start(Answer::Document(document(from_ref(&signer.jwk)))).await;
    let text = format!(
        "auth.hs256_secret = 'hush-hs256'\nauth.jwks = {:?}\n\
         [internal]\nsecret = 'hush-internal'\nsecret_previous = 'hush-previous'",
        issuer.url
    );
    let config = config(&text);
    let ours = Authenticator::start(&config, &CancellationToken::new()).await.unwrap();
    let (now, secret) = (now_s(), Signer::hs256("hush-hs256"));
    let mut shown = vec![format!("{config:?}").replace(&issuer.url, "")];
    for (header, claims) in [
        (json!({"alg": "hush-alg"}), json!({"sub": "u", "exp": now + 60})),
        (json!({"alg": "HS256", "crit": ["hush-crit"]}), json!({"sub": "u", "exp": now + 60})),
        (json!({"alg": "EdDSA", "kid": "hush-kid"}), json!({"sub": "u", "exp": now + 60})),
        (json!({"alg": "ES256", "kid": "hush-kid"}), json!({"sub": "u", "exp": now + 60})),
        (json!({"alg": "ES256", "kid": "hush-other"}), json!({"sub": "u", "exp": now + 60})),
        (json!({"alg": "HS256"}), json!({"sub": "u", "exp": now + 60, "role": "hush-role"})),
        (json!({"alg": "HS256"}), json!({"sub": "u", "exp": "hush-exp"})),
        (json!({"alg": "HS256"}), json!({"sub": "hush\n-sub", "exp": now + 60})),
        (json!({"alg": "HS256"}), json!({"sub": "u", "exp": now + 60, "name": "hush\n-name"})),
        (json!({"alg": "HS256"}), json!({"sub": "u", "exp": now + 60, "avatar": "hush:avatar"})),
        (json!({"alg": "HS256"}), json!({"sub": "u", "exp": 5, "name": "hush-expired"})),
    ] {
        let token = secret.sign(&header.to_string(), &claims.to_string());
        for token in [format!("Bearer {token}"), token.clone(), format!("Bearer {token}!hush")] {
            let problem = ours.identify(&with("authorization", &token)).await.unwrap_err();
            tracing::error!(?problem, "refused");
            shown.push(format!("{problem:?}"));
            assert_silent(&shown.concat(), &token.split(['.', ' ']).skip(1).collect::<Vec<_>>());
        }
    }
    assert!(shown.len() > 30 && log.text().contains("bad token"), "negative control");
    assert_silent(&shown.concat(), &["hush"]);
    // The name of a file of keys, or of a server, is no secret; what is asked of it may be.
    assert_silent(&log.text(), &["hush"]);
}

#[tokio::test]
async fn neither_tickets_nor_cookies_are_shown() {
    let (log, _guard) = listen();
    let config = config("[internal]\nsecret = 'hush-internal'");
    let ours = Authenticator::development();
    let principal = ours.require(&with(DEVELOPMENT_USER, "uma"), None).await.unwrap();
    let (passes, video, now) = (Passes::new(&config), "v".parse().unwrap(), now_s());
    let issued = passes.ticket(&video, &principal, now);
    let ticket = passes.check_ticket(&video, issued.ticket.expose(), now).unwrap();
    let cookie = passes.cookie(&video, &ticket.bearer, true, now);
    let sent = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
    let request = HeaderMap::from_iter([(header::COOKIE, sent.parse().unwrap())]);
    let bearer = passes.check_cookie(&video, &request, now).unwrap();
    let refused = passes.check_ticket(&video, &sent, now).unwrap_err();
    let problem = Problem::from(refused);
    tracing::error!(?principal, ?issued, ?ticket, ?cookie, ?bearer, ?problem, "all of it");
    let (_, cookie) = sent.split_once('=').unwrap();
    let (payload, mac) = cookie.split_once('.').unwrap();
    let text = log.text();
    assert!(text.contains("uma"), "negative control: {text}");
    assert_silent(&text, &["hush", issued.ticket.expose(), payload, mac]);
}
