//! A second person, from the invitation to the removal: what `docs/people.md` promises, with the real terraform and a real
//! browser over TLS.

use std::path::Path;

use serde_json::{Value, json};

use crate::bench::id;
use crate::chromium::Chromium;
use crate::person::Person;
use crate::serve_support::{Browser, Serve, write_certificate};

const GUIDE: &str = include_str!("../../../../docs/people.md");
const PASSWORD: &str = "a compiler for everyone";

/// What the second person may know nothing of, each beside an invented one that is as long.
struct Hidden(Vec<(&'static str, String, String)>);

/// Where something hidden could show: by its name, by its id, in a search, in a filter.
const PLACES: &[(&str, &str)] = &[
    ("workspace-name", "organizations/analytical/workspaces/{}"),
    ("workspace-name", "organizations/analytical/workspaces/{}?include=project,organization"),
    ("workspace-name", "organizations/analytical/workspaces?search[name]={}"),
    ("workspace-name", "organizations/analytical/workspaces?search[wildcard-name]={}*"),
    ("workspace-name", "state-versions?filter[organization][name]=analytical&filter[workspace][name]={}"),
    ("project-name", "organizations/analytical/projects?q={}"),
    ("project-name", "organizations/analytical/projects?filter[names]={}"),
    ("tag", "organizations/analytical/workspaces?search[tags]={}"),
    ("tag", "organizations/analytical/tags?q={}"),
    ("workspace", "organizations/analytical/tags?filter[exclude][taggable][id]={}"),
    ("project", "projects/{}"),
    ("project", "organizations/analytical/workspaces?filter[project][id]={}"),
    ("project", "team-projects?filter[project][id]={}"),
    ("workspace", "workspaces/{}"),
    ("workspace", "workspaces/{}?include=project,current_run"),
    ("workspace", "workspaces/{}/runs"),
    ("workspace", "workspaces/{}/vars"),
    ("workspace", "workspaces/{}/all-vars"),
    ("workspace", "workspaces/{}/relationships/tags"),
    ("workspace", "team-workspaces?filter[workspace][id]={}"),
    ("run", "runs/{}"),
    ("run", "runs/{}?include=workspace,plan"),
    ("run", "runs/{}/run-events"),
    ("plan", "plans/{}"),
    ("configuration-version", "configuration-versions/{}"),
];

/// What lists all that a person may see.
const LISTS: &[&str] = &[
    "organizations/analytical/workspaces?include=project,organization,current_run",
    "organizations/analytical/projects",
    "organizations/analytical/runs/queue",
    "organizations/analytical/tags",
];

/// What is the same in all answers to all people.
fn head(answer: &str) -> String {
    answer.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:")).collect::<Vec<_>>().join("\n")
}

impl Hidden {
    /// The places where the answer to this person is another than for something invented.
    fn places_that_betray(&self, person: &Person) -> Vec<&'static str> {
        let answer = |place: &str, word: &str| {
            let answer = person.get(&place.replace("{}", word));
            (head(&answer.head), answer.text().replace(word, "it"))
        };
        let differs = |(kind, place): &&(&str, &str)| {
            let (_, real, invented) = self.0.iter().find(|(name, ..)| name == kind).unwrap();
            answer(place, real) != answer(place, invented)
        };
        PLACES.iter().filter(differs).map(|(_, place)| *place).collect()
    }

    /// The lists that show something hidden to this person.
    fn lists_that_betray(&self, person: &Person) -> Vec<&'static str> {
        let shows = |list: &&&str| {
            let answer = person.get(list);
            assert_eq!(answer.status, 200, "{list}: {}", answer.text());
            self.0.iter().any(|(_, real, _)| answer.text().contains(real))
        };
        LISTS.iter().filter(shows).copied().collect()
    }

    fn get(&self, kind: &str) -> (&str, &str) {
        self.0
            .iter()
            .find(|(name, ..)| *name == kind)
            .map(|(_, real, invented)| (real.as_str(), invented.as_str()))
            .unwrap()
    }
}

/// What the guide says that terraform says.
fn promised(text: &str, name: &str) -> String {
    assert!(GUIDE.contains(&format!("| `{text}` |")), "the guide does not say {text:?}");
    text.replace("NAME", name)
}

/// As long, and of the same characters.
fn invented(id: &str) -> String {
    let (prefix, rest) = id.split_once('-').unwrap();
    format!("{prefix}-{}", rest.chars().rev().collect::<String>())
}

/// The first person makes an account and a token in the browser.
fn begin(browser: &mut Chromium, serve: &Serve, folder: &Path) -> Person {
    let address = |path: &str| format!("https://localhost:{}{path}", serve.port);
    browser.go(&address(&serve.set_up_path().unwrap()));
    for (name, text) in
        [("username", "ada"), ("email", "ada@example.com"), ("password", PASSWORD), ("organization", "analytical")]
    {
        browser.tab_to(name);
        browser.insert(text);
    }
    browser.enter();
    browser.go(&address("/app/settings/tokens"));
    browser.tab_to("description");
    browser.insert("a script");
    browser.enter();
    let ada = Person::new(serve, folder);
    ada.keep(browser.value("document.getElementById('new-token').value").as_str().unwrap());
    browser.go(&address("/app/settings/profile"));
    browser.tab_to("Sign out of this browser");
    browser.enter();
    ada
}

