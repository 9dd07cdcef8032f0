//! Values of the domain to store.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::engines::EngineKind;
use terrane_domain::errored_states::ErroredState;
use terrane_domain::ids::*;
use terrane_domain::jobs::{JobRecord, JobStatus};
use terrane_domain::organizations::Organization;
use terrane_domain::projects::Project;
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat, Phase, SandboxLevel, StopRequest};
use terrane_domain::runs::{PhaseStatus, PlanOptions, Run, RunOperation, RunPhase, RunSource, RunStatus};
use terrane_domain::state_versions::StateVersionOutput;
use terrane_domain::time::Timestamp;
use terrane_domain::users::User;
use terrane_domain::workspaces::Workspace;
use terrane_store::{Store, StoreError, Tx, organizations, projects, runs, state_versions, users, workspaces};

/// Keeps a value for closures that outlive the case's stack.
pub(crate) fn keep<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// Different at each call, and not in order.
pub(crate) fn entropy() -> u128 {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    u128::from(NUMBER.fetch_add(1, Ordering::Relaxed)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
}

pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000 + seconds * 1_000_000)
}

/// `count` values of a strategy, the same ones at each run.
pub(crate) fn some<S: Strategy>(count: usize, strategy: &S) -> Vec<S::Value> {
    let mut runner = TestRunner::deterministic();
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// Text of every script; PostgreSQL has no NUL in its texts.
pub(crate) fn text() -> impl Strategy<Value = String> {
    "[^\0]{0,30}"
}

pub(crate) fn time() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_micros)
}

pub(crate) fn json() -> impl Strategy<Value = serde_json::Value> {
    proptest::collection::btree_map(
        text(),
        prop_oneof![text().prop_map(Into::into), any::<i64>().prop_map(Into::into), any::<bool>().prop_map(Into::into)],
        0..4,
    )
    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect()))
}

/// What most cases start from.
pub(crate) struct World {
    pub(crate) organization: Organization,
    pub(crate) project: Project,
    pub(crate) user: User,
    pub(crate) workspace: Workspace,
}

pub(crate) fn organization(name: &str) -> Organization {
    let (id, project_id) = (OrganizationId::from_entropy(entropy()), ProjectId::from_entropy(entropy()));
    Organization {
        name: name.to_owned(),
        email: "people@example.org".to_owned(),
        ..Organization::new(id, project_id, moment(0))
    }
}

pub(crate) fn workspace(project: &Project, name: &str) -> Workspace {
    let id = WorkspaceId::from_entropy(entropy());
    Workspace {
        engine: EngineKind::Terraform,
        terraform_version: "latest".to_owned(),
        ..Workspace::new(id, project.organization_id.clone(), project.id.clone(), name.to_owned(), moment(0))
    }
}

/// Inserts an output of a state as it is read.
pub(crate) async fn insert_output(
    tx: &mut Tx,
    organization_id: &OrganizationId,
    output: &StateVersionOutput,
) -> Result<(), StoreError> {
    let new = state_versions::NewOutput {
        id: output.id.clone(),
        state_version_id: &output.state_version_id,
        name: &output.name,
        sensitive: output.sensitive,
        detailed_type: &output.detailed_type,
        value: &output.value.to_string(),
    };
    state_versions::insert_output(tx, organization_id, new).await
}

