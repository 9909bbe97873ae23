//! Every kind of record, by hand and at random.

use std::sync::Arc;

use evenkeel::keel::bundle::Step;
use evenkeel::keel::call::{Call, CallId, Fate, Method, Request};
use evenkeel::keel::chapter::Chapter;
use evenkeel::keel::chronicle::{Last, Note, Wish};
use evenkeel::keel::deployment::{AccountId, Action, DeploymentId, Desired, Status};
use evenkeel::keel::guard::{Guarded, Hold, Release, change_id};
use evenkeel::keel::intent::Rule;
use evenkeel::keel::lead::{Shown, Starts};
use evenkeel::keel::line::Lined;
use evenkeel::keel::record::{Carried, Cause, Past, Record, Stamp, TallyLine};
use evenkeel::keel::temporary::{Temporary, Want, Wished};
use evenkeel::keel::time::{Boot, Mono, Now, Wall};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

/// A short text that says which one it is.
pub(crate) fn reserved(number: u64) -> Record {
    let id = DeploymentId::parse("w41b11c0").unwrap();
    let call = Call { account: AccountId::new("default"), request: Request::Start(id) };
    Record::Reserved { at: Stamp::default(), id: CallId(number), call, cause: None }
}

/// The shortest record that says which one it is.
pub(crate) fn settled(number: u64) -> Record {
    Record::Settled { at: Stamp::default(), id: CallId(number), fate: Fate::Unanswered }
}

fn mono() -> impl Strategy<Value = Mono> {
    any::<i64>().prop_map(Mono::from_millis)
}

fn stamp() -> impl Strategy<Value = Stamp> {
    (mono(), any::<i64>()).prop_map(|(mono, wall)| Stamp { mono, wall: Wall::from_millis(wall) })
}

fn text() -> impl Strategy<Value = Arc<str>> {
    "\\PC{0,12}|[\n\"\\\\\u{0}\u{7f} ]{0,4}".prop_map(Arc::from)
}

fn account() -> impl Strategy<Value = AccountId> {
    text().prop_map(|text| AccountId::new(&text))
}

fn deployment() -> impl Strategy<Value = DeploymentId> {
    "[A-Za-z0-9][A-Za-z0-9_-]{0,63}".prop_map(|text| DeploymentId::parse(&text).unwrap())
}

fn method() -> impl Strategy<Value = Method> {
    prop::sample::select(Method::ALL.to_vec())
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        (any::<u16>(), of(any::<u64>()))
            .prop_map(|(code, retry_after)| Fate::Answered { code, retry_after }),
        Just(Fate::Unanswered),
        Just(Fate::NeverLeft),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let request = prop_oneof![
        deployment().prop_map(Request::Status),
        Just(Request::List),
        deployment().prop_map(Request::Start),
        deployment().prop_map(Request::Stop),
    ];
    (account(), request).prop_map(|(account, request)| Call { account, request })
}

fn desired() -> impl Strategy<Value = Desired> {
    prop_oneof![Just(Desired::Running), Just(Desired::Stopped)]
}

fn rule() -> impl Strategy<Value = Rule> {
    prop_oneof![
        Just(Rule::State),
        of(text()).prop_map(Rule::Override),
        (text(), of(text())).prop_map(|(by, reason)| Rule::Asked { by, reason }),
        (text(), text()).prop_map(|(name, because)| Rule::Schedule { name, because }),
    ]
}

fn wished() -> impl Strategy<Value = Wished> {
    let want = prop_oneof![desired().prop_map(Want::Override), Just(Want::Suspend)];
    let until = of(any::<i64>().prop_map(Wall::from_millis));
    let wish = (stamp(), want, until, of(text()), text())
        .prop_map(|(at, want, until, reason, by)| Temporary { at, want, until, reason, by });
    prop_oneof![
        (deployment(), wish).prop_map(|(deployment, wish)| Wished::Made { deployment, wish }),
        (stamp(), deployment(), text()).prop_map(|(at, deployment, by)| Wished::Ended {
            at,
            deployment,
            by
        }),
    ]
}

fn status() -> impl Strategy<Value = Status> {
    prop_oneof![
        prop::sample::select(Status::KNOWN.to_vec()).prop_map(Status::from_word),
        text().prop_map(Status::Unknown),
    ]
}

