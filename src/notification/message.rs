//! A group in the three forms in which receivers want it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use ring::digest::{Context, SHA256};
use serde::Serialize;
use serde_json::{Value, json};

use super::kind::{Kind, Phase, Severity};
use super::news::Item;
use crate::keel::deployment::DeploymentId;
use crate::keel::time::Wall;
use crate::keel::view::Time;

/// Lines of a CloudEvent; how many there are is said in any case. With [`TEXT_MAX`] it stays well
/// below the 64 KiB that every consumer of CloudEvents takes.
const ITEMS_MAX: usize = 50;

/// Characters of an item's text.
const TEXT_MAX: usize = 500;

/// Lines of a chat message, and deployments named in a line: what a person reads.
const LISTED_MAX: usize = 10;

/// Characters of a line in a chat message of several. All lines together stay far below the 28 KB
/// of Teams.
const LINE_MAX: usize = 280;

/// Of these, characters of the names of who has a text in common.
const NAMES_MAX: usize = 150;

/// Slack refuses a block of more than 3,000 characters.
const SLACK_MAX: usize = 2_990;

/// One message: things of one kind that happened together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// What.
    pub kind: Kind,
    /// Whether it began or is over.
    pub phase: Phase,
    /// Of whom; at least one, in the order of their subjects.
    pub items: Vec<Item>,
}

/// The form of a message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A CloudEvent, signed by the rules of Standard Webhooks.
    Webhook,
    /// Slack's incoming webhooks.
    Slack,
    /// Workflows of Microsoft Teams: an Adaptive Card.
    Teams,
}

impl Format {
    /// The media type of the body.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Webhook => "application/cloudevents+json; charset=utf-8",
            Self::Slack | Self::Teams => "application/json; charset=utf-8",
        }
    }
}

/// CloudEvents 1.0, structured mode.
#[derive(Debug, Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: String,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    time: Time,
    datacontenttype: &'static str,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
struct Data<'a> {
    event: &'static str,
    resolved: bool,
    severity: &'static str,
    title: String,
    count: usize,
    items: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    subject: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    at: Time,
    message: String,
}

impl Digest {
    /// What of it concerns these deployments; what is of no single deployment concerns all.
    pub fn only(&self, deployments: &BTreeSet<DeploymentId>) -> Option<Self> {
        if !self.kind.is_of_deployments() {
            return Some(self.clone());
        }
        let named = |item: &&Item| deployments.contains(&*item.subject);
        let items: Vec<Item> = self.items.iter().filter(named).cloned().collect();
        (!items.is_empty()).then_some(Self { items, ..*self })
    }

    /// The same for the same things that happened, in every attempt and to every receiver.
    pub fn id(&self) -> String {
        let mut hash = Context::new(&SHA256);
        hash.update(self.kind.event_type(self.phase).as_bytes());
        for Item { subject, at, .. } in &self.items {
            hash.update(format!("\n{subject} {}", at.millis()).as_bytes());
        }
        let hash = hash.finish();
        hash.as_ref().iter().take(16).fold("evt_".to_owned(), |mut id, byte| {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
            id
        })
    }

    /// One line that says it all.
    pub fn title(&self) -> String {
        let subject = match (self.kind.is_of_deployments(), &*self.items) {
            (true, [one]) => label(one),
            (true, many) => format!("{} deployments", many.len()),
            (false, [one]) => format!("account {}", one.subject),
            (false, many) => format!("{} accounts", many.len()),
        };
        self.kind.title(self.phase, &subject, self.items.len() != 1)
    }

    /// When the last of it happened.
    pub fn at(&self) -> Wall {
        self.items.iter().map(|item| item.at).max().unwrap_or_default()
    }

    /// The body in this form. `source` names this installation.
    pub fn body(&self, format: Format, source: &str) -> Vec<u8> {
        let body = match format {
            Format::Webhook => serde_json::to_vec(&self.cloud_event(source)),
            Format::Slack => serde_json::to_vec(&self.slack()),
            Format::Teams => serde_json::to_vec(&self.teams()),
        };
        // Plain data without maps has a JSON form.
        body.unwrap_or_default()
    }

