//! The requests, by what they are about.

use serde_json::{Value, json};

use super::{Asked, Stage};
use crate::world::World;

/// Collects requests of the organization's owner.
struct Requests<'a> {
    world: &'a World,
    all: Vec<Asked>,
}

impl Requests<'_> {
    fn raw(&mut self, what: &'static str, method: &'static str, path: &str, body: &[u8]) -> &mut Asked {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/api/v2/{path}") };
        let token = Some(self.world.owner.clone());
        self.all.push(Asked { what, token, method, path, body: body.to_vec(), times: 1 });
        self.all.last_mut().unwrap()
    }

    fn get(&mut self, what: &'static str, path: &str) -> &mut Asked {
        self.raw(what, "GET", path, b"")
    }

    fn send(&mut self, what: &'static str, method: &'static str, path: &str, body: &Value) -> &mut Asked {
        self.raw(what, method, path, body.to_string().as_bytes())
    }

    fn post(&mut self, what: &'static str, path: &str, attributes: Value) -> &mut Asked {
        self.send(what, "POST", path, &with(attributes))
    }

    fn patch(&mut self, what: &'static str, path: &str, attributes: Value) -> &mut Asked {
        self.send(what, "PATCH", path, &with(attributes))
    }
}

fn with(attributes: Value) -> Value {
    let mut document = json!({"data":{}});
    document["data"]["attributes"] = attributes;
    document
}

fn one(kind: &str, id: &str) -> Value {
    json!({"data":{"type":kind,"id":id}})
}

fn many(kind: &str, ids: &[&str]) -> Value {
    json!({"data": ids.iter().map(|id| json!({"type":kind,"id":id})).collect::<Vec<_>>()})
}

pub(super) fn requests(world: &World, stage: &Stage) -> Vec<Asked> {
    let mut all = Requests { world, all: Vec::new() };
    of_any_kind(&mut all);
    accounts(&mut all, stage);
    organizations(&mut all);
    memberships(&mut all, stage);
    teams(&mut all, stage);
    team_access(&mut all, stage);
    tokens(&mut all, stage);
    agent_pools(&mut all);
    projects(&mut all, stage);
    workspaces(&mut all, stage);
    locks(&mut all, stage);
    long_texts(&mut all, stage);
    variables(&mut all, stage);
    tags(&mut all, stage);
    all.all
}

fn long_texts(all: &mut Requests<'_>, stage: &Stage) {
    let (long, workspace) = ("x".repeat(20_000), format!("workspaces/{}", stage.free));
    for (what, attribute) in [
        ("describe a workspace at too great length", "description"),
        ("name a working directory that is too long", "working-directory"),
    ] {
        all.patch(what, &workspace, json!({ attribute: long }));
    }
    all.patch("name a trigger pattern that is too long", &workspace, json!({"trigger-patterns": [long]}));
    all.patch("name too many trigger prefixes", &workspace, json!({"trigger-prefixes": vec!["a"; 300]}));
    let workspaces = "organizations/demo/workspaces";
    all.post("make a workspace from a long name", workspaces, json!({"name": "made", "source-name": long}));
    let address = format!("https://{long}");
    all.post("make a workspace from a long address", workspaces, json!({"name": "made", "source-url": address}));
    let lock = format!("{workspace}/actions/lock");
    all.send("lock a workspace for a long reason", "POST", &lock, &json!({ "reason": long }));
    let run = json!({"data":{
        "attributes":{"message":long},
        "relationships":{"workspace":one("workspaces", all.world.id("workspaces"))},
    }});
    all.send("queue a run with a long message", "POST", "runs", &run);
}

