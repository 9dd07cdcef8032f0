//! A person who is no owner: a member of ten teams, each with access of its own to some projects and workspaces.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::api::{Api, path_of};
use super::client::{Connection, request};
use super::server::Server;

const TEAMS: usize = 10;
/// Projects beside the default one; workspaces are dealt out to all.
const PROJECTS: usize = 9;
/// Each team has access to so many workspaces by themselves.
const WORKSPACES_OF_TEAM: usize = 20;
const PASSWORD: &str = "correct horse battery staple";
const FORM: &str = "application/x-www-form-urlencoded";

/// Makes workspaces in ten projects, and tells their ids.
pub(super) fn deal_out(api: &mut Api<'_>, workspaces: usize) -> Result<Dealt> {
    let mut projects = Vec::new();
    for number in 0..PROJECTS {
        projects.push(api.create_project(&format!("project-{number}"))?);
    }
    let mut ids = Vec::new();
    for number in 0..workspaces {
        // Neighbours in a list are of different projects.
        let project = projects.get(number % (PROJECTS + 1)).map(String::as_str);
        ids.push(api.create_workspace_in(&format!("ws-{number:04}"), project)?);
    }
    Ok(Dealt { projects, workspaces: ids })
}

/// Projects and workspaces, oldest first.
pub(super) struct Dealt {
    pub(super) projects: Vec<String>,
    pub(super) workspaces: Vec<String>,
}

/// Makes the teams and the person, and tells the person's token.
///
/// Every second team reads a project; each team may write to twenty workspaces of its own, from all over the
/// organization. That is about six of ten workspaces, some of them both ways.
pub(super) fn join(server: &Server, api: &mut Api<'_>, dealt: &Dealt) -> Result<String> {
    let mut teams = Vec::new();
    for number in 0..TEAMS {
        let team = api.create_team(&format!("team-{number}"))?;
        if let Some(project) = dealt.projects.get(number).filter(|_| number % 2 == 0) {
            api.grant("project", project, &team, "read")?;
        }
        let own = dealt.workspaces.iter().skip(number).step_by(dealt.workspaces.len() / WORKSPACES_OF_TEAM - 1);
        for workspace in own.take(WORKSPACES_OF_TEAM) {
            api.grant("workspace", workspace, &team, "write")?;
        }
        teams.push(json!({"type": "teams", "id": team}));
    }
    let link = api.invite("member@example.com", &Value::from(teams))?;
    let mut pages = Pages::new(server);
    let invitation = path_of(&link)?;
    pages.get(invitation)?;
    pages.submit(invitation, &format!("username=member&password={}", PASSWORD.replace(' ', "+")))?;
    pages.get("/app/settings/tokens")?;
    pages.submit("/app/settings/tokens", "description=bench&lifetime=365")?;
    let (_, token) = pages.page.split_once(r#"id="new-token""#).context("the page shows no token")?;
    value(token).map(str::to_owned)
}

/// Pages as a browser asks for them.
struct Pages<'a> {
    server: &'a Server,
    cookies: Vec<String>,
    page: String,
}

impl<'a> Pages<'a> {
    const fn new(server: &'a Server) -> Self {
        Self { server, cookies: Vec::new(), page: String::new() }
    }

    fn get(&mut self, path: &str) -> Result<()> {
        self.send("GET", path, "")
    }

    /// Sends fields with the token of the page that it looks at.
    fn submit(&mut self, path: &str, fields: &str) -> Result<()> {
        let (_, token) = self.page.split_once(r#"name="form-token""#).context("the page has no form")?;
        let body = format!("form-token={}&{fields}", value(token)?);
        self.send("POST", path, &body)
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Result<()> {
        let head = format!("cookie: {}\r\nsec-fetch-site: same-origin\r\n", self.cookies.join("; "));
        let mut connection = Connection::open(self.server.address)?;
        let answer = connection.send(&with_head(&request(method, path, None, FORM, body.as_bytes()), &head)?)?;
        let what = format!("{method} {path}");
        answer.expect(&what, 200..400)?;
        let set = answer.head.lines().filter_map(|line| line.strip_prefix("set-cookie: "));
        self.cookies.extend(set.map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned()));
        self.page = String::from_utf8_lossy(answer.body).into_owned();
        Ok(())
    }
}

/// A request with more lines in its head.
fn with_head(request: &[u8], lines: &str) -> Result<Vec<u8>> {
    let end = request.windows(2).position(|window| window == b"\r\n").context("a request has no first line")? + 2;
    Ok([&request[..end], lines.as_bytes(), &request[end..]].concat())
}

/// The first value of an attribute `value` in some HTML.
fn value(html: &str) -> Result<&str> {
    let (_, rest) = html.split_once(r#"value=""#).context("a field has no value")?;
    rest.split_once('"').map(|(value, _)| value).context("a value has no end")
}
