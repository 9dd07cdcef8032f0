//! The pages of an organization and of its workspaces: what they show, to whom, and what their forms do.

use axum::http::StatusCode;
use terrane_app::organization_memberships;
use terrane_app::projects::{self, ProjectSettings};
use terrane_app::tags::{self, TagReference};
use terrane_app::team_access::{self, WorkspaceSettings as AccessSettings};
use terrane_app::teams::{self, TeamFilter, TeamSettings};
use terrane_app::workspaces::{self, WorkspaceFilter, WorkspaceKey, WorkspaceSettings};
use terrane_domain::access::{OrganizationPermission, WorkspaceAccessLevel};
use terrane_domain::execution::ExecutionMode;

use crate::browser::Browser;
use crate::world::World;

const APP: &str = "/app/demo/workspaces/app";

pub(crate) async fn with_workspaces(names: &[&str]) -> (World, Browser) {
    let world = World::new().await;
    let owner = world.owner().await;
    for name in names {
        let settings = WorkspaceSettings { name: Some((*name).to_owned()), ..WorkspaceSettings::default() };
        workspaces::create(&world.app, &owner, "demo", settings).await.unwrap();
    }
    let browser = world.signed_in().await;
    (world, browser)
}

/// A member of `demo`, in a team with this right or in none.
pub(crate) async fn member(world: &World, right: Option<OrganizationPermission>) -> Browser {
    let owner = world.owner().await;
    let mut team_ids = Vec::new();
    if let Some(right) = right {
        let settings = TeamSettings {
            name: Some("readers".to_owned()),
            organization_access: vec![(right, true)],
            ..TeamSettings::default()
        };
        team_ids.push(teams::create(&world.app, &owner, "demo", settings).await.unwrap().team.id);
    }
    let email = "ada@example.com".to_owned();
    let made = organization_memberships::create(&world.app, &owner, "demo", email, team_ids).await.unwrap();
    let link = made.invitation_url.unwrap().replace(world.app.public_url(), "");
    let mut browser = world.browser();
    browser.get(&link).await;
    let answer = browser.submit(&link, &[("username", "ada"), ("password", "correct horse")]).await;
    assert_eq!(answer.location(), "/app");
    browser
}

/// A member whose team has this access to a workspace, and nothing else anywhere.
pub(crate) async fn member_at(world: &World, workspace: &str, settings: AccessSettings) -> Browser {
    let browser = member(world, Some(OrganizationPermission::ManageVcsSettings)).await;
    let (app, owner) = (&world.app, world.owner().await);
    let found = teams::list(app, &owner, "demo", TeamFilter::default(), false, (9, 0)).await.unwrap().0;
    let team = found.into_iter().find(|view| view.team.name == "readers").unwrap().team.id;
    let id = world.workspace(workspace).await.workspace.id;
    team_access::create_for_workspace(app, &owner, id, team, settings).await.unwrap();
    browser
}

/// A fixed set of rights in a workspace.
pub(crate) fn level(access: WorkspaceAccessLevel) -> AccessSettings {
    AccessSettings { access: Some(access), ..AccessSettings::default() }
}

