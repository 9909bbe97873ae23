//! Figures for Prometheus. Calls are counted as they end; everything that has a present state is
//! written anew at each scrape, so what left the desired file leaves the metrics.

mod exposition;
mod families;
mod gathered;
mod meter;
mod shown;
mod tally;
mod text;
mod word;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::process_collector::ProcessCollector;
use prometheus::{HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Registry};

use crate::keel::call::{Call, Fate, Method};
use crate::keel::deployment::DeploymentId;
use crate::keel::figures::Figures;
use crate::keel::notice::Notice;
use crate::keel::time::{Mono, Wall};

pub use exposition::Exposition;
use families::{API_DURATION, API_REQUESTS, CLOCK_STEPS, UNEXPECTED_429};
pub use families::{FAMILIES, Family, Kind, PROCESS_FAMILIES, families_table};
use tally::{Tally, outcome};
pub use text::Format;

/// Seconds. An answer from the next city takes some 50 ms, one from another continent half a
/// second; the last two buckets are the default time-out and what a longer one could let pass.
const DURATION_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 60.0];

/// Counters that are read without a pause: the control loop waits for that long to count.
const HELD_MAX: usize = 1000;

/// The label for a call that may have arrived.
const UNANSWERED: &str = "unanswered";

/// The label for a call of which not one byte was sent.
const NEVER_LEFT: &str = "never_left";

/// The label for a status word that nobody has documented. A server's word is never a label.
const UNKNOWN: &str = "unknown";

/// The counters of this process.
#[derive(Debug)]
pub struct Metrics {
    version: String,
    wall: WallClock,
    /// When the counters of the process began at 0.
    created: Wall,
    registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    unexpected: IntCounterVec,
    clock_steps: IntCounter,
    fleet: Mutex<BTreeMap<DeploymentId, Box<Tally>>>,
    configuration: AtomicBool,
    web_configuration: AtomicBool,
    /// Whether each desired file is in force as it is now.
    files: Mutex<BTreeMap<String, bool>>,
    word: word::Word,
}

/// Reads the wall clock.
struct WallClock(Box<dyn Fn() -> Wall + Send + Sync>);

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

impl Metrics {
    /// Counters that begin at 0 now, by the clock `wall`, of the program of this `version`.
    ///
    /// # Errors
    /// When a family's declaration is not valid, which the tests of this crate rule out.
    pub fn new(
        version: &str,
        wall: impl Fn() -> Wall + Send + Sync + 'static,
    ) -> Result<Self, prometheus::Error> {
        let durations = HistogramOpts::from(API_DURATION.opts()).buckets(DURATION_BUCKETS.into());
        let metrics = Self {
            version: version.to_owned(),
            created: wall(),
            wall: WallClock(Box::new(wall)),
            registry: Registry::new(),
            requests: IntCounterVec::new(API_REQUESTS.opts(), API_REQUESTS.labels)?,
            durations: HistogramVec::new(durations, API_DURATION.labels)?,
            unexpected: IntCounterVec::new(UNEXPECTED_429.opts(), UNEXPECTED_429.labels)?,
            clock_steps: IntCounter::with_opts(CLOCK_STEPS.opts())?,
            fleet: Mutex::default(),
            configuration: AtomicBool::new(true),
            web_configuration: AtomicBool::new(true),
            files: Mutex::default(),
            word: word::Word::default(),
        };
        for method in Method::ALL {
            let success = if method.acts() { "201" } else { "200" };
            for code in [success, UNANSWERED, NEVER_LEFT] {
                metrics.requests.get_metric_with_label_values(&[method.as_str(), code])?;
            }
            metrics.durations.get_metric_with_label_values(&[method.as_str()])?;
            metrics.unexpected.get_metric_with_label_values(&[method.as_str()])?;
        }
        metrics.registry.register(Box::new(metrics.requests.clone()))?;
        metrics.registry.register(Box::new(metrics.durations.clone()))?;
        metrics.registry.register(Box::new(metrics.unexpected.clone()))?;
        metrics.registry.register(Box::new(metrics.clock_steps.clone()))?;
        metrics.registry.register(Box::new(ProcessCollector::for_self()))?;
        Ok(metrics)
    }

