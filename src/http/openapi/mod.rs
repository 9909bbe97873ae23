//! The description of this endpoint for machines, in OpenAPI 3.1. It is written by a test, from the
//! types that the answers are made of, and compiled in.

/// The description.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

#[cfg(test)]
mod describe;
#[cfg(test)]
mod schemas;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use schemas::{Line, Span};
