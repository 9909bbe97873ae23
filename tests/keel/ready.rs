//! `ready: true`: how early a start is sent, by what was learned of starts, and what is told of
//! one that comes too late.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::call::{CallId, Fate};
use evenkeel::keel::chronicle::Note;
use evenkeel::keel::deployment::{Desired, Status};
use evenkeel::keel::history::History;
use evenkeel::keel::intent::{Intent, Override, Suspend, Wanted};
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::{Limit, Policy};
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::{Boot, Now, Wall};

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, at, id, lost, mono, refused, singles, start_of,
};
use crate::plant::{Plant, daily};

const DAY: Duration = Duration::from_secs(86_400);

fn office() -> Intent {
    daily("office", 9, 17)
}

/// So long after midnight of the first day, by the wall clock.
fn wall(after: Duration) -> Wall {
    Wall::from_millis(EPOCH + mono(after).millis())
}

impl Plant {
    /// What was told of being late, and clears it.
    fn late(&mut self) -> Vec<String> {
        let notices = std::mem::take(&mut self.bench.notices);
        let said = notices.iter().filter_map(|notice| match notice {
            Notice::Late { ready_by, by, reason, message, .. } => {
                Some(format!("late {ready_by} {by:?} {reason}: {message}"))
            }
            Notice::LateNoMore { ready_by, by, runs, .. } => {
                Some(format!("over {ready_by} {by:?} {runs}"))
            }
            _ => None,
        });
        said.collect()
    }

    fn shows_late(&self) -> bool {
        let view = self.bench.keel.view(self.bench.now);
        view.deployment("a").unwrap().ready.as_ref().unwrap().late.is_some()
    }
}

#[test]
fn the_first_start_is_a_quarter_of_an_hour_early_and_then_as_learned() {
    let mut plant = Plant::new(office());
    plant.until(3 * DAY);
    // Looked at 5, 12.5, 23.8, 40.6, 65.9 and 103.9 s after the start, and 160.9 s after it, which
    // is what is learned. With 10 s for the last look and a pause of 72.2 s, the next one comes
    // 243.1 s early.
    let posts = [
        "01T08:45:00 start a",
        "01T17:00:00 stop a",
        "02T08:55:57 start a",
        "02T17:00:00 stop a",
        "03T08:55:57 start a",
        "03T17:00:00 stop a",
    ];
    assert_eq!(plant.posts, posts);
    assert_eq!(plant.late(), [""; 0]);
}

/// What was learned in the meantime does not turn it back before its window begins: not in this
/// process, and not in the next one.
#[test]
fn what_was_started_early_and_was_quick_stays() {
    let mut plant = Plant::new(office());
    plant.until(8 * HOUR + 50 * MINUTE);
    assert_eq!(plant.status, "running");
    plant.restart(SECOND, office());
    plant.until(10 * HOUR);
    assert_eq!(plant.posts, ["01T08:45:00 start a"]);
    let view = plant.bench.keel.view(plant.bench.now);
    let ready = view.deployment("a").unwrap().ready.clone().unwrap();
    assert_eq!(ready.lead_seconds, 243, "for the next window");
}

/// The ledger of starts that took so many seconds each, one an hour.
fn shown(policy: &Policy, seconds: &[u64]) -> History {
    let mut history = History::new(policy.clone());
    history.apply(&Record::Started { now: at(Duration::ZERO) });
    for (number, took) in (1..).zip(seconds) {
        let begin = HOUR * u32::try_from(number).unwrap();
        start(&mut history, number, begin, accepted_fate());
        seen(&mut history, begin + Duration::from_secs(*took), "running");
    }
    history
}

const fn accepted_fate() -> Fate {
    Fate::Answered { code: 201, retry_after: None }
}

fn start(history: &mut History, number: u64, begin: Duration, fate: Fate) {
    let (at, id, call) = (at(begin).into(), CallId(number), start_of("a"));
    history.apply(&Record::Reserved { at, id, call, cause: None });
    history.apply(&Record::Settled { at, id, fate });
}

fn seen(history: &mut History, when: Duration, word: &str) {
    let note = Note::Seen { deployment: id("a"), status: Status::from_word(word) };
    history.apply(&Record::Noted { at: at(when).into(), note });
}

/// Seconds, for a window a month from now.
fn lead(history: &History) -> u64 {
    history.lead(&id("a"), wall(30 * DAY)).as_secs()
}

