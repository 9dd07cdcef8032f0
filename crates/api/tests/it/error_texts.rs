//! Every text by which the API refuses a person, provoked and written down: read the snapshot as a stranger would, who
//! wants to know what happened, why, and what to do.
//!
//! A few lines are terser than they should be, and stay: clients search them for HCP's words.

mod requests;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::world::{Answer, World, text};
use requests::requests;

/// One refused request.
struct Asked {
    /// What somebody wants to do, and what is wrong with it.
    what: &'static str,
    token: Option<String>,
    method: &'static str,
    path: String,
    body: Vec<u8>,
    /// How often it is sent; the last answer counts.
    times: u8,
}

impl Asked {
    async fn answer(&self, world: &World) -> Answer {
        let mut answer = world.send(self.method, &self.path, self.token.as_deref(), self.body.clone()).await;
        for _ in 1..self.times {
            answer = world.send(self.method, &self.path, self.token.as_deref(), self.body.clone()).await;
        }
        answer
    }
}

/// What the requests are about, beside what every world has.
struct Stage {
    /// A workspace that nobody holds, whose administrator is the member.
    free: String,
    /// One that the member has locked.
    held: String,
    /// One that is locked until someone decides about a lost apply.
    lost: String,
    /// A member without rights but those two workspaces.
    member: String,
    membership: String,
    /// The owner's membership.
    own_membership: String,
    member_team: String,
    owners: String,
    sensitive: String,
    password: String,
}

impl Stage {
    async fn set(world: &World) -> Self {
        let relation = |kind: &str, id: &str| json!({"data":{"type":kind,"id":id}});
        let team = world.make("/api/v2/organizations/demo/teams", &json!({"name":"ours"})).await;
        let (member, membership) = world.join("ada", &[&team]).await;
        let mut workspaces = Vec::new();
        for name in ["free", "held"] {
            let id = world.make("/api/v2/organizations/demo/workspaces", &json!({"name":name})).await;
            let relations = json!({"team": relation("teams", &team), "workspace": relation("workspaces", &id)});
            let access = json!({"data":{"attributes":{"access":"admin"},"relationships":relations}});
            world.owner_json("POST", "/api/v2/team-workspaces", &access).await;
            workspaces.push(id);
        }
        let [free, held] = <[String; 2]>::try_from(workspaces).unwrap();
        let lock = format!("/api/v2/workspaces/{held}/actions/lock");
        assert_eq!(world.status("POST", &lock, &member, &json!({"reason":"Mine"})).await, 200);
        let variable = json!({"key":"SECRET","value":"x","category":"env","sensitive":true});
        let sensitive = world.make(&format!("/api/v2/workspaces/{free}/vars"), &variable).await;
        let teams =
            world.owner_json("GET", "/api/v2/organizations/demo/teams?filter[names]=owners", &Value::Null).await;
        let own = world.owner_json("GET", "/api/v2/organization-memberships", &Value::Null).await;
        let password = terrane_app::bootstrap::dev_password(&world.app, None).await.unwrap().unwrap().password;
        let attributes = json!({"execution-mode":"agent","agent-pool-id":world.id("agent-pools")});
        let used = json!({"data":{"attributes":attributes}});
        world.owner_json("PATCH", &format!("/api/v2/workspaces/{held}"), &used).await;
        world.make(&format!("/api/v2/teams/{team}/authentication-tokens"), &json!({"description":"taken"})).await;
        let lost = world.make("/api/v2/organizations/demo/workspaces", &json!({"name":"lost"})).await;
        world.lose(&lost).await;
        Self {
            free,
            held,
            lost,
            member,
            membership,
            own_membership: text(&own["data"][0]["id"]),
            member_team: team,
            owners: text(&teams["data"][0]["id"]),
            sensitive,
            password: password.reveal().to_owned(),
        }
    }
}

/// The same in every world: ids lose what is of chance in them, and seconds their number.
fn steady(text: &str) -> String {
    let mut steady = String::new();
    for (index, word) in text.split(' ').enumerate() {
        let bare = word.trim_matches(|character: char| !character.is_ascii_alphanumeric());
        let is_id = bare.rsplit_once('-').is_some_and(|(_, suffix)| suffix.len() == 16);
        let end = bare.len().saturating_sub(16);
        let word = match is_id {
            true => word.replace(&bare[end..], "…"),
            false if text.ends_with("try again") && bare.parse::<u64>().is_ok() => "N".to_owned(),
            false => word.to_owned(),
        };
        let _ = write!(steady, "{}{word}", if index == 0 { "" } else { " " });
    }
    steady
}

#[tokio::test]
async fn every_error_says_what_happened_why_and_what_to_do() {
    let world = World::new().await;
    let stage = Stage::set(&world).await;
    let (mut texts, mut let_through) = (String::new(), Vec::new());
    for asked in requests(&world, &stage) {
        let answer = asked.answer(&world).await;
        let document = answer.json();
        let error = &document["errors"][0];
        if !answer.status.is_client_error() || !error.is_object() {
            let_through.push(format!("{}: {} {document}", asked.what, answer.status));
            continue;
        }
        let _ = write!(texts, "{}\n  {} {}: ", asked.what, answer.status.as_u16(), text(&error["title"]));
        let _ = writeln!(texts, "{}", steady(&text(&error["detail"])));
        for (place, mark) in [("pointer", "at"), ("parameter", "in")] {
            if let Some(place) = error["source"][place].as_str() {
                let _ = writeln!(texts, "  {mark} {place}");
            }
        }
    }
    assert!(let_through.is_empty(), "{}", let_through.join("\n"));
    insta::assert_snapshot!(texts);
}
