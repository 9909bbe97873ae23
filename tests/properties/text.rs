//! Texts that are wrong in every way, and some that are right.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What such files are made of, and what makes YAML difficult.
const PIECES: [&str; 44] = [
    "deployments",
    "accounts",
    "default",
    "limits",
    "observe",
    "act",
    "state",
    "suspend",
    "override",
    "until",
    "reason",
    "key",
    "secret",
    "w1",
    "running",
    "stopped",
    "true",
    "no",
    "1h30m",
    "60",
    "-1",
    "1e9",
    "2026-12-01T18:00:00+01:00",
    "https://a.example/v1",
    ":",
    ": ",
    "\n",
    "\n  ",
    "\n    ",
    "- ",
    "{ ",
    " }",
    "[",
    "]",
    ", ",
    "'",
    "\"",
    "&a ",
    "*a",
    "<<: ",
    "# ",
    "|\n",
    "\t",
    "ä€😀\u{85}\u{2028}\r",
];

/// Bytes that are no text, texts of anything, soups of [`PIECES`], and `file` with a piece
/// replaced.
pub(crate) fn wrong(file: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let soup = vec(select(&PIECES[..]), 0..60).prop_map(|pieces| pieces.concat().into_bytes());
    let mangled = (any::<Index>(), 0usize..8, select(&PIECES[..])).prop_map(
        move |(at, length, piece): (Index, usize, &str)| {
            let mut bytes = file.as_bytes().to_vec();
            let at = at.index(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, piece.bytes());
            bytes
        },
    );
    prop_oneof![
        vec(any::<u8>(), 0..200),
        "\\PC{0,100}|[ -~\n\t]{0,200}".prop_map(String::into_bytes),
        soup,
        mangled,
    ]
}
