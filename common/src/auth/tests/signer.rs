//! Keys of tests, and tokens that another implementation than ours signs by them.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519};
use serde_json::{Value, json};

/// Somebody who makes tokens.
pub(super) struct Signer {
    algorithm: Algorithm,
    key: EncodingKey,
    pub(super) kid: String,
    /// The public key; null for a secret.
    pub(super) jwk: Value,
}

impl Signer {
    pub(super) fn hs256(secret: &str) -> Self {
        Self::secret(Algorithm::HS256, secret.as_bytes())
    }

    pub(super) fn secret(algorithm: Algorithm, secret: &[u8]) -> Self {
        let key = EncodingKey::from_secret(secret);
        Self { algorithm, key, kid: "a secret has none".into(), jwk: Value::Null }
    }

    pub(super) fn eddsa(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let jwk = json!({
            "kty": "OKP", "crv": "Ed25519", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(pair.public_key_raw()),
        });
        let key = EncodingKey::from_ed_der(&pair.serialize_der());
        Self { algorithm: Algorithm::EdDSA, key, kid: kid.into(), jwk }
    }

    pub(super) fn es256(kid: &str) -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let (x, y) = pair.public_key_raw()[1..].split_at(32);
        let jwk = json!({
            "kty": "EC", "crv": "P-256", "kid": kid,
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        });
        let key = EncodingKey::from_ec_der(&pair.serialize_der());
        Self { algorithm: Algorithm::ES256, key, kid: kid.into(), jwk }
    }

    /// All of them have the one key: making another takes seconds.
    pub(super) fn rs256(kid: &str) -> Self {
        Self::rsa(kid, "strong")
    }

    /// A key of 1024 bits.
    pub(super) fn weak_rs256(kid: &str) -> Self {
        Self::rsa(kid, "weak")
    }

    fn rsa(kid: &str, name: &str) -> Self {
        let keys: Value = serde_json::from_str(include_str!("rsa_keys.json")).unwrap();
        let key = &keys[name];
        let jwk = json!({"kty": "RSA", "kid": kid, "n": key["n"], "e": key["e"]});
        let der = URL_SAFE_NO_PAD.decode(key["pkcs1"].as_str().unwrap()).unwrap();
        let key = EncodingKey::from_rsa_der(&der);
        Self { algorithm: Algorithm::RS256, key, kid: kid.into(), jwk }
    }

    /// The same key, signing in another way.
    pub(super) fn by(self, algorithm: Algorithm) -> Self {
        Self { algorithm, ..self }
    }

    /// The public key with something else in its description.
    pub(super) fn jwk_with(&self, more: Value) -> Value {
        let mut jwk = self.jwk.clone();
        jwk.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        jwk
    }

    /// An honest token, which names its key or doesn't.
    pub(super) fn token(&self, claims: &Value, kid: bool) -> String {
        let mut header = json!({"alg": self.algorithm, "typ": "JWT"});
        if kid {
            header["kid"] = self.kid.as_str().into();
        }
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A token with whatever in it, signed by this key.
    pub(super) fn sign(&self, header: &str, claims: &str) -> String {
        let [header, claims] = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part));
        let signed = format!("{header}.{claims}");
        let signature = crypto::sign(signed.as_bytes(), &self.key, self.algorithm).unwrap();
        format!("{signed}.{signature}")
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.algorithm, self.kid)
    }
}
