//! Rows of teams and of who is in them.

use std::collections::HashMap;

use terrane_domain::access::Visibility;
use terrane_domain::ids::{OrganizationId, OrganizationMembershipId, TeamId, UserId};
use terrane_domain::organization_memberships::{MembershipStatus, OrganizationMembership};
use terrane_domain::teams::Team;
use terrane_domain::time::Timestamp;

use crate::error::StoreError;
use crate::held::Held;
use crate::statement::{Record as _, record, statements};
use crate::tag_bindings::listed;
use crate::transaction::{Tx, values};
use crate::visibility::{all_or_visible_to, own_teams};
use crate::wake::Topic;

record!(Team, "teams", "$1, $2, $3, $4, $5, $6, $7, $8", {
    id, organization_id, name, visibility, sso_team_id, organization_access, allow_member_token_management, created_at
});

/// That a person is in a team.
struct TeamMember {
    team_id: TeamId,
    user_id: UserId,
}

record!(TeamMember, "team_members", "$1, $2", { team_id, user_id });

/// A membership in an organization of someone who is in a team there.
struct TeamMembership {
    team_id: TeamId,
    id: OrganizationMembershipId,
    organization_id: OrganizationId,
    user_id: UserId,
    email: String,
    status: MembershipStatus,
    created_at: Timestamp,
}

record!(TeamMembership, "team_members JOIN organization_memberships USING (user_id)", "$1, $2, $3, $4, $5, $6, $7", {
    team_id, id, organization_id, user_id, email, status, created_at
});

/// $2: all are visible; $3: nothing; $4: the person who sees his own secret teams too; $5: the team that sees itself. $6:
/// names, a text with a comma around each; $7: a part of the name in lower case.
const SEEN: &str = concat!(
    "WHERE organization_id = $1 AND (CAST($2 AS BOOLEAN) = TRUE OR visibility <> 'secret' OR id IN (",
    own_teams!("$4", "$5"),
    ")) AND CAST($3 AS TEXT) IS NULL",
    " AND (CAST($6 AS TEXT) IS NULL OR REPLACE(CAST($6 AS TEXT), ',' || name || ',', '') <> CAST($6 AS TEXT))",
    " AND (CAST($7 AS TEXT) IS NULL OR REPLACE(LOWER(name), CAST($7 AS TEXT), '') <> LOWER(name))",
);

statements! {
    INSERT: Team = insert;
    BY_ID: Team = select "WHERE id = $1";
    HELD: Team = held "WHERE id = $1";
    OF_USER: Team = select "WHERE id IN (SELECT team_id FROM team_members WHERE user_id = $1) ORDER BY name, id";
    OF_ORGANIZATION: Team = select "WHERE organization_id = $1 ORDER BY name, id";
    LIST_TEAMS: Team = select [SEEN, " ORDER BY name, id LIMIT $8 OFFSET $9"];
    COUNT_TEAMS = joined ["SELECT COUNT(*) FROM teams ", SEEN];
    UPDATE = "UPDATE teams SET name = $2, visibility = $3, sso_team_id = $4, organization_access = $5, allow_member_token_management = $6 WHERE id = $1";
    DELETE = "DELETE FROM teams WHERE id = $1";
    INSERT_MEMBER = "INSERT INTO team_members (team_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
    DELETE_MEMBER = "DELETE FROM team_members WHERE team_id = $1 AND user_id = $2";
    DELETE_MEMBER_EVERYWHERE = "DELETE FROM team_members WHERE user_id = $2 AND team_id IN (SELECT id FROM teams WHERE organization_id = $1)";
    HAND_OVER = "UPDATE team_members SET user_id = $3 WHERE user_id = $2 AND team_id IN (SELECT id FROM teams WHERE organization_id = $1)";
    COUNT_ACTIVE = "SELECT COUNT(*) FROM team_members b JOIN teams t ON t.id = b.team_id JOIN organization_memberships m ON m.user_id = b.user_id AND m.organization_id = t.organization_id WHERE b.team_id = $1 AND m.status = 'active'";
    MEMBERS_OF_TEAMS: TeamMembership = select_many "organization_id = (SELECT t.organization_id FROM teams t WHERE t.id = team_members.team_id) AND team_id";
    OF_USERS: TeamMember = select_many "user_id";
}

/// Inserts a team.
pub async fn insert(tx: &mut Tx, team: &Team) -> Result<(), StoreError> {
    tx.execute(&INSERT, team.values()).await.map(drop)
}

/// The team of this id.
pub async fn by_id(tx: &mut Tx, id: &TeamId) -> Result<Option<Team>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// The team of this id, held until the transaction ends.
pub async fn held(tx: &mut Tx, id: &TeamId) -> Result<Option<Held<Team>>, StoreError> {
    tx.held(&HELD, values![*id]).await
}

/// A person's teams in every organization, by name.
pub async fn of_user(tx: &mut Tx, user_id: &UserId) -> Result<Vec<Team>, StoreError> {
    tx.all(&OF_USER, values![*user_id]).await
}

