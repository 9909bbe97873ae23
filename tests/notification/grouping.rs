//! What is told, and how seldom: notices and time in, titles out.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::CallId;
use evenkeel::keel::deployment::{AccountId, Action, DeploymentId, Status};
use evenkeel::keel::guard::Release;
use evenkeel::keel::intent::Rule;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::record::Cause;
use evenkeel::keel::time::{Mono, Wall};
use evenkeel::notification::{Digest, Groups, Heard, Pace, Phase, Watcher, What};

const PACE: Pace = Pace { wait: Duration::from_secs(30), interval: Duration::from_secs(300) };

/// The room without tasks or sockets: a watcher, groups, and a clock in seconds.
pub(crate) struct Bench {
    watcher: Watcher,
    groups: Groups,
    seconds: i64,
    pub(crate) told: Vec<(i64, Digest)>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            watcher: Watcher::default(),
            groups: Groups::new(PACE),
            seconds: 0,
            told: Vec::new(),
        }
    }

    pub(crate) fn hears(&mut self, notice: Notice) {
        let at = Wall::from_millis(1_800_000_000_000 + self.seconds * 1000);
        let Some(what) = What::of(&notice) else { return };
        for news in self.watcher.hear(Heard { what, at, name: None }) {
            self.groups.take(news, self.now());
        }
    }

    /// Lets time pass, and tells what is due on the second.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let end = self.seconds + seconds;
        loop {
            let (now, watcher) = (self.now(), &self.watcher);
            let digests = self.groups.collect(now, |kind| watcher.expects(kind));
            self.told.extend(digests.into_iter().map(|digest| (now.millis() / 1000, digest)));
            if self.seconds == end {
                return;
            }
            self.seconds += 1;
        }
    }

    /// What was told, as `second: title`.
    pub(crate) fn titles(&self) -> Vec<String> {
        let line = |(at, digest): &(i64, Digest)| format!("{at}: {}", digest.title());
        self.told.iter().map(line).collect()
    }

    fn now(&self) -> Mono {
        Mono::from_millis(self.seconds * 1000)
    }
}

pub(crate) fn id(text: &str) -> DeploymentId {
    DeploymentId::parse(text).unwrap()
}

pub(crate) fn status(deployment: &str, from: Option<Status>, to: Status) -> Notice {
    Notice::StatusChanged { deployment: id(deployment), from, to, at: Mono::from_millis(0) }
}

pub(crate) fn reason(deployment: &str, to: Reason) -> Notice {
    let message = Arc::from(format!("it is {to}"));
    Notice::ReasonChanged { deployment: id(deployment), from: None, to, message }
}

pub(crate) fn acting(deployment: &str, action: Action) -> Notice {
    let because = "Mon-Fri 08:00-19:00".into();
    let cause = Cause {
        desired: action.leads_to(),
        rule: Rule::Schedule { name: "office-hours".into(), because },
        revision: "3f9c1a2b".into(),
        saw: Status::Running,
        seen: Wall::from_millis(0),
    };
    Notice::Acting { id: CallId(1), deployment: id(deployment), action, cause }
}

/// An evening: forty stops, of which each takes its time.
#[test]
fn a_fleets_evening_stop_is_one_message() {
    let mut bench = Bench::new();
    let names: Vec<_> = (0..40).map(|n| format!("d{n:02}")).collect();
    for name in &names {
        bench.hears(status(name, None, Status::Running));
        bench.hears(reason(name, Reason::InSync));
    }
    bench.pass(600);
    for name in &names {
        bench.hears(acting(name, Action::Stop));
        bench.hears(reason(name, Reason::Stopping));
    }
    for name in &names {
        bench.pass(6);
        bench.hears(status(name, Some(Status::Running), Status::Stopping));
        bench.hears(status(name, Some(Status::Stopping), Status::Stopped));
        bench.hears(reason(name, Reason::InSync));
    }
    bench.pass(3600);
    assert_eq!(bench.titles(), ["840: 40 deployments are stopped"]);
    let (_, digest) = &bench.told[0];
    let message = "wanted stopped by schedule office-hours (Mon-Fri 08:00-19:00)";
    assert!(digest.items.iter().all(|item| &*item.message == message));
}

#[test]
fn one_that_hangs_does_not_hold_the_others_up_for_long() {
    let mut bench = Bench::new();
    for name in ["a", "b"] {
        bench.hears(status(name, None, Status::Running));
        bench.hears(acting(name, Action::Stop));
    }
    bench.hears(status("a", Some(Status::Stopping), Status::Stopped));
    bench.pass(3000);
    bench.hears(reason("b", Reason::Stalled));
    bench.pass(3000);
    assert_eq!(bench.titles(), ["300: a is stopped", "3030: b is stalled"]);
}

