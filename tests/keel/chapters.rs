//! Many items in one record: the exact text.

use evenkeel::keel::bundle::bundle;
use evenkeel::keel::call::{Call, CallId, Fate, Method, Request};
use evenkeel::keel::chapter::Chapter;
use evenkeel::keel::chronicle::Note;
use evenkeel::keel::deployment::{Action, Status};
use evenkeel::keel::record::{Past, Record, TallyLine};

use crate::bench::{EPOCH, account, id};
use crate::snapshot::{s, stamp};

/// What a month of a fleet leaves is read at each start.
#[test]
fn a_chapter_says_once_what_repeats() {
    let tally = |account, deployment, arrivals| TallyLine {
        account,
        deployment,
        method: Method::Status,
        arrivals,
        closed: None,
        strikes: 0,
    };
    let tallies = Record::Tallies(Chapter(vec![
        tally(Some(account()), None, vec![s(10), s(12)]),
        tally(None, Some(id("a")), vec![s(10), s(10)]),
        tally(None, Some(id("b")), vec![s(12)]),
    ]));
    let past = |number, deployment: &str, at: i64| Past {
        id: CallId(number),
        account: account(),
        deployment: id(deployment),
        action: Action::Start,
        cause: None,
        reserved: stamp(at),
        settled: Some((stamp(at + 2), Fate::Answered { code: 201, retry_after: None })),
    };
    let pasts = Record::Pasts(Chapter(vec![past(7, "a", 10), past(9, "b", 11)]));
    let note = |deployment: &str, at: i64| {
        let (deployment, status) = (id(deployment), Status::Running);
        (stamp(at), Note::Seen { deployment, status })
    };
    let left = Note::Left { deployment: id("a") };
    let notes =
        Record::Notes(Chapter(vec![note("a", 10), note("b", 10), (stamp(9), left), note("a", 12)]));
    let frame = r#"{"a":"default","k":"start","c":null,"e":{"answered":{"c":201}}}"#;
    let items = [
        format!(r#"[0,[7,"a",[10000,{EPOCH}],0,[2000,0]]]"#),
        r#"[0,[2,"b",[1000,0],0,[2000,0]]]"#.to_owned(),
    ];
    let told_pasts = format!(r#"{{"t":"pasts","f":[{frame}],"i":[{}]}}"#, items.join(","));
    let items = [
        format!(r#"[0,["a",[10000,{EPOCH}]]]"#),
        r#"[0,["b",[0,0]]],[1,["a",[-1000,0]]],[0,["a",[3000,0]]]"#.to_owned(),
    ];
    let frames = r#"{"seen":"running"},"left""#;
    let told_notes = format!(r#"{{"t":"notes","f":[{frames}],"i":[{}]}}"#, items.join(","));
    let frames =
        r#"{"a":"default","f":"status","c":null,"s":0},{"a":null,"f":"status","c":null,"s":0}"#;
    let items = r#"[0,[null,[10000,2000]]],[1,["a",[0,0]]],[1,["b",[2000]]]"#;
    let told_tallies = format!(r#"{{"t":"tallies","f":[{frames}],"i":[{items}]}}"#);
    for (record, want) in [(pasts, told_pasts), (notes, told_notes), (tallies, told_tallies)] {
        assert_eq!(serde_json::to_string(&record).unwrap(), want);
        assert_eq!(Record::read(want.as_bytes()).unwrap(), record);
    }
}

#[test]
fn an_item_of_a_chapter_without_its_frame_is_no_record() {
    for json in [
        r#"{"t":"notes","f":["left"],"i":[[1,["a",[0,0]]]]}"#,
        r#"{"t":"calls","f":[{"read":"default"}],"i":[[0,[[0,0],1,null]]]}"#,
        r#"{"t":"calls","f":[{"settled":"unanswered"}],"i":[[0,[[0,0],1,"a"]]]}"#,
    ] {
        let error = Record::read(json.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with("an item without its frame"), "{error}");
    }
}

/// Reads that stand together share a record; a start, and what stands alone, does not.
#[test]
fn one_commit_says_once_what_its_calls_have_in_common() {
    let reserved = |at: i64, number, request, cause| {
        let call = Call { account: account(), request };
        Record::Reserved { at: stamp(at), id: CallId(number), call, cause }
    };
    let read =
        |at, number, deployment: &str| reserved(at, number, Request::Status(id(deployment)), None);
    let settled = |at, number| {
        let fate = Fate::Answered { code: 200, retry_after: None };
        Record::Settled { at: stamp(at), id: CallId(number), fate }
    };
    let start = reserved(13, 11, Request::Start(id("a")), None);
    let records = [
        settled(10, 7),
        read(10, 9, "a"),
        settled(11, 8),
        read(12, 10, "b"),
        start.clone(),
        read(14, 12, "c"),
    ];
    let told = bundle(&records);
    let [together, alone @ ..] = &told[..] else { panic!() };
    assert_eq!(alone, [start, read(14, 12, "c")]);
    let items = [
        format!(r#"[0,[[10000,{EPOCH}],7,null]],[1,[[0,0],2,"a"]]"#),
        r#"[0,[[1000,0],-1,null]],[1,[[1000,0],2,"b"]]"#.to_owned(),
    ];
    let frames = r#"{"settled":{"answered":{"c":200}}},{"read":"default"}"#;
    let want = format!(r#"{{"t":"calls","f":[{frames}],"i":[{}]}}"#, items.join(","));
    assert_eq!(serde_json::to_string(together).unwrap(), want);
    assert_eq!(Record::read(want.as_bytes()).unwrap(), *together);
    for apart in [&records[..1], &records[4..]] {
        assert_eq!(bundle(apart), apart);
    }
}
