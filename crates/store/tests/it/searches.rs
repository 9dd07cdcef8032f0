//! What lists of workspaces are narrowed by, and their orders.

use terrane_domain::access::Visibility;
use terrane_domain::ids::{ProjectId, TagBindingId, TagId, TeamId};
use terrane_domain::projects::Project;
use terrane_domain::runner_protocol::Phase;
use terrane_domain::runs::{Run, RunStatus};
use terrane_domain::tag_bindings::TagBinding;
use terrane_domain::tags::Tag;
use terrane_domain::workspaces::{LockHolder, Workspace, WorkspaceSort};
use terrane_store::workspaces::WorkspaceFilter;
use terrane_store::{Store, StoreError, Tx, projects, remote_state_consumers, runs, tag_bindings, tags, workspaces};

use crate::databases::each;
use crate::samples::{World, entropy, keep, moment, phase, workspace};

/// Name, tags, own keys and values, status and age of the current run, and whether it is in the second project, to
/// which `env=prod` and `team=red` are bound.
type Row =
    (&'static str, &'static [&'static str], &'static [(&'static str, &'static str)], Option<(RunStatus, i64)>, bool);

const ROWS: &[Row] = &[
    ("app-prod", &["blue", "a_b"], &[("env", "prod")], Some((RunStatus::Applied, 30)), false),
    ("app-dev", &["blue"], &[("env", "dev"), ("team", "red")], Some((RunStatus::Planned, 10)), true),
    ("App-test", &["Blue", "axb"], &[], Some((RunStatus::Errored, 20)), true),
    ("net", &[], &[], None, false),
];

async fn insert(tx: &mut Tx, world: &World, second: &Project, number: i64, row: &Row) -> Result<(), StoreError> {
    let (name, words, bound, run, is_in_second) = row;
    let project = if *is_in_second { second } else { &world.project };
    let new = Workspace {
        created_at: moment(100 + number),
        latest_change_at: moment(200 - number),
        ..workspace(project, name)
    };
    workspaces::insert(tx, &new).await?;
    for word in *words {
        let tag = Tag {
            id: TagId::from_entropy(entropy()),
            organization_id: world.organization.id.clone(),
            name: (*word).to_owned(),
            created_at: moment(0),
        };
        let tag = tags::find_or_insert(tx, &tag).await?.unwrap();
        assert!(tags::add(tx, &new.id, &tag.id).await?);
        assert!(!tags::add(tx, &new.id, &tag.id).await?);
    }
    for (key, value) in *bound {
        let new = TagBinding { workspace_id: Some(new.id.clone()), ..binding(world, key, value) };
        tag_bindings::insert(tx, &new).await?;
    }
    if let Some((status, age)) = run {
        let run = Run { workspace_id: new.id.clone(), created_at: moment(*age), ..world.run(*status, *age) };
        let phases = [phase(&run, Phase::Plan), phase(&run, Phase::Apply)];
        runs::insert(tx, &run, [&phases[0], &phases[1]], &[], "").await?;
        workspaces::set_current_run(tx, &new.id, &run.id).await?;
        if *status == RunStatus::Errored {
            let holder = LockHolder::Recovery(run.id.clone());
            assert!(workspaces::lock(tx, &new.id, &holder, "").await?);
        }
        // That was a change.
        overwrite!(tx, workspaces::held, &new.id, workspaces::update_settings, &new)?;
    }
    Ok(())
}

fn binding(world: &World, key: &str, value: &str) -> TagBinding {
    TagBinding {
        id: TagBindingId::from_entropy(entropy()),
        organization_id: world.organization.id.clone(),
        workspace_id: None,
        project_id: None,
        key: key.to_owned(),
        value: value.to_owned(),
        created_at: moment(0),
        position: 0,
    }
}

async fn fill(store: &Store) -> (&'static World, &'static Project) {
    let world = World::new(store).await;
    let id = ProjectId::from_entropy(entropy());
    let second = keep(Project { id, name: "Second".to_owned(), ..world.project.clone() });
    write!(store, tx => {
        projects::insert(tx, second).await?;
        for (key, value) in [("env", "prod"), ("team", "red")] {
            let new = TagBinding { project_id: Some(second.id.clone()), ..binding(world, key, value) };
            tag_bindings::insert(tx, &new).await?;
        }
        for (number, row) in (0..).zip(ROWS) {
            insert(tx, world, second, number, row).await?;
        }
        workspaces::delete(tx, &world.workspace.id).await.map(drop)
    })
    .unwrap();
    (world, second)
}

async fn names(store: &Store, world: &'static World, filter: WorkspaceFilter, visibility: Visibility) -> Vec<String> {
    let (found, total) = read!(store, tx => {
        workspaces::list(tx, &world.organization.id, &visibility, &filter, 100, 0).await
    })
    .unwrap();
    assert_eq!(i64::try_from(found.len()).unwrap(), total);
    found.into_iter().map(|one| one.name).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[tokio::test]
async fn each_search_finds_what_it_should() {
    const PROD: &str = "app-prod";
    const DEV: &str = "app-dev";
    const TEST: &str = "App-test";
    const NET: &str = "net";
    each(async |bench| {
        let (world, second) = fill(&bench.store).await;
        let none = WorkspaceFilter::default;
        let wildcard = |text: &str| WorkspaceFilter { wildcard_name: Some(text.to_owned()), ..none() };
        let tagged = |list: &[(&str, &str)]| WorkspaceFilter {
            tagged: list
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (!value.is_empty()).then(|| (*value).to_owned())))
                .collect(),
            ..none()
        };
        let many = words(&(0..1000).map(|_| "blue").collect::<Vec<_>>());
        let unknown: Vec<String> = (0..1000).map(|number| format!("t{number}")).collect();
        let cases: Vec<(WorkspaceFilter, &[&str])> = vec![
            (none(), &[PROD, DEV, TEST, NET]),
            (wildcard("*-prod"), &[PROD]),
            (wildcard("app-*"), &[PROD, DEV, TEST]),
            (wildcard("*p-t*"), &[TEST]),
            (wildcard("app*d*"), &[PROD, DEV]),
            (wildcard("app"), &[]),
            (wildcard("net"), &[NET]),
            (wildcard("*"), &[PROD, DEV, TEST, NET]),
            (wildcard("%"), &[]),
            (wildcard(&"*a".repeat(10_000)), &[]),
            (WorkspaceFilter { name_part: Some("a".repeat(1_000_000)), ..none() }, &[]),
            (WorkspaceFilter { tags: words(&["blue"]), ..none() }, &[PROD, DEV]),
            (WorkspaceFilter { tags: words(&["blue", "blue"]), ..none() }, &[PROD, DEV]),
            (WorkspaceFilter { tags: many, ..none() }, &[PROD, DEV]),
            (WorkspaceFilter { tags: unknown.clone(), ..none() }, &[]),
            (WorkspaceFilter { exclude_tags: unknown, ..none() }, &[PROD, DEV, TEST, NET]),
            (WorkspaceFilter { tags: words(&["Blue"]), ..none() }, &[TEST]),
            (WorkspaceFilter { tags: words(&["blue", "a_b"]), ..none() }, &[PROD]),
            (WorkspaceFilter { tags: words(&["a_b"]), ..none() }, &[PROD]),
            (WorkspaceFilter { tags: words(&["blue", "none"]), ..none() }, &[]),
            (WorkspaceFilter { exclude_tags: words(&["blue"]), ..none() }, &[TEST, NET]),
            (WorkspaceFilter { exclude_tags: words(&["a_b", "axb"]), ..none() }, &[DEV, NET]),
            (WorkspaceFilter { project_id: Some(second.id.clone()), ..none() }, &[DEV, TEST]),
            (WorkspaceFilter { run_statuses: vec![RunStatus::Applied, RunStatus::Errored], ..none() }, &[PROD, TEST]),
            (WorkspaceFilter { run_statuses: vec![RunStatus::Pending], ..none() }, &[]),
            (tagged(&[("env", "")]), &[PROD, DEV, TEST]),
            (tagged(&[("env", "prod")]), &[PROD, TEST]),
            (tagged(&[("env", "dev")]), &[DEV]),
            (tagged(&[("team", "red")]), &[DEV, TEST]),
            (tagged(&[("env", "prod"), ("team", "")]), &[TEST]),
            (tagged(&[("env", "prod"), ("env", "dev")]), &[]),
            (tagged(&[("env", "prod"), ("env", "")]), &[PROD, TEST]),
            (tagged(&[("en", "")]), &[]),
            (tagged(&[("env,team", "")]), &[]),
            (WorkspaceFilter { is_locked: Some(true), ..none() }, &[TEST]),
            (WorkspaceFilter { is_locked: Some(false), ..none() }, &[PROD, DEV, NET]),
            (WorkspaceFilter { is_locked: Some(true), project_id: Some(second.id.clone()), ..none() }, &[TEST]),
            (WorkspaceFilter { tags: words(&["blue"]), name_part: Some("PROD".to_owned()), ..none() }, &[PROD]),
        ];
        for (filter, expected) in cases {
            assert_eq!(names(&bench.store, world, filter.clone(), Visibility::All).await, expected, "{filter:?}");
            let nobody = Visibility::OfTeam(TeamId::from_entropy(entropy()));
            assert_eq!(names(&bench.store, world, filter, nobody).await, Vec::<String>::new());
        }
    })
    .await;
}

