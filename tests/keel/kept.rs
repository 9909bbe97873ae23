//! The mass-stop guard across a process that ends, and what it takes for stopped.

use std::sync::Arc;

use evenkeel::keel::intent::Manifest;
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::time::{Boot, Mono, Now};

use crate::bench::{Bench, HOUR, MINUTE, SECOND, accepted, singles};
use crate::mass_stop::{
    IDS, SIX, TEN, acknowledging, file, held, read, recorded, restarted, six_held, stops, ten, told,
};

/// Comes into force, and the process ends before it is kept.
fn not_kept(bench: &mut Bench, file: &Arc<Manifest>) {
    bench.tell(Event::ManifestRead(file.clone()));
    bench.live(SECOND, |_| "running");
}

/// Found by the simulation: the file that is compared with asks for those stops.
#[test]
fn what_was_taken_back_and_is_asked_for_again_is_held() {
    let before = file("r2", 10, 0..6);
    for taken_back in [0..0, 0..1, 4..6] {
        let mut bench = six_held();
        not_kept(&mut bench, &file("r3", 10, taken_back));
        assert_eq!(recorded(&bench), [format!("{SIX} 6")]);
        let bench = restarted(bench, Some(&before), &file("r4", 10, 0..6));
        assert_eq!((held(&bench), stops(&bench).len()), (Some((SIX.to_owned(), 6)), 0));
        assert_eq!(recorded(&bench), [format!("{SIX} 6")]);
    }
}

#[test]
fn what_was_exchanged_and_is_asked_for_again_is_held() {
    let mut bench = six_held();
    not_kept(&mut bench, &file("r3", 10, 4..10));
    let (change, _) = held(&bench).unwrap();
    assert_eq!(recorded(&bench), [format!("{SIX} 6"), format!("{TEN} 10")]);
    let both = bench.records.clone();
    bench.tell(Event::ManifestKept(file("r3", 10, 4..10)));
    assert_eq!(recorded(&bench)[2..], [format!("{change} 6")]);
    bench.records = both;
    let bench = restarted(bench, Some(&file("r2", 10, 0..6)), &file("r4", 10, 0..6));
    assert_eq!((held(&bench), stops(&bench).len()), (Some((TEN.to_owned(), 6)), 0));
}

#[test]
fn what_was_taken_back_is_forgotten_once_that_is_kept() {
    let (before, back) = (file("r2", 10, 0..6), file("r3", 10, 0..0));
    let mut bench = six_held();
    not_kept(&mut bench, &back);
    assert_eq!(held(&bench), None);
    // Another one is kept, and it ends before the ledger has it.
    bench.tell(Event::ManifestKept(before));
    assert_eq!(recorded(&bench), [format!("{SIX} 6")]);
    let mut bench = bench.restart(MINUTE);
    bench.tell(Event::ManifestKept(back.clone()));
    not_kept(&mut bench, &back);
    assert_eq!((held(&bench), told(&bench).len()), (None, 0), "no alarm");
    for _ in 0..2 {
        bench.tell(Event::ManifestKept(back.clone()));
        assert_eq!(recorded(&bench), [format!("{SIX} 6"), format!("{SIX} TakenBack")]);
    }
}

/// Found by the simulation: its instant is of another boot then.
#[test]
fn a_reboot_is_no_other_hold() {
    let bench = six_held();
    let now = Now { boot: Boot(2), mono: Mono::from_millis(1000), wall: bench.now.wall };
    let mut bench = Bench::after(singles(), bench.records, Replay::default(), now);
    let kept = file("r2", 10, 0..6);
    bench.tell(Event::ManifestKept(kept.clone()));
    read(&mut bench, &kept);
    assert_eq!((held(&bench), recorded(&bench).len()), (Some((SIX.to_owned(), 6)), 1));
}

#[test]
fn what_is_acknowledged_is_let_go_at_once() {
    let mut bench = six_held();
    not_kept(&mut bench, &acknowledging(&file("r2", 10, 0..6), SIX));
    assert_eq!(recorded(&bench), [format!("{SIX} 6"), format!("{SIX} Acknowledged")]);
    let before = file("r2", 10, 0..6);
    let bench = restarted(bench, Some(&before), &before);
    assert_eq!(held(&bench), None);
}

/// Found by the simulation: the last look at what is on its way up said `stopped`.
#[test]
fn what_was_started_since_it_was_seen_is_not_taken_for_stopped() {
    let mut bench = Bench::new(singles());
    bench.tell(Event::ManifestRead(file("r1", 10, 0..0)));
    bench.live(SECOND, |_| "stopped");
    for name in &IDS[..6] {
        bench.answer(&format!("start {name}"), accepted());
    }
    // Some are still asked to start.
    bench.tell(Event::ManifestRead(file("r2", 10, 0..10)));
    bench.live(MINUTE, |name| if name < "g" { "running" } else { "stopped" });
    assert_eq!((held(&bench), stops(&bench).len()), (Some((TEN.to_owned(), 10)), 0));
    // What was asked before the start was answered says nothing either; what was asked after does.
    for name in &IDS[6..] {
        bench.answer(&format!("start {name}"), accepted());
    }
    bench.live(HOUR, |name| if name < "g" { "running" } else { "stopped" });
    assert_eq!((held(&bench), stops(&bench).len()), (Some((TEN.to_owned(), 6)), 0));
}

/// What nobody watched may have changed, so it is held until it is looked at.
#[test]
fn what_comes_back_to_the_file_is_not_taken_for_stopped() {
    let mut bench = ten();
    read(&mut bench, &file("r2", 10, 0..5));
    bench.live(2 * HOUR, |name| if name < "f" { "stopped" } else { "running" });
    let mut without = Manifest::clone(&file("r3", 10, 0..0));
    without.intents.retain(|id, _| id.as_str() > "e");
    bench.out.clear();
    read(&mut bench, &Arc::new(without));
    bench.tell(Event::ManifestRead(file("r4", 10, 0..6)));
    assert_eq!(recorded(&bench), [format!("{SIX} 6")]);
    bench.live(SECOND, |name| if name < "f" { "stopped" } else { "running" });
    assert_eq!((held(&bench), stops(&bench)), (None, vec!["stop f".to_owned()]));
}
