//! A public key as it is written: JSON Web Key (RFC 7517).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::{Algorithm, Key};

/// What we look at of a key. What is secret in one that should not be there (`d`, `k`) is not read.
#[derive(Deserialize)]
pub(super) struct Jwk {
    kty: String,
    pub(super) kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Jwk {
    /// The key, unless it is for something other than checking tokens, or can't be used: a secret
    /// (`oct`), for encryption, of another algorithm or curve, too short, malformed.
    pub(super) fn key(&self) -> Option<Key> {
        let key = match (self.kty.as_str(), self.crv.as_deref()) {
            ("OKP", Some("Ed25519")) => Key::eddsa(&number(&self.x)?),
            ("RSA", None) => Key::rs256(&number(&self.n)?, &number(&self.e)?),
            ("EC", Some("P-256")) => Key::es256(&number(&self.x)?, &number(&self.y)?),
            _ => None,
        }?;
        (self.is_for_signatures() && self.is_for(key.algorithm())).then_some(key)
    }

    fn is_for_signatures(&self) -> bool {
        let verifies = |operations: &Vec<String>| operations.iter().any(|name| name == "verify");
        self.usage.as_ref().is_none_or(|usage| usage == "sig")
            && self.key_ops.as_ref().is_none_or(verifies)
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        self.alg.as_ref().is_none_or(|name| Algorithm::named(name) == Some(algorithm))
    }
}

fn number(text: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.as_ref()?).ok()
}