/// The page after the form, which must have worked.
pub(crate) async fn done(browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> String {
    let answer = browser.submit(path, fields).await;
    let next = answer.location().to_owned();
    browser.get(&next).await.body
}

#[tokio::test]
async fn the_list_is_searched_and_goes_on_in_pages() {
    let names: Vec<String> = (0..30).map(|number| format!("web-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).chain(["database"]).collect();
    let (world, mut browser) = with_workspaces(&names).await;
    let total = workspaces::list(&world.app, &world.owner().await, "demo", WorkspaceFilter::default(), 1, 0).await;
    let total = total.unwrap().1;
    for (query, shown, hidden) in [
        ("", format!("1–25 of {total}"), "Previous"),
        ("?page=2", format!("26–{total} of {total}"), "Next"),
        ("?search=WEB&page=2", "26–30 of 30".to_owned(), "database"),
        ("?search=web", "?search=web&amp;page=2".to_owned(), "database"),
        ("?search=data", "1–1 of 1".to_owned(), "web-00"),
        ("?page=9", "ends before this page".to_owned(), "Next"),
        ("?search=none%00", "“none”".to_owned(), "web-00"),
        ("?search=%3Cb%3E", "&lt;b&gt;".to_owned(), "<b>"),
    ] {
        let answer = browser.get(&format!("/app/demo/workspaces{query}")).await;
        assert_eq!(answer.status, StatusCode::OK, "{query}");
        assert!(answer.body.contains(&shown) && !answer.body.contains(hidden), "{query}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_list_is_narrowed_by_what_stands_in_the_address() {
    let (world, mut browser) = with_workspaces(&["app", "database", "network"]).await;
    let owner = world.owner().await;
    world.planned_run("busy").await;
    let settings = ProjectSettings { name: Some("Core".to_owned()), ..ProjectSettings::default() };
    let core = projects::create(&world.app, &owner, "demo", settings).await.unwrap().project.id;
    for (name, project_id, binding) in [("network", Some(core), None), ("database", None, Some(("env", "prod")))] {
        let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: name.to_owned() };
        let bindings = binding.map(|(key, value): (&str, &str)| vec![(key.to_owned(), value.to_owned())]);
        let settings = WorkspaceSettings { project_id, tag_bindings: bindings, ..WorkspaceSettings::default() };
        workspaces::update(&world.app, &owner, key, settings).await.unwrap();
    }
    let tagged = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: "app".to_owned() };
    tags::add(&world.app, &owner, tagged, vec![TagReference::Name("blue".to_owned())]).await.unwrap();
    for (query, expected) in [
        ("status=waiting", &["busy"][..]),
        ("status=errored", &[]),
        ("locked=true", &["busy"]),
        ("locked=false&search=a", &["app", "database"]),
        ("project=core", &["network"]),
        ("project=none", &[]),
        ("tag=blue", &["app"]),
        ("tag=env%3Dprod", &["database"]),
        ("tag=env%3Ddev", &[]),
        ("tag=blue&locked=true", &[]),
        ("status=nonsense&locked=nonsense&search=data", &["database"]),
    ] {
        let body = browser.get(&format!("/app/demo/workspaces?{query}")).await.body;
        let mut found: Vec<_> = body.split("class=\"grow\" href=\"/app/demo/workspaces/").skip(1).collect();
        for rest in &mut found {
            *rest = rest.split('"').next().unwrap();
        }
        found.sort_unstable();
        assert_eq!(found, expected, "{query}");
        assert!(
            body.contains("Show all") && body.contains(">blue</option>") | body.contains("value=\"blue\""),
            "{query}"
        );
    }
    let body = browser.get("/app/demo/workspaces?status=waiting&project=core").await.body;
    assert!(body.contains("value=\"waiting\" selected") && body.contains("value=\"Core\" selected"), "{body}");
}

#[tokio::test]
async fn a_workspace_is_made_and_shows_how_it_is_connected() {
    let (world, mut browser) = with_workspaces(&["taken"]).await;
    let owner = world.owner().await;
    let settings = ProjectSettings { name: Some("core".to_owned()), ..ProjectSettings::default() };
    let core = projects::create(&world.app, &owner, "demo", settings).await.unwrap().project.id;
    let here = "/app/demo/new-workspace";
    browser.get(here).await;
    let good = [
        ("name", "shop"),
        ("project", core.as_str()),
        ("description", "sells"),
        ("execution-mode", "local"),
        ("auto-apply", "true"),
        ("terraform-version", "~> 1.11"),
    ];
    for (field, value, text) in [
        ("name", "", "Name can&#39;t be blank"),
        ("name", "taken", "Name has already been taken"),
        ("execution-mode", "moon", "Execution mode must be"),
        ("terraform-version", "newest", "Terraform version must be"),
    ] {
        let fields = good.map(|(name, old)| (name, if name == field { value } else { old }));
        let answer = browser.submit(here, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{value}");
        let fault = format!("id=\"{field}-fault\" role=\"alert\">{text}").replace("&#39;", "'");
        let (is_beside, is_kept) = (answer.body.contains(&fault), answer.body.contains("sells"));
        assert!(is_beside && is_kept && answer.body.contains("\" selected>core"), "{value}: {}", answer.body);
    }
    let page = done(&mut browser, here, &good).await;
    for text in ["<h1>shop</h1>", "name = &quot;shop&quot;", "organization = &quot;demo&quot;", "terraform init"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: "shop".to_owned() };
    let made = workspaces::read(&world.app, &owner, key).await.unwrap().workspace;
    assert_eq!((made.project_id, made.auto_apply), (core, true));
    assert_eq!((made.execution_mode, made.terraform_version.as_str()), (Some(ExecutionMode::Local), "~> 1.11"));
}

#[tokio::test]
async fn who_may_make_no_workspace_is_told_so() {
    let world = World::new().await;
    let mut browser = member(&world, Some(OrganizationPermission::ReadWorkspaces)).await;
    for path in ["/app/demo/workspaces", "/app/demo/new-workspace"] {
        let body = browser.get(path).await.body;
        assert!(
            body.contains("</button><span class=\"quiet\">You need the right to make workspaces"),
            "{path}: {body}"
        );
    }
    assert_eq!(browser.submit("/app/demo/new-workspace", &[("name", "mine")]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_may_not_be_seen_is_not_there() {
    let (world, mut owner) = with_workspaces(&["app"]).await;
    let mut browser = member(&world, None).await;
    for page in ["", "/runs", "/variables", "/settings"] {
        let path = format!("{APP}{page}");
        assert_eq!(owner.get(&path).await.status, StatusCode::OK, "{path}");
        assert_eq!(browser.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(owner.get(&path.replace("/app/demo", "/app/other")).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let list = browser.get("/app/demo/workspaces").await.body;
    assert!(!list.contains(APP), "{list}");
    assert!(list.contains("organization = &quot;demo&quot;") && list.contains("terraform init"), "{list}");
    browser.get("/app/settings/profile").await;
    for form in ["/lock", "/force-unlock", "/settings", "/variables"] {
        let answer = browser.submit(&format!("{APP}{form}"), &[("name", "mine")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{form}");
    }
    // Members see who the others are, and why they cannot invite.
    let members = browser.get("/app/demo/settings/members").await.body;
    assert!(members.contains("ada@example.com") && members.contains("<button disabled>Invite</button>"), "{members}");
    let teams = browser.get("/app/demo/settings/teams").await;
    assert!(teams.status == StatusCode::OK && !teams.body.contains("new@example.com"), "{}", teams.body);
    let invite = browser.submit("/app/demo/settings/members", &[("email", "eve@example.com")]).await;
    assert_eq!(invite.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_may_only_be_read_has_disabled_controls_that_say_why() {
    let (world, mut owner) = with_workspaces(&["app"]).await;
    let mut browser = member(&world, Some(OrganizationPermission::ReadWorkspaces)).await;
    let reason = "</button><span class=\"quiet\">You need the right to";
    for (page, button) in [("", "Lock"), ("/variables", "Add variable"), ("/settings", "Save")] {
        let body = browser.get(&format!("{APP}{page}")).await.body;
        assert!(body.contains(&format!("<button disabled>{button}{reason}")), "{page}: {body}");
        assert!(!body.contains("<button>") && !body.contains("<button class"), "{page}: {body}");
    }
    owner.get(APP).await;
    owner.submit(&format!("{APP}/lock"), &[]).await;
    let body = browser.get(APP).await.body;
    assert!(body.contains("Locked by admin") && body.contains("<button disabled>Force unlock</button>"), "{body}");
    // What may not be done looks missing to who does it all the same.
    browser.get("/app/settings/profile").await;
    assert_eq!(browser.submit(&format!("{APP}/force-unlock"), &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_lock_says_who_and_why_and_is_given_back() {
    let (world, mut browser) = with_workspaces(&["app"]).await;
    browser.get(APP).await;
    let page = done(&mut browser, &format!("{APP}/lock"), &[("reason", "<maintenance>")]).await;
    assert!(page.contains("Locked by admin. &lt;maintenance&gt;"), "{page}");
    assert!(browser.get("/app/demo/workspaces").await.body.contains("locked by admin"));
    browser.get(APP).await;
    assert_eq!(browser.submit(&format!("{APP}/lock"), &[]).await.status, StatusCode::CONFLICT);
    assert!(done(&mut browser, &format!("{APP}/unlock"), &[]).await.contains("Lock this workspace"));
    // A run's lock is not taken away.
    let run = world.planned_run("busy").await;
    let busy = "/app/demo/workspaces/busy";
    let page = browser.get(busy).await.body;
    assert!(page.contains("<button disabled>Force unlock</button>") && page.contains(&run), "{page}");
    assert_eq!(browser.submit(&format!("{busy}/force-unlock"), &[]).await.status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn variables_are_added_changed_and_deleted_and_secrets_stay_secret() {
    let (_world, mut browser) = with_workspaces(&["app", "other"]).await;
    let here = format!("{APP}/variables");
    browser.get(&here).await;
    let plain = [("key", "region"), ("value", "a\r\nb"), ("category", "terraform")];
    let page = done(&mut browser, &here, &plain).await;
    assert!(page.contains("<code class=\"value\">a\nb</code>"), "{page}");
    let answer = browser.submit(&here, &plain).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("id=\"key-fault\" role=\"alert\">Key has already been taken"), "{}", answer.body);
    let id = page.split_once("<form method=\"post\" action=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    assert!(id.starts_with(&format!("{here}/var-")), "{id}");
    assert_eq!(browser.submit(&id.replace("/app/variables", "/other/variables"), &plain).await.status, 404);
    let hidden = [("key", "region"), ("value", "hunter2"), ("category", "terraform"), ("sensitive", "true")];
    let page = done(&mut browser, &id, &hidden).await;
    assert!(page.contains("written once") && !page.contains("hunter2"), "{page}");
    // The fixed fields are disabled, so a browser sends only these.
    let page = done(&mut browser, &id, &[("value", ""), ("description", "where")]).await;
    assert!(page.contains("where") && page.contains("written once") && page.contains("region"), "{page}");
    let long = "d".repeat(600);
    let answer = browser.submit(&id, &[("value", "hunter3"), ("description", &long)]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.body.contains("Description is too long") && !answer.body.contains("hunter3"), "{}", answer.body);
    assert!(done(&mut browser, &format!("{id}/delete"), &[]).await.contains("No variable yet"));
}

#[tokio::test]
async fn settings_are_saved_or_say_beside_the_field_what_is_wrong() {
    let (world, mut browser) = with_workspaces(&["app", "taken"]).await;
    let here = format!("{APP}/settings");
    browser.get(&here).await;
    let good = [
        ("name", "app"),
        ("description", "the shop"),
        ("execution-mode", "local"),
        ("auto-apply", "true"),
        ("terraform-version", "1.11.4"),
        ("working-directory", "infra"),
    ];
    for (field, value, text) in [
        ("name", "taken", "Name has already been taken"),
        ("name", "a b", "Name may only contain"),
        ("execution-mode", "moon", "Execution mode must be"),
        ("terraform-version", "newest", "Terraform version must be"),
        ("working-directory", "../up", "Working directory must lie inside"),
    ] {
        let fields = good.map(|(name, old)| (name, if name == field { value } else { old }));
        let answer = browser.submit(&here, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{value}");
        let fault = format!("id=\"{field}-fault\" role=\"alert\">{text}");
        assert!(answer.body.contains(&fault) && answer.body.contains("the shop"), "{value}: {}", answer.body);
    }
    assert!(done(&mut browser, &here, &good).await.contains("Saved."));
    let key = WorkspaceKey::Name { organization: "demo".to_owned(), workspace: "app".to_owned() };
    let after = workspaces::read(&world.app, &world.owner().await, key).await.unwrap().workspace;
    assert_eq!(after.description.as_deref(), Some("the shop"));
    assert_eq!(after.execution_mode, Some(ExecutionMode::Local));
    assert!(after.auto_apply);
    assert_eq!((after.terraform_version.as_str(), after.working_directory.as_str()), ("1.11.4", "infra"));
    let renamed = [&[("name", "shop"), ("execution-mode", "inherited")], &good[3..]].concat();
    assert_eq!(browser.submit(&here, &renamed).await.location(), "/app/demo/workspaces/shop/settings?saved");
}

#[tokio::test]
async fn members_are_invited_by_a_link_shown_once_and_removed() {
    let (world, mut browser) = with_workspaces(&[]).await;
    let here = "/app/demo/settings/members";
    browser.get(here).await;
    for (email, text) in [("", "Email is invalid"), ("nobody", "Email is invalid")] {
        let answer = browser.submit(here, &[("email", email)]).await;
        assert!(answer.status == 422 && answer.body.contains(text), "{email}: {}", answer.body);
    }
    let answer = browser.submit(here, &[("email", "ada@example.com")]).await;
    let link = answer.body.split_once("/app/invitations/").unwrap().1.split_once('"').unwrap().0.to_owned();
    let page = browser.get(here).await.body;
    assert!(page.contains("1 active, 1 invited") && !page.contains("/app/invitations/"), "{page}");
    let mut guest = world.browser();
    let join = format!("/app/invitations/{link}");
    guest.get(&join).await;
    guest.submit(&join, &[("username", "ada"), ("password", "correct horse")]).await;
    assert!(browser.get(here).await.body.contains("2 active, 0 invited"));
    let page = browser.get(here).await.body;
    let forms: Vec<&str> = page.split("action=\"").filter_map(|rest| rest.split_once('"')).map(|it| it.0).collect();
    let forms: Vec<&&str> = forms.iter().filter(|path| path.ends_with("/delete")).collect();
    // The owner, who came first, can neither leave nor be removed by himself.
    assert_eq!(browser.submit(forms[0], &[]).await.status, StatusCode::FORBIDDEN);
    assert!(done(&mut browser, forms[1], &[]).await.contains("1 active, 0 invited"));
    assert_eq!(guest.get("/app/demo/workspaces").await.status, StatusCode::NOT_FOUND);
}
