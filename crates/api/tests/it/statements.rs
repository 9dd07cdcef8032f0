//! How many SQL statements a list costs: few, and as many for forty rows as for three.

use serde_json::json;
use terrane_domain::configuration_versions::{ConfigurationVersion, ConfigurationVersionStatus};
use terrane_domain::ids::{
    ConfigurationVersionId, StateVersionId, StateVersionOutputId, WorkspaceId, WorkspaceResourceId,
};
use terrane_domain::state_versions::{StateVersion, StateVersionStatus};
use terrane_domain::workspace_resources::WorkspaceResource;
use terrane_store::StoreError;
use terrane_store::state_versions::NewOutput;

use crate::world::World;

/// Lists with the most statements that each may run; the look for the caller's credential, once a second, is one more.
const LISTS: &[(&str, u64)] = &[
    ("/api/v2/organizations", 2),
    ("/api/v2/organizations?q=more", 2),
    ("/api/v2/organizations/demo/workspaces", 7),
    ("/api/v2/organizations/demo/workspaces?search%5Bname%5D=w", 7),
    ("/api/v2/organizations/demo/workspaces?search%5Btags%5D=blue&sort=-current-run.created-at", 7),
    (
        "/api/v2/organizations/demo/workspaces?include=organization,project,current_run.plan,current_run.configuration_version,current_configuration_version,current_state_version,outputs,locked_by,effective_tag_bindings",
        25,
    ),
    ("/api/v2/organizations/demo/projects", 6),
    ("/api/v2/organizations/demo/projects?include=effective_tag_bindings&filter%5Btagged%5D%5B0%5D%5Bkey%5D=a", 7),
    ("/api/v2/organizations/demo/tags", 4),
    ("/api/v2/workspaces/{workspace}/relationships/tags", 6),
    ("/api/v2/workspaces/{workspace}/effective-tag-bindings", 6),
    ("/api/v2/workspaces/{workspace}/relationships/remote-state-consumers", 10),
    ("/api/v2/organizations/demo/capacity", 3),
    ("/api/v2/organizations/demo/agent-pools", 6),
    ("/api/v2/organizations/demo/agent-pools?filter%5Ballowed_workspaces%5D%5Bname%5D=app", 7),
    ("/api/v2/organizations/demo/agent-pools?filter%5Ballowed_projects%5D%5Bname%5D=projects-1", 7),
    ("/api/v2/organizations/demo/reserved-tag-keys", 4),
    ("/api/v2/organizations/demo/runs/queue", 10),
    ("/api/v2/workspaces/{workspace}/runs", 11),
    (
        "/api/v2/organizations/demo/runs?filter%5Bstatus_group%5D=non_final&include=workspace%2Ccreated_by%2Cconfiguration_version%2Cplan%2Crun_events%2Ccomments",
        19,
    ),
    ("/api/v2/runs/{run}/run-events?include=actor%2Ccomment", 7),
    ("/api/v2/runs/{run}/comments", 6),
    ("/api/v2/runs/{run}?include=plan%2Capply", 10),
    ("/api/v2/workspaces/{workspace}/vars", 4),
    ("/api/v2/workspaces/{workspace}/all-vars", 4),
    ("/api/v2/vars?filter%5Borganization%5D%5Bname%5D=demo&filter%5Bworkspace%5D%5Bname%5D=app", 4),
    ("/api/v2/runs/{run}/run-events", 5),
    ("/api/v2/workspaces/{workspace}/configuration-versions?include=ingress-attributes", 5),
    ("/api/v2/workspaces/{workspace}/resources?q=one", 5),
    ("/api/v2/state-versions?filter%5Borganization%5D%5Bname%5D=demo&filter%5Bworkspace%5D%5Bname%5D=app", 6),
    (
        "/api/v2/state-versions?filter%5Borganization%5D%5Bname%5D=demo&filter%5Bworkspace%5D%5Bname%5D=app&include=outputs,created_by,run.created_by,run.configuration_version",
        20,
    ),
    ("/api/v2/state-versions/{state}/outputs", 5),
    ("/api/v2/workspaces/{workspace}/current-state-version-outputs", 5),
    ("/api/v2/organizations/demo/teams", 5),
    ("/api/v2/organizations/demo/teams?include=users,organization-memberships", 6),
    ("/api/v2/organizations/demo/organization-memberships?include=user,teams", 8),
    ("/api/v2/organization-memberships?include=user,teams", 5),
    ("/api/v2/organizations/demo/team-tokens?sort=created-by", 5),
    ("/api/v2/users/{user}/authentication-tokens", 1),
    ("/api/v2/team-workspaces?filter%5Bworkspace%5D%5Bid%5D={workspace}", 5),
    ("/api/v2/team-projects?filter%5Bproject%5D%5Bid%5D={project}", 5),
];
/// The same for a member of ten teams, in whose standing all of them are added up.
const LISTS_OF_A_MEMBER: &[(&str, u64)] = &[
    ("/api/v2/workspaces/{workspace}", 8),
    ("/api/v2/organizations/demo/workspaces", 9),
    ("/api/v2/organizations/demo/workspaces?search%5Bname%5D=w", 9),
    ("/api/v2/organizations/demo/projects", 7),
    ("/api/v2/organizations/demo/capacity", 4),
    ("/api/v2/organizations/demo/runs/queue", 12),
    ("/api/v2/workspaces/{workspace}/runs", 13),
    ("/api/v2/workspaces/{workspace}/vars", 4),
    ("/api/v2/organizations/demo/teams", 5),
];
const STATE: u128 = 1000;

