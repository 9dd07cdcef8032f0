//! The page and its forms, whatever the teams have access to.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::Markup;
use terrane_app::organizations::OrganizationView;
use terrane_app::{App, AppError, AppResult};
use terrane_domain::access::Caller;
use terrane_domain::ids::TeamId;

use super::levels::Kind;
use super::{Page, Refused, Row, team_id, visible_teams};
use crate::error::PageResult;
use crate::forms::{FormToken, Submitted, Wrong};
use crate::paths::Path;
use crate::session::SignedIn;

/// A project or a workspace, as far as access to them differs.
pub(crate) trait Place: Sized + Send + Sync {
    /// The levels and rights that there are here.
    const KIND: &'static Kind;
    /// What one team may do here.
    type Id: Send;

    /// The place that an address means.
    fn find(
        app: &App,
        caller: &Caller,
        organization: &str,
        name: &str,
    ) -> impl Future<Output = PageResult<Self>> + Send;

    fn organization(&self) -> &OrganizationView;

    /// Where the page is.
    fn address(&self) -> String;

    /// Why nothing can be changed.
    fn why_not(&self) -> Option<&'static str>;

    fn rows(&self, app: &App, caller: &Caller) -> impl Future<Output = AppResult<Vec<Row>>> + Send;

    /// The page around the list and its forms.
    fn around(&self, app: &App, caller: &Caller, list: &Markup) -> impl Future<Output = PageResult<Markup>> + Send;

    /// The access that an address means, if it is one to this place.
    fn access(&self, app: &App, caller: &Caller, id: &str) -> impl Future<Output = PageResult<Self::Id>> + Send;

    fn create(
        &self,
        app: &App,
        caller: &Caller,
        team_id: TeamId,
        form: &Submitted,
    ) -> impl Future<Output = AppResult<()>> + Send;

    fn update(app: &App, caller: &Caller, id: Self::Id, form: &Submitted)
    -> impl Future<Output = AppResult<()>> + Send;

    fn delete(app: &App, caller: &Caller, id: Self::Id) -> impl Future<Output = AppResult<()>> + Send;
}

async fn answer<P: Place>(
    app: &App,
    caller: &Caller,
    token: &FormToken,
    place: &P,
    refused: Option<Refused>,
) -> PageResult<Response> {
    let page = Page {
        kind: P::KIND,
        here: place.address(),
        rows: place.rows(app, caller).await?,
        teams: visible_teams(app, caller, place.organization()).await?,
        why_not: place.why_not(),
        refused,
    };
    let body = place.around(app, caller, &page.render(token)).await?;
    Ok((page.status(), body).into_response())
}

async fn settle<P: Place>(
    app: &App,
    caller: &Caller,
    token: &FormToken,
    place: &P,
    done: Result<(), AppError>,
    (id, form): (Option<String>, Submitted),
) -> PageResult<Response> {
    match done {
        Ok(()) => Ok(Redirect::to(&place.address()).into_response()),
        Err(error) => {
            let refused = Refused { id, form, wrong: Wrong::new(error)? };
            answer(app, caller, token, place, Some(refused)).await
        }
    }
}

/// The page.
pub(crate) async fn show<P: Place>(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, name)): Path<(String, String)>,
) -> PageResult<Response> {
    let place = P::find(&app, &caller, &organization, &name).await?;
    answer(&app, &caller, &token, &place, None).await
}

/// Gives a team access.
pub(crate) async fn create<P: Place>(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, name)): Path<(String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let place = P::find(&app, &caller, &organization, &name).await?;
    let done = match team_id(&form) {
        Ok(team_id) => place.create(&app, &caller, team_id, &form).await,
        Err(error) => Err(error),
    };
    settle(&app, &caller, &token, &place, done, (None, form)).await
}

/// Changes what a team may do.
pub(crate) async fn update<P: Place>(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    token: FormToken,
    Path((organization, name, access)): Path<(String, String, String)>,
    form: Submitted,
) -> PageResult<Response> {
    let place = P::find(&app, &caller, &organization, &name).await?;
    let id = place.access(&app, &caller, &access).await?;
    let done = P::update(&app, &caller, id, &form).await;
    settle(&app, &caller, &token, &place, done, (Some(access), form)).await
}

/// Takes a team's access away.
pub(crate) async fn delete<P: Place>(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Path((organization, name, access)): Path<(String, String, String)>,
) -> PageResult<Response> {
    let place = P::find(&app, &caller, &organization, &name).await?;
    let id = place.access(&app, &caller, &access).await?;
    P::delete(&app, &caller, id).await?;
    Ok(Redirect::to(&place.address()).into_response())
}
