//! The routes of a function, told once.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;

use crate::describe::Operation;

/// Takes in routes, to serve them or to describe them.
///
/// The words of an [`Operation`] are made by a function that only [`Described`] calls: a binary that serves has none of
/// them, and no start waits for them.
pub trait Api<S> {
    /// One route. The same path may be told again with another method.
    fn route<H, T>(&mut self, method: Method, path: &str, handler: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static;

    /// A route that answers exactly as another one does, which is the one to describe: a second place at which clients
    /// look.
    fn alias<H, T>(&mut self, method: Method, path: &str, handler: H, of: &str)
    where
        H: Handler<T, S>,
        T: 'static;

    /// `GET`.
    fn get<H, T>(&mut self, path: &str, handler: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.route(Method::GET, path, handler, operation);
    }

    /// `POST`.
    fn post<H, T>(&mut self, path: &str, handler: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.route(Method::POST, path, handler, operation);
    }

    /// `PUT`.
    fn put<H, T>(&mut self, path: &str, handler: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.route(Method::PUT, path, handler, operation);
    }

    /// `DELETE`.
    fn delete<H, T>(&mut self, path: &str, handler: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.route(Method::DELETE, path, handler, operation);
    }

    /// The same taker, for routes whose paths all begin with the first of `prefixes`, and are served under the others, too.
    fn under<'a>(&'a mut self, prefixes: &'a [&'a str]) -> Under<'a, Self>
    where
        Self: Sized,
    {
        Under { api: self, prefixes }
    }
}

/// See [`Api::under`].
#[derive(Debug)]
pub struct Under<'a, A> {
    api: &'a mut A,
    prefixes: &'a [&'a str],
}

impl<S, A: Api<S>> Api<S> for Under<'_, A> {
    fn route<H, T>(&mut self, method: Method, path: &str, handler: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let Some((described, others)) = self.prefixes.split_first() else { return };
        let described = format!("{described}{path}");
        for other in others {
            self.api.alias(method.clone(), &format!("{other}{path}"), handler.clone(), &described);
        }
        self.api.route(method, &described, handler, operation);
    }

    fn alias<H, T>(&mut self, method: Method, path: &str, handler: H, of: &str)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        for prefix in self.prefixes {
            self.api.alias(
                method.clone(),
                &format!("{prefix}{path}"),
                handler.clone(),
                &format!("{prefix}{of}"),
            );
        }
    }
}

/// Serves what it takes in: the handlers of each path, by method. A router is made of them in the end, because one that grows
/// route by route is rebuilt for each.
#[derive(Debug)]
pub struct Routes<S>(Vec<(String, MethodRouter<S>)>);

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    fn add<H, T>(&mut self, method: Method, path: &str, handler: H)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        // Every method that routes are told with has a filter; one that had none would be served by no route.
        let Ok(filter) = MethodFilter::try_from(method) else { return };
        let known = self.0.iter().position(|(known, _)| known == path);
        let methods = known.map(|at| self.0.swap_remove(at).1).unwrap_or_default();
        self.0.push((path.to_owned(), methods.on(filter, handler)));
    }
}

impl<S: Clone + Send + Sync + 'static> Api<S> for Routes<S> {
    fn route<H, T>(&mut self, method: Method, path: &str, handler: H, _: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(method, path, handler);
    }

    fn alias<H, T>(&mut self, method: Method, path: &str, handler: H, _: &str)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(method, path, handler);
    }
}

/// The router of what a function tells.
pub fn router<S: Clone + Send + Sync + 'static>(api: impl FnOnce(&mut Routes<S>)) -> Router<S> {
    let mut routes = Routes(Vec::new());
    api(&mut routes);
    routes.0.into_iter().fold(Router::new(), |router, (path, methods)| router.route(&path, methods))
}

/// One route with its promises.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path, with placeholders: `/v1/kpis/{kpi_id}/latest`.
    pub path: String,
    /// What it promises.
    pub promise: Promise,
}

/// What a route promises.
#[derive(Debug, Clone)]
pub enum Promise {
    /// This.
    Own(Box<Operation>),
    /// What the same method of another path promises.
    SameAs(String),
}

/// Keeps what it takes in.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// All routes, in the order in which they were told.
    pub routes: Vec<Route>,
}

impl<S> Api<S> for Described {
    fn route<H, T>(&mut self, method: Method, path: &str, _: H, operation: fn() -> Operation)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        let promise = Promise::Own(Box::new(operation()));
        self.routes.push(Route { method, path: path.to_owned(), promise });
    }

    fn alias<H, T>(&mut self, method: Method, path: &str, _: H, of: &str)
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.routes.push(Route { method, path: path.to_owned(), promise: Promise::SameAs(of.to_owned()) });
    }
}
