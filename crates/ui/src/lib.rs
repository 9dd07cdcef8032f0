//! Server-rendered pages over the same services as the API.
//!
//! Architecture invariant: a page extracts the session, calls services, and renders; it knows neither SQL nor rights. What is
//! not a mere look passes the gate of [`forms::guard`], whatever page it is.

mod account;
mod assets;
mod authorization_codes;
mod error;
mod errored_states;
mod forms;
mod layout;
mod logs;
mod organization_memberships;
mod paths;
mod progress;
mod projects;
mod runs;
mod session;
mod sessions;
mod set_up;
mod sign_in;
mod state_versions;
mod team_access;
mod team_tokens;
mod teams;
mod times;
mod tokens;
mod variables;
mod workspaces;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::middleware;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use terrane_app::App;

/// A page or a form, as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// GET or POST.
    pub method: &'static str,
    /// The path with its `{parameters}`.
    pub path: String,
    /// Whether anybody may come, signed in or not.
    pub is_public: bool,
}

type Declared = Vec<(Page, MethodRouter<App>)>;

/// What needs no session.
fn public() -> [(&'static str, &'static str, MethodRouter<App>); 8] {
    [
        ("GET", "/app/assets/{name}", get(assets::serve)),
        ("GET", "/app/sign-in", get(sign_in::show)),
        ("POST", "/app/sign-in", post(sign_in::sign_in)),
        ("GET", "/app/sign-in/{link}", get(sign_in::open)),
        ("GET", "/app/set-up/{link}", get(set_up::show)),
        ("POST", "/app/set-up/{link}", post(set_up::complete)),
        ("GET", "/app/invitations/{link}", get(organization_memberships::show)),
        ("POST", "/app/invitations/{link}", post(organization_memberships::sign_up)),
    ]
}

/// What is for signed-in people.
fn private() -> [(&'static str, &'static str, MethodRouter<App>); 28] {
    [
        ("GET", "/", get(workspaces::home)),
        ("GET", "/app", get(workspaces::home)),
        ("POST", "/app/sign-out", post(sign_in::sign_out)),
        ("POST", "/app/invitations/{link}/join", post(organization_memberships::join)),
        ("GET", "/app/settings/profile", get(account::show)),
        ("POST", "/app/settings/profile", post(account::update)),
        ("POST", "/app/settings/password", post(account::change_password)),
        ("GET", "/app/settings/tokens", get(tokens::show)),
        ("POST", "/app/settings/tokens", post(tokens::create)),
        ("POST", "/app/settings/tokens/{token}/delete", post(tokens::delete)),
        ("GET", "/app/settings/sessions", get(sessions::show)),
        ("POST", "/app/settings/sessions/{session}/delete", post(sessions::delete)),
        ("POST", "/app/settings/sessions/delete-all", post(sessions::delete_all)),
        ("GET", "/oauth/authorization", get(authorization_codes::ask)),
        ("POST", "/oauth/authorization", post(authorization_codes::decide)),
        ("GET", "/app/{organization}/workspaces", get(workspaces::list)),
        // Beside the workspaces, among which one may be called new.
        ("GET", "/app/{organization}/new-workspace", get(workspaces::show_new)),
        ("POST", "/app/{organization}/new-workspace", post(workspaces::create)),
        ("GET", "/app/{organization}/projects", get(projects::show)),
        ("GET", "/app/{organization}/new-project", get(projects::show_new)),
        ("POST", "/app/{organization}/new-project", post(projects::create)),
        ("GET", "/app/{organization}/settings/teams", get(teams::show)),
        ("POST", "/app/{organization}/settings/teams", post(teams::create)),
        ("GET", "/app/{organization}/settings/members", get(organization_memberships::show_members)),
        ("POST", "/app/{organization}/settings/members", post(organization_memberships::invite)),
        ("POST", "/app/{organization}/settings/members/{membership}/delete", post(organization_memberships::delete)),
        ("GET", RUN, get(runs::show)),
        // The CLI prints the shorter form.
        ("GET", SHORT_RUN, get(runs::show)),
    ]
}

const RUN: &str = "/app/{organization}/workspaces/{workspace}/runs/{run}";
const SHORT_RUN: &str = "/app/{organization}/{workspace}/runs/{run}";

const WORKSPACE: &str = "/app/{organization}/workspaces/{workspace}";

const TEAM: &str = "/app/{organization}/settings/teams/{team}";

/// What belongs to a team.
fn of_team() -> [(&'static str, &'static str, MethodRouter<App>); 9] {
    [
        ("GET", "", get(teams::show_team)),
        ("POST", "", post(teams::update)),
        ("POST", "/organization-access", post(teams::update_organization_access)),
        ("POST", "/delete", post(teams::delete)),
        ("POST", "/members", post(teams::add_member)),
        ("POST", "/members/{membership}/delete", post(teams::remove_member)),
        ("GET", "/tokens", get(team_tokens::show)),
        ("POST", "/tokens", post(team_tokens::create)),
        ("POST", "/tokens/{token}/delete", post(team_tokens::delete)),
    ]
}

const PROJECT: &str = "/app/{organization}/projects/{project}";

