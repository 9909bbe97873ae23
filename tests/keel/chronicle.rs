//! What is noted of each deployment, and for how long it is kept.

use std::time::Duration;

use evenkeel::keel::chronicle::{NOTES_MAX, Note};
use evenkeel::keel::deployment::Status;
use evenkeel::keel::history::History;
use evenkeel::keel::intent::{Intent, Suspend};
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::{Event, Replay};
use evenkeel::keel::record::{Record, Stamp};
use evenkeel::keel::story::Entry;

use crate::bench::{Bench, HOUR, MINUTE, SECOND, at, compacted, id, running, singles, stopped};
use crate::plant::{Plant, daily};

/// The notes in the ledger, as text.
fn notes(records: &[Record]) -> Vec<String> {
    let said = |(at, note): &(Stamp, Note)| {
        let clock = at.wall.to_string()[8..19].to_owned();
        let who = note.deployment();
        match note {
            Note::Wanted { wish, revision, .. } => {
                let suspended = wish.suspended.as_deref().unwrap_or("on");
                let (desired, rule) = (wish.desired, &wish.rule);
                format!("{clock} {who} {desired} by {rule} in {revision}, {suspended}")
            }
            Note::Seen { status, .. } => format!("{clock} {who} is {status}"),
            Note::Left { .. } => format!("{clock} {who} left"),
        }
    };
    let notes = records.iter().flat_map(|record| match record {
        Record::Noted { at, note } => vec![(*at, note.clone())],
        Record::Notes(notes) => notes.0.clone(),
        _ => vec![],
    });
    notes.map(|note| said(&note)).collect()
}

#[test]
fn a_day_of_a_schedule() {
    let mut plant = Plant::new(daily("office", 9, 17));
    plant.until(24 * HOUR);
    let want = [
        "01T00:16:40 a stopped by schedule office (outside its windows) in r1, on",
        "01T00:16:40 a is stopped",
        "01T08:45:00 a running by schedule office (ready by Thu 09:00) in r1, on",
        "01T08:45:05 a is starting",
        "01T08:47:41 a is running",
        "01T09:00:00 a running by schedule office (09:00-17:00) in r1, on",
        "01T17:00:00 a stopped by schedule office (outside its windows) in r1, on",
        "01T17:00:05 a is stopping",
        "01T17:01:06 a is stopped",
    ];
    assert_eq!(notes(&plant.bench.records), want);
}

#[test]
fn nothing_is_noted_twice_whatever_ends_the_process() {
    let mut plant = Plant::new(daily("office", 9, 17));
    plant.until(10 * HOUR);
    let before = notes(&plant.bench.records).len();
    plant.restart(SECOND, daily("office", 9, 17));
    plant.until(10 * HOUR + MINUTE);
    assert_eq!(notes(&plant.bench.records).len(), before);
    let now = plant.bench.now;
    let compacted = plant.bench.compacted();
    assert_eq!(notes(&compacted).len(), before, "and nothing is lost");
    let mut bench = Bench::after(singles(), compacted, Replay::default(), now);
    bench.edit("r1", &[("a", daily("office", 9, 17))]);
    bench.watch("a", "running", MINUTE);
    assert_eq!(notes(&bench.records).len(), before);
}

#[test]
fn an_edit_a_suspension_and_a_leave() {
    let mut bench = Bench::with(singles(), &[("a", running()), ("b", stopped())]);
    let suspend = Some(Suspend { reason: "migration".into(), until: None });
    bench.edit("r2", &[("a", Intent { suspend, ..running() }), ("b", stopped())]);
    bench.edit("r3", &[("b", stopped())]);
    let mut bench = bench.restart(MINUTE);
    bench.edit("r4", &[("a", stopped())]);
    let want = [
        "01T00:16:40 a running by state in r1, on",
        "01T00:16:40 b stopped by state in r1, on",
        "01T00:16:40 a running by state in r2, migration",
        "01T00:16:40 a left",
        "01T00:17:40 b left",
        "01T00:17:40 a stopped by state in r4, on",
    ];
    assert_eq!(notes(&bench.records), want);
}