fn note() -> impl Strategy<Value = Note> {
    let wish = (desired(), rule(), of(text())).prop_map(|(desired, rule, suspended)| Wish {
        desired,
        rule,
        suspended,
    });
    prop_oneof![
        (deployment(), wish, text()).prop_map(|(deployment, wish, revision)| Note::Wanted {
            deployment,
            wish: wish.into(),
            revision
        }),
        (deployment(), status()).prop_map(|(deployment, status)| Note::Seen { deployment, status }),
        deployment().prop_map(|deployment| Note::Left { deployment }),
    ]
}

/// What some notes about one deployment come to.
fn last() -> impl Strategy<Value = (DeploymentId, Last)> {
    (deployment(), vec((stamp(), note()), 1..4)).prop_map(|(deployment, notes)| {
        let last = notes.iter().fold(Last::default(), |mut last, (at, note)| {
            last.take(at.wall, note);
            last
        });
        (deployment, last)
    })
}

fn shown() -> impl Strategy<Value = Shown> {
    (any::<i64>(), any::<u64>()).prop_map(|(at, took)| Shown { at: Wall::from_millis(at), took })
}

fn starts() -> impl Strategy<Value = (DeploymentId, Starts)> {
    let starts = (of(mono()), vec(shown(), 0..4));
    (deployment(), starts.prop_map(|(awaited, shown)| Starts { awaited, shown }))
}

fn cause() -> impl Strategy<Value = Cause> {
    (desired(), rule(), text(), status(), any::<i64>()).prop_map(
        |(desired, rule, revision, saw, seen)| Cause {
            desired,
            rule,
            revision,
            saw,
            seen: Wall::from_millis(seen),
        },
    )
}

fn past() -> impl Strategy<Value = Past> {
    let action = prop_oneof![Just(Action::Start), Just(Action::Stop)];
    let head = (any::<u64>().prop_map(CallId), account(), deployment(), action);
    (head, of(cause()), stamp(), of((stamp(), fate()))).prop_map(
        |((id, account, deployment, action), cause, reserved, settled)| Past {
            id,
            account,
            deployment,
            action,
            cause,
            reserved,
            settled,
        },
    )
}

fn tally() -> impl Strategy<Value = TallyLine> {
    let scope = (of(account()), of(deployment()));
    (scope, method(), vec(mono(), 0..4), of(mono()), any::<u32>()).prop_map(
        |((account, deployment), method, arrivals, closed, strikes)| TallyLine {
            account,
            deployment,
            method,
            arrivals,
            closed,
            strikes,
        },
    )
}

fn carried() -> impl Strategy<Value = Carried> {
    prop_oneof![
        any::<u64>().prop_map(|id| Carried::NextCall { id: CallId(id) }),
        (mono(), any::<u32>()).prop_map(|(at, calls)| Carried::Ghosts { at, calls }),
        (deployment(), vec(mono(), 0..4))
            .prop_map(|(deployment, at)| Carried::Reversals { deployment, at }),
        (deployment(), any::<u32>())
            .prop_map(|(deployment, count)| Carried::Refusals { deployment, count }),
        (account(), method(), mono()).prop_map(|(account, method, until)| Carried::Widened {
            account,
            method,
            until
        }),
        (account(), mono()).prop_map(|(account, at)| Carried::NoList { account, at }),
        starts().prop_map(|(deployment, Starts { awaited, shown })| {
            Carried::Starts { deployment, awaited, shown }
        }),
        last().prop_map(|(deployment, last)| Carried::Last { deployment, last: Box::new(last) }),
    ]
}

fn guarded() -> impl Strategy<Value = Guarded> {
    let stops = prop::collection::btree_set(deployment(), 0..50);
    let whys = vec![Release::Acknowledged, Release::TakenBack, Release::WithinLimits];
    prop_oneof![
        (stamp(), stops).prop_map(|(at, stops)| {
            Guarded::Held(Hold { at, change: change_id(&stops), stops })
        }),
        (stamp(), "[0-9a-f]{8}", prop::sample::select(whys))
            .prop_map(|(at, change, why)| { Guarded::Released { at, change: change.into(), why } }),
    ]
}

