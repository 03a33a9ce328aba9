//! A seal: bytes that nobody else can have written, as text.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::hmac;

/// Longest text, bytes; it stands in URLs and headers.
pub(super) const TEXT_LEN_MAX: usize = 1024;

/// Signs and checks for one purpose.
pub(super) struct Seal {
    key: hmac::Key,
    previous: Option<hmac::Key>,
}

impl Seal {
    /// By keys derived from the secrets, which nothing that is sealed for another purpose fits.
    pub(super) fn new(purpose: &str, secret: &[u8], previous: Option<&[u8]>) -> Self {
        let derived = |secret: &[u8]| {
            let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
            hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, purpose.as_bytes()).as_ref())
        };
        Self { key: derived(secret), previous: previous.map(derived) }
    }

    /// `base64url(payload).base64url(mac)`.
    pub(super) fn close(&self, payload: &[u8]) -> String {
        let mac = hmac::sign(&self.key, payload);
        format!("{}.{}", URL_SAFE_NO_PAD.encode(payload), URL_SAFE_NO_PAD.encode(mac))
    }

    /// The payload, if it was sealed by one of the keys. There is one text for each: base64 in any
    /// other form is refused.
    pub(super) fn open(&self, text: &str) -> Option<Vec<u8>> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (payload, mac) = text.split_once('.')?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        let mut keys = [Some(&self.key), self.previous.as_ref()].into_iter().flatten();
        keys.any(|key| hmac::verify(key, &payload, &mac).is_ok()).then_some(payload)
    }
}
