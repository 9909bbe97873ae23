//! The text of a file, checked for what no YAML parser explains well.

use std::ops::Range;
use std::sync::Arc;

use super::node::{Place, printable};
use super::report::{At, Problem};

/// Largest file that is read, in bytes: some 100,000 deployments written out in full.
pub const SIZE_MAX: usize = 16 << 20;

/// The widest piece of a line shown in a report, in characters.
const WIDTH_MAX: usize = 120;

/// A file's name and text.
#[derive(Clone, Debug)]
pub struct Source {
    /// As people know the file.
    pub name: Arc<str>,
    /// Without byte order mark.
    pub text: Arc<str>,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    /// What no report may show, in bytes; ordered, apart from each other.
    masked: Vec<Range<usize>>,
}

impl Source {
    /// Takes the content of a file called `name`.
    ///
    /// # Errors
    /// When it is too large, or not text.
    pub fn new(name: &str, bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > SIZE_MAX {
            return Err(Problem::whole(too_large()));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
            return Err(Problem::whole("the file is UTF-16; save it as UTF-8"));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let good = &bytes[..error.valid_up_to()];
            not_text(&String::from_utf8_lossy(good), "a byte that is not UTF-8")
        })?;
        if let Some(at) = text.find('\0') {
            return Err(not_text(&text[..at], "a NUL byte"));
        }
        let lines = begins(text).collect();
        Ok(Self { name: name.into(), text: text.into(), lines, masked: Vec::new() })
    }

    /// Forbids every report to show what stands at these places.
    pub fn mask(&mut self, places: impl IntoIterator<Item = Place>) {
        let ranges = places.into_iter().map(|place| {
            let start = place.start as usize;
            start..start + place.length as usize
        });
        self.masked.extend(ranges.filter(|range| !range.is_empty()));
        self.masked.sort_by_key(|range| (range.start, range.end));
    }

    /// The first line that begins with `words`, from 0.
    pub(super) fn line_that_begins(&self, words: &str) -> Option<usize> {
        self.lines.iter().position(|start| self.text[*start..].starts_with(words))
    }

    /// The line of a place with a caret below, or nothing if the line does not exist.
    pub fn excerpt(&self, place: Place) -> Option<String> {
        let index = usize::try_from(place.line).ok()?.checked_sub(1)?;
        let start = *self.lines.get(index)?;
        let end = self.lines.get(index + 1).map_or(self.text.len(), |next| *next);
        let line = self.text.get(start..end)?.trim_end_matches(['\r', '\n']);
        let column = (place.column as usize).saturating_sub(1);
        let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        let length = (place.length as usize).min(line.len() - at);
        let until = if line.is_char_boundary(at + length) { at + length } else { at };
        let before = self.visible(start, &line[..at]);
        let marked = self.visible(start + at, &line[at..until]);
        let after = self.visible(start + until, &line[until..]);
        let carets = "^".repeat(marked.chars().count().clamp(1, WIDTH_MAX));
        let (before, cut) = clipped(before);
        let rest: String = format!("{marked}{after}").chars().take(WIDTH_MAX).collect();
        let rest = rest.trim_end();
        let blank = " ".repeat(before.chars().count() + cut.chars().count());
        let number = place.line;
        Some(format!("{number:>6} | {cut}{before}{rest}\n       | {blank}{carets}"))
    }

    /// A piece of a line that begins at byte `start`: printable, and `***` where it is masked.
    fn visible(&self, start: usize, piece: &str) -> String {
        let mut out = String::new();
        let mut inside = None;
        for (at, c) in piece.char_indices() {
            match self.masked_at(start + at) {
                Some(mask) if inside == Some(mask) => (),
                Some(mask) => {
                    inside = Some(mask);
                    out.push_str("***");
                }
                None if c == '\t' => out.push(' '),
                None => out.extend(printable(c)),
            }
        }
        out
    }

    fn masked_at(&self, byte: usize) -> Option<usize> {
        let before = self.masked.partition_point(|range| range.start <= byte);
        (0..before).rev().take(MASKS_NESTED).find(|index| self.masked[*index].contains(&byte))
    }
}

/// The byte at which each line begins. The parser's lines end as YAML says: a carriage return alone
/// ends one, too, and if it did not here, the line shown would be another one than the line named.
fn begins(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    let ends = move |at: &usize| {
        bytes[*at] == b'\n' || bytes[*at] == b'\r' && bytes.get(at + 1) != Some(&b'\n')
    };
    std::iter::once(0).chain((0..bytes.len()).filter(ends).map(|at| at + 1))
}

/// How many masks may lie over each other: a key's value that is itself an alias's target.
const MASKS_NESTED: usize = 4;

/// Keeps the end of what stands before the caret, if it is long.
fn clipped(before: String) -> (String, &'static str) {
    let length = before.chars().count();
    if length <= WIDTH_MAX / 2 {
        return (before, "");
    }
    (before.chars().skip(length - WIDTH_MAX / 2).collect(), "…")
}

/// The message about a file that is too large.
pub(crate) fn too_large() -> String {
    format!("the file is larger than {} MiB, which is the limit", SIZE_MAX >> 20)
}

fn not_text(good: &str, what: &str) -> Problem {
    let (line, start) = (1..).zip(begins(good)).last().unwrap_or((1, 0));
    let column = good[start..].chars().count() + 1;
    let place =
        Place { line, column: u32::try_from(column).unwrap_or(u32::MAX), ..Place::default() };
    let message = format!("{what}: this is not a text file in UTF-8");
    Problem { at: At::Place(place), message, excerpt: None }
}
