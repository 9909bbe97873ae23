//! What is sent, to the letter.

use std::collections::BTreeSet;
use std::fs;

use evenkeel::keel::time::Wall;
use evenkeel::notification::{Digest, Format, Item, Kind, Phase, Severity};
use serde_json::{Value, json};

use crate::grouping::id;

/// 2026-11-25T18:02:11Z.
const AT: i64 = 1_795_629_731_000;

fn item(subject: &str, name: Option<&str>, message: &str) -> Item {
    let name = name.map(Into::into);
    Item { subject: subject.into(), name, at: Wall::from_millis(AT), message: message.into() }
}

fn evening() -> Digest {
    let message = "wanted stopped by schedule office-hours (Mon-Fri 08:00-19:00)";
    let mut later = item("w41b11c0", Some("training"), message);
    later.at = Wall::from_millis(AT + 90_000);
    let items = vec![item("mdfba81f", Some("staging-eu"), message), later];
    Digest { kind: Kind::Stopped, phase: Phase::Begun, items }
}

fn one(kind: Kind, phase: Phase, item: Item) -> Digest {
    Digest { kind, phase, items: vec![item] }
}

fn body(digest: &Digest, format: Format) -> Value {
    let bytes = digest.body(format, "urn:evenkeel:5f1c8d2e9a7b4c3d");
    serde_json::from_slice(&bytes).unwrap()
}

/// The README's example is what is sent, and its table has all types.
#[test]
fn the_readme_shows_what_is_sent() {
    let readme = fs::read_to_string("README.md").unwrap();
    let section = readme.split("\n## Word when something happens\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let shown = section.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    let sent = body(&evening(), Format::Webhook);
    let shown: Value = serde_json::from_str(shown).unwrap();
    assert_eq!(shown, sent, "the example should be:\n{sent:#}");
    for kind in Kind::ALL {
        let row = format!("| `{kind}` | `{}` |", kind.event_type(Phase::Begun));
        assert!(section.contains(&row), "README.md has no row {row}");
    }
}

#[test]
fn a_webhook_gets_a_cloud_event() {
    let failed = one(Kind::Failed, Phase::Over, item("mdfba81f", None, "running, as desired"));
    let event = body(&failed, Format::Webhook);
    assert_eq!(
        event,
        json!({
            "specversion": "1.0",
            "id": failed.id(),
            "source": "urn:evenkeel:5f1c8d2e9a7b4c3d",
            "type": "io.evenkeel.deployment.failed.resolved",
            "subject": "mdfba81f",
            "time": "2026-11-25T18:02:11Z",
            "datacontenttype": "application/json",
            "data": {
                "event": "failed",
                "resolved": true,
                "severity": "info",
                "title": "mdfba81f is no longer reported as failed",
                "count": 1,
                "items": [{
                    "subject": "mdfba81f",
                    "at": "2026-11-25T18:02:11Z",
                    "message": "running, as desired",
                }],
            },
        })
    );
    // Attributes of the context are texts without anything in them.
    let file = one(Kind::DesiredFileRefused, Phase::Begun, item("", None, "what is this?"));
    let event = body(&file, Format::Webhook);
    assert_eq!(event.get("subject"), None);
    assert_eq!(event["data"]["items"][0].get("subject"), None);
}

#[test]
fn slack_gets_a_text_and_blocks() {
    assert_eq!(
        body(&evening(), Format::Slack),
        json!({
            "text": "🔵 2 deployments are stopped",
            "blocks": [
                { "type": "section", "text": { "type": "mrkdwn", "text":
                    "*🔵 2 deployments are stopped*\n• wanted stopped by schedule office-hours \
                     (Mon-Fri 08:00-19:00): staging-eu, training" } },
                { "type": "context", "elements": [
                    { "type": "plain_text", "text": "evenkeel · 2026-11-25T18:03:41Z" } ] },
            ],
        })
    );
    let rude = one(Kind::Failed, Phase::Begun, item("a", Some("<!channel> & co"), "<@U1>"));
    let text = body(&rude, Format::Slack)["blocks"][0]["text"]["text"].to_string();
    assert_eq!(text, "\"*🔴 &lt;!channel&gt; &amp; co (a) has failed*\\n&lt;@U1&gt;\"");
}

#[test]
fn teams_gets_an_adaptive_card() {
    let refused = one(Kind::DesiredFileRefused, Phase::Begun, item("", None, "one\ntwo"));
    assert_eq!(
        body(&refused, Format::Teams),
        json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": { "width": "Full" },
                    "body": [
                        { "type": "TextBlock", "text": "🟠 The desired file is refused",
                          "wrap": true, "size": "Medium", "weight": "Bolder", "style": "heading" },
                        { "type": "RichTextBlock", "spacing": "Small",
                          "inlines": [{ "type": "TextRun", "text": "one" }] },
                        { "type": "RichTextBlock", "spacing": "Small",
                          "inlines": [{ "type": "TextRun", "text": "two" }] },
                        { "type": "RichTextBlock", "inlines": [{ "type": "TextRun",
                          "text": "evenkeel · 2026-11-25T18:02:11Z", "isSubtle": true }] },
                    ],
                },
            }],
        })
    );
}

