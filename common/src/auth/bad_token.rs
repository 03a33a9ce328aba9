//! Why a token is refused. Nothing of the token itself stands in it: it ends up in answers and logs.

use crate::problem::{Code, Problem};

/// When to come again while the keys can't be read, seconds.
const RETRY_AFTER_S: u32 = 5;

/// Why a token is refused; follows "bad token: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadToken {
    #[error("it is too long, or not three parts of base64url with a header of JSON")]
    Form,
    #[error("its header names something critical, and nothing such is understood here")]
    Critical,
    #[error("its algorithm is none of HS256, EdDSA, RS256 and ES256")]
    Algorithm,
    #[error("no key is configured to check it with")]
    NoKey,
    #[error("there is no such key for its algorithm")]
    UnknownKey,
    #[error("its signature is not right")]
    Signature,
    #[error(
        "its claims must be sub (a text) and exp (seconds), and may be nbf, iss, aud, name, role, \
         avatar (texts) and videos (a list)"
    )]
    Claims,
    #[error("it has expired")]
    Expired,
    #[error("it is not good yet")]
    NotYet,
    #[error("it is for another audience")]
    Audience,
    #[error("it is from another issuer")]
    Issuer,
    #[error("its sub is no user id, or its name or avatar (https only) can't be shown")]
    Person,
    /// Its key may exist: they can't be read now.
    #[error("its key is not known, and keys can't be read right now")]
    KeysAway,
}

impl From<BadToken> for Problem {
    fn from(bad: BadToken) -> Self {
        match bad {
            // Not the token's fault: whoever takes 401 for an answer would throw a good one away.
            BadToken::KeysAway => Self::unavailable(
                "the token can't be checked: keys can't be read right now",
                RETRY_AFTER_S,
            ),
            bad => Self::new(Code::Unauthorized, format!("bad token: {bad}")),
        }
    }
}
