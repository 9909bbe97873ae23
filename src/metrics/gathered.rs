//! The families that the prometheus crate keeps, in either format. That crate writes OpenMetrics
//! not at all, and does not say since when a counter counts.

use std::fmt::Write as _;

use prometheus::TextEncoder;
use prometheus::proto::{Histogram, Metric, MetricFamily, MetricType};

use super::text::{Format, escape};
use crate::keel::time::Wall;

/// Writes `families`, whose counters and histograms count since `created`.
///
/// # Errors
/// When a family is of a type that this program does not use, or cannot be written.
pub(super) fn encode(
    families: &[MetricFamily],
    format: Format,
    created: Wall,
) -> Result<String, prometheus::Error> {
    match format {
        Format::Text => TextEncoder::new().encode_to_string(families),
        Format::OpenMetrics => {
            let mut out = String::new();
            for family in families {
                write(&mut out, family, created.seconds())?;
            }
            Ok(out)
        }
    }
}

fn write(out: &mut String, family: &MetricFamily, created: f64) -> Result<(), prometheus::Error> {
    let kind = family.get_field_type();
    let (name, help) = (family.name(), family.help());
    let name = Format::OpenMetrics.family(name, kind == MetricType::COUNTER);
    // Writing to a string cannot fail, here and below.
    let _ = writeln!(out, "# HELP {name} {help}");
    let word = match kind {
        MetricType::COUNTER => "counter",
        MetricType::GAUGE => "gauge",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY | MetricType::UNTYPED => {
            return Err(prometheus::Error::Msg(format!("{name} is of the type {kind:?}")));
        }
    };
    let _ = writeln!(out, "# TYPE {name} {word}");
    for metric in family.get_metric() {
        let labels = labels(metric, "");
        if kind == MetricType::GAUGE {
            let _ = writeln!(out, "{name}{labels} {}", metric.get_gauge().get_value());
            continue;
        }
        if kind == MetricType::COUNTER {
            let _ = writeln!(out, "{name}_total{labels} {}", metric.get_counter().get_value());
        } else {
            histogram(out, name, metric, metric.get_histogram());
        }
        let _ = writeln!(out, "{name}_created{labels} {created}");
    }
    Ok(())
}

fn histogram(out: &mut String, name: &str, metric: &Metric, histogram: &Histogram) {
    for bucket in histogram.get_bucket() {
        // OpenMetrics wants a bound to look like a float: `1.0`.
        let le = labels(metric, &format!("{:?}", bucket.upper_bound()));
        let _ = writeln!(out, "{name}_bucket{le} {}", bucket.cumulative_count());
    }
    let (labels, le) = (labels(metric, ""), labels(metric, "+Inf"));
    let (count, sum) = (histogram.get_sample_count(), histogram.get_sample_sum());
    let _ = writeln!(out, "{name}_bucket{le} {count}");
    let _ = writeln!(out, "{name}_count{labels} {count}\n{name}_sum{labels} {sum}");
}

/// The labels in braces, if there are any, with the bound `le` of a bucket if it is one.
fn labels(metric: &Metric, le: &str) -> String {
    let mut out = String::new();
    let own = metric.get_label().iter().map(|label| (label.name(), label.value()));
    for (name, value) in own.chain((!le.is_empty()).then_some(("le", le))) {
        out.push(if out.is_empty() { '{' } else { ',' });
        let _ = write!(out, "{name}=\"");
        escape(&mut out, value);
        out.push('"');
    }
    if !out.is_empty() {
        out.push('}');
    }
    out
}
