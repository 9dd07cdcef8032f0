//! Workspaces: which settings are taken, searched, shared; how they end.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::world::{Answer, World, text};

const WORKSPACES: &str = "/api/v2/organizations/demo/workspaces";

pub(crate) async fn owner(world: &World, method: &str, path: &str, body: &Value) -> Answer {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    world.send(method, path, Some(&world.owner), body).await
}

/// The status and the first error's place and text.
pub(crate) fn refusal(answer: &Answer) -> (u16, String, String) {
    let error = &answer.json()["errors"][0];
    let part = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (answer.status.as_u16(), part(&error["source"]["pointer"]), part(&error["detail"]))
}

pub(crate) fn with_attributes(attributes: &Value) -> Value {
    json!({ "data": { "type": "anything", "attributes": attributes } })
}

async fn make(world: &World, name: &str, attributes: &Value) -> Value {
    let mut attributes = attributes.clone();
    attributes["name"] = name.into();
    world.owner_json("POST", WORKSPACES, &with_attributes(&attributes)).await["data"].clone()
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_with_the_place_and_the_reason() {
    let world = World::new().await;
    let path = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let before = world.owner_json("GET", &path, &Value::Null).await;
    let nul = "a\0b";
    let cases = [
        (json!({"name": ""}), "name", "can't be blank"),
        (json!({"name": "a b"}), "name", "Name may only contain"),
        (json!({"name": "ä"}), "name", "Name may only contain"),
        (json!({"name": "\u{202e}app"}), "name", "Name may only contain"),
        (json!({"name": nul}), "name", "NUL"),
        (json!({"name": "a".repeat(91)}), "name", "Name may only contain"),
        (json!({"name": "a".repeat(1_000_000)}), "name", "Name may only contain"),
        (json!({"name": 7}), "name", "cannot be used"),
        (json!({"description": nul}), "description", "NUL"),
        (json!({"auto-apply": "yes"}), "auto-apply", "cannot be used"),
        (json!({"terraform-version": "nonexisting"}), "terraform-version", "Terraform version"),
        (json!({"terraform-version": "1.2.3\0"}), "terraform-version", "NUL"),
        (json!({"working-directory": "../other"}), "working-directory", "inside"),
        (json!({"working-directory": nul}), "working-directory", "NUL"),
        (json!({"trigger-prefixes": ["a"], "trigger-patterns": ["b"]}), "trigger-patterns", "trigger prefixes"),
        (json!({"trigger-prefixes": [nul]}), "trigger-prefixes/0", "NUL"),
        (json!({"trigger-patterns": "a"}), "trigger-patterns", "cannot be used"),
        (json!({"auto-destroy-at": "tomorrow"}), "auto-destroy-at", "cannot be used"),
        (
            json!({"auto-destroy-activity-duration": "bar"}),
            "auto-destroy-activity-duration",
            "up to 4 numeric digits and 1 unit ('d' or 'h')",
        ),
        (json!({"execution-mode": "nowhere"}), "execution-mode", "remote, local or agent"),
        (json!({"execution-mode": "agent"}), "agent-pool-id", "must be specified when using 'agent' execution mode"),
        (
            json!({"execution-mode": "remote", "agent-pool-id": "apool-1111111111111111"}),
            "agent-pool-id",
            "must not be specified unless using 'agent' execution mode",
        ),
        (
            json!({"execution-mode": "agent", "agent-pool-id": "apool-1111111111111111"}),
            "agent-pool-id",
            "The provided agent pool does not exist",
        ),
        (json!({"execution-mode": "remote", "operations": true}), "operations", "execution mode"),
        (
            json!({"setting-overwrites": {"execution-mode": true, "agent-pool": false}}),
            "setting-overwrites",
            "their values must be the same.",
        ),
        (json!({"setting-overwrites": {"execution-mode": 1}}), "setting-overwrites", "true or false"),
        (json!({"setting-overwrites": {"execution-mode": true}}), "execution-mode", "must be specified"),
        (json!({"vcs-repo": {"identifier": "a/b", "oauth-token-id": "ot-1"}}), "vcs-repo", "does not exist"),
    ];
    for (attributes, attribute, reason) in cases {
        let shown: String = attributes.to_string().chars().take(80).collect();
        let (status, place, detail) = refusal(&owner(&world, "PATCH", &path, &with_attributes(&attributes)).await);
        assert_eq!((status, place), (422, format!("/data/attributes/{attribute}")), "{shown}");
        assert!(detail.contains(reason), "{shown}: {detail}");
    }
    let cases = [
        (json!({}), "name"),
        (json!({"name": "x", "source-url": "javascript:alert(1)"}), "source-url"),
        (json!({"name": "x", "source-name": nul}), "source-name"),
    ];
    for (attributes, attribute) in cases {
        let (status, place, _) = refusal(&owner(&world, "POST", WORKSPACES, &with_attributes(&attributes)).await);
        assert_eq!((status, place), (422, format!("/data/attributes/{attribute}")), "{attributes}");
    }
    assert_eq!(world.owner_json("GET", &path, &Value::Null).await, before);
}

#[tokio::test]
async fn what_a_client_reads_it_may_send_back() {
    let world = World::new().await;
    let made = make(
        &world,
        "round",
        &json!({
            "description": "ü", "auto-apply": true, "auto-destroy-at": "2025-01-01T00:00:00Z", "queue-all-runs": true,
            "file-triggers-enabled": false, "trigger-prefixes": ["/a", "b"], "speculative-enabled": false,
            "global-remote-state": true, "assessments-enabled": true, "allow-destroy-plan": false,
            "terraform-version": "~> 1.11", "working-directory": "bar/", "source-name": "maker",
            "source-url": "https://example.org/1", "execution_mode": "local", "vcs-repo": {},
        }),
    )
    .await;
    let path = format!("/api/v2/workspaces/{}", text(&made["id"]));
    let read = world.owner_json("GET", &path, &Value::Null).await["data"].clone();
    assert_eq!(read, made);
    let attributes = &read["attributes"];
    for (name, expected) in [
        ("auto-destroy-at", json!("2025-01-01T00:00:00.000Z")),
        ("operations", json!(false)),
        ("setting-overwrites", json!({"execution-mode": true, "agent-pool": true})),
        ("trigger-patterns", json!([])),
        ("working-directory", json!("bar/")),
        ("inherits-project-auto-destroy", json!(false)),
    ] {
        assert_eq!(attributes[name], expected, "{name}");
    }
    let mut sent = attributes.clone();
    // The older form of the mode excludes the newer one.
    sent.as_object_mut().unwrap().remove("operations");
    let mut after = world.owner_json("PATCH", &path, &with_attributes(&sent)).await["data"].clone();
    for moment in ["updated-at", "latest-change-at"] {
        after["attributes"][moment] = attributes[moment].clone();
    }
    assert_eq!(after, read);
}

#[tokio::test]
async fn what_a_workspace_does_not_say_its_project_says() {
    let world = World::new().await;
    let project = format!("/api/v2/projects/{}", world.id("projects"));
    let workspace = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let seen = async || {
        let attributes = world.owner_json("GET", &workspace, &Value::Null).await["data"]["attributes"].clone();
        let overwrites = attributes["setting-overwrites"]["execution-mode"].as_bool().unwrap();
        let has_moment = attributes["auto-destroy-at"].is_string();
        (
            text(&attributes["execution-mode"]),
            overwrites,
            attributes["auto-destroy-activity-duration"].clone(),
            has_moment,
        )
    };
    assert_eq!(seen().await, ("remote".to_owned(), false, Value::Null, false));
    let steps = [
        (
            &project,
            json!({"default-execution-mode": "local", "auto-destroy-activity-duration": "3d"}),
            ("local", false, json!("3d"), true),
        ),
        (&workspace, json!({"execution-mode": "remote"}), ("remote", true, json!("3d"), true)),
        (&workspace, json!({"setting-overwrites": {"execution-mode": false}}), ("local", false, json!("3d"), true)),
        (&workspace, json!({"auto-destroy-activity-duration": "6h"}), ("local", false, json!("6h"), true)),
        (&workspace, json!({"auto-destroy-activity-duration": null}), ("local", false, Value::Null, false)),
        (&workspace, json!({"inherits-project-auto-destroy": true}), ("local", false, json!("3d"), true)),
        (
            &project,
            json!({"setting-overwrites": {"default-execution-mode": false}, "auto-destroy-activity-duration": null}),
            ("remote", false, Value::Null, false),
        ),
    ];
    for (path, attributes, (mode, is_own, duration, has_moment)) in steps {
        world.owner_json("PATCH", path, &with_attributes(&attributes)).await;
        assert_eq!(seen().await, (mode.to_owned(), is_own, duration, has_moment), "{attributes}");
    }
}

#[tokio::test]
async fn a_search_by_tags_finds_names_and_keys() {
    let world = World::new().await;
    let keyed = text(&make(&world, "keyed", &json!({})).await["id"]);
    let binding = json!({"data":[{"type":"tag-bindings","attributes":{"key":"env","value":"dev"}}]});
    world.owner_json("PATCH", &format!("/api/v2/workspaces/{keyed}/tag-bindings"), &binding).await;
    let found = async |query: &str| {
        let list = world.owner_json("GET", &format!("{WORKSPACES}?{query}"), &Value::Null).await;
        let names: Vec<String> =
            list["data"].as_array().unwrap().iter().map(|one| text(&one["attributes"]["name"])).collect();
        names.join(",")
    };
    assert_eq!(found("search[tags]=env").await, "keyed");
    assert_eq!(found("search[tags]=env&filter[tagged][0][key]=env&filter[tagged][0][value]=dev").await, "keyed");
    assert_eq!(found("search[tags]=env,blue").await, "");
    assert_eq!(found("search[tags]=blue").await, "app");
    assert_eq!(found("search[exclude-tags]=blue").await, "keyed");
}

#[tokio::test]
async fn a_list_takes_whatever_it_is_asked() {
    let world = World::new().await;
    for number in 0..3 {
        make(&world, &format!("w{number}"), &json!({})).await;
    }
    let many = (0..1000).fold(String::new(), |all, number| {
        format!("{all}&filter[tagged][{number}][key]=k{number}&filter[tagged][{number}][value]=v")
    });
    let statuses = "planned,".repeat(1000);
    // How many are found, and what the page says of itself.
    let cases = [
        ("page[size]=0".to_owned(), None),
        ("page[size]=-1".to_owned(), None),
        ("page[number]=0".to_owned(), None),
        ("page[number]=-1".to_owned(), None),
        ("page[size]=1000000000".to_owned(), Some((4, 4))),
        ("page[number]=1000000000".to_owned(), Some((0, 4))),
        ("page[number]=99999999999999999999".to_owned(), None),
        (format!("search[name]={}", "x".repeat(50_000)), Some((0, 0))),
        ("search[name]=%00".to_owned(), None),
        ("search[name]=%ff".to_owned(), Some((0, 0))),
        ("search[name]=W".to_owned(), Some((3, 3))),
        ("search[wildcard-name]=*1".to_owned(), Some((1, 1))),
        ("search[tags]=blue".to_owned(), Some((1, 1))),
        ("search[exclude-tags]=blue".to_owned(), Some((3, 3))),
        ("search[tags]=%00".to_owned(), None),
        (many[1..].to_owned(), Some((0, 0))),
        ("filter[tagged][0][value]=v".to_owned(), Some((4, 4))),
        ("filter[project][id]=nonsense".to_owned(), Some((0, 0))),
        (format!("filter[current-run][status]={statuses}"), Some((0, 0))),
        ("filter[current-run][status]=planning".to_owned(), Some((1, 1))),
        ("filter[current-run][status]=nonsense".to_owned(), Some((0, 0))),
        ("sort=-name&unknown=1".to_owned(), Some((4, 4))),
        ("sort=nonsense".to_owned(), None),
        ("include=nonsense".to_owned(), None),
    ];
    for (query, expected) in cases {
        let shown: String = query.chars().take(60).collect();
        let answer = owner(&world, "GET", &format!("{WORKSPACES}?{query}"), &Value::Null).await;
        let body = answer.json();
        match expected {
            Some((found, total)) => {
                assert_eq!(answer.status, StatusCode::OK, "{shown}: {body}");
                assert_eq!(body["data"].as_array().unwrap().len(), found, "{shown}");
                assert_eq!(body["meta"]["pagination"]["total-count"], total, "{shown}");
            }
            None => assert!(!answer.status.is_server_error() && body.is_object(), "{shown}: {}", answer.status),
        }
    }
    let first = owner(&world, "GET", &format!("{WORKSPACES}?sort=-name"), &Value::Null).await.json();
    assert_eq!(first["data"][0]["attributes"]["name"], "w2");
}

#[tokio::test]
async fn what_is_wanted_beside_workspaces_comes_once_and_whole() {
    let world = World::new().await;
    let query = "include=organization,project,current_run,current_run.plan,current-run.configuration-version,\
                 current_configuration_version.ingress_attributes,current-state-version,outputs,locked_by,readme,\
                 effective_tag_bindings";
    let bindings = json!({"data":[{"type":"tag-bindings","attributes":{"key":"env","value":"prod"}}]});
    let path = format!("/api/v2/projects/{}/tag-bindings", world.id("projects"));
    world.owner_json("PATCH", &path, &bindings).await;
    make(&world, "second", &json!({})).await;
    let list = world.owner_json("GET", &format!("{WORKSPACES}?{query}"), &Value::Null).await;
    let kinds = |document: &Value| {
        let included = document["included"].as_array().unwrap().clone();
        let mut kinds: Vec<_> = included.iter().map(|one| text(&one["type"])).collect();
        kinds.sort_unstable();
        kinds
    };
    let bound = ["effective-tag-bindings", "effective-tag-bindings"];
    let rest = ["organizations", "plans", "projects", "runs"];
    assert_eq!(kinds(&list), [&["configuration-versions"][..], &bound, &rest].concat());
    let one = world.owner_json("GET", &format!("{WORKSPACES}/app?{query}"), &Value::Null).await;
    assert_eq!(kinds(&one), [&["configuration-versions"][..], &bound[1..], &rest].concat());
    assert_eq!(list["data"][0], one["data"]);
    let inherited = one["included"].as_array().unwrap().iter().find(|one| one["type"] == "effective-tag-bindings");
    assert!(inherited.unwrap()["links"]["inherited-from"].is_string());
}

#[tokio::test]
async fn a_workspace_ends_at_once_or_only_if_nothing_is_lost() {
    let world = World::new().await;
    let app = format!("/api/v2/workspaces/{}", world.id("workspaces"));
    let refused = owner(&world, "POST", &format!("{app}/actions/safe-delete"), &Value::Null).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refusal(&refused).2.contains("locked"));
    let actors = world.actors().await;
    let admin = actors.iter().find(|actor| actor.name == "admin").unwrap();
    let refused = world.send("DELETE", &app, admin.secret.as_deref(), Vec::new()).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    // A run is under way: its token and its job end with it.
    assert_eq!(owner(&world, "DELETE", &app, &Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(owner(&world, "GET", &app, &Value::Null).await.status, StatusCode::NOT_FOUND);
    let run = world.send("GET", "/api/v2/organizations/demo", Some(world.id("run-token")), Vec::new()).await;
    assert_eq!(run.status, StatusCode::UNAUTHORIZED);
    let job = format!("/api/runner/v1/jobs/{}/renew", world.id("jobs"));
    let renewed = world.send("POST", &job, Some(&world.runner), json!({"fence": 1}).to_string().into_bytes()).await;
    assert!(renewed.status.is_client_error(), "{}", renewed.status);
    let tags = world.owner_json("GET", "/api/v2/organizations/demo/tags", &Value::Null).await;
    assert_eq!(tags["data"], json!([]));

    make(&world, "empty", &json!({})).await;
    let safe = format!("{WORKSPACES}/empty/actions/safe-delete");
    assert_eq!(owner(&world, "POST", &safe, &Value::Null).await.status, StatusCode::NO_CONTENT);
    assert_eq!(owner(&world, "POST", &safe, &Value::Null).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_run_reads_the_state_of_workspaces_that_share_it() {
    let world = World::new().await;
    let project = json!({"data":{"attributes":{"name":"elsewhere"}}});
    let project = world.owner_json("POST", "/api/v2/organizations/demo/projects", &project).await;
    let other = json!({"data":{
        "attributes": {"name": "net"},
        "relationships": {"project": {"data": {"type": "projects", "id": project["data"]["id"]}}},
    }});
    let net = text(&world.owner_json("POST", WORKSPACES, &other).await["data"]["id"]);
    let net = format!("/api/v2/workspaces/{net}");
    let sees = async || {
        let by_name = world.send("GET", &format!("{WORKSPACES}/net"), Some(world.id("run-token")), Vec::new()).await;
        let state = format!("{net}/current-state-version-outputs");
        let outputs = world.send("GET", &state, Some(world.id("run-token")), Vec::new()).await;
        let variables = world.send("GET", &format!("{net}/vars"), Some(world.id("run-token")), Vec::new()).await;
        assert_eq!(variables.status, StatusCode::NOT_FOUND);
        (by_name.status.is_success(), outputs.json()["errors"][0].is_null())
    };
    let consumers = format!("{net}/relationships/remote-state-consumers");
    let named = |id: &str| json!({"data":[{"type":"workspaces","id":id}]});
    let app = world.id("workspaces");
    assert!(!sees().await.0);
    let steps = [
        ("POST", consumers.clone(), named(app), true),
        ("DELETE", consumers.clone(), named(app), false),
        ("PATCH", consumers.clone(), named(app), true),
        ("PATCH", consumers.clone(), json!({"data":[]}), false),
        ("PATCH", net.clone(), with_attributes(&json!({"project-remote-state": true})), false),
        ("PATCH", net.clone(), with_attributes(&json!({"global-remote-state": true})), true),
        ("PATCH", net.clone(), with_attributes(&json!({"global-remote-state": false})), false),
    ];
    for (method, path, body, expected) in steps {
        let answer = owner(&world, method, &path, &body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.json());
        assert_eq!(sees().await.0, expected, "{method} {path} {body}");
    }
    let own = text(&world.owner_json("GET", &net, &Value::Null).await["data"]["id"]);
    for body in [named(&own), named("ws-1111111111111111"), named("nonsense")] {
        assert_eq!(refusal(&owner(&world, "POST", &consumers, &body).await).0, 422, "{body}");
    }
    owner(&world, "PATCH", &net, &with_attributes(&json!({"global-remote-state": true}))).await;
    assert_eq!(refusal(&owner(&world, "POST", &consumers, &named(app)).await).0, 422);
    let all = world.owner_json("GET", &consumers, &Value::Null).await;
    assert_eq!(all["data"][0]["attributes"]["name"], "app");
    assert_eq!(all["meta"]["pagination"]["total-count"], 1);
}