    /// Counts `notice`, if it is something that is counted.
    pub fn count(&self, notice: &Notice) {
        match notice {
            Notice::CallEnded { id: _, call, took, fate, fault: _ } => {
                self.count_call(call, *took, *fate);
            }
            Notice::Unexpected429 { call, closed_until: _, widened_until: _ } => {
                self.unexpected.with_label_values(&[call.method().as_str()]).inc();
            }
            Notice::Reversed { deployment, status: _, count: _ } => {
                let mut fleet = self.fleet();
                let tally = self.tally(&mut fleet, deployment);
                tally.reversals = tally.reversals.saturating_add(1);
            }
            Notice::StatusChanged { deployment, from, to, at } => {
                let mut fleet = self.fleet();
                self.tally(&mut fleet, deployment).meter.turn(from.as_ref(), to, *at);
            }
            Notice::ClockStepped { by: _ } => self.clock_steps.inc(),
            Notice::Recovered { .. }
            | Notice::ManifestAccepted { .. }
            | Notice::ManifestRefused { .. }
            | Notice::ManifestMended { .. }
            | Notice::Left { .. }
            | Notice::StopsHeld { .. }
            | Notice::StopsReleased { .. }
            | Notice::Wished { .. }
            | Notice::Resumed { .. }
            | Notice::DesiredChanged { .. }
            | Notice::Acting { .. }
            | Notice::ReasonChanged { .. }
            | Notice::SlowPassage { .. }
            | Notice::CredentialsRefused { .. }
            | Notice::CredentialsAccepted { .. }
            | Notice::ListCall { .. }
            | Notice::LedgerStuck { .. }
            | Notice::LedgerFree
            | Notice::Leads { .. }
            | Notice::Draining { .. }
            | Notice::Late { .. }
            | Notice::LateNoMore { .. } => {}
        }
    }

    /// Says whether the configuration file as it is now is the one in force. The desired file's
    /// part of `evenkeel_config_last_reload_successful` comes from what is shown at a scrape.
    pub fn configuration_reloaded(&self, successful: bool) {
        self.configuration.store(successful, Ordering::Relaxed);
    }

    /// Says the same of the web configuration and the files that it names.
    pub fn web_configuration_reloaded(&self, successful: bool) {
        self.web_configuration.store(successful, Ordering::Relaxed);
    }

    /// Says which desired files there are, and whether each is in force as it is now.
    pub fn desired_files<'a>(&self, files: impl IntoIterator<Item = (&'a str, bool)>) {
        let files = files.into_iter().map(|(name, valid)| (name.to_owned(), valid));
        *self.files() = files.collect();
    }

    /// Says that none of the desired files is to be had.
    pub fn desired_files_lost(&self) {
        self.files().values_mut().for_each(|valid| *valid = false);
    }

    fn count_call(&self, call: &Call, took: Duration, fate: Fate) {
        let method = call.method().as_str();
        match fate {
            Fate::Answered { code, retry_after: _ } => {
                self.requests.with_label_values(&[method, &code.to_string()]).inc();
            }
            Fate::Unanswered => self.requests.with_label_values(&[method, UNANSWERED]).inc(),
            Fate::NeverLeft => self.requests.with_label_values(&[method, NEVER_LEFT]).inc(),
        }
        if fate != Fate::NeverLeft {
            self.durations.with_label_values(&[method]).observe(took.as_secs_f64());
        }
        if let (Some(action), Some(deployment)) = (call.action(), call.deployment()) {
            let mut fleet = self.fleet();
            let tally = self.tally(&mut fleet, deployment);
            tally.count(action, outcome(fate));
        }
    }

    /// What is counted for these deployments, by id, up to `now`. What was counted for others is
    /// forgotten.
    fn tallies(&self, present: &[Figures], now: Mono) -> Vec<Tally> {
        let mut all = Vec::with_capacity(present.len());
        for some in present.chunks(HELD_MAX) {
            let mut fleet = self.fleet();
            let mut known = fleet.range_mut::<DeploymentId, _>(&some[0].id..).peekable();
            let mut new = Vec::new();
            for one in some {
                while known.next_if(|(id, _)| **id < one.id).is_some() {}
                let tally = known.next_if(|(id, _)| **id == one.id).map(|(_, tally)| {
                    tally.meter.run(now);
                    Tally::clone(tally)
                });
                all.push(tally.unwrap_or_else(|| {
                    let tally = Tally::since(self.now());
                    new.push((one.id.clone(), Box::new(tally.clone())));
                    tally
                }));
            }
            fleet.extend(new);
        }
        let mut fleet = self.fleet();
        if fleet.len() > present.len() {
            let mut known = present.iter().peekable();
            fleet.retain(|id, _| {
                while known.next_if(|one| one.id < *id).is_some() {}
                known.peek().is_some_and(|one| one.id == *id)
            });
        }
        all
    }

    /// What is counted for `deployment`; from now on, if nothing was.
    fn tally<'a>(
        &self,
        fleet: &'a mut BTreeMap<DeploymentId, Box<Tally>>,
        deployment: &DeploymentId,
    ) -> &'a mut Tally {
        fleet.entry(deployment.clone()).or_insert_with(|| Box::new(Tally::since(self.now())))
    }

    fn now(&self) -> Wall {
        self.wall.0()
    }

    /// The counts are whole after every statement under the lock, so a panic elsewhere spoils
    /// nothing.
    fn fleet(&self) -> MutexGuard<'_, BTreeMap<DeploymentId, Box<Tally>>> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
