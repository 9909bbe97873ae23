//! The mass-stop guard: what an edit stops, when that is held, and how it is let go.

use std::collections::BTreeSet;
use std::sync::Arc;

use evenkeel::keel::guard::{Guarded, change_id};
use evenkeel::keel::intent::Manifest;
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::StopLimit;
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::Wall;

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, id, manifest, refused, running, sees, singles, stopped,
};

pub(crate) const IDS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// CRC-32 of `a\nb\nc\nd\ne\nf\n`, by another implementation; of the first seven, of all ten.
pub(crate) const SIX: &str = "9b6dea7c";
pub(crate) const SEVEN: &str = "48e5a070";
pub(crate) const TEN: &str = "cf869c7c";

/// A file of the first `fleet`, of which these are wanted stopped.
pub(crate) fn file(revision: &str, fleet: usize, stops: std::ops::Range<usize>) -> Arc<Manifest> {
    let intent = |i| if stops.contains(&i) { stopped() } else { running() };
    let intents: Vec<_> =
        IDS.iter().take(fleet).enumerate().map(|(i, id)| (*id, intent(i))).collect();
    manifest(revision, &intents)
}

pub(crate) fn acknowledging(file: &Arc<Manifest>, change: &str) -> Arc<Manifest> {
    let revision = format!("{}+{change}", file.revision).into();
    let acknowledged = BTreeSet::from([change.into()]);
    Arc::new(Manifest { revision, acknowledged, ..Manifest::clone(file) })
}

/// A file comes into force and is kept.
pub(crate) fn read(bench: &mut Bench, file: &Arc<Manifest>) {
    bench.tell(Event::ManifestRead(file.clone()));
    bench.tell(Event::ManifestKept(file.clone()));
    bench.live(MINUTE, |_| "running");
}

/// Ten that are wanted running and are.
pub(crate) fn ten() -> Bench {
    let mut bench = Bench::new(singles());
    read(&mut bench, &file("r1", 10, 0..0));
    bench
}

/// Ten of which an edit would stop the first six.
pub(crate) fn six_held() -> Bench {
    let mut bench = ten();
    read(&mut bench, &file("r2", 10, 0..6));
    assert_eq!(held(&bench), Some((SIX.to_owned(), 6)));
    bench
}

/// The change that is held, and how many stops.
pub(crate) fn held(bench: &Bench) -> Option<(String, usize)> {
    let guard = bench.keel.view(bench.now).guard?;
    Some((guard.change.to_string(), guard.count))
}

pub(crate) fn stops(bench: &Bench) -> Vec<String> {
    let mut stops: Vec<_> =
        bench.posts().into_iter().filter(|call| call.starts_with("stop ")).collect();
    stops.sort();
    stops
}

pub(crate) fn all_stops(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| format!("stop {id}")).collect()
}

/// What was told of the guard.
pub(crate) fn told(bench: &Bench) -> Vec<String> {
    let say = |notice: &Notice| match notice {
        Notice::StopsHeld { change, stops, fleet, .. } => {
            Some(format!("{change} held: {stops} of {fleet}"))
        }
        Notice::StopsReleased { change, stops, why } => {
            Some(format!("{change} released: {stops}, {why:?}"))
        }
        _ => None,
    };
    bench.notices.iter().filter_map(say).collect()
}

/// What the ledger holds of the guard.
pub(crate) fn recorded(bench: &Bench) -> Vec<String> {
    let say = |record: &Record| match record {
        Record::Guard(Guarded::Held(hold)) => Some(format!("{} {}", hold.change, hold.stops.len())),
        Record::Guard(Guarded::Released { change, why, .. }) => Some(format!("{change} {why:?}")),
        _ => None,
    };
    bench.records.iter().filter_map(say).collect()
}

/// Another process, told what the one before had in force.
pub(crate) fn restarted(bench: Bench, kept: Option<&Arc<Manifest>>, file: &Arc<Manifest>) -> Bench {
    let mut bench = bench.restart(MINUTE);
    if let Some(kept) = kept {
        bench.tell(Event::ManifestKept(kept.clone()));
        assert_eq!(bench.calls(), [""; 0], "it is only compared with");
    }
    read(&mut bench, file);
    bench
}

#[test]
fn a_change_is_called_by_what_it_stops() {
    for (count, name) in [(0, "00000000"), (1, "ddeaa107"), (6, SIX), (7, SEVEN), (10, TEN)] {
        let ids = IDS.iter().rev().skip(10 - count).map(|name| id(name)).collect();
        assert_eq!(&*change_id(&ids), name);
    }
}