    fn cloud_event<'a>(&'a self, source: &'a str) -> CloudEvent<'a> {
        let line = |item: &'a Item| Line {
            subject: &item.subject,
            name: item.name.as_deref(),
            at: Time(item.at),
            message: cut(&item.message, TEXT_MAX),
        };
        let only = match &*self.items {
            [one] if !one.subject.is_empty() => Some(&*one.subject),
            _ => None,
        };
        CloudEvent {
            specversion: "1.0",
            id: self.id(),
            source,
            kind: self.kind.event_type(self.phase),
            subject: only,
            time: Time(self.at()),
            datacontenttype: "application/json",
            data: Data {
                event: self.kind.as_str(),
                resolved: self.phase == Phase::Over,
                severity: self.kind.severity(self.phase).as_str(),
                title: self.title(),
                count: self.items.len(),
                items: self.items.iter().take(ITEMS_MAX).map(line).collect(),
            },
        }
    }

    /// <https://api.slack.com/messaging/webhooks>: a text for notifications, blocks for readers.
    fn slack(&self) -> Value {
        let title = escaped(&format!("{} {}", self.mark(), self.title()));
        let text = format!("*{title}*\n{}", escaped(&self.lines().join("\n")));
        json!({
            "text": title,
            "blocks": [
                { "type": "section", "text": { "type": "mrkdwn", "text": cut(&text, SLACK_MAX) } },
                { "type": "context", "elements": [
                    { "type": "plain_text", "text": self.foot() } ] },
            ],
        })
    }

    /// What a Teams workflow "when a webhook request is received" posts as a card. Runs of text,
    /// as a block of text would be read as Markdown.
    fn teams(&self) -> Value {
        let title = format!("{} {}", self.mark(), self.title());
        let mut body = vec![json!({
            "type": "TextBlock", "text": title, "wrap": true,
            "size": "Medium", "weight": "Bolder", "style": "heading",
        })];
        body.extend(self.lines().iter().map(|line| {
            let run = json!({ "type": "TextRun", "text": line });
            json!({ "type": "RichTextBlock", "inlines": [run], "spacing": "Small" })
        }));
        let foot = json!({ "type": "TextRun", "text": self.foot(), "isSubtle": true });
        body.push(json!({ "type": "RichTextBlock", "inlines": [foot] }));
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
                    "body": body,
                },
            }],
        })
    }

    /// For eyes that run over a channel; the words say the same.
    const fn mark(&self) -> &'static str {
        match (self.kind.severity(self.phase), self.phase) {
            (Severity::Error, _) => "🔴",
            (Severity::Warning, _) => "🟠",
            (Severity::Info, Phase::Over) => "✅",
            (Severity::Info, Phase::Begun) => "🔵",
        }
    }

    /// What is said of each, up to [`LISTED_MAX`]; what several have in common is said once.
    fn lines(&self) -> Vec<String> {
        if let [one] = &*self.items {
            return cut(&one.message, TEXT_MAX).lines().map(str::to_owned).collect();
        }
        let mut alike: Vec<(&str, Vec<&Item>)> = Vec::new();
        let mut places = BTreeMap::new();
        for item in &self.items {
            let place = *places.entry(&*item.message).or_insert(alike.len());
            match alike.get_mut(place) {
                Some((_, items)) => items.push(item),
                None => alike.push((&item.message, vec![item])),
            }
        }
        let line = |(message, items): &(&str, Vec<&Item>)| match &**items {
            [one] => cut(&format!("• {}: {message}", label(one)), LINE_MAX),
            many => cut(&format!("• {message}: {}", listed(many)), LINE_MAX),
        };
        let mut lines: Vec<String> = alike.iter().take(LISTED_MAX).map(line).collect();
        let left: usize = alike.iter().skip(LISTED_MAX).map(|(_, items)| items.len()).sum();
        if left > 0 {
            lines.push(format!("… and {left} more; `evenkeel status` shows all"));
        }
        lines
    }

    fn foot(&self) -> String {
        format!("evenkeel · {}", self.at())
    }
}

/// `staging-eu (mdfba81f)`, or what there is of it.
fn label(item: &Item) -> String {
    match &item.name {
        Some(name) if !name.is_empty() && *name != item.subject => {
            format!("{} ({})", cut(name, 64), item.subject)
        }
        Some(_) | None => item.subject.to_string(),
    }
}

/// By name, as far as they fit, and how many more.
fn listed(items: &[&Item]) -> String {
    let named = |item: &&Item| match &item.name {
        Some(name) if !name.is_empty() => cut(name, 64),
        Some(_) | None => item.subject.to_string(),
    };
    let mut out = String::new();
    for (index, item) in items.iter().enumerate() {
        let name = named(item);
        if index >= LISTED_MAX || out.chars().count() + name.chars().count() > NAMES_MAX {
            return format!("{out} and {} more", items.len() - index);
        }
        let comma = if out.is_empty() { "" } else { ", " };
        out = out + comma + &name;
    }
    out
}

/// So many characters at most.
fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Slack's three control characters; so nothing in a name or a file calls a channel.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
