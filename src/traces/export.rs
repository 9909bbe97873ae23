//! The way out: OTLP over HTTP, as OpenTelemetry's own environment variables say.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{ExporterBuildError, Protocol, SpanExporter};
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use reqwest::Url;
use tokio::runtime::Handle;

use super::Traces;
use crate::keel::notice::chain;
use crate::outbound::polite_to;

/// The variables of which one must be set for anything to be sent. The first is the whole URL, the
/// other a base. By the OTLP exporter's specification.
pub const VARIABLES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// For one request; a collector is near.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why no traces can be sent.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The variable holds no URL.
    #[error("`{0}` is no `http` or `https` URL; expected one like `http://127.0.0.1:4318`")]
    Url(&'static str),
    /// The HTTP client cannot be had.
    #[error("no HTTP client")]
    Client(#[source] reqwest::Error),
    /// The exporter does not like its settings.
    #[error("the OTLP exporter cannot be set up")]
    Exporter(#[source] ExporterBuildError),
}

/// Begins to send traces if one of [`VARIABLES`] says where to; inside a tokio runtime.
///
/// # Errors
/// When that is no URL, or the exporter refuses another of its variables.
pub fn open(version: &'static str) -> Result<Option<Traces>, Fault> {
    let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some((name, url)) = VARIABLES.iter().find_map(|name| Some((*name, set(name)?))) else {
        return Ok(None);
    };
    let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or(Fault::Url(name))?;
    let client = polite_to(&url).timeout(TIMEOUT).build().map_err(Fault::Client)?;
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(Sender {
            client,
            runtime: Handle::current(),
            failing: AtomicBool::new(false),
        })
        .build()
        .map_err(Fault::Exporter)?;
    let mut resource = Resource::builder();
    if std::env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("evenkeel");
    }
    let resource = resource.with_attribute(KeyValue::new("service.version", version)).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let tracer = provider.tracer("evenkeel");
    Ok(Some(Traces { tracer, provider, under_way: BTreeMap::new() }))
}

/// Sends for the exporter's thread, which is none of the runtime's.
struct Sender {
    client: reqwest::Client,
    runtime: Handle,
    failing: AtomicBool,
}

impl Sender {
    /// Says once that it does not work, and once that it does again.
    fn note(&self, fault: Option<&dyn std::error::Error>) {
        let before = self.failing.swap(fault.is_some(), Ordering::Relaxed);
        match (before, fault) {
            (false, Some(fault)) => tracing::warn!("cannot send traces: {}", chain(fault)),
            (true, None) => tracing::info!("traces can be sent again"),
            (false, None) | (true, Some(_)) => (),
        }
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sending = async move {
            let answer = client.execute(request.try_into()?).await?;
            let refused = answer.error_for_status_ref().err();
            let status = answer.status();
            let mut response = Response::new(answer.bytes().await?);
            *response.status_mut() = status;
            Ok::<_, reqwest::Error>((response, refused))
        };
        let sent = self.runtime.spawn(sending).await?;
        // Of the URL nothing is told: there may be a token in it.
        let (response, refused) =
            sent.map_err(reqwest::Error::without_url).inspect_err(|error| {
                self.note(Some(error));
            })?;
        let refused = refused.map(reqwest::Error::without_url);
        self.note(refused.as_ref().map(|error| error as _));
        Ok(response)
    }
}