#[test]
fn too_many_is_more_than_both() {
    let usual = StopLimit { percent: 50, above: 3 };
    for (limit, stops, fleet, exceeded) in [
        (usual, 3, 3, false),
        (usual, 4, 4, true),
        (usual, 4, 8, false),
        (usual, 4, 7, true),
        (usual, 5, 10, false),
        (usual, 6, 10, true),
        (usual, 100_000, 100_000, true),
        (usual, 0, 0, false),
        (StopLimit { percent: 0, above: 0 }, 1, 100, true),
        (StopLimit { percent: 0, above: 0 }, 0, 100, false),
        (StopLimit { percent: 100, above: 0 }, 100, 100, false),
        (StopLimit { percent: 99, above: 0 }, 100, 100, true),
        (StopLimit { percent: 10, above: 20 }, 20, 20, false),
        (StopLimit { percent: 10, above: 20 }, 21, 209, true),
        (StopLimit { percent: 10, above: 20 }, 21, 210, false),
    ] {
        assert_eq!(limit.is_exceeded(stops, fleet), exceeded, "{limit:?}: {stops} of {fleet}");
    }
}

#[test]
fn an_edit_is_held_above_both_limits_only() {
    for (fleet, count, is_held) in
        [(3, 3, false), (4, 4, true), (10, 3, false), (10, 5, false), (10, 6, true), (10, 10, true)]
    {
        let mut bench = Bench::new(singles());
        read(&mut bench, &file("r1", fleet, 0..0));
        read(&mut bench, &file("r2", fleet, 0..count));
        assert_eq!(held(&bench).is_some(), is_held, "{count} of {fleet}");
        let sent = if is_held { vec![] } else { all_stops(&IDS[..count]) };
        assert_eq!(stops(&bench), sent, "{count} of {fleet}");
        assert_eq!(recorded(&bench).len(), usize::from(is_held));
    }
}

#[test]
fn what_is_held_says_so_and_how_to_let_it_go() {
    let bench = six_held();
    assert_eq!(told(&bench), [format!("{SIX} held: 6 of 10")]);
    let view = bench.keel.view(bench.now);
    let guard = view.guard.as_ref().unwrap();
    assert_eq!((guard.fleet, guard.names().as_str()), (10, "a, b, c, d, e, f"));
    assert_eq!(guard.since.0, Wall::from_millis(EPOCH + 1_060_000));
    let one = view.deployment("a").unwrap();
    assert_eq!(one.synced.reason, Reason::Held);
    assert_eq!(
        &*one.synced.message,
        "running, wanted stopped; held, as change 9b6dea7c would stop 6 of 10 deployments at once; \
         `acknowledge: 9b6dea7c` at the top of the desired file lets it through, or take the \
         change back"
    );
    let condition = one.conditions.iter().find(|one| one.kind == "Held").unwrap();
    assert_eq!((&*condition.status, &*condition.reason), ("True", "Held"));
    assert_eq!(bench.reason("g"), Reason::InSync);
}

#[test]
fn first_contact_waits_until_it_has_looked() {
    // What each of ten is seen as: running, stopped, or not to be had; what that leads to.
    for (seen, sent, said) in [
        ("ssssssssss", 0, ""),
        ("rrrrrrrrrr", 0, "held: 10 of 10"),
        ("sssssrrrrr", 5, ""),
        ("ssssrrrrrr", 0, "held: 6 of 10"),
        ("ssss?r?r?r", 0, "held: 6 of 10"),
        ("sssss?r?r?", 2, ""),
        ("??????????", 0, "held: 10 of 10"),
        ("pppppppppp", 0, "held: 10 of 10"),
    ] {
        let mut bench = Bench::new(singles());
        bench.tell(Event::ManifestRead(file("r1", 10, 0..10)));
        assert_eq!(bench.calls().len(), 10);
        for (name, status) in IDS.iter().zip(seen.chars()) {
            let outcome = match status {
                'r' => sees(name, "running"),
                's' => sees(name, "stopped"),
                'p' => sees(name, "starting"),
                _ => refused(500),
            };
            bench.answer(&format!("status {name}"), outcome);
        }
        bench.live(SECOND, |name| match seen.as_bytes()[usize::from(name.as_bytes()[0] - b'a')] {
            b's' => "stopped",
            b'p' => "starting",
            _ => "running",
        });
        assert_eq!(stops(&bench).len(), sent, "{seen}");
        let told: Vec<_> = told(&bench).iter().map(|one| one[9..].to_owned()).collect();
        assert_eq!(told.concat(), said, "{seen}");
        assert_eq!(recorded(&bench)[0], format!("{TEN} 10"), "{seen}");
    }
}