impl World {
    pub(crate) async fn new(store: &Store) -> &'static Self {
        let organization = organization(&format!("organization-{}", entropy()));
        let name = "Default Project".to_owned();
        let project = Project::new(organization.default_project_id.clone(), organization.id.clone(), name, moment(0));
        let user = User {
            id: UserId::from_entropy(entropy()),
            username: format!("user-{}", entropy()),
            email: "person@example.org".to_owned(),
            is_site_admin: false,
            created_at: moment(0),
        };
        let workspace = workspace(&project, "network");
        let world = keep(Self { organization, project, user, workspace });
        write!(store, tx => {
            organizations::insert(tx, &world.organization).await?;
            projects::insert(tx, &world.project).await?;
            users::insert(tx, &world.user).await?;
            workspaces::insert(tx, &world.workspace).await
        })
        .unwrap();
        world
    }

    pub(crate) fn run(&self, status: RunStatus, seconds: i64) -> Run {
        Run {
            id: RunId::from_entropy(entropy()),
            organization_id: self.organization.id.clone(),
            workspace_id: self.workspace.id.clone(),
            workspace_name: self.workspace.name.clone(),
            working_directory: String::new(),
            configuration_version_id: ConfigurationVersionId::from_entropy(entropy()),
            plan_id: PlanId::from_entropy(entropy()),
            apply_id: ApplyId::from_entropy(entropy()),
            status,
            status_timestamps: serde_json::json!({}),
            message: String::new(),
            source: RunSource::Api,
            created_by: None,
            confirmed_by: None,
            auto_apply: false,
            plan_only: false,
            save_plan: false,
            allow_empty_apply: false,
            operation: RunOperation::PlanAndApply,
            options: PlanOptions::default(),
            log_format: LogFormat::Text,
            engine: EngineKind::Terraform,
            terraform_version: "1.11.4".to_owned(),
            input_state_version_id: None,
            has_changes: false,
            reason: None,
            reason_message: None,
            canceled_at: None,
            created_at: moment(seconds),
        }
    }

    /// Stores a run with its phases.
    pub(crate) async fn insert_run(&self, store: &Store, run: Run) -> (&'static Run, &'static [RunPhase; 2]) {
        let run = keep(run);
        let phases = keep([phase(run, Phase::Plan), phase(run, Phase::Apply)]);
        write!(store, tx => runs::insert(tx, run, [&phases[0], &phases[1]], &[], "blob").await).unwrap();
        (run, phases)
    }

    pub(crate) fn configuration_version(&self, seconds: i64) -> ConfigurationVersion {
        ConfigurationVersion {
            id: ConfigurationVersionId::from_entropy(entropy()),
            organization_id: self.organization.id.clone(),
            workspace_id: self.workspace.id.clone(),
            status: ConfigurationVersionStatus::Pending,
            status_timestamps: serde_json::json!({}),
            source: "tfe-api".to_owned(),
            auto_queue_runs: true,
            speculative: false,
            provisional: false,
            error_message: None,
            blob: None,
            created_at: moment(seconds),
        }
    }
}

pub(crate) fn phase(run: &Run, phase: Phase) -> RunPhase {
    RunPhase {
        id: if phase == Phase::Plan { run.plan_id.to_string() } else { run.apply_id.to_string() },
        run_id: run.id.clone(),
        phase,
        status: PhaseStatus::Pending,
        status_timestamps: serde_json::json!({}),
        counts: ChangeCounts::default(),
        log_length: 0,
        log_ended: false,
        log_blob: None,
        plan_blob: None,
        json_blob: None,
        redacted_blob: None,
        generated_configuration: false,
        sandbox_level: Some(SandboxLevel::L2),
    }
}

/// What a run left, whose bytes lie in this blob.
pub(crate) fn errored_state(run: &Run, blob: &str) -> ErroredState {
    ErroredState {
        run_id: run.id.clone(),
        organization_id: run.organization_id.clone(),
        serial: Some(1),
        lineage: "lineage".to_owned(),
        md5: "md5".to_owned(),
        size: 1,
        blob: blob.to_owned(),
        resolution: None,
        resolved_at: None,
        created_at: moment(0),
    }
}

pub(crate) fn job(run: &Run, phase: Phase, seconds: i64) -> JobRecord {
    JobRecord {
        id: JobId::from_entropy(entropy()),
        organization_id: run.organization_id.clone(),
        run_id: run.id.clone(),
        phase,
        status: JobStatus::Queued,
        runner_id: None,
        fence: 0,
        lease_until: None,
        attempts: 0,
        admitted_at: None,
        stop: StopRequest::None,
        preferred_runner_id: None,
        preferred_until: None,
        created_at: moment(seconds),
    }
}
