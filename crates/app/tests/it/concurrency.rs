//! Two who change the same things at once. Each case stops one of them in the middle by a transaction of its own, which
//! only PostgreSQL allows: SQLite has one writer.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _};
use terrane_app::account::{self, AccountUpdate};
use terrane_app::agent_pools::{self, AgentPoolChange};
use terrane_app::projects::{self, ProjectSettings};
use terrane_app::remote_state_consumers::{self, ConsumerChange};
use terrane_app::reserved_tag_keys::{self, ReservedTagKeyChange};
use terrane_app::runs::{self, NewRun, RunAction};
use terrane_app::tag_bindings::{self, BindingChange};
use terrane_app::team_access::{
    self, ProjectSettings as TeamProjectSettings, WorkspaceSettings as TeamWorkspaceSettings,
};
use terrane_app::teams::{self, TeamSettings};
use terrane_app::variables::{self, VariableKey};
use terrane_app::workspaces::{self, WorkspaceKey, WorkspaceSettings};
use terrane_app::{AppResult, PlanDocument, jobs, organizations, streams};
use terrane_domain::access::ProjectAccessLevel;
use terrane_domain::ids::{ProjectId, TeamWorkspaceId};
use terrane_domain::organizations::OrganizationChange;
use terrane_domain::runner_protocol::RefusalCode;
use terrane_domain::runs::RunStatus;
use terrane_domain::tag_bindings::Taggable;
use terrane_domain::variables::VariableChange;

use crate::lost_runners::refusal;
use crate::postgres;
use crate::world::World;

/// Another client of the same database.
struct Other(PgConnection);

/// Runs `case` in a fresh world on PostgreSQL, if there is one.
async fn on_postgres(case: impl AsyncFn(&World, Other)) {
    postgres::each(async |url| {
        let Some(url) = url else { return };
        let world = World::new(Some(url.clone())).await;
        case(&world, Other(PgConnection::connect(&url).await.unwrap())).await;
    })
    .await;
}

impl Other {
    async fn run(&mut self, sql: &str) {
        self.0.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.unwrap();
    }

    async fn holds(&mut self, sql: &str) -> bool {
        self.0.fetch_one(AssertSqlSafe(sql.to_owned())).await.unwrap().get(0)
    }

    /// Returns once somebody waits for a row of this client's transaction.
    async fn is_waited_for(&mut self) {
        let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))";
        for _ in 0..1000 {
            if self.holds(waits).await {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("nobody waits");
    }

    /// Runs `call` while this client writes `sql`: it begins before, and can end only after. In between, while the call
    /// waits, `look` is called.
    async fn during<T>(&mut self, sql: &str, call: BoxFuture<'_, T>, look: impl AsyncFnOnce(&mut Self)) -> T {
        self.run("BEGIN").await;
        self.run(sql).await;
        let meanwhile = async {
            self.is_waited_for().await;
            look(self).await;
            self.run("COMMIT").await;
        };
        tokio::join!(call, meanwhile).0
    }

    /// Whether a row of the query could be locked at once.
    async fn is_free(&mut self, rows: &str) -> bool {
        self.run("SAVEPOINT look").await;
        let found = self.0.fetch_all(AssertSqlSafe(format!("{rows} FOR UPDATE NOWAIT"))).await;
        self.run("ROLLBACK TO look").await;
        match found {
            Ok(rows) => {
                assert!(!rows.is_empty(), "there is no such row");
                true
            }
            Err(_) => false,
        }
    }
}

fn boxed<'a, T: 'a>(call: impl Future<Output = AppResult<T>> + Send + 'a) -> BoxFuture<'a, AppResult<()>> {
    Box::pin(call.map(|done| done.map(drop)))
}

fn key(world: &World) -> WorkspaceKey {
    WorkspaceKey::Id(world.workspace_id.clone())
}

async fn add_project(world: &World, name: &str) -> ProjectId {
    let settings = ProjectSettings { name: Some(name.to_owned()), ..ProjectSettings::default() };
    projects::create(&world.app, &world.owner, "demo", settings).await.unwrap().project.id
}

/// A table, what another sets in all its rows, and a call that changes something else there.
type Case<'a> = (&'static str, &'static str, BoxFuture<'a, AppResult<()>>);

