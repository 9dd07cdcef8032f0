//! Values on their way to and from the two drivers: one enum in, one trait both ways.

use std::str::FromStr;

use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use terrane_domain::access::{
    GrantedAccess, OrganizationAccess, ProjectAccessLevel, ProjectPermissions, WorkspaceAccessLevel,
    WorkspacePermissions,
};
use terrane_domain::configuration_versions::ConfigurationVersionStatus;
use terrane_domain::ids;
use terrane_domain::jobs::JobStatus;
use terrane_domain::organization_memberships::MembershipStatus;
use terrane_domain::organizations::CollaboratorAuthPolicy;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat, Phase, SandboxLevel, StopRequest};
use terrane_domain::runs::{PhaseStatus, PlanOptions, RunSource, RunStatus};
use terrane_domain::state_versions::StateVersionStatus;
use terrane_domain::teams::TeamVisibility;
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{TokenCreator, TokenKind};
use terrane_domain::variables::VariableCategory;
use terrane_domain::workspaces::{ExecutionMode, LockHolder, RunStatistics, WorkspaceSort, WorkspaceSource};

/// A value for a placeholder.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Val {
    Null,
    Text(String),
    Int(i64),
    Bool(bool),
    Bytes(Vec<u8>),
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// A type that can be a column.
pub(crate) trait Col: Sized {
    /// The value for a placeholder.
    fn val(&self) -> Val;
    /// Reads column `index`, counted from 0.
    fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error>;
}

macro_rules! native {
    ($($type:ty => $variant:ident),+ $(,)?) => {$(
        impl Col for $type {
            fn val(&self) -> Val { Val::$variant(self.clone()) }
            fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
                match row {
                    Row::Sqlite(row) => row.try_get(index),
                    Row::Postgres(row) => row.try_get(index),
                }
            }
        }
        impl Col for Option<$type> {
            fn val(&self) -> Val { self.as_ref().map_or(Val::Null, Col::val) }
            fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
                match row {
                    Row::Sqlite(row) => row.try_get(index),
                    Row::Postgres(row) => row.try_get(index),
                }
            }
        }
    )+};
}

native!(String => Text, i64 => Int, bool => Bool, Vec<u8> => Bytes);

impl Col for Timestamp {
    fn val(&self) -> Val {
        Val::Int(self.as_micros())
    }
    fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
        i64::get(row, index).map(Self::from_micros)
    }
}

impl Col for Option<Timestamp> {
    fn val(&self) -> Val {
        self.as_ref().map_or(Val::Null, Col::val)
    }
    fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
        Ok(Option::<i64>::get(row, index)?.map(Timestamp::from_micros))
    }
}

fn parse<T: FromStr<Err: std::error::Error + Send + Sync + 'static>>(text: &str) -> Result<T, sqlx::Error> {
    text.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Types that travel as the text that `Display` writes and `FromStr` reads.
macro_rules! textual {
    ($($type:ty),+ $(,)?) => {$(
        impl Col for $type {
            fn val(&self) -> Val { Val::Text(self.to_string()) }
            fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> { parse(&String::get(row, index)?) }
        }
        impl Col for Option<$type> {
            fn val(&self) -> Val { self.as_ref().map_or(Val::Null, Col::val) }
            fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
                Option::<String>::get(row, index)?.map(|text| parse(&text)).transpose()
            }
        }
    )+};
}

textual!(
    ids::AgentPoolId,
    ids::ApplyId,
    ids::ConfigurationVersionId,
    ids::EventId,
    ids::JobId,
    ids::OrganizationId,
    ids::OrganizationMembershipId,
    ids::PlanId,
    ids::ProjectId,
    ids::ReservedTagKeyId,
    ids::RunEventId,
    ids::RunId,
    ids::RunnerId,
    ids::StateVersionId,
    ids::StateVersionOutputId,
    ids::TagBindingId,
    ids::TagId,
    ids::TeamId,
    ids::TeamProjectId,
    ids::TeamWorkspaceId,
    ids::TokenId,
    ids::UserId,
    ids::VariableId,
    ids::WorkspaceId,
    CollaboratorAuthPolicy,
    ConfigurationVersionStatus,
    ExecutionMode,
    GrantedAccess,
    JobStatus,
    LockHolder,
    LogFormat,
    MembershipStatus,
    OrganizationAccess,
    Phase,
    PhaseStatus,
    ProjectAccessLevel,
    ReasonCode,
    RunSource,
    RunStatus,
    SandboxLevel,
    StateVersionStatus,
    StopRequest,
    TeamVisibility,
    TokenCreator,
    TokenKind,
    VariableCategory,
    WorkspaceAccessLevel,
    WorkspaceSort,
    WorkspaceSource,
);

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, sqlx::Error> {
    serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(Box::new(error)))
}

/// Types that travel as JSON text: payload, never joined on.
macro_rules! json {
    ($($type:ty),+ $(,)?) => {$(
        impl Col for $type {
            fn val(&self) -> Val { serde_json::to_string(self).map_or(Val::Null, Val::Text) }
            fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
                from_json(&String::get(row, index)?)
            }
        }
        impl Col for Option<$type> {
            fn val(&self) -> Val { self.as_ref().map_or(Val::Null, Col::val) }
            fn get(row: &Row, index: usize) -> Result<Self, sqlx::Error> {
                Option::<String>::get(row, index)?.map(|text| from_json(&text)).transpose()
            }
        }
    )+};
}

json!(
    serde_json::Value,
    PlanOptions,
    ChangeCounts,
    ProjectPermissions,
    RunStatistics,
    Vec<String>,
    WorkspacePermissions,
);