/// An organization's teams, by name.
pub async fn of_organization(tx: &mut Tx, id: &OrganizationId) -> Result<Vec<Team>, StoreError> {
    tx.all(&OF_ORGANIZATION, values![*id]).await
}

/// What a list of teams is narrowed by.
#[derive(Debug, Clone, Default)]
pub struct TeamFilter {
    /// Only teams of these names; beats the part.
    pub names: Vec<String>,
    /// Part of the name, the case of ASCII letters ignored.
    pub name_part: Option<String>,
}

/// One page of an organization's teams that one may see, by name, and their total number.
pub async fn list(
    tx: &mut Tx,
    id: &OrganizationId,
    visibility: &Visibility,
    filter: &TeamFilter,
    (limit, offset): (i64, i64),
) -> Result<(Vec<Team>, i64), StoreError> {
    if *visibility == Visibility::Nothing {
        return Ok((Vec::new(), 0));
    }
    // No name has a comma.
    let names: Vec<_> = filter.names.iter().filter(|name| !name.contains(',')).cloned().collect();
    let names = (!filter.names.is_empty()).then(|| listed(&names));
    let part = filter.name_part.as_deref().filter(|part| !part.is_empty() && names.is_none());
    let narrowed = values![names, part.map(str::to_ascii_lowercase)];
    let shared = [values![*id], all_or_visible_to(visibility), narrowed].concat();
    let total = tx.scalar(&COUNT_TEAMS, shared.clone()).await?.unwrap_or(0);
    Ok((tx.all(&LIST_TEAMS, [shared, values![limit, offset]].concat()).await?, total))
}

/// Stores a team's settings.
pub async fn update(tx: &mut Tx, team: &Held<Team>) -> Result<(), StoreError> {
    let values = values![
        team.id,
        team.name,
        team.visibility,
        team.sso_team_id,
        team.organization_access,
        team.allow_member_token_management,
    ];
    tx.execute(&UPDATE, values).await.map(drop)
}

/// Removes a team with its tokens and its access.
pub async fn remove(tx: &mut Tx, id: &TeamId) -> Result<(), StoreError> {
    tx.execute(&DELETE, values![*id]).await?;
    tx.wake(Topic::Tokens);
    Ok(())
}

/// Adds a person to a team; one who is in it already stays.
pub async fn insert_member(tx: &mut Tx, id: &TeamId, user_id: &UserId) -> Result<(), StoreError> {
    tx.execute(&INSERT_MEMBER, values![*id, *user_id]).await.map(drop)
}

/// Takes a person out of a team; tells whether he was in it.
pub async fn remove_member(tx: &mut Tx, id: &TeamId, user_id: &UserId) -> Result<bool, StoreError> {
    tx.changed(&DELETE_MEMBER, values![*id, *user_id]).await
}

/// Takes a person out of all teams of an organization.
pub async fn remove_from_all(tx: &mut Tx, id: &OrganizationId, user_id: &UserId) -> Result<(), StoreError> {
    tx.execute(&DELETE_MEMBER_EVERYWHERE, values![*id, *user_id]).await.map(drop)
}

/// Puts another account in a person's place in all teams of an organization.
pub async fn hand_over(tx: &mut Tx, id: &OrganizationId, from: &UserId, to: &UserId) -> Result<(), StoreError> {
    tx.execute(&HAND_OVER, values![*id, *from, *to]).await.map(drop)
}

/// How many of a team's people are members of the organization, not only invited.
pub async fn count_active(tx: &mut Tx, id: &TeamId) -> Result<i64, StoreError> {
    Ok(tx.scalar(&COUNT_ACTIVE, values![*id]).await?.unwrap_or(0))
}

/// The memberships of the people in these teams, oldest first.
pub async fn members(tx: &mut Tx, ids: &[&TeamId]) -> Result<HashMap<TeamId, Vec<OrganizationMembership>>, StoreError> {
    let mut rows: Vec<TeamMembership> = tx.many(&MEMBERS_OF_TEAMS, ids).await?;
    rows.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
    let mut members = HashMap::<TeamId, Vec<OrganizationMembership>>::new();
    for row in rows {
        members.entry(row.team_id).or_default().push(OrganizationMembership {
            id: row.id,
            organization_id: row.organization_id,
            user_id: row.user_id,
            email: row.email,
            status: row.status,
            created_at: row.created_at,
        });
    }
    Ok(members)
}

/// The teams that these people are in, in every organization.
pub async fn of_users(tx: &mut Tx, ids: &[&UserId]) -> Result<HashMap<UserId, Vec<TeamId>>, StoreError> {
    let mut teams = HashMap::<UserId, Vec<TeamId>>::new();
    for row in tx.many::<TeamMember, _>(&OF_USERS, ids).await? {
        teams.entry(row.user_id).or_default().push(row.team_id);
    }
    Ok(teams)
}