async fn statements_of(world: &World, token: &str, path: &str) -> u64 {
    let path = path
        .replace("{workspace}", world.id("workspaces"))
        .replace("{run}", &world.run)
        .replace("{user}", world.id("users"))
        .replace("{project}", world.id("projects"))
        .replace("{state}", StateVersionId::from_entropy(STATE).as_str());
    let mut least = u64::MAX;
    // One of two may have had to look for the credential.
    for _ in 0..2 {
        let before = world.store.statements();
        let answer = world.send("GET", &path, Some(token), Vec::new()).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.json());
        least = least.min(world.store.statements() - before);
    }
    least
}

/// Adds a row for each number to whatever the lists show.
async fn add_rows(world: &World, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let organization = json!({"data":{"attributes":{"name":format!("more-{number}"),"email":"a@example.org"}}});
        world.owner_json("POST", "/api/v2/organizations", &organization).await;
        for kind in ["projects", "workspaces"] {
            let document = json!({"data":{"attributes":{"name":format!("{kind}-{number}")}}});
            world.owner_json("POST", &format!("/api/v2/organizations/demo/{kind}"), &document).await;
        }
        let name = format!("more-{number}");
        let workspaces = json!({"data":[{"type":"workspaces","id":world.id("workspaces")}]});
        let relations = json!({"allowed-workspaces":workspaces,"excluded-workspaces":workspaces});
        let pool = json!({"data":{"attributes":{"name":name},"relationships":relations}});
        world.owner_json("POST", "/api/v2/organizations/demo/agent-pools", &pool).await;
        world.make("/api/v2/organizations/demo/reserved-tag-keys", &json!({"key":name})).await;
        let variable = json!({"key":name,"value":"value","category":"terraform"});
        world.make(&format!("/api/v2/workspaces/{}/vars", world.id("workspaces")), &variable).await;
        let run = json!({"data":{
            "attributes":{"variables":[{"key":"a","value":"\"b\""}]},
            "relationships":{"workspace":{"data":{"type":"workspaces","id":world.id("workspaces")}}},
        }});
        world.owner_json("POST", "/api/v2/runs", &run).await;
        add_people(world, number).await;
        add_what_has_no_door(world, number).await.unwrap();
    }
}

/// A team with an invited member, a token, and access to the workspace and the project; and a token of the owner's.
async fn add_people(world: &World, number: u32) {
    let team = json!({"data":{"attributes":{"name":format!("team-{number}")}}});
    let team = world.owner_json("POST", "/api/v2/organizations/demo/teams", &team).await;
    let team = &team["data"]["id"];
    let membership = json!({"data":{
        "attributes":{"email":format!("person-{number}@example.org")},
        "relationships":{"teams":{"data":[{"type":"teams","id":team}]}},
    }});
    world.owner_json("POST", "/api/v2/organizations/demo/organization-memberships", &membership).await;
    for kind in ["workspace", "project"] {
        let access = json!({"data":{"attributes":{"access":"read"},"relationships":{
            "team":{"data":{"type":"teams","id":team}},
            kind:{"data":{"type":kind,"id":world.id(&format!("{kind}s"))}},
        }}});
        world.owner_json("POST", &format!("/api/v2/team-{kind}s"), &access).await;
    }
    let path = format!("/api/v2/teams/{}/authentication-token", team.as_str().unwrap());
    world.owner_json("POST", &path, &serde_json::Value::Null).await;
    let path = format!("/api/v2/users/{}/authentication-tokens", world.id("users"));
    world.owner_json("POST", &path, &serde_json::Value::Null).await;
}

