//! Words that both files use.

use schemars::JsonSchema;

/// A deployment id, as the console's address bar shows it.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[schemars(transparent)]
pub(crate) struct DeploymentId(
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"))] pub(crate) String,
);

/// A name.
#[derive(JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[schemars(transparent)]
pub(crate) struct Name(#[schemars(length(min = 1))] pub(crate) String);

/// A duration: `90s`, `60m`, `1h30m`.
#[derive(JsonSchema)]
#[schemars(transparent)]
pub(crate) struct Duration(#[schemars(regex(pattern = r"^(\d+(ms|s|m|h|d))+$"))] pub(crate) String);

/// A text. What looks like a number is read as it is written.
#[derive(JsonSchema)]
#[schemars(transparent, extend("type" = ["string", "number"]))]
pub(crate) struct Text(#[schemars(length(min = 1))] pub(crate) String);