/// What belongs to a project.
fn of_project() -> [(&'static str, &'static str, MethodRouter<App>); 4] {
    [
        ("GET", "/team-access", get(team_access::show::<team_access::Project>)),
        ("POST", "/team-access", post(team_access::create::<team_access::Project>)),
        ("POST", "/team-access/{access}", post(team_access::update::<team_access::Project>)),
        ("POST", "/team-access/{access}/delete", post(team_access::delete::<team_access::Project>)),
    ]
}

/// What belongs to a workspace.
fn of_workspace() -> [(&'static str, &'static str, MethodRouter<App>); 24] {
    [
        ("GET", "", get(workspaces::show)),
        ("GET", "/runs", get(workspaces::show)),
        ("GET", "/connect", get(workspaces::show_connect)),
        ("POST", "/lock", post(workspaces::lock)),
        ("POST", "/unlock", post(workspaces::unlock)),
        ("POST", "/force-unlock", post(workspaces::force_unlock)),
        ("GET", "/settings", get(workspaces::show_settings)),
        ("POST", "/settings", post(workspaces::update_settings)),
        ("GET", "/settings/delete", get(workspaces::show_delete)),
        ("POST", "/settings/delete", post(workspaces::delete)),
        ("GET", "/new-run", get(runs::show_new)),
        ("POST", "/new-run", post(runs::create)),
        ("GET", "/states", get(state_versions::list)),
        ("GET", "/states/{version}", get(state_versions::show)),
        ("GET", "/states/{version}/download", get(state_versions::download)),
        ("POST", "/states/{version}/rollback", post(state_versions::rollback)),
        ("GET", "/variables", get(variables::show)),
        ("POST", "/variables", post(variables::create)),
        ("POST", "/variables/{variable}", post(variables::update)),
        ("POST", "/variables/{variable}/delete", post(variables::delete)),
        ("GET", "/team-access", get(team_access::show::<team_access::Workspace>)),
        ("POST", "/team-access", post(team_access::create::<team_access::Workspace>)),
        ("POST", "/team-access/{access}", post(team_access::update::<team_access::Workspace>)),
        ("POST", "/team-access/{access}/delete", post(team_access::delete::<team_access::Workspace>)),
    ]
}

/// What belongs to a run's page.
fn of_run() -> [(&'static str, &'static str, MethodRouter<App>); 12] {
    [
        ("GET", "/summary", get(runs::summary)),
        ("GET", "/history", get(runs::history)),
        ("GET", "/changes", get(runs::changes)),
        ("GET", "/logs/{phase}", get(logs::stream)),
        ("POST", "/apply", post(runs::apply)),
        ("POST", "/discard", post(runs::discard)),
        ("POST", "/cancel", post(runs::cancel)),
        ("POST", "/force-cancel", post(runs::force_cancel_run)),
        ("POST", "/force-execute", post(runs::force_execute)),
        ("POST", "/comments", post(runs::comment)),
        ("POST", "/adopt-state", post(errored_states::adopt)),
        ("POST", "/discard-state", post(errored_states::discard)),
    ]
}

fn declared() -> Declared {
    let page = |method, path: String, is_public| Page { method, path, is_public };
    let mut declared: Declared = Vec::new();
    declared.extend(public().map(|(method, path, handler)| (page(method, path.to_owned(), true), handler)));
    declared.extend(private().map(|(method, path, handler)| (page(method, path.to_owned(), false), handler)));
    let mut extend = |start: &str, ends: &[(&'static str, &'static str, MethodRouter<App>)]| {
        for (method, end, handler) in ends {
            declared.push((page(method, format!("{start}{end}"), false), handler.clone()));
        }
    };
    extend(TEAM, &of_team());
    extend(PROJECT, &of_project());
    extend(WORKSPACE, &of_workspace());
    for run in [RUN, SHORT_RUN] {
        extend(run, &of_run());
    }
    declared
}

/// The declarations of all pages and forms, for sweeps over them.
pub fn pages() -> Vec<Page> {
    declared().into_iter().map(|(page, _)| page).collect()
}

/// The pages, most of them below `/app`.
pub fn router(app: App) -> Router {
    // A router of its own for what is below `/app`, since it answers what leads nowhere there, and the API everywhere else.
    let (mut below, mut others) = (Router::new(), Router::new());
    for (page, handler) in declared() {
        match page.path.strip_prefix("/app/") {
            Some(path) => below = below.route(&format!("/{path}"), handler),
            None => others = others.route(&page.path, handler),
        }
    }
    let below = below.fallback(error::missing).method_not_allowed_fallback(error::wrong_method);
    others
        .method_not_allowed_fallback(error::wrong_method)
        .nest("/app/", below)
        .layer(middleware::from_fn_with_state(app.clone(), forms::guard))
        .layer(middleware::from_fn_with_state(app.clone(), add_headers))
        .with_state(app)
}

/// No inline script or style, nothing from elsewhere, no frame around us.
fn policy(form_action: &str) -> String {
    format!("default-src 'self'; base-uri 'none'; {form_action}; frame-ancestors 'none'; img-src 'self' data:")
}

async fn add_headers(State(app): State<App>, request: axum::extract::Request, next: middleware::Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if let Ok(policy) = HeaderValue::try_from(policy("form-action 'self'")) {
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if app.is_https() {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    response
}
