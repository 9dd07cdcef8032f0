//! Routes and their declarations: method, path, and who may come at all.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodRouter, on};
use terrane_app::App;
use terrane_domain::access::Action;

/// Who may come to a route at all; the service decides the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a credential; a wrong one does no harm.
    Public,
    /// Whoever holds the signed address.
    SignedAddress,
    /// Any valid credential.
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
    declared: Vec<Route>,
    router: Router<App>,
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
        self.declared.push(Route { method, path, access });
        self.router = self.router.route(path, route);
        self
    }

    methods! {
        get "GET" GET;
        post "POST" POST;
        put "PUT" PUT;
        patch "PATCH" PATCH;
    }

    /// Takes another module's routes in.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.declared.extend(other.declared);
        self.router = self.router.merge(other.router);
        self
    }

    /// The declarations and the router.
    pub fn into_parts(self) -> (Vec<Route>, Router<App>) {
        (self.declared, self.router)
    }
}