#[test]
fn a_lead_is_the_second_longest_of_eight_within_bounds() {
    let policy = Policy::default();
    // A last look and a pause between two looks.
    let more = 10 + 72;
    for (seconds, want) in [
        (&[][..], 900),
        (&[120], 120 + more),
        (&[120, 400], 400 + more),
        (&[400, 120, 110], 120 + more),
        (&[120, 400, 110, 380], 380 + more),
        (&[400, 390, 1, 2, 3, 4, 5, 6], 390 + more),
        (&[400, 390, 1, 2, 3, 4, 5, 6, 7], 7 + more),
        (&[400, 390, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 10 + more),
        (&[3500], 3500 + more),
        (&[3590], 3600),
        (&[3590, 3590, 3590], 3600),
        (&[0], more),
    ] {
        assert_eq!(lead(&shown(&policy, seconds)), want, "{seconds:?}");
    }
}

#[test]
fn bounds_shrink_with_the_windows() {
    let mut policy = Policy::default();
    let minute = Limit { requests: 1, per: MINUTE };
    (policy.limits.start, policy.limits.status) = (minute, Limit { requests: 60, per: MINUTE });
    policy.limits.margin = Duration::ZERO;
    policy.observe.confirm_within = Duration::ZERO;
    policy.observe.reserve = 0;
    policy.act.settle_timeout = MINUTE;
    assert_eq!(lead(&shown(&policy, &[])), 15);
    assert_eq!(lead(&shown(&policy, &[8])), 8 + 1);
    assert_eq!(lead(&shown(&policy, &[100])), 60);
    policy.observe.interval = None;
    policy.limits.status.requests = 600;
    assert_eq!(lead(&shown(&policy, &[0])), 1, "at least a sixtieth");
    policy.act.settle_timeout = 10 * SECOND;
    assert_eq!(lead(&shown(&policy, &[])), 10);
}

#[test]
fn only_a_start_of_ours_that_was_seen_from_end_to_end_is_learned_from() {
    let policy = Policy::default();
    let unknown = lead(&shown(&policy, &[]));
    let learned = |end: &dyn Fn(&mut History)| {
        let mut history = shown(&policy, &[]);
        start(&mut history, 1, HOUR, accepted_fate());
        end(&mut history);
        seen(&mut history, HOUR + 200 * SECOND, "running");
        lead(&history)
    };
    assert_eq!(learned(&|_| ()), 282);
    assert_eq!(learned(&|history| seen(history, HOUR, "starting")), 282);
    assert_eq!(learned(&|history| seen(history, HOUR, "odd")), 282);
    for word in ["stopped", "stopping", "failed"] {
        assert_eq!(learned(&|history| seen(history, HOUR, word)), unknown, "{word}");
    }
    for fate in [Fate::Unanswered, Fate::NeverLeft, Fate::Answered { code: 422, retry_after: None }]
    {
        let mut history = shown(&policy, &[]);
        start(&mut history, 1, HOUR, fate);
        seen(&mut history, HOUR + 200 * SECOND, "running");
        assert_eq!(lead(&history), unknown, "{fate:?}");
        assert_eq!(learned(&|history| start(history, 2, HOUR, fate)), unknown, "{fate:?}");
    }
    let restarted = Record::Started { now: at(HOUR + MINUTE) };
    assert_eq!(learned(&|history| history.apply(&restarted)), 282, "a restart");
    let now = Now { boot: Boot(2), ..at(HOUR + MINUTE) };
    assert_eq!(learned(&|history| history.apply(&Record::Started { now })), unknown, "a reboot");
}

#[test]
fn late_is_told_at_the_windows_beginning_once_and_when_it_is_over() {
    let mut plant = Plant::new(office());
    plant.takes = 20 * MINUTE;
    plant.until(9 * HOUR - SECOND);
    assert!(plant.late().is_empty() && !plant.shows_late());
    plant.until(9 * HOUR);
    let late = "late 2026-01-01T09:00:00Z 0ns Starting: starting since 2026-01-01T08:45:00Z; \
                waits until it settles";
    assert_eq!(plant.late(), [late]);
    assert!(plant.shows_late());
    let view = plant.bench.keel.view(plant.bench.now);
    let message = "starting since 2026-01-01T08:45:00Z; waits until it settles; late: to be \
                   running by 2026-01-01 09:00Z";
    assert_eq!(&*view.deployment("a").unwrap().synced.message, message);
    plant.until(9 * HOUR + 4 * MINUTE);
    assert_eq!(plant.late(), [""; 0]);
    plant.until(10 * HOUR);
    let notices = plant.bench.notices.clone();
    assert_eq!(plant.late(), ["over 2026-01-01T09:00:00Z 321s true"]);
    assert!(!plant.shows_late());
    let at_rest = |notice: &Notice| match notice {
        Notice::ReasonChanged { to: Reason::InSync, message, .. } => Some(message.to_string()),
        _ => None,
    };
    let told: Vec<_> = notices.iter().filter_map(at_rest).collect();
    assert_eq!(told, ["running, as desired"], "and late no more");
    plant.takes = 50 * MINUTE;
    plant.until(DAY + 9 * HOUR);
    assert_eq!(plant.late().len(), 1, "another window");
}

#[test]
fn a_window_that_ends_before_it_ever_ran_is_told_too() {
    let mut plant = Plant::new(office());
    plant.takes = 12 * HOUR;
    plant.until(9 * HOUR);
    plant.late();
    plant.until(18 * HOUR);
    assert_eq!(plant.late(), ["over 2026-01-01T09:00:00Z 28800s false"]);
}

#[test]
fn a_refused_key_or_a_dead_network_does_not_keep_the_alarm_away() {
    for outcome in [refused(401), lost()] {
        let mut plant = Plant::new(office());
        plant.until(8 * HOUR);
        let begin = mono(9 * HOUR);
        while plant.bench.now.mono < begin {
            while let Some(call) = plant.bench.calls().first().cloned() {
                plant.bench.answer(&call, outcome.clone());
            }
            let wake = plant.bench.keel.next_wake(plant.bench.now.mono).unwrap();
            plant.bench.jump(wake.at.max(plant.bench.now.mono.shifted(1)));
            plant.bench.tell(Event::Tick);
        }
        assert_eq!(plant.bench.now.mono, begin, "the wake comes at the beginning itself");
        assert_eq!(plant.late().len(), 1);
    }
}

/// What was not asked for before a window began is not owed.
#[test]
fn nobody_is_late_for_what_was_asked_afterwards() {
    let mut plant = Plant::new(daily("other", 20, 21));
    plant.until(10 * HOUR);
    plant.bench.edit("r2", &[("a", office())]);
    plant.until(10 * HOUR + MINUTE);
    assert_eq!((plant.posts.len(), plant.late()), (1, vec![]), "another schedule");

    let mut plant = Plant::new(office());
    plant.until(8 * HOUR);
    plant.bench.edit("r2", &[("a", daily("office", 20, 21))]);
    plant.until(10 * HOUR);
    plant.bench.edit("r3", &[("a", office())]);
    plant.until(10 * HOUR + MINUTE);
    assert_eq!((plant.posts.len(), plant.late()), (1, vec![]), "another schedule of this name");

    let state = Desired::Stopped;
    let exception = Some(Override { state, until: wall(10 * HOUR), reason: None });
    let mut plant = Plant::new(Intent { exception, ..office() });
    plant.until(10 * HOUR + MINUTE);
    assert_eq!((plant.posts.len(), plant.late()), (1, vec![]), "an override until then");

    let suspend = Some(Suspend { reason: "x".into(), until: Some(wall(10 * HOUR)) });
    let mut plant = Plant::new(Intent { suspend, ..office() });
    plant.until(10 * HOUR + MINUTE);
    assert_eq!((plant.posts.len(), plant.late()), (1, vec![]), "hands off until then");
}

#[test]
fn what_ran_in_its_window_is_not_late_for_it_any_more() {
    let mut plant = Plant::new(office());
    plant.until(10 * HOUR);
    plant.status = "stopped";
    plant.until(10 * HOUR + 2 * MINUTE);
    assert_eq!(plant.bench.reversals(), 1);
    assert_eq!(plant.late(), [""; 0]);
    plant.restart(SECOND, office());
    plant.until(10 * HOUR + 4 * MINUTE);
    assert_eq!(plant.late(), [""; 0], "the next process knows");
}

#[test]
fn an_outage_over_the_beginning_of_a_window_makes_late() {
    let mut plant = Plant::new(office());
    plant.until(8 * HOUR);
    plant.restart(2 * HOUR, office());
    assert_eq!(plant.late(), [""; 0], "nobody has looked yet");
    plant.until(10 * HOUR + MINUTE);
    let late = plant.late();
    assert!(late[0].starts_with("late 2026-01-01T09:00:00Z 3600s Starting: "), "{late:?}");
}

#[test]
fn only_who_is_to_be_ready_shows_a_lead() {
    let mut plain = office();
    if let Wanted::Scheduled(schedule) = &mut plain.wanted {
        Arc::make_mut(schedule).ready = false;
    }
    let mut plant = Plant::new(plain);
    plant.until(10 * HOUR);
    assert_eq!(plant.posts, ["01T09:00:00 start a"]);
    assert_eq!(plant.late(), [""; 0]);
    let view = plant.bench.keel.view(plant.bench.now);
    assert_eq!(view.deployment("a").unwrap().ready, None);
    let records = plant.bench.records.clone();
    let bench = Bench::after(singles(), records, Replay::default(), plant.bench.now);
    assert_eq!(lead(bench.keel.history()), 243, "but it is learned");
}
