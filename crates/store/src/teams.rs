//! Rows of teams and of who is in them.

use terrane_domain::ids::{TeamId, UserId};
use terrane_domain::teams::Team;

use crate::error::StoreError;
use crate::statement::{Record as _, record, statements};
use crate::transaction::{Tx, values};

record!(Team, "teams", "$1, $2, $3, $4, $5, $6, $7, $8", {
    id, organization_id, name, visibility, sso_team_id, organization_access, allow_member_token_management, created_at
});

statements! {
    INSERT: Team = insert;
    BY_ID: Team = select "WHERE id = $1";
    INSERT_MEMBER = "INSERT INTO team_members (team_id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
}

/// Inserts a team.
pub async fn insert(tx: &mut Tx, team: &Team) -> Result<(), StoreError> {
    tx.execute(&INSERT, team.values()).await.map(drop)
}

/// The team of this id.
pub async fn by_id(tx: &mut Tx, id: &TeamId) -> Result<Option<Team>, StoreError> {
    tx.one(&BY_ID, values![*id]).await
}

/// Adds a person to a team; one who is in it already stays.
pub async fn insert_member(tx: &mut Tx, id: &TeamId, user_id: &UserId) -> Result<(), StoreError> {
    tx.execute(&INSERT_MEMBER, values![*id, *user_id]).await.map(drop)
}
