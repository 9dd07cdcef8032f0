//! Organizations. Source: `api-docs/organizations.mdx`.

use crate::execution::{Execution, ExecutionMode};
use crate::ids::{AgentPoolId, OrganizationId, ProjectId};
use crate::invalid::Invalid;
use crate::time::Timestamp;

words! {
    /// How people prove who they are before they work in an organization.
    pub enum CollaboratorAuthPolicy {
        /// By their password.
        Password = "password",
        /// By a second factor too.
        TwoFactorMandatory = "two_factor_mandatory",
    }
}

/// An organization: the owner of everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The `external-id`; it stays when the name changes.
    pub id: OrganizationId,
    /// Letters, digits, `-`, `_`; unique; the JSON:API id.
    pub name: String,
    /// Address for notices.
    pub email: String,
    /// The project of workspaces that name none.
    pub default_project_id: ProjectId,
    /// Minutes without a request after which a browser session ends.
    pub session_timeout: Option<i64>,
    /// Minutes after which a browser session ends.
    pub session_remember: Option<i64>,
    /// How people prove who they are.
    pub collaborator_auth_policy: CollaboratorAuthPolicy,
    /// Whether plans are followed by an estimate of their cost.
    pub cost_estimation_enabled: bool,
    /// Whether a commit that triggers no plan gets a passing status.
    pub send_passing_statuses_for_untriggered_speculative_plans: bool,
    /// Whether a commit gets one status for all its plans.
    pub aggregated_commit_status_enabled: bool,
    /// Whether plan-only runs of outdated commits are cancelled.
    pub speculative_plan_management_enabled: bool,
    /// Whether every workspace is assessed.
    pub assessments_enforced: bool,
    /// Whether administrators of a workspace may delete it while it manages resources.
    pub allow_force_delete_workspaces: bool,
    /// Execution mode of workspaces that have none of their own.
    pub default_execution_mode: ExecutionMode,
    /// Agent pool of workspaces that have none of their own; there is one in agent mode, and only there.
    pub default_agent_pool_id: Option<AgentPoolId>,
    /// The owners' role in the identity provider.
    pub owners_team_saml_role_id: Option<String>,
    /// Whether people's own tokens are of any use here.
    pub user_tokens_enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// The settings that a request names; `None` keeps what is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the organization's fields say it all")]
pub struct OrganizationChange {
    pub name: Option<String>,
    pub email: Option<String>,
    pub session_timeout: Option<Option<i64>>,
    pub session_remember: Option<Option<i64>>,
    pub collaborator_auth_policy: Option<String>,
    pub cost_estimation_enabled: Option<bool>,
    pub send_passing_statuses_for_untriggered_speculative_plans: Option<bool>,
    pub aggregated_commit_status_enabled: Option<bool>,
    pub speculative_plan_management_enabled: Option<bool>,
    pub assessments_enforced: Option<bool>,
    pub allow_force_delete_workspaces: Option<bool>,
    pub default_execution_mode: Option<String>,
    pub default_agent_pool_id: Option<Option<AgentPoolId>>,
    pub owners_team_saml_role_id: Option<Option<String>>,
    pub user_tokens_enabled: Option<bool>,
}

/// The longest time of a session, a year.
const MOST_SESSION_MINUTES: i64 = 525_600;
const LONGEST_EMAIL: usize = 254;

