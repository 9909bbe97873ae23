//! What the body of a request says, and the errand that it is.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Refused, Target};
use crate::keel::deployment::{DeploymentId, Desired};
use crate::keel::temporary::{Errand, Want};
use crate::keel::time::{format_duration, parse_duration};

/// The longest reason or name, in characters.
pub(in crate::http) const TEXT_MAX: usize = 200;

/// Another state than the desired file says, for a while.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct OverrideRequest {
    /// The state.
    state: Desired,
    /// For how long, `admin.max_duration` at most: an override ends by itself.
    #[cfg_attr(test, schemars(with = "crate::http::openapi::Span"))]
    r#for: String,
    /// Why.
    #[cfg_attr(test, schemars(with = "Option<crate::http::openapi::Line>"))]
    reason: Option<String>,
    /// Who asks, besides what the daemon knows by itself.
    #[cfg_attr(test, schemars(with = "Option<crate::http::openapi::Line>"))]
    r#as: Option<String>,
}

/// Hands off.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct SuspendRequest {
    /// Why: others want to know.
    #[cfg_attr(test, schemars(with = "crate::http::openapi::Line"))]
    reason: String,
    /// For how long, `admin.max_duration` at most; without it, until somebody resumes.
    #[cfg_attr(test, schemars(with = "Option<crate::http::openapi::Span>"))]
    r#for: Option<String>,
    /// Who asks, besides what the daemon knows by itself.
    #[cfg_attr(test, schemars(with = "Option<crate::http::openapi::Line>"))]
    r#as: Option<String>,
}

/// What needs no further word.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct PlainRequest {
    /// Who asks, besides what the daemon knows by itself.
    #[cfg_attr(test, schemars(with = "Option<crate::http::openapi::Line>"))]
    r#as: Option<String>,
}

/// The errand of a body that came to a path. What nobody can understand is a 400; what is
/// understood, and is more than the operator allows, is a 422.
pub(super) fn errand(
    target: &Target<'_>,
    body: &[u8],
    who: &str,
    lasts_max: Duration,
) -> Result<Errand, Refused> {
    let id = |id: &str| DeploymentId::parse(id).map_err(bad);
    match *target {
        Target::Override(deployment) => {
            let such = r#"{"state": "stopped", "for": "2h", "reason": "load test"}"#;
            let OverrideRequest { state, r#for, reason, r#as } = read(body, such)?;
            let (by, reason) = (by(r#as, who)?, line("reason", reason)?);
            let lasts = Some(duration(&r#for, lasts_max)?);
            let (deployment, want) = (id(deployment)?, Want::Override(state));
            Ok(Errand::Wish { deployment, want, lasts, reason, by })
        }
        Target::Suspend(deployment) => {
            let such = r#"{"reason": "migration", "for": "2h"}"#;
            let SuspendRequest { reason, r#for, r#as } = read(body, such)?;
            let (by, reason) = (by(r#as, who)?, line("reason", Some(reason))?);
            let lasts = r#for.map(|lasts| duration(&lasts, lasts_max)).transpose()?;
            Ok(Errand::Wish { deployment: id(deployment)?, want: Want::Suspend, lasts, reason, by })
        }
        Target::Resume(deployment) => {
            let PlainRequest { r#as } = read(body, PLAIN)?;
            Ok(Errand::Resume { deployment: id(deployment)?, by: by(r#as, who)? })
        }
        Target::Sync(deployment) => {
            let PlainRequest { r#as } = read(body, PLAIN)?;
            let _checked = by(r#as, who)?;
            Ok(Errand::Sync(deployment.map(id).transpose()?))
        }
    }
}

const PLAIN: &str = r#"{} or {"as": "alice"}"#;

fn bad(fault: impl Into<String>) -> Refused {
    (StatusCode::BAD_REQUEST, fault.into())
}

/// An object: serde would take an array for one, too.
fn read<T: DeserializeOwned>(body: &[u8], such: &str) -> Result<T, Refused> {
    let not =
        |why: &str| bad(format!("the body is not understood: {why}; expected such as {such}"));
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(not("it is no JSON object"));
    }
    serde_json::from_slice(body).map_err(|error| not(&error.to_string()))
}

fn duration(text: &str, lasts_max: Duration) -> Result<Duration, Refused> {
    let lasts = parse_duration(text).map_err(|fault| bad(format!("`for`: {fault}")))?;
    if lasts.is_zero() || lasts_max < lasts {
        let fault = format!(
            "`for` must be more than nothing and at most {}; what is to hold for longer belongs \
             into the desired file",
            format_duration(lasts_max)
        );
        return Err((StatusCode::UNPROCESSABLE_ENTITY, fault));
    }
    Ok(lasts)
}

fn by(name: Option<String>, who: &str) -> Result<Arc<str>, Refused> {
    Ok(line("as", name)?.map_or_else(|| who.into(), |name| format!("{name} ({who})").into()))
}

/// One line of text that is fit for logs and pages.
fn line(key: &str, text: Option<String>) -> Result<Option<Arc<str>>, Refused> {
    let Some(text) = text else { return Ok(None) };
    let line = text.trim();
    let long = text.chars().count() > TEXT_MAX;
    if line.is_empty() || long || text.chars().any(char::is_control) {
        return Err(bad(format!("`{key}` must be one line of 1 to {TEXT_MAX} characters")));
    }
    Ok(Some(line.into()))
}
