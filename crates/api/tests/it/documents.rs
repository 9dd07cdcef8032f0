//! What clients decode: types, relations and attributes that they take without a check.

use axum::http::StatusCode;
use serde_json::json;

use crate::world::{World, archive, text};

#[tokio::test]
async fn a_run_has_what_the_cli_takes_without_looking() {
    let world = World::new().await;
    let path = format!("/api/v2/runs/{}?include=plan,workspace,task_stages,tf_policy_evaluations", world.run);
    let run = world.owner_json("GET", &path, &json!(null)).await;
    assert_eq!(run["data"]["type"], "runs");
    for relation in ["plan", "apply", "workspace"] {
        assert!(run["data"]["relationships"][relation]["data"]["id"].is_string(), "{relation}");
    }
    for action in ["is-cancelable", "is-confirmable", "is-discardable"] {
        assert!(run["data"]["attributes"]["actions"][action].is_boolean(), "{action}");
    }
    let included: Vec<&str> =
        run["included"].as_array().unwrap().iter().filter_map(|one| one["type"].as_str()).collect();
    assert_eq!(included, ["plans", "workspaces"]);
}

#[tokio::test]
async fn an_include_that_nobody_knows_is_refused_by_name() {
    let world = World::new().await;
    let path = format!("/api/v2/runs/{}?include=nonsense", world.run);
    let answer = world.send("GET", &path, Some(&world.owner), Vec::new()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["errors"][0].to_string().contains("include parameter"));
}

#[tokio::test]
async fn an_upload_address_is_told_once_and_works_only_as_it_was_given() {
    let world = World::new().await;
    let path = format!("/api/v2/workspaces/{}/configuration-versions", world.id("workspaces"));
    let made = world.owner_json("POST", &path, &json!({"data":{"attributes":{"auto-queue-runs":false}}})).await;
    let address = text(&made["data"]["attributes"]["upload-url"]).replace("http://localhost", "");
    let id = text(&made["data"]["id"]);
    let again = world.owner_json("GET", &format!("/api/v2/configuration-versions/{id}"), &json!(null)).await;
    assert!(again["data"]["attributes"]["upload-url"].is_null());
    for position in (0..address.len()).filter(|position| address.as_bytes()[*position] != b'/') {
        let mut altered = address.clone().into_bytes();
        altered[position] = if altered[position] == b'a' { b'b' } else { b'a' };
        let altered = String::from_utf8(altered).unwrap();
        let answer = world.send("PUT", &altered, None, archive()).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{altered}");
    }
    assert_eq!(world.send("GET", &address, None, Vec::new()).await.status, StatusCode::NOT_FOUND);
    let crossed = address.replace("configuration-upload", "state-upload");
    assert_eq!(world.send("PUT", &crossed, None, archive()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.send("PUT", &address, None, archive()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_archive_that_is_none_is_refused_with_the_reason_and_may_be_sent_again() {
    let world = World::new().await;
    let path = format!("/api/v2/workspaces/{}/configuration-versions", world.id("workspaces"));
    let made = world.owner_json("POST", &path, &json!({"data":{"attributes":{"auto-queue-runs":false}}})).await;
    let address = text(&made["data"]["attributes"]["upload-url"]).replace("http://localhost", "");
    let answer = world.send("PUT", &address, None, b"garbage".to_vec()).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    let path = format!("/api/v2/configuration-versions/{}", text(&made["data"]["id"]));
    let read = world.owner_json("GET", &path, &json!(null)).await;
    assert_eq!(read["data"]["attributes"]["status"], "errored");
    assert!(text(&read["data"]["attributes"]["error-message"]).contains("gzip"));
    assert_eq!(world.send("PUT", &address, None, archive()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_refused_with_those_that_it_takes() {
    let world = World::new().await;
    let path = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let answer = world.send("PUT", &path, Some(&world.owner), Vec::new()).await;
    assert_eq!(answer.status, 405);
    let allowed = answer.headers["allow"].to_str().unwrap().split(',').collect::<std::collections::BTreeSet<_>>();
    assert_eq!(allowed, ["DELETE", "GET", "HEAD", "PATCH"].into());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_told_from_one_that_is_too_large() {
    let world = World::new().await;
    let piece = || Ok(vec![b' '; 1 << 19]);
    let broken = || Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset));
    for (pieces, status, said) in [
        (vec![piece(), broken()], 400, "send the request again"),
        (vec![piece(), piece(), piece()], 413, "larger than the 1048576 bytes"),
        (vec![piece(), piece(), piece(), broken()], 413, "larger than the 1048576 bytes"),
    ] {
        let request = axum::http::Request::post("/api/v2/runs")
            .header("authorization", format!("Bearer {}", world.owner))
            .body(axum::body::Body::from_stream(futures_util::stream::iter(pieces)))
            .unwrap();
        let answer = world.answer(request).await;
        assert_eq!(answer.status, status);
        assert!(text(&answer.json()["errors"][0]["detail"]).contains(said), "{}", answer.json());
    }
}
