//! The order of a workspace's states, and what its lock waits for.

use std::time::Duration;

use base64::Engine as _;
use futures_util::future::join_all;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use terrane_app::runs::RunAction;
use terrane_app::signed_urls::{Grant, Purpose};
use terrane_app::state_versions::{self, NewStateVersion};
use terrane_app::workspaces::{self, WorkspaceKey};
use terrane_app::{AppError, jobs, state_uploads, streams, workspace_resources};
use terrane_domain::ids::{RunId, StateVersionId};
use terrane_domain::state_versions::{StateVersion, StateVersionStatus};
use terrane_domain::workspace_resources::WorkspaceResource;
use terrane_store::hex;

use crate::databases::each;
use crate::world::{World, walk};

fn state(serial: i64) -> Vec<u8> {
    format!(
        r#"{{"version":4,"terraform_version":"1.11.4","serial":{serial},"lineage":"l","outputs":{{}},"resources":[]}}"#
    )
    .into_bytes()
}

fn key(world: &World) -> WorkspaceKey {
    WorkspaceKey::Id(world.workspace_id.clone())
}

async fn lock(world: &World) {
    workspaces::lock(&world.app, &world.owner, key(world), String::new()).await.unwrap();
}

async fn unlock(world: &World) -> Result<(), AppError> {
    workspaces::unlock(&world.app, &world.owner, key(world)).await.map(drop)
}

async fn announce(world: &World, serial: i64) -> StateVersionId {
    let md5 = hex(&Md5::digest(state(serial)));
    let new = NewStateVersion {
        serial,
        lineage: "l".to_owned(),
        md5,
        force: false,
        run_id: None,
        state: None,
        json_state: None,
        json_state_outputs: None,
    };
    state_versions::create(&world.app, &world.owner, key(world), new).await.unwrap().version.id
}

async fn put(world: &World, id: &StateVersionId, serial: i64) -> Result<(), AppError> {
    let grant = Grant { purpose: Purpose::StateUpload, resource: id.to_string(), subject: "nobody".to_owned() };
    state_uploads::upload(&world.app, &grant, streams::body(state(serial))).await
}

async fn serial(world: &World) -> i64 {
    state_versions::current(&world.app, &world.owner, key(world)).await.unwrap().version.serial
}

