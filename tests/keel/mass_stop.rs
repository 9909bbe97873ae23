//! The mass-stop guard: what an edit stops, when that is held, and how it is let go.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::guard::{Guarded, Release, change_id, mass_stop};
use evenkeel::keel::intent::{Intent, Manifest, Override, Suspend};
use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::StopLimit;
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::record::Record;
use evenkeel::keel::time::Wall;

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, accepted, id, manifest, refused, running, sees, singles,
    stopped,
};
use crate::calendar::{follows, office};

const IDS: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

/// CRC-32 of `a\nb\nc\nd\ne\nf\n`, by another implementation; of the first seven, of all ten.
const SIX: &str = "9b6dea7c";
const SEVEN: &str = "48e5a070";
const TEN: &str = "cf869c7c";

/// A file of the first `fleet`, of which these are wanted stopped.
fn file(revision: &str, fleet: usize, stops: std::ops::Range<usize>) -> Arc<Manifest> {
    let intent = |i| if stops.contains(&i) { stopped() } else { running() };
    let intents: Vec<_> =
        IDS.iter().take(fleet).enumerate().map(|(i, id)| (*id, intent(i))).collect();
    manifest(revision, &intents)
}

fn acknowledging(file: &Arc<Manifest>, change: &str) -> Arc<Manifest> {
    let revision = format!("{}+{change}", file.revision).into();
    let acknowledged = BTreeSet::from([change.into()]);
    Arc::new(Manifest { revision, acknowledged, ..Manifest::clone(file) })
}

fn read(bench: &mut Bench, file: &Arc<Manifest>) {
    bench.tell(Event::ManifestRead(file.clone()));
    bench.live(MINUTE, |_| "running");
}

/// Ten that are wanted running and are.
fn ten() -> Bench {
    let mut bench = Bench::new(singles());
    read(&mut bench, &file("r1", 10, 0..0));
    bench
}

/// Ten of which an edit would stop the first six.
fn six_held() -> Bench {
    let mut bench = ten();
    read(&mut bench, &file("r2", 10, 0..6));
    assert_eq!(held(&bench), Some((SIX.to_owned(), 6)));
    bench
}

/// The change that is held, and how many stops.
fn held(bench: &Bench) -> Option<(String, usize)> {
    let guard = bench.keel.view(bench.now).guard?;
    Some((guard.change.to_string(), guard.count))
}

fn stops(bench: &Bench) -> Vec<String> {
    let mut stops: Vec<_> =
        bench.posts().into_iter().filter(|call| call.starts_with("stop ")).collect();
    stops.sort();
    stops
}

fn all_stops(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| format!("stop {id}")).collect()
}