fn lined() -> impl Strategy<Value = Lined> {
    let action = prop::sample::select(vec![Action::Start, Action::Stop]);
    prop_oneof![
        (stamp(), deployment(), action)
            .prop_map(|(at, deployment, action)| { Lined::Waits { at, deployment, action } }),
        (stamp(), deployment()).prop_map(|(at, deployment)| Lined::Left { at, deployment }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let id = || any::<u64>().prop_map(CallId);
    prop_oneof![
        (stamp(), id(), account(), deployment()).prop_map(|(at, id, account, deployment)| {
            Step::Read { at, id, account, deployment }
        }),
        (stamp(), id(), fate()).prop_map(|(at, id, fate)| Step::Settled { at, id, fate }),
    ]
}

/// Any record. A new kind belongs here: [`kind`] does not compile without it.
pub(crate) fn record() -> impl Strategy<Value = Record> {
    let now = || {
        let reading = |(boot, Stamp { mono, wall })| Now { boot: Boot(boot), mono, wall };
        (any::<u64>(), stamp()).prop_map(reading)
    };
    prop_oneof![
        now().prop_map(|now| Record::Started { now }),
        (now(), any::<u64>()).prop_map(|(now, ago)| Record::Succeeded { now, ago }),
        (stamp(), any::<u32>()).prop_map(|(at, calls)| Record::Spent { at, calls }),
        (stamp(), any::<u64>(), call(), of(cause())).prop_map(|(at, id, call, cause)| {
            Record::Reserved { at, id: CallId(id), call, cause }
        }),
        (stamp(), any::<u64>(), fate()).prop_map(|(at, id, fate)| Record::Settled {
            at,
            id: CallId(id),
            fate
        }),
        (stamp(), account(), method(), mono()).prop_map(|(at, account, method, until)| {
            Record::Widened { at, account, method, until }
        }),
        (stamp(), deployment()).prop_map(|(at, deployment)| Record::Reversed { at, deployment }),
        (stamp(), deployment()).prop_map(|(at, deployment)| Record::Forgiven { at, deployment }),
        guarded().prop_map(Record::Guard),
        lined().prop_map(Record::Line),
        wished().prop_map(Record::Wish),
        tally().prop_map(Record::Tally),
        past().prop_map(Record::Past),
        carried().prop_map(Record::Carried),
        (stamp(), note()).prop_map(|(at, note)| Record::Noted { at, note }),
        vec(tally(), 0..9).prop_map(|lines| Record::Tallies(Chapter(lines))),
        vec((stamp(), note()), 0..9).prop_map(|notes| Record::Notes(Chapter(notes))),
        vec(past(), 0..9).prop_map(|pasts| Record::Pasts(Chapter(pasts))),
        vec(last(), 0..9).prop_map(|lasts| Record::Lasts(Chapter(lasts))),
        vec(starts(), 0..9).prop_map(|starts| Record::Starts(Chapter(starts))),
        vec(step(), 0..9).prop_map(|steps| Record::Calls(Chapter(steps))),
    ]
}

/// Numbers the kinds, so that a test can see that all of them came by.
pub(crate) fn kind(record: &Record) -> usize {
    match record {
        Record::Started { .. } => 0,
        Record::Spent { .. } => 1,
        Record::Reserved { .. } => 2,
        Record::Settled { .. } => 3,
        Record::Widened { .. } => 4,
        Record::Reversed { .. } => 5,
        Record::Forgiven { .. } => 6,
        Record::Tally(_) => 7,
        Record::Past(_) => 8,
        Record::Carried(_) => 9,
        Record::Guard(_) => 10,
        Record::Line(_) => 11,
        Record::Noted { .. } => 12,
        Record::Wish(_) => 13,
        Record::Succeeded { .. } => 14,
        Record::Notes(_) => 15,
        Record::Tallies(_) => 18,
        Record::Pasts(_) => 16,
        Record::Lasts(_) => 17,
        Record::Starts(_) => 19,
        Record::Calls(_) => 20,
    }
}

/// How many kinds there are.
pub(crate) const KINDS: usize = 21;
