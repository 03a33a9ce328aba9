//! Somebody whose identity was checked, and what they may do.

use super::{BadToken, Claims, Role};
use crate::{
    comment::Author,
    ids::{UserId, VideoId},
    problem::{Code, Problem},
};

/// Longest shown name, bytes.
const NAME_LEN_MAX: usize = 128;
/// Longest address of a picture, bytes.
const AVATAR_LEN_MAX: usize = 1024;

/// Somebody whose identity was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// How they are shown.
    pub author: Author,
    role: Role,
    videos: Option<Vec<String>>,
    believed: Believed,
}

/// Why we believe that it is they.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Believed {
    /// A token says so, which expires then (seconds since 1970).
    Token { expires_at: u64 },
    /// Development mode believes whoever gives a name.
    Named,
    /// In development mode, without a name.
    Guest,
}

impl Principal {
    /// Whom a token's claims name.
    pub(crate) fn of_token(claims: Claims) -> Result<Self, BadToken> {
        let id: UserId = claims.sub.parse().map_err(|_| BadToken::Person)?;
        let name = claims.name.unwrap_or_else(|| id.to_string());
        let name_good = !name.trim().is_empty()
            && name.len() <= NAME_LEN_MAX
            && !name.chars().any(char::is_control);
        if !name_good || !claims.avatar.as_ref().is_none_or(|url| is_picture(url)) {
            return Err(BadToken::Person);
        }
        let shown = claims.role.map(|role| role.as_str().to_owned());
        Ok(Self {
            author: Author { id, name, role: shown, avatar: claims.avatar },
            role: claims.role.unwrap_or(Role::Commenter),
            videos: claims.videos,
            believed: Believed::Token { expires_at: claims.exp },
        })
    }

    /// Development mode trusts whoever asks with everything: it listens on loopback only.
    pub(super) fn developer(id: UserId) -> Self {
        let author = Author { name: id.to_string(), id, role: None, avatar: None };
        Self { author, role: Role::Admin, videos: None, believed: Believed::Named }
    }

    /// Somebody of development mode who gives no name.
    pub(super) fn guest(number: u32) -> Option<Self> {
        let id = format!("guest-{number:08x}").parse().ok()?;
        Some(Self { believed: Believed::Guest, ..Self::developer(id) })
    }

    /// When their token expires, seconds since 1970; `None` in development mode, which has none.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        match self.believed {
            Believed::Token { expires_at } => Some(expires_at),
            Believed::Named | Believed::Guest => None,
        }
    }

    /// Whether nobody knows who they are: development mode, and no name given.
    #[must_use]
    pub fn is_guest(&self) -> bool {
        self.believed == Believed::Guest
    }

    /// Whether their token says that they are a moderator, producer or admin, as viewers are shown.
    /// Users of development mode may do everything and are no staff.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        matches!(self.believed, Believed::Token { .. })
            && matches!(self.role, Role::Moderator | Role::Producer | Role::Admin)
    }

    /// Whether the token is good for the video at all.
    ///
    /// # Errors
    /// 403 when the token names videos and this is none of them.
    pub fn check_video(&self, video: &VideoId) -> Result<(), Problem> {
        match &self.videos {
            Some(videos) if !videos.iter().any(|allowed| allowed == video.as_str()) => {
                Err(Problem::new(Code::Forbidden, "the token is not for this video"))
            }
            _ => Ok(()),
        }
    }

    /// Whether they may comment on the video.
    ///
    /// # Errors
    /// 403 for viewers' tokens and tokens of other videos.
    pub fn check_commenter(&self, video: &VideoId) -> Result<(), Problem> {
        if self.role == Role::Viewer {
            return Err(Problem::new(Code::Forbidden, "a viewer's token can't comment"));
        }
        self.check_video(video)
    }

    /// Whether they may moderate the video; producers may not.
    ///
    /// # Errors
    /// 403 for all but moderators, admins and users of development mode, and for tokens of other
    /// videos.
    pub fn check_moderator(&self, video: &VideoId) -> Result<(), Problem> {
        self.check_role(Role::Moderator, "only a moderator's token can do this", video)
    }

    /// Whether they may run the video: its state, events, scores and polls; moderators may not.
    ///
    /// # Errors
    /// 403 for all but producers, admins and users of development mode, and for tokens of other
    /// videos.
    pub fn check_producer(&self, video: &VideoId) -> Result<(), Problem> {
        self.check_role(Role::Producer, "only a producer's token can do this", video)
    }

    fn check_role(&self, needed: Role, otherwise: &str, video: &VideoId) -> Result<(), Problem> {
        if self.role != needed && self.role != Role::Admin {
            return Err(Problem::new(Code::Forbidden, otherwise));
        }
        self.check_video(video)
    }
}