/// What was told of the guard.
fn told(bench: &Bench) -> Vec<String> {
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
fn recorded(bench: &Bench) -> Vec<String> {
    let say = |record: &Record| match record {
        Record::Guard(Guarded::Held(hold)) => Some(format!("{} {}", hold.change, hold.stops.len())),
        Record::Guard(Guarded::Released { change, why, .. }) => Some(format!("{change} {why:?}")),
        _ => None,
    };
    bench.records.iter().filter_map(say).collect()
}

/// Another process, told what the one before had in force.
fn restarted(bench: Bench, kept: Option<&Arc<Manifest>>, file: &Arc<Manifest>) -> Bench {
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
    assert_eq!((condition.status.as_str(), condition.reason.as_str()), ("True", "Held"));
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
    let replay = Replay { fresh: false, torn: 9 };
    let mut bench = Bench::after(singles(), records, replay, bench.now);
    bench.tell(Event::ManifestKept(before));
    read(&mut bench, &file("r2", 10, 0..6));
    bench.live(2 * HOUR, |_| "running");
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
}

#[test]
fn only_its_own_id_lets_it_go() {
    for (change, sent) in [(SIX, 6), (SEVEN, 0), (TEN, 0)] {
        let mut bench = six_held();
        let edit = acknowledging(&file("r3", 10, 0..6), change);
        read(&mut bench, &edit);
        assert_eq!((stops(&bench).len(), held(&bench).is_some()), (sent, sent == 0), "{change}");
        let bench = restarted(bench, Some(&edit), &edit);
        assert_eq!((held(&bench).is_some()), sent == 0, "{change}, after a restart");
    }
    let mut bench = six_held();
    read(&mut bench, &acknowledging(&file("r3", 10, 0..6), SIX));
    assert_eq!(recorded(&bench), [format!("{SIX} 6"), format!("{SIX} Acknowledged")]);
    assert_eq!(told(&bench)[1], format!("{SIX} released: 6, Acknowledged"));
}

#[test]
fn an_id_that_is_acknowledged_beforehand_is_never_held() {
    let mut bench = ten();
    read(&mut bench, &acknowledging(&file("r2", 10, 0..6), SIX));
    assert_eq!((stops(&bench).len(), recorded(&bench).len()), (6, 0));
    assert_eq!(told(&bench), [format!("{SIX} released: 6, Acknowledged")]);
}

#[test]
fn an_edit_takes_it_back() {
    let mut bench = six_held();
    read(&mut bench, &file("r3", 10, 0..0));
    assert_eq!((held(&bench), bench.posts().len(), bench.reason("a")), (None, 0, Reason::InSync));
    assert_eq!(told(&bench)[1], format!("{SIX} released: 6, TakenBack"));
    let mut bench = six_held();
    read(&mut bench, &file("r3", 10, 1..6));
    assert_eq!(stops(&bench), all_stops(&IDS[1..6]), "what is left is within the limits");
    let mut bench = six_held();
    read(&mut bench, &file("r3", 5, 0..0));
    assert_eq!(held(&bench), None, "what is named no longer is left as it is");
}

#[test]
fn taking_a_part_back_keeps_the_id() {
    let mut bench = ten();
    read(&mut bench, &file("r2", 10, 0..10));
    read(&mut bench, &file("r3", 10, 3..10));
    assert_eq!(held(&bench), Some((TEN.to_owned(), 7)));
    let kept = file("r3", 10, 3..10);
    let mut bench = restarted(bench, Some(&kept), &kept);
    assert_eq!(held(&bench), Some((TEN.to_owned(), 7)));
    assert_eq!(recorded(&bench), [format!("{TEN} 10"), format!("{TEN} 7")]);
    read(&mut bench, &acknowledging(&kept, TEN));
    assert_eq!(stops(&bench).len(), 7);
}

#[test]
fn a_further_edit_keeps_the_id_unless_it_stops_more() {
    let mut bench = six_held();
    let mut other = Manifest::clone(&file("r3", 10, 0..6));
    other.intents.get_mut("j").unwrap().protect = true;
    read(&mut bench, &Arc::new(other));
    assert_eq!(held(&bench), Some((SIX.to_owned(), 6)));
    read(&mut bench, &file("r4", 10, 0..7));
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SEVEN.to_owned(), 7)), 0));
    read(&mut bench, &acknowledging(&file("r4", 10, 0..7), SIX));
    assert_eq!(stops(&bench).len(), 0, "a stale id");
    read(&mut bench, &acknowledging(&file("r4", 10, 0..7), SEVEN));
    assert_eq!(stops(&bench).len(), 7);
    let first = format!("{SIX} held: 6 of 10");
    let second = format!("{SEVEN} held: 7 of 10");
    assert_eq!(told(&bench), [first, second, format!("{SEVEN} released: 7, Acknowledged")]);
}

#[test]
fn starts_are_never_held() {
    let mut bench = Bench::new(singles());
    bench.tell(Event::ManifestRead(file("r1", 10, 0..6)));
    bench.live(MINUTE, |name| if name < "g" { "running" } else { "stopped" });
    assert_eq!(bench.posts(), ["start g", "start h", "start i", "start j"]);
    assert_eq!(held(&bench), Some((SIX.to_owned(), 6)));
    let mut bench = six_held();
    read(&mut bench, &file("r3", 10, 0..6));
    bench.live(2 * HOUR, |name| if name == "j" { "stopped" } else { "running" });
    assert_eq!(bench.posts(), ["start j"]);
}

#[test]
fn what_the_file_does_not_stop_does_not_count() {
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    for spared in [Intent { protect: true, ..stopped() }, Intent { suspend, ..stopped() }] {
        let mut edit = Manifest::clone(&file("r2", 10, 0..6));
        edit.intents.insert(id("a"), spared);
        let mut bench = ten();
        read(&mut bench, &Arc::new(edit));
        assert_eq!(stops(&bench), all_stops(&IDS[1..6]));
    }
    // Taking that away is an edit like another.
    let guarded = |mut file: Manifest| {
        file.intents.values_mut().for_each(|intent| intent.protect = true);
        Arc::new(file)
    };
    let mut bench = Bench::new(singles());
    read(&mut bench, &guarded(Manifest::clone(&file("r1", 10, 0..6))));
    assert_eq!(bench.reason("a"), Reason::Protected);
    read(&mut bench, &file("r2", 10, 0..6));
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
}

#[test]
fn an_override_is_an_edit_and_its_end_is_none() {
    let until = Wall::from_millis(EPOCH + 10_000_000);
    let overridden = |state| {
        let mut file = Manifest::clone(&file("r2", 10, 0..0));
        for intent in file.intents.values_mut().take(6) {
            intent.exception = Some(Override { state, until, reason: None });
        }
        Arc::new(file)
    };
    let mut bench = ten();
    read(&mut bench, &overridden(evenkeel::keel::deployment::Desired::Stopped));
    assert_eq!(held(&bench), Some((SIX.to_owned(), 6)));
    let mut bench = Bench::new(singles());
    let mut parked = Manifest::clone(&overridden(evenkeel::keel::deployment::Desired::Running));
    for intent in parked.intents.values_mut() {
        intent.wanted = stopped().wanted;
    }
    bench.tell(Event::ManifestKept(Arc::new(parked.clone())));
    read(&mut bench, &Arc::new(parked));
    bench.live(3 * HOUR, |_| "running");
    assert_eq!((held(&bench), stops(&bench).len()), (None, 10));
}

