//! What a write promises.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use terrane_domain::ids::{OrganizationId, ProjectId, UserId};
use terrane_domain::organizations::Organization;
use terrane_domain::projects::Project;
use terrane_domain::users::User;
use terrane_store::{StoreError, Topic, organizations, projects, users, variables, workspaces};
use tokio::sync::Notify;

use crate::databases::each;
use crate::samples::{World, entropy, keep, moment, organization};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_closure_spares_its_neighbours() {
    each(async |bench| {
        let named: Vec<&'static Organization> = (0..100).map(|n| keep(organization(&format!("o-{n}")))).collect();
        let writes = named.iter().enumerate().map(|(number, organization)| {
            let (store, organization) = (bench.store.clone(), *organization);
            tokio::spawn(async move {
                write!(store, tx => {
                    organizations::insert(tx, organization).await?;
                    match number {
                        41 => Err(StoreError::Closed),
                        42 => panic!("on purpose"),
                        _ => Ok(()),
                    }
                })
            })
        });
        let results = join_all(writes).await;
        for (number, (result, organization)) in results.into_iter().zip(&named).enumerate() {
            let organization = *organization;
            let found = read!(bench.store, tx => organizations::by_id(tx, &organization.id).await).unwrap();
            match number {
                41 => assert!(matches!(result.unwrap(), Err(StoreError::Closed)) && found.is_none()),
                42 => assert!(result.unwrap_err().is_panic() && found.is_none()),
                _ => assert!(result.unwrap().is_ok() && found.is_some(), "{number}"),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_written_value_is_there_after_reopening() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let again = bench.open().await.unwrap();
        let found = read!(again, tx => organizations::by_id(tx, &world.organization.id).await).unwrap();
        assert_eq!(found.as_ref(), Some(&world.organization));
    })
    .await;
}

#[tokio::test]
async fn a_unique_value_is_taken_once() {
    each(async |bench| {
        let (first, second) = (keep(organization("same")), keep(organization("same")));
        write!(bench.store, tx => organizations::insert(tx, first).await).unwrap();
        let result = write!(bench.store, tx => organizations::insert(tx, second).await);
        assert!(matches!(result, Err(StoreError::Taken)));
    })
    .await;
}

#[tokio::test]
async fn a_swallowed_failure_is_not_answered_with_success() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let other = keep(organization("other"));
        let result = write!(bench.store, tx => {
            organizations::insert(tx, other).await?;
            assert!(organizations::insert(tx, &world.organization).await.is_err());
            Ok(())
        });
        assert!(matches!(result, Err(StoreError::Commit(_))), "{result:?}");
        assert_eq!(read!(bench.store, tx => organizations::by_id(tx, &other.id).await).unwrap(), None);
        write!(bench.store, tx => organizations::insert(tx, other).await).unwrap();
    })
    .await;
}

/// SQLite's side of this is beside its writer: no table here has a constraint that waits for the commit.
#[tokio::test]
async fn a_commit_that_postgresql_refuses_is_told() {
    each(async |bench| {
        if !bench.is_postgres {
            return;
        }
        let user = keep(User {
            id: UserId::from_entropy(entropy()),
            username: "user".to_owned(),
            email: "nobody's".to_owned(),
            is_site_admin: false,
            created_at: moment(0),
        });
        bench
            .raw("ALTER TABLE users ADD FOREIGN KEY (email) REFERENCES organizations (name) DEFERRABLE INITIALLY DEFERRED")
            .await
            .unwrap();
        let result = write!(bench.store, tx => users::insert(tx, user).await);
        assert!(matches!(result, Err(StoreError::Commit(_))), "{result:?}");
        assert_eq!(read!(bench.store, tx => users::by_id(tx, &user.id).await).unwrap(), None);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wake_comes_only_after_the_commit() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let topic = || Topic::Run("run-1".to_owned());
        let waiter = bench.store.waiter(topic());

        let mut notified = Box::pin(waiter.notified());
        let result: Result<(), _> = write!(bench.store, tx => {
            tx.wake(topic());
            Err(StoreError::Closed)
        });
        assert!(result.is_err());
        assert!(notified.as_mut().now_or_never().is_none(), "a write that failed woke someone");

        let (inside, outside) = (keep(Notify::new()), keep(Barrier::new(2)));
        let store = bench.store.clone();
        let write = tokio::spawn(async move {
            write!(store, tx => {
                users::insert(tx, &User {
                    id: UserId::from_entropy(1),
                    username: "woken".to_owned(),
                    ..world.user.clone()
                }).await?;
                tx.wake(topic());
                inside.notify_one();
                outside.wait();
                Ok(())
            })
        });
        inside.notified().await;
        assert!(notified.as_mut().now_or_never().is_none(), "woken before the commit");
        outside.wait();
        tokio::time::timeout(Duration::from_secs(10), notified).await.unwrap();
        let found = read!(bench.store, tx => users::by_name(tx, "woken").await).unwrap();
        assert!(found.is_some(), "woken without the value");
        write.await.unwrap().unwrap();
    })
    .await;
}

