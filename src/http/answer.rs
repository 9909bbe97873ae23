//! Answers and their headers.

use http_body_util::{Either, Full};
use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName,
    HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::accept::Format;
use super::ask::Silent;
use super::assets::Asset;
use super::events::Stream;
use super::pieces::{self, Pieces};

/// One stylesheet, one script and one icon, all of its own; nothing inline, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Html,
    Style,
    Script,
    Icon,
    Events,
    Metrics(Format),
}

impl Kind {
    /// How faults are told where no target says so.
    pub(super) fn of_path(path: &str) -> Self {
        if path.starts_with("/api/") { Self::Json } else { Self::Text }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Json => "application/json",
            Self::Html => "text/html; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Icon => "image/svg+xml",
            Self::Events => "text/event-stream",
            Self::Metrics(Format::Text) => "text/plain; version=0.0.4; charset=utf-8",
            Self::Metrics(Format::OpenMetrics) => {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            }
        }
    }
}

/// Everything shows the present.
const FRESH: &str = "no-store";

/// What is asked for by its version never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// A body: whole, or one that goes on, to its end or for as long as somebody listens.
pub type Body = Either<Full<Bytes>, Either<pieces::Body, Stream>>;

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Reply {
    status: StatusCode,
    kind: Kind,
    body: Content,
    caching: &'static str,
}

/// What is in an answer.
#[derive(Debug)]
enum Content {
    Whole(Bytes),
    Pieces(pieces::Body),
}

/// What went wrong.
#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Fault<'a> {
    /// What, where, what was expected and what to do next, for people.
    error: &'a str,
}

impl Reply {
    fn new(status: StatusCode, kind: Kind, body: impl Into<Bytes>) -> Self {
        Self { status, kind, body: Content::Whole(body.into()), caching: FRESH }
    }

    /// All of `pieces`: at once if it is one, else as fast as the client takes them.
    pub(super) async fn pieces(kind: Kind, mut pieces: impl Pieces) -> Result<Self, Silent> {
        let first = pieces.next().await?.unwrap_or_default();
        let whole = Self::new(StatusCode::OK, kind, first.clone());
        let second = pieces.next().await?;
        let goes_on = second.map(|second| pieces::body([first, second], pieces));
        Ok(Self { body: goes_on.map_or(whole.body, Content::Pieces), ..whole })
    }

    /// A line, or several, of text.
    pub(super) fn text(status: StatusCode, text: &str) -> Self {
        Self::new(status, Kind::Text, format!("{text}\n"))
    }

    /// What went wrong, as text or as `{"error": …}`.
    pub(super) fn fault(kind: Kind, status: StatusCode, error: &str) -> Self {
        match kind {
            Kind::Json => {
                let reply = Self::json(&Fault { error: &error.replace('\n', " ") });
                // A value that cannot be written keeps its own status.
                if reply.status == StatusCode::OK { Self { status, ..reply } } else { reply }
            }
            Kind::Html => Self::html(status, super::page::fault(status, error)),
            Kind::Text
            | Kind::Style
            | Kind::Script
            | Kind::Icon
            | Kind::Events
            | Kind::Metrics(_) => Self::text(status, error),
        }
    }

    /// `value` as JSON on one line.
    pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(mut body) => {
                body.push(b'\n');
                Self::new(StatusCode::OK, Kind::Json, body)
            }
            Err(error) => Self::text(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
        }
    }

    /// JSON that is written already.
    pub(super) fn written(json: &'static str) -> Self {
        Self::new(StatusCode::OK, Kind::Json, json)
    }

    /// The head of a stream of events.
    pub(super) fn events() -> Self {
        Self::new(StatusCode::OK, Kind::Events, Bytes::new())
    }

    /// A page.
    pub(super) fn html(status: StatusCode, page: maud::Markup) -> Self {
        Self::new(status, Kind::Html, page.into_string())
    }

    /// One of the page's own files, which may be kept if its version was asked for.
    pub(super) fn asset(asset: &'static Asset, query: Option<&str>) -> Self {
        let caching = if asset.is_versioned(query) { FOR_EVER } else { FRESH };
        Self { caching, ..Self::new(StatusCode::OK, asset.kind, asset.text) }
    }

    /// The response; to HEAD without its body, but with the length that it would have, if that is
    /// known.
    pub(super) fn into_response(self, head: bool) -> Response<Body> {
        let Self { status, kind, body, caching } = self;
        let (length, body) = match body {
            Content::Whole(body) => (Some(body.len()), Either::Left(Full::new(body))),
            Content::Pieces(body) => (None, Either::Right(Either::Left(body))),
        };
        let body = if head { Either::Left(Full::default()) } else { body };
        let mut response = respond(status, kind, caching, body);
        if let Some(length) = length {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }
}

/// An answer that goes on.
pub(super) fn stream(events: Stream) -> Response<Body> {
    respond(StatusCode::OK, Kind::Events, FRESH, Either::Right(Either::Right(events)))
}

fn respond(status: StatusCode, kind: Kind, caching: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let headers_of_ours = [
        (CONTENT_TYPE, kind.media_type()),
        (CACHE_CONTROL, caching),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in headers_of_ours {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
