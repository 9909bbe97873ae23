//! The JSON of the API.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use smol_str::SmolStr;

use crate::keel::call::Body;
use crate::keel::deployment::{DeploymentId, Facts, Status};

/// The longest `deploymentName` or `deploymentType`: both go into logs and pages.
const NAME_MAX: usize = 512;

/// The longest `code` of an error that is kept.
const CODE_MAX: usize = 64;

/// The longest text about an unreadable answer.
const TEXT_MAX: usize = 200;

/// The object of a deployment, as far as it is used. The other fields are opaque or optional.
#[derive(Deserialize)]
struct Deployment {
    #[serde(rename = "deploymentID")]
    id: SmolStr,
    #[serde(rename = "deploymentName")]
    name: SmolStr,
    #[serde(rename = "deploymentType")]
    kind: SmolStr,
    status: SmolStr,
}

/// The body of a refusal: a top-level `code` is all that is known of it.
#[derive(Deserialize)]
struct Refusal {
    code: Code,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Code {
    Text(String),
    Number(serde_json::Number),
}

impl Deployment {
    fn facts(self) -> Result<Facts, String> {
        let id = DeploymentId::parse(&self.id)?;
        for (field, text) in [("deploymentName", &self.name), ("deploymentType", &self.kind)] {
            if text.len() > NAME_MAX {
                return Err(format!("`{field}` is longer than {NAME_MAX} bytes"));
            }
        }
        let status = Status::from_word(&self.status);
        Ok(Facts { id, name: self.name, kind: self.kind.into(), status })
    }
}

/// serde would take an array for an object, too.
fn object(bytes: &[u8]) -> Result<&[u8], String> {
    let bytes = bytes.trim_ascii_start();
    if bytes.first() == Some(&b'{') {
        Ok(bytes)
    } else {
        Err("it does not begin with `{`".to_owned())
    }
}

/// Reads a 2xx to a status call: it must be the object, and about `asked`.
pub fn deployment(bytes: &[u8], asked: &DeploymentId) -> Body {
    match facts(bytes) {
        Ok(facts) if facts.id == *asked => Body::Deployment(facts),
        Ok(facts) => Body::Unreadable(capped(&format!(
            "the answer is about deployment `{}`, not `{asked}`",
            facts.id
        ))),
        Err(fault) => {
            Body::Unreadable(capped(&format!("the body is not a deployment object: {fault}")))
        }
    }
}

fn facts(bytes: &[u8]) -> Result<Facts, String> {
    let read = serde_json::from_slice(object(bytes)?).map_err(|error| error.to_string());
    read.and_then(Deployment::facts)
}

/// Reads a 2xx to a list call: a bare array. A bad entry of it must not hide the others.
pub fn fleet(bytes: &[u8]) -> Body {
    match serde_json::from_slice::<Vec<&RawValue>>(bytes) {
        Ok(list) => {
            let read = list.iter().filter_map(|entry| facts(entry.get().as_bytes()).ok());
            let mut entries: Vec<Facts> = read.collect();
            // By id, as the fleet is: whoever takes them in need not sort them first.
            entries.sort_by(|one, other| one.id.cmp(&other.id));
            let unreadable = list.len() - entries.len();
            Body::Fleet { entries, unreadable }
        }
        Err(fault) => {
            Body::Unreadable(capped(&format!("the body is not an array of deployments: {fault}")))
        }
    }
}

/// The `code` in the body of a refusal.
pub fn code(bytes: &[u8]) -> Option<Arc<str>> {
    let code = match serde_json::from_slice::<Refusal>(object(bytes).ok()?).ok()?.code {
        Code::Text(text) => text,
        Code::Number(number) => number.to_string(),
    };
    let code: String = code.chars().filter(|c| !c.is_control()).take(CODE_MAX).collect();
    (!code.is_empty()).then(|| code.into())
}

/// A server's words in a message: one line, and not a long one.
fn capped(text: &str) -> Arc<str> {
    text.chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (body, expected) in [
            (r#"{"code":"LIMIT","message":"m"}"#, Some("LIMIT")),
            (r#"{"code":4290}"#, Some("4290")),
            (r#"{"code":-1.5}"#, Some("-1.5")),
            (r#"{"code":"a\nb\u001b[31m"}"#, Some("ab[31m")),
            (r#"{"code":""}"#, None),
            (r#"{"code":null}"#, None),
            (r#"{"code":true}"#, None),
            (r#"{"code":{"code":"X"}}"#, None),
            (r#"{"error":{"code":"X"}}"#, None),
            (r#"{"code":"a","code":"b"}"#, None),
            (r#"["code"]"#, None),
            (r#""code""#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
        let long = format!(r#"{{"code":"{}"}}"#, "x".repeat(65));
        assert_eq!(code(long.as_bytes()).as_deref(), Some("x".repeat(64).as_str()));
    }
}
