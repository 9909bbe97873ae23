//! Answers and their headers.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// The page has no scripts, no forms, no frames and one stylesheet of its own; nothing else has
/// anything to load at all.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Html,
    Style,
    /// The text format of Prometheus.
    Metrics,
}

impl Kind {
    const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Metrics => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// Everything shows the present, but the stylesheet is the version's; a new one should show
    /// soon.
    const fn caching(self) -> &'static str {
        match self {
            Self::Text | Self::Json | Self::Html | Self::Metrics => "no-store",
            Self::Style => "max-age=300",
        }
    }
}

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    kind: Kind,
    body: Bytes,
}

#[derive(Serialize)]
struct Fault<'a> {
    error: &'a str,
}

impl Reply {
    /// A line, or several, of text.
    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        Self { status, kind: Kind::Text, body: format!("{text}\n").into() }
    }

    /// What went wrong, as text or as `{"error": …}`.
    pub(super) fn fault(kind: Kind, status: StatusCode, error: &str) -> Self {
        match kind {
            Kind::Json => {
                let reply = Self::json(&Fault { error: &error.replace('\n', " ") });
                // A value that cannot be written keeps its own status.
                if reply.status == StatusCode::OK { Self { status, ..reply } } else { reply }
            }
            Kind::Text | Kind::Html | Kind::Style | Kind::Metrics => Self::text(status, error),
        }
    }

    /// `value` as JSON on one line.
    pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(mut body) => {
                body.push(b'\n');
                Self { status: StatusCode::OK, kind: Kind::Json, body: body.into() }
            }
            Err(error) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// The exposition for Prometheus.
    pub(super) fn metrics(text: String) -> Self {
        Self { status: StatusCode::OK, kind: Kind::Metrics, body: text.into() }
    }

    /// A page.
    pub(super) fn html(page: maud::Markup) -> Self {
        Self { status: StatusCode::OK, kind: Kind::Html, body: page.into_string().into() }
    }

    /// The stylesheet.
    pub(super) const fn style(style: &'static str) -> Self {
        Self {
            status: StatusCode::OK,
            kind: Kind::Style,
            body: Bytes::from_static(style.as_bytes()),
        }
    }

    /// The response; to HEAD without its body, but with the length that it would have.
    pub(super) fn into_response(self, head: bool) -> Response<Full<Bytes>> {
        let Self { status, kind, body } = self;
        let length = HeaderValue::from(body.len());
        let mut response = Response::new(Full::new(if head { Bytes::new() } else { body }));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.media_type()));
        headers.insert(CONTENT_LENGTH, length);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static(kind.caching()));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}
