//! [`Entrance`]: the web door's first look at a request. Checks that can be answered from memory are answered here; everything
//! else goes to the router.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use futures_util::future::Either;
use http::{Request, Response};
use hyper::body::Incoming;
use tower::Service;

use super::sso::Checker;

/// The web door as the accept loop serves it, which clones it for each request.
#[derive(Clone)]
pub struct Entrance {
    /// Answers checks.
    pub checker: Arc<Checker>,
    /// Answers everything.
    pub router: Router,
}

impl Service<Request<Incoming>> for Entrance {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response<Body>, Infallible>>, <Router as Service<Request<Incoming>>>::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request<Incoming>>::poll_ready(&mut self.router, context)
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        match self.checker.at_hand(&request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.router.call(request)),
        }
    }
}
