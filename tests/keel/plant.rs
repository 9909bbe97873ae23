//! A keel on the bench with a deployment that does what it is told.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::intent::{Intent, Wanted};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::schedule::{Days, Hours, On, Schedule, Window};
use jiff::tz::TimeZone;

use crate::bench::{Bench, MINUTE, accepted, mono, sees, singles};

/// Every day from `begin` to `end` o'clock.
pub(crate) fn daily(name: &str, begin: u16, end: u16) -> Intent {
    let hours = Hours::new(begin * 60, end * 60).unwrap();
    let window = Window { on: On::Days(Days::ALL), hours, text: hours.to_string().into() };
    let schedule = Schedule {
        name: name.into(),
        zone: TimeZone::UTC,
        windows: vec![window],
        exceptions: vec![],
        ready: true,
    };
    Intent { wanted: Wanted::Scheduled(Arc::new(schedule)), ..Intent::fixed(Desired::Stopped) }
}

/// A deployment that does what it is told, and how long it takes.
pub(crate) struct Plant {
    pub(crate) bench: Bench,
    pub(crate) status: &'static str,
    /// When it settles, and as what.
    settles: Option<(Duration, &'static str)>,
    pub(crate) takes: Duration,
    /// The starts and stops, with the time of day.
    pub(crate) posts: Vec<String>,
}

impl Plant {
    pub(crate) fn new(intent: Intent) -> Self {
        let bench = Bench::with(singles(), &[("a", intent)]);
        Self::around(bench)
    }

    fn around(bench: Bench) -> Self {
        Self { bench, status: "stopped", settles: None, takes: 2 * MINUTE, posts: vec![] }
    }

    fn time(&self) -> Duration {
        self.bench.now.mono.since(mono(Duration::ZERO))
    }

    fn clock(&self) -> String {
        self.bench.now.wall.to_string()[8..19].to_owned()
    }

    fn settle(&mut self) {
        if let Some((when, status)) = self.settles
            && when <= self.time()
        {
            (self.status, self.settles) = (status, None);
        }
    }

    fn answer(&mut self) {
        while let Some(call) = self.bench.calls().first().cloned() {
            self.settle();
            let outcome = match call.as_str() {
                "status a" => sees("a", self.status),
                "start a" => {
                    (self.status, self.settles) =
                        ("starting", Some((self.time() + self.takes, "running")));
                    accepted()
                }
                "stop a" => {
                    (self.status, self.settles) =
                        ("stopping", Some((self.time() + MINUTE, "stopped")));
                    accepted()
                }
                other => panic!("{other}"),
            };
            if call != "status a" {
                let clock = self.clock();
                self.posts.push(format!("{clock} {call}"));
            }
            self.bench.answer(&call, outcome);
        }
    }

    /// Lives until so long after midnight of the first day.
    pub(crate) fn until(&mut self, end: Duration) {
        loop {
            self.answer();
            let wake = self.bench.keel.next_wake(self.bench.now.mono);
            match wake.filter(|wake| wake.at <= mono(end)) {
                Some(wake) => self.bench.jump(wake.at.max(self.bench.now.mono.shifted(1))),
                None => {
                    self.bench.jump(mono(end));
                    return;
                }
            }
            self.bench.tell(Event::Tick);
        }
    }

    /// Another process, with the same desired file.
    pub(crate) fn restart(&mut self, after: Duration, intent: Intent) {
        let bench = std::mem::replace(&mut self.bench, Bench::new(singles()));
        self.bench = bench.restart(after);
        self.bench.edit("r1", &[("a", intent)]);
    }
}
