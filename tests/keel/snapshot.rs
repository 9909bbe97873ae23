//! Compaction loses nothing: whatever was recorded, the compacted ledger adds up to the same.

use evenkeel::keel::budget::Verdict;
use evenkeel::keel::bundle::bundle;
use evenkeel::keel::call::{Call, CallId, Fate, Method};
use evenkeel::keel::chapter::Chapter;
use evenkeel::keel::chronicle::{Note, Wish};
use evenkeel::keel::deployment::{AccountId, Action, Desired, Status};
use evenkeel::keel::guard::{Guarded, Hold, Release, change_id};
use evenkeel::keel::history::History;
use evenkeel::keel::intent::Rule;
use evenkeel::keel::lead::Starts;
use evenkeel::keel::line::Lined;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::record::{Carried, Past, Record, Stamp, TallyLine};
use evenkeel::keel::temporary::{Temporary, Want, Wished};
use evenkeel::keel::time::{Boot, Mono, Now, Wall};
use proptest::prelude::*;

use crate::bench::{EPOCH, account, compacted, id, repeatable, start_of, status_of};

/// One step of a random ledger; numbers are folded into what is possible at that point.
#[derive(Clone, Debug)]
enum Step {
    Reserve(u8),
    Settle(u8, u8),
    Restart,
    Reboot(i32),
    Spent(u8),
    Widened(u8),
    Reversed(u8),
    Forgiven(u8),
    Held(u8),
    Released,
    Waits(u8),
    Left(u8),
    Noted(u8, u8),
    Wished(u8, u8),
    Resumed(u8),
    Wait(u32),
    SetWall(i32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<u8>().prop_map(Step::Reserve),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(which, fate)| Step::Settle(which, fate)),
        1 => Just(Step::Restart),
        1 => (-100_000_000..100_000_000).prop_map(Step::Reboot),
        1 => (0..3u8).prop_map(Step::Spent),
        1 => any::<u8>().prop_map(Step::Widened),
        2 => any::<u8>().prop_map(Step::Reversed),
        1 => any::<u8>().prop_map(Step::Forgiven),
        1 => any::<u8>().prop_map(Step::Held),
        1 => Just(Step::Released),
        2 => any::<u8>().prop_map(Step::Waits),
        1 => any::<u8>().prop_map(Step::Left),
        4 => (any::<u8>(), any::<u8>()).prop_map(|(which, note)| Step::Noted(which, note)),
        2 => (any::<u8>(), any::<u8>()).prop_map(|(which, until)| Step::Wished(which, until)),
        1 => any::<u8>().prop_map(Step::Resumed),
        6 => (0..4_000_000u32).prop_map(Step::Wait),
        1 => (-100_000_000..100_000_000).prop_map(Step::SetWall),
    ]
}

/// Writes the ledger that the steps tell of, as a keel could have.
#[derive(Default)]
struct Scribe {
    now: Now,
    next: u64,
    open: Vec<u64>,
    records: Vec<Record>,
}

impl Scribe {
    fn stamp(&self) -> Stamp {
        self.now.into()
    }

    fn call(which: u8) -> Call {
        let deployment = ["a", "b", "c"][usize::from(which / 4 % 3)];
        match which % 4 {
            0 => status_of(deployment),
            1 => start_of(deployment),
            2 => Call::act(account(), Action::Stop, id(deployment)),
            _ => Call { account: account(), request: evenkeel::keel::call::Request::List },
        }
    }

    fn fate(which: u8) -> Fate {
        let after = u64::from(which) * 100_000;
        match which % 8 {
            0 => Fate::Unanswered,
            1 => Fate::NeverLeft,
            2 => Fate::Answered { code: 429, retry_after: None },
            3 => Fate::Answered { code: 429, retry_after: Some(after) },
            4 => Fate::Answered { code: 422, retry_after: None },
            5 => Fate::Answered { code: 404, retry_after: None },
            _ => Fate::Answered { code: 200, retry_after: None },
        }
    }

    fn note(which: u8, note: u8) -> Note {
        let deployment = id(["a", "b"][usize::from(which % 2)]);
        let schedule = |name: &str| Rule::Schedule { name: name.into(), because: "now".into() };
        let rule = [schedule("x"), schedule("y"), Rule::State][usize::from(note / 4 % 3)].clone();
        let wish = |suspended| Wish { desired: Desired::Running, rule, suspended }.into();
        let revision = "r1".into();
        match note % 4 {
            0 if which < 32 => Note::Left { deployment },
            0 => Note::Wanted { deployment, wish: wish(Some("migration".into())), revision },
            1 => Note::Wanted { deployment, wish: wish(None), revision },
            _ => {
                let word = ["running", "stopped", "starting", "odd"][usize::from(which / 2 % 4)];
                Note::Seen { deployment, status: Status::from_word(word) }
            }
        }
    }

