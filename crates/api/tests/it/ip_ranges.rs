//! The addresses of the server.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::world::World;

#[tokio::test]
async fn the_ranges_are_told_to_anyone_and_not_again_while_they_are_the_same() {
    let world = World::new().await;
    let get = async |since: Option<String>| {
        let mut request = Request::builder().uri("/api/meta/ip-ranges");
        if let Some(since) = since {
            request = request.header("if-modified-since", since);
        }
        world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let first = get(None).await;
    assert_eq!(first.status(), StatusCode::OK);
    let since = first.headers()["last-modified"].to_str().unwrap().to_owned();
    let body: Value = serde_json::from_slice(&first.into_body().collect().await.unwrap().to_bytes()).unwrap();
    let ranges = json!(["192.0.2.7/32"]);
    assert_eq!(body, json!({"api": ranges, "notifications": ranges, "sentinel": ranges, "vcs": ranges}));
    for (date, expected) in [
        (since.as_str(), StatusCode::NOT_MODIFIED),
        ("Fri, 01 Jan 2100 00:00:00 GMT", StatusCode::NOT_MODIFIED),
        ("Sat, 01 Jan 2000 00:00:00 GMT", StatusCode::OK),
        ("yesterday", StatusCode::OK),
    ] {
        assert_eq!(get(Some(date.to_owned())).await.status(), expected, "{date}");
    }
}
