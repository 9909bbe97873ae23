//! Schemas of what is written as text.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::http::admin::errand::TEXT_MAX;
use crate::keel::deployment::DeploymentId;
use crate::keel::view::Time;

/// One line of text.
#[derive(Debug)]
pub(in crate::http) struct Line;

/// A duration.
#[derive(Debug)]
pub(in crate::http) struct Span;

macro_rules! written {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

written!(
    Time,
    "Time",
    json_schema!({
        "type": "string",
        "format": "date-time",
        "description": "A time as RFC 3339 in UTC, with up to three digits of a second.",
        "examples": ["2026-11-24T18:00:04Z"],
    })
);

written!(
    DeploymentId,
    "DeploymentId",
    json_schema!({
        "type": "string",
        "pattern": format!("^[A-Za-z0-9][A-Za-z0-9_-]{{0,{}}}$", DeploymentId::LENGTH_MAX - 1),
        "description": "The id that the API knows a deployment by, not its name.",
        "examples": ["w41b11c0"],
    })
);

written!(
    Line,
    "Line",
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": TEXT_MAX,
        // No control characters, and not only spaces.
        "pattern": "^[^\\u0000-\\u001f\\u007f-\\u009f]*[^\\u0000-\\u001f\\u007f-\\u009f\\s]\
                    [^\\u0000-\\u001f\\u007f-\\u009f]*$",
        "description": "One line of text.",
        "examples": ["load test"],
    })
);

written!(
    Span,
    "Span",
    json_schema!({
        "type": "string",
        "minLength": 2,
        // So many digits that the sum stays far below the longest that the configuration can allow.
        "pattern": "^(0*[0-9]{1,4}d)?(0*[0-9]{1,5}h)?(0*[0-9]{1,6}m)?(0*[0-9]{1,8}s)?\
                    (0*[0-9]{1,11}ms)?$",
        "description": "A duration: days, hours, minutes, seconds, milliseconds, in this order.",
        "examples": ["2h", "1h30m"],
    })
);

/// A reference to the schema of `T`, which goes to the components.
pub(super) fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

/// A text of these words.
pub(super) fn words(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}
