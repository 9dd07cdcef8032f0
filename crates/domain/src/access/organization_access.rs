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

/// The rights that a team was given itself, without what they imply: with a right that is taken back goes what it
/// brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GrantedAccess(u32);

/// A right that cannot be given without another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{right} requires {needed}")]
pub struct MissingPermission {
    /// What was to be given.
    pub right: OrganizationPermission,
    /// What has to come with it.
    pub needed: OrganizationPermission,
}

impl GrantedAccess {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The same set with or without `permission`.
    #[must_use]
    pub const fn set(self, permission: OrganizationPermission, is_given: bool) -> Self {
        let bit = OrganizationAccess::bit(permission);
        if is_given { Self(self.0 | bit) } else { Self(self.0 & !bit) }
    }

    /// Whether `permission` was given itself.
    pub const fn has(self, permission: OrganizationPermission) -> bool {
        OrganizationAccess(self.0).has(permission)
    }

    /// What it comes to, with all that is implied.
    pub fn effective(self) -> OrganizationAccess {
        OrganizationAccess(self.0).iter().collect()
    }

    /// Whether each right comes with those that clients have to name beside it. Source: `api-docs/teams.mdx`.
    pub fn check(self) -> Result<(), MissingPermission> {
        use OrganizationPermission as P;
        let granted = OrganizationAccess(self.0);
        if granted.has(P::ManageProjects) && !granted.has(P::ManageWorkspaces) {
            return Err(MissingPermission { right: P::ManageProjects, needed: P::ManageWorkspaces });
        }
        if granted.has(P::ReadProjects) && !self.effective().has(P::ReadWorkspaces) {
            return Err(MissingPermission { right: P::ReadProjects, needed: P::ReadWorkspaces });
        }
        Ok(())
    }
}

impl FromIterator<OrganizationPermission> for GrantedAccess {
    fn from_iter<I: IntoIterator<Item = OrganizationPermission>>(permissions: I) -> Self {
        permissions.into_iter().fold(Self::NONE, |set, permission| set.set(permission, true))
    }
}

impl std::fmt::Display for GrantedAccess {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        OrganizationAccess(self.0).fmt(formatter)
    }
}

impl std::str::FromStr for GrantedAccess {
    type Err = crate::names::UnknownWord;

    fn from_str(words: &str) -> Result<Self, Self::Err> {
        words.split_whitespace().map(str::parse).collect()
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

    #[test]
    fn what_a_right_brought_goes_with_it() {
        let given = GrantedAccess::NONE.set(OrganizationPermission::ManageWorkspaces, true);
        assert!(given.effective().has(OrganizationPermission::ReadWorkspaces));
        let taken = given.set(OrganizationPermission::ManageWorkspaces, false);
        assert_eq!(taken.effective(), OrganizationAccess::NONE);
    }

    #[test]
    fn some_rights_have_to_be_named_together() {
        use OrganizationPermission as P;
        let cases: &[(&[P], Option<P>)] = &[
            (&[P::ManageProjects], Some(P::ManageWorkspaces)),
            (&[P::ManageProjects, P::ManageWorkspaces], None),
            (&[P::ReadProjects], Some(P::ReadWorkspaces)),
            (&[P::ReadProjects, P::ReadWorkspaces], None),
            (&[P::ReadProjects, P::ManageWorkspaces], None),
            (&[P::ManageTeams], None),
        ];
        for (rights, needed) in cases {
            let set: GrantedAccess = rights.iter().copied().collect();
            assert_eq!(set.check().err().map(|missing| missing.needed), *needed, "{rights:?}");
            assert_eq!(set.to_string().parse(), Ok(set));
        }
    }
}
