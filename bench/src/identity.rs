//! Who posts: development header, one given token, or a token minted for each user.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

/// The header by which `chorus all` in development mode takes an author.
const DEVELOPMENT_HEADER: HeaderName = HeaderName::from_static("x-chorus-user");
/// Minted tokens outlive any run.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 3600);

/// How posts are signed.
pub(crate) enum Identity {
    Development,
    Token(HeaderValue),
    Minted { key: EncodingKey, minted: RefCell<HashMap<u32, HeaderValue>> },
}

#[derive(Serialize)]
struct Claims {
    sub: String,
    name: String,
    role: &'static str,
    exp: u64,
}

impl Identity {
    pub(crate) fn new(token: Option<&str>, hs256_secret: Option<&str>) -> Result<Self> {
        Ok(match (token, hs256_secret) {
            (Some(token), _) => Self::Token(format!("Bearer {token}").try_into()?),
            (None, Some(secret)) => Self::Minted {
                key: EncodingKey::from_secret(secret.as_bytes()),
                minted: RefCell::default(),
            },
            (None, None) => Self::Development,
        })
    }

    /// The header that says that user `user` posts.
    pub(crate) fn header(&self, user: u32) -> Result<(HeaderName, HeaderValue)> {
        match self {
            Self::Development => Ok((DEVELOPMENT_HEADER, format!("u{user}").try_into()?)),
            Self::Token(value) => Ok((AUTHORIZATION, value.clone())),
            Self::Minted { key, minted } => {
                if let Some(value) = minted.borrow().get(&user) {
                    return Ok((AUTHORIZATION, value.clone()));
                }
                let value = mint(key, user)?;
                minted.borrow_mut().insert(user, value.clone());
                Ok((AUTHORIZATION, value))
            }
        }
    }
}

fn mint(key: &EncodingKey, user: u32) -> Result<HeaderValue> {
    let expiry = SystemTime::now().duration_since(UNIX_EPOCH)? + TOKEN_TTL;
    let claims = Claims {
        sub: format!("u{user}"),
        name: format!("User {user}"),
        role: "commenter",
        exp: expiry.as_secs(),
    };
    let token = encode(&Header::default(), &claims, key)?;
    Ok(format!("Bearer {token}").try_into()?)
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    #[test]
    fn mints_a_valid_token_once_per_user() {
        let identity = Identity::new(None, Some("secret")).unwrap();
        let (name, value) = identity.header(7).unwrap();
        assert_eq!(name, AUTHORIZATION);
        assert_eq!(identity.header(7).unwrap().1, value);
        assert_ne!(identity.header(8).unwrap().1, value);
        let token = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let key = DecodingKey::from_secret(b"secret");
        let claims = decode::<Value>(token, &key, &Validation::default()).unwrap().claims;
        assert_eq!(claims["sub"], "u7");
        assert_eq!(claims["role"], "commenter");
    }

    #[test]
    fn development_and_given_token() {
        let (name, value) = Identity::new(None, None).unwrap().header(7).unwrap();
        assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-chorus-user", "u7"));
        let (_, value) = Identity::new(Some("abc"), Some("x")).unwrap().header(7).unwrap();
        assert_eq!(value, "Bearer abc");
        assert!(Identity::new(Some("a\nb"), None).is_err());
    }
}
