//! A token as it is shown: three parts of base64url, the first of which says how it is signed.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{Algorithm, BadToken, Claims, Key, object};

/// Longest token, bytes: what a header line of a request may take, about.
const LEN_MAX: usize = 8 * 1024;
/// The header of tokens that we sign.
const OUR_HEADER: &str = r#"{"typ":"JWT","alg":"HS256"}"#;

/// A token of HS256 for the claims.
///
/// # Errors
/// When the claims can't be serialised.
pub fn sign(secret: &str, claims: &Claims) -> Result<String, serde_json::Error> {
    let [header, claims] = [OUR_HEADER.as_bytes(), &serde_json::to_vec(claims)?]
        .map(|part| URL_SAFE_NO_PAD.encode(part));
    let signed = format!("{header}.{claims}");
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&secret, signed.as_bytes()));
    Ok(format!("{signed}.{signature}"))
}

/// A token whose signature nobody has checked yet: its claims come out only with a key.
pub(super) struct Token<'t> {
    pub(super) algorithm: Algorithm,
    /// The name of the key that it says it is signed by.
    pub(super) kid: Option<String>,
    signed: &'t str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

/// What we look at of a header. A key that comes with the token (`jwk`, `jku`, `x5c`) is no reason
/// to believe it.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
}

impl<'t> Token<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, BadToken> {
        if text.len() > LEN_MAX {
            return Err(BadToken::Form);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(BadToken::Form)?;
        let (header, claims) = signed.split_once('.').ok_or(BadToken::Form)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| BadToken::Form);
        let header: Header = object::read(&decode(header)?).map_err(|_| BadToken::Form)?;
        if header.crit {
            return Err(BadToken::Critical);
        }
        let algorithm = Algorithm::named(&header.alg).ok_or(BadToken::Algorithm)?;
        let (claims, signature) = (decode(claims)?, decode(signature)?);
        Ok(Self { algorithm, kid: header.kid, signed, claims, signature })
    }

    /// What the token says, if one of `keys` signed it. A key counts only for its own algorithm,
    /// whatever the header says: a public key is never taken for a secret.
    pub(super) fn claims_by<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k Key>,
    ) -> Result<Claims, BadToken> {
        let mut why = BadToken::UnknownKey;
        for key in keys.into_iter().filter(|key| key.algorithm() == self.algorithm) {
            if key.has_signed(self.signed.as_bytes(), &self.signature) {
                return object::read(&self.claims).map_err(|_| BadToken::Claims);
            }
            why = BadToken::Signature;
        }
        Err(why)
    }
}

fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
