//! Names of things, each checked once where it enters and typed from then on.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};
use uuid::Uuid;

use crate::{ambient, openapi::shape};

/// A string that isn't the id it was taken for; says what would be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not {what}: expected {expected}")]
pub struct InvalidId {
    what: &'static str,
    expected: &'static str,
}

/// How an id is described: where a field of its type stands, its form is told.
macro_rules! described {
    ($name:ident, $about:expr, $pattern:expr, $example:expr) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                shape::text($pattern, $example).description(Some($about)).into()
            }
        }

        impl ToSchema for $name {}
    };
}

macro_rules! checked_string {
    (
        $(#[$doc:meta])* $name:ident, $what:literal, $expected:literal, $check:expr,
        $pattern:literal, $example:literal
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { what: $what, expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        described!($name, concat!("Form of ", $what, ": ", $expected, "."), $pattern, $example);
    };
}

checked_string!(
    /// A video (a room): `[A-Za-z0-9_-]{1,64}`.
    VideoId,
    "a video id",
    "1 to 64 of A-Z a-z 0-9 _ -",
    |text| (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'),
    "^[A-Za-z0-9_-]{1,64}$",
    "worlds-2016-final"
);

checked_string!(
    /// A person, as the token's `sub` (or development mode's `X-Chorus-User`) names them.
    UserId,
    "a user id",
    "1 to 128 bytes without control characters or outer spaces",
    |text| (1..=128).contains(&text.len())
        && text.trim() == text
        && !text.chars().any(char::is_control),
    r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]{0,126}[^\s\x00-\x1f\x7f-\x9f])?$",
    "uma"
);

checked_string!(
    /// What a commenter repeats a request with: 1–128 visible ASCII, without outer quotes.
    IdempotencyKey,
    "an Idempotency-Key",
    "1 to 128 visible ASCII characters",
    |text| (1..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()),
    "^([!#-~][!-~]{0,127}|\"[!-~]{1,128}\")$",
    "5f2c1d0e-post-17"
);

impl IdempotencyKey {
    /// Reads the header's value; `"k"` and `k` are the same key.
    ///
    /// # Errors
    /// When it is empty, too long or holds anything but visible ASCII.
    pub fn from_header(value: &str) -> Result<Self, InvalidId> {
        let value = value.trim();
        let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        bare.unwrap_or(value).parse()
    }
}

/// The one form of a UUIDv7.
const UUID_V7: &str = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$";

macro_rules! uuid_v7 {
    ($(#[$doc:meta])* $name:ident, $what:literal, $example:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// A new id for now; ids made by one process never go back.
            #[must_use]
            pub fn now() -> Self {
                Self(ambient::uuid_v7())
            }

            /// The time inside the id, in milliseconds since 1970.
            #[must_use]
            pub fn unix_ms(self) -> u64 {
                u64::try_from(self.0.as_u128() >> 80).unwrap_or(u64::MAX)
            }

            /// The 16 bytes, big-endian: their order is the ids' order.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The same id as the `uuid` crate's type.
            #[must_use]
            pub fn as_uuid(self) -> Uuid {
                self.0
            }
        }

        impl TryFrom<Uuid> for $name {
            type Error = InvalidId;

            fn try_from(uuid: Uuid) -> Result<Self, InvalidId> {
                let rfc = uuid.get_variant() == uuid::Variant::RFC4122;
                let is_v7 = uuid.get_version_num() == 7 && rfc;
                is_v7.then_some(Self(uuid)).ok_or(InvalidId {
                    what: $what,
                    expected: "a UUIDv7 in lower case, such as 0190163d-8694-739b-aea5-966c26f8ad91",
                })
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // The uuid crate also takes upper case, braces and bare hex; we hand out one form.
                let one_form = text.len() == 36 && !text.bytes().any(|b| b.is_ascii_uppercase());
                let uuid = if one_form { Uuid::try_parse(text).ok() } else { None };
                Self::try_from(uuid.unwrap_or(Uuid::nil()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        described!($name, concat!("Form of ", $what, ": a UUIDv7."), UUID_V7, $example);
    };
}

uuid_v7!(
    /// A comment: UUIDv7, so that ids sort by the time of posting.
    CommentId,
    "a comment id",
    "0190163d-8694-739b-aea5-966c26f8ad91"
);

uuid_v7!(
    /// Something that a moderator, a producer or a viewer did to a room: UUIDv7, so that it also
    /// says when, and which of two was later.
    ActionId,
    "an action id",
    "0190163e-1c2a-7a3f-8b1d-0f6c2a9be417"
);

// Both are UUIDv7, and stand for each other where records and keys are of either.
impl From<ActionId> for CommentId {
    fn from(ActionId(id): ActionId) -> Self {
        Self(id)
    }
}

impl From<CommentId> for ActionId {
    fn from(CommentId(id): CommentId) -> Self {
        Self(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_ids() {
        for good in ["a", "A-b_9", &"x".repeat(64)] {
            assert_eq!(good.parse::<VideoId>().unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a/b", "..%2f", "é", &"x".repeat(65)] {
            assert!(bad.parse::<VideoId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_quoted_key_is_the_bare_key() {
        let key = |text| IdempotencyKey::from_header(text);
        assert_eq!(key("\"k-1\""), key("k-1"));
        for bad in ["", "\"\"", "a b", "ä", &"k".repeat(129)] {
            assert!(key(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_sort_by_time_and_have_one_form() {
        let (first, second) = (CommentId::now(), CommentId::now());
        assert!(first < second && first.to_string() < second.to_string());
        assert_eq!(first.to_string().parse(), Ok(first));
        assert!(first.to_string().to_uppercase().parse::<CommentId>().is_err());
        assert!("6fa459ea-ee8a-4ca4-894e-db77e160355e".parse::<CommentId>().is_err(), "a UUIDv4");
        let told = "action".parse::<ActionId>().unwrap_err().to_string();
        assert!(told.starts_with("not an action id: expected a UUIDv7"), "{told}");
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = (text.parse::<VideoId>(), text.parse::<UserId>(), text.parse::<CommentId>());
            let _ = IdempotencyKey::from_header(&text);
        }
    }
}