#[test]
fn a_schedule_in_force_is_no_edit() {
    let intents: Vec<_> = IDS.iter().map(|id| (*id, follows(&office(8, 19)))).collect();
    let file = manifest("r1", &intents);
    let (day, night) = (EPOCH + 12 * 3_600_000, EPOCH + 20 * 3_600_000);
    assert_eq!(mass_stop(None, &file, Wall::from_millis(day)).len(), 0);
    assert_eq!(mass_stop(None, &file, Wall::from_millis(night)).len(), 10);
    assert_eq!(mass_stop(Some(&file), &file, Wall::from_millis(night)).len(), 0);
    let mut bench = Bench::new(singles());
    bench.pass(12 * HOUR);
    read(&mut bench, &file);
    assert_eq!(bench.posts().len(), 0);
    bench.live(7 * HOUR, |_| "running");
    assert_eq!((held(&bench), stops(&bench).len()), (None, 10), "at 19:00");
    // Down at 19:00, up at 20:00: the same.
    let mut bench = Bench::new(singles());
    bench.pass(12 * HOUR);
    read(&mut bench, &file);
    let mut bench = bench.restart(8 * HOUR);
    bench.tell(Event::ManifestKept(file.clone()));
    read(&mut bench, &file);
    assert_eq!((held(&bench), stops(&bench).len()), (None, 10), "late, and no edit");
}

#[test]
fn a_schedule_that_an_edit_brings_is_held_from_the_edit_on() {
    let intents: Vec<_> = IDS.iter().map(|id| (*id, follows(&office(8, 19)))).collect();
    let file = manifest("r2", &intents);
    let mut bench = ten();
    read(&mut bench, &file);
    assert_eq!(held(&bench), Some((TEN.to_owned(), 10)), "half past midnight");
    bench.live(12 * HOUR, |_| "running");
    assert_eq!((held(&bench), bench.reason("a")), (Some((TEN.to_owned(), 10)), Reason::InSync));
    // Neither the day nor another edit at noon lets through what nobody acknowledged.
    read(&mut bench, &acknowledging(&file, SIX));
    bench.live(8 * HOUR, |_| "running");
    assert_eq!((stops(&bench).len(), bench.reason("a")), (0, Reason::Held));
    read(&mut bench, &acknowledging(&file, TEN));
    assert_eq!(stops(&bench).len(), 10);
}

#[test]
fn a_compaction_carries_it() {
    let mut bench = six_held();
    let now = bench.now;
    bench.records = bench.keel.compacted(now);
    assert_eq!(recorded(&bench), [format!("{SIX} 6")]);
    let kept = file("r2", 10, 0..6);
    let bench = restarted(bench, Some(&kept), &kept);
    assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
    let since = bench.keel.view(bench.now).guard.unwrap().since.0;
    assert_eq!(since, Wall::from_millis(EPOCH + 1_060_000), "since the edit");
}

#[test]
fn other_limits_are_obeyed_at_once() {
    let mut policy = singles();
    let mut bench = six_held();
    policy.guards.stops.above = 20;
    bench.tell(Event::PolicyChanged(Box::new(policy.clone())));
    bench.live(SECOND, |_| "running");
    assert_eq!((held(&bench), stops(&bench).len()), (None, 6));
    assert_eq!(recorded(&bench)[1], format!("{SIX} {:?}", Release::WithinLimits));
    let mut bench = ten();
    read(&mut bench, &file("r2", 10, 0..5));
    policy.guards.stops = StopLimit { percent: 0, above: 0 };
    bench.tell(Event::PolicyChanged(Box::new(policy)));
    assert_eq!(held(&bench), None, "that was let through before");
}

#[test]
fn a_release_acts_on_a_fresh_look_only() {
    let mut bench = six_held();
    bench.pass(Duration::from_secs(20));
    bench.tell(Event::ManifestRead(acknowledging(&file("r2", 10, 0..6), SIX)));
    assert_eq!(bench.posts(), [""; 0]);
    bench.answer("status a", sees("a", "running"));
    assert_eq!(bench.posts(), ["stop a"]);
    bench.answer("stop a", accepted());
    bench.answer("status b", sees("b", "stopped"));
    assert_eq!((bench.posts().len(), bench.reason("b")), (0, Reason::InSync));
}
