//! Every record comes back as it was stored.

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use terrane_domain::comments::Comment;
use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::engines::EngineKind;
use terrane_domain::errored_states::{ErroredState, Resolution};
use terrane_domain::events::{Event, GENESIS};
use terrane_domain::ids::*;
use terrane_domain::jobs::{JobRecord, JobStatus};
use terrane_domain::organizations::{CollaboratorAuthPolicy, Organization};
use terrane_domain::projects::Project;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::run_events::{RunEvent, RunEventAction};
use terrane_domain::runner_protocol::{ChangeCounts, LogFormat, Phase, StopRequest};
use terrane_domain::runs::{PhaseStatus, PlanOptions, Run, RunOperation, RunPhase, RunSource, RunStatus, RunVariable};
use terrane_domain::state_versions::{StateVersion, StateVersionOutput, StateVersionStatus};
use terrane_domain::tokens::{Token, TokenCreator, TokenKind};
use terrane_domain::users::User;
use terrane_domain::variables::{Variable, VariableCategory};
use terrane_domain::workspace_resources::WorkspaceResource;
use terrane_domain::workspaces::{ExecutionMode, LockHolder, RunStatistics, Workspace, WorkspaceSource};
use terrane_store::{
    comments, configuration_versions, errored_states, events, hex, jobs, organizations, projects, run_events, runs,
    state_versions, tokens, users, variables, workspace_resources, workspaces,
};

use crate::databases::each;
use crate::samples::{World, entropy, job, json, keep, moment, some, text, time};

const COUNT: usize = 12;

fn any_of<T: Clone + std::fmt::Debug>(all: &'static [T]) -> impl Strategy<Value = T> {
    proptest::sample::select(all)
}

fn perhaps<S: Strategy>(strategy: S) -> impl Strategy<Value = Option<S::Value>>
where
    S::Value: Clone,
{
    proptest::option::of(strategy)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(text(), 0..4)
}

pub(crate) fn variable(organization: &OrganizationId, workspace: &WorkspaceId, key: &str, value: &str) -> Variable {
    Variable {
        id: VariableId::from_entropy(entropy()),
        organization_id: organization.clone(),
        workspace_id: workspace.clone(),
        key: key.to_owned(),
        value: value.to_owned(),
        description: String::new(),
        category: VariableCategory::Terraform,
        hcl: false,
        sensitive: false,
        version_id: "1".to_owned(),
        created_at: moment(0),
    }
}

