//! What a team may do in the whole organization: `organization-access` of `api-docs/teams.mdx`.

words! {
    /// One right in the whole organization.
    pub enum OrganizationPermission {
        /// Policies and policy sets; reads the runs of every workspace.
        ManagePolicies = "manage-policies",
        /// Overriding failed policies; reads the runs of every workspace.
        ManagePolicyOverrides = "manage-policy-overrides",
        /// Letting workspace administrators override failed policies.
        DelegatePolicyOverrides = "delegate-policy-overrides",
        /// Run tasks.
        ManageRunTasks = "manage-run-tasks",
        /// Every workspace as its administrator; new ones in the default project.
        ManageWorkspaces = "manage-workspaces",
        /// Connections to version control, SSH keys.
        ManageVcsSettings = "manage-vcs-settings",
        /// Agent pools; reads every workspace.
        ManageAgentPools = "manage-agent-pools",
        /// Every project as its administrator.
        ManageProjects = "manage-projects",
        /// Sees every project.
        ReadProjects = "read-projects",
        /// Sees every workspace.
        ReadWorkspaces = "read-workspaces",
        /// Providers of the registry.
        ManageProviders = "manage-providers",
        /// Modules of the registry.
        ManageModules = "manage-modules",
        /// Inviting and removing people, and who is in which visible team.
        ManageMembership = "manage-membership",
        /// Visible teams.
        ManageTeams = "manage-teams",
        /// What visible teams may do in the organization.
        ManageOrganizationAccess = "manage-organization-access",
        /// Secret teams count as visible.
        AccessSecretTeams = "access-secret-teams",
    }
}

/// A set of rights in the whole organization, closed under what each implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OrganizationAccess(u32);

/// What each right brings with it. Sources: `permissions.mdx`, "Manage all projects", "Manage teams".
const IMPLIED: &[(OrganizationPermission, &[OrganizationPermission])] = {
    use OrganizationPermission as P;
    &[
        (P::ManageProjects, &[P::ManageWorkspaces, P::ReadProjects]),
        (P::ManageOrganizationAccess, &[P::ManageTeams, P::ManageMembership]),
        (P::ManageTeams, &[P::ManageMembership]),
        (P::ManageWorkspaces, &[P::ReadWorkspaces]),
    ]
};

impl OrganizationAccess {
    /// Nothing.
    pub const NONE: Self = Self(0);

    const fn bit(permission: OrganizationPermission) -> u32 {
        1 << permission as u32
    }

    /// Whether `permission` is in it.
    pub const fn has(self, permission: OrganizationPermission) -> bool {
        self.0 & Self::bit(permission) != 0
    }

    /// Whether any of `permissions` is in it.
    pub fn has_any(self, permissions: &[OrganizationPermission]) -> bool {
        permissions.iter().any(|permission| self.has(*permission))
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The rights in it, in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = OrganizationPermission> {
        OrganizationPermission::ALL.iter().copied().filter(move |permission| self.has(*permission))
    }
}

impl FromIterator<OrganizationPermission> for OrganizationAccess {
    fn from_iter<I: IntoIterator<Item = OrganizationPermission>>(permissions: I) -> Self {
        let mut set = permissions.into_iter().fold(0, |set, permission| set | Self::bit(permission));
        for (permission, implied) in IMPLIED {
            if Self(set).has(*permission) {
                set |= implied.iter().fold(0, |set, permission| set | Self::bit(*permission));
            }
        }
        Self(set)
    }
}

impl std::fmt::Display for OrganizationAccess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<&str> = self.iter().map(OrganizationPermission::as_str).collect();
        formatter.write_str(&words.join(" "))
    }
}

impl std::str::FromStr for OrganizationAccess {
    type Err = crate::names::UnknownWord;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        words.split_whitespace().map(str::parse).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_brings_what_it_implies() {
        let projects: OrganizationAccess = [OrganizationPermission::ManageProjects].into_iter().collect();
        assert_eq!(projects.to_string(), "manage-workspaces manage-projects read-projects read-workspaces");
        let access: OrganizationAccess = [OrganizationPermission::ManageOrganizationAccess].into_iter().collect();
        assert_eq!(access.to_string(), "manage-membership manage-teams manage-organization-access");
    }

    #[test]
    fn a_set_is_read_back_from_its_words() {
        for permission in OrganizationPermission::ALL {
            let set: OrganizationAccess = [*permission].into_iter().collect();
            assert_eq!(set.to_string().parse(), Ok(set));
        }
    }
}
