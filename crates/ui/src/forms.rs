//! Forms: read once, at the gate that every one of them passes, which refuses what no page of ours has sent.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use maud::{Markup, html};
use terrane_app::callers::Secret;
use terrane_app::{App, AppError, sessions};

use crate::error::{PageError, PageResult};
use crate::session::{cookie, session_cookie, set_cookie};

const VISITOR: &str = "terrane_visitor";
/// A variable's value may have 256 KiB, of which each byte may come as three.
const MAX_FORM_BYTES: usize = 1024 * 1024;
/// Name of the hidden field.
const TOKEN: &str = "form-token";

/// A form that one of our own pages sent.
#[derive(Clone)]
pub(crate) struct Submitted {
    fields: Vec<(String, String)>,
    /// The page was made for the session that the browser is in, not for a visitor.
    pub(crate) is_of_session: bool,
}

impl Submitted {
    /// A field, if it is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// A field, empty if it is missing.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    /// A field of spaces around a name or an address.
    pub(crate) fn trimmed(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().trim().to_owned()
    }

    /// All fields, by name.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A field of many lines. Browsers send every line break as two characters.
    pub(crate) fn lines(&self, name: &str) -> String {
        with_plain_breaks(self.get(name).unwrap_or_default())
    }

    /// Whether a box is ticked.
    pub(crate) fn is_ticked(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A field that is never shown.
    pub(crate) fn secret(&self, name: &str) -> Secret {
        Secret::new(self.get(name).unwrap_or_default())
    }
}

/// The text with every line break as one character, as pages show it.
pub(crate) fn with_plain_breaks(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

impl FromRequestParts<App> for Submitted {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, PageError> {
        parts.extensions.get::<Self>().cloned().ok_or_else(PageError::forged)
    }
}

/// What stands in the address behind the question mark.
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// The first of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl FromRequestParts<App> for Parameters {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}

/// Whether the request comes from one of our own pages. Browsers send `Sec-Fetch-Site`; older ones only `Origin`.
fn is_from_our_page(app: &App, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (text("sec-fetch-site"), text("origin"), text("host")) {
        (Some(site), _, _) => site == "same-origin",
        (None, Some(origin), _) if origin == app.public_url() => true,
        // Where there is no TLS, browsers leave `Sec-Fetch-Site` out, and our own policy makes them say `null` for where a form
        // comes from. The form's token alone decides then.
        (None, Some("null"), _) => !app.is_https(),
        (None, Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, from)| from == host),
        _ => false,
    }
}

/// Stands before every page: what is not a mere look must come from our own page, with the token that the page was given for
/// this browser.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD) {
        return next.run(request).await;
    }
    match read(&app, request).await {
        Ok(request) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

async fn read(app: &App, request: Request) -> PageResult<Request> {
    let (mut parts, body) = request.into_parts();
    if !is_from_our_page(app, &parts.headers) {
        return Err(PageError::forged());
    }
    let bytes = to_bytes(body, MAX_FORM_BYTES)
        .await
        .map_err(|_| AppError::TooLarge("the form is too long; nothing was changed".to_owned()))?;
    let fields: Vec<(String, String)> = form_urlencoded::parse(&bytes).into_owned().collect();
    let mut submitted = Submitted { fields, is_of_session: false };
    let token = submitted.text(TOKEN);
    let is_for = |cookie: Option<Secret>| cookie.is_some_and(|cookie| sessions::is_form_token(app, &cookie, &token));
    submitted.is_of_session = is_for(session_cookie(app, &parts.headers));
    if !submitted.is_of_session && !is_for(cookie(app, &parts.headers, VISITOR)) {
        return Err(PageError::forged());
    }
    parts.extensions.insert(submitted);
    Ok(Request::from_parts(parts, Body::empty()))
}

fn hidden(token: &str) -> Markup {
    html! { input type="hidden" name=(TOKEN) value=(token); }
}

/// What the forms of a signed-in person's page carry.
pub(crate) struct FormToken(String);

impl FormToken {
    /// The hidden field.
    pub(crate) fn field(&self) -> Markup {
        hidden(&self.0)
    }
}

impl FromRequestParts<App> for FormToken {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let cookie = session_cookie(app, &parts.headers);
        Ok(Self(cookie.map(|cookie| sessions::form_token(app, &cookie)).unwrap_or_default()))
    }
}

