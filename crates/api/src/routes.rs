//! Routes and their declarations: method, path, and who may come at all. The declaration is the gate: it stands before
//! the handler, and only behind it a handler gets a caller.

use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{MethodRouter, on};
use terrane_app::{App, AppError};
use terrane_domain::access::{Action, CredentialKind};

use crate::error::ApiResult;
use crate::extract::authenticated;

/// Who may come to a route at all. Whether the right is there, the service decides where it finds the thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a credential; a wrong one does no harm.
    Public,
    /// Whoever holds the signed address.
    SignedAddress,
    /// A person, by a token of the person's own.
    Person,
    /// A token that stands for a person, a team or an organization. Those for one purpose (the audit trail, a run, a
    /// runner) do not: they come where a right says so, and see nothing here. Source: the table of `api-tokens.mdx`.
    Authenticated,
    /// Who may do this where the path points; others see nothing there.
    Right(Action),
    /// Runners.
    Runner,
}

/// One route as declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// GET, POST, ...
    pub method: &'static str,
    /// The path with its `{parameters}`.
    pub path: &'static str,
    /// Who may come.
    pub access: Access,
}

/// Routes being declared.
#[derive(Default)]
pub struct Routes {
    declared: Vec<(Route, MethodRouter<App>)>,
}

macro_rules! methods {
    ($($name:ident $method:literal $filter:ident;)+) => {$(
        #[doc = concat!("Declares a ", $method, " route.")]
        #[must_use]
        pub fn $name<H, T>(self, path: &'static str, access: Access, handler: H) -> Self
        where
            H: Handler<T, App>,
            T: 'static,
        {
            self.add($method, path, access, on(axum::routing::MethodFilter::$filter, handler))
        }
    )+};
}

impl Routes {
    fn add(mut self, method: &'static str, path: &'static str, access: Access, route: MethodRouter<App>) -> Self {
        self.declared.push((Route { method, path, access }, route));
        self
    }

    methods! {
        get "GET" GET;
        post "POST" POST;
        put "PUT" PUT;
        patch "PATCH" PATCH;
        delete "DELETE" DELETE;
    }

    /// Takes another module's routes in.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.declared.extend(other.declared);
        self
    }

    /// The declarations.
    pub fn declarations(self) -> Vec<Route> {
        self.declared.into_iter().map(|(route, _)| route).collect()
    }

    /// The routes behind their gates.
    pub fn into_router(self, app: &App) -> Router<App> {
        self.declared.into_iter().fold(Router::new(), |router, (route, handler)| {
            router.route(route.path, handler.route_layer(from_fn_with_state((app.clone(), route.access), gate)))
        })
    }
}

/// Lets a request to its handler if its credential may come here at all, and leaves the caller to the extractors.
async fn gate(State((app, access)): State<(App, Access)>, mut request: Request, next: Next) -> Response {
    let admitted = match access {
        Access::Public | Access::SignedAddress => Ok(()),
        Access::Person => admit(&app, &mut request, |kind| kind == CredentialKind::User).await,
        Access::Authenticated => admit(&app, &mut request, stands_for_someone).await,
        Access::Right(_) => admit(&app, &mut request, |_| true).await,
        Access::Runner => admit(&app, &mut request, |kind| kind == CredentialKind::RunnerPool).await,
    };
    match admitted {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

const fn stands_for_someone(kind: CredentialKind) -> bool {
    matches!(kind, CredentialKind::User | CredentialKind::Team | CredentialKind::Organization)
}

async fn admit(app: &App, request: &mut Request, may_come: impl Fn(CredentialKind) -> bool) -> ApiResult<()> {
    let caller = authenticated(app, request.headers()).await?;
    if !may_come(caller.kind) {
        return Err(AppError::NotFound.into());
    }
    request.extensions_mut().insert(caller);
    Ok(())
}
