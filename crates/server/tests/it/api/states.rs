//! States that do not fit, that go back, and what can be fetched of them.

use md5::{Digest as _, Md5};
use serde_json::{Value, json};
use terrane_store::hex;

use crate::bench::{Terrane, id};
use crate::http::{Answer, request};
use crate::process::{forget_peak, peak};

const LINEAGE: &str = "3b1c4ad8-0000-4000-8000-000000000001";

fn state(serial: i64, lineage: &str) -> Vec<u8> {
    let state = json!({
        "version": 4, "terraform_version": "1.11.4", "serial": serial, "lineage": lineage,
        "outputs": {}, "resources": [],
    });
    state.to_string().into_bytes()
}

struct States<'a> {
    terrane: &'a Terrane,
    workspace: String,
}

impl<'a> States<'a> {
    /// In a workspace that the caller has locked.
    fn locked(terrane: &'a Terrane) -> Self {
        let workspace = terrane.create_workspace("app");
        assert_eq!(terrane.post(&format!("workspaces/{workspace}/actions/lock"), &json!({})).status, 200);
        Self { terrane, workspace }
    }

    fn announce(&self, serial: i64, lineage: &str, bytes: &[u8], force: bool) -> Answer {
        let attributes =
            json!({ "serial": serial, "lineage": lineage, "md5": hex(&Md5::digest(bytes)), "force": force });
        let document = json!({ "data": { "type": "state-versions", "attributes": attributes } });
        self.terrane.post(&format!("workspaces/{}/state-versions", self.workspace), &document)
    }

    fn write(&self, serial: i64, lineage: &str, force: bool) -> Answer {
        let bytes = state(serial, lineage);
        let announced = self.announce(serial, lineage, &bytes, force);
        if announced.status != 201 {
            return announced;
        }
        self.terrane.ask("PUT", address(&announced.json()), &bytes)
    }

    fn current(&self) -> Answer {
        self.terrane.get(&format!("workspaces/{}/current-state-version", self.workspace))
    }

    fn serial(&self) -> Value {
        self.current().json()["data"]["attributes"]["serial"].clone()
    }
}

fn address(document: &Value) -> &str {
    document["data"]["attributes"]["hosted-state-upload-url"].as_str().unwrap()
}

#[test]
fn an_older_state_is_a_conflict_unless_forced() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    assert_eq!(states.write(5, LINEAGE, false).status, 200);
    let stale = states.write(4, LINEAGE, false);
    assert_eq!(stale.status, 409);
    assert!(stale.error()["detail"].as_str().unwrap().contains("serial 4"), "{}", stale.text());
    assert_eq!(states.serial(), 5);
    assert_eq!(states.write(4, LINEAGE, true).status, 200);
    assert_eq!(states.serial(), 4);
}

#[test]
fn the_same_state_again_is_taken_but_another_with_its_serial_is_not() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    for _ in 0..2 {
        assert_eq!(states.write(1, LINEAGE, false).status, 200);
    }
    assert_eq!(states.announce(1, LINEAGE, b"other bytes", false).status, 409);
}

#[test]
fn a_state_of_another_lineage_is_a_conflict_unless_forced() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    assert_eq!(states.write(1, LINEAGE, false).status, 200);
    let other = "3b1c4ad8-0000-4000-8000-000000000002";
    let refused = states.write(2, other, false);
    assert_eq!(refused.status, 409);
    assert!(refused.error()["detail"].as_str().unwrap().contains("lineage"), "{}", refused.text());
    assert_eq!(states.write(2, other, true).status, 200);
}

#[test]
fn bytes_with_another_md5_than_announced_are_refused_and_the_right_ones_still_taken() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    let bytes = state(1, LINEAGE);
    let announced = states.announce(1, LINEAGE, &bytes, false).json();
    let refused = terrane.ask("PUT", address(&announced), &state(1, "another"));
    assert_eq!(refused.status, 422);
    assert!(refused.error()["detail"].as_str().unwrap().contains("MD5"), "{}", refused.text());
    assert_eq!(states.current().status, 404);
    assert_eq!(terrane.ask("PUT", address(&announced), &bytes).status, 200);
    assert_eq!(states.serial(), 1);
}

#[test]
fn a_state_is_written_only_under_the_callers_lock() {
    let terrane = Terrane::without_runner();
    let states = States { terrane: &terrane, workspace: terrane.create_workspace("app") };
    let refused = states.write(1, LINEAGE, false);
    assert_eq!(refused.status, 409);
    assert!(refused.error()["detail"].as_str().unwrap().contains("locked"), "{}", refused.text());
}

