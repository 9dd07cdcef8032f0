//! Who may do what. One pure function, [`decide`], and the proof of its yes, [`Allowed`].
//!
//! The order is: what this kind of credential may ever do, then the rights that add up for its principal. A no
//! carries its reason; what the caller may not even see looks missing.
//! Source: `users-teams-organizations/permissions.mdx`, `api-tokens.mdx`.

use crate::ids::{OrganizationId, RunId, RunnerId, TokenId, UserId, WorkspaceId};

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
        /// The token of a runner.
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
            Principal::Run { run_id, .. } => format!("run {run_id}"),
            Principal::Runner(Some(id)) => format!("runner {id}"),
            Principal::Runner(None) => "runner".to_owned(),
        }
    }
}

words! {
    /// Everything that a caller can want to do to an organization or something below it.
    pub enum Action {
        /// See the organization and what every member sees.
        ReadOrganization = "read-organization",
        /// See projects.
        ReadProject = "read-project",
        /// Make a project.
        CreateProject = "create-project",
        /// Make a workspace.
        CreateWorkspace = "create-workspace",
        /// See a workspace and its runs.
        ReadWorkspace = "read-workspace",
        /// Change a workspace's settings.
        UpdateWorkspace = "update-workspace",
        /// Lock it, and give one's own lock back.
        LockWorkspace = "lock-workspace",
        /// Take anyone's lock away.
        ForceUnlockWorkspace = "force-unlock-workspace",
        /// Read variables (never sensitive values).
        ReadVariables = "read-variables",
        /// Upload a configuration, queue a plan.
        QueueRun = "queue-run",
        /// Confirm, discard, cancel.
        ApplyRun = "apply-run",
        /// Read the plan with its secrets.
        ReadPlanJson = "read-plan-json",
        /// Read outputs.
        ReadStateOutputs = "read-state-outputs",
        /// Read whole states.
        ReadState = "read-state",
        /// Write states.
        WriteState = "write-state",
    }
}

/// The caller's rights in one organization, as the store knows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// None.
    None,
    /// A member without rights of his own.
    Member,
    /// An owner.
    Owner,
}

/// Where the action is to happen.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The organization.
    pub organization_id: &'a OrganizationId,
    /// The workspace, for actions on one.
    pub workspace_id: Option<&'a WorkspaceId>,
    /// The caller's rights there.
    pub membership: Membership,
}

/// Proof that [`decide`] said yes. Only this module can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a permission that nobody uses was asked for in vain"]
pub struct Allowed {
    action: Action,
}

impl Allowed {
    /// What is allowed.
    pub const fn action(self) -> Action {
        self.action
    }
}

/// A thing together with the proof that the caller may do the named action to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized<T> {
    value: T,
    allowed: Allowed,
}

impl<T> Authorized<T> {
    /// Binds a thing to the decision that was made about it.
    pub const fn new(value: T, allowed: Allowed) -> Self {
        Self { value, allowed }
    }

    /// The action that was decided.
    pub const fn action(&self) -> Action {
        self.allowed.action()
    }

    /// The thing itself.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> std::ops::Deref for Authorized<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

words! {
    /// Why the answer is no.
    pub enum DenyReason {
        /// This kind of credential never may.
        CredentialKind = "credential-kind",
        /// A run reaches its own workspace only.
        OtherWorkspace = "other-workspace",
        /// The principal is no member of the organization.
        NotAMember = "not-a-member",
        /// A member, but without the right.
        MissingRight = "missing-right",
    }
}

/// What a run's token may do in its own workspace. Of the organization it sees that it exists; of what lies beside
/// its workspace, nothing.
const fn run_may(action: Action) -> bool {
    matches!(action, Action::ReadWorkspace | Action::ReadState | Action::ReadStateOutputs | Action::WriteState)
}

/// Whether `caller` may do `action` in `scope`.
pub fn decide(caller: &Caller, action: Action, scope: Scope<'_>) -> Result<Allowed, DenyReason> {
    let allowed = Ok(Allowed { action });
    match (&caller.kind, &caller.principal) {
        (CredentialKind::User | CredentialKind::Session, Principal::User(_)) => match scope.membership {
            Membership::Owner => allowed,
            Membership::Member if matches!(action, Action::ReadOrganization) => allowed,
            Membership::Member => Err(DenyReason::MissingRight),
            Membership::None => Err(DenyReason::NotAMember),
        },
        (CredentialKind::Run, Principal::Run { workspace_id, organization_id, .. }) => {
            if organization_id != scope.organization_id {
                return Err(DenyReason::NotAMember);
            }
            match scope.workspace_id {
                Some(wanted) if wanted != workspace_id => Err(DenyReason::OtherWorkspace),
                Some(_) if run_may(action) => allowed,
                None if matches!(action, Action::ReadOrganization) => allowed,
                _ => Err(DenyReason::CredentialKind),
            }
        }
        // Kinds without routes of their own here: teams, organizations, audit trails, agents, runners, nobody.
        _ => Err(DenyReason::CredentialKind),
    }
}

/// What of an organization's workspaces a list may show: the same answer as [`decide`], for SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// All.
    All,
    /// Only these.
    Workspaces(Vec<WorkspaceId>),
}