fn seen(who: &str, number: usize) -> Record {
    let status = Status::from_word(["running", "stopped"][number % 2]);
    let note = Note::Seen { deployment: id(who), status };
    Record::Noted { at: at(SECOND * u32::try_from(number).unwrap()).into(), note }
}

#[test]
fn the_oldest_notes_go_and_what_they_last_said_stays() {
    let mut bench = Bench::with(singles(), &[("a", running())]);
    bench.answer("status a", crate::bench::sees("a", "running"));
    let mut records = bench.records.clone();
    records.extend((0..NOTES_MAX).map(|number| seen("b", number)));
    let mut history = History::new(Policy::default());
    records.iter().for_each(|record| history.apply(record));
    assert_eq!(history.chronicle().of(&id("a")).count(), 0);
    assert_eq!(history.chronicle().of(&id("b")).count(), NOTES_MAX);
    let compacted = compacted(&mut history, bench.now);
    let mut again = History::new(Policy::default());
    compacted.iter().for_each(|record| again.apply(record));
    assert!(again == history, "the fold of the snapshot is another history");
    let before = notes(&compacted).len();
    let mut bench = Bench::after(singles(), compacted, Replay::default(), bench.now);
    bench.edit("r1", &[("a", running()), ("b", running())]);
    bench.answer("status a", crate::bench::sees("a", "running"));
    let new = notes(&bench.records).split_off(before);
    assert_eq!(new, ["01T00:16:40 b running by state in r1, on"], "nothing of a");
}

/// Short, because there are many.
#[test]
fn notes_as_the_ledger_has_them() {
    let mut plant = Plant::new(daily("office-hours", 9, 17));
    plant.until(HOUR);
    let json: Vec<_> = plant
        .bench
        .records
        .iter()
        .filter(|record| matches!(record, Record::Noted { .. }))
        .map(|record| serde_json::to_string(record).unwrap())
        .collect();
    let at = r#""t":"noted","at":{"m":1000000,"w":1767226600000}"#;
    let rule = r#""r":{"schedule":{"name":"office-hours","because":"outside its windows"}}"#;
    let want = [
        format!(r#"{{{at},"n":{{"k":"wanted","d":"a","s":"stopped",{rule},"v":"r1"}}}}"#),
        format!(r#"{{{at},"n":{{"k":"seen","d":"a","s":"stopped"}}}}"#),
    ];
    assert_eq!(json, want);
}

#[test]
fn a_timeline_begins_with_what_held_and_puts_acts_in_their_place() {
    let mut plant = Plant::new(daily("office", 9, 17));
    plant.until(10 * HOUR);
    let timeline = |plant: &Plant, who: &str, from| {
        let from = at(from).wall;
        let entries = plant.bench.keel.timeline(&id(who), from)?;
        let said = entries.iter().map(|entry| match entry {
            Entry::Wanted { at, state, rule, .. } => format!("{at} {state} by {rule}"),
            Entry::Seen { at, status } => format!("{at} {status}"),
            Entry::Left { at } => format!("{at} left"),
            Entry::Acted(past) => format!("{} {} {}", past.at, past.action, past.outcome),
        });
        Some(said.map(|text| text[11..].to_owned()).collect::<Vec<_>>())
    };
    let whole = [
        "00:16:40Z stopped by schedule office (outside its windows)",
        "00:16:40Z stopped",
        "08:45:00Z running by schedule office (ready by Thu 09:00)",
        "08:45:00Z start 201",
        "08:45:05Z starting",
        "08:47:41Z running",
        "09:00:00Z running by schedule office (09:00-17:00)",
    ];
    assert_eq!(timeline(&plant, "a", Duration::ZERO).unwrap(), whole);
    let late = [whole[2], whole[5], whole[6]];
    assert_eq!(timeline(&plant, "a", 9 * HOUR).unwrap(), late);
    assert_eq!(timeline(&plant, "b", Duration::ZERO), None);
    plant.bench.tell(Event::ManifestRead(crate::bench::manifest("r2", &[])));
    let left = timeline(&plant, "a", 9 * HOUR).unwrap();
    assert_eq!(left.last().unwrap(), "10:00:00Z left");
    assert_eq!(timeline(&plant, "a", 11 * HOUR).unwrap(), ["10:00:00Z left"]);
}