/// The evening of an account that shares one stop an hour is a message an hour, no more.
#[test]
fn what_is_not_under_way_is_not_waited_for() {
    let mut bench = Bench::new();
    for name in ["a", "b"] {
        bench.hears(status(name, None, Status::Running));
        bench.hears(acting(name, Action::Stop));
        bench.pass(60);
        bench.hears(status(name, Some(Status::Stopping), Status::Stopped));
        bench.pass(3540);
    }
    assert_eq!(bench.titles(), ["90: a is stopped", "3690: b is stopped"]);
}

#[test]
fn what_comes_and_goes_is_not_told() {
    let mut bench = Bench::new();
    bench.hears(status("a", None, Status::Running));
    bench.hears(reason("a", Reason::InSync));
    for _ in 0..5 {
        bench.hears(reason("a", Reason::NotFound));
        bench.pass(10);
        bench.hears(reason("a", Reason::InSync));
        bench.hears(status("a", Some(Status::Running), Status::Stopped));
        bench.pass(10);
        bench.hears(status("a", Some(Status::Starting), Status::Running));
    }
    bench.pass(3600);
    assert_eq!(bench.titles(), Vec::<String>::new());
}

#[test]
fn a_fault_is_told_once_and_once_that_it_is_over() {
    let mut bench = Bench::new();
    bench.hears(reason("a", Reason::Failed));
    bench.pass(100);
    // A look that fails, or a try, is no recovery.
    for open in [Reason::BackingOff, Reason::Starting, Reason::Unauthorized, Reason::Unobserved] {
        bench.hears(reason("a", open));
        bench.pass(400);
        bench.hears(reason("a", Reason::Failed));
        bench.pass(400);
    }
    // Nor is one that does not last.
    bench.hears(reason("a", Reason::InSync));
    bench.pass(20);
    bench.hears(reason("a", Reason::Failed));
    bench.pass(400);
    bench.hears(reason("a", Reason::InSync));
    bench.pass(400);
    assert_eq!(bench.titles(), ["30: a has failed", "3750: a is no longer reported as failed"]);
}

#[test]
fn another_fault_takes_the_place_of_the_one_before() {
    let mut bench = Bench::new();
    bench.hears(reason("a", Reason::Stalled));
    bench.pass(100);
    bench.hears(reason("a", Reason::Failed));
    bench.pass(100);
    bench.hears(reason("a", Reason::InSync));
    bench.pass(100);
    let told = ["30: a is stalled", "130: a has failed", "230: a is no longer reported as failed"];
    assert_eq!(bench.titles(), told);
}

/// However it flaps: twelve messages an hour of a kind at most.
#[test]
fn what_flaps_for_hours_is_told_seldom() {
    let mut bench = Bench::new();
    for _ in 0..120 {
        bench.hears(reason("a", Reason::NotFound));
        bench.pass(35);
        bench.hears(reason("a", Reason::InSync));
        bench.pass(35);
    }
    let begun = bench.told.iter().filter(|(_, digest)| digest.phase == Phase::Begun).count();
    assert!(begun <= 120 * 70 / 300 + 1, "{:#?}", bench.titles());
}

#[test]
fn a_refused_key_is_told_of_the_account_and_not_of_each_deployment() {
    let mut bench = Bench::new();
    let account = AccountId::new("default");
    bench.hears(Notice::CredentialsRefused { account: account.clone() });
    for n in 0..40 {
        bench.hears(reason(&format!("d{n}"), Reason::Unauthorized));
    }
    bench.pass(1000);
    bench.hears(Notice::CredentialsAccepted { account });
    for n in 0..40 {
        bench.hears(reason(&format!("d{n}"), Reason::InSync));
    }
    bench.pass(1000);
    let told = [
        "30: The API refuses the key of account default",
        "1030: The API accepts the key of account default again",
    ];
    assert_eq!(bench.titles(), told);
}

#[test]
fn a_refused_file_is_told_with_each_report_and_its_mending_once() {
    let mut bench = Bench::new();
    let refused = |report: &str| Notice::ManifestRefused { report: report.into() };
    bench.hears(refused("d.yaml:1:1: what is this?"));
    bench.hears(refused("d.yaml:1:1: and this?"));
    bench.pass(1000);
    bench.hears(refused("d.yaml:2:1: what is that?"));
    bench.pass(1000);
    bench.hears(Notice::ManifestMended { revision: "r2".into() });
    bench.pass(1000);
    let told = [
        "30: The desired file is refused",
        "1030: The desired file is refused",
        "2030: The desired file is mended",
    ];
    assert_eq!(bench.titles(), told);
    let message = |n: usize| bench.told[n].1.items[0].message.to_string();
    assert_eq!(message(0), "its last good content stays in force\nd.yaml:1:1: and this?");
    assert_eq!(message(2), "r2 is in force");
}

