//! Who asks, as the tables say it: nobody, or a name with perhaps a role.

use std::time::Duration;

use common::auth::{self, Claims, Role};

use super::world::House;
use crate::roles::SECRET;

/// For how long tokens are good.
const TTL: Duration = Duration::from_secs(600);

/// Who asks. What a name stands for is another person in every table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Who {
    name: Option<&'static str>,
    role: Option<Role>,
    shown: Option<&'static str>,
    avatar: Option<&'static str>,
    videos: Option<Vec<String>>,
}

impl From<&'static str> for Who {
    /// `ann`, or with a role `moderator mo`; nobody when empty.
    fn from(text: &'static str) -> Self {
        let (role, name) = text.split_once(' ').map_or(("", text), |(role, name)| (role, name));
        let role = match role {
            "" => None,
            "viewer" => Some(Role::Viewer),
            "commenter" => Some(Role::Commenter),
            "moderator" => Some(Role::Moderator),
            "producer" => Some(Role::Producer),
            "admin" => Some(Role::Admin),
            _ => panic!("no such role: {role}"),
        };
        Self { name: (!name.is_empty()).then_some(name), role, ..Self::default() }
    }
}

impl Who {
    /// With the claim `name`.
    pub(crate) fn shown_as(self, name: &'static str) -> Self {
        Self { shown: Some(name), ..self }
    }

    /// With the claim `avatar`.
    pub(crate) fn pictured(self, url: &'static str) -> Self {
        Self { avatar: Some(url), ..self }
    }

    /// With the claim `videos`; holes are filled.
    pub(crate) fn only_for(self, videos: &[&str]) -> Self {
        Self { videos: Some(videos.iter().map(ToString::to_string).collect()), ..self }
    }

    /// What `Authorization` says in this video; `None`: nothing.
    pub(crate) fn authorization(&self, house: &House, video: &str) -> Option<String> {
        let mut claims = Claims::new(id_in(self.name?, video), TTL);
        claims.role = self.role;
        claims.name = self.shown.map(str::to_owned);
        claims.avatar = self.avatar.map(str::to_owned);
        let videos = self.videos.iter().flatten();
        let videos = videos.map(|given| given.replace("{video}", video)).collect();
        claims.videos = self.videos.is_some().then_some(videos);
        claims.aud = house.audience.iter().map(ToString::to_string).collect();
        claims.iss = house.issuer.map(str::to_owned);
        Some(format!("Bearer {}", auth::sign(SECRET, &claims).unwrap()))
    }
}

/// The `sub` of whoever a table calls so.
pub(crate) fn id_in(name: &str, video: &str) -> String {
    format!("{name}.{video}")
}
