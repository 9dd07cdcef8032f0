//! Values on their way to and from the two drivers: one enum in, one trait both ways.

use std::str::FromStr;

use sqlx::Row as _;
use sqlx::postgres::{PgRow, Postgres};
use terrane_domain::access::{
    GrantedAccess, OrganizationAccess, ProjectAccessLevel, ProjectPermissions, WorkspaceAccessLevel,
    WorkspacePermissions,
};
use terrane_domain::configuration_versions::ConfigurationVersionStatus;
use terrane_domain::engines::EngineKind;
use terrane_domain::errored_states::Resolution;
use terrane_domain::ids;
use terrane_domain::jobs::JobStatus;
use terrane_domain::organization_memberships::MembershipStatus;
use terrane_domain::organizations::CollaboratorAuthPolicy;
use terrane_domain::projects::ProjectSort;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::RunEventAction;
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat, Phase, SandboxLevel, StopRequest};
use terrane_domain::runs::{PhaseStatus, PlanOptions, RunOperation, RunSource, RunStatus};
use terrane_domain::state_versions::StateVersionStatus;
use terrane_domain::teams::TeamVisibility;
use terrane_domain::time::Timestamp;
use terrane_domain::tokens::{TokenCreator, TokenKind};
use terrane_domain::variables::VariableCategory;
use terrane_domain::workspaces::{ExecutionMode, LockHolder, RunStatistics, WorkspaceSort, WorkspaceSource};

use crate::error::StoreError;

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
    Sqlite(Vec<Val>),
    Postgres(PgRow),
}

/// A type that can be a column.
pub(crate) trait Col: Sized {
    /// The value for a placeholder.
    fn val(&self) -> Val;
    /// Reads column `index`, counted from 0.
    fn get(row: &Row, index: usize) -> Result<Self, StoreError>;
}

impl Row {
    /// Column `index`, counted from 0; `None` where it is NULL.
    fn column<'r, T>(&'r self, index: usize, of: impl FnOnce(&'r Val) -> Option<T>) -> Result<Option<T>, StoreError>
    where
        T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
    {
        match self {
            Self::Sqlite(columns) => match columns.get(index) {
                Some(Val::Null) => Ok(None),
                Some(value) => of(value).map(Some).ok_or_else(|| wrong_type(index)),
                None => Err(StoreError::Column(format!("there is no column {index}"))),
            },
            Self::Postgres(row) => Ok(row.try_get(index)?),
        }
    }

    fn text(&self, index: usize) -> Result<Option<&str>, StoreError> {
        self.column(index, |value| match value {
            Val::Text(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

fn wrong_type(index: usize) -> StoreError {
    StoreError::Column(format!("column {index} holds a value of another type"))
}

fn missing(index: usize) -> impl FnOnce() -> StoreError {
    move || StoreError::Column(format!("column {index} is NULL"))
}

/// Types that both drivers know.
macro_rules! native {
    ($($type:ty => $variant:ident, $pattern:pat => $value:expr);+ $(;)?) => {$(
        impl Col for $type {
            fn val(&self) -> Val { Val::$variant(self.clone()) }
            fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
                Option::<$type>::get(row, index)?.ok_or_else(missing(index))
            }
        }
        impl Col for Option<$type> {
            fn val(&self) -> Val { self.as_ref().map_or(Val::Null, Col::val) }
            fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
                row.column(index, |value| match value { $pattern => Some($value), _ => None })
            }
        }
    )+};
}

native!(
    String => Text, Val::Text(text) => text.clone();
    i64 => Int, Val::Int(number) => *number;
    // SQLite has no truth, only 0 and 1.
    bool => Bool, Val::Int(number) => *number != 0;
    Vec<u8> => Bytes, Val::Bytes(bytes) => bytes.clone();
);

impl Col for Timestamp {
    fn val(&self) -> Val {
        Val::Int(self.as_micros())
    }
    fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
        i64::get(row, index).map(Self::from_micros)
    }
}

impl Col for Option<Timestamp> {
    fn val(&self) -> Val {
        self.as_ref().map_or(Val::Null, Col::val)
    }
    fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
        Ok(Option::<i64>::get(row, index)?.map(Timestamp::from_micros))
    }
}

fn parse<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, StoreError> {
    text.parse().map_err(StoreError::column)
}

/// Types that travel as the text that `Display` writes and `FromStr` reads.
macro_rules! textual {
    ($($type:ty),+ $(,)?) => {$(
        impl Col for $type {
            fn val(&self) -> Val { Val::Text(self.to_string()) }
            fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
                parse(row.text(index)?.ok_or_else(missing(index))?)
            }
        }
        impl Col for Option<$type> {
            fn val(&self) -> Val { self.as_ref().map_or(Val::Null, Col::val) }
            fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
                row.text(index)?.map(parse).transpose()
            }
        }
    )+};
}

textual!(
    ids::AgentPoolId,
    ids::ApplyId,
    ids::CommentId,
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
    ids::WorkspaceResourceId,
    ids::WorkspaceId,
    CollaboratorAuthPolicy,
    ConfigurationVersionStatus,
    EngineKind,
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
    ProjectSort,
    ReasonCode,
    Resolution,
    RunEventAction,
    RunOperation,
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

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(StoreError::column)
}

/// Types that travel as JSON text: payload, never joined on.
macro_rules! json {
    ($($type:ty),+ $(,)?) => {$(
        impl Col for $type {
            fn val(&self) -> Val { serde_json::to_string(self).map_or(Val::Null, Val::Text) }
            fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
                from_json(row.text(index)?.ok_or_else(missing(index))?)
            }
        }
        impl Col for Option<$type> {
            fn val(&self) -> Val { self.as_ref().map_or(Val::Null, Col::val) }
            fn get(row: &Row, index: usize) -> Result<Self, StoreError> {
                row.text(index)?.map(from_json).transpose()
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