    fn write(&mut self, step: &Step) {
        let (at, deployment) = (self.stamp(), |which: u8| id(["a", "b"][usize::from(which % 2)]));
        let record = match *step {
            Step::Reserve(which) => {
                self.next += 1;
                self.open.push(self.next);
                let (number, call) = (CallId(self.next), Self::call(which));
                Record::Reserved { at, id: number, call, cause: None }
            }
            Step::Settle(which, fate) if !self.open.is_empty() => {
                let number = self.open.remove(usize::from(which) % self.open.len());
                Record::Settled { at, id: CallId(number), fate: Self::fate(fate) }
            }
            Step::Settle(..) | Step::Restart => Record::Started { now: self.now },
            Step::Reboot(wall) => {
                self.now.boot = Boot(self.now.boot.0 + 1);
                self.now.mono = Mono::from_millis(5000);
                self.now.wall = self.now.wall.shifted(i64::from(wall));
                Record::Started { now: self.now }
            }
            Step::Spent(which) => Record::Spent { at, calls: [1, 2, u32::MAX][usize::from(which)] },
            Step::Widened(which) => {
                let method = Method::ALL[usize::from(which % 4)];
                let until = at.mono.shifted(i64::from(which) * 1_000_000);
                Record::Widened { at, account: AccountId::new("other"), method, until }
            }
            Step::Reversed(which) => Record::Reversed { at, deployment: deployment(which) },
            Step::Forgiven(which) => Record::Forgiven { at, deployment: deployment(which) },
            Step::Held(which) => {
                let stops = (0..=which % 2).map(deployment).collect();
                let change = change_id(&stops);
                Record::Guard(Guarded::Held(Hold { at, change, stops }))
            }
            Step::Released => {
                let (change, why) = ("3f9c1a2b".into(), Release::TakenBack);
                Record::Guard(Guarded::Released { at, change, why })
            }
            Step::Waits(which) => {
                let action = if which < 128 { Action::Start } else { Action::Stop };
                Record::Line(Lined::Waits { at, deployment: deployment(which), action })
            }
            Step::Left(which) => Record::Line(Lined::Left { at, deployment: deployment(which) }),
            Step::Noted(which, note) => Record::Noted { at, note: Self::note(which, note) },
            Step::Wished(which, until) => {
                let want =
                    if which < 128 { Want::Suspend } else { Want::Override(Desired::Running) };
                let until = (until > 0).then(|| at.wall.shifted(i64::from(until) * 100_000));
                let wish = Temporary { at, want, until, reason: None, by: "alice".into() };
                Record::Wish(Wished::Made { deployment: deployment(which), wish })
            }
            Step::Resumed(which) => {
                let (deployment, by) = (deployment(which), "bob".into());
                Record::Wish(Wished::Ended { at, deployment, by })
            }
            Step::Wait(millis) => {
                self.now.mono = self.now.mono.shifted(i64::from(millis));
                self.now.wall = self.now.wall.shifted(i64::from(millis));
                return;
            }
            Step::SetWall(millis) => {
                self.now.wall = self.now.wall.shifted(i64::from(millis));
                return;
            }
        };
        self.records.push(record);
    }
}

fn fold(records: &[Record]) -> History {
    let mut history = History::new(Policy::default());
    records.iter().for_each(|record| history.apply(record));
    history
}

proptest! {
    #![proptest_config(repeatable())]

    #[test]
    fn a_compacted_ledger_adds_up_to_the_same(steps in prop::collection::vec(step(), 0..120)) {
        let now = Now { boot: Boot(1), mono: Mono::default(), wall: Wall::from_millis(EPOCH) };
        let mut scribe = Scribe { now, ..Scribe::default() };
        scribe.records.push(Record::Started { now });
        steps.iter().for_each(|step| scribe.write(step));
        let whole = fold(&scribe.records);
        prop_assert_eq!(&fold(&bundle(&scribe.records)), &whole);
        let mut pruned = whole.clone();
        let compacted = compacted(&mut pruned, scribe.now);
        prop_assert_eq!(&fold(&compacted), &pruned);
        // And nothing that was pruned mattered.
        for which in 0..12 {
            let call = Scribe::call(which);
            for keep in [0, 10] {
                let verdict = whole.verdict(&call, scribe.now.mono, keep);
                prop_assert_eq!(pruned.verdict(&call, scribe.now.mono, keep), verdict, "{}", call);
            }
        }
    }
}

pub(crate) fn stamp(seconds: i64) -> Stamp {
    let mono = Mono::from_millis(seconds * 1000);
    Stamp { mono, wall: Wall::from_millis(EPOCH + seconds * 1000) }
}

fn now(boot: u64, seconds: i64) -> Now {
    let Stamp { mono, wall } = stamp(seconds);
    Now { boot: Boot(boot), mono, wall }
}

pub(crate) fn s(seconds: i64) -> Mono {
    stamp(seconds).mono
}

/// A start of `a` that was answered with 201 at 12 s.
fn one_start() -> Vec<Record> {
    let (call, fate) = (start_of("a"), Fate::Answered { code: 201, retry_after: None });
    vec![
        Record::Started { now: now(1, 0) },
        Record::Reserved { at: stamp(10), id: CallId(1), call, cause: None },
        Record::Settled { at: stamp(12), id: CallId(1), fate },
    ]
}

