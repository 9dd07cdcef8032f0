//! Every page in a real browser, judged by axe-core, in light and dark and on a phone.
//!
//! With `TERRANE_TEST_PICTURES=FOLDER` the pictures of all pages are left there to look at.

use std::path::Path;

use base64::Engine as _;
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use crate::bench::{Terrane, id};
use crate::chromium::Chromium;
use crate::terraform::workspace::Workspace;

/// What has an address, but is no page: files, streams, a part of a page.
fn is_page(path: &str) -> bool {
    let parts = ["/changes", "/summary", "/history", "/download"];
    !path.contains("/assets/") && !path.contains("/logs/") && !parts.iter().any(|part| path.ends_with(part))
}

fn axe() -> String {
    let script = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("axe-core").join("axe.min.js");
    std::fs::read_to_string(script).expect("axe-core is in the target folder: `cargo xtask test` sees to it")
}

/// What axe-core finds wrong: the rule, and the elements.
fn violations(browser: &mut Chromium, axe: &str) -> Vec<String> {
    browser.value(&format!("{axe};0"));
    let run = "axe.run(document, { resultTypes: ['violations'] }).then(found => found.violations.map(\
               it => it.id + ': ' + it.nodes.map(node => node.html.slice(0, 300) + ' ' + node.failureSummary).join(' | ')))";
    let found = browser.value(run);
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// By how much a page is wider than its window.
const OVERFLOW: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";

/// Opens every fold, and names what takes the focus without showing it.
const FOCUS_NOT_SHOWN: &str = "document.querySelectorAll('details').forEach(it => it.open = true), \
    [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex=\"0\"]')].filter(it => { \
      it.focus({ focusVisible: true }); \
      const style = getComputedStyle(it); \
      return document.activeElement === it && (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2); \
    }).map(it => it.outerHTML.slice(0, 300))";

fn judge(browser: &mut Chromium, axe: &str, path: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let title = browser.value("document.title");
    assert!(title.as_str().is_some_and(|title| title.ends_with(" · Terrane")), "{path}: {title}");
    let not_shown = browser.value(FOCUS_NOT_SHOWN);
    if not_shown != json!([]) {
        wrong.push(format!("{path}: the focus is not shown: {not_shown}"));
    }
    browser.value("document.activeElement.blur()");
    for (theme, width) in [("light", 1200), ("dark", 1200), ("dark", 360)] {
        browser.prefer(theme);
        browser.resize(width);
        wrong.extend(violations(browser, axe).into_iter().map(|text| format!("{path} ({theme}, {width}): {text}")));
        let overflow = browser.value(OVERFLOW);
        if overflow != 0 {
            wrong.push(format!("{path} ({width}): {overflow} pixels too wide"));
        }
        if let Some(folder) = std::env::var_os("TERRANE_TEST_PICTURES") {
            let name = path.trim_matches('/').replace(['/', '{', '}'], "-");
            let file = Path::new(&folder).join(format!("{name}-{theme}-{width}.png"));
            std::fs::write(file, browser.picture()).unwrap();
        }
    }
    wrong
}

/// A state with a resource and outputs, as a client sends it.
fn state() -> Value {
    let resource = json!({ "mode": "managed", "type": "terraform_data", "name": "old", "instances": [
        { "schema_version": 0, "attributes": { "id": "1", "input": null, "output": null, "triggers_replace": null } }],
        "provider": "provider[\"terraform.io/builtin/terraform\"]" });
    let outputs = json!({ "region": { "value": "eu-central-1", "type": "string" },
        "password": { "value": "hidden", "type": "string", "sensitive": true } });
    let state = json!({ "version": 4, "terraform_version": "1.11.4", "serial": 1, "lineage": "by-hand",
        "outputs": outputs, "resources": [resource] });
    let bytes = state.to_string();
    json!({ "serial": 1, "lineage": "by-hand", "md5": format!("{:032x}", u128::from_be_bytes(Md5::digest(bytes.as_bytes()).into())),
        "state": base64::engine::general_purpose::STANDARD.encode(bytes) })
}

/// A server with something of everything, and a plan that waits to be confirmed.
struct Filled<'a> {
    terrane: &'a Terrane,
    team: String,
    project: String,
    run: String,
    version: String,
    invitation: String,
}

fn made(terrane: &Terrane, path: &str, kind: &str, attributes: &Value, relationships: &Value) -> Value {
    let document = json!({ "data": { "type": kind, "attributes": attributes, "relationships": relationships } });
    let answer = terrane.post(path, &document);
    assert!(answer.status < 300, "{path}: {}", answer.text());
    answer.json()["data"].clone()
}