#[test]
fn what_several_have_in_common_is_said_once() {
    let items = vec![item("a", None, "x"), item("b", None, "y"), item("c", None, "x")];
    let digest = Digest { kind: Kind::Blocked, phase: Phase::Begun, items };
    let text = &body(&digest, Format::Slack)["blocks"][0]["text"]["text"];
    assert_eq!(text, "*🔴 3 deployments cannot be acted on*\n• x: a, c\n• b: y");
}

#[test]
fn a_fleet_is_named_as_far_as_fits() {
    let items = (0..40).map(|n| item(&format!("d{n:02}"), None, "x")).collect();
    let digest = Digest { kind: Kind::Stopped, phase: Phase::Begun, items };
    let text = &body(&digest, Format::Slack)["blocks"][0]["text"]["text"];
    let named = "d00, d01, d02, d03, d04, d05, d06, d07, d08, d09 and 30 more";
    assert_eq!(text, &format!("*🔵 40 deployments are stopped*\n• x: {named}"));
    let long = |n: usize| item(&format!("{n}"), Some(&format!("{n}{}", "n".repeat(60))), "x");
    let digest =
        Digest { kind: Kind::Stopped, phase: Phase::Begun, items: (0..9).map(long).collect() };
    let text = body(&digest, Format::Slack)["blocks"][0]["text"]["text"].to_string();
    assert!(
        text.ends_with(
            "n, 1nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn and 7 more\""
        ),
        "{text}"
    );
}

/// A fleet of 10,000, with the longest ids, names and messages that can come.
#[test]
fn no_message_is_larger_than_its_receiver_takes() {
    let long = |n: usize| {
        let (subject, name) = (format!("{n:0>64}"), "&".repeat(200));
        item(&subject, Some(&name), &format!("{n} {}", "<&>".repeat(2000)))
    };
    let alike = |n: usize| item(&format!("{n:0>64}"), Some(&"<".repeat(64)), &"&".repeat(600));
    for items in [(0..10_000).map(long).collect::<Vec<_>>(), (0..10_000).map(alike).collect()] {
        let digest = Digest { kind: Kind::Failed, phase: Phase::Begun, items };
        let bytes = |format| digest.body(format, "urn:evenkeel:x").len();
        assert!(bytes(Format::Webhook) <= 64 * 1024, "{}", bytes(Format::Webhook));
        assert!(bytes(Format::Teams) <= 28 * 1024, "{}", bytes(Format::Teams));
        let slack = body(&digest, Format::Slack);
        for text in [&slack["blocks"][0]["text"]["text"], &slack["text"]] {
            assert!(text.as_str().unwrap().chars().count() <= 3000);
        }
        let event = body(&digest, Format::Webhook);
        assert_eq!(event["data"]["count"], 10_000);
        assert_eq!(event["data"]["items"].as_array().unwrap().len(), 50);
    }
}

#[test]
fn an_event_has_the_same_id_wherever_it_is_sent() {
    let id = evening().id();
    assert_eq!(id, evening().id());
    assert!(id.starts_with("evt_") && id.len() == 36, "{id}");
    let mut others = [evening(), evening(), evening(), evening()];
    others[0].kind = Kind::Started;
    others[1].phase = Phase::Over;
    others[2].items[0].at = Wall::from_millis(AT + 1);
    others[3].items.pop();
    let ids: BTreeSet<_> = others.iter().map(Digest::id).chain([id]).collect();
    assert_eq!(ids.len(), 5);
}

#[test]
fn a_receiver_of_some_deployments_hears_of_these_and_of_the_whole() {
    let some = BTreeSet::from([id("w41b11c0")]);
    assert_eq!(evening().only(&some).unwrap().title(), "training (w41b11c0) is stopped");
    assert_eq!(evening().only(&BTreeSet::from([id("other")])), None);
    let whole = one(Kind::LedgerStuck, Phase::Begun, item("", None, "full"));
    assert_eq!(whole.only(&some), Some(whole.clone()));
}

#[test]
fn each_kind_has_words_of_its_own() {
    let (mut words, mut types, mut titles) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for kind in Kind::ALL {
        words.insert(kind.as_str());
        for phase in [Phase::Begun, Phase::Over] {
            types.insert(kind.event_type(phase));
            let told = kind.lasts() || phase == Phase::Begun;
            titles.extend(told.then(|| kind.title(phase, "3 deployments", true)));
            let resolved = kind.event_type(phase).ends_with(".resolved");
            assert_eq!(resolved, phase == Phase::Over);
        }
        let severe = kind.severity(Phase::Begun) != Severity::Info;
        assert_eq!(severe, kind.lasts(), "{kind}");
        assert_eq!(kind.severity(Phase::Over), Severity::Info);
    }
    assert_eq!((words.len(), types.len(), titles.len()), (12, 24, 21));
}