async fn add_what_has_no_door(world: &World, number: u32) -> Result<(), StoreError> {
    let workspace_id: WorkspaceId = world.id("workspaces").parse().unwrap();
    let run_id = world.run.parse().unwrap();
    let entropy = STATE + u128::from(number);
    world
        .store
        .write(move |tx| {
            Box::pin(async move {
                let workspace = terrane_store::workspaces::by_id(tx, &workspace_id).await?.unwrap();
                let organization_id = workspace.organization_id;
                let state = StateVersion {
                    id: StateVersionId::from_entropy(entropy),
                    organization_id: organization_id.clone(),
                    workspace_id: workspace_id.clone(),
                    run_id: Some(run_id),
                    created_by: None,
                    status: StateVersionStatus::Finalized,
                    serial: number.into(),
                    lineage: String::new(),
                    md5: String::new(),
                    size: 0,
                    terraform_version: None,
                    blob: None,
                    json_blob: None,
                    resources: json!([]),
                    resources_processed: true,
                    rollback_of: None,
                    created_at: tx.now(),
                };
                terrane_store::state_versions::insert(tx, &state).await?;
                // All outputs of all rows are the first state's.
                let output = NewOutput {
                    id: StateVersionOutputId::from_entropy(entropy),
                    state_version_id: &StateVersionId::from_entropy(STATE),
                    name: &format!("output-{number}"),
                    sensitive: false,
                    detailed_type: &json!("string"),
                    value: "\"value\"",
                };
                terrane_store::state_versions::insert_output(tx, &organization_id, output).await?;
                let resource = WorkspaceResource {
                    id: WorkspaceResourceId::from_entropy(entropy),
                    organization_id: organization_id.clone(),
                    workspace_id: workspace_id.clone(),
                    address: format!("null_resource.one[{number}]"),
                    module: "root".to_owned(),
                    name: "one".to_owned(),
                    provider: "hashicorp/null".to_owned(),
                    provider_type: "null_resource".to_owned(),
                    name_index: Some(number.to_string()),
                    fingerprint: 0,
                    modified_by_state_version_id: state.id.clone(),
                    created_at: tx.now(),
                    updated_at: tx.now(),
                };
                terrane_store::workspace_resources::insert(tx, &resource).await?;
                let configuration = ConfigurationVersion {
                    id: ConfigurationVersionId::from_entropy(entropy),
                    organization_id,
                    workspace_id,
                    status: ConfigurationVersionStatus::Pending,
                    status_timestamps: json!({}),
                    source: "tfe-api".to_owned(),
                    auto_queue_runs: false,
                    speculative: false,
                    provisional: true,
                    error_message: None,
                    blob: None,
                    created_at: tx.now(),
                };
                terrane_store::configuration_versions::insert(tx, &configuration).await
            })
        })
        .await
}

/// A member of ten teams, each with access to all the workspaces that there are by then, and to their project.
async fn member_of_ten_teams(world: &World) -> String {
    let mut teams = Vec::new();
    for number in 0..10 {
        teams.push(world.make("/api/v2/organizations/demo/teams", &json!({"name":format!("tenth-{number}")})).await);
    }
    let ids: Vec<&str> = teams.iter().map(String::as_str).collect();
    world.join("member", &ids).await.0
}

/// Gives each team of ten another access to each workspace and each project.
async fn give_access(world: &World) {
    let ids = async |kind: &str, of: &str| -> Vec<String> {
        let path = format!("/api/v2/organizations/demo/{kind}?page%5Bsize%5D=100&{of}");
        let list = world.owner_json("GET", &path, &serde_json::Value::Null).await;
        list["data"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let teams = ids("teams", "q=tenth-").await;
    assert_eq!(teams.len(), 10);
    for kind in ["workspace", "project"] {
        for (id, (team, level)) in
            ids(&format!("{kind}s"), "").await.iter().zip(teams.iter().zip(["read", "write"].iter().cycle()).cycle())
        {
            let access = json!({"data":{"attributes":{"access":level},"relationships":{
                "team":{"data":{"type":"teams","id":team}},
                kind:{"data":{"type":format!("{kind}s"),"id":id}},
            }}});
            let path = format!("/api/v2/team-{kind}s");
            // What was given after fewer rows stays.
            world.send("POST", &path, Some(&world.owner), access.to_string().into_bytes()).await;
        }
    }
}

/// The counts of all, each of which must be small enough.
async fn counts(world: &World, token: &str, lists: &[(&str, u64)]) -> Vec<u64> {
    let mut counts = Vec::new();
    for (path, most) in lists {
        let count = statements_of(world, token, path).await;
        assert!(count <= *most, "{path}: {count} statements, not {most}");
        counts.push(count);
    }
    counts
}

#[tokio::test]
async fn a_list_costs_few_statements_however_many_rows_it_has() {
    let world = World::new().await;
    add_rows(&world, 0..3).await;
    let member = member_of_ten_teams(&world).await;
    give_access(&world).await;
    let few = counts(&world, &world.owner, LISTS).await;
    let few_of_member = counts(&world, &member, LISTS_OF_A_MEMBER).await;
    add_rows(&world, 3..40).await;
    give_access(&world).await;
    for (token, lists, few) in [(&world.owner, LISTS, few), (&member, LISTS_OF_A_MEMBER, few_of_member)] {
        for ((path, _), few) in lists.iter().zip(few) {
            assert_eq!(statements_of(&world, token, path).await, few, "{path}: forty rows cost otherwise than three");
        }
    }
}
