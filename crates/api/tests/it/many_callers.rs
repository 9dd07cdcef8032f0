//! A hundred people at the same time, each with other rights: every answer is its caller's own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use terrane_domain::access::WorkspaceAccessLevel;
use terrane_domain::ids::{OrganizationId, ProjectId, TeamWorkspaceId, WorkspaceId};
use terrane_domain::team_access::TeamWorkspace;
use terrane_domain::tokens::{Token, TokenKind};
use terrane_store::StoreError;

use crate::actors::{Access, Places, member, token};
use crate::world::{World, text};

const PEOPLE: u128 = 100;
/// Fewer answers show nothing, however slow the machine is.
const ENOUGH: u64 = 400;
const WORKSPACES: u128 = 12;

/// A person and what the person must be shown.
struct Person {
    username: String,
    secret: String,
    visible: BTreeSet<String>,
}

/// Whether a person sees a workspace: as random as it need be, and known.
const fn sees(person: u128, workspace: u128) -> bool {
    (person * 7 + workspace * 13 + person * workspace).is_multiple_of(3)
}

/// Makes the workspaces, the people and their access.
async fn people(world: &World) -> Vec<Person> {
    let mut workspaces = Vec::new();
    for number in 0..WORKSPACES {
        let body = json!({"data":{"attributes":{"name":format!("w{number}")}}});
        let made = world.owner_json("POST", "/api/v2/organizations/demo/workspaces", &body).await;
        workspaces.push(text(&made["data"]["id"]).parse::<WorkspaceId>().unwrap());
    }
    let project: ProjectId = world.id("projects").parse().unwrap();
    let made: Result<Vec<Person>, StoreError> = world
        .store
        .write(move |tx| {
            Box::pin(async move {
                let first = terrane_store::workspaces::by_id(tx, &workspaces[0]).await?.unwrap();
                let organization: OrganizationId = first.organization_id;
                let places = Places { organization, project, workspace: workspaces[0].clone() };
                let mut people = Vec::new();
                for number in 1000..1000 + PEOPLE {
                    let (user_id, team_id) = member(tx, number, &places, &Access::None).await?;
                    let secret = format!("secret-of-person-{number}");
                    let now = tx.now();
                    let token = Token { user_id: Some(user_id), ..token(number, TokenKind::User, now) };
                    terrane_store::tokens::insert(tx, &token, &secret).await?;
                    let mut visible = BTreeSet::new();
                    for (index, workspace_id) in (0..).zip(&workspaces).filter(|(index, _)| sees(number, *index)) {
                        let access = TeamWorkspace {
                            id: TeamWorkspaceId::from_entropy(number * WORKSPACES + index),
                            organization_id: places.organization.clone(),
                            team_id: team_id.clone(),
                            workspace_id: workspace_id.clone(),
                            access: WorkspaceAccessLevel::ALL[usize::try_from(index).unwrap() % 5],
                            custom: None,
                        };
                        terrane_store::team_access::insert_workspace(tx, &access).await?;
                        visible.insert(format!("w{index}"));
                    }
                    people.push(Person { username: format!("person-{number}"), secret, visible });
                }
                Ok(people)
            })
        })
        .await;
    made.unwrap()
}

fn names(list: &Value) -> BTreeSet<String> {
    list["data"].as_array().unwrap().iter().map(|item| text(&item["attributes"]["name"])).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_its_callers_own() {
    let duration = Duration::from_secs(if std::env::var("TERRANE_TEST_LONG").is_ok() { 60 } else { 2 });
    let world = Arc::new(World::new().await);
    let answers = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + duration;
    let tasks: Vec<_> = people(&world)
        .await
        .into_iter()
        .map(|person| {
            let (world, answers) = (world.clone(), answers.clone());
            tokio::spawn(async move {
                while Instant::now() < end || answers.load(Ordering::Relaxed) <= ENOUGH {
                    let account = world.send("GET", "/api/v2/account/details", Some(&person.secret), Vec::new()).await;
                    assert_eq!(account.json()["data"]["attributes"]["username"], person.username.as_str());
                    let path = "/api/v2/organizations/demo/workspaces?page[size]=100";
                    let list = world.send("GET", path, Some(&person.secret), Vec::new()).await.json();
                    assert_eq!(names(&list), person.visible, "{}", person.username);
                    answers.fetch_add(2, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}