async fn changes_of_places(world: &World) -> Vec<Case<'_>> {
    let (app, owner) = (&world.app, &world.owner);
    let project_id = add_project(world, "one").await;
    let (id, moved) = (project_id.clone(), vec![world.workspace_id.to_string()]);
    let by_name = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: "app".to_owned() };
    let auto_apply = || WorkspaceSettings { auto_apply: Some(true), ..WorkspaceSettings::default() };
    let organization = OrganizationChange { cost_estimation_enabled: Some(false), ..OrganizationChange::default() };
    let project = ProjectSettings { name: Some("renamed".to_owned()), ..ProjectSettings::default() };
    vec![
        ("workspaces", "description = 'theirs'", boxed(workspaces::update(app, owner, key(world), auto_apply()))),
        ("workspaces", "working_directory = 'theirs'", boxed(workspaces::update(app, owner, by_name, auto_apply()))),
        (
            "workspaces",
            "terraform_version = '1.5.7'",
            boxed(async move { projects::move_workspaces(app, owner, &id, moved).await }),
        ),
        (
            "organizations",
            "email = 'theirs@example.org'",
            boxed(organizations::update(app, owner, "demo", organization)),
        ),
        (
            "projects",
            "description = 'theirs'",
            boxed(async move { projects::update(app, owner, &project_id, project).await }),
        ),
    ]
}

async fn changes_of_rights(world: &World) -> Vec<Case<'_>> {
    let (app, owner) = (&world.app, &world.owner);
    let organization = organizations::read(app, owner, "demo").await.unwrap().organization;
    let (team_id, project_id) = (world.add_team(&organization.id).await, add_project(world, "two").await);
    let level = TeamProjectSettings { access: Some(ProjectAccessLevel::Read), ..TeamProjectSettings::default() };
    let on_project = team_access::create_for_project(app, owner, project_id, team_id.clone(), level).await.unwrap().id;
    let (on_workspace, nothing) = (TeamWorkspaceId::from_entropy(1), TeamWorkspaceSettings::default());
    let team = TeamSettings { name: Some("renamed".to_owned()), ..TeamSettings::default() };
    let account = AccountUpdate { username: Some("renamed".to_owned()), email: None };
    vec![
        ("teams", "organization_access = 'manage-modules'", boxed(teams::update(app, owner, team_id, team))),
        (
            "team_projects",
            "access = 'admin'",
            boxed(team_access::update_for_project(app, owner, on_project, TeamProjectSettings::default())),
        ),
        (
            "team_workspaces",
            "access = 'admin'",
            boxed(team_access::update_for_workspace(app, owner, on_workspace, nothing)),
        ),
        ("users", "email = 'theirs@example.org'", boxed(account::update(app, owner, account))),
    ]
}

async fn changes_of_things(world: &World) -> Vec<Case<'_>> {
    let (app, owner) = (&world.app, &world.owner);
    let pool = |name: &str| AgentPoolChange { name: Some(name.to_owned()), ..AgentPoolChange::default() };
    let pool_id = agent_pools::create(app, owner, "demo", pool("pool")).await.unwrap().pool.id;
    let reserved = |key: &str| ReservedTagKeyChange { key: Some(key.to_owned()), ..ReservedTagKeyChange::default() };
    let reserved_id = reserved_tag_keys::create(app, owner, "demo", reserved("reserved")).await.unwrap().id;
    let variable =
        VariableChange { key: Some("key".to_owned()), category: Some("env".to_owned()), ..VariableChange::default() };
    let id = variables::create(app, owner, key(world), variable).await.unwrap().id;
    let (variable, value) = (
        VariableKey { id, workspace_id: None },
        VariableChange { value: Some("ours".to_owned()), ..VariableChange::default() },
    );
    vec![
        (
            "agent_pools",
            "organization_scoped = FALSE",
            boxed(agent_pools::update(app, owner, pool_id, pool("renamed"))),
        ),
        (
            "reserved_tag_keys",
            "disable_overrides = TRUE",
            boxed(reserved_tag_keys::update(app, owner, reserved_id, reserved("renamed"))),
        ),
        ("variables", "description = 'theirs'", boxed(variables::update(app, owner, variable, value))),
    ]
}