#[test]
fn a_workspace_is_unlocked_once_the_announced_state_has_come() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    let bytes = state(1, LINEAGE);
    let announced = states.announce(1, LINEAGE, &bytes, false).json();
    let unlock = format!("workspaces/{}/actions/unlock", states.workspace);
    let early = terrane.call("POST", &unlock, b"");
    assert_eq!(early.status, 422);
    assert!(early.text().contains("latest state version is still pending"), "{}", early.text());
    assert_eq!(terrane.ask("PUT", address(&announced), &bytes).status, 200);
    assert_eq!(terrane.call("POST", &unlock, b"").status, 200);
    assert_eq!(terrane.call("POST", &unlock, b"").status, 409);
}

#[test]
fn a_rollback_is_a_new_state_that_names_the_old_one() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    assert_eq!(states.write(1, LINEAGE, false).status, 200);
    let old = id(&states.current().json()["data"]);
    assert_eq!(states.write(2, LINEAGE, false).status, 200);
    let relation = json!({ "data": { "type": "state-versions", "id": old } });
    let document =
        json!({ "data": { "type": "state-versions", "relationships": { "rollback-state-version": relation } } });
    let path = format!("workspaces/{}/state-versions", states.workspace);
    let rolled = terrane.patch(&path, &document);
    assert_eq!(rolled.status, 201, "{}", rolled.text());
    assert_eq!(states.serial(), 3);
    let filter = "filter%5Borganization%5D%5Bname%5D=demo&filter%5Bworkspace%5D%5Bname%5D=app";
    let listed = terrane.data(&format!("state-versions?{filter}"));
    assert_eq!(listed[0]["relationships"]["rollback-state-version"], relation);
    assert_eq!(listed.as_array().unwrap().len(), 3);

    let announced = states.announce(4, LINEAGE, b"x", false);
    assert_eq!(announced.status, 201);
    let waiting = terrane.data(&format!("state-versions?{filter}&filter%5Bstatus%5D=pending"));
    assert_eq!(waiting[0]["id"], announced.json()["data"]["id"]);
    let outputs = terrane.get(&format!("state-versions/{}/outputs", id(&waiting[0])));
    assert_eq!(outputs.status, 503);
    assert!(outputs.error()["detail"].as_str().unwrap().contains("service unavailable"));
    assert_eq!(terrane.get("state-versions").status, 400);
    assert_eq!(terrane.get(&format!("state-versions?{filter}&filter%5Bstatus%5D=lost")).status, 400);
}

#[test]
fn a_state_with_an_output_of_ten_megabytes_costs_the_server_three_times_that_and_five_on_postgresql() {
    const MIB: u64 = 1 << 20;
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    // The first takes up what any state needs.
    assert_eq!(states.write(1, LINEAGE, false).status, 200);
    let server = terrane.pid("server");
    let before = forget_peak(server);
    for serial in 2..4 {
        let mut long: Value = serde_json::from_slice(&state(serial, LINEAGE)).unwrap();
        long["outputs"] = json!({ "long": { "value": "x".repeat(10_000_000), "type": "string" } });
        let bytes = long.to_string().into_bytes();
        let announced = states.announce(serial, LINEAGE, &bytes, false).json();
        assert_eq!(terrane.ask("PUT", address(&announced), &bytes).status, 200);
        assert_eq!(states.serial(), serial);
    }
    let grown = peak(server) - before;
    // The driver of PostgreSQL copies what it sends.
    let limit = if terrane.is_on_postgres() { 48 } else { 32 };
    assert!(grown <= limit * MIB, "the server's memory grew by {} KiB", grown / 1024);
}

#[test]
fn a_download_goes_on_where_it_broke_off() {
    let terrane = Terrane::without_runner();
    let states = States::locked(&terrane);
    assert_eq!(states.write(1, LINEAGE, false).status, 200);
    let whole = state(1, LINEAGE);
    let document = states.current().json();
    let address = document["data"]["attributes"]["hosted-state-download-url"].as_str().unwrap();
    let length = whole.len();
    for (asked, status, wanted) in [
        ("bytes=0-9", 206, &whole[..10]),
        ("bytes=10-", 206, &whole[10..]),
        ("bytes=10-100000", 206, &whole[10..]),
        ("bytes=-5", 206, &whole[length - 5..]),
        ("bytes=100000-", 416, &[]),
        ("bytes=9-0", 200, &whole[..]),
        ("bytes=0-1,3-4", 200, &whole[..]),
        ("lines=0-1", 200, &whole[..]),
    ] {
        let answer = request(terrane.port(), "GET", address, &[("Range", asked)], b"");
        assert_eq!((answer.status, answer.body.as_slice()), (status, wanted), "{asked}");
        assert_eq!(answer.head.to_ascii_lowercase().contains("content-range: bytes "), status != 200, "{asked}");
    }
}
