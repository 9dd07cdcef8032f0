//! What states' outputs promise.

use serde_json::{Value, json};
use terrane_domain::ids::{StateVersionId, StateVersionOutputId};
use terrane_domain::state_versions::{NewState, StateVersion, StateVersionOutput};
use terrane_store::{StoreError, state_versions};

use crate::databases::each;
use crate::samples::{World, entropy, insert_output, keep, moment};

fn output(version: &StateVersion, name: &str, value: Value) -> StateVersionOutput {
    StateVersionOutput {
        id: StateVersionOutputId::from_entropy(entropy()),
        state_version_id: version.id.clone(),
        name: name.to_owned(),
        sensitive: false,
        detailed_type: json!("string"),
        value,
    }
}

#[tokio::test]
async fn outputs_of_every_length_come_back_whole_and_go_with_what_failed() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let new = NewState { serial: 1, lineage: "lineage", md5: "md5", force: false };
        let (organization, workspace) = (world.organization.id.clone(), world.workspace.id.clone());
        let id = StateVersionId::from_entropy(entropy());
        let version = keep(StateVersion::announced(id, organization, workspace, &new, moment(0)));
        let lengths = [0, (1 << 20) - 200, 1 << 20, 3_000_000];
        let wanted = keep(
            lengths
                .iter()
                .map(|length| output(version, &format!("{length:07}"), "é".repeat(*length / 2).into()))
                .collect::<Vec<_>>(),
        );
        write!(bench.store, tx => state_versions::insert(tx, version).await).unwrap();
        let failed = write!(bench.store, tx => {
            insert_output(tx, &world.organization.id, &wanted[3]).await?;
            Err::<(), _>(StoreError::Taken)
        });
        assert!(failed.is_err());
        assert!(read!(bench.store, tx => state_versions::outputs(tx, &version.id).await).unwrap().is_empty());
        write!(bench.store, tx => {
            for output in wanted {
                insert_output(tx, &world.organization.id, output).await?;
            }
            Ok(())
        })
        .unwrap();
        let found = read!(bench.store, tx => state_versions::outputs(tx, &version.id).await).unwrap();
        assert!(found == *wanted);
        let names = read!(bench.store, tx => state_versions::output_ids_of(tx, &[&version.id]).await).unwrap();
        let ids: Vec<_> = wanted.iter().map(|output| output.id.clone()).collect();
        assert_eq!(names[&version.id], ids);
    })
    .await;
}