/// What the forms of a page for anybody carry: bound to a cookie that says nothing but that it is the same browser.
pub(crate) struct Visitor {
    cookie: Secret,
    is_new: bool,
}

impl Visitor {
    /// The hidden field.
    pub(crate) fn field(&self, app: &App) -> Markup {
        hidden(&sessions::form_token(app, &self.cookie))
    }

    /// The page, with the cookie if the browser has none.
    pub(crate) fn answer(&self, app: &App, page: impl axum::response::IntoResponse) -> Response {
        let mut response = page.into_response();
        if let Some(cookie) = set_cookie(app, VISITOR, self.cookie.reveal(), None).filter(|_| self.is_new) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        let is_one =
            |cookie: &Secret| cookie.reveal().len() == 64 && cookie.reveal().bytes().all(|it| it.is_ascii_hexdigit());
        let known = cookie(app, &parts.headers, VISITOR).filter(is_one);
        let is_new = known.is_none();
        Ok(Self { cookie: known.unwrap_or_else(sessions::new_visitor), is_new })
    }
}

/// One labelled input. `kind` is HTML's type, `autocomplete` what a password manager needs to know.
pub(crate) fn input(label: &str, name: &str, kind: &str, value: &str, autocomplete: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        input id=(name) name=(name) type=(kind) value=(value) autocomplete=(autocomplete) required;
    }
}

/// What was wrong with a form, read out by screen readers.
pub(crate) fn fault(text: Option<&str>) -> Markup {
    html! { @if let Some(text) = text { p class="note fault" role="alert" { (text) } } }
}

/// What a service said that the person can do something about; anything else stays an error.
pub(crate) fn correctable(error: AppError) -> Result<String, AppError> {
    match error {
        AppError::Invalid { detail, .. } => Ok(detail),
        AppError::Conflict(_)
        | AppError::Forbidden(_)
        | AppError::BadRequest(_)
        | AppError::Unavailable(_)
        | AppError::TooManyTries(_) => {
            let text = error.to_string();
            let mut letters = text.chars();
            let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
            Ok(format!("{first}{}.", letters.as_str()))
        }
        other => Err(other),
    }
}

/// A button, or why it does nothing for this person. A disabled button cannot be reached by keyboard, so the reason stands
/// beside it as text.
pub(crate) fn button(label: &str, why_not: Option<&str>) -> Markup {
    html! {
        @if let Some(reason) = why_not {
            button disabled { (label) }
            span class="quiet" { (reason) }
        } @else {
            button { (label) }
        }
    }
}

/// Copies what stands before it. Shown by the script, which knows whether the browser can.
fn copy_button(what: &str) -> Markup {
    html! {
        button type="button" class="copy" data-copy hidden {
            span aria-live="polite" { "Copy" } span class="unseen" { " the " (what) }
        }
    }
}

/// A short text with a button that copies it; `what` it is is read out.
pub(crate) fn copyable(text: &str, what: &str) -> Markup {
    html! { span class="copyable" { code { (text) } (copy_button(what)) } }
}

/// A block of lines with a button that copies it.
pub(crate) fn copyable_block(text: &str, what: &str) -> Markup {
    html! {
        div class="copyable" {
            pre class="log" tabindex="0" role="region" aria-label={ "The " (what) } { (text) }
            (copy_button(what))
        }
    }
}

/// A secret that is shown this once, in a field of its own.
pub(crate) fn copyable_secret(id: &str, label: &str, secret: &str) -> Markup {
    html! {
        label for=(id) { (label) }
        span class="copyable" {
            input id=(id) class="secret" type="text" readonly value=(secret) autocomplete="off" autofocus;
            (copy_button("text"))
        }
    }
}

/// What a service refused, and which field is to blame.
pub(crate) struct Wrong {
    attribute: Option<String>,
    text: String,
}

