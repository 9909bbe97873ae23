//! Traces for OpenTelemetry (feature `otlp`): one for each time that a deployment was brought to its
//! desired state, from the moment it was not in sync to the moment it was. Its calls are spans
//! below, what was seen and decided are events.
//!
//! A trace is made when it is complete, from the notices that the log and the metrics are made of,
//! so the loop carries no span along. What ends without a start or stop makes no trace, and what is
//! not complete when the process ends is lost.

mod export;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use opentelemetry::trace::{Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, Span};

use crate::keel::call::{Call, Fate, Method};
use crate::keel::deployment::DeploymentId;
use crate::keel::notice::Notice;
use crate::keel::plan::Reason;
use crate::keel::record::Cause;
use crate::keel::time::Wall;

pub use export::{Fault, VARIABLES, open};

/// Calls and events that one trace holds; the first go first. A start takes minutes, and is watched
/// with growing pauses.
const STEPS_MAX: usize = 64;

/// Makes traces of notices.
#[derive(Debug)]
pub struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    under_way: BTreeMap<DeploymentId, Passage>,
}

/// A deployment on its way to its desired state.
#[derive(Debug)]
struct Passage {
    since: SystemTime,
    cause: Option<Cause>,
    steps: Vec<Step>,
    left_out: u32,
}

#[derive(Debug)]
struct Step {
    at: SystemTime,
    what: What,
}

#[derive(Debug)]
enum What {
    Said(String),
    Called { call: Call, took: Duration, fate: Fate },
}

impl Passage {
    const fn new(since: SystemTime) -> Self {
        Self { since, cause: None, steps: Vec::new(), left_out: 0 }
    }

    fn goes(&mut self, at: SystemTime, what: What) {
        if self.steps.len() == STEPS_MAX {
            self.steps.remove(0);
            self.left_out += 1;
        }
        self.steps.push(Step { at, what });
    }
}

impl Traces {
    /// What `notice`, which is told at `wall`, adds.
    pub fn tell(&mut self, notice: &Notice, wall: Wall) {
        let at = system_time(wall);
        match notice {
            Notice::ReasonChanged { deployment, to: Reason::InSync, .. } => {
                if let Some(passage) = self.under_way.remove(deployment) {
                    self.complete(deployment, &passage, at);
                }
            }
            Notice::ReasonChanged { deployment, to, message, from: _ } => {
                let passage = self.passage(deployment, at);
                passage.goes(at, What::Said(format!("{to}: {message}")));
            }
            Notice::StatusChanged { deployment, to, .. } => {
                if let Some(passage) = self.under_way.get_mut(deployment) {
                    passage.goes(at, What::Said(format!("is {to}")));
                }
            }
            Notice::Acting { deployment, cause, .. } => {
                self.passage(deployment, at).cause = Some(cause.clone());
            }
            Notice::CallEnded { call, took, fate, .. } => {
                let passage = call.deployment().and_then(|id| self.under_way.get_mut(id));
                if let Some(passage) = passage {
                    let (call, took, fate) = (call.clone(), *took, *fate);
                    passage.goes(at, What::Called { call, took, fate });
                }
            }
            Notice::Left { deployment } => drop(self.under_way.remove(deployment)),
            Notice::Recovered { .. }
            | Notice::Leads { .. }
            | Notice::ManifestAccepted { .. }
            | Notice::ManifestRefused { .. }
            | Notice::ManifestMended { .. }
            | Notice::StopsHeld { .. }
            | Notice::StopsReleased { .. }
            | Notice::Wished { .. }
            | Notice::Resumed { .. }
            | Notice::DesiredChanged { .. }
            | Notice::Unexpected429 { .. }
            | Notice::SlowPassage { .. }
            | Notice::Reversed { .. }
            | Notice::CredentialsRefused { .. }
            | Notice::CredentialsAccepted { .. }
            | Notice::ListCall { .. }
            | Notice::ClockStepped { .. }
            | Notice::LedgerStuck { .. }
            | Notice::LedgerFree
            | Notice::Draining { .. }
            | Notice::Late { .. }
            | Notice::LateNoMore { .. } => (),
        }
    }

    /// Sends what is complete, and waits for that at most so long.
    pub async fn close(self, patience: Duration) {
        // It waits for a thread that waits for requests, which this thread may have to serve.
        let provider = self.provider;
        let closing = tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(patience));
        if let Ok(Err(error)) = closing.await {
            tracing::warn!("some traces are lost: {error}");
        }
    }

    fn passage(&mut self, deployment: &DeploymentId, at: SystemTime) -> &mut Passage {
        self.under_way.entry(deployment.clone()).or_insert_with(|| Passage::new(at))
    }

    fn complete(&self, deployment: &DeploymentId, passage: &Passage, end: SystemTime) {
        let Some(cause) = &passage.cause else { return };
        let mut root = self
            .tracer
            .span_builder("reconcile")
            .with_kind(SpanKind::Internal)
            .with_start_time(passage.since)
            .with_attributes([
                KeyValue::new("evenkeel.deployment", deployment.to_string()),
                KeyValue::new("evenkeel.desired", cause.desired.as_str()),
                KeyValue::new("evenkeel.rule", cause.rule.to_string()),
                KeyValue::new("evenkeel.revision", cause.revision.to_string()),
                KeyValue::new("evenkeel.steps_left_out", i64::from(passage.left_out)),
            ])
            .start_with_context(&self.tracer, &Context::new());
        let below = Context::new().with_remote_span_context(root.span_context().clone());
        for step in &passage.steps {
            match &step.what {
                What::Said(text) => root.add_event_with_timestamp(text.clone(), step.at, vec![]),
                What::Called { call, took, fate } => {
                    let mut span = self.called(call, *took, step.at, &below);
                    ended(&mut span, *fate);
                    span.end_with_timestamp(step.at);
                }
            }
        }
        root.set_status(Status::Ok);
        root.end_with_timestamp(end);
    }

    fn called(&self, call: &Call, took: Duration, end: SystemTime, below: &Context) -> Span {
        let (verb, path) = match call.method() {
            Method::Status => ("GET", "/deployments/{id}"),
            Method::List => ("GET", "/deployments"),
            Method::Start => ("POST", "/deployments/{id}/start"),
            Method::Stop => ("POST", "/deployments/{id}/stop"),
        };
        // Names by the semantic conventions for HTTP client spans.
        self.tracer
            .span_builder(format!("{verb} {path}"))
            .with_kind(SpanKind::Client)
            .with_start_time(end.checked_sub(took).unwrap_or(end))
            .with_attributes([
                KeyValue::new("http.request.method", verb),
                KeyValue::new("url.template", path),
                KeyValue::new("evenkeel.account", call.account.to_string()),
            ])
            .start_with_context(&self.tracer, below)
    }
}

fn ended(span: &mut Span, fate: Fate) {
    let error = match fate {
        Fate::Answered { code, .. } => {
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(code)));
            (code >= 400).then(|| code.to_string())
        }
        Fate::Unanswered => Some("unanswered".to_owned()),
        Fate::NeverLeft => Some("never_left".to_owned()),
    };
    if let Some(error) = error {
        span.set_attribute(KeyValue::new("error.type", error));
        span.set_status(Status::error(""));
    }
}

fn system_time(wall: Wall) -> SystemTime {
    let millis = u64::try_from(wall.millis()).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}
