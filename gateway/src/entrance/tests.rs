//! Every way in, and every way that is none.

use common::{
    auth::{Claims, sign},
    config::{Config, Role, Sources, load},
};

use super::*;
use crate::test_support::once::Once;

const SECRET: &str = "a secret of at least thirty-two bytes";

fn config() -> Config {
    let mut config = load(Role::All, Sources::default()).config.unwrap();
    config.auth.hs256_secret = SECRET.into();
    config.internal.secret = "internal".into();
    config
}

async fn entrance(viewers: ViewerAuth, is_away: bool) -> Entrance {
    let config = config();
    let stop = tokio_util::sync::CancellationToken::new();
    let authenticator = Authenticator::start(&config, &stop).await.unwrap();
    let passes = Arc::new(Passes::new(&config));
    Entrance {
        authenticator,
        passes,
        limiter: Arc::new(Once { is_away, ..Once::default() }),
        viewers,
    }
}

fn video() -> VideoId {
    "v".parse().unwrap()
}

fn with(name: &'static str, value: &str) -> HeaderMap {
    HeaderMap::from_iter([(name.parse().unwrap(), HeaderValue::from_str(value).unwrap())])
}

fn bearer(ttl_s: u64) -> HeaderMap {
    let token = sign(SECRET, &Claims::new("uma", Duration::from_secs(ttl_s))).unwrap();
    with("authorization", &format!("Bearer {token}"))
}

async fn ticket(entrance: &Entrance, ttl_s: u64) -> String {
    let principal = entrance.authenticator.identify(&bearer(ttl_s)).await.unwrap().unwrap();
    let now_s = ambient::unix_ms() / 1_000;
    entrance.passes.ticket(&video(), &principal, now_s).ticket.expose().to_owned()
}

/// Who is let in, and with which cookie; or why not.
async fn admit(
    entrance: &Entrance,
    headers: &HeaderMap,
    ticket: Option<&str>,
) -> Result<(Option<String>, Option<String>), String> {
    let shown = Shown { headers, ticket, is_secure: false };
    let admitted = entrance.admit(&video(), shown).await;
    let Admitted { who, cookie } = admitted.map_err(|problem| format!("{problem:?}"))?;
    let cookie = cookie.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap().into());
    Ok((who.map(|who| who.user.to_string()), cookie))
}

fn uma() -> Option<String> {
    Some("uma".into())
}

#[tokio::test]
async fn anonymous_ones_unless_a_token_is_required() {
    let nobody = HeaderMap::new();
    let open = entrance(ViewerAuth::Optional, false).await;
    assert_eq!(admit(&open, &nobody, None).await, Ok((None, None)));
    let closed = entrance(ViewerAuth::Required, false).await;
    assert!(admit(&closed, &nobody, None).await.unwrap_err().contains("Unauthorized"));
    for entrance in [&open, &closed] {
        assert_eq!(admit(entrance, &bearer(60), None).await, Ok((uma(), None)));
        let bad = with("authorization", "Bearer nonsense");
        assert!(admit(entrance, &bad, None).await.unwrap_err().contains("Unauthorized"));
    }
}

#[tokio::test]
async fn a_ticket_opens_one_stream_and_its_cookie_the_next() {
    for viewers in [ViewerAuth::Optional, ViewerAuth::Required] {
        let (entrance, nobody) = (entrance(viewers, false).await, HeaderMap::new());
        let ticket = ticket(&entrance, 60).await;
        let (who, cookie) = admit(&entrance, &nobody, Some(&ticket)).await.unwrap();
        assert_eq!(who, uma());
        let again = admit(&entrance, &nobody, Some(&ticket)).await.unwrap_err();
        assert!(again.contains("used before") && !again.contains(&ticket), "{again}");
        let cookie = with("cookie", &cookie.unwrap());
        assert_eq!(admit(&entrance, &cookie, Some(&ticket)).await, Ok((uma(), None)));
        assert_eq!(admit(&entrance, &cookie, None).await, Ok((uma(), None)));
        assert_eq!(admit(&entrance, &cookie, Some("nonsense")).await, Ok((uma(), None)));
        assert!(admit(&entrance, &nobody, Some("nonsense")).await.is_err());
    }
}

/// With nobody to remember, the signature has to do.
#[tokio::test]
async fn tickets_while_nobody_remembers() {
    let (entrance, nobody) = (entrance(ViewerAuth::Required, true).await, HeaderMap::new());
    let ticket = ticket(&entrance, 60).await;
    for _ in 0..2 {
        assert_eq!(admit(&entrance, &nobody, Some(&ticket)).await.unwrap().0, uma());
    }
    let mut forged = ticket.into_bytes();
    forged[3] ^= 1;
    let forged = String::from_utf8(forged).unwrap();
    assert!(admit(&entrance, &nobody, Some(&forged)).await.is_err());
}

/// The token itself would be taken for some seconds longer.
#[tokio::test]
async fn a_stream_lasts_no_longer_than_its_token() {
    let entrance = entrance(ViewerAuth::Optional, false).await;
    let headers = bearer(30);
    let shown = Shown { headers: &headers, ticket: None, is_secure: false };
    let who = entrance.admit(&video(), shown).await.unwrap().who.unwrap();
    let left = who.until.unwrap().saturating_duration_since(Instant::now());
    assert!((Duration::from_secs(28)..=Duration::from_secs(31)).contains(&left), "{left:?}");
    let expired = admit(&entrance, &bearer(0), None).await.unwrap_err();
    assert!(expired.contains("expired"), "{expired}");
}
