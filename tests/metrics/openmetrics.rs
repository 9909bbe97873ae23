//! The same figures in OpenMetrics: nothing more, nothing less, and since when they count.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::*;

fn open() -> String {
    encode(&counted(), &view(), NOW, Format::OpenMetrics)
}

#[test]
fn the_exposition_of_a_fleet_in_openmetrics() {
    insta::assert_snapshot!(ours(&open()));
}

/// Sample for sample: only the bounds of buckets are spelled otherwise (`1.0`), and the stamps
/// are added.
#[test]
fn both_formats_tell_the_same() {
    let spelled = |line: &str| {
        ["1", "10", "30", "60"].iter().fold(line.to_owned(), |line, bound| {
            line.replace(&format!("le=\"{bound}\""), &format!("le=\"{bound}.0\""))
        })
    };
    let samples = |text: &str| -> BTreeSet<String> {
        ours(text).lines().filter(|line| !line.starts_with('#')).map(spelled).collect()
    };
    let (text, open) = (samples(&text(&counted(), &view(), NOW)), samples(&open()));
    let added: Vec<_> = open.difference(&text).collect();
    assert!(text.is_subset(&open), "{:#?}", text.difference(&open));
    assert!(added.iter().all(|line| line.contains("_created")), "{added:#?}");
    let counters = |line: &&String| line.contains("_total{") || line.contains("_total ");
    let series = text.iter().filter(counters).count()
        + text.iter().filter(|line| line.contains("le=\"+Inf\"")).count();
    assert_eq!(added.len(), series, "each counter and histogram has its stamp");
}

#[test]
fn the_end_is_said_once_and_names_lose_their_suffix_in_type_and_help_only() {
    let text = open();
    assert!(text.ends_with("\n# EOF\n"));
    assert_eq!(text.matches("# EOF").count(), 1);
    for family in FAMILIES {
        let name = match family.kind {
            Kind::Counter => family.name.strip_suffix("_total").unwrap(),
            Kind::Gauge | Kind::Histogram => family.name,
        };
        assert!(text.contains(&format!("# TYPE {name} {}\n", family.kind)), "{name}");
        assert!(text.contains(&format!("# HELP {name} {}\n", family.help)), "{name}");
    }
    assert!(text.contains("# TYPE process_cpu_seconds counter\n"));
}

/// `increase()` may trust the stamp: what left the file and came back counts from 0 since then.
#[test]
fn what_begins_anew_says_so() {
    let time = Arc::new(AtomicI64::new(1_000_000));
    let clock = Arc::clone(&time);
    let metrics =
        Metrics::new("1.2.3", move || Wall::from_millis(clock.load(Ordering::Relaxed))).unwrap();
    let metrics = Arc::new(metrics);
    let stamp = |view: &View, name: &str| {
        let text = encode(&metrics, view, NOW, Format::OpenMetrics);
        let line = text.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned));
        line.map(|value| value.trim().to_owned())
    };
    let b2 = "evenkeel_reversals_created{deployment=\"b2\"}";
    let clock_steps = "evenkeel_clock_steps_created";
    time.store(2_000_500, Ordering::Relaxed);
    let whole = view();
    assert_eq!(stamp(&whole, b2).as_deref(), Some("2000.5"));
    let mut less = whole.clone();
    less.deployments.retain(|one| one.id.as_str() != "b2");
    assert_eq!(stamp(&less, b2), None);
    time.store(3_000_000, Ordering::Relaxed);
    assert_eq!(stamp(&whole, b2).as_deref(), Some("3000"));
    assert_eq!(stamp(&whole, clock_steps).as_deref(), Some("1000"), "the process's own stay");
}
