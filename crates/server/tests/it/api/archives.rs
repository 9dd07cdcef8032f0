//! Configuration archives.

use serde_json::json;

use crate::bench::{Terrane, id};

#[test]
fn a_broken_archive_is_refused_and_can_never_run() {
    let terrane = Terrane::without_runner();
    let workspace = terrane.create_workspace("app");
    let document = json!({ "data": { "type": "configuration-versions", "attributes": { "auto-queue-runs": false } } });
    let created = terrane.post(&format!("workspaces/{workspace}/configuration-versions"), &document).json();
    let version = id(&created["data"]);
    let address = created["data"]["attributes"]["upload-url"].as_str().unwrap().to_owned();
    assert_eq!(created["data"]["attributes"]["status"], "pending");

    let refused = terrane.ask("PUT", &address, b"this is not an archive");
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert!(refused.error()["detail"].is_string());
    let attributes = &terrane.data(&format!("configuration-versions/{version}"))["attributes"];
    assert_eq!(attributes["status"], "errored");
    assert!(attributes["error-message"].is_string(), "{attributes}");
    assert!(attributes["upload-url"].is_null());

    let run = json!({ "data": { "type": "runs", "relationships": {
        "workspace": { "data": { "type": "workspaces", "id": workspace } },
        "configuration-version": { "data": { "type": "configuration-versions", "id": version } },
    } } });
    let answer = terrane.post("runs", &run);
    assert_eq!(answer.status, 422, "{}", answer.text());
    answer.error();
}
