//! A named place of a room that holds one value: the last one that was set.

use std::{fmt, str::FromStr};

use crate::ids::{ActionId, UserId};

/// Longest value, in bytes.
pub const VALUE_LEN_MAX: usize = 128 * 1024;

const BAN: &str = "ban/";
const HIDE: &str = "hide/";
const PIN: &str = "pin";
const SETTINGS: &str = "settings";
const VIDEO: &str = "video";

/// A slot's name. Names sort as their text does, which is why they stand in this order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SlotName {
    /// Whether a user may not comment: `ban/<user>`.
    Ban(UserId),
    /// Whether a user's comments are not shown: `hide/<user>`.
    Hide(UserId),
    /// The comment that is pinned: `pin`.
    Pin,
    /// Who may comment and how often: `settings`.
    Settings,
    /// The video itself, its title and state: `video`.
    Video,
}

/// The slots to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// All of the room.
    Any,
    /// [`SlotName::Ban`].
    Ban,
    /// [`SlotName::Hide`].
    Hide,
}

impl SlotKind {
    /// What the names begin with.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Any => "",
            Self::Ban => BAN,
            Self::Hide => HIDE,
        }
    }
}

/// The text is no slot's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a slot's name: expected video, settings, pin, ban/<user> or hide/<user>")]
pub struct InvalidSlotName;

impl fmt::Display for SlotName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ban(user) => write!(out, "{BAN}{user}"),
            Self::Hide(user) => write!(out, "{HIDE}{user}"),
            Self::Pin => out.write_str(PIN),
            Self::Settings => out.write_str(SETTINGS),
            Self::Video => out.write_str(VIDEO),
        }
    }
}

impl FromStr for SlotName {
    type Err = InvalidSlotName;

    fn from_str(text: &str) -> Result<Self, InvalidSlotName> {
        let user = |user: &str| user.parse::<UserId>().map_err(|_| InvalidSlotName);
        match text {
            PIN => Ok(Self::Pin),
            SETTINGS => Ok(Self::Settings),
            VIDEO => Ok(Self::Video),
            _ => match (text.strip_prefix(BAN), text.strip_prefix(HIDE)) {
                (Some(banned), _) => user(banned).map(Self::Ban),
                (_, Some(hidden)) => user(hidden).map(Self::Hide),
                _ => Err(InvalidSlotName),
            },
        }
    }
}

/// A slot with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Which one.
    pub name: SlotName,
    /// The action that set it. Of two, the later one's value stays.
    pub version: ActionId,
    /// JSON, at most [`VALUE_LEN_MAX`] bytes: callers see to that.
    pub value: String,
    /// When it is of no use any more, in milliseconds since 1970: from then on a store may forget
    /// it. `None`: never.
    pub until_ms: Option<u64>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name() -> impl Strategy<Value = SlotName> {
        let user = "[^\\p{Cc} ]{1,8}".prop_map(|user| user.parse::<UserId>());
        let user = user.prop_filter_map("a user id", Result::ok);
        prop_oneof![
            user.clone().prop_map(SlotName::Ban),
            user.prop_map(SlotName::Hide),
            Just(SlotName::Pin),
            Just(SlotName::Settings),
            Just(SlotName::Video),
        ]
    }

    #[test]
    fn texts_that_are_no_names() {
        for bad in ["", "Pin", "pins", "ban", "ban/", "ban/ x", "hide/", "hide/a\nb", "mute/x"] {
            assert_eq!(bad.parse::<SlotName>(), Err(InvalidSlotName), "{bad}");
        }
        let slashes = "ban/a/b//c".parse::<SlotName>().unwrap();
        assert_eq!(slashes, SlotName::Ban("a/b//c".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn names_come_back_and_sort_as_their_text(one in name(), other in name()) {
            let (text, others) = (one.to_string(), other.to_string());
            prop_assert_eq!(text.parse::<SlotName>(), Ok(one.clone()));
            prop_assert_eq!(one.cmp(&other), text.cmp(&others));
            let kind = match &one {
                SlotName::Ban(_) => SlotKind::Ban,
                SlotName::Hide(_) => SlotKind::Hide,
                _ => SlotKind::Any,
            };
            prop_assert!(text.starts_with(kind.prefix()));
        }
    }
}