#[tokio::test]
async fn nobody_takes_back_what_another_changes_at_the_same_time() {
    on_postgres(async |world, mut other| {
        let cases = [changes_of_places(world).await, changes_of_rights(world).await, changes_of_things(world).await];
        let mut lost = Vec::new();
        for (table, theirs, ours) in cases.into_iter().flatten() {
            let done = other.during(&format!("UPDATE {table} SET {theirs}"), ours, async |_| {}).await;
            let is_kept = other.holds(&format!("SELECT bool_and(({theirs}) IS TRUE) FROM {table}")).await;
            if !is_kept || done.is_err() {
                lost.push(format!("{table}: {theirs}: {is_kept}, {done:?}"));
            }
        }
        assert!(lost.is_empty(), "{lost:#?}");
    })
    .await;
}

#[tokio::test]
async fn a_tag_that_another_binds_at_the_same_time_gets_the_later_value() {
    on_postgres(async |world, mut other| {
        let taggable = Taggable::Workspace(world.workspace_id.clone());
        let wanted = vec![("cost".to_owned(), "ours".to_owned())];
        let ours = tag_bindings::change(&world.app, &world.owner, taggable, wanted, BindingChange::Merge);
        let theirs = "UPDATE workspaces SET updated_at = updated_at; INSERT INTO tag_bindings (id, organization_id, workspace_id, key, value, created_at, position) SELECT 'tb-AAAAAAAAAAAAAAAA', organization_id, id, 'cost', 'theirs', 0, 0 FROM workspaces";
        let bound = other.during(theirs, Box::pin(ours), async |_| {}).await.unwrap();
        assert_eq!(bound.iter().map(|binding| binding.value.as_str()).collect::<Vec<_>>(), ["ours"]);
    })
    .await;
}

#[tokio::test]
async fn of_two_lists_of_consumers_the_later_one_is_all_there_is() {
    on_postgres(async |world, mut other| {
        let (ours, _) = world.add_workspace("ours", false).await;
        world.add_workspace("theirs", false).await;
        let change = remote_state_consumers::change(
            &world.app,
            &world.owner,
            key(world),
            vec![ours.to_string()],
            ConsumerChange::Replace,
        );
        let theirs = "UPDATE workspaces SET updated_at = updated_at WHERE name = 'app'; INSERT INTO remote_state_consumers SELECT w.id, o.id FROM workspaces w, workspaces o WHERE w.name = 'app' AND o.name = 'theirs'";
        other.during(theirs, Box::pin(change), async |_| {}).await.unwrap();
        assert!(other.holds("SELECT COUNT(*) = 1 FROM remote_state_consumers").await);
    })
    .await;
}

/// A claim holds the workspace and then takes the job: who has the job and waits for the workspace would wait for ever.
#[tokio::test]
async fn who_acts_on_a_run_takes_none_of_its_rows_before_the_workspace() {
    on_postgres(async |world, mut other| {
        let waiting = world.queue(NewRun { save_plan: true, ..world.new_run() }).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        let current = world.queue(world.new_run()).await.run;
        for (run, action, status) in [
            (&current, RunAction::Cancel, RunStatus::Canceled),
            (&waiting, RunAction::Confirm, RunStatus::ApplyQueued),
            (&waiting, RunAction::Cancel, RunStatus::Canceled),
        ] {
            let look = async |other: &mut Other| {
                for (table, column) in [("runs", "id"), ("jobs", "run_id"), ("run_phases", "run_id")] {
                    let rows = format!("SELECT id FROM {table} WHERE {column} = '{}'", run.id);
                    assert!(other.is_free(&rows).await, "{action:?} has rows of {table}");
                }
            };
            let hold = "UPDATE workspaces SET updated_at = updated_at WHERE name = 'app'";
            other.during(hold, Box::pin(world.act(&run.id, action)), look).await.unwrap();
            assert_eq!(world.read(&run.id).await.run.status, status);
        }
    })
    .await;
}