fn of_any_kind(all: &mut Requests<'_>) {
    let workspace = format!("workspaces/{}", all.world.id("workspaces"));
    let wrong = |asked: &mut Asked, token| asked.token = token;
    wrong(all.get("read without a token", "account/details"), None);
    wrong(all.get("read with a token that is wrong, expired or revoked", "account/details"), Some("wrong".to_owned()));
    let outsider = all.world.outsider.clone();
    wrong(all.get("read what is not there, or not for this token", "organizations/demo"), Some(outsider));
    all.get("read an address that does not exist", "nowhere");
    all.raw("use a method that the address does not take", "PUT", &workspace, b"");
    all.raw("send what is no JSON", "PATCH", &workspace, b"{");
    all.raw("send a list where an object belongs", "PATCH", &workspace, b"[]");
    all.raw("send data that is no object", "PATCH", &workspace, br#"{"data":[]}"#);
    all.raw("send attributes that are no object", "PATCH", &workspace, br#"{"data":{"attributes":1}}"#);
    all.raw("send relations that are no object", "PATCH", &workspace, br#"{"data":{"relationships":{"project":1}}}"#);
    all.raw(
        "send a reference that is none",
        "PATCH",
        &workspace,
        br#"{"data":{"relationships":{"project":{"data":1}}}}"#,
    );
    let deep = format!(r#"{{"data":{}{}}}"#, "[".repeat(100), "]".repeat(100));
    all.raw("send a body that is nested too deep", "PATCH", &workspace, deep.as_bytes());
    all.raw("send a body that is too large", "PATCH", &workspace, &vec![b' '; 2_000_000]);
    all.patch("send a NUL", &workspace, json!({"description":"a\0"}));
    all.patch("send a number for a text", &workspace, json!({"name":7}));
    all.patch("send a text for a flag", &workspace, json!({"auto-apply":"yes"}));
    all.patch("send a text for a moment", &workspace, json!({"auto-destroy-at":"tomorrow"}));
    all.patch("send a text for a list", &workspace, json!({"trigger-patterns":"a"}));
    all.get("look for a NUL", "organizations/demo/workspaces?search[name]=%00");
    all.get("list a page of nothing", "organizations/demo/workspaces?page[size]=0");
    all.get("list a page that is no number", "organizations/demo/workspaces?page[number]=two");
    all.get("include what is unknown", "organizations/demo/workspaces?include=nonsense");
    all.get("sort workspaces by what is unknown", "organizations/demo/workspaces?sort=nonsense");
    all.get("sort projects by what is unknown", "organizations/demo/projects?sort=nonsense");
    all.get("sort agent pools by what is unknown", "organizations/demo/agent-pools?sort=nonsense");
    all.get("sort team tokens by what is unknown", "organizations/demo/team-tokens?sort=nonsense");
    all.get("filter by a flag that is none", "organizations/demo/projects?filter[permissions][update]=maybe");
    all.get("filter memberships by what is unknown", "organizations/demo/organization-memberships?filter[status]=gone");
    all.get("list access to workspaces of none", "team-workspaces");
    all.get("list access to projects of none", "team-projects");
    all.get("list variables of no workspace", "vars");
}

fn accounts(all: &mut Requests<'_>, stage: &Stage) {
    let change = |current: &str, new: &str, again: &str| json!({"current_password":current,"password":new,"password_confirmation":again});
    all.patch("take a name with a blank", "account/update", json!({"username":"a b"}));
    let outsider = all.world.outsider.clone();
    all.patch("take another's name", "account/update", json!({"username":"admin"})).token = Some(outsider);
    all.patch("take an address that is none", "account/update", json!({"email":"nobody"}));
    all.patch("change the password without a word", "account/password", json!({}));
    all.patch("confirm another password", "account/password", change(&stage.password, "a new password", "another"));
    all.patch("take a short password", "account/password", change(&stage.password, "short", "short"));
    let long = "a".repeat(2000);
    all.patch("take a long password", "account/password", change(&stage.password, &long, &long));
    let guess = change("a guess", "a new password", "a new password");
    all.patch("guess the password", "account/password", guess.clone());
    all.patch("guess the password again and again", "account/password", guess).times = 9;
}

fn organizations(all: &mut Requests<'_>) {
    let (path, demo) = ("organizations", "organizations/demo");
    all.post("make an organization without a name", path, json!({"email":"a@example.org"}));
    all.post("make an organization without an address", path, json!({"name":"new"}));
    all.post("make an organization of a name that is none", path, json!({"name":"a b","email":"a@example.org"}));
    all.post("make an organization of a name that is taken", path, json!({"name":"demo","email":"a@example.org"}));
    all.post(
        "make an organization of a name that is reserved",
        path,
        json!({"name":"settings","email":"a@example.org"}),
    );
    all.patch("give an organization an address that is none", demo, json!({"email":"nobody"}));
    all.patch("let sessions last for no time", demo, json!({"session-timeout":0}));
    all.patch("let sessions be remembered for ever", demo, json!({"session-remember":i64::MAX}));
    all.patch("set a policy that is unknown", demo, json!({"collaborator-auth-policy":"none"}));
    all.patch("set a mode that is unknown", demo, json!({"default-execution-mode":"nowhere"}));
    all.patch("set the mode of agents without a pool", demo, json!({"default-execution-mode":"agent"}));
    all.patch("set a pool without the mode", demo, json!({"default-agent-pool-id":all.world.id("agent-pools")}));
    let unknown = json!({"default-execution-mode":"agent","default-agent-pool-id":"apool-1111111111111111"});
    all.patch("set a pool that is unknown", demo, unknown);
    let flag = json!({"send-passing-statuses-for-untriggered-speculative-plans":true});
    all.patch("set flags that exclude each other", demo, flag);
    let subscription = "admin/organizations/demo/subscription";
    all.post("subscribe to nothing", subscription, json!({}));
    let other = json!({"data":{"relationships":{"feature-set":one("feature-sets", "fs-1")}}});
    all.send("subscribe to what is unknown", "POST", subscription, &other);
}

fn memberships(all: &mut Requests<'_>, stage: &Stage) {
    let path = "organizations/demo/organization-memberships";
    all.post("invite nobody", path, json!({}));
    all.post("invite an address that is none", path, json!({"email":"nobody"}));
    all.post("invite a member", path, json!({"email":"ada@example.org"}));
    let teams = many("teams", &["team-1111111111111111"]);
    let unknown = json!({"data":{"attributes":{"email":"new@example.org"},"relationships":{"teams":teams}}});
    all.send("invite to a team that is not there", "POST", path, &unknown);
    all.post("invite as a member without the right", path, json!({"email":"x@example.org"})).token =
        Some(stage.member.clone());
    all.raw(
        "remove oneself from what one owns",
        "DELETE",
        &format!("organization-memberships/{}", stage.own_membership),
        b"",
    );
    all.raw("remove oneself as a member", "DELETE", &format!("organization-memberships/{}", stage.membership), b"")
        .token = Some(stage.member.clone());
}

fn teams(all: &mut Requests<'_>, stage: &Stage) {
    let path = "organizations/demo/teams";
    let (ours, owners) = (format!("teams/{}", stage.member_team), format!("teams/{}", stage.owners));
    all.post("make a team without a name", path, json!({}));
    all.post("make a team of a name that is none", path, json!({"name":"a\tb"}));
    all.post("make a team of a name that is taken", path, json!({"name":"readers"}));
    all.patch("let a team be seen by a word that is unknown", &ours, json!({"visibility":"nobody"}));
    all.patch("give a team a long id of the sign-on", &ours, json!({"sso-team-id":"a".repeat(300)}));
    let rights = json!({"organization-access":{"manage-projects":true,"manage-workspaces":false}});
    all.patch("give a right without what it needs", &ours, rights);
    all.patch("give a right that is no flag", &ours, json!({"organization-access":{"manage-projects":"yes"}}));
    all.patch("rename the owners", &owners, json!({"name":"others"}));
    all.patch("show the owners", &owners, json!({"visibility":"organization"}));
    all.patch("take a right from the owners", &owners, json!({"organization-access":{"manage-teams":false}}));
    all.raw("delete the owners", "DELETE", &owners, b"");
    let users = |team: &str| format!("teams/{team}/relationships/users");
    all.send("put a stranger into a team", "POST", &users(&stage.member_team), &many("users", &["stranger"]));
    let memberships = format!("teams/{}/relationships/organization-memberships", stage.member_team);
    all.send("put what is no membership into a team", "POST", &memberships, &many("organization-memberships", &["x"]));
    all.send("take the last owner out", "DELETE", &users(&stage.owners), &many("users", &["admin"]));
}

fn team_access(all: &mut Requests<'_>, stage: &Stage) {
    let (team, project) = (one("teams", &stage.member_team), one("projects", all.world.id("projects")));
    let workspace = one("workspaces", &stage.free);
    let document =
        |attributes: Value, relations: Value| json!({"data":{"attributes":attributes,"relationships":relations}});
    let both = json!({"team":team,"workspace":workspace});
    let path = "team-workspaces";
    all.send("give access without a word", "POST", path, &document(json!({}), json!({"team":team})));
    all.send(
        "give access to no team",
        "POST",
        path,
        &document(json!({"access":"read"}), json!({"workspace":workspace})),
    );
    all.send("give access of no kind", "POST", path, &document(json!({}), both.clone()));
    all.send("give access of a kind that is unknown", "POST", path, &document(json!({"access":"all"}), both.clone()));
    all.send("give access twice", "POST", path, &document(json!({"access":"read"}), both.clone()));
    let fixed = json!({"access":"read","runs":"apply"});
    let readers = json!({"team":one("teams", all.world.id("teams")),"workspace":workspace});
    all.send("change a right of a fixed set", "POST", path, &document(fixed, readers));
    let path = "team-projects";
    let both = json!({"team":team,"project":project});
    all.send("give access of no kind to a project", "POST", path, &document(json!({}), both.clone()));
    let fixed = json!({"access":"read","project-access":{"settings":"update"}});
    all.send("change a right of a project's fixed set", "POST", path, &document(fixed, both));
    let again = json!({"team":one("teams", all.world.id("teams")),"project":project});
    all.send("give access to a project twice", "POST", path, &document(json!({"access":"read"}), again));
}

fn tokens(all: &mut Requests<'_>, stage: &Stage) {
    let path = format!("users/{}/authentication-tokens", all.world.id("users"));
    all.post("describe a token at length", &path, json!({"description":"a".repeat(300)}));
    all.post("make a token that has ended", &path, json!({"expired-at":"2001-01-01T00:00:00Z"}));
    all.post("make a token that ends at no moment", &path, json!({"expired-at":"some day"}));
    let path = format!("teams/{}/authentication-tokens", stage.member_team);
    all.post("describe two tokens of a team alike", &path, json!({"description":"taken"}));
    all.get("read a token of an organization that is of no kind", "organizations/demo/authentication-token?token=x");
    all.get("read a token that was never made", "organizations/demo/authentication-token");
}

fn agent_pools(all: &mut Requests<'_>) {
    let path = "organizations/demo/agent-pools";
    let pool = format!("agent-pools/{}", all.world.id("agent-pools"));
    all.post("make a pool without a name", path, json!({}));
    all.post("make a pool of a name that is none", path, json!({"name":"a b"}));
    all.post("make a pool of a name that is taken", path, json!({"name":"pool"}));
    let allowed = |id: &str| json!({"data":{"relationships":{"allowed-workspaces":many("workspaces", &[id])}}});
    all.send("give a pool to what is no workspace", "PATCH", &pool, &allowed("nothing"));
    all.send("give a pool to a workspace that is not there", "PATCH", &pool, &allowed("ws-1111111111111111"));
    all.raw("delete a pool that is in use", "DELETE", &pool, b"");
}

fn projects(all: &mut Requests<'_>, stage: &Stage) {
    let path = "organizations/demo/projects";
    let default = format!("projects/{}", all.world.id("projects"));
    all.post("make a project without a name", path, json!({}));
    all.post("make a project of a name that is none", path, json!({"name":"a"}));
    all.post("make a project of a name that is taken", path, json!({"name":"Default Project"}));
    all.patch("describe a project at length", &default, json!({"description":"a".repeat(300)}));
    all.patch("let workspaces end after no time", &default, json!({"auto-destroy-activity-duration":"soon"}));
    let mode = json!({"setting-overwrites":{"default-execution-mode":true,"default-agent-pool":false}});
    all.patch("overwrite half of a setting", &default, mode);
    all.patch("overwrite a setting by no flag", &default, json!({"setting-overwrites":{"default-execution-mode":1}}));
    all.patch(
        "overwrite the mode and name none",
        &default,
        json!({"setting-overwrites":{"default-execution-mode":true}}),
    );
    all.raw("delete the default project", "DELETE", &default, b"");
    all.raw("delete a project as a member", "DELETE", &default, b"").token = Some(stage.member.clone());
    let moved = format!("{default}/relationships/workspaces");
    all.send("move no workspace", "POST", &moved, &json!({"data":[]}));
    all.send("move a workspace that is not there", "POST", &moved, &many("workspaces", &["ws-1111111111111111"]));
    let member = Some(stage.member.clone());
    all.send("move a workspace as a member", "POST", &moved, &many("workspaces", &[&stage.free])).token = member;
    all.send("name 1,001 things", "POST", &moved, &many("workspaces", &["x"; 1001]));
}

fn workspaces(all: &mut Requests<'_>, stage: &Stage) {
    let (path, free) = ("organizations/demo/workspaces", format!("workspaces/{}", stage.free));
    all.post("make a workspace without a name", path, json!({}));
    all.post("make a workspace of a name that is none", path, json!({"name":"a b"}));
    all.post("make a workspace of a name that is taken", path, json!({"name":"app"}));
    all.post("make a workspace from nowhere", path, json!({"name":"x","source-url":"javascript:alert(1)"}));
    all.patch("take a version that is none", &free, json!({"terraform-version":"newest"}));
    all.patch("work outside of the configuration", &free, json!({"working-directory":"../other"}));
    all.patch("set two kinds of triggers", &free, json!({"trigger-prefixes":["a"],"trigger-patterns":["b"]}));
    all.patch("let a workspace end after no time", &free, json!({"auto-destroy-activity-duration":"soon"}));
    all.patch("run in a mode that is unknown", &free, json!({"execution-mode":"nowhere"}));
    all.patch("run by agents of no pool", &free, json!({"execution-mode":"agent"}));
    all.patch("run by a pool without agents", &free, json!({"agent-pool-id":all.world.id("agent-pools")}));
    let unknown = json!({"execution-mode":"agent","agent-pool-id":"apool-1111111111111111"});
    all.patch("run by a pool that is unknown", &free, unknown);
    all.patch("say the mode twice", &free, json!({"execution-mode":"remote","operations":true}));
    all.patch("connect a repository", &free, json!({"vcs-repo":{"identifier":"a/b"}}));
    let project = |id: &str| json!({"data":{"relationships":{"project":one("projects", id)}}});
    all.send("move into what is no project", "PATCH", &free, &project("nothing"));
    all.send("move into a project that is not there", "PATCH", &free, &project("prj-1111111111111111"));
    let app = format!("workspaces/{}", all.world.id("workspaces"));
    all.raw("delete a workspace with care that is locked", "POST", &format!("{app}/actions/safe-delete"), b"");
    all.raw("delete a locked workspace as its administrator", "DELETE", &format!("workspaces/{}", stage.held), b"")
        .token = Some(stage.member.clone());
    let consumers = format!("{free}/relationships/remote-state-consumers");
    all.send(
        "share the state with what is not there",
        "POST",
        &consumers,
        &many("workspaces", &["ws-1111111111111111"]),
    );
}

fn locks(all: &mut Requests<'_>, stage: &Stage) {
    let act = |id: &str, action: &str| format!("workspaces/{id}/actions/{action}");
    let app = all.world.id("workspaces").to_owned();
    all.raw("lock what is locked", "POST", &act(&stage.held, "lock"), b"");
    all.send("lock for a reason that is no text", "POST", &act(&stage.free, "lock"), &json!({"reason":7}));
    all.raw("lock what a run holds", "POST", &act(&app, "lock"), b"");
    all.raw("lock what waits for a decision", "POST", &act(&stage.lost, "lock"), b"");
    all.raw("unlock what waits for a decision", "POST", &act(&stage.lost, "unlock"), b"");
    let run = format!("runs/{}/actions", all.world.id("runs"));
    all.raw("adopt a state that was discarded", "POST", &format!("{run}/adopt-state"), b"");
    all.raw("discard a state twice", "POST", &format!("{run}/discard-state"), b"");
    all.raw("unlock what is unlocked", "POST", &act(&stage.free, "unlock"), b"");
    all.raw("unlock what another holds", "POST", &act(&stage.held, "unlock"), b"");
    all.raw("unlock what a run holds", "POST", &act(&app, "unlock"), b"");
    all.raw("take away a lock that is none", "POST", &act(&stage.free, "force-unlock"), b"");
    all.raw("take away the lock of a run", "POST", &act(&app, "force-unlock"), b"");
}

fn variables(all: &mut Requests<'_>, stage: &Stage) {
    let path = format!("workspaces/{}/vars", stage.free);
    let variable = |key: &str, category: &str| json!({"key":key,"category":category});
    all.post("make a variable without a key", &path, json!({"category":"env"}));
    all.post("make a variable of no category", &path, json!({"key":"a"}));
    all.post("make a variable of a category that is unknown", &path, variable("a", "other"));
    all.post("make a variable of a key that is taken", &path, variable("SECRET", "env"));
    all.post("make a variable of a long key", &path, variable(&"a".repeat(300), "env"));
    all.post("make an environment's variable of a key that is none", &path, variable("a b", "env"));
    all.post("make terraform's variable of a key that is none", &path, variable("a.b", "terraform"));
    all.post(
        "make a variable of a large value",
        &path,
        json!({"key":"a","category":"env","value":"a".repeat(300_000)}),
    );
    all.post("describe a variable at length", &path, json!({"key":"a","category":"env","description":"a".repeat(600)}));
    let sensitive = format!("{path}/{}", stage.sensitive);
    all.patch("show what was sensitive", &sensitive, json!({"sensitive":false}));
    all.patch("turn a sensitive variable into another kind", &sensitive, json!({"category":"terraform"}));
    all.patch("rename a sensitive variable", &sensitive, json!({"key":"OTHER"}));
    all.post("make a variable of no workspace", "vars", json!({"key":"a","category":"env"}));
}

fn tags(all: &mut Requests<'_>, stage: &Stage) {
    let free = format!("workspaces/{}", stage.free);
    let (words, bound) = (format!("{free}/relationships/tags"), format!("{free}/tag-bindings"));
    let word = |name: &str| json!({"data":[{"type":"tags","attributes":{"name":name}}]});
    let pairs = |pairs: &[(&str, &str)]| {
        let binding =
            |(key, value): &(&str, &str)| json!({"type":"tag-bindings","attributes":{"key":key,"value":value}});
        json!({"data": pairs.iter().map(binding).collect::<Vec<_>>()})
    };
    all.send("add no tag", "POST", &words, &json!({"data":[]}));
    all.send("add a tag that is none", "POST", &words, &word("a b/c"));
    all.send("add a tag of an id that is unknown", "POST", &words, &many("tags", &["tag-1111111111111111"]));
    all.send("add a reference without an id", "POST", &words, &json!({"data":[{"type":"tags"}]}));
    let tag = format!("tags/{}/relationships/workspaces", all.world.id("tags"));
    all.send("give a tag to no workspace", "POST", &tag, &json!({"data":[]}));
    all.send("give a tag to what is not there", "POST", &tag, &many("workspaces", &["ws-1111111111111111"]));
    all.send("bind a key that is none", "PATCH", &bound, &pairs(&[("a b?", "c")]));
    all.send("bind a key of HCP", "PATCH", &bound, &pairs(&[("hcp:a", "c")]));
    all.send("bind a value that is none", "PATCH", &bound, &pairs(&[("a", "b?/\n")]));
    all.send("bind a key twice", "PATCH", &bound, &pairs(&[("a", "b"), ("a", "c")]));
    let eleven = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"].map(|key| (key, "v"));
    all.send("bind eleven keys", "PATCH", &bound, &pairs(&eleven));
    let path = "organizations/demo/reserved-tag-keys";
    all.post("reserve no key", path, json!({}));
    all.post("reserve a key that is none", path, json!({"key":"a b?"}));
    all.post("reserve a key twice", path, json!({"key":"environment"}));
}