#[test]
fn a_held_change_is_told_with_the_way_out_and_its_end() {
    let mut bench = Bench::new();
    let change: Arc<str> = "1a2b3c4d".into();
    let since = Wall::from_millis(0);
    bench.hears(Notice::StopsHeld { change: change.clone(), stops: 12, fleet: 20, since });
    for n in 0..12 {
        bench.hears(reason(&format!("d{n}"), Reason::Held));
    }
    bench.pass(100);
    bench.hears(Notice::StopsReleased { change, stops: 12, why: Release::Acknowledged });
    bench.pass(100);
    let told = [
        "30: A change of the desired file is held",
        "130: No change of the desired file is held any more",
    ];
    assert_eq!(bench.titles(), told);
    let message = &bench.told[0].1.items[0].message;
    assert!(message.contains("would stop 12 of 20 deployments"), "{message}");
    assert!(message.contains("`acknowledge: 1a2b3c4d`"), "{message}");
}

#[test]
fn lateness_and_a_full_disk_have_a_beginning_and_an_end() {
    let mut bench = Bench::new();
    let (ready_by, by) = (Wall::from_millis(0), Duration::from_secs(0));
    let (deployment, message) = (id("a"), "its start is under way".into());
    let reason = Reason::Starting;
    bench.hears(Notice::Late { deployment: deployment.clone(), ready_by, by, reason, message });
    bench.hears(Notice::LedgerStuck { fault: "no space left on device".into() });
    bench.pass(100);
    bench.hears(Notice::LateNoMore { deployment, ready_by, by, runs: true });
    bench.hears(Notice::LedgerFree);
    bench.pass(100);
    let told = [
        "30: a is late",
        "30: The ledger cannot be written",
        "130: a is no longer late",
        "130: The ledger can be written again",
    ];
    assert_eq!(bench.titles(), told);
}

#[test]
fn what_leaves_the_file_is_forgotten() {
    let mut bench = Bench::new();
    bench.hears(reason("a", Reason::NotFound));
    bench.pass(100);
    bench.hears(acting("b", Action::Start));
    bench.hears(Notice::Left { deployment: id("a") });
    bench.hears(Notice::Left { deployment: id("b") });
    bench.hears(reason("a", Reason::InSync));
    bench.pass(400);
    bench.hears(reason("a", Reason::NotFound));
    bench.pass(100);
    assert_eq!(bench.titles(), ["30: a cannot be acted on", "530: a cannot be acted on"]);
    assert!(!bench.watcher.expects(evenkeel::notification::Kind::Started));
}

/// A process that starts tells what it finds wrong, and not what it finds.
#[test]
fn the_first_look_is_no_news_but_for_faults() {
    let mut bench = Bench::new();
    for (name, now) in [("a", Status::Running), ("b", Status::Stopped), ("c", Status::Failed)] {
        bench.hears(status(name, None, now));
    }
    bench.hears(reason("a", Reason::InSync));
    bench.hears(reason("b", Reason::InSync));
    bench.hears(reason("c", Reason::Failed));
    // One was on its way when the process before ended.
    bench.hears(status("d", None, Status::Stopping));
    bench.hears(status("d", Some(Status::Stopping), Status::Stopped));
    bench.pass(400);
    assert_eq!(bench.titles(), ["30: d is stopped", "30: c has failed"]);
    assert_eq!(&*bench.told[0].1.items[0].message, "without a stop by this process");
}

#[test]
fn a_passage_that_turns_back_is_no_stop() {
    let mut bench = Bench::new();
    bench.hears(status("a", None, Status::Running));
    bench.hears(acting("a", Action::Stop));
    bench.hears(status("a", Some(Status::Running), Status::Stopping));
    bench.hears(status("a", Some(Status::Stopping), Status::Running));
    bench.pass(400);
    assert_eq!(bench.titles(), Vec::<String>::new());
}

#[test]
fn what_others_do_is_told_as_theirs() {
    let mut bench = Bench::new();
    bench.hears(status("a", None, Status::Running));
    bench.hears(status("a", Some(Status::Running), Status::Stopped));
    let status = Status::Stopped;
    bench.hears(Notice::Reversed { deployment: id("a"), status, count: 2 });
    bench.pass(400);
    assert_eq!(bench.titles(), ["30: a is stopped"]);
    let message = &bench.told[0].1.items[0].message;
    assert_eq!(&**message, "turned back from outside; 2 reversals by now");
}

#[test]
fn each_condition_that_needs_a_person_is_told_of_something() {
    let told: BTreeSet<_> = Reason::ALL
        .into_iter()
        .filter(|it| {
            let mut bench = Bench::new();
            bench.hears(reason("a", *it));
            bench.pass(400);
            !bench.told.is_empty()
        })
        .collect();
    // These are told of the change and of the account.
    let whole = [Reason::Held, Reason::Unauthorized];
    let needs = Reason::ALL.into_iter().filter(|it| it.needs_a_person() && !whole.contains(it));
    assert_eq!(told, needs.collect());
}
