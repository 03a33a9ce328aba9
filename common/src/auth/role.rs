//! What a token says that its bearer may do.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a token's bearer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Watches.
    Viewer,
    /// Also comments: what a token without a role is.
    Commenter,
    /// Also moderates.
    Moderator,
    /// Also sends events and runs polls.
    Producer,
    /// Everything.
    Admin,
}

impl Role {
    /// The word in tokens, and beside a comment's author.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Commenter => "commenter",
            Self::Moderator => "moderator",
            Self::Producer => "producer",
            Self::Admin => "admin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_its_word() {
        let all = [Role::Viewer, Role::Commenter, Role::Moderator, Role::Producer, Role::Admin];
        for role in all {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
    }
}