#[test]
fn a_snapshot_is_as_short_as_can_be() {
    let tally = |account, deployment| TallyLine {
        account,
        deployment,
        method: Method::Start,
        arrivals: vec![s(12)],
        closed: None,
        strikes: 0,
    };
    let fate = Fate::Answered { code: 201, retry_after: None };
    let past = Past {
        id: CallId(1),
        account: account(),
        deployment: id("a"),
        action: Action::Start,
        cause: None,
        reserved: stamp(10),
        settled: Some((stamp(12), fate)),
    };
    let next = Record::Carried(Carried::NextCall { id: CallId(2) });
    let head = |now| vec![Record::Started { now }, next.clone()];
    let tallies = vec![tally(Some(account()), None), tally(None, Some(id("a")))];
    let tallies = [Record::Tallies(Chapter(tallies))];
    let awaited = Some(stamp(12).mono);
    let starts = vec![(id("a"), Starts { awaited, shown: vec![] })];
    let past = [Record::Pasts(Chapter(vec![past])), Record::Starts(Chapter(starts))];
    let whole = fold(&one_start());
    let expected = [&head(now(1, 100))[..], &tallies, &past].concat();
    assert_eq!(compacted(&mut whole.clone(), now(1, 100)), expected);
    let lapsed = now(1, 12 + 3610);
    assert_eq!(compacted(&mut whole.clone(), lapsed), [&head(lapsed)[..], &past].concat());
}

#[test]
fn a_snapshot_is_stamped_with_the_present_of_its_own_boot_only() {
    let clock = |at: Now| compacted(&mut fold(&one_start()), at)[0].clone();
    assert_eq!(clock(now(1, 12)), Record::Started { now: now(1, 12) });
    assert_eq!(clock(now(1, 13)), Record::Started { now: now(1, 13) });
    assert_eq!(clock(now(1, 11)), Record::Started { now: now(1, 12) }, "never back");
    assert_eq!(clock(now(2, 13)), Record::Started { now: now(1, 12) }, "another boot's");
}

#[test]
fn each_method_is_pruned_by_its_own_window() {
    let mut policy = Policy::default();
    policy.limits.start.per *= 2;
    let mut history = History::new(policy);
    one_start().iter().for_each(|record| history.apply(record));
    history.prune(s(12 + 3610 + 100));
    assert_eq!(history.verdict(&start_of("a"), s(4000), 0), Verdict::Until(s(12 + 7210)));
    assert_eq!(history.room(&start_of("a"), s(4000)).0, 0);
    let mut policy = Policy::default();
    policy.limits.status.per *= 2;
    let mut history = History::new(policy);
    one_start().iter().for_each(|record| history.apply(record));
    let tallies = |history: &History| match &history.snapshot()[2] {
        Record::Tallies(lines) => lines.0.len(),
        _ => 0,
    };
    assert_eq!(tallies(&history), 2);
    history.prune(s(12 + 3610));
    assert_eq!(tallies(&history), 0, "and not by a longer one");
}

#[test]
fn what_counts_for_a_time_is_forgotten_when_that_has_passed() {
    let mut history = fold(&[
        Record::Started { now: now(1, 0) },
        Record::Spent { at: stamp(0), calls: 1 },
        Record::Widened { at: stamp(0), account: account(), method: Method::Stop, until: s(50) },
        Record::Reversed { at: stamp(0), deployment: id("a") },
        Record::Reversed { at: stamp(0), deployment: id("b") },
        Record::Reversed { at: stamp(0), deployment: id("b") },
        Record::Reversed { at: stamp(0), deployment: id("b") },
    ]);
    let kept = |history: &History| {
        let ghosts = |record: &Record| matches!(record, Record::Carried(Carried::Ghosts { .. }));
        (
            history.widened(&account(), Method::Stop).is_some(),
            history.snapshot().iter().any(ghosts),
            history.reversals(&id("a")),
            history.reversals(&id("b")),
        )
    };
    for (at, expected) in [
        (49, (true, true, 1, 3)),
        (50, (false, true, 1, 3)),
        (300 + 3609, (false, true, 1, 3)),
        (300 + 3610, (false, false, 1, 3)),
        (86_399, (false, false, 1, 3)),
        (86_400, (false, false, 0, 3)),
        (1_000_000, (false, false, 0, 3)),
    ] {
        history.prune(s(at));
        assert_eq!(kept(&history), expected, "{at}");
    }
}

#[test]
fn what_ledgers_before_chapters_have_adds_up_to_the_same() {
    let mut whole = fold(&one_start());
    let chapters = compacted(&mut whole, now(1, 100));
    let singly = chapters.iter().flat_map(|record| match record {
        Record::Tallies(lines) => lines.0.iter().cloned().map(Record::Tally).collect(),
        Record::Pasts(pasts) => pasts.0.iter().cloned().map(Record::Past).collect(),
        other => vec![other.clone()],
    });
    assert_eq!(fold(&singly.collect::<Vec<_>>()), fold(&chapters));
}