fn is_picture(url: &str) -> bool {
    let host = |uri: axum::http::Uri| uri.host().is_some_and(|host| !host.is_empty());
    url.len() <= AVATAR_LEN_MAX && url.starts_with("https://") && url.parse().is_ok_and(host)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with_role(role: Option<Role>) -> Principal {
        let claims = Claims {
            role,
            videos: Some(vec!["v".into()]),
            exp: 7,
            ..Claims::new("u", Duration::ZERO)
        };
        Principal::of_token(claims).unwrap()
    }

    #[test]
    fn who_may_do_what() {
        let (ours, other) = ("v".parse().unwrap(), "w".parse().unwrap());
        for (role, comments, moderates, produces, staff) in [
            (None, true, false, false, false),
            (Some(Role::Viewer), false, false, false, false),
            (Some(Role::Commenter), true, false, false, false),
            (Some(Role::Moderator), true, true, false, true),
            (Some(Role::Producer), true, false, true, true),
            (Some(Role::Admin), true, true, true, true),
        ] {
            let who = with_role(role);
            let may = |video: &VideoId| {
                let checks = [Principal::check_commenter, Principal::check_moderator];
                [checks[0], checks[1], Principal::check_producer].map(|check| {
                    let refused = check(&who, video).err().map(|problem| problem.code());
                    assert!(refused.is_none_or(|code| code == Code::Forbidden), "{role:?}");
                    refused.is_none()
                })
            };
            assert_eq!(may(&ours), [comments, moderates, produces], "{role:?}");
            assert_eq!(may(&other), [false; 3], "{role:?}");
            assert_eq!((who.is_staff(), who.is_guest()), (staff, false), "{role:?}");
            assert_eq!(who.expires_at(), Some(7));
            assert_eq!(who.author.role.as_deref(), role.map(Role::as_str));
        }
    }

    #[test]
    fn development_mode_trusts_with_everything_and_has_no_staff() {
        let (named, guest) =
            (Principal::developer("u".parse().unwrap()), Principal::guest(7).unwrap());
        let video = "v".parse().unwrap();
        for who in [&named, &guest] {
            assert!(who.check_commenter(&video).is_ok());
            assert!(who.check_moderator(&video).is_ok());
            assert!(who.check_producer(&video).is_ok());
            assert_eq!((who.is_staff(), who.expires_at()), (false, None));
            assert_eq!(who.author.role, None);
        }
        assert_eq!((named.is_guest(), guest.is_guest()), (false, true));
        assert_eq!(guest.author.id.as_str(), "guest-00000007");
    }

    #[test]
    fn names_and_pictures_that_can_be_shown() {
        let long = format!("https://h/{}", "a".repeat(AVATAR_LEN_MAX));
        for (name, avatar, good) in [
            (Some("Uma"), None, true),
            (None, Some("https://h/p.png"), true),
            (Some(""), None, false),
            (Some(" "), None, false),
            (Some("a\nb"), None, false),
            (Some("a\u{85}b"), None, false),
            (Some(&*"n".repeat(NAME_LEN_MAX + 1)), None, false),
            (None, Some(""), false),
            (None, Some("http://h/p.png"), false),
            (None, Some("https://"), false),
            (None, Some("https:h"), false),
            (None, Some("https://a b"), false),
            (None, Some("javascript:alert(1)"), false),
            (None, Some("//h/p.png"), false),
            (None, Some(&*long), false),
        ] {
            let mut claims = Claims::new("u", Duration::ZERO);
            claims.name = name.map(str::to_owned);
            claims.avatar = avatar.map(str::to_owned);
            let told = Principal::of_token(claims).map(|who| who.author.avatar);
            let expected = if good { Ok(avatar.map(str::to_owned)) } else { Err(BadToken::Person) };
            assert_eq!(told, expected, "{name:?} {avatar:?}");
        }
        for sub in ["", " u", "a\nb", &"u".repeat(129)] {
            let told = Principal::of_token(Claims::new(sub, Duration::ZERO));
            assert_eq!(told, Err(BadToken::Person), "{sub:?}");
        }
    }
}
