//! Addresses that are credentials themselves.

use serde_json::json;
use terrane_store::hex;

use crate::bench::{Terrane, id};
use crate::terraform::workspace::Workspace;

/// The parts behind the server's address: `blobs`, purpose, resource, subject, expiry, signature.
fn parts(address: &str) -> Vec<String> {
    let (_, path) = address.split_once("/blobs/").unwrap();
    path.split('/').map(str::to_owned).collect()
}

fn join(parts: &[String]) -> String {
    format!("/blobs/{}", parts.join("/"))
}

/// The address with one part replaced, for each part.
fn altered(address: &str) -> Vec<String> {
    let parts = parts(address);
    let replaced = |index: usize, text: &str| {
        let mut parts = parts.clone();
        text.clone_into(&mut parts[index]);
        join(&parts)
    };
    let last = &parts[4];
    let flipped = format!("{}{}", &last[..last.len() - 1], if last.ends_with('0') { '1' } else { '0' });
    vec![
        replaced(0, "state-upload"),
        replaced(0, "nonsense"),
        replaced(1, "cv-aaaaaaaaaaaaaaaa"),
        replaced(2, "user-aaaaaaaaaaaaaaaa"),
        replaced(3, "99999999999"),
        replaced(3, "nonsense"),
        replaced(4, ""),
        replaced(4, "00"),
        replaced(4, &flipped),
        replaced(4, &last[1..]),
    ]
}

fn upload_address(terrane: &Terrane) -> String {
    let workspace = terrane.create_workspace("app");
    let document = json!({ "data": { "type": "configuration-versions", "attributes": { "auto-queue-runs": false } } });
    let created = terrane.post(&format!("workspaces/{workspace}/configuration-versions"), &document).json();
    created["data"]["attributes"]["upload-url"].as_str().unwrap().to_owned()
}

#[test]
fn an_altered_upload_address_is_not_found() {
    let terrane = Terrane::without_runner();
    let address = upload_address(&terrane);
    for altered in altered(&address) {
        assert_eq!(terrane.ask("PUT", &altered, b"x").status, 404, "{altered}");
    }
    assert_eq!(terrane.ask("GET", &address, b"").status, 404, "an address takes one method");
    assert_eq!(terrane.ask("PUT", &address, b"x").status, 422, "the address itself is good");
}

#[test]
fn an_expired_upload_address_is_not_found() {
    let terrane = Terrane::without_runner();
    let good = parts(&upload_address(&terrane));
    let key = terrane.root_key().derive("signed-urls");
    let signed = |expiry: &str| {
        let signature = key.authenticate(&[
            &b"PUT"[..],
            good[0].as_bytes(),
            good[1].as_bytes(),
            good[2].as_bytes(),
            expiry.as_bytes(),
        ]);
        let mut parts = good.clone();
        expiry.clone_into(&mut parts[3]);
        parts[4] = hex(&signature);
        join(&parts)
    };
    assert_eq!(terrane.ask("PUT", &signed("1000000000"), b"x").status, 404);
    assert_eq!(terrane.ask("PUT", &signed("99999999999"), b"x").status, 422, "it is signed as the server does");
}

#[test]
fn the_address_of_a_log_dies_an_hour_after_its_phase() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, r#"resource "terraform_data" "a" {}"#);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    let plan = workspace.runs()[0]["relationships"]["plan"]["data"]["id"].as_str().unwrap().to_owned();
    let address = terrane.data(&format!("plans/{plan}"))["attributes"]["log-read-url"].as_str().unwrap().to_owned();
    let log = terrane.ask("GET", &format!("{address}?limit=65536&offset=0"), b"");
    assert_eq!(log.status, 200);
    assert_eq!((log.body.first(), log.body.last()), (Some(&2), Some(&3)));
    let behind = terrane.ask("GET", &format!("{address}?limit=65536&offset={}", log.body.len()), b"");
    assert_eq!((behind.status, behind.body.len()), (200, 0));

    for altered in altered(&address) {
        assert_eq!(terrane.ask("GET", &altered, b"").status, 404, "{altered}");
    }
    assert_eq!(terrane.ask("PUT", &address, b"x").status, 404);

    let ended = json!({ "finished-at": "2020-01-01T00:00:00.000Z" });
    let changed = terrane.execute(&format!("UPDATE run_phases SET status_timestamps = '{ended}' WHERE id = '{plan}'"));
    assert_eq!(changed, 1);
    assert_eq!(terrane.ask("GET", &address, b"").status, 404);
}

#[test]
fn a_log_comes_to_go_tfe_in_pieces_that_it_takes_in_one_read() {
    let terrane = Terrane::start();
    let resources = r#"resource "terraform_data" "many" { count = 40 }"#;
    let workspace = Workspace::initialized(&terrane, resources);
    workspace.terraform(&["plan"]).with(0);
    let plan = id(&terrane.data(&format!("workspaces/{}/runs?filter[operation]=plan_only", workspace.id()))[0]);
    let plan = id(&terrane.data(&format!("runs/{plan}"))["relationships"]["plan"]["data"]);
    let address = terrane.data(&format!("plans/{plan}"))["attributes"]["log-read-url"].as_str().unwrap().to_owned();
    let whole = terrane.ask("GET", &format!("{address}?limit=65536&offset=0"), b"").body;
    assert!(whole.len() > 6000);
    let mut pieces = Vec::new();
    while pieces.len() < whole.len() {
        let piece = terrane.ask_as_go_tfe(&format!("{address}?limit=65536&offset={}", pieces.len()));
        assert!(piece.head.len() + piece.body.len() <= 4096, "{} and {}", piece.head.len(), piece.body.len());
        pieces.extend(piece.body);
    }
    assert!(pieces == whole);
}
