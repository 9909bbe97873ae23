//! The TCP endpoint under the rules of a web configuration: TLS, passwords, headers.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};
use tokio::net::TcpListener;

use super::answer::{Body, Kind, Reply};
use super::{State, admin, over_tcp};
use crate::serve::{Bounds, serve};
use crate::web::{Door, Live, Rules, Verdict};

/// As [`super::run`], under the rules of `live`.
pub async fn run(
    listener: TcpListener,
    live: Arc<Live>,
    state: Arc<State>,
    shutdown: impl Future<Output = ()>,
) {
    let changes = state.changes.clone();
    let door = Door { listener, live: live.clone() };
    let handler = move |request: Request<Incoming>, peer: SocketAddr| {
        let (state, live) = (Arc::clone(&state), Arc::clone(&live));
        async move {
            let rules = live.rules();
            let mut response = match refusal(&live, &rules, &request).await {
                None => over_tcp(&state, request, peer).await,
                Some(refusal) => refusal,
            };
            for (name, value) in rules.headers() {
                response.headers_mut().insert(name, value.clone());
            }
            Ok(response)
        }
    };
    let shutdown = async move {
        shutdown.await;
        changes.close();
    };
    serve(door, Bounds::default(), shutdown, handler).await;
}

/// What is answered instead, if the request is not let in.
async fn refusal(
    live: &Live,
    rules: &Rules,
    request: &Request<Incoming>,
) -> Option<Response<Body>> {
    let authorization = request.headers().get(AUTHORIZATION);
    // What changes something has a token of its own, which is in the same header.
    let path = request.uri().path();
    if authorization.and_then(admin::bearer).is_some() && admin::Target::of(path).is_some() {
        return None;
    }
    let kind = Kind::of_path(path);
    let refuse = |status, fault, header, value| {
        let reply = Reply::fault(kind, status, fault);
        let mut response = reply.into_response(*request.method() == Method::HEAD);
        response.headers_mut().insert(header, HeaderValue::from_static(value));
        Some(response)
    };
    match live.admit(rules, authorization).await {
        Verdict::Admitted => None,
        Verdict::Refused => {
            let fault = "the user name or the password is missing or wrong";
            let challenge = "Basic realm=\"evenkeel\", charset=\"UTF-8\"";
            refuse(StatusCode::UNAUTHORIZED, fault, WWW_AUTHENTICATE, challenge)
        }
        Verdict::Busy => {
            let fault = "too many passwords wait to be compared; come back in a second";
            refuse(StatusCode::SERVICE_UNAVAILABLE, fault, RETRY_AFTER, "1")
        }
    }
}
