//! The ledger that a month of office hours leaves, written by the keel itself in virtual time.

use std::path::Path;
use std::time::Duration;

use evenkeel::keel::deployment::{AccountId, DeploymentId};
use evenkeel::keel::policy::Policy;
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::record::Record;
use evenkeel::keel::time::Wall;
use evenkeel::ledger::{FileLedger, Ledger as _};
use evenkeel::manifest;

use crate::fleet::Fleet;
use crate::world::World;

const SPAN: Duration = Duration::from_secs(30 * 86_400);

/// Half of the fleet starts at 08:00 and the other at 09:00.
const HOURS: &str = "schedules:\n  early: { running: [Mon-Fri 08:00-19:00] }\n  \
                     late: { running: [Mon-Fri 09:00-20:00] }\ndeployments:\n";

/// Writes into `state` what the fleet of `ids` leaves from 30 days before `end` on.
pub(crate) fn write(state: &str, ids: &str, end: i64) {
    let text = std::fs::read_to_string(ids).unwrap();
    let mut policy = Policy::default();
    // A list every ten minutes instead of each minute: what is left at the end is the same.
    policy.observe.interval = Some(Duration::from_secs(600));
    // Nobody is there to acknowledge that every evening stops all.
    policy.guards.stops.percent = 100;
    let (mut ledger, _) = FileLedger::open(Path::new(state), |_| ()).unwrap();
    let ids: Vec<_> = text.lines().map(|id| DeploymentId::parse(id).unwrap()).collect();
    let mut fleet = Fleet::new(&ids, true);
    let begin = Wall::from_millis(end * 1000) - SPAN;
    let mut append = |records: &[Record]| ledger.append(records, false).unwrap();
    let mut world = World::new(&policy, begin, &mut append);
    let mut file = HOURS.to_owned();
    for (place, id) in ids.iter().enumerate() {
        let hours = if place % 2 == 0 { "early" } else { "late" };
        file.push_str(&format!("  {id}: {hours}\n"));
    }
    let accounts = [AccountId::new(AccountId::DEFAULT)];
    let (desired, _) = manifest::parse("desired.yaml", file.as_bytes(), Some(&accounts)).unwrap();
    world.tell(Event::ManifestRead(desired.into()), &mut append);
    let until = world.now.mono + SPAN;
    loop {
        let mut append = |records: &[Record]| ledger.append(records, false).unwrap();
        while world.answer(&mut |call, now| fleet.reply(call, now), &mut append) > 0 {}
        if !world.wake(until, &mut append) {
            break;
        }
        if ledger.wants_compaction() {
            world.keel.compact(world.now, |records| ledger.compact(records)).unwrap();
        }
    }
    ledger.sync().unwrap();
    println!("{} starts and stops remembered", world.keel.past().count());
}
