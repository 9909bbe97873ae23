//! What the parts cost as the fleet grows, in this process and in virtual time. `growth.py` runs it
//! and adds the growth exponents; `measure.py` measures the whole binary.
#![expect(clippy::unwrap_used, reason = "what cannot be measured is a fault of the measure")]

mod world;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use evenkeel::controller::show;
use evenkeel::http::admin::{Gate, RATE};
use evenkeel::http::{self, Changes, Heartbeat, Lines, PATIENCE, State};
use evenkeel::keel::call::{Body, Call, Outcome, Request};
use evenkeel::keel::deployment::{Desired, Status};
use evenkeel::keel::history::History;
use evenkeel::keel::intent::Intent;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;
use evenkeel::keel::time::{Mono, Now};
use evenkeel::ledger::{FileLedger, Ledger as _};
use evenkeel::manifest::parse as parse_desired;
use evenkeel::metrics::{self, Metrics};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use world::{EPOCH, World, answered, facts, manifest};

fn main() {
    divan::main();
}

/// The sizes of fleets that are measured.
const FLEETS: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];

/// A server whose deployments all run, without the list call.
fn all_run(call: &Call, _: Now) -> Outcome {
    match &call.request {
        Request::Status(id) => answered(200, Body::Deployment(facts(id, Status::Running))),
        Request::List => answered(404, Body::Refused(None)),
        Request::Start(_) | Request::Stop(_) => answered(201, Body::Accepted),
    }
}

/// A fleet that runs, as desired, each read once, one by one.
fn settled(fleet: usize) -> World {
    let mut policy = Policy::default();
    policy.observe.list = false;
    let mut world = World::new(&policy, EPOCH, &mut |_| ());
    let intent = Intent::fixed(Desired::Running);
    world.tell(Event::ManifestRead(manifest(fleet, &intent)), &mut |_| ());
    while world.answer(&mut all_run, &mut |_| ()) > 0 {}
    world
}

/// So many calls, each from its wake-up to its answer.
fn calls(world: &mut World, count: usize, each: &mut impl FnMut(&[Record])) {
    let mut done = 0;
    while done < count {
        world.wake(Mono::from_millis(i64::MAX), each);
        done += world.answer(&mut all_run, each);
    }
}

/// Decisions of the keel: a read that comes due is decided on, answered and taken in.
#[divan::bench(args = FLEETS, sample_count = 20, sample_size = 1)]
fn reads(bencher: Bencher<'_, '_>, fleet: usize) {
    const READS: usize = 1_000;
    let mut world = settled(fleet);
    bencher.counter(ItemsCount::new(READS)).bench_local(|| calls(&mut world, READS, &mut |_| ()));
}

/// The same file again with another revision: found out that nothing else changed.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn edit_of_one(bencher: Bencher<'_, '_>, fleet: usize) {
    let mut world = settled(fleet);
    let intent = Intent::fixed(Desired::Running);
    let mut revision = 0;
    let whole = manifest(fleet, &intent);
    bencher.bench_local(|| {
        revision += 1;
        let mut edited = (*whole).clone();
        edited.revision = format!("r{revision}").into();
        let last = edited.intents.get_mut(&world::id(fleet - 1)).unwrap();
        Arc::make_mut(last).protect = revision % 2 == 0;
        world.tell(Event::ManifestRead(Arc::new(edited)), &mut |_| ());
    });
}

/// A desired file in which each entry has its line.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn parse_short(bencher: Bencher<'_, '_>, fleet: usize) {
    let mut text = "deployments:\n".to_owned();
    (0..fleet).for_each(|place| writeln!(text, "  {}: running", world::id(place)).unwrap());
    parse(bencher, &text);
}

/// A desired file in which each entry is a map that follows a schedule.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn parse_long(bencher: Bencher<'_, '_>, fleet: usize) {
    let mut text = "timezone: Europe/Berlin\nschedules:\n  office:\n    \
                    running: [Mon-Fri 08:00-19:00]\ndeployments:\n"
        .to_owned();
    for place in 0..fleet {
        let id = world::id(place);
        writeln!(text, "  {id}: {{ state: office, name: deployment-{id} }}").unwrap();
    }
    parse(bencher, &text);
}

fn parse(bencher: Bencher<'_, '_>, text: &str) {
    bencher
        .counter(BytesCount::of_str(text))
        .bench_local(|| parse_desired("desired.yaml", text.as_bytes(), None).unwrap());
}

/// Reads reserved and settled, appended as they come, without a sync.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn append(bencher: Bencher<'_, '_>, fleet: usize) {
    let records = records(fleet);
    bencher
        .counter(ItemsCount::new(records.len()))
        .with_inputs(|| FileLedger::open(&scratch("append"), |_| ()).unwrap().0)
        .bench_local_refs(|ledger| {
            for pair in records.chunks(2) {
                ledger.append(pair, false).unwrap();
            }
        });
}

/// Start from a ledger that holds a read of each deployment: read, checked and folded.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn replay(bencher: Bencher<'_, '_>, fleet: usize) {
    let records = records(fleet);
    let dir = scratch("replay");
    FileLedger::open(&dir, |_| ()).unwrap().0.append(&records, true).unwrap();
    bencher.counter(ItemsCount::new(records.len())).bench_local(|| {
        let mut history = History::new(Policy::default());
        FileLedger::open(&dir, |record| history.apply(&record)).unwrap();
        history
    });
}

fn records(fleet: usize) -> Vec<Record> {
    let mut records = Vec::new();
    let mut world = settled(fleet);
    calls(&mut world, fleet, &mut |more| records.extend_from_slice(more));
    records
}

/// An empty state directory.
fn scratch(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("evenkeel-bench-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// `GET /metrics`, from the question to the last byte.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn scrape(bencher: Bencher<'_, '_>, fleet: usize) {
    get(bencher, fleet, "/metrics");
}

/// `GET /api/v1/deployments`.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn json(bencher: Bencher<'_, '_>, fleet: usize) {
    get(bencher, fleet, "/api/v1/deployments");
}

/// `GET /`: the first page of the fleet.
#[divan::bench(args = FLEETS, sample_count = 5, sample_size = 1)]
fn page(bencher: Bencher<'_, '_>, fleet: usize) {
    get(bencher, fleet, "/");
}

fn get(bencher: Bencher<'_, '_>, fleet: usize, path: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let state = runtime.block_on(async { endpoint(settled(fleet)) });
    let request = hyper::Request::get(path).body(()).unwrap();
    bencher.bench_local(|| {
        runtime.block_on(async {
            let answer = http::route(&state, &request).await;
            assert_eq!(answer.status(), 200);
            black_box(answer.into_body().collect().await.unwrap().to_bytes().len())
        })
    });
}

/// The endpoint over a controller that does nothing but answer it.
fn endpoint(world: World) -> State {
    let World { keel, now, .. } = world;
    let (queries, mut asked) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(query) = asked.recv().await {
            if let Some((_, accepted)) = show(&keel, query, now) {
                accepted.send(()).unwrap();
            }
        }
    });
    let metrics = Arc::new(Metrics::new("0.0.0", move || now.wall).unwrap());
    State {
        queries,
        patience: PATIENCE,
        heartbeat: Heartbeat::new(now.mono),
        gate: Gate::new(Duration::from_secs(3600), RATE, None),
        changes: Changes::new(now.mono),
        now: Box::new(move || now.mono),
        exposition: Box::new(move |view, fleet, _| {
            let text = metrics.expose(view, fleet, now.mono, metrics::Format::Text);
            text.map(Lines::new).map_err(|error| error.to_string())
        }),
    }
}