#[tokio::test]
async fn lists_come_in_the_order_that_is_asked_for() {
    each(async |bench| {
        let (world, _) = fill(&bench.store).await;
        let cases: &[(&str, &[&str])] = &[
            ("created-at", &["app-prod", "app-dev", "App-test", "net"]),
            ("name", &["App-test", "app-dev", "app-prod", "net"]),
            ("-name", &["net", "app-prod", "app-dev", "App-test"]),
            ("current-run.created-at", &["app-dev", "App-test", "app-prod", "net"]),
            ("-current-run.created-at", &["app-prod", "App-test", "app-dev", "net"]),
            ("latest-change-at", &["net", "App-test", "app-dev", "app-prod"]),
            ("-latest-change-at", &["app-prod", "app-dev", "App-test", "net"]),
        ];
        assert_eq!(cases.len(), WorkspaceSort::ALL.len());
        for (sort, expected) in cases {
            let filter = WorkspaceFilter { sort: sort.parse().unwrap(), ..WorkspaceFilter::default() };
            assert_eq!(names(&bench.store, world, filter, Visibility::All).await, *expected, "{sort}");
        }
    })
    .await;
}

#[tokio::test]
async fn consumers_are_those_that_were_named() {
    each(async |bench| {
        let (world, _) = fill(&bench.store).await;
        let find = async |name: &'static str| {
            let found = read!(bench.store, tx => workspaces::by_name(tx, &world.organization.id, name).await);
            keep(found.unwrap().unwrap().id)
        };
        let (owner, consumer) = (find("net").await, find("app-dev").await);
        let filter = || WorkspaceFilter { consumers_of: Some(owner.clone()), ..WorkspaceFilter::default() };
        assert!(write!(bench.store, tx => remote_state_consumers::add(tx, owner, consumer).await).unwrap());
        assert!(!write!(bench.store, tx => remote_state_consumers::add(tx, owner, consumer).await).unwrap());
        assert_eq!(names(&bench.store, world, filter(), Visibility::All).await, ["app-dev"]);
        assert!(write!(bench.store, tx => remote_state_consumers::remove(tx, owner, consumer).await).unwrap());
        assert!(names(&bench.store, world, filter(), Visibility::All).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn what_one_database_cannot_hold_neither_is_asked_for() {
    each(async |bench| {
        let (world, _) = fill(&bench.store).await;
        let filter = WorkspaceFilter { name_part: Some("a\0".to_owned()), ..WorkspaceFilter::default() };
        let found = read!(bench.store, tx => {
            workspaces::list(tx, &world.organization.id, &Visibility::All, &filter, 100, 0).await
        });
        assert!(matches!(found, Err(StoreError::Nul)));
        let named = Workspace { name: "a\0".to_owned(), ..world.workspace.clone() };
        let written = write!(bench.store, tx => workspaces::insert(tx, &named).await);
        assert!(matches!(written, Err(StoreError::Nul)));
    })
    .await;
}