impl Organization {
    /// An organization as it is when nothing is said about it.
    pub const fn new(id: OrganizationId, default_project_id: ProjectId, created_at: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            email: String::new(),
            default_project_id,
            session_timeout: None,
            session_remember: None,
            collaborator_auth_policy: CollaboratorAuthPolicy::Password,
            cost_estimation_enabled: false,
            send_passing_statuses_for_untriggered_speculative_plans: false,
            aggregated_commit_status_enabled: true,
            speculative_plan_management_enabled: true,
            assessments_enforced: false,
            allow_force_delete_workspaces: false,
            default_execution_mode: ExecutionMode::Remote,
            default_agent_pool_id: None,
            owners_team_saml_role_id: None,
            user_tokens_enabled: true,
            created_at,
        }
    }

    /// Takes over what `change` names, unless it makes no sense.
    pub fn change(&mut self, change: OrganizationChange) -> Result<(), Invalid> {
        self.change_execution_mode(&change)?;
        if let Some(name) = change.name {
            if !is_name(&name) {
                return Err(Invalid::new("name", "Name may only contain letters, numbers, dashes and underscores"));
            }
            if is_reserved(&name) {
                return Err(Invalid::new("name", "Name is reserved for a page of this server; choose another"));
            }
            self.name = name;
        }
        if let Some(email) = change.email {
            if !is_email(&email) {
                return Err(Invalid::new("email", "Email is invalid"));
            }
            self.email = email;
        }
        if let Some(minutes) = change.session_timeout {
            self.session_timeout = session_minutes("session-timeout", "Session timeout", minutes)?;
        }
        if let Some(minutes) = change.session_remember {
            self.session_remember = session_minutes("session-remember", "Session remember", minutes)?;
        }
        if let Some(policy) = change.collaborator_auth_policy {
            let detail = "Collaborator auth policy must be password or two_factor_mandatory";
            self.collaborator_auth_policy =
                policy.parse().map_err(|_| Invalid::new("collaborator-auth-policy", detail))?;
        }
        if let Some(role) = change.owners_team_saml_role_id {
            self.owners_team_saml_role_id = role.filter(|role| !role.is_empty());
        }
        for (wanted, flag) in [
            (change.cost_estimation_enabled, &mut self.cost_estimation_enabled),
            (
                change.send_passing_statuses_for_untriggered_speculative_plans,
                &mut self.send_passing_statuses_for_untriggered_speculative_plans,
            ),
            (change.aggregated_commit_status_enabled, &mut self.aggregated_commit_status_enabled),
            (change.speculative_plan_management_enabled, &mut self.speculative_plan_management_enabled),
            (change.assessments_enforced, &mut self.assessments_enforced),
            (change.allow_force_delete_workspaces, &mut self.allow_force_delete_workspaces),
            (change.user_tokens_enabled, &mut self.user_tokens_enabled),
        ] {
            *flag = wanted.unwrap_or(*flag);
        }
        if self.send_passing_statuses_for_untriggered_speculative_plans && self.aggregated_commit_status_enabled {
            return Err(Invalid::new(
                "send-passing-statuses-for-untriggered-speculative-plans",
                "Send passing statuses for untriggered speculative plans must be false while aggregated commit status \
                 is enabled",
            ));
        }
        Ok(())
    }

    fn change_execution_mode(&mut self, change: &OrganizationChange) -> Result<(), Invalid> {
        if let Some(mode) = &change.default_execution_mode {
            let detail = "Default execution mode must be remote, local or agent";
            self.default_execution_mode = mode.parse().map_err(|_| Invalid::new("default-execution-mode", detail))?;
        }
        let is_agent = self.default_execution_mode == ExecutionMode::Agent;
        match &change.default_agent_pool_id {
            Some(named) => self.default_agent_pool_id.clone_from(named),
            None if !is_agent => self.default_agent_pool_id = None,
            None => {}
        }
        let detail = match (&self.default_agent_pool_id, is_agent) {
            (None, true) => "Default agent pool must be specified when using 'agent' execution mode",
            (Some(_), false) => "Default agent pool must not be specified unless using 'agent' execution mode",
            _ => return Ok(()),
        };
        Err(Invalid::new("default-agent-pool-id", detail))
    }
}

fn session_minutes(attribute: &'static str, name: &str, minutes: Option<i64>) -> Result<Option<i64>, Invalid> {
    if minutes.is_none_or(|minutes| (1..=MOST_SESSION_MINUTES).contains(&minutes)) {
        return Ok(minutes);
    }
    Err(Invalid::new(attribute, format!("{name} must be between 1 and {MOST_SESSION_MINUTES} minutes")))
}

