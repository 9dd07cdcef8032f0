//! Variables that change.

use terrane_domain::variables::{Variable, VariableCategory};
use terrane_store::{StoreError, variables};

use crate::databases::each;
use crate::records::variable;
use crate::samples::{World, keep};

#[tokio::test]
async fn a_variable_changes_in_all_that_people_may_change() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let first = keep(variable(&world.organization.id, &world.workspace.id, "key", "value"));
        let changed = keep(Variable {
            key: "other".to_owned(),
            value: "new".to_owned(),
            description: "text".to_owned(),
            category: VariableCategory::Env,
            hcl: true,
            sensitive: true,
            version_id: "2".to_owned(),
            ..first.clone()
        });
        write!(bench.store, tx => {
            variables::insert(tx, first).await?;
            overwrite!(tx, variables::held, &first.id, variables::update, changed)
        })
        .unwrap();
        let found = read!(bench.store, tx => variables::by_id(tx, &first.id).await).unwrap();
        assert!(found.as_ref() == Some(changed));
        write!(bench.store, tx => {
            assert!(variables::delete(tx, &first.id).await?);
            assert!(!variables::delete(tx, &first.id).await?);
            Ok(())
        })
        .unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_key_is_there_once_in_a_workspace_and_category() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let named = |key: &str| variable(&world.organization.id, &world.workspace.id, key, "value");
        let (first, other) = (keep(named("key")), keep(named("other")));
        let env = keep(Variable { category: VariableCategory::Env, ..named("key") });
        write!(bench.store, tx => {
            variables::insert(tx, first).await?;
            variables::insert(tx, other).await?;
            variables::insert(tx, env).await
        })
        .unwrap();
        let again = keep(named("key"));
        let taken = write!(bench.store, tx => variables::insert(tx, again).await);
        assert!(matches!(taken, Err(StoreError::Taken)));
        let renamed = keep(Variable { key: "key".to_owned(), version_id: "2".to_owned(), ..other.clone() });
        let taken = write!(bench.store, tx => overwrite!(tx, variables::held, &other.id, variables::update, renamed));
        assert!(matches!(taken, Err(StoreError::Taken)));
        let ids = read!(bench.store, tx => variables::ids_of_workspaces(tx, &[&world.workspace.id]).await).unwrap();
        assert_eq!(ids[&world.workspace.id], [first.id.clone(), env.id.clone(), other.id.clone()]);
    })
    .await;
}
