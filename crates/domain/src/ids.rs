//! Identifiers: a prefix that names the kind, a hyphen, and 16 characters without look-alike letters.
//!
//! An id is parsed, never checked: code that holds a [`RunId`] holds a well-formed one. An id that does not
//! parse is answered like one that does not exist. Source: `api-docs/index.mdx`, samples of each resource.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const RANDOM_CHARACTERS: usize = 16;

/// The text is not an id of the wanted kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}-<16 characters>")]
pub struct ParseIdError {
    /// The prefix that was wanted, for example `run`.
    pub prefix: &'static str,
}

fn suffix(mut entropy: u128) -> String {
    let mut text = String::with_capacity(RANDOM_CHARACTERS);
    for _ in 0..RANDOM_CHARACTERS {
        let index = (entropy % 58) as usize;
        text.push(char::from(ALPHABET[index]));
        entropy /= 58;
    }
    text
}

fn is_suffix(text: &str) -> bool {
    text.len() == RANDOM_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text before the hyphen.
            pub const PREFIX: &'static str = $prefix;

            /// Makes an id from 128 random bits; the caller owns the source of randomness.
            pub fn from_entropy(entropy: u128) -> Self {
                Self(format!("{}-{}", $prefix, suffix(entropy)))
            }

            /// The id as clients write it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                match text.strip_prefix(concat!($prefix, "-")) {
                    Some(rest) if is_suffix(rest) => Ok(Self(text.to_owned())),
                    _ => Err(ParseIdError { prefix: $prefix }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )+

        /// Every prefix in use, for tests and documentation.
        pub const PREFIXES: &[&str] = &[$($prefix),+];
    };
}

ids! {
    /// A pool of agents.
    AgentPoolId = "apool";
    /// An apply; exists from the creation of its run.
    ApplyId = "apply";
    /// What someone said about a run.
    CommentId = "wsc";
    /// A configuration version.
    ConfigurationVersionId = "cv";
    /// An event of the audit trail.
    EventId = "ev";
    /// A unit of work for a runner: one phase of one run.
    JobId = "job";
    /// A membership in an organization.
    OrganizationMembershipId = "ou";
    /// An organization's `external-id`; its JSON:API id is its name.
    OrganizationId = "org";
    /// A plan; exists from the creation of its run.
    PlanId = "plan";
    /// A project.
    ProjectId = "prj";
    /// A key of tags with a meaning that is laid down.
    ReservedTagKeyId = "rtk";
    /// An entry of a run's own history.
    RunEventId = "re";
    /// A run.
    RunId = "run";
    /// A process that takes jobs (HCP's `agents`).
    RunnerId = "agent";
    /// One output of a state version.
    StateVersionOutputId = "wsout";
    /// A state version.
    StateVersionId = "sv";
    /// A tag of an organization's workspaces.
    TagId = "tag";
    /// A tag with a key and a value, of one workspace or project.
    TagBindingId = "tb";
    /// A team.
    TeamId = "team";
    /// A team's access to a project.
    TeamProjectId = "tprj";
    /// A team's access to a workspace.
    TeamWorkspaceId = "tws";
    /// An API token or a browser session.
    TokenId = "at";
    /// A person or a service account.
    UserId = "user";
    /// A variable of a workspace.
    VariableId = "var";
    /// A workspace.
    WorkspaceId = "ws";
    /// One instance of a resource in a workspace's newest state.
    WorkspaceResourceId = "wsr";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_made_id_parses_to_itself(entropy: u128) {
            let id = RunId::from_entropy(entropy);
            prop_assert_eq!(id.as_str().parse::<RunId>(), Ok(id.clone()));
        }

        #[test]
        fn arbitrary_text_never_panics(text: String) {
            let _ = text.parse::<WorkspaceId>();
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused() {
        let run = RunId::from_entropy(7);
        assert!(run.as_str().parse::<WorkspaceId>().is_err());
    }

    #[test]
    fn no_prefix_is_used_twice() {
        let mut prefixes = PREFIXES.to_vec();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!(prefixes.len(), PREFIXES.len());
    }
}