#[tokio::test]
async fn who_deletes_an_organization_takes_its_workspaces_before_what_lies_below_them() {
    on_postgres(async |world, mut other| {
        world.queue(world.new_run()).await;
        let look = async |other: &mut Other| {
            for table in ["organizations", "projects", "runs", "jobs"] {
                assert!(other.is_free(&format!("SELECT id FROM {table}")).await, "it has rows of {table}");
            }
        };
        let hold = "UPDATE workspaces SET updated_at = updated_at";
        let deleted = organizations::delete(&world.app, &world.owner, "demo");
        other.during(hold, Box::pin(deleted), look).await.unwrap();
        assert!(other.holds("SELECT COUNT(*) = 0 FROM organizations").await);
    })
    .await;
}

#[tokio::test]
async fn several_workspaces_are_taken_in_one_order_however_they_are_named() {
    on_postgres(async |world, mut other| {
        let project_id = add_project(world, "one").await;
        let (second, _) = world.add_workspace("second", false).await;
        let mut ids = [world.workspace_id.to_string(), second.to_string()];
        ids.sort_unstable();
        let [first, last] = &ids;
        let named = vec![last.clone(), first.clone(), last.clone()];
        let moved = projects::move_workspaces(&world.app, &world.owner, &project_id, named);
        let hold = format!("UPDATE workspaces SET updated_at = updated_at WHERE id = '{first}'");
        let look = async |other: &mut Other| {
            assert!(other.is_free(&format!("SELECT id FROM workspaces WHERE id = '{last}'")).await);
        };
        other.during(&hold, Box::pin(moved), look).await.unwrap();
        let all = format!("SELECT COUNT(*) = 2 FROM workspaces WHERE project_id = '{project_id}'");
        assert!(other.holds(&all).await);
    })
    .await;
}

#[tokio::test]
async fn a_saved_plan_that_cannot_be_discarded_keeps_no_other() {
    on_postgres(async |world, mut other| {
        let mut saved = Vec::new();
        for _ in 0..3 {
            saved.push(world.queue(NewRun { save_plan: true, ..world.new_run() }).await.run.id);
            world.finish(&world.claim().await, true).await.unwrap();
        }
        other.run("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'on purpose'; END $$").await;
        let bad = &saved[1];
        other.run(&format!("CREATE TRIGGER refuse BEFORE UPDATE ON runs FOR EACH ROW WHEN (OLD.id = '{bad}') EXECUTE FUNCTION refuse()")).await;
        world.pass(Duration::from_hours(24 * 365));
        assert_eq!(runs::expire_saved_plans(&world.app).await.unwrap(), 2);
        for id in &saved {
            let status = if id == bad { RunStatus::PlannedAndSaved } else { RunStatus::Discarded };
            assert_eq!(world.read(id).await.run.status, status);
        }
        assert_eq!(runs::expire_saved_plans(&world.app).await.unwrap(), 0, "the loop would never rest");
    })
    .await;
}

#[tokio::test]
async fn a_document_or_state_that_arrives_while_its_job_is_lost_is_refused() {
    on_postgres(async |world, mut other| {
        world.queue(world.new_run()).await;
        let job = world.claim().await;
        let lost = format!(
            "SELECT id FROM workspaces FOR UPDATE; UPDATE jobs SET status = 'done', fence = fence + 1 WHERE id = '{}'",
            job.id
        );
        let (id, fence) = (job.id.clone(), job.fence);
        let document =
            jobs::put_plan_document(&world.app, &world.runner, id, fence, PlanDocument::Json, streams::body("{}"));
        let sent = other.during(&lost, document.boxed(), async |_| {}).await;
        assert_eq!(refusal(sent), RefusalCode::LeaseLost);

        world.execute("UPDATE jobs SET status = 'claimed', fence = fence - 1").await;
        let sent = other.during(&lost, world.put_state(&job, 5).boxed(), async |_| {}).await;
        assert_eq!(refusal(sent), RefusalCode::LeaseLost);
    })
    .await;
}