/// What the first person gives to the second.
struct Given {
    link: String,
    /// Of the team to the project.
    access: String,
    membership: String,
}

/// A team with write access to the project `engines`, where the workspace `engine` is, and an invitation into it.
fn invite(ada: &Person) -> Given {
    let project = id(&ada.create("organizations/analytical/projects", "projects", &json!({ "name": "engines" }), &[]));
    let workspaces = "organizations/analytical/workspaces";
    ada.create(workspaces, "workspaces", &json!({ "name": "engine" }), &[("project", "projects", &project)]);
    let team = id(&ada.create("organizations/analytical/teams", "teams", &json!({ "name": "builders" }), &[]));
    let relations = [("project", "projects", project.as_str()), ("team", "teams", &team)];
    let access = id(&ada.create("team-projects", "team-projects", &json!({ "access": "write" }), &relations));
    let (path, kind) = ("organizations/analytical/organization-memberships", "organization-memberships");
    let membership = ada.create(path, kind, &json!({ "email": "grace@example.com" }), &[("teams", "teams", &team)]);
    let link = membership["attributes"]["invitation-url"].as_str().unwrap().to_owned();
    Given { link, access, membership: id(&membership) }
}

/// Another project with a workspace that has a tag, a variable, a run that waits for its confirmation, and one behind it.
fn hide(ada: &Person) -> Hidden {
    let project = id(&ada.create("organizations/analytical/projects", "projects", &json!({ "name": "letters" }), &[]));
    let workspaces = "organizations/analytical/workspaces";
    let attributes = json!({ "name": "diary" });
    let workspace = id(&ada.create(workspaces, "workspaces", &attributes, &[("project", "projects", &project)]));
    let tags = json!({ "data": [{ "type": "tags", "attributes": { "name": "inkblot" } }] });
    assert_eq!(ada.call("POST", &format!("workspaces/{workspace}/relationships/tags"), &tags).status, 204);
    let variable = json!({ "key": "nib", "value": "steel", "category": "terraform" });
    ada.create(&format!("workspaces/{workspace}/vars"), "vars", &variable, &[]);
    let folder = ada.configuration("diary");
    ada.terraform(&folder, &["init"]).with(0);
    ada.terraform(&folder, &["apply", "-input=false"]).with(1).complains("Cannot confirm apply due to -input=false");
    let run = ada.create("runs", "runs", &json!({}), &[("workspace", "workspaces", &workspace)]);
    assert_eq!(run["attributes"]["status"], "pending", "{run}");
    let of_run = |name: &str| id(&run["relationships"][name]["data"]);
    let ids = [
        ("project", project),
        ("workspace", workspace),
        ("run", id(&run)),
        ("plan", of_run("plan")),
        ("configuration-version", of_run("configuration-version")),
    ];
    let mut hidden = vec![
        ("workspace-name", "diary".to_owned(), "wills".to_owned()),
        ("project-name", "letters".to_owned(), "nowhere".to_owned()),
        ("tag", "inkblot".to_owned(), "inkless".to_owned()),
    ];
    hidden.extend(ids.map(|(kind, id)| (kind, id.clone(), invented(&id))));
    Hidden(hidden)
}

/// The second person opens the link, chooses a name and a password, and sees what is there.
fn join(browser: &mut Chromium, link: &str) {
    browser.go(link);
    for (name, text) in [("username", "grace"), ("password", PASSWORD)] {
        browser.tab_to(name);
        browser.insert(text);
    }
    browser.enter();
    assert_eq!(browser.value("location.pathname"), "/app");
    let listed = "[...document.querySelectorAll('main ul.list a')].map(it => it.textContent)";
    assert_eq!(browser.value(listed), json!(["engine"]));
    let address = "location.origin + '/app/analytical/workspaces'";
    let address = browser.value(address).as_str().unwrap().to_owned();
    browser.go(&address);
    assert_eq!(browser.value(listed), json!(["engine"]));
    browser.go(&format!("{address}/diary"));
    assert_eq!(browser.value("document.querySelector('h1').textContent"), "Nothing here");
    browser.go(&address.replace("analytical/workspaces", "settings/profile"));
    browser.tab_to("Sign out of this browser");
    browser.enter();
}

/// Signs in where the CLI sends the browser, and consents.
fn consent(browser: &mut Chromium, address: &str) {
    browser.go(address);
    for (name, text) in [("username", "grace"), ("password", PASSWORD)] {
        browser.tab_to(name);
        browser.insert(text);
    }
    browser.enter();
    assert_eq!(browser.value("document.title"), "Allow terraform · Terrane");
    browser.tab_to("allow");
    browser.enter();
}