#[tokio::test]
async fn organizations_and_people() {
    each(async |bench| {
        let settings = (any::<[bool; 7]>(), perhaps(any::<i64>()), perhaps(any::<i64>()), perhaps(text()));
        let words = (any_of(CollaboratorAuthPolicy::ALL), any_of(ExecutionMode::ALL), any::<bool>());
        let values = some(COUNT, &(text(), text(), any::<bool>(), time(), settings, words));
        for (number, (name, email, is_site_admin, created_at, settings, words)) in values.into_iter().enumerate() {
            let name = format!("{name}{number}");
            let id = OrganizationId::from_entropy(entropy());
            let (flags, session_timeout, session_remember, owners_team_saml_role_id) = settings;
            let (collaborator_auth_policy, default_execution_mode, has_pool) = words;
            let organization = keep(Organization {
                id,
                name,
                email,
                default_project_id: ProjectId::from_entropy(entropy()),
                session_timeout,
                session_remember,
                collaborator_auth_policy,
                cost_estimation_enabled: flags[0],
                send_passing_statuses_for_untriggered_speculative_plans: flags[1],
                aggregated_commit_status_enabled: flags[2],
                speculative_plan_management_enabled: flags[3],
                assessments_enforced: flags[4],
                allow_force_delete_workspaces: flags[5],
                default_execution_mode,
                default_agent_pool_id: has_pool.then(|| AgentPoolId::from_entropy(entropy())),
                owners_team_saml_role_id,
                user_tokens_enabled: flags[6],
                created_at,
            });
            let (name, email) = (organization.name.clone(), organization.email.clone());
            let id = UserId::from_entropy(entropy());
            let user = keep(User { id, username: name.clone(), email, is_site_admin, created_at });
            let id = organization.default_project_id.clone();
            let project = keep(Project {
                description: Some(name.clone()),
                auto_destroy_activity_duration: Some("14d".to_owned()),
                default_execution_mode: Some(ExecutionMode::Agent),
                default_agent_pool_id: Some(AgentPoolId::from_entropy(entropy())),
                ..Project::new(id, organization.id.clone(), name, created_at)
            });
            let plain = keep(Organization {
                name: format!("plain {}", organization.name),
                ..Organization::new(organization.id.clone(), project.id.clone(), created_at)
            });
            write!(bench.store, tx => {
                organizations::insert(tx, plain).await?;
                users::insert(tx, user).await?;
                projects::insert(tx, project).await?;
                assert_eq!(organizations::by_id(tx, &plain.id).await?.as_ref(), Some(plain));
                overwrite!(tx, organizations::held, &plain.name, organizations::update_settings, organization)?;
                Ok(())
            })
            .unwrap();
            read!(bench.store, tx => {
                assert_eq!(organizations::by_id(tx, &organization.id).await?.as_ref(), Some(organization));
                assert_eq!(organizations::by_name(tx, &organization.name).await?.as_ref(), Some(organization));
                assert_eq!(users::by_id(tx, &user.id).await?.as_ref(), Some(user));
                assert_eq!(users::by_name(tx, &user.username).await?.as_ref(), Some(user));
                assert_eq!(projects::by_id(tx, &project.id).await?.as_ref(), Some(project));
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

/// The same workspace with every setting changed that people may change.
fn with_other_settings(workspace: &Workspace) -> Workspace {
    Workspace {
        name: format!("{} changed", workspace.name),
        description: None,
        execution_mode: None,
        agent_pool_id: None,
        assessments_enabled: !workspace.assessments_enabled,
        auto_apply: !workspace.auto_apply,
        auto_apply_run_trigger: !workspace.auto_apply_run_trigger,
        auto_destroy_at: None,
        auto_destroy_activity_duration: Some("6h".to_owned()),
        inherits_project_auto_destroy: !workspace.inherits_project_auto_destroy,
        allow_destroy_plan: !workspace.allow_destroy_plan,
        file_triggers_enabled: !workspace.file_triggers_enabled,
        trigger_prefixes: vec!["a".to_owned()],
        trigger_patterns: Vec::new(),
        global_remote_state: !workspace.global_remote_state,
        project_remote_state: !workspace.project_remote_state,
        queue_all_runs: !workspace.queue_all_runs,
        source_name: Some("maker".to_owned()),
        source_url: None,
        speculative_enabled: !workspace.speculative_enabled,
        engine: EngineKind::OpenTofu,
        terraform_version: "1.11.4".to_owned(),
        structured_run_output_enabled: !workspace.structured_run_output_enabled,
        working_directory: "elsewhere".to_owned(),
        latest_change_at: moment(1),
        updated_at: moment(2),
        ..workspace.clone()
    }
}

#[tokio::test]
async fn workspaces_and_their_settings() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (
            (
                text(),
                perhaps(text()),
                perhaps(any_of(ExecutionMode::ALL)),
                any::<[bool; 13]>(),
                text(),
                text(),
                any_of(EngineKind::ALL),
            ),
            (any::<u8>(), perhaps(text()), any::<bool>(), time(), time()),
            (perhaps(time()), words(), words(), any_of(WorkspaceSource::ALL), any::<u32>(), perhaps(any::<u32>())),
        );
        for (number, (front, back, more)) in some(COUNT, &values).into_iter().enumerate() {
            let (name, description, execution_mode, flags, terraform_version, working_directory, engine) = front;
            let (holder, lock_reason, has_current, created_at, updated_at) = back;
            let (auto_destroy_at, trigger_prefixes, trigger_patterns, source, runs_count, average) = more;
            let lock_holder = match holder % 4 {
                0 => None,
                1 => Some(LockHolder::User(UserId::from_entropy(entropy()))),
                2 => Some(LockHolder::Run(RunId::from_entropy(entropy()))),
                _ => Some(LockHolder::Recovery(RunId::from_entropy(entropy()))),
            };
            let workspace = keep(Workspace {
                id: WorkspaceId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                project_id: world.project.id.clone(),
                name: format!("{name}{number}"),
                description,
                execution_mode,
                agent_pool_id: has_current.then(|| AgentPoolId::from_entropy(entropy())),
                assessments_enabled: flags[0],
                auto_apply: flags[1],
                auto_apply_run_trigger: flags[2],
                auto_destroy_at,
                auto_destroy_activity_duration: lock_reason.clone(),
                inherits_project_auto_destroy: flags[3],
                allow_destroy_plan: flags[4],
                file_triggers_enabled: flags[5],
                trigger_prefixes,
                trigger_patterns,
                global_remote_state: flags[6],
                project_remote_state: flags[7],
                queue_all_runs: flags[8],
                source,
                source_name: lock_reason.clone(),
                source_url: lock_reason.clone(),
                speculative_enabled: flags[9],
                engine,
                terraform_version,
                working_directory,
                structured_run_output_enabled: flags[10],
                lock_holder,
                lock_reason,
                current_run_id: has_current.then(|| RunId::from_entropy(entropy())),
                current_state_version_id: has_current.then(|| StateVersionId::from_entropy(entropy())),
                current_configuration_version_id: None,
                resource_count: i64::from(runs_count),
                statistics: RunStatistics {
                    runs_count,
                    run_failures: 1,
                    policy_check_failures: 2,
                    plan_duration_average: average.map(u64::from),
                    apply_duration_average: None,
                },
                latest_change_at: updated_at,
                created_at,
                updated_at,
            });
            let changed = keep(with_other_settings(workspace));
            write!(bench.store, tx => {
                workspaces::insert(tx, workspace).await?;
                assert_eq!(workspaces::by_id(tx, &workspace.id).await?.as_ref(), Some(workspace));
                overwrite!(tx, workspaces::held, &changed.id, workspaces::update_settings, changed)?;
                let found = workspaces::by_name(tx, &world.organization.id, &changed.name).await?;
                assert_eq!(found.as_ref(), Some(changed));
                Ok(())
            })
            .unwrap();
        }
        let count = read!(bench.store, tx => workspaces::count_in_project(tx, &world.project.id).await).unwrap();
        assert_eq!(count, i64::try_from(COUNT).unwrap() + 1);
    })
    .await;
}

fn options() -> impl Strategy<Value = PlanOptions> {
    (any::<[bool; 5]>(), words(), words()).prop_map(|(flags, target_addrs, replace_addrs)| PlanOptions {
        is_destroy: flags[0],
        refresh: flags[1],
        refresh_only: flags[2],
        invoke_action_addrs: replace_addrs.clone(),
        target_addrs,
        replace_addrs,
        allow_config_generation: flags[3],
        debugging_mode: flags[4],
    })
}

fn counts() -> impl Strategy<Value = ChangeCounts> {
    any::<[i64; 4]>().prop_map(|[additions, changes, destructions, imports]| ChangeCounts {
        additions,
        changes,
        destructions,
        imports,
    })
}

#[tokio::test]
async fn runs_with_their_phases_and_variables() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (
            (
                any_of(RunStatus::ALL),
                json(),
                text(),
                any_of(RunSource::ALL),
                any::<[bool; 6]>(),
                (any_of(RunOperation::ALL), options(), [text(), text()]),
            ),
            (
                any_of(LogFormat::ALL),
                any_of(EngineKind::ALL),
                text(),
                perhaps(any_of(ReasonCode::ALL)),
                perhaps(text()),
                perhaps(time()),
                time(),
            ),
            (any_of(PhaseStatus::ALL), counts(), any::<i64>(), any::<bool>(), perhaps(text()), words()),
        );
        for (front, middle, back) in some(COUNT * 3, &values) {
            let (status, status_timestamps, message, source, flags, (operation, options, [name, folder])) = front;
            let (log_format, engine, terraform_version, reason, reason_message, canceled_at, created_at) = middle;
            let (phase_status, counts, log_length, log_ended, blob, texts) = back;
            let run = keep(Run {
                status_timestamps: status_timestamps.clone(),
                message,
                source,
                created_by: flags[0].then(|| UserId::from_entropy(entropy())),
                confirmed_by: flags[1].then(|| UserId::from_entropy(entropy())),
                auto_apply: flags[2],
                plan_only: flags[3],
                save_plan: flags[4],
                allow_empty_apply: flags[5],
                operation,
                options,
                workspace_name: name,
                working_directory: folder,
                log_format,
                engine,
                terraform_version,
                input_state_version_id: flags[0].then(|| StateVersionId::from_entropy(entropy())),
                has_changes: log_ended,
                reason,
                reason_message,
                canceled_at,
                created_at,
                ..world.run(status, 0)
            });
            let plan = keep(RunPhase {
                status: phase_status,
                status_timestamps,
                counts,
                log_length,
                log_ended,
                log_blob: blob.clone(),
                plan_blob: blob.clone(),
                json_blob: blob.clone(),
                redacted_blob: blob,
                generated_configuration: log_ended,
                ..crate::samples::phase(run, Phase::Plan)
            });
            let apply = keep(crate::samples::phase(run, Phase::Apply));
            let variables: &'static Vec<RunVariable> =
                keep(texts.into_iter().map(|text| RunVariable { key: text.clone(), value: text }).collect());
            write!(bench.store, tx => runs::insert(tx, run, [plan, apply], variables, "archive").await).unwrap();
            read!(bench.store, tx => {
                assert_eq!(runs::by_id(tx, &run.id).await?.as_ref(), Some(run));
                assert_eq!(runs::phase(tx, &run.id, Phase::Plan).await?.as_ref(), Some(plan));
                assert_eq!(runs::phase_by_id(tx, run.apply_id.as_str()).await?.as_ref(), Some(apply));
                assert_eq!(runs::configuration_blob(tx, &run.id).await?.as_deref(), Some("archive"));
                assert!(runs::variables(tx, run).await? == *variables);
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn jobs_run_events_and_comments() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (
            (any_of(Phase::ALL), any_of(JobStatus::ALL), any_of(StopRequest::ALL), any::<[i64; 2]>(), any::<bool>()),
            (
                perhaps(time()),
                perhaps(time()),
                perhaps(time()),
                time(),
                any_of(RunEventAction::ALL),
                (text(), perhaps(text())),
            ),
        );
        for (front, back) in some(COUNT, &values) {
            let (phase, status, stop, [fence, attempts], has_runner) = front;
            let (lease_until, admitted_at, preferred_until, created_at, action, (message, description)) = back;
            let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::Pending, 0)).await;
            let job = keep(JobRecord {
                status,
                runner_id: has_runner.then(|| RunnerId::from_entropy(entropy())),
                fence,
                lease_until,
                attempts,
                admitted_at,
                stop,
                preferred_runner_id: has_runner.then(|| RunnerId::from_entropy(entropy())),
                preferred_until,
                created_at,
                ..job(run, phase, 0)
            });
            let event = keep(RunEvent {
                id: RunEventId::from_entropy(entropy()),
                run_id: run.id.clone(),
                action,
                description,
                actor_id: has_runner.then(|| UserId::from_entropy(entropy())),
                comment_id: has_runner.then(|| CommentId::from_entropy(entropy())),
                created_at,
            });
            let comment = keep(Comment {
                id: CommentId::from_entropy(entropy()),
                organization_id: run.organization_id.clone(),
                run_id: run.id.clone(),
                body: message,
                created_at,
            });
            write!(bench.store, tx => {
                jobs::insert(tx, job).await?;
                comments::insert(tx, comment).await?;
                run_events::insert(tx, event).await
            })
            .unwrap();
            read!(bench.store, tx => {
                assert_eq!(jobs::by_id(tx, &job.id).await?.as_ref(), Some(job));
                assert_eq!(jobs::of_run(tx, &run.id, phase).await?.as_ref(), Some(job));
                assert_eq!(comments::by_id(tx, &comment.id).await?.as_ref(), Some(comment));
                assert_eq!(comments::of_run(tx, &run.id).await?.as_slice(), std::slice::from_ref(comment));
                assert_eq!(run_events::by_id(tx, &event.id).await?.as_ref(), Some(event));
                assert_eq!(run_events::of_run(tx, &run.id).await?.as_slice(), std::slice::from_ref(event));
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn errored_states_of_any_shape() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (
            (perhaps(any::<i64>()), text(), text(), any::<i64>()),
            (perhaps(any_of(Resolution::ALL)), perhaps(time()), time()),
        );
        for ((serial, lineage, blob, size), (resolution, resolved_at, created_at)) in some(COUNT, &values) {
            let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::Errored, 0)).await;
            let state = keep(ErroredState {
                run_id: run.id.clone(),
                organization_id: run.organization_id.clone(),
                serial,
                md5: lineage.clone(),
                lineage,
                size,
                blob,
                resolution,
                resolved_at,
                created_at,
            });
            write!(bench.store, tx => errored_states::insert(tx, state).await).unwrap();
            read!(bench.store, tx => {
                assert_eq!(errored_states::of_run(tx, &run.id).await?.as_ref(), Some(state));
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn configuration_versions_of_any_shape() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (
            any_of(ConfigurationVersionStatus::ALL),
            text(),
            any::<[bool; 3]>(),
            perhaps(text()),
            perhaps(text()),
            time(),
        );
        for (status, source, flags, error_message, blob, created_at) in some(COUNT, &values) {
            let version = keep(ConfigurationVersion {
                status,
                source,
                auto_queue_runs: flags[0],
                speculative: flags[1],
                provisional: flags[2],
                error_message,
                blob,
                created_at,
                ..world.configuration_version(0)
            });
            write!(bench.store, tx => configuration_versions::insert(tx, version).await).unwrap();
            let found = read!(bench.store, tx => configuration_versions::by_id(tx, &version.id).await).unwrap();
            assert_eq!(found.as_ref(), Some(version));
        }
    })
    .await;
}

#[tokio::test]
async fn an_arrival_is_noted_only_where_it_changes_something() {
    use ConfigurationVersionStatus::{Archived, Errored, Pending, Uploaded};
    each(async |bench| {
        let world = World::new(&bench.store).await;
        for (before, arrival, told) in [
            (Pending, Ok("blob"), Some(Uploaded)),
            (Uploaded, Ok("blob"), Some(Uploaded)),
            (Errored, Ok("blob"), Some(Uploaded)),
            (Archived, Ok("blob"), None),
            (Pending, Err("broken"), Some(Errored)),
            (Uploaded, Err("broken"), None),
            (Archived, Err("broken"), None),
        ] {
            let version = keep(ConfigurationVersion { status: before, ..world.configuration_version(0) });
            write!(bench.store, tx => {
                configuration_versions::insert(tx, version).await?;
                assert_eq!(configuration_versions::set_arrival(tx, version, arrival).await?, told);
                let found = configuration_versions::by_id(tx, &version.id).await?.unwrap();
                assert_eq!(found.status, told.unwrap_or(before), "{arrival:?}");
                Ok(())
            })
            .unwrap();
        }
        let missing = keep(world.configuration_version(0));
        let told = write!(bench.store, tx => configuration_versions::set_arrival(tx, missing, Ok("blob")).await);
        assert_eq!(told.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn states_and_their_outputs() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (
            (any_of(StateVersionStatus::ALL), any::<[i64; 2]>(), text(), text(), any::<bool>()),
            (perhaps(text()), perhaps(text()), json(), json(), time()),
        );
        for (front, back) in some(COUNT, &values) {
            let (status, [serial, size], lineage, md5, flag) = front;
            let (terraform_version, blob, resources, value, created_at) = back;
            let version = keep(StateVersion {
                id: StateVersionId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                workspace_id: world.workspace.id.clone(),
                run_id: flag.then(|| RunId::from_entropy(entropy())),
                created_by: flag.then(|| UserId::from_entropy(entropy())),
                status,
                serial,
                lineage,
                md5,
                size,
                terraform_version,
                blob: blob.clone(),
                json_blob: blob,
                resources,
                resources_processed: true,
                rollback_of: None,
                created_at,
            });
            let output = keep(StateVersionOutput {
                id: StateVersionOutputId::from_entropy(entropy()),
                state_version_id: version.id.clone(),
                name: "name".to_owned(),
                sensitive: flag,
                detailed_type: serde_json::json!(["map", "string"]),
                value,
            });
            write!(bench.store, tx => {
                state_versions::insert(tx, version).await?;
                crate::samples::insert_output(tx, &world.organization.id, output).await?;
                workspaces::set_current_state(tx, &world.workspace.id, &version.id, 3).await
            })
            .unwrap();
            read!(bench.store, tx => {
                assert_eq!(state_versions::by_id(tx, &version.id).await?.as_ref(), Some(version));
                assert_eq!(state_versions::current(tx, &world.workspace.id).await?.as_ref(), Some(version));
                assert!(state_versions::outputs(tx, &version.id).await?.as_slice() == std::slice::from_ref(output));
                assert!(state_versions::output_by_id(tx, &output.id).await?.as_ref() == Some(output));
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn resources_of_a_workspace() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (text(), text(), perhaps(text()), any::<i64>(), any::<[i64; 2]>(), time());
        for (number, (name, provider, name_index, fingerprint, later, created_at)) in
            some(COUNT, &values).into_iter().enumerate()
        {
            let resource = keep(WorkspaceResource {
                id: WorkspaceResourceId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                workspace_id: world.workspace.id.clone(),
                address: format!("module_{number}.{name}"),
                module: name.clone(),
                name,
                provider: provider.clone(),
                provider_type: provider,
                name_index,
                fingerprint,
                modified_by_state_version_id: StateVersionId::from_entropy(entropy()),
                created_at,
                updated_at: created_at,
            });
            let changed = keep(WorkspaceResource {
                fingerprint: later[0],
                modified_by_state_version_id: StateVersionId::from_entropy(entropy()),
                ..resource.clone()
            });
            write!(bench.store, tx => {
                let id = &world.workspace.id;
                workspace_resources::insert(tx, resource).await?;
                assert_eq!(workspace_resources::all(tx, id).await?.as_slice(), std::slice::from_ref(resource));
                assert!(workspace_resources::update(tx, changed).await?);
                let part = format!("MODULE_{number}.");
                let (found, total) = workspace_resources::list(tx, id, &part, 1, 0).await?;
                assert_eq!((found.as_slice(), total), (std::slice::from_ref(changed), 1));
                assert_eq!(workspace_resources::list(tx, id, "module%", 1, 0).await?.1, 0);
                assert!(workspace_resources::remove(tx, &changed.id).await?);
                assert!(!workspace_resources::update(tx, changed).await?);
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn workspace_variables() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (text(), text(), text(), any_of(VariableCategory::ALL), any::<[bool; 2]>(), time());
        let mut stored = Vec::new();
        for (number, (key, value, description, category, flags, created_at)) in
            some(COUNT, &values).into_iter().enumerate()
        {
            let variable = keep(Variable {
                description,
                category,
                hcl: flags[0],
                sensitive: flags[1],
                created_at,
                ..variable(&world.organization.id, &world.workspace.id, &format!("{key}{number}"), &value)
            });
            write!(bench.store, tx => variables::insert(tx, variable).await).unwrap();
            stored.push(variable.clone());
        }
        stored.sort_by(|left, right| left.key.cmp(&right.key));
        let found = read!(bench.store, tx => variables::of_workspace(tx, &world.workspace.id).await).unwrap();
        assert!(found == stored);
    })
    .await;
}

#[tokio::test]
async fn tokens_are_found_by_their_secret_only() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (any_of(TokenKind::ALL), any::<bool>(), text(), time(), perhaps(time()));
        for (kind, flag, description, created_at, expires_at) in some(COUNT, &values) {
            let token = keep(Token {
                id: TokenId::from_entropy(entropy()),
                kind,
                user_id: flag.then(|| world.user.id.clone()),
                team_id: None,
                run_id: (!flag).then(|| RunId::from_entropy(entropy())),
                created_by: flag.then(|| TokenCreator::User(world.user.id.clone())),
                last_used_at: expires_at,
                organization_id: (!flag).then(|| world.organization.id.clone()),
                description: flag.then_some(description),
                created_at,
                expires_at,
            });
            let secret: &'static str = token.id.to_string().leak();
            write!(bench.store, tx => tokens::insert(tx, token, secret).await).unwrap();
            read!(bench.store, tx => {
                assert_eq!(tokens::by_secret(tx, secret).await?.as_ref(), Some(token));
                assert_eq!(tokens::by_secret(tx, &secret[1..]).await?, None);
                Ok(())
            })
            .unwrap();
            write!(bench.store, tx => {
                assert!(tokens::remove(tx, &token.id).await?);
                assert!(!tokens::remove(tx, &token.id).await?, "removed twice");
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn events_of_any_text() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let values = (text(), text(), text(), json(), any::<bool>(), time());
        let mut stored = Vec::new();
        for (actor, action, subject, details, is_caused, at) in some(COUNT, &values) {
            let event = keep(Event {
                id: EventId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                at,
                actor,
                action,
                subject,
                details,
                caused_by: is_caused.then(|| EventId::from_entropy(entropy())),
            });
            write!(bench.store, tx => events::insert(tx, event).await).unwrap();
            stored.push(event.clone());
        }
        assert_eq!(bench.store.seal_events().await.unwrap(), COUNT);
        // The hashes tell: what was sealed is what was inserted, in its order.
        let mut expected = vec![GENESIS.to_owned()];
        for (event, seq) in stored.iter().zip(1..) {
            expected.push(hex(&Sha256::digest(event.canonical(seq, &expected[expected.len() - 1]))));
        }
        assert_eq!(bench.texts("SELECT hash FROM events ORDER BY seq").await, expected[1..]);
        assert_eq!(bench.store.verify_events().await.unwrap()[0].fault, None);
    })
    .await;
}
