//! How messages get there: signed, in order, again where that helps, and never where it must not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel::keel::notice::Notice;
use evenkeel::keel::plan::Reason;
use evenkeel::keel::time::Wall;
use evenkeel::notification::{Format, Inlet, Kind};

use crate::grouping::{id, reason};
use crate::server::{Act, Room, SECRET, Server, receiver, until};

pub(crate) fn tells(inlet: &Inlet, notice: &Notice) {
    inlet.tell(notice, Wall::from_millis(1_800_000_000_000), |_| Some("staging-eu".into()));
}

fn failed(deployment: &str) -> Notice {
    reason(deployment, Reason::Failed)
}

#[tokio::test]
async fn a_message_is_signed_by_the_rules_of_standard_webhooks() {
    let server = Server::new(&[Act::Code(204)]).await;
    let room = Room::new(vec![receiver("ops", &server.url)]);
    tells(&room.inlet, &failed("mdfba81f"));
    let seen = server.saw(1).await;
    let event = seen[0].verified();
    assert_eq!(event["data"]["title"], "staging-eu (mdfba81f) has failed");
    assert_eq!(event["id"], seen[0].header("webhook-id"));
    assert_eq!(event["source"], "urn:evenkeel:test");
    assert_eq!(seen[0].path, "/hook/canary");
    assert_eq!(seen[0].header("content-type"), "application/cloudevents+json; charset=utf-8");
    assert_eq!(seen[0].header("user-agent"), "evenkeel/9.9");
    room.counted("ops delivered").await;
    room.waits("ops", 0).await;
    room.desk.close(Duration::from_secs(60)).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn chats_get_their_own_form_without_a_signature() {
    for (format, key) in [(Format::Slack, "blocks"), (Format::Teams, "attachments")] {
        let server = Server::new(&[Act::Code(202)]).await;
        let mut chat = receiver("chat", &server.url);
        (chat.format, chat.key) = (format, None);
        let room = Room::new(vec![chat]);
        tells(&room.inlet, &failed("mdfba81f"));
        let seen = server.saw(1).await;
        assert!(seen[0].json()[key].is_array(), "{:?}", seen[0].body);
        assert_eq!(seen[0].header("webhook-signature"), "");
        assert_eq!(seen[0].header("content-type"), "application/json; charset=utf-8");
    }
}

#[tokio::test]
async fn a_failure_is_tried_again_as_the_same_message() {
    let acts = [500, 502, 408, 429, 503, 200].map(Act::Code);
    let server = Server::new(&acts).await;
    let room = Room::new(vec![receiver("ops", &server.url)]);
    tells(&room.inlet, &failed("a"));
    let seen = server.saw(6).await;
    for one in &seen {
        one.verified();
        assert_eq!(one.header("webhook-id"), seen[0].header("webhook-id"));
        assert_eq!(one.body, seen[0].body);
    }
    room.counted("ops delivered").await;
    assert_eq!(server.seen().len(), 6);
}

#[tokio::test]
async fn retry_after_is_waited_for() {
    for code in [429, 503] {
        let wait = Act::With(code, "retry-after", "1".to_owned());
        let server = Server::new(&[wait, Act::Code(200)]).await;
        let room = Room::new(vec![receiver("ops", &server.url)]);
        tells(&room.inlet, &failed("a"));
        let seen = server.saw(2).await;
        assert!(seen[1].at - seen[0].at >= Duration::from_secs(1), "{code}");
    }
}

#[tokio::test]
async fn a_receiver_that_hangs_is_given_another_chance() {
    let server = Server::new(&[Act::Hang, Act::Code(200)]).await;
    let room = Room::with(vec![receiver("ops", &server.url)], |options| {
        options.patience.attempt = Duration::from_millis(200);
    });
    tells(&room.inlet, &failed("a"));
    room.counted("ops delivered").await;
    // On a busy machine an answer may be late again.
    assert!(server.seen().len() >= 2);
}

#[tokio::test]
async fn a_refusal_is_not_repeated_and_the_next_message_is_sent() {
    for code in [400, 401, 403, 404, 413, 304] {
        let server = Server::new(&[Act::Code(code), Act::Code(200)]).await;
        let room = Room::new(vec![receiver("ops", &server.url)]);
        tells(&room.inlet, &failed("a"));
        room.counted("ops refused").await;
        tells(&room.inlet, &failed("b"));
        room.counted("ops delivered").await;
        let seen = server.seen();
        assert_eq!(seen.len(), 2, "{code}");
        assert_eq!(seen[1].verified()["subject"], "b");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Server::new(&[Act::Code(200)]).await;
    for code in [301, 302, 307, 308] {
        let there = Act::With(code, "location", other.url.clone());
        let server = Server::new(&[there]).await;
        let room = Room::new(vec![receiver("ops", &server.url)]);
        tells(&room.inlet, &failed("a"));
        room.counted("ops refused").await;
        assert_eq!(server.seen().len(), 1);
    }
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_gone_gets_nothing_more() {
    let server = Server::new(&[Act::Code(410)]).await;
    let room = Room::new(vec![receiver("ops", &server.url)]);
    tells(&room.inlet, &failed("a"));
    room.counted("ops gone").await;
    tells(&room.inlet, &failed("b"));
    until("the second", || (room.count("ops gone") == 2).then_some(())).await;
    room.desk.close(Duration::from_secs(60)).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_receiver_hears_what_it_asked_for() {
    let server = Server::new(&[Act::Code(200)]).await;
    let mut some = receiver("some", &server.url);
    some.events = BTreeSet::from([Kind::Blocked]);
    some.deployments = Some(BTreeSet::from([id("b")]));
    let room = Room::new(vec![some]);
    tells(&room.inlet, &failed("b"));
    tells(&room.inlet, &reason("a", Reason::NotFound));
    tells(&room.inlet, &reason("b", Reason::NotFound));
    room.desk.close(Duration::from_secs(60)).await;
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].verified()["data"]["title"], "staging-eu (b) cannot be acted on");
}

/// What is secret is read for each attempt, so a mended file needs no restart.
#[tokio::test]
async fn a_secret_that_is_put_right_is_used_at_once() {
    let server = Server::new(&[Act::Code(200)]).await;
    let kept = Arc::new(Mutex::new("not a secret".to_owned()));
    let mut ops = receiver("ops", &server.url);
    let key = kept.clone();
    ops.key = Some(Arc::new(move || Ok(key.lock().unwrap().clone().into())));
    let room = Room::new(vec![ops]);
    tells(&room.inlet, &failed("a"));
    room.counted("ops waiting 1").await;
    assert!(server.seen().is_empty());
    *kept.lock().unwrap() = format!("{SECRET}\n");
    server.saw(1).await[0].verified();
}

#[test]
fn what_is_no_url_or_no_secret_is_said_without_showing_it() {
    for (url, expected) in [
        ("canary", "this is no URL"),
        ("http://canary.example/", "plain http"),
        ("ftp://canary.example/", "expected an https:// URL"),
        ("https://u:canary@a.example/", "a user name or a password"),
    ] {
        let error = evenkeel::notification::target(url).unwrap_err();
        assert!(error.contains(expected) && !error.contains("canary"), "{url}: {error}");
    }
    for url in
        ["https://a.example/x?y=z", "http://127.0.0.1:1/", "http://[::1]/", "http://localhost"]
    {
        evenkeel::notification::target(url).unwrap();
    }
    for bad in ["", "whsec_", "whsec_c2hvcnQ=", "canary!", &format!("whsec_{}", "QUJD".repeat(30))]
    {
        let error = evenkeel::notification::signing_key(&bad.to_owned().into()).unwrap_err();
        assert!(error.contains("openssl rand -base64 32") && !error.contains("canary"), "{error}");
    }
    let bare = SECRET.trim_start_matches("whsec_");
    evenkeel::notification::signing_key(&bare.to_owned().into()).unwrap();
}