/// Pages of the hidden workspace are the missing page, byte for byte.
fn see_no_page(serve: &Serve, folder: &Path, hidden: &Hidden) {
    let mut browser = Browser::new(serve, folder);
    browser.get("/app/sign-in");
    assert_eq!(browser.submit("/app/sign-in", &[("username", "grace"), ("password", PASSWORD)]), "/app");
    let mut page = |path: &str| {
        let head = head(&browser.get(path));
        (head, browser.page.clone())
    };
    let (own, _) = page("/app/analytical/workspaces/engine");
    assert!(own.starts_with("HTTP/1.1 200 "), "{own}");
    let (names, runs) = (hidden.get("workspace-name"), hidden.get("run"));
    for end in [
        "",
        "/runs",
        "/variables",
        "/settings",
        "/runs/RUN",
        "/runs/RUN/summary",
        "/runs/RUN/changes",
        "/runs/RUN/logs/plan",
    ] {
        let at = |name: &str, run: &str| format!("/app/analytical/workspaces/{name}{}", end.replace("RUN", run));
        let there = page(&at(names.0, runs.0));
        assert!(there.0.starts_with("HTTP/1.1 404 "), "{end}: {}", there.0);
        assert_eq!(there, page(&at(names.1, runs.1)), "{end}");
        // Nor is a run of another workspace reached through the own one.
        assert_eq!(page(&at("engine", runs.0)), page(&at("engine", runs.1)), "{end}");
    }
}

/// For the CLI the hidden workspace is as missing as one that never was, and nothing is made.
fn find_no_workspace(person: &Person, hidden: &Hidden) {
    let (real, invented) = hidden.get("workspace-name");
    let ended = [real, invented].map(|name| {
        let ended = person.terraform(&person.configuration(name), &["init"]).with(1);
        (ended.stdout.replace(name, "it"), ended.stderr.replace(name, "it"))
    });
    assert_eq!(ended[0], ended[1]);
    assert!(
        ended[0].1.contains(&promised("error creating workspace NAME: resource not found", "it")),
        "{}",
        ended[0].1
    );
}

#[test]
fn a_second_person_works_in_one_project_and_sees_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_certificate(folder);
    let serve = Serve::start(folder);
    let mut browser = Chromium::start();
    let ada = begin(&mut browser, &serve, folder);
    let given = invite(&ada);
    let hidden = hide(&ada);
    // The first person is told of everything: an empty answer to the second proves something.
    assert_eq!(hidden.places_that_betray(&ada), PLACES.iter().map(|(_, place)| *place).collect::<Vec<_>>());
    assert_eq!(hidden.lists_that_betray(&ada), LISTS);

    join(&mut browser, &given.link);
    let grace = Person::new(&serve, folder);
    grace.log_in(|address| consent(&mut browser, address));
    let engine = grace.configuration("engine");
    grace.terraform(&engine, &["init"]).with(0);
    grace.terraform(&engine, &["plan"]).with(0).shows("Plan: 1 to add");
    grace.terraform(&engine, &["apply", "-auto-approve"]).with(0).shows("Apply complete! Resources: 1 added");

    find_no_workspace(&grace, &hidden);
    assert_eq!(hidden.places_that_betray(&grace), Vec::<&str>::new());
    assert_eq!(hidden.lists_that_betray(&grace), Vec::<&str>::new());
    let names = |path: &str| -> Vec<Value> {
        let list = grace.get(path).json()["data"].as_array().unwrap().clone();
        list.iter().map(|one| one["attributes"]["name"].clone()).collect()
    };
    assert_eq!(names("organizations/analytical/workspaces"), ["engine"]);
    assert_eq!(names("organizations/analytical/projects"), ["engines"]);
    assert_eq!(names("organizations/analytical/runs/queue"), Vec::<Value>::new());
    see_no_page(&serve, folder, &hidden);
    let made = ada.get("organizations/analytical/workspaces").json();
    assert_eq!(made["meta"]["pagination"]["total-count"], 2, "{made}");

    let read = json!({ "data": { "type": "team-projects", "attributes": { "access": "read" } } });
    assert_eq!(ada.call("PATCH", &format!("team-projects/{}", given.access), &read).status, 200);
    grace
        .terraform(&engine, &["plan"])
        .with(1)
        .complains(&promised("at least plan permissions on the workspace are required", ""));
    let membership = format!("organization-memberships/{}", given.membership);
    assert_eq!(ada.call("DELETE", &membership, &Value::Null).status, 204);
    assert_eq!(grace.get("organizations/analytical/workspaces/engine").status, 404);
    assert_eq!(grace.get("organizations/analytical").status, 404);
    let gone = promised("organization \"NAME\" at host HOST not found", "analytical");
    let gone = gone.replace("HOST", &format!("localhost:{}", serve.port));
    grace.terraform(&engine, &["plan"]).with(1).complains(&gone);
    browser.go(&format!("https://localhost:{}/app/analytical/workspaces", serve.port));
    assert_eq!(browser.value("document.querySelector('h1').textContent"), "Nothing here");
}
