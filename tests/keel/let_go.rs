//! What is held under the mass-stop guard: other edits, schedules, restarts, and how it is let go.

use std::sync::Arc;
use std::time::Duration;

use evenkeel::keel::deployment::Desired;
use evenkeel::keel::guard::{Release, mass_stop};
use evenkeel::keel::intent::{Intent, Manifest, Override, Suspend};
use evenkeel::keel::plan::Reason;
use evenkeel::keel::policy::StopLimit;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::Wall;

use crate::bench::{
    Bench, EPOCH, HOUR, MINUTE, SECOND, accepted, id, manifest, sees, singles, stopped,
};
use crate::calendar::{follows, office};
use crate::mass_stop::{
    IDS, SEVEN, SIX, TEN, acknowledging, all_stops, file, held, read, recorded, restarted,
    six_held, stops, ten, told,
};

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
    Arc::make_mut(other.intents.get_mut("j").unwrap()).protect = true;
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
        edit.intents.insert(id("a"), spared.into());
        let mut bench = ten();
        read(&mut bench, &Arc::new(edit));
        assert_eq!(stops(&bench), all_stops(&IDS[1..6]));
    }
    // Taking that away is an edit like another.
    let guarded = |mut file: Manifest| {
        file.intents.values_mut().for_each(|intent| Arc::make_mut(intent).protect = true);
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
        for intent in file.intents.values_mut().take(6).map(Arc::make_mut) {
            intent.exception = Some(Override { state, until, reason: None });
        }
        Arc::new(file)
    };
    let mut bench = ten();
    read(&mut bench, &overridden(Desired::Stopped));
    assert_eq!(held(&bench), Some((SIX.to_owned(), 6)));
    let mut bench = Bench::new(singles());
    let mut parked = Manifest::clone(&overridden(Desired::Running));
    for intent in parked.intents.values_mut().map(Arc::make_mut) {
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
    bench.records = bench.compacted();
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
