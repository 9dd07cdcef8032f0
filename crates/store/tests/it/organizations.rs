//! Organizations that change and go.

use terrane_domain::agent_pools::AgentPool;
use terrane_domain::ids::AgentPoolId;
use terrane_domain::runner_protocol::Phase;
use terrane_domain::runs::RunStatus;
use terrane_store::{
    BlobKind, StoreError, agent_pools, jobs, logs, organizations, projects, runs, variables, workspaces,
};

use crate::databases::each;
use crate::samples::{World, entropy, job, keep, moment};

#[tokio::test]
async fn a_name_that_is_taken_is_taken_for_a_rename_too() {
    each(async |bench| {
        let (world, other) = (World::new(&bench.store).await, World::new(&bench.store).await);
        let result = write!(bench.store, tx => {
            let mut held = organizations::held(tx, &world.organization.name).await?.unwrap();
            held.name.clone_from(&other.organization.name);
            organizations::update_settings(tx, &held).await
        });
        assert!(matches!(result, Err(StoreError::Taken)));
    })
    .await;
}

#[tokio::test]
async fn with_an_organization_goes_everything_below_it_and_nothing_beside_it() {
    each(async |bench| {
        let (world, other) = (World::new(&bench.store).await, World::new(&bench.store).await);
        let mut blobs = Vec::new();
        for world in [world, other] {
            let (run, phases) = world.insert_run(&bench.store, world.run(RunStatus::Planning, 1)).await;
            let pool = keep(AgentPool {
                id: AgentPoolId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                name: "pool".to_owned(),
                organization_scoped: true,
                created_at: moment(0),
            });
            let id = &world.organization.id;
            let variable = keep(crate::records::variable(id, &world.workspace.id, "key", "value"));
            write!(bench.store, tx => {
                jobs::insert(tx, &job(run, Phase::Plan, 1)).await?;
                agent_pools::insert(tx, pool).await?;
                logs::append(tx, id, &mut phases[0].clone(), b"log").await?;
                variables::insert(tx, variable).await
            })
            .unwrap();
            let blob = crate::blobs::put_blob(&bench.store, id, BlobKind::State, "state", b"state").await.unwrap();
            blobs.push((blob.key, run));
        }
        let gone = write!(bench.store, tx => organizations::delete(tx, &world.organization.id).await).unwrap();
        assert!(gone);
        bench.store.remove_blobs_of(&world.organization.id).await.unwrap();
        for (world, (blob, run), is_there) in [(world, &blobs[0], false), (other, &blobs[1], true)] {
            let run = *run;
            read!(bench.store, tx => {
                assert_eq!(organizations::by_id(tx, &world.organization.id).await?.is_some(), is_there);
                assert_eq!(projects::by_id(tx, &world.project.id).await?.is_some(), is_there);
                assert_eq!(workspaces::by_id(tx, &world.workspace.id).await?.is_some(), is_there);
                assert_eq!(runs::by_id(tx, &run.id).await?.is_some(), is_there);
                assert_eq!(!variables::of_workspace(tx, &world.workspace.id).await?.is_empty(), is_there);
                Ok(())
            })
            .unwrap();
            assert_eq!(bench.store.blob_reader(blob).await.is_ok(), is_there);
        }
        assert_eq!(bench.texts("SELECT phase_id FROM log_chunks").await, [blobs[1].1.plan_id.to_string()]);
        let again = write!(bench.store, tx => organizations::delete(tx, &world.organization.id).await).unwrap();
        assert!(!again);
    })
    .await;
}