impl Wrong {
    /// What the person can do something about; anything else stays an error.
    pub(crate) fn new(error: AppError) -> Result<Self, AppError> {
        let attribute = match &error {
            AppError::Invalid { pointer: Some(pointer), .. } => {
                let relation = || pointer.strip_prefix("/data/relationships/")?.strip_suffix("/data");
                pointer.strip_prefix("/data/attributes/").or_else(relation).map(str::to_owned)
            }
            _ => None,
        };
        Ok(Self { attribute, text: correctable(error)? })
    }

    /// Puts to one field what is wrong with several attributes that it stands for.
    pub(crate) fn of_field(mut self, field: &str, attributes: &[&str]) -> Self {
        if self.attribute.as_deref().is_some_and(|attribute| attributes.contains(&attribute)) {
            self.attribute = Some(field.to_owned());
        }
        self
    }

    /// What is wrong with this field.
    fn with(&self, name: &str) -> Option<&str> {
        (self.attribute.as_deref() == Some(name)).then_some(self.text.as_str())
    }

    /// What none of these fields is to blame for.
    pub(crate) fn beside(&self, names: &[&str]) -> Option<&str> {
        let is_shown = self.attribute.as_deref().is_some_and(|attribute| names.contains(&attribute));
        (!is_shown).then_some(self.text.as_str())
    }
}

/// A labelled field of a form of many, with what is wrong with it.
pub(crate) struct Field<'a> {
    /// What people read.
    pub(crate) label: &'a str,
    /// The API's name of it.
    pub(crate) name: &'a str,
    /// What makes its id unique where a page has many such forms.
    pub(crate) form: &'a str,
    /// What was refused.
    pub(crate) wrong: Option<&'a Wrong>,
    /// Whether the person may not change it.
    pub(crate) is_disabled: bool,
}

impl Field<'_> {
    fn id(&self) -> String {
        if self.form.is_empty() { self.name.to_owned() } else { format!("{}-{}", self.form, self.name) }
    }

    fn around(&self, control: impl FnOnce(&str, Option<&str>, Option<&str>) -> Markup) -> Markup {
        let id = self.id();
        let fault = self.wrong.and_then(|wrong| wrong.with(self.name));
        let fault_id = format!("{id}-fault");
        let described = fault.is_some().then_some(fault_id.as_str());
        html! {
            label for=(id) { (self.label) }
            (control(&id, fault.is_some().then_some("true"), described))
            @if let Some(fault) = fault { p class="note fault" id=(fault_id) role="alert" { (fault) } }
        }
    }

    /// One line.
    pub(crate) fn line(&self, value: &str) -> Markup {
        self.around(|id, invalid, described| {
            html! {
                input id=(id) name=(self.name) type="text" value=(value) autocomplete="off" spellcheck="false"
                    aria-invalid=[invalid] aria-describedby=[described] disabled[self.is_disabled];
            }
        })
    }

    /// Many lines. The first line break in the document is not part of the text.
    pub(crate) fn text(&self, value: &str) -> Markup {
        self.around(|id, invalid, described| {
            html! {
                textarea id=(id) name=(self.name) rows="3" autocomplete="off" spellcheck="false"
                    aria-invalid=[invalid] aria-describedby=[described] disabled[self.is_disabled] { "\n" (value) }
            }
        })
    }

    /// A choice of values and their names.
    pub(crate) fn choice(&self, options: &[(&str, &str)], chosen: &str) -> Markup {
        self.around(|id, invalid, described| {
            html! {
                select id=(id) name=(self.name) aria-invalid=[invalid] aria-describedby=[described] disabled[self.is_disabled] {
                    @for (value, name) in options { option value=(value) selected[*value == chosen] { (name) } }
                }
            }
        })
    }

    /// Yes or no.
    pub(crate) fn tick(&self, is_set: bool) -> Markup {
        let id = self.id();
        let fault = self.wrong.and_then(|wrong| wrong.with(self.name));
        html! {
            span class="tick" {
                input id=(id) name=(self.name) type="checkbox" value="true" checked[is_set] disabled[self.is_disabled];
                label for=(id) { (self.label) }
            }
            @if let Some(fault) = fault { p class="note fault" role="alert" { (fault) } }
        }
    }
}
