//! Who asks: tokens signed by a secret or by the keys of a JWKS, and development mode's
//! `X-Chorus-User`.
//!
//! In reading order: [`token`] is what somebody shows, [`claims`] what stands in it ([`role`] what
//! they may do), [`bad_token`] why it is refused; [`key`] checks its signature; [`jwk`] and
//! [`key_set`] are how public keys are written ([`object`] is what they and tokens are made of),
//! [`key_source`] where, [`keys`] how they stay fresh; [`principal`] is who it was.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use tokio_util::sync::CancellationToken;

use crate::{
    ambient,
    config::Config,
    problem::{Code, Problem},
};

use bad_token::BadToken;
pub use claims::Claims;
use claims::Expected;
use key::{Algorithm, Key};
pub use key_set::NoKeySet;
use key_source::KeySource;
pub use key_source::KeysError;
use keys::{Keys, Pace};
pub use principal::Principal;
pub use role::Role;
use token::Token;
pub use token::sign;

mod bad_token;
mod claims;
mod jwk;
mod key;
mod key_set;
mod key_source;
mod keys;
mod object;
mod principal;
mod role;
#[cfg(test)]
mod tests;
mod token;

/// Development mode's header for the author.
pub const DEVELOPMENT_USER: &str = "x-chorus-user";

/// Checks who asks, the way the configuration says.
pub struct Authenticator {
    secret: Option<Key>,
    keys: Option<Keys>,
    expected: Expected,
    development: bool,
}

impl Authenticator {
    /// Tokens by `auth.hs256_secret`, by the keys of `auth.jwks`, or both; development mode when
    /// `all` has neither. The keys are read before it returns, unless their URL is away for now, and
    /// kept fresh until `stop`.
    ///
    /// # Errors
    /// When the file of keys can't be read, or what file or URL hold is no set of keys.
    pub async fn start(config: &Config, stop: &CancellationToken) -> Result<Arc<Self>, KeysError> {
        Self::start_at(Pace::DEFAULT, config, stop).await
    }

    async fn start_at(
        pace: Pace,
        config: &Config,
        stop: &CancellationToken,
    ) -> Result<Arc<Self>, KeysError> {
        if config.is_development() {
            return Ok(Self::development());
        }
        let auth = &config.auth;
        let keys = match auth.jwks.as_str() {
            "" => None,
            jwks => Some(Keys::start(KeySource::new(jwks)?, pace, stop.clone()).await?),
        };
        let secret = auth.hs256_secret.expose();
        let secret = (!secret.is_empty()).then(|| Key::hs256(secret));
        let expected = Expected { audience: auth.audience.clone(), issuer: auth.issuer.clone() };
        Ok(Arc::new(Self { secret, keys, expected, development: false }))
    }

    /// Development mode's: it believes whoever asks.
    #[must_use]
    pub fn development() -> Arc<Self> {
        let expected = Expected::default();
        Arc::new(Self { secret: None, keys: None, expected, development: true })
    }

    /// Who asks, or `None` when nobody is named. It waits only for a token that names a key which
    /// nobody knows, two seconds at most: it may be a new one.
    ///
    /// # Errors
    /// 401 when somebody is named who can't be believed; 503 when that can't be told, since the key
    /// that the token names is not known and keys can't be read.
    pub async fn identify(&self, headers: &HeaderMap) -> Result<Option<Principal>, Problem> {
        if let Some(value) = headers.get(header::AUTHORIZATION) {
            let token = value.to_str().ok().and_then(bearer).ok_or_else(|| {
                Problem::new(Code::Unauthorized, "Authorization must be `Bearer <token>`")
            })?;
            return Ok(Some(self.check(token).await?));
        }
        match headers.get(DEVELOPMENT_USER) {
            Some(value) if self.development => {
                let id = str::from_utf8(value.as_bytes()).ok().and_then(|id| id.parse().ok());
                let id = id.ok_or_else(|| {
                    Problem::new(Code::Unauthorized, "X-Chorus-User is not a user id")
                })?;
                Ok(Some(Principal::developer(id)))
            }
            _ => Ok(None),
        }
    }

    /// Who asks, somebody at any rate: in development mode a guest, named after `seed` (so that a
    /// repeated request is the same guest's) or by chance.
    ///
    /// # Errors
    /// As [`identify`](Self::identify), and 401 when nobody is named.
    pub async fn require(
        &self,
        headers: &HeaderMap,
        seed: Option<&[u8]>,
    ) -> Result<Principal, Problem> {
        match self.identify(headers).await? {
            Some(principal) => Ok(principal),
            None if self.development => {
                let number =
                    seed.map_or_else(|| ambient::random_range(0..u32::MAX), crc32fast::hash);
                let guest = Principal::guest(number);
                guest.ok_or_else(|| Problem::new(Code::Internal, "no guest name"))
            }
            None => Err(Problem::new(Code::Unauthorized, "a token is needed")),
        }
    }

    async fn check(&self, token: &str) -> Result<Principal, BadToken> {
        let token = Token::parse(token)?;
        let claims = match (token.algorithm, &self.secret, &self.keys) {
            (Algorithm::Hs256, Some(secret), _) => token.claims_by([secret]),
            (Algorithm::EdDsa | Algorithm::Rs256 | Algorithm::Es256, _, Some(keys)) => {
                by_public_key(keys, &token).await
            }
            _ => Err(BadToken::NoKey),
        }?;
        self.expected.check(&claims, ambient::since_1970().as_secs())?;
        Principal::of_token(claims)
    }
}

async fn by_public_key(keys: &Keys, token: &Token<'_>) -> Result<Claims, BadToken> {
    let kid = token.kid.as_deref();
    let mut known = keys.known();
    if kid.is_some_and(|kid| !known.set.has(kid)) {
        // Seldom, so that its state takes no room in every request.
        known = Box::pin(keys.renewed()).await;
    }
    let is_named = kid.is_some_and(|kid| known.set.has(kid));
    match token.claims_by(known.set.of(token.algorithm, kid)) {
        Err(BadToken::UnknownKey) if known.away && !is_named => Err(BadToken::KeysAway),
        checked => checked,
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
