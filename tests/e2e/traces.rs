//! Traces: what a collector gets, as its own protocol defines it.

use std::collections::BTreeMap;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use prost::Message as _;

use crate::ear::Ear;
use crate::harness::{World, wait};

fn attributes(pairs: &[KeyValue]) -> BTreeMap<&str, String> {
    let value = |value: &Option<AnyValue>| match value.as_ref().and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        odd => panic!("{odd:?}"),
    };
    pairs.iter().map(|pair| (&*pair.key, value(&pair.value))).collect()
}

/// All spans that were heard, each with the name and the version of the service.
fn spans(ear: &Ear) -> Vec<(Span, String)> {
    let mut spans = Vec::new();
    for (_, body) in ear.heard() {
        let request = ExportTraceServiceRequest::decode(&*body).unwrap();
        for resource in request.resource_spans {
            let of = attributes(&resource.resource.as_ref().unwrap().attributes);
            let service = format!("{} {}", of["service.name"], of["service.version"]);
            let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| (span, service.clone())));
        }
    }
    spans
}

#[test]
fn a_stop_is_a_trace() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let ear = Ear::new(&[200]);
    let url = ear.url();
    let daemon = world.run_with(|command| {
        command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url);
    });
    daemon.converges(2);
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0), "{output}");
    let spans = spans(&ear);
    // One deployment was in sync from the beginning; nothing is told of it.
    let (root, service) = spans.iter().find(|(span, _)| span.name == "reconcile").unwrap();
    assert_eq!(*service, format!("evenkeel {}", env!("CARGO_PKG_VERSION")));
    let of = attributes(&root.attributes);
    assert_eq!((&*of["evenkeel.deployment"], &*of["evenkeel.desired"]), ("w41b11c0", "stopped"));
    assert_eq!(of["evenkeel.rule"], "state");
    assert!(root.events.iter().any(|event| event.name == "is stopping"), "{:?}", root.events);
    let below = |(span, _): &&(Span, String)| span.parent_span_id == root.span_id;
    let calls: Vec<&Span> = spans.iter().filter(below).map(|(span, _)| span).collect();
    assert_eq!(calls.len() + 1, spans.len(), "all belong to the one trace: {spans:?}");
    for call in &calls {
        assert_eq!((call.kind(), &call.trace_id), (SpanKind::Client, &root.trace_id));
        assert!(call.start_time_unix_nano <= call.end_time_unix_nano);
        assert!(call.end_time_unix_nano <= root.end_time_unix_nano);
    }
    let stops: Vec<_> =
        calls.iter().filter(|call| call.name == "POST /deployments/{id}/stop").collect();
    assert_eq!(stops.len(), 1, "{spans:?}");
    assert_eq!(attributes(&stops[0].attributes)["http.response.status_code"], "201");
}

#[test]
fn a_collector_that_is_not_there_is_told_once_and_changes_nothing() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: stopped\n");
    let ear = Ear::new(&[503]);
    let url = ear.url();
    let daemon = world.run_with(|command| {
        command.env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &url);
        command.env("OTEL_BSP_SCHEDULE_DELAY", "10");
    });
    daemon.converges(2);
    wait("two attempts", || (ear.heard().len() >= 2).then_some(()));
    let (code, output) = daemon.terminate();
    assert_eq!(code, Some(0), "{output}");
    assert_eq!(output.matches("cannot send traces").count(), 1, "{output}");
    // There may be a token in the path.
    assert!(!output.contains("canary"), "{output}");
}

#[test]
fn an_endpoint_that_is_none_is_refused() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let mut command = world.command(&["run"]);
    let output = command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318").output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{text}");
}