#[test]
fn a_fleet_that_is_parked_already_is_no_alarm() {
    let mut bench = Bench::new(singles());
    bench.tell(Event::ManifestRead(file("r1", 10, 0..10)));
    bench.answer("status a", sees("a", "running"));
    assert_eq!(bench.reason("a"), Reason::Held, "it is not known yet");
    assert_eq!(
        &*bench.keel.view(bench.now).deployment("a").unwrap().synced.message,
        "running, wanted stopped; held, as change cf869c7c may stop too many at once; 9 of its 10 \
         are to be looked at first"
    );
    assert!(!bench.keel.looked_around());
    bench.live(SECOND, |_| "stopped");
    assert_eq!(stops(&bench), ["stop a"]);
    let alarm = |one: &&Notice| matches!(one, Notice::ReasonChanged { to: Reason::Held, .. });
    assert_eq!((told(&bench).len(), bench.notices.iter().find(alarm)), (0, None));
    assert_eq!(recorded(&bench), [format!("{TEN} 10"), format!("{TEN} WithinLimits")]);
    assert!(bench.keel.looked_around());
}

#[test]
fn it_is_told_as_soon_as_looking_cannot_end_it() {
    let mut bench = Bench::new(singles());
    bench.tell(Event::ManifestRead(file("r1", 10, 0..10)));
    for (name, said) in IDS.iter().zip([0, 0, 0, 0, 0, 1]) {
        bench.answer(&format!("status {name}"), sees(name, "running"));
        assert_eq!(told(&bench).len(), said, "{name}");
    }
}

#[test]
fn what_is_stopped_by_hand_leaves_a_hold() {
    let mut bench = six_held();
    bench.live(2 * HOUR, |name| if name == "a" { "stopped" } else { "running" });
    assert_eq!((held(&bench), stops(&bench).len()), (None, 5));
    assert_eq!(
        told(&bench),
        [format!("{SIX} held: 6 of 10"), format!("{SIX} released: 5, WithinLimits")]
    );
}

#[test]
fn a_restart_keeps_it_held_under_the_same_id() {
    let bench = six_held();
    let kept = file("r2", 10, 0..6);
    let mut bench = restarted(bench, Some(&kept), &kept);
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
    bench.live(24 * HOUR, |_| "running");
    assert_eq!((recorded(&bench), stops(&bench).len()), (vec![format!("{SIX} 6")], 0));
    // A crash before the file was kept, and one that lost what was kept.
    for before in [Some(file("r1", 10, 0..0)), None] {
        bench = restarted(bench, before.as_ref(), &kept);
        assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
    }
    assert_eq!(recorded(&bench), [format!("{SIX} 6")]);
}

/// Found by the simulation: what was taken back and is asked for again has the id that it had.
#[test]
fn what_comes_back_to_a_held_change_is_held_for_good() {
    let mut bench = ten();
    for (revision, stops) in [("r2", 0..7), ("r3", 0..6), ("r4", 0..7)] {
        read(&mut bench, &file(revision, 10, stops));
    }
    assert_eq!(held(&bench), Some((SEVEN.to_owned(), 7)));
    read(&mut bench, &file("r5", 10, 0..7));
    assert_eq!(held(&bench), Some((SEVEN.to_owned(), 7)));
    let mut bench = bench.restart(SECOND);
    read(&mut bench, &file("r5", 10, 0..7));
    assert_eq!(held(&bench), Some((SEVEN.to_owned(), 7)));
    assert_eq!(bench.posts(), [""; 0]);
}

#[test]
fn a_restart_is_no_edit() {
    let file = file("r2", 10, 0..10);
    let bench = restarted(Bench::new(singles()), Some(&file), &file);
    assert_eq!((stops(&bench).len(), recorded(&bench).len()), (10, 0), "drift, or a long queue");
}

#[test]
fn an_edit_made_while_it_was_down_is_an_edit() {
    let bench = restarted(ten(), Some(&file("r1", 10, 0..0)), &file("r2", 10, 0..6));
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
    let bench = restarted(ten(), Some(&file("r1", 10, 0..5)), &file("r2", 10, 0..10));
    assert_eq!((held(&bench), stops(&bench).len()), (None, 10), "five of them are new");
}

#[test]
fn a_torn_end_forgets_no_hold() {
    let mut bench = ten();
    let (before, known) = (file("r1", 10, 0..0), bench.records.len());
    read(&mut bench, &file("r2", 10, 0..6));
    // Only a file whose hold is durable is kept, so the one before still is.
    let records = bench.records[..known].to_vec();
    let replay = Replay { fresh: false, torn: 9, ago: None };
    let mut bench = Bench::after(singles(), records, replay, bench.now);
    bench.tell(Event::ManifestKept(before));
    read(&mut bench, &file("r2", 10, 0..6));
    bench.live(2 * HOUR, |_| "running");
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
}
