//! The published JSON Schemas: that they are up to date, that the examples are valid by them, and
//! that they know the keys that the parsers know.
//!
//! The types here are the files' shape and nothing else; what they say to people is in the schemas.
//! With `BLESS=1` in the environment the schemas are written instead of compared.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(dead_code, reason = "only the shape of these types matters")]

mod configuration;
mod desired;
mod ledger;
mod shared;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use configuration::Configuration;
use desired::DesiredFile;
use evenkeel::config::{Overrides, Settings};
use evenkeel::notification::Kind;
use schemars::JsonSchema;
use serde_json::Value;

const DESIRED: &str = "config/desired.schema.json";
const CONFIGURATION: &str = "config/evenkeel.schema.json";

fn schema<T: JsonSchema>() -> Value {
    let settings = schemars::generate::SchemaSettings::draft07();
    let root = settings.into_generator().into_root_schema_for::<T>();
    let mut root = serde_json::to_value(root).unwrap();
    refuse_null(&mut root);
    root
}

/// A key that may be left out may not be there with nothing behind it: that looks like a file that
/// was cut short.
fn refuse_null(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(refuse_null);
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|one| one != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    map.insert("type".to_owned(), only);
                }
            }
            if let Some(Value::Array(choices)) = map.get_mut("anyOf") {
                choices.retain(|one| one["type"] != "null");
                // `allOf` of one is how draft 7 puts a description beside a reference.
                if choices.len() == 1 {
                    let only = map.remove("anyOf").unwrap();
                    map.insert("allOf".to_owned(), only);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(refuse_null),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

fn published(path: &str, schema: &Value) {
    let text = serde_json::to_string_pretty(schema).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, &text).unwrap();
    }
    assert!(
        fs::read_to_string(path).unwrap() == text,
        "{path} is not up to date: run with BLESS=1"
    );
}

#[test]
fn they_are_up_to_date() {
    published(DESIRED, &schema::<DesiredFile>());
    published(CONFIGURATION, &schema::<Configuration>());
}

