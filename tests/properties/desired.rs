//! The desired file: whatever can be asked for can be written in many ways, and reads back as the
//! same.

use std::collections::BTreeMap;

use evenkeel::keel::deployment::{AccountId, DeploymentId, Desired};
use evenkeel::keel::intent::{Intent, Manifest, Override, Prices, Suspend, Wanted};
use evenkeel::keel::time::Wall;
use evenkeel::manifest::{parse, parse_beside, revision};
use evenkeel::yaml::Report;
use jiff::Timestamp;
use jiff::tz::Offset;
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;

use crate::calendars::{schedule, zone};
use crate::places::outside;
use crate::schedules::calendars;
use crate::text::wrong;
use crate::written::{amounts, head, quoted, word, written};

const FILE: &str = include_str!("../../config/desired.yaml");

/// Reads a file whose calendars are those of `intents`.
fn read(bytes: &[u8], intents: &BTreeMap<DeploymentId, Intent>) -> Result<Manifest, Report> {
    let calendars = calendars(intents);
    let beside = |path: &str| calendars.get(path).cloned().ok_or(format!("no {path}"));
    parse_beside("f", bytes, None, &beside).map(|(manifest, _)| manifest)
}

fn state() -> impl Strategy<Value = Desired> {
    prop_oneof![Just(Desired::Running), Just(Desired::Stopped)]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,8}( [a-z]{1,8}){0,2}", "[ -~äß€😀\t\n\u{85}]{0,20}[!-~ä]"]
}

/// Of the years from -9999 to 9999, to the millisecond.
fn wall() -> impl Strategy<Value = Wall> {
    let outer = Timestamp::MIN.as_millisecond() + 1..Timestamp::MAX.as_millisecond();
    prop_oneof![outer, 0i64..4_000_000_000_000].prop_map(Wall::from_millis)
}

fn intent() -> impl Strategy<Value = Intent> {
    let suspend = (text(), option::of(wall()))
        .prop_map(|(reason, until)| Suspend { reason: reason.into(), until });
    let exception = (state(), wall(), option::of(text())).prop_map(|(state, until, reason)| {
        Override { state, until, reason: reason.map(Into::into) }
    });
    let account = prop_oneof![Just(AccountId::DEFAULT.to_owned()), text()];
    let prices = any::<(u32, u32)>().prop_map(|(running, stopped)| Prices { running, stopped });
    let rest = (option::of(suspend), option::of(exception), option::of(prices));
    let full = (state(), account, option::of(text()), any::<bool>(), rest).prop_map(
        |(state, account, name, protect, (suspend, exception, prices))| Intent {
            account: AccountId::new(&account),
            name: name.map(Into::into),
            protect,
            suspend,
            exception,
            prices,
            ..Intent::fixed(state)
        },
    );
    prop_oneof![state().prop_map(Intent::fixed), full]
}

fn fleet() -> impl Strategy<Value = BTreeMap<DeploymentId, Intent>> {
    let id = "[A-Za-z0-9][A-Za-z0-9_-]{0,12}|true|null|[0-9]{1,3}e[0-9]|0x1F|[A-Z]{64}";
    let id = id.prop_map(|id| DeploymentId::parse(&id).unwrap());
    let schedules = [schedule("office-hours"), schedule("24x7")];
    let intents = btree_map(id, (intent(), 0usize..4), 0..6);
    (intents, schedules, zone()).prop_map(|(intents, schedules, zone)| {
        let fleet = intents.into_iter().map(|(id, (intent, index))| {
            let scheduled = schedules.get(index).cloned().map(Wanted::Scheduled);
            let wanted = scheduled.unwrap_or(intent.wanted);
            (id, Intent { wanted, zone: zone.clone(), ..intent })
        });
        fleet.collect()
    })
}

/// The ways in which people differ.
#[derive(Clone, Copy, Debug)]
struct Style {
    /// `{ a: b }` from this depth on.
    flow_from: usize,
    /// Keys begin with another one.
    turned: usize,
    short: bool,
    windows: bool,
    byte_order_mark: bool,
    comments: bool,
    plain: bool,
    /// JSON's quotes, which leave alone what is not ASCII.
    json: bool,
    /// Minutes ahead of UTC.
    offset: i32,
}

fn style() -> impl Strategy<Value = Style> {
    let flags = any::<[bool; 6]>();
    (0usize..4, 0usize..8, flags, -18i32 * 60..18 * 60).prop_map(
        |(flow_from, turned, [short, windows, byte_order_mark, comments, plain, json], offset)| {
            Style {
                flow_from,
                turned,
                short,
                windows,
                byte_order_mark,
                comments,
                plain,
                json,
                offset,
            }
        },
    )
}