/// The workspaces of an organization that `caller` may see.
pub fn visible_workspaces(caller: &Caller, organization_id: &OrganizationId, membership: Membership) -> Visibility {
    match &caller.principal {
        Principal::Run { workspace_id, organization_id: own, .. } if own == organization_id => {
            Visibility::Workspaces(vec![workspace_id.clone()])
        }
        _ => {
            let scope = Scope { organization_id, workspace_id: None, membership };
            if decide(caller, Action::ReadWorkspace, scope).is_ok() {
                Visibility::All
            } else {
                Visibility::Workspaces(Vec::new())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn organization(number: u128) -> OrganizationId {
        OrganizationId::from_entropy(number)
    }

    fn callers() -> Vec<Caller> {
        let user = Principal::User(UserId::from_entropy(1));
        let run = Principal::Run {
            run_id: RunId::from_entropy(1),
            workspace_id: WorkspaceId::from_entropy(1),
            organization_id: organization(1),
        };
        CredentialKind::ALL
            .iter()
            .flat_map(|kind| {
                [Principal::Nobody, user.clone(), run.clone(), Principal::Runner(None)].map(|principal| Caller {
                    kind: *kind,
                    principal,
                    token_id: None,
                })
            })
            .collect()
    }

    #[test]
    fn only_people_and_runs_may_anything_yet() {
        let id = organization(1);
        for caller in callers() {
            let person = matches!(caller.kind, CredentialKind::User | CredentialKind::Session)
                && matches!(caller.principal, Principal::User(_));
            let run = caller.kind == CredentialKind::Run && matches!(caller.principal, Principal::Run { .. });
            for action in Action::ALL {
                let scope = Scope { organization_id: &id, workspace_id: None, membership: Membership::Owner };
                if decide(&caller, *action, scope).is_ok() {
                    assert!(person || run, "{caller:?} {action}");
                }
            }
        }
    }

    #[test]
    fn a_run_never_queues_confirms_or_reads_another_workspace() {
        let id = organization(1);
        let other = WorkspaceId::from_entropy(2);
        let caller = callers()
            .into_iter()
            .find(|caller| caller.kind == CredentialKind::Run && matches!(caller.principal, Principal::Run { .. }))
            .unwrap();
        for action in Action::ALL {
            let scope = Scope { organization_id: &id, workspace_id: Some(&other), membership: Membership::Owner };
            assert_eq!(decide(&caller, *action, scope), Err(DenyReason::OtherWorkspace));
        }
        let own = Scope { organization_id: &id, workspace_id: None, membership: Membership::None };
        for action in [Action::QueueRun, Action::ApplyRun, Action::UpdateWorkspace, Action::ForceUnlockWorkspace] {
            assert_eq!(decide(&caller, action, own), Err(DenyReason::CredentialKind));
        }
    }

    proptest! {
        #[test]
        fn lists_show_what_single_decisions_allow(number in 1u128..4, owner: bool, member: bool) {
            let membership = if owner { Membership::Owner } else if member { Membership::Member } else { Membership::None };
            let id = organization(1);
            let workspace = WorkspaceId::from_entropy(number);
            for caller in callers().into_iter().filter(|caller| match caller.kind {
                CredentialKind::Run => matches!(caller.principal, Principal::Run { .. }),
                _ => !matches!(caller.principal, Principal::Run { .. }),
            }) {
                let scope = Scope { organization_id: &id, workspace_id: Some(&workspace), membership };
                let single = decide(&caller, Action::ReadWorkspace, scope).is_ok();
                let listed = match visible_workspaces(&caller, &id, membership) {
                    Visibility::All => true,
                    Visibility::Workspaces(ids) => ids.contains(&workspace),
                };
                prop_assert_eq!(single, listed, "{:?}", caller);
            }
        }
    }
}
