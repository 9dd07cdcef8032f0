//! Who may do what. One pure function, [`decide`], and the proof of its yes, [`Allowed`].
//!
//! The order is: what this kind of credential may ever do, then the rights that add up for its principal. A no
//! carries its reason; what the caller may not even see looks missing.
//! Source: `users-teams-organizations/permissions.mdx`, `api-tokens.mdx`.

mod action;
mod authorized;
mod caller;
mod decision;
mod levels;
mod organization_access;
mod visibility;

pub use action::{Action, TargetKind};
pub use authorized::{Allowed, Authorized};
pub use caller::{Caller, CredentialKind, Principal};
pub use decision::{DenyReason, Membership, Scope, Standing, Target, TeamFacts, decide};
pub use levels::{
    ProjectAccessLevel, ProjectPermissions, RunsAccess, SentinelMocksAccess, SettingsAccess, StateVersionsAccess,
    TeamsAccess, VariablesAccess, WorkspaceAccessLevel, WorkspacePermissions,
};
pub use organization_access::{GrantedAccess, MissingPermission, OrganizationAccess, OrganizationPermission};
pub use visibility::{Visibility, visible_projects, visible_teams, visible_workspaces};
