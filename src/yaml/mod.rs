//! YAML text to a tree of nodes that know their place, and reports that name every fault at once.
//!
//! The only room that knows the YAML parser. A file is read in two steps: [`Source::parse`] turns
//! text into [`Node`]s or says why it is not YAML; then [`Fields`] takes the maps apart key by key
//! and collects in [`Faults`] whatever is wrong, so that one run shows all of it.

mod fields;
mod node;
mod parse;
mod report;
mod source;
mod suggest;

pub use fields::Fields;
pub use node::{Entry, Kind, Node, Place};
pub use parse::NODES_MAX;
pub use report::{At, Faults, Problem, Report};
pub use source::{SIZE_MAX, Source};
pub use suggest::closest;

pub(crate) use node::{printable, shown};
pub(crate) use report::{did_you_mean, listed};
