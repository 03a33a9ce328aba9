//! A key that checks signatures of one algorithm, and of no other.

use ring::{
    hmac,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
        UnparsedPublicKey,
    },
};

/// Sizes of RSA keys that are taken, bits: shorter ones can be broken, longer ones cost too much.
const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 8192;
/// Length of a coordinate, bytes.
const COORDINATE_LEN: usize = 32;

/// How tokens may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    EdDsa,
    Rs256,
    Es256,
}

impl Algorithm {
    /// By its name in tokens and keys; `none` and all others are not taken.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "HS256" => Some(Self::Hs256),
            "EdDSA" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

/// A secret, or somebody's public key.
pub(super) enum Key {
    Hs256(hmac::Key),
    /// Ed25519.
    EdDsa([u8; COORDINATE_LEN]),
    /// PKCS #1 v1.5 with SHA-256.
    Rs256(RsaPublicKeyComponents<Vec<u8>>),
    /// P-256 with SHA-256: an uncompressed point.
    Es256([u8; 1 + 2 * COORDINATE_LEN]),
}

impl Key {
    pub(super) fn hs256(secret: &str) -> Self {
        Self::Hs256(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// Of a coordinate of Ed25519.
    pub(super) fn eddsa(x: &[u8]) -> Option<Self> {
        Some(Self::EdDsa(x.try_into().ok()?))
    }

    /// Of a modulus and an exponent, big-endian.
    pub(super) fn rs256(n: &[u8], e: &[u8]) -> Option<Self> {
        let [n, e] = [n, e].map(without_leading_zeros);
        let bits = n.len() * 8 - usize::try_from(n.first()?.leading_zeros()).ok()?;
        let sized = (RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) && !e.is_empty();
        sized.then(|| Self::Rs256(RsaPublicKeyComponents { n: n.to_vec(), e: e.to_vec() }))
    }

    /// Of the coordinates of a point of P-256.
    pub(super) fn es256(x: &[u8], y: &[u8]) -> Option<Self> {
        const UNCOMPRESSED: u8 = 4;
        if x.len() != COORDINATE_LEN {
            return None;
        }
        Some(Self::Es256([&[UNCOMPRESSED], x, y].concat().try_into().ok()?))
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Hs256(_) => Algorithm::Hs256,
            Self::EdDsa(_) => Algorithm::EdDsa,
            Self::Rs256(_) => Algorithm::Rs256,
            Self::Es256(_) => Algorithm::Es256,
        }
    }

    /// Whether the signature is this key's; a secret's is compared in constant time.
    pub(super) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Hs256(secret) => hmac::verify(secret, message, signature),
            Self::EdDsa(x) => UnparsedPublicKey::new(&ED25519, x).verify(message, signature),
            Self::Rs256(key) => key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Self::Es256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}

fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}
