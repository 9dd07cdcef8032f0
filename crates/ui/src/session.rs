//! The browser's session: a cookie that scripts cannot read, and where a person comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use terrane_app::callers::{Secret, authenticate};
use terrane_app::sessions::Arrival;
use terrane_app::{App, AppError};
use terrane_domain::access::{Caller, CredentialKind};

use crate::error::PageError;
use crate::forms::Submitted;

const SESSION: &str = "terrane_session";
const SESSION_SECONDS: u32 = 7 * 24 * 3600;

/// A signed-in person. Behind a form, only if the form was made for this very session.
pub(crate) struct SignedIn(pub(crate) Caller);

/// The name under which a cookie goes. With TLS browsers hold it to this host, to TLS and to the whole site.
pub(crate) fn cookie_name(app: &App, name: &str) -> String {
    if app.is_https() { format!("__Host-{name}") } else { name.to_owned() }
}

/// The value of a cookie.
pub(crate) fn cookie(app: &App, headers: &HeaderMap, name: &str) -> Option<Secret> {
    let prefix = format!("{}=", cookie_name(app, name));
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(&prefix).map(Secret::new))
}

/// A `Set-Cookie` header. Without TLS a browser would drop a cookie marked Secure.
pub(crate) fn set_cookie(app: &App, name: &str, value: &str, max_age: Option<u32>) -> Option<HeaderValue> {
    let secure = if app.is_https() { "; Secure" } else { "" };
    let age = max_age.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let name = cookie_name(app, name);
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}")).ok()
}

/// The secret of the browser's session, valid or not.
pub(crate) fn session_cookie(app: &App, headers: &HeaderMap) -> Option<Secret> {
    cookie(app, headers, SESSION)
}

fn with_session(app: &App, value: &str, max_age: u32, mut response: Response) -> Response {
    if let Some(cookie) = set_cookie(app, SESSION, value, Some(max_age)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// Gives the browser its new session and sends it on.
pub(crate) fn enter(app: &App, session: &Secret, to: &str) -> Response {
    with_session(app, session.reveal(), SESSION_SECONDS, Redirect::to(to).into_response())
}

/// Takes the browser's session away and sends it to the door.
pub(crate) fn leave(app: &App) -> Response {
    with_session(app, "", 0, Redirect::to("/app/sign-in").into_response())
}

/// A path of our own pages to go on to after the sign-in; anything else is ignored.
pub(crate) fn local_path(text: &str) -> Option<&str> {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_ours = matches!(path, "/" | "/app" | "/oauth/authorization") || path.starts_with("/app/");
    let is_plain = text.len() <= 4096 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (is_ours && is_plain).then_some(text)
}

/// The address of the sign-in page that leads back to `next`.
pub(crate) fn sign_in_address(next: &str) -> String {
    let query: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    format!("/app/sign-in?next={query}")
}

/// The caller whose session this secret opens.
pub(crate) async fn caller_of(app: &App, secret: Option<Secret>) -> Result<Caller, AppError> {
    let caller = authenticate(app, secret).await?;
    if caller.kind == CredentialKind::Session { Ok(caller) } else { Err(AppError::Unauthorized) }
}

impl FromRequestParts<App> for SignedIn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let is_form = !matches!(parts.method, Method::GET | Method::HEAD);
        match caller_of(app, session_cookie(app, &parts.headers)).await {
            Ok(_) if is_form && !parts.extensions.get::<Submitted>().is_some_and(|it| it.is_of_session) => {
                Err(PageError::forged().into_response())
            }
            Ok(caller) => Ok(Self(caller)),
            Err(AppError::Unauthorized) if !is_form => {
                let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |OriginalUri(uri)| uri);
                let here = uri.path_and_query().map_or("/app", |path| path.as_str());
                Err(Redirect::to(&sign_in_address(here)).into_response())
            }
            Err(error) => Err(PageError::from(error).into_response()),
        }
    }
}

/// Tells, for an answer that goes on for long, whether the session it is for still lives.
#[derive(Clone)]
pub(crate) struct Watch(Option<Secret>);

impl Watch {
    pub(crate) async fn is_open(&self, app: &App) -> bool {
        caller_of(app, self.0.clone()).await.is_ok()
    }
}

impl FromRequestParts<App> for Watch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(session_cookie(app, &parts.headers)))
    }
}

/// Where a request comes from.
pub(crate) struct From(pub(crate) Arrival);

/// The browser's address. A proxy on this machine is believed about whom it speaks for; nobody else is.
fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip().to_canonical());
    let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    if !peer.is_loopback() {
        return peer;
    }
    let forwarded = parts.headers.get_all("x-forwarded-for").iter().next_back();
    let last = forwarded.and_then(|value| value.to_str().ok()?.rsplit(',').next()?.trim().parse().ok());
    last.unwrap_or(peer)
}

/// A browser in a few words, from what it says of itself.
fn browser(agent: &str) -> String {
    let first = |words: &[(&'static str, &'static str)]| {
        words.iter().find(|(word, _)| agent.contains(word)).map(|(_, name)| *name)
    };
    let program = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (program, system) {
        (Some(program), Some(system)) => format!("{program} on {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => String::new(),
    }
}

impl FromRequestParts<App> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let previous = session_cookie(app, &parts.headers);
        Ok(Self(Arrival { address: address(parts), browser: browser(agent), previous }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_are_gone_on_to() {
        for path in ["/", "/app", "/app/demo/workspaces/a?x=1", "/oauth/authorization?client_id=a&b=c"] {
            assert_eq!(local_path(path), Some(path));
        }
        for path in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example/app",
            "/app\r\nSet-Cookie: a",
            "/api/v2",
            "/apple",
        ] {
            assert_eq!(local_path(path), None, "{path:?}");
        }
    }

    #[test]
    fn a_browser_is_named_in_a_few_words() {
        let agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36";
        assert_eq!(browser(agent), "Chrome on Linux");
        assert_eq!(browser("<script>"), "");
    }
}
