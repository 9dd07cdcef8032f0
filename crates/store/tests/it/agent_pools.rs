//! Agent pools, what they admit, and reserved tag keys.

use terrane_domain::agent_pools::{AgentPool, AgentPoolScope};
use terrane_domain::ids::{AgentPoolId, ReservedTagKeyId};
use terrane_domain::reserved_tag_keys::ReservedTagKey;
use terrane_store::{StoreError, agent_pools, reserved_tag_keys};

use crate::databases::each;
use crate::samples::{World, entropy, keep, moment};

#[tokio::test]
async fn a_pool_and_its_scope_come_back_as_they_were_stored() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let pool = |name: &str, seconds| {
            keep(AgentPool {
                id: AgentPoolId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                name: name.to_owned(),
                organization_scoped: seconds == 1,
                created_at: moment(seconds),
            })
        };
        let (first, second) = (pool("b", 1), pool("a", 2));
        let scope = keep(AgentPoolScope {
            allowed_workspaces: vec![world.workspace.id.clone()],
            allowed_projects: vec![world.project.id.clone()],
            excluded_workspaces: vec![world.workspace.id.clone()],
        });
        write!(bench.store, tx => {
            agent_pools::insert(tx, second).await?;
            agent_pools::insert(tx, first).await?;
            agent_pools::set_scope(tx, &first.id, scope).await
        })
        .unwrap();
        read!(bench.store, tx => {
            let found = agent_pools::of_organization(tx, &world.organization.id).await?;
            assert_eq!(found, [first.clone(), second.clone()]);
            assert_eq!(agent_pools::scope(tx, &first.id).await?, *scope);
            let scopes = agent_pools::scopes_of_organization(tx, &world.organization.id).await?;
            assert_eq!((scopes.len(), &scopes[&first.id]), (1, scope));
            Ok(())
        })
        .unwrap();
        let renamed = keep(AgentPool { name: "a".to_owned(), ..first.clone() });
        let taken =
            write!(bench.store, tx => overwrite!(tx, agent_pools::held, &first.id, agent_pools::update, renamed));
        assert!(matches!(taken, Err(StoreError::Taken)));
        let renamed = keep(AgentPool { name: "c".to_owned(), organization_scoped: false, ..first.clone() });
        write!(bench.store, tx => {
            overwrite!(tx, agent_pools::held, &first.id, agent_pools::update, renamed)?;
            agent_pools::set_scope(tx, &first.id, &AgentPoolScope::default()).await?;
            assert!(agent_pools::delete(tx, &second.id).await?);
            assert_eq!(agent_pools::by_id(tx, &first.id).await?.as_ref(), Some(renamed));
            assert_eq!(agent_pools::scope(tx, &first.id).await?, AgentPoolScope::default());
            assert_eq!(agent_pools::by_id(tx, &second.id).await?, None);
            assert!(!terrane_store::organizations::uses_agent_pool(tx, &first.organization_id, &first.id).await?);
            assert_eq!(agent_pools::workspaces_of(tx, &first.id).await?, []);
            let mut workspace = terrane_store::workspaces::held(tx, &world.workspace.id).await?.unwrap();
            workspace.agent_pool_id = Some(first.id.clone());
            terrane_store::workspaces::update_settings(tx, &workspace).await?;
            let mut organization = terrane_store::organizations::held(tx, &world.organization.name).await?.unwrap();
            organization.default_agent_pool_id = Some(first.id.clone());
            terrane_store::organizations::update_settings(tx, &organization).await?;
            assert!(terrane_store::organizations::uses_agent_pool(tx, &first.organization_id, &first.id).await?);
            assert_eq!(agent_pools::workspaces_of(tx, &first.id).await?, std::slice::from_ref(&world.workspace.id));
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn reserved_keys_come_page_by_page_and_none_twice() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let key = |key: &str| {
            keep(ReservedTagKey {
                id: ReservedTagKeyId::from_entropy(entropy()),
                organization_id: world.organization.id.clone(),
                key: key.to_owned(),
                disable_overrides: key == "b",
                created_at: moment(0),
                updated_at: moment(1),
            })
        };
        let keys = ["c", "a", "b"].map(key);
        for key in keys {
            write!(bench.store, tx => reserved_tag_keys::insert(tx, key).await).unwrap();
        }
        let (again, id) = (key("a"), &world.organization.id);
        let taken = write!(bench.store, tx => reserved_tag_keys::insert(tx, again).await);
        assert!(matches!(taken, Err(StoreError::Taken)));
        let (found, total) = read!(bench.store, tx => reserved_tag_keys::list(tx, id, 2, 1).await).unwrap();
        assert_eq!((found, total), (vec![keys[2].clone(), keys[0].clone()], 3));
        let changed = keep(ReservedTagKey { key: "d".to_owned(), updated_at: moment(2), ..keys[2].clone() });
        write!(bench.store, tx => {
            overwrite!(tx, reserved_tag_keys::held, &changed.id, reserved_tag_keys::update, changed)?;
            assert!(reserved_tag_keys::delete(tx, &keys[0].id).await?);
            assert_eq!(reserved_tag_keys::list(tx, id, 9, 0).await?.0, [keys[1].clone(), changed.clone()]);
            Ok(())
        })
        .unwrap();
    })
    .await;
}