/// What a schema has against a YAML text.
fn faults(schema: &Value, yaml: &str) -> Vec<String> {
    let value: Value = serde_yaml::from_str(yaml).unwrap();
    let validator = jsonschema::draft7::new(schema).unwrap();
    validator
        .iter_errors(&value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn the_examples_are_valid_and_name_them() {
    for (path, schema, published) in [
        ("config/desired.yaml", schema::<DesiredFile>(), DESIRED),
        ("config/evenkeel.yaml", schema::<Configuration>(), CONFIGURATION),
    ] {
        let text = fs::read_to_string(path).unwrap();
        let beside = published.strip_prefix("config/").unwrap();
        let first = format!("# yaml-language-server: $schema={beside}");
        assert_eq!(text.lines().next().unwrap(), first, "{path}");
        assert_eq!(faults(&schema, &text), Vec::<String>::new(), "{path}");
    }
}

/// The keys that a report of an unknown key lists as expected: what the parser knows there.
fn expected(report: &str) -> BTreeSet<String> {
    let line = report.lines().find(|line| line.contains("unknown key `q7`")).unwrap();
    let list = line.split("; expected ").nth(1).unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn known(schema: &Value, definition: &str) -> BTreeSet<String> {
    let map = match definition {
        "" => schema,
        definition => &schema["definitions"][definition],
    };
    map["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn a_desired_file_has_the_keys_that_the_parser_knows() {
    let schema = schema::<DesiredFile>();
    for (definition, text) in [
        ("", "q7: 1\ndeployments: {}"),
        ("Prices", "prices: { running: 1, stopped: 1, q7: 1 }\ndeployments: {}"),
        ("Schedule", "schedules: { s: { running: [], q7: 1 } }\ndeployments: {}"),
        ("Exception", "schedules: { s: { except: [{ q7: 1 }] } }\ndeployments: {}"),
        ("Deployment", "deployments: { a: { state: running, q7: 1 } }"),
        ("SuspendUntil", "deployments: { a: { state: running, suspend: { q7: 1 } } }"),
        ("Override", "deployments: { a: { state: running, override: { q7: 1 } } }"),
    ] {
        let report = evenkeel::manifest::parse("f", text.as_bytes(), None).unwrap_err();
        let report = report.to_string();
        assert_eq!(known(&schema, definition), expected(&report), "{definition}:\n{report}");
        assert_ne!(faults(&schema, text), Vec::<String>::new(), "{definition}");
    }
}

#[test]
fn a_configuration_has_the_keys_that_the_parser_knows() {
    let schema = schema::<Configuration>();
    let account = "accounts: { default: { url: http://127.0.0.1/, key: { env: A }, ";
    let events = schema["definitions"]["Event"]["oneOf"].as_array().unwrap();
    let kinds = Kind::ALL.map(Kind::as_str);
    assert_eq!(
        events.iter().map(|event| event["const"].as_str().unwrap()).collect::<Vec<_>>(),
        kinds
    );
    for (definition, text) in [
        ("", "q7: 1".to_owned()),
        ("SharedLedger", "ledger: { q7: 1 }".to_owned()),
        ("Etcd", "ledger: { etcd: { q7: 1 } }".to_owned()),
        ("Kubernetes", "ledger: { kubernetes: { q7: 1 } }".to_owned()),
        ("EtcdTls", "ledger: { etcd: { tls: { q7: 1 } } }".to_owned()),
        ("EtcdCredentials", "ledger: { etcd: { credentials: { q7: 1 } } }".to_owned()),
        ("Account", format!("{account} secret: {{ env: A }}, q7: 1 }} }}")),
        ("Limits", "limits: { q7: 1 }".to_owned()),
        ("Limit", "limits: { stop: { q7: 1 } }".to_owned()),
        ("Observe", "observe: { q7: 1 }".to_owned()),
        ("Act", "act: { q7: 1 }".to_owned()),
        ("Backoff", "act: { backoff: { q7: 1 } }".to_owned()),
        ("Guards", "guards: { q7: 1 }".to_owned()),
        ("Stops", "guards: { stops: { q7: 1 } }".to_owned()),
        ("Contested", "guards: { contested: { q7: 1 } }".to_owned()),
        ("Notify", "notify: { q7: 1 }".to_owned()),
        ("Receiver", "notify: { receivers: { a: { url: { env: A }, q7: 1 } } }".to_owned()),
    ] {
        let report = configuration_report(&text);
        assert_eq!(known(&schema, definition), expected(&report), "{definition}:\n{report}");
        assert_ne!(faults(&schema, &text), Vec::<String>::new(), "{definition}");
    }
}

/// What the parser has against a configuration.
fn configuration_report(text: &str) -> String {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schema-configuration.yaml");
    fs::write(&file, text).unwrap();
    let overrides = Overrides { config: Some(file), ..Overrides::default() };
    Settings::load(&overrides, &|_| None).unwrap_err().to_string()
}

/// What the parser takes, the schema takes; what has a key that the parser does not know, it
/// refuses. (It cannot know everything: names of schedules, time zones, what contradicts itself.)
#[test]
fn it_agrees_with_the_parser_about_each_case() {
    let schema = schema::<DesiredFile>();
    let (mut valid, mut unknown, mut wrong) = (0, 0, Vec::new());
    for entry in fs::read_dir("tests/manifest/cases").unwrap() {
        let path = entry.unwrap().path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        match evenkeel::manifest::parse("f", text.as_bytes(), None) {
            Ok(_) => {
                // A key called `null` is a text to the parser, and nothing to a JSON reader.
                if serde_yaml::from_str::<Value>(&text).is_err() {
                    continue;
                }
                valid += 1;
                let faults = faults(&schema, &text);
                wrong.extend(faults.iter().map(|fault| format!("{}: {fault}", path.display())));
            }
            Err(report) if report.to_string().contains("unknown key") => {
                unknown += 1;
                let refused = serde_yaml::from_str::<Value>(&text).is_err()
                    || !faults(&schema, &text).is_empty();
                assert!(refused, "{}", path.display());
            }
            Err(_) => (),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(valid > 10 && unknown > 3, "{valid} valid, {unknown} with unknown keys");
}
