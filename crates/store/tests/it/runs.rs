//! The queue of runs, and conditional changes of their status.

use terrane_domain::access::Visibility;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runs::{PhaseStatus, Run, RunOperation, RunSource, RunStatus};
use terrane_store::runs::{self, RunChange, RunFilter};

use crate::databases::each;
use crate::samples::{World, moment};

#[tokio::test]
async fn runs_wait_in_the_queue_as_the_domain_says() {
    each(async |bench| {
        for (plan_only, save_plan) in [(false, false), (true, false), (false, true)] {
            let world = World::new(&bench.store).await;
            for status in RunStatus::ALL {
                let run = Run { plan_only, save_plan, ..world.run(*status, 0) };
                let (run, _) = world.insert_run(&bench.store, run).await;
                read!(bench.store, tx => {
                    let waits = *status == RunStatus::Pending && run.is_queued_in_turn();
                    let next = runs::next_in_queue(tx, &world.workspace.id).await?;
                    assert_eq!(next.as_ref(), waits.then_some(run), "{run:?}");
                    Ok(())
                })
                .unwrap();
                bench.raw(&format!("DELETE FROM runs WHERE id = '{}'", run.id)).await.unwrap();
            }
        }
    })
    .await;
}

#[tokio::test]
async fn runs_come_newest_first_and_wait_oldest_first() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        for seconds in [3, 1, 2] {
            world.insert_run(&bench.store, world.run(RunStatus::Pending, seconds)).await;
        }
        let operation = RunOperation::PlanOnly;
        let plan_only = Run { plan_only: true, operation, ..world.run(RunStatus::Planning, 4) };
        world.insert_run(&bench.store, plan_only).await;
        read!(bench.store, tx => {
            let ages = |runs: &[Run]| runs.iter().map(|run| run.created_at).collect::<Vec<_>>();
            let (id, organization) = (&world.workspace.id, &world.organization.id);
            let filter = RunFilter { workspace_id: Some(id.clone()), ..RunFilter::default() };
            let (page, total) = runs::list(tx, organization, &Visibility::All, &filter, true, (2, 0)).await?;
            assert_eq!((ages(&page), total), (vec![moment(3), moment(2)], Some(3)));
            let filter = RunFilter { operations: Some(RunOperation::ALL.to_vec()), ..filter };
            let (page, total) = runs::list(tx, organization, &Visibility::All, &filter, true, (2, 2)).await?;
            assert_eq!((ages(&page), total), (vec![moment(2), moment(1)], Some(4)));
            let (page, total) = runs::list(tx, organization, &Visibility::All, &filter, false, (1, 0)).await?;
            assert_eq!((ages(&page), total), (vec![moment(4)], None));
            let (page, total) = runs::queue_of_organization(tx, organization, &Visibility::All, 3, 1).await?;
            assert_eq!((ages(&page), total), (vec![moment(2), moment(3), moment(4)], 4));
            assert_eq!(runs::next_in_queue(tx, id).await?.unwrap().created_at, moment(1));
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_status_changes_only_from_the_one_that_was_read() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (run, _) = world.insert_run(&bench.store, world.run(RunStatus::Planning, 0)).await;
        write!(bench.store, tx => {
            let (mut first, mut second) = (run.clone(), run.clone());
            let change = || RunChange {
                has_changes: Some(true),
                reason: Some((ReasonCode::Canceled, Some("because".to_owned()))),
                confirmed_by: Some(world.user.id.clone()),
                canceled: true,
            };
            assert!(runs::set_status(tx, &mut first, RunStatus::Confirmed, change()).await?);
            assert!(!runs::set_status(tx, &mut second, RunStatus::Errored, RunChange::default()).await?);
            assert_eq!(&second, run);
            assert_eq!(runs::by_id(tx, &run.id).await?.as_ref(), Some(&first));
            assert_eq!(first.canceled_at, Some(tx.now()));
            assert_eq!(first.status_timestamps["confirmed-at"], tx.now().to_string());
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn only_the_moves_of_the_table_are_made() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        for from in RunStatus::ALL {
            let (run, _) = world.insert_run(&bench.store, world.run(*from, 0)).await;
            write!(bench.store, tx => {
                let mut run = run.clone();
                for next in RunStatus::ALL.iter().filter(|next| !from.may_become(**next)) {
                    assert!(!runs::set_status(tx, &mut run, *next, RunChange::default()).await?, "{from} to {next}");
                }
                assert_eq!(runs::by_id(tx, &run.id).await?.as_ref(), Some(&run));
                if let Some(next) = from.moves().first() {
                    assert!(runs::set_status(tx, &mut run, *next, RunChange::default()).await?, "{from} to {next}");
                }
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_phase_changes_only_from_the_status_that_was_read() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let (_, [plan, _]) = world.insert_run(&bench.store, world.run(RunStatus::Planning, 0)).await;
        write!(bench.store, tx => {
            let (mut first, mut second) = (plan.clone(), plan.clone());
            assert!(runs::set_phase_status(tx, &mut first, PhaseStatus::Running, None).await?);
            assert!(!runs::set_phase_status(tx, &mut second, PhaseStatus::Errored, None).await?);
            assert_eq!(&second, plan);
            assert_eq!(runs::phase_by_id(tx, &plan.id).await?.as_ref(), Some(&first));
            assert_eq!(first.status_timestamps["started-at"], tx.now().to_string());
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_list_is_narrowed_by_each_filter() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let saved = Run {
            operation: RunOperation::SavePlan,
            source: RunSource::Ui,
            message: "Grow 100% of it".to_owned(),
            created_by: Some(world.user.id.clone()),
            ..world.run(RunStatus::PlannedAndSaved, 1)
        };
        let (saved, _) = world.insert_run(&bench.store, saved).await;
        let (other, _) = world.insert_run(&bench.store, world.run(RunStatus::Applied, 2)).await;
        let all = RunFilter::default;
        let text = |text: &str| Some(text.to_owned());
        let texts = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        let (both, first, second, none) = (vec![other, saved], vec![saved], vec![other], vec![]);
        let cases = [
            (all(), &both),
            (RunFilter { operations: Some(vec![RunOperation::SavePlan, RunOperation::Destroy]), ..all() }, &first),
            (RunFilter { operations: Some(vec![]), ..all() }, &none),
            (RunFilter { statuses: Some(vec![RunStatus::Applied, RunStatus::Errored]), ..all() }, &second),
            (RunFilter { sources: texts(&["tfe-ui"]), ..all() }, &first),
            (RunFilter { sources: texts(&["tfe"]), ..all() }, &none),
            (RunFilter { agent_pool_names: texts(&["default"]), ..all() }, &none),
            (RunFilter { workspace_names: texts(&["other", "network"]), ..all() }, &both),
            (RunFilter { workspace_names: texts(&["net"]), ..all() }, &none),
            (RunFilter { from: Some(moment(2)), ..all() }, &second),
            (RunFilter { until: Some(moment(2)), ..all() }, &first),
            (RunFilter { user: Some(world.user.username.to_uppercase()), ..all() }, &first),
            (RunFilter { user: text("user"), ..all() }, &none),
            (RunFilter { basic: text("100%"), ..all() }, &first),
            (RunFilter { basic: text("1%0"), ..all() }, &none),
            (RunFilter { basic: Some(other.id.to_string()), ..all() }, &second),
            (RunFilter { basic: Some(world.user.username.clone()), ..all() }, &first),
            (RunFilter { basic: text("\0"), ..all() }, &none),
        ];
        let organization = &world.organization.id;
        for (filter, expected) in cases {
            let (filter, expected) = (crate::samples::keep(filter), expected.clone());
            read!(bench.store, tx => {
                let (found, total) = runs::list(tx, organization, &Visibility::All, filter, true, (9, 0)).await?;
                assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{filter:?}");
                assert_eq!(total, i64::try_from(expected.len()).ok(), "{filter:?}");
                Ok(())
            })
            .unwrap();
        }
    })
    .await;
}