impl<'a> Filled<'a> {
    fn new(terrane: &'a Terrane) -> Self {
        let none = json!({});
        let make = |path: &str, kind: &str, attributes: Value| made(terrane, path, kind, &attributes, &none);
        let attributes = json!({ "name": "platform", "organization-access": { "manage-workspaces": true } });
        let team = id(&make("organizations/demo/teams", "teams", attributes));
        let project = id(&make("organizations/demo/projects", "projects", json!({ "name": "network" })));
        let members = "organizations/demo/organization-memberships";
        let of_team = json!({ "teams": { "data": [{ "type": "teams", "id": team }] } });
        let invited = json!({ "email": "ada@example.com" });
        let member = made(terrane, members, "organization-memberships", &invited, &of_team);
        let invitation = member["attributes"]["invitation-url"].as_str().unwrap_or("/app/invitations/used").to_owned();
        let workspace = terrane.create_workspace("app");
        let variables = format!("workspaces/{workspace}/vars");
        for (key, value, sensitive) in [("region", "eu-central-1", false), ("secret", "hidden", true)] {
            let variable = json!({ "key": key, "value": value, "category": "env", "sensitive": sensitive });
            make(&variables, "vars", variable);
        }
        let both = |kind: &str, thing: &str| {
            json!({ "team": { "data": { "type": "teams", "id": team } },
                    kind: { "data": { "type": format!("{kind}s"), "id": thing } } })
        };
        let access = json!({ "access": "custom", "runs": "plan" });
        made(terrane, "team-workspaces", "team-workspaces", &access, &both("workspace", &workspace));
        let access = json!({ "access": "maintain" });
        made(terrane, "team-projects", "team-projects", &access, &both("project", &project));
        let lock = |action: &str| {
            let answer = terrane.post(&format!("workspaces/{workspace}/actions/{action}"), &json!({}));
            assert!(answer.status < 300, "{action}: {}", answer.text());
        };
        lock("lock");
        let version = id(&make(&format!("workspaces/{workspace}/state-versions"), "state-versions", state()));
        lock("unlock");
        make(
            &format!("teams/{team}/authentication-tokens"),
            "authentication-tokens",
            json!({ "description": "builds" }),
        );
        Self { terrane, team, project, run: String::new(), version, invitation }
    }

    /// The address of a page, with what is there in the place of its parameters.
    fn address(&self, path: &str) -> String {
        let path = path
            .replace("/app/invitations/{link}", &self.invitation)
            .replace("{organization}", "demo")
            .replace("{workspace}", "app")
            .replace("{run}", &self.run)
            .replace("{version}", &self.version)
            .replace("{team}", &self.team)
            .replace("{project}", &self.project)
            .replace("{link}", "used");
        assert!(!path.contains('{'), "no value for {path}");
        if path.starts_with("http") { path } else { format!("http://localhost:{}{path}", self.terrane.port()) }
    }
}

#[test]
fn no_page_breaks_a_rule_of_accessibility() {
    let axe = axe();
    let terrane = Terrane::start();
    let mut filled = Filled::new(&terrane);
    let workspace = Workspace::initialized(&terrane, "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n}\n");
    let mut waiting = workspace.start(&["apply"]);
    waiting.read_until("Do you want to perform these actions");
    filled.run = id(&workspace.runs()[0]);
    let said = json!({ "body": "Looks good to me." });
    made(&terrane, &format!("runs/{}/comments", filled.run), "comments", &said, &json!({}));
    let of_workspace = json!({ "workspace": { "data": { "type": "workspaces", "id": workspace.id() } } });
    let options = json!({ "message": "Waits behind another", "target-addrs": ["module.network"] });
    let behind = id(&made(&terrane, "runs", "runs", &options, &of_workspace));

    let mut browser = Chromium::start();
    let (public, private): (Vec<_>, Vec<_>) = terrane_ui::pages()
        .into_iter()
        .filter(|page| page.method == "GET" && is_page(&page.path))
        .partition(|page| page.is_public);
    let mut wrong = Vec::new();
    for (index, page) in public.iter().chain(&private).enumerate() {
        if index == public.len() {
            browser.go(&terrane.fact("sign_in_url"));
        }
        browser.go(&filled.address(&page.path));
        wrong.extend(judge(&mut browser, &axe, &page.path));
    }
    filled.run = behind;
    let waiting = "/app/{organization}/workspaces/{workspace}/runs/{run}";
    browser.go(&filled.address(waiting));
    assert_eq!(browser.value("document.body.innerText.includes('Queued behind')"), true);
    wrong.extend(judge(&mut browser, &axe, &format!("{waiting}/waiting")));
    assert!(public.len() > 3 && private.len() > 10, "{} {}", public.len(), private.len());

    // The control: what is planted is seen.
    browser.value(
        "const main = document.querySelector('main'); main.innerHTML = '<img src=\"/x.png\"><p>pale</p>'; \
         main.lastChild.style.color = '#bbb'; main.lastChild.style.background = '#ccc'; 0",
    );
    let planted = violations(&mut browser, &axe);
    assert!(planted.iter().any(|text| text.starts_with("image-alt")), "{planted:?}");
    assert!(planted.iter().any(|text| text.starts_with("color-contrast")), "{planted:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