impl Organization {
    /// Where runs happen of workspaces whose project does not say so either.
    pub fn execution(&self) -> Execution {
        Execution { mode: self.default_execution_mode, agent_pool_id: self.default_agent_pool_id.clone() }
    }
}

/// Whether `name` may name an organization or a workspace.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 90
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

/// Words that stand in the addresses of pages where the name of an organization could stand.
const RESERVED: [&str; 6] = ["assets", "invitations", "set-up", "settings", "sign-in", "sign-out"];

/// Whether an organization of this name would hide behind a page of the server.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Whether `email` could be an address: whether it is one only a letter can tell.
fn is_email(email: &str) -> bool {
    let is_plain = !email.chars().any(|character| character.is_whitespace() || character.is_control());
    let parts = email.rsplit_once('@');
    is_plain && email.len() <= LONGEST_EMAIL && parts.is_some_and(|(who, host)| !who.is_empty() && !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization() -> Organization {
        let (id, project_id) = (OrganizationId::from_entropy(1), ProjectId::from_entropy(2));
        let (name, email) = ("acme".to_owned(), "people@example.org".to_owned());
        Organization { name, email, ..Organization::new(id, project_id, Timestamp::from_micros(0)) }
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_attribute() {
        let pool = AgentPoolId::from_entropy(3);
        let base = OrganizationChange::default;
        let cases = [
            ("name", OrganizationChange { name: Some("a b".to_owned()), ..base() }),
            ("name", OrganizationChange { name: Some(String::new()), ..base() }),
            ("name", OrganizationChange { name: Some("a".repeat(91)), ..base() }),
            ("name", OrganizationChange { name: Some("Settings".to_owned()), ..base() }),
            ("email", OrganizationChange { email: Some(String::new()), ..base() }),
            ("email", OrganizationChange { email: Some("people".to_owned()), ..base() }),
            ("email", OrganizationChange { email: Some("@example.org".to_owned()), ..base() }),
            ("email", OrganizationChange { email: Some("a\nb@example.org".to_owned()), ..base() }),
            ("session-timeout", OrganizationChange { session_timeout: Some(Some(0)), ..base() }),
            ("session-remember", OrganizationChange { session_remember: Some(Some(i64::MAX)), ..base() }),
            (
                "collaborator-auth-policy",
                OrganizationChange { collaborator_auth_policy: Some("none".to_owned()), ..base() },
            ),
            (
                "default-execution-mode",
                OrganizationChange { default_execution_mode: Some("cloud".to_owned()), ..base() },
            ),
            (
                "default-agent-pool-id",
                OrganizationChange { default_execution_mode: Some("agent".to_owned()), ..base() },
            ),
            ("default-agent-pool-id", OrganizationChange { default_agent_pool_id: Some(Some(pool)), ..base() }),
            (
                "send-passing-statuses-for-untriggered-speculative-plans",
                OrganizationChange { send_passing_statuses_for_untriggered_speculative_plans: Some(true), ..base() },
            ),
        ];
        for (attribute, change) in cases {
            let error = organization().change(change.clone()).unwrap_err();
            assert_eq!(error.attribute, attribute, "{change:?}");
        }
    }

    #[test]
    fn nothing_named_changes_nothing() {
        let mut changed = organization();
        changed.change(OrganizationChange::default()).unwrap();
        assert_eq!(changed, organization());
    }

    #[test]
    fn the_default_pool_stays_in_agent_mode_and_goes_with_it() {
        let mut organization = organization();
        let pool = AgentPoolId::from_entropy(3);
        let agent = OrganizationChange {
            default_execution_mode: Some("agent".to_owned()),
            default_agent_pool_id: Some(Some(pool.clone())),
            ..OrganizationChange::default()
        };
        organization.change(agent).unwrap();
        organization.change(OrganizationChange::default()).unwrap();
        assert_eq!(organization.default_agent_pool_id, Some(pool));
        let local =
            OrganizationChange { default_execution_mode: Some("local".to_owned()), ..OrganizationChange::default() };
        organization.change(local).unwrap();
        assert_eq!(organization.default_agent_pool_id, None);
    }
}
