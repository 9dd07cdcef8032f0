//! What a team may do in the whole organization, as boxes to tick.

use maud::{Markup, html};
use terrane_domain::access::OrganizationPermission;
use terrane_domain::teams::Team;

use crate::forms::{Field, Submitted, Wrong};

/// One right in the words of people.
const fn label(right: OrganizationPermission) -> &'static str {
    use OrganizationPermission as P;
    match right {
        P::ManagePolicies => "Manage policies",
        P::ManagePolicyOverrides => "Override failed policies",
        P::DelegatePolicyOverrides => "Let administrators of workspaces override failed policies",
        P::ManageRunTasks => "Manage run tasks",
        P::ManageWorkspaces => "Manage all workspaces, and make new ones in the default project",
        P::ManageVcsSettings => "Manage connections to version control and SSH keys",
        P::ManageAgentPools => "Manage agent pools",
        P::ManageProjects => "Manage all projects (needs: manage all workspaces)",
        P::ReadProjects => "See all projects (needs: see all workspaces)",
        P::ReadWorkspaces => "See all workspaces",
        P::ManageProviders => "Manage providers of the registry",
        P::ManageModules => "Manage modules of the registry",
        P::ManageMembership => "Invite and remove people, and put them into visible teams",
        P::ManageTeams => "Manage visible teams",
        P::ManageOrganizationAccess => "Change what visible teams may do in the organization",
        P::AccessSecretTeams => "Treat secret teams as visible ones",
    }
}

/// What the team may do, in a line.
pub(super) fn in_words(team: &Team) -> String {
    if team.is_owners() {
        return "May do everything in the organization.".to_owned();
    }
    let rights: Vec<_> = team.effective_access().iter().map(|right| right.as_str().replace('-', " ")).collect();
    if rights.is_empty() {
        "No right in the whole organization; projects and workspaces may give it some.".to_owned()
    } else {
        format!("In the whole organization: {}.", rights.join(", "))
    }
}

/// The boxes. What was sent stands in them if it was refused.
pub(super) fn boxes(team: &Team, sent: Option<&Submitted>, wrong: Option<&Wrong>, may: bool) -> Markup {
    html! {
        fieldset class="boxes" {
            legend { "In the whole organization its members may" }
            @for right in OrganizationPermission::ALL {
                @let field = Field { label: label(*right), name: right.as_str(), form: "", wrong, is_disabled: !may };
                (field.tick(sent.map_or(team.organization_access.has(*right), |form| form.is_ticked(right.as_str()))))
            }
        }
    }
}

/// The rights that were given and taken.
pub(super) fn changes(team: &Team, form: &Submitted) -> Vec<(OrganizationPermission, bool)> {
    let wanted = |right: &OrganizationPermission| (*right, form.is_ticked(right.as_str()));
    let is_change =
        |(right, is_given): &(OrganizationPermission, bool)| team.organization_access.has(*right) != *is_given;
    OrganizationPermission::ALL.iter().map(wanted).filter(is_change).collect()
}
