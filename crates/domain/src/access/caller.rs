//! Who calls: known once, at the door.

use crate::ids::{OrganizationId, RunId, RunnerId, TeamId, TokenId, UserId, WorkspaceId};

words! {
    /// What the caller showed.
    pub enum CredentialKind {
        /// Nothing.
        Anonymous = "anonymous",
        /// A person's API token.
        User = "user",
        /// A team's token.
        Team = "team",
        /// An organization's token.
        Organization = "organization",
        /// A token that reads the audit trail and nothing else.
        AuditTrails = "audit-trails",
        /// A token that lives for one phase of one run.
        Run = "run",
        /// The token of a runner, or of an agent pool's workers.
        RunnerPool = "runner-pool",
        /// The token of an agent identity.
        AgentIdentity = "agent-identity",
        /// A browser session.
        Session = "session",
    }
}

/// For whom the caller acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody.
    Nobody,
    /// A person.
    User(UserId),
    /// A team, as the service account of its token.
    Team {
        /// The team.
        team_id: TeamId,
        /// Its organization.
        organization_id: OrganizationId,
    },
    /// An organization, as the service account of its token.
    Organization(OrganizationId),
    /// A run, in its own workspace.
    Run {
        /// The run.
        run_id: RunId,
        /// Its workspace.
        workspace_id: WorkspaceId,
        /// Its organization.
        organization_id: OrganizationId,
    },
    /// The server's own runner, or one of a pool.
    Runner(Option<RunnerId>),
}

/// Who calls: known once, at the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// What was shown.
    pub kind: CredentialKind,
    /// For whom it stands.
    pub principal: Principal,
    /// The stored token, if one was shown.
    pub token_id: Option<TokenId>,
}

impl Caller {
    /// A caller who showed nothing.
    pub const fn anonymous() -> Self {
        Self { kind: CredentialKind::Anonymous, principal: Principal::Nobody, token_id: None }
    }

    /// The person, if the caller is one.
    pub const fn user_id(&self) -> Option<&UserId> {
        match &self.principal {
            Principal::User(id) => Some(id),
            _ => None,
        }
    }

    /// The caller in an event.
    pub fn actor(&self) -> String {
        match &self.principal {
            Principal::Nobody => "nobody".to_owned(),
            Principal::User(id) => format!("user {id}"),
            Principal::Team { team_id, .. } => format!("team {team_id}"),
            Principal::Organization(id) => format!("organization {id}"),
            Principal::Run { run_id, .. } => format!("run {run_id}"),
            Principal::Runner(Some(id)) => format!("runner {id}"),
            Principal::Runner(None) => "runner".to_owned(),
        }
    }
}
