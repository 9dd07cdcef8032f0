//! Lists: what is in them, in which order, page by page.

use terrane_domain::access::Visibility;
use terrane_domain::ids::{ProjectId, WorkspaceId};
use terrane_domain::projects::Project;
use terrane_domain::workspaces::Workspace;
use terrane_store::workspaces::WorkspaceFilter;
use terrane_store::{projects, variables, workspaces};

use crate::databases::{Bench, each};
use crate::samples::{World, entropy, keep, moment, workspace};

const NAMES: &[&str] = &[
    "alpha", "Alpha", "ALPHA-2", "beta", "Zeta", "zeta", "_x", "-x", "a%b", "a_b", "a!b", "axb", "Ärger", "ärger",
    "émile", "Ωmega", "漢字", "🦀", "10", "9", " space",
];

async fn insert(bench: &Bench, world: &World, names: &[&str]) -> Vec<&'static Workspace> {
    let mut stored = Vec::new();
    for (seconds, name) in (1..).zip(names) {
        // Two of each age, so that the id has to decide.
        let workspace = keep(Workspace { created_at: moment(1 + seconds / 2), ..workspace(&world.project, name) });
        write!(bench.store, tx => workspaces::insert(tx, workspace).await).unwrap();
        stored.push(workspace);
    }
    stored.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
    stored
}

async fn page(
    bench: &Bench,
    world: &'static World,
    visibility: Visibility,
    filter: WorkspaceFilter,
    (limit, offset): (i64, i64),
) -> (Vec<String>, i64) {
    let (found, total) = read!(bench.store, tx => {
        workspaces::list(tx, &world.organization.id, &visibility, &filter, limit, offset).await
    })
    .unwrap();
    (found.into_iter().map(|workspace| workspace.name).collect(), total)
}

#[tokio::test]
async fn the_total_follows_what_comes_and_goes() {
    each(async |bench| {
        let (world, other) = (World::new(&bench.store).await, World::new(&bench.store).await);
        let stored = insert(bench, world, &["a", "b", "c"]).await;
        let taken = keep(Workspace { id: WorkspaceId::from_entropy(entropy()), ..stored[0].clone() });
        assert!(write!(bench.store, tx => workspaces::insert(tx, taken).await).is_err());
        let total = async |world| page(bench, world, Visibility::All, WorkspaceFilter::default(), (1, 0)).await.1;
        assert_eq!((total(world).await, total(other).await), (4, 1));
        bench
            .raw(&format!("DELETE FROM workspaces WHERE id IN ('{}', '{}')", stored[0].id, stored[2].id))
            .await
            .unwrap();
        assert_eq!((total(world).await, total(other).await), (2, 1));
        bench
            .raw(&format!("DELETE FROM workspaces WHERE organization_id = '{}'", other.organization.id))
            .await
            .unwrap();
        assert_eq!((total(world).await, total(other).await), (2, 0));
    })
    .await;
}

async fn search(bench: &Bench, world: &'static World, part: &str) -> Vec<String> {
    let filter = WorkspaceFilter { name_part: Some(part.to_owned()), ..WorkspaceFilter::default() };
    let (mut found, total) = page(bench, world, Visibility::All, filter, (100, 0)).await;
    assert_eq!(i64::try_from(found.len()).unwrap(), total);
    found.sort();
    found
}

#[tokio::test]
async fn workspaces_come_oldest_first_page_by_page() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let stored = insert(bench, world, NAMES).await;
        let expected: Vec<_> = std::iter::once(&world.workspace).chain(stored).map(|one| one.name.clone()).collect();
        let mut found = Vec::new();
        for offset in (0..30).step_by(5) {
            let (names, total) = page(bench, world, Visibility::All, WorkspaceFilter::default(), (5, offset)).await;
            assert_eq!(total, i64::try_from(expected.len()).unwrap());
            found.extend(names);
        }
        assert_eq!(found, expected);
    })
    .await;
}

#[tokio::test]
async fn a_search_takes_every_character_as_it_stands() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        insert(bench, world, NAMES).await;
        let cases: &[(&str, &[&str])] = &[
            ("%", &["a%b"]),
            ("_", &["_x", "a_b"]),
            ("!", &["a!b"]),
            ("a%", &["a%b"]),
            ("a_b", &["a_b"]),
            ("a!b", &["a!b"]),
            ("!%", &[]),
            ("\\", &[]),
            ("'", &[]),
            ("ALPHA", &["ALPHA-2", "Alpha", "alpha"]),
            ("pha-2", &["ALPHA-2"]),
            ("Ärger", &["Ärger"]),
            ("ärGER", &["ärger"]),
            ("漢", &["漢字"]),
            ("nothing", &[]),
        ];
        for (part, expected) in cases {
            assert_eq!(search(bench, world, part).await, *expected, "{part:?}");
        }
        assert_eq!(search(bench, world, "").await.len(), NAMES.len() + 1);
    })
    .await;
}

#[tokio::test]
async fn a_list_may_be_one_projects() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        insert(bench, world, &["a", "b"]).await;
        for (project_id, expected) in [(world.project.id.clone(), 3), (ProjectId::from_entropy(entropy()), 0)] {
            let filter = WorkspaceFilter { project_id: Some(project_id), ..WorkspaceFilter::default() };
            assert_eq!(page(bench, world, Visibility::All, filter, (10, 0)).await.1, expected);
        }
    })
    .await;
}

#[tokio::test]
async fn names_sort_byte_by_byte() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        // Projects' names are unique whatever their case.
        let project_name = |name: &str| {
            let capitals = name.bytes().filter(u8::is_ascii_uppercase).count();
            format!("{name} {}", name.len() + capitals)
        };
        for name in NAMES {
            let project = keep(Project {
                id: ProjectId::from_entropy(entropy()),
                name: project_name(name),
                ..world.project.clone()
            });
            let variable = keep(crate::records::variable(&world.organization.id, &world.workspace.id, name, "value"));
            write!(bench.store, tx => {
                projects::insert(tx, project).await?;
                variables::insert(tx, variable).await
            })
            .unwrap();
        }
        let mut expected = NAMES.to_vec();
        expected.sort_unstable();
        let found = read!(bench.store, tx => variables::of_workspace(tx, &world.workspace.id).await).unwrap();
        assert_eq!(found.iter().map(|variable| variable.key.as_str()).collect::<Vec<_>>(), expected);
        let mut expected: Vec<_> = NAMES.iter().map(|name| project_name(name)).collect();
        expected.push(world.project.name.clone());
        expected.sort_unstable();
        let found = read!(bench.store, tx => projects::of_organization(tx, &world.organization.id).await).unwrap();
        assert_eq!(found.iter().map(|project| project.name.as_str()).collect::<Vec<_>>(), expected);
    })
    .await;
}
