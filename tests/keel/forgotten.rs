//! What would be forgotten if one history stood in the place of another.

use evenkeel::keel::call::{Call, CallId, Fate};
use evenkeel::keel::forgotten::Forgotten;
use evenkeel::keel::history::History;
use evenkeel::keel::policy::Policy;
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::keel::time::{Boot, Mono, Now, Wall};

use crate::bench::{EPOCH, account, compacted, start_of, status_of};

const fn wall(seconds: i64) -> Wall {
    Wall::from_millis(EPOCH + seconds * 1000)
}

fn reading(boot: u64, seconds: i64) -> Now {
    Now { boot: Boot(boot), mono: Mono::from_millis(seconds * 1000), wall: wall(seconds) }
}

fn stamp(seconds: i64) -> Stamp {
    reading(1, seconds).into()
}

fn fold(records: &[Record]) -> History {
    let mut history = History::new(Policy::default());
    records.iter().for_each(|record| history.apply(record));
    history
}

fn begun() -> Vec<Record> {
    vec![Record::Started { now: reading(1, 0) }]
}

/// A call that was answered a second later.
fn made(number: u64, call: &Call, seconds: i64, code: u16) -> [Record; 2] {
    let (id, fate) = (CallId(number), Fate::Answered { code, retry_after: None });
    [
        Record::Reserved { at: stamp(seconds), id, call: call.clone(), cause: None },
        Record::Settled { at: stamp(seconds + 1), id, fate },
    ]
}

fn with(before: &[Record], more: impl IntoIterator<Item = Record>) -> Vec<Record> {
    before.iter().cloned().chain(more).collect()
}

const HOLD: i64 = 3600 + 10;

#[test]
fn nothing_is_forgotten_by_what_came_of_it() {
    let before = with(&begun(), made(1, &start_of("a"), 10, 201));
    let before = with(&before, made(2, &status_of("a"), 20, 200));
    let mut after = fold(&with(&before, made(3, &status_of("a"), 30, 200)));
    assert_eq!(after.forgets(&fold(&before), reading(1, 40)), None);
    let records = compacted(&mut after, reading(1, 40));
    assert_eq!(fold(&records).forgets(&fold(&before), reading(1, 40)), None);
    // Nor of what it had forgotten rightly.
    let records = compacted(&mut after, reading(1, 5000));
    assert_eq!(fold(&records).forgets(&fold(&before), reading(1, 5000)), None);
}

#[test]
fn a_start_is_forgotten_by_what_does_not_have_it_however_long_ago() {
    let there = fold(&with(&begun(), made(1, &start_of("a"), 10, 201)));
    let others = [
        fold(&begun()),
        fold(&with(&begun(), made(1, &start_of("b"), 10, 201))),
        fold(&with(&begun(), made(1, &start_of("a"), 11, 201))),
        fold(&with(&begun(), made(2, &start_of("a"), 10, 201))),
    ];
    for here in &others {
        match here.forgets(&there, reading(1, 100_000)) {
            Some(Forgotten::Act(act)) => {
                assert_eq!((act.id, act.settled.is_some()), (CallId(1), true))
            }
            other => panic!("{other:?}"),
        }
    }
    let id = CallId(1);
    let [reserved, _] = made(1, &start_of("a"), 10, 201);
    let left = Record::Settled { at: stamp(11), id, fate: Fate::NeverLeft };
    let never = fold(&with(&begun(), [reserved, left]));
    assert_eq!(fold(&begun()).forgets(&never, reading(1, 20)), None);
}

#[test]
fn reads_are_forgotten_for_as_long_as_they_count() {
    let there = fold(&with(&begun(), made(1, &status_of("a"), 10, 200)));
    let here = fold(&with(&begun(), made(1, &status_of("a"), 12, 200)));
    let until = Some(Forgotten::Counted { until: wall(11 + HOLD) });
    assert_eq!(here.forgets(&there, reading(1, 20)), until);
    assert_eq!(here.forgets(&there, reading(1, 11 + HOLD)), None);
    // Two at one time are two.
    let twice = fold(&with(
        &with(&begun(), made(1, &status_of("a"), 10, 200)),
        made(2, &status_of("a"), 10, 200),
    ));
    assert_eq!(there.forgets(&twice, reading(1, 20)), until);
    assert_eq!(twice.forgets(&there, reading(1, 20)), None);
}

#[test]
fn readings_of_another_boot_are_waited_out() {
    let before = with(&begun(), made(1, &status_of("a"), 10, 200));
    let there = fold(&before);
    let moved = fold(&with(&before, [Record::Succeeded { now: reading(2, 50), ago: 0 }]));
    // On the machine that the instants are of, and on one whose wall clock has to do.
    let until = Some(Forgotten::Counted { until: wall(11 + HOLD) });
    assert_eq!(moved.forgets(&there, reading(1, 60)), until);
    assert_eq!(moved.forgets(&there, reading(1, 11 + HOLD)), None);
    let skew = 120;
    let later = Now { wall: wall(11 + HOLD + skew), ..reading(3, 5) };
    assert_eq!(moved.forgets(&there, later), None);
    let sooner = Now { wall: wall(10 + HOLD + skew), ..reading(3, 5) };
    assert!(moved.forgets(&there, sooner).is_some());
}

#[test]
fn what_is_under_way_is_known_by_its_number() {
    let [reserved, settled] = made(1, &status_of("a"), 10, 200);
    let open = with(&begun(), [reserved]);
    let call = status_of("a");
    let forgotten = Some(Forgotten::Open(CallId(1), call));
    let done = fold(&with(&open, [settled]));
    assert_eq!(done.forgets(&fold(&open), reading(1, 100_000)), forgotten);
    assert_eq!(fold(&open).forgets(&fold(&open), reading(1, 20)), None);
}

#[test]
fn refusals_and_what_nobody_remembers_count_as_well() {
    let closed = fold(&with(&begun(), made(1, &status_of("a"), 10, 429)));
    let here = fold(&with(&begun(), made(1, &status_of("a"), 10, 200)));
    assert_eq!(
        here.forgets(&closed, reading(1, 20)),
        Some(Forgotten::Counted { until: wall(311) })
    );
    let spent = Record::Spent { at: stamp(10), calls: 1 };
    let ghost = fold(&with(&begun(), [spent]));
    let until = Some(Forgotten::Counted { until: wall(310 + HOLD) });
    assert_eq!(fold(&begun()).forgets(&ghost, reading(1, 20)), until);
    assert_eq!(ghost.forgets(&ghost, reading(1, 20)), None);
    let (account, method) = (account(), status_of("a").method());
    let until = Mono::from_millis(86_400_000);
    let widened = Record::Widened { at: stamp(10), account, method, until };
    let wide = fold(&with(&begun(), [widened]));
    let end = Some(Forgotten::Counted { until: wall(86_400) });
    assert_eq!(fold(&begun()).forgets(&wide, reading(1, 20)), end);
    assert_eq!(wide.forgets(&wide, reading(1, 20)), None);
}