#[tokio::test]
async fn of_two_announced_states_the_newer_one_is_taken_in_whatever_order_they_come() {
    each(async |world| {
        lock(world).await;
        for (old, new, order) in [(1, 2, [1, 2]), (3, 4, [4, 3])] {
            let ids = [(old, announce(world, old).await), (new, announce(world, new).await)];
            for serial in order {
                let (_, id) = ids.iter().find(|(other, _)| *other == serial).unwrap();
                assert_eq!(put(world, id, serial).await.is_ok(), serial == new, "{serial}");
            }
            assert_eq!(serial(world).await, new);
        }
        unlock(world).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_announced_state_keeps_the_lock_as_long_as_its_address_lives() {
    each(async |world| {
        lock(world).await;
        let id = announce(world, 1).await;
        world.pass(Duration::from_mins(59));
        assert!(matches!(unlock(world).await, Err(AppError::Invalid { .. })));
        world.pass(Duration::from_mins(1));
        unlock(world).await.unwrap();
        assert!(matches!(put(world, &id, 1).await, Err(AppError::Conflict(_))));
    })
    .await;
}

#[tokio::test]
async fn equal_snapshots_at_once_are_stored_once() {
    each(async |world| {
        let run = world.queue(world.new_run()).await.run;
        world.finish(&world.claim().await, true).await.unwrap();
        world.act(&run.id, RunAction::Confirm).await.unwrap();
        let job = world.claim().await;
        for serial in 1..=10 {
            let put = || {
                let body = streams::body(state(serial));
                jobs::put_state(&world.app, &world.runner, job.id.clone(), job.fence, body)
            };
            assert!(join_all((0..4).map(|_| put())).await.iter().all(Result::is_ok));
            let (_, total) =
                state_versions::list(&world.app, &world.owner, key(world), vec![StateVersionStatus::Finalized], 1, 0)
                    .await
                    .unwrap();
            assert_eq!(total, serial);
        }
    })
    .await;
}

#[tokio::test]
async fn each_step_of_a_state_leaves_one_event() {
    each(async |world| {
        lock(world).await;
        let events = async || {
            let mut count = 0;
            loop {
                match world.app.store().seal_events().await.unwrap() {
                    0 => return count,
                    sealed => count += sealed,
                }
            }
        };
        events().await;
        let id = announce(world, 1).await;
        assert_eq!(events().await, 1);
        put(world, &id, 1).await.unwrap();
        assert_eq!(events().await, 1);
        for wanted in [1, 0] {
            let grant =
                Grant { purpose: Purpose::JsonStateUpload, resource: id.to_string(), subject: "nobody".to_owned() };
            state_uploads::upload_json(&world.app, &grant, streams::body(&b"{}"[..])).await.unwrap();
            assert_eq!(events().await, wanted, "the JSON form is taken once");
        }
    })
    .await;
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// A state with one output and the given instances of one resource.
fn state_with(serial: i64, output: &str, instances: &[(&str, &str)]) -> Vec<u8> {
    let instances: Vec<_> = instances
        .iter()
        .map(|(key, id)| json!({ "schema_version": 0, "index_key": key, "attributes": { "id": id } }))
        .collect();
    let resource = json!({
        "module": "module.net", "mode": "managed", "type": "null_resource", "name": "one",
        "provider": "provider[\"registry.terraform.io/hashicorp/null\"]", "instances": instances,
    });
    let state = json!({
        "version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": "l",
        "outputs": { "o": { "value": output, "type": "string" } }, "resources": [resource],
    });
    state.to_string().into_bytes()
}

fn inline(serial: i64, state: &[u8]) -> NewStateVersion {
    NewStateVersion {
        serial,
        lineage: "l".to_owned(),
        md5: hex(&Md5::digest(state)),
        force: false,
        run_id: None,
        state: Some(encoded(state)),
        json_state: None,
        json_state_outputs: None,
    }
}

async fn push(world: &World, serial: i64, state: &[u8]) -> StateVersion {
    let new = inline(serial, state);
    state_versions::create(&world.app, &world.owner, key(world), new).await.unwrap().version
}

async fn outputs(world: &World, id: &StateVersionId) -> Result<Vec<(String, Value)>, AppError> {
    let found = state_versions::outputs(&world.app, &world.owner, id.clone()).await?;
    Ok(found.into_iter().map(|output| (output.name, output.value)).collect())
}

async fn resources(world: &World) -> Vec<WorkspaceResource> {
    while workspace_resources::process_next(&world.app).await.unwrap() {}
    workspace_resources::list(&world.app, &world.owner, key(world), String::new(), 100, 0).await.unwrap().0
}

#[tokio::test]
async fn resources_are_known_since_when_and_by_which_state() {
    each(async |world| {
        lock(world).await;
        let first = push(world, 1, &state_with(1, "x", &[("a", "1"), ("b", "1")])).await;
        assert!(!first.resources_processed);
        let before = resources(world).await;
        let addresses: Vec<_> = before.iter().map(|resource| resource.address.as_str()).collect();
        assert_eq!(addresses, [r#"net.null_resource.one["a"]"#, r#"net.null_resource.one["b"]"#]);
        assert_eq!((before[0].module.as_str(), before[0].provider.as_str()), ("net", "hashicorp/null"));
        let view = state_versions::read(&world.app, &world.owner, first.id.clone()).await.unwrap();
        assert!(view.version.resources_processed);

        // Of two that come at once only the newer says anything.
        push(world, 2, &state_with(2, "x", &[])).await;
        let third = push(world, 3, &state_with(3, "x", &[("b", "2"), ("c", "1"), ("a", "1")])).await;
        let after = resources(world).await;
        let told: Vec<_> = after
            .iter()
            .map(|resource| {
                let is_known = before.iter().any(|known| known.id == resource.id);
                (resource.name_index.as_deref().unwrap(), is_known, resource.modified_by_state_version_id == third.id)
            })
            .collect();
        assert_eq!(told, [("a", true, false), ("b", true, true), ("c", false, true)]);
        assert!(after[1].created_at < after[1].updated_at);

        push(world, 4, &state_with(4, "x", &[])).await;
        assert_eq!(resources(world).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_state_whose_resources_can_never_be_read_keeps_no_later_one_waiting() {
    type Damage = fn(&std::path::Path);
    let damages: [(&str, Damage); 4] = [
        ("whole, and no text that can be stored", |_| {}),
        ("missing", |path| std::fs::remove_file(path).unwrap()),
        ("cut off in its header", |path| std::fs::write(path, b"short").unwrap()),
        ("altered", |path| {
            let mut bytes = std::fs::read(path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
    ];
    each(async |world| {
        lock(world).await;
        for (serial, (what, damage)) in (1..).step_by(2).zip(damages) {
            let version = push(world, serial, &state_with(serial, "x", &[("a\0b", "1")])).await;
            damage(&world.blob_folder().join(version.blob.unwrap()));
            assert!(workspace_resources::process_next(&world.app).await.unwrap(), "{what}");
            let name = format!("after-{serial}");
            push(world, serial + 1, &state_with(serial + 1, "x", &[(&name, "1")])).await;
            let names: Vec<_> = resources(world).await.into_iter().map(|one| one.name_index.unwrap()).collect();
            assert_eq!(names, [name], "{what}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_page_of_resources_is_found_by_a_part_of_the_address() {
    each(async |world| {
        lock(world).await;
        push(world, 1, &state_with(1, "x", &[("a_c", "1"), ("abc", "1")])).await;
        assert_eq!(resources(world).await.len(), 2);
        let found = async |part: &str| {
            let (_, total) =
                workspace_resources::list(&world.app, &world.owner, key(world), part.to_owned(), 1, 0).await.unwrap();
            total
        };
        assert_eq!((found("A_C").await, found("null_resource").await, found("%").await), (1, 2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_rollback_makes_a_copy_that_the_next_state_may_follow() {
    each(async |world| {
        lock(world).await;
        let old = push(world, 1, &state_with(1, "old", &[("a", "1")])).await;
        push(world, 2, &state_with(2, "new", &[])).await;
        let roll = || state_versions::rollback(&world.app, &world.owner, key(world), old.id.clone());
        let view = roll().await.unwrap();
        assert_eq!((view.version.serial, view.version.rollback_of.as_ref()), (3, Some(&old.id)));
        assert_eq!(outputs(world, &view.version.id).await.unwrap(), [("o".to_owned(), json!("old"))]);
        let grant =
            Grant { purpose: Purpose::StateDownload, resource: view.version.id.to_string(), subject: String::new() };
        let bytes = state_versions::download(&world.app, &grant).await.unwrap().range(0, 1 << 20).await.unwrap();
        let state: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!((&state["serial"], &state["lineage"]), (&json!(3), &json!("l")));
        assert_eq!(hex(&Md5::digest(&bytes)), view.version.md5);
        push(world, 4, &state_with(4, "next", &[])).await;

        unlock(world).await.unwrap();
        assert!(matches!(roll().await, Err(AppError::Conflict(text)) if text.contains("locked")));
        let (other, _) = world.add_workspace("other", false).await;
        let other = WorkspaceKey::Id(other);
        workspaces::lock(&world.app, &world.owner, other.clone(), String::new()).await.unwrap();
        let foreign = state_versions::rollback(&world.app, &world.owner, other, old.id.clone()).await;
        assert!(matches!(foreign, Err(AppError::Invalid { .. })));
    })
    .await;
}

#[tokio::test]
async fn of_an_encrypted_state_the_outputs_are_those_that_were_announced() {
    each(async |world| {
        lock(world).await;
        let sealed = br#"{"serial":1,"lineage":"l","meta":{},"encrypted_data":"c2VjcmV0","encryption_version":"v0"}"#;
        let told = encoded(json!({ "o": { "value": "told", "type": "string", "sensitive": true } }).to_string());
        let new = NewStateVersion { state: None, json_state_outputs: Some(told.clone()), ..inline(1, sealed) };
        let view = state_versions::create(&world.app, &world.owner, key(world), new).await.unwrap();
        let id = view.version.id;
        let pending = outputs(world, &id).await;
        assert!(matches!(pending, Err(AppError::Unavailable(text)) if text.contains("service unavailable")));
        let put = async |id: &StateVersionId, bytes: Vec<u8>| {
            let grant = Grant { purpose: Purpose::StateUpload, resource: id.to_string(), subject: String::new() };
            state_uploads::upload(&world.app, &grant, streams::body(bytes)).await
        };
        put(&id, sealed.to_vec()).await.unwrap();
        assert_eq!(outputs(world, &id).await.unwrap(), [("o".to_owned(), json!("told"))]);
        assert_eq!(resources(world).await, []);
        let rolled = state_versions::rollback(&world.app, &world.owner, key(world), id).await;
        assert!(matches!(rolled, Err(AppError::Invalid { detail, .. }) if detail.contains("encrypted")));

        // What can be read is believed more than what was said of it.
        let clear = state_with(2, "read", &[]);
        let new = NewStateVersion { state: None, json_state_outputs: Some(told), ..inline(2, &clear) };
        let id = state_versions::create(&world.app, &world.owner, key(world), new).await.unwrap().version.id;
        put(&id, clear).await.unwrap();
        assert_eq!(outputs(world, &id).await.unwrap(), [("o".to_owned(), json!("read"))]);
    })
    .await;
}

#[tokio::test]
async fn a_state_inside_the_request_is_taken_with_its_json_form_or_leaves_nothing() {
    each(async |world| {
        let state = state_with(1, "x", &[]);
        let blobs = || walk(&world.blob_folder());
        let before = blobs();
        let create =
            async |new: NewStateVersion| state_versions::create(&world.app, &world.owner, key(world), new).await;
        let with_json = || NewStateVersion { json_state: Some(encoded("{}")), ..inline(1, &state) };
        assert!(matches!(create(with_json()).await, Err(AppError::Conflict(text)) if text.contains("locked")));
        assert_eq!(blobs(), before);
        lock(world).await;
        let strange = Some(RunId::from_entropy(7));
        for (new, pointer) in [
            (NewStateVersion { state: Some("no base64!".to_owned()), ..with_json() }, "state"),
            (NewStateVersion { json_state: Some("no base64!".to_owned()), ..with_json() }, "json-state"),
            (NewStateVersion { json_state_outputs: Some(encoded("[]")), ..with_json() }, "json-state-outputs"),
            (NewStateVersion { md5: "0".repeat(32), ..with_json() }, "md5"),
            (inline(1, b"{}"), "state"),
            (NewStateVersion { run_id: strange, ..with_json() }, "run"),
        ] {
            let refused = create(new).await;
            let told = matches!(&refused, Err(AppError::Invalid { pointer: Some(told), .. }) if told.contains(pointer));
            assert!(told, "{pointer}: {:?}", refused.err());
            assert_eq!(blobs(), before, "{pointer}");
        }
        let view = create(with_json()).await.unwrap();
        assert_eq!(blobs() - before, 2);
        assert!(view.json_download_url.is_some() && view.upload_url.is_none() && view.json_upload_url.is_none());
    })
    .await;
}