enum Value {
    Word(String),
    Map(Vec<(&'static str, Value)>),
}

impl Style {
    fn file(self, intents: &BTreeMap<DeploymentId, Intent>) -> Vec<u8> {
        let mut out = String::from(if self.byte_order_mark { "\u{feff}" } else { "" });
        out.push_str(&head(intents));
        out.push_str("deployments:");
        if intents.is_empty() {
            out.push_str(" {}");
        }
        let flow = self.flow_from == 0;
        let (open, close) = if flow && !intents.is_empty() { (" {", " }") } else { ("", "") };
        out.push_str(open);
        for (id, intent) in intents {
            out.push_str(if flow { " " } else { self.line_end() });
            out.push_str(if flow { "" } else { "  " });
            out.push_str(&format!("{id}:"));
            self.value(&mut out, &self.entry(intent), 1);
            out.push_str(if flow { "," } else { "" });
        }
        out.push_str(close);
        out.push('\n');
        if self.windows { out.replace('\n', "\r\n").into_bytes() } else { out.into_bytes() }
    }

    fn line_end(self) -> &'static str {
        if self.comments { " # a comment: { [ &a\n\n# and another one\n" } else { "\n" }
    }

    fn entry(self, intent: &Intent) -> Value {
        let Intent { account, name, wanted, protect, suspend, exception, prices, zone } = intent;
        let (state, zone) = (word(wanted), zone.clone());
        let bare = Intent { wanted: wanted.clone(), zone, ..Intent::fixed(Desired::Running) };
        if self.short && *intent == bare {
            return Value::Word(state);
        }
        let mut keys = vec![("state", Value::Word(state))];
        keys.extend(prices.map(|prices| ("prices", Value::Word(amounts(prices)))));
        if !(self.short && account.as_str() == AccountId::DEFAULT) {
            keys.push(("account", self.text(account.as_str())));
        }
        if !self.short || *protect {
            keys.push(("protect", Value::Word(protect.to_string())));
        }
        keys.extend(name.as_deref().map(|name| ("name", self.text(name))));
        keys.extend(suspend.as_ref().map(|suspend| {
            let reason = self.text(&suspend.reason);
            let Some(until) = suspend.until else { return ("suspend", reason) };
            ("suspend", Value::Map(vec![("reason", reason), ("until", self.instant(until))]))
        }));
        keys.extend(exception.as_ref().map(|exception| {
            let state = Value::Word(exception.state.to_string());
            let mut keys = vec![("state", state), ("until", self.instant(exception.until))];
            keys.extend(exception.reason.as_deref().map(|reason| ("reason", self.text(reason))));
            ("override", Value::Map(keys))
        }));
        Value::Map(keys)
    }

    fn text(self, text: &str) -> Value {
        const WORDS: [&str; 3] = ["true", "false", "null"];
        let safe = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b' ');
        let plain = self.plain && safe && !WORDS.contains(&text);
        Value::Word(match (plain, self.json) {
            (true, _) => text.to_owned(),
            (false, true) => serde_json::to_string(text).unwrap(),
            (false, false) => quoted(text),
        })
    }

    /// In the style's zone; in UTC at the ends of time, where other zones are in another year.
    fn instant(self, wall: Wall) -> Value {
        let timestamp = Timestamp::from_millisecond(wall.millis()).unwrap();
        let years = -9000..9000;
        let offset = Offset::from_seconds(self.offset * 60).unwrap();
        Value::Word(if years.contains(&offset.to_datetime(timestamp).year()) {
            timestamp.display_with_offset(offset).to_string()
        } else {
            timestamp.to_string()
        })
    }

    fn value(self, out: &mut String, value: &Value, depth: usize) {
        let keys = match value {
            Value::Word(word) => return out.push_str(&format!(" {word}")),
            Value::Map(keys) => keys,
        };
        let flow = depth >= self.flow_from;
        out.push_str(if flow { " {" } else { "" });
        for index in 0..keys.len() {
            let (key, value) = &keys[(index + self.turned) % keys.len()];
            match flow {
                true => out.push_str(if index == 0 { " " } else { ", " }),
                false => {
                    out.push_str(self.line_end());
                    out.push_str(&"  ".repeat(depth + 1));
                }
            }
            out.push_str(&format!("{key}:"));
            self.value(out, value, depth + 1);
        }
        out.push_str(if flow { " }" } else { "" });
    }
}

proptest! {
    #![proptest_config(crate::repeatable(1024))]

    #[test]
    fn what_is_asked_for_reads_back_however_it_is_written(intents in fleet(), style in style()) {
        let bytes = style.file(&intents);
        let manifest = read(&bytes, &intents).map_err(|report| {
            TestCaseError::fail(format!("{report}\n{}", String::from_utf8_lossy(&bytes)))
        })?;
        let asked = Manifest::new(revision(&bytes), intents.clone());
        prop_assert_eq!(&manifest.intents, &asked.intents, "{}", String::from_utf8_lossy(&bytes));
        prop_assert_eq!(manifest.revision, revision(&bytes));
        let anew = read(written(&intents).as_bytes(), &intents).unwrap();
        prop_assert_eq!(anew.intents, asked.intents);
    }

    #[test]
    fn only_known_accounts_are_accepted(
        intents in fleet(),
        without in any::<prop::sample::Index>(),
    ) {
        let fixed = |intent: &Intent| Intent {
            wanted: Wanted::Fixed(Desired::Running),
            ..intent.clone()
        };
        let intents: BTreeMap<_, _> =
            intents.iter().map(|(id, intent)| (id.clone(), fixed(intent))).collect();
        let text = written(&intents);
        let mut known: Vec<_> = intents.values().map(|intent| intent.account.clone()).collect();
        known.push(AccountId::new("another"));
        prop_assert!(parse("f", text.as_bytes(), Some(&known)).is_ok());
        let removed = known[without.index(known.len())].clone();
        known.retain(|account| *account != removed);
        let users = intents.values().filter(|intent| intent.account == removed).count();
        let refused = parse("f", text.as_bytes(), Some(&known)).err();
        prop_assert_eq!(refused.map_or(0, |report| report.problems.len()), users);
    }

    #[test]
    fn no_file_panics_and_each_fault_is_inside_it(bytes in wrong(FILE)) {
        let beside = |_: &str| Ok(include_bytes!("../../config/holidays.ics")[..].into());
        if let Err(report) = parse_beside("f", &bytes, None, &beside) {
            prop_assert!(!report.problems.is_empty());
            prop_assert_eq!(outside(&report, &bytes), None);
            prop_assert!(!report.to_string().is_empty());
        }
    }
}