/// SQLite has one writer: there nobody waits for anybody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_wait_for_each_other_postgresql_ends_one_which_begins_anew() {
    each(async |bench| {
        if !bench.is_postgres {
            return;
        }
        let (one, other) = (World::new(&bench.store).await, World::new(&bench.store).await);
        let (met, begun) = (keep(tokio::sync::Barrier::new(2)), keep(AtomicUsize::new(0)));
        let write = |first: &'static World, second: &'static World| {
            let store = bench.store.clone();
            async move {
                write!(store, tx => {
                    let mut workspace = workspaces::held(tx, &first.workspace.id).await?.unwrap();
                    if begun.fetch_add(1, Ordering::SeqCst) < 2 {
                        met.wait().await;
                    }
                    workspaces::hold(tx, &second.workspace.id).await?;
                    let mark = workspace.description.take().unwrap_or_default();
                    workspace.description = Some(mark + "+");
                    workspaces::update_settings(tx, &workspace).await
                })
            }
        };
        let (left, right) = tokio::join!(write(one, other), write(other, one));
        left.unwrap();
        right.unwrap();
        assert!(begun.load(Ordering::SeqCst) > 2, "nobody had to give way");
        for world in [one, other] {
            let found = read!(bench.store, tx => workspaces::by_id(tx, &world.workspace.id).await).unwrap().unwrap();
            assert_eq!(found.description.as_deref(), Some("+"), "what was undone stayed");
        }
    })
    .await;
}

#[tokio::test]
async fn who_always_has_to_give_way_is_told_so_after_a_few_tries() {
    each(async |bench| {
        if !bench.is_postgres {
            return;
        }
        let world = World::new(&bench.store).await;
        let (user, begun) = (keep(User { username: "always".to_owned(), ..world.user.clone() }), keep(AtomicUsize::new(0)));
        for code in ["deadlock_detected", "serialization_failure"] {
            bench.raw(&format!("CREATE OR REPLACE FUNCTION give_way() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE {code}; END $$")).await.unwrap();
            bench.raw("CREATE OR REPLACE TRIGGER give_way BEFORE INSERT ON users EXECUTE FUNCTION give_way()").await.unwrap();
            begun.store(0, Ordering::SeqCst);
            let result = write!(bench.store, tx => {
                begun.fetch_add(1, Ordering::SeqCst);
                // Who goes on all the same has no effect either.
                let _ = users::insert(tx, user).await;
                Ok(())
            });
            assert!(matches!(result, Err(StoreError::Busy)), "{code}: {result:?}");
            assert_eq!(begun.load(Ordering::SeqCst), 4, "{code}");
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_is_held_where_nothing_is_written() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let id = &world.workspace.id;
        let held = read!(bench.store, tx => workspaces::held(tx, id).await.map(|found| found.is_some()));
        assert!(held.is_err(), "{held:?}");
        assert!(write!(bench.store, tx => workspaces::held(tx, id).await.map(|found| found.is_some())).unwrap());
    })
    .await;
}

#[tokio::test]
async fn the_key_of_a_transaction_that_failed_is_not_used() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let other = keep(organization("other"));
        let project = keep(Project { organization_id: other.id.clone(), ..new_project(world) });
        let workspace = keep(crate::samples::workspace(project, "network"));
        let variable = keep(crate::records::variable(&other.id, &workspace.id, "key", "value"));
        for fails in [true, false] {
            let result = write!(bench.store, tx => {
                organizations::insert(tx, other).await?;
                projects::insert(tx, project).await?;
                terrane_store::workspaces::insert(tx, workspace).await?;
                variables::insert(tx, variable).await?;
                if fails { Err(StoreError::Closed) } else { Ok(()) }
            });
            assert_eq!(result.is_err(), fails);
        }
        let again = bench.open().await.unwrap();
        let found = read!(again, tx => variables::of_workspace(tx, &workspace.id).await).unwrap();
        assert!(found[0].value == "value");
    })
    .await;
}

fn new_project(world: &World) -> Project {
    Project {
        id: ProjectId::from_entropy(entropy()),
        organization_id: OrganizationId::from_entropy(1),
        ..world.project.clone()
    }
}
