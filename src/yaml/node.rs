//! The tree.

use std::fmt;

/// Where something stands in a file. The default is the place of nothing in particular.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Bytes from the beginning of the text.
    pub start: u32,
    /// Length in bytes. A scalar's is that of its source text; a map or a list has none.
    pub length: u32,
}

/// A value and where it stands.
///
/// A value that is reached through an alias or a merge key stands where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
}

/// What a [`Node`] is, by the core schema of YAML 1.2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`; the words of YAML 1.1, such as `no`, are text.
    Bool(bool),
    /// A number, as it is written.
    Number(Box<str>),
    /// Text.
    Text(Box<str>),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, each key once.
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key as it is written: `12345678`, `1e10`, `no` and `null` are these very letters.
    pub key: Box<str>,
    /// Where the key begins.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The text of a word: text, or a number as it is written.
    ///
    /// # Errors
    /// Says what was found instead.
    pub fn word(&self) -> Result<&str, String> {
        match &self.kind {
            Kind::Text(text) | Kind::Number(text) => Ok(text),
            Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => {
                Err(format!("expected text, found {self}"))
            }
        }
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Says what was found instead.
    pub fn boolean(&self) -> Result<bool, String> {
        match self.kind {
            Kind::Bool(value) => Ok(value),
            Kind::Null | Kind::Number(_) | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
                Err(format!("expected `true` or `false`, found {self}"))
            }
        }
    }

    /// A whole number from `least` up, in decimal digits.
    ///
    /// # Errors
    /// Says what was found instead.
    pub fn count(&self, least: u32) -> Result<u32, String> {
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let number = match &self.kind {
            Kind::Number(text) if digits(text) => text.parse().ok(),
            Kind::Null
            | Kind::Bool(_)
            | Kind::Number(_)
            | Kind::Text(_)
            | Kind::List(_)
            | Kind::Map(_) => None,
        };
        number
            .filter(|number| *number >= least)
            .ok_or_else(|| format!("expected a whole number from {least} up, found {self}"))
    }

    /// The elements of a list.
    ///
    /// # Errors
    /// Says what was found instead.
    pub fn list(&self) -> Result<&[Self], String> {
        match &self.kind {
            Kind::List(nodes) => Ok(nodes),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => {
                Err(format!("expected a list, found {self}"))
            }
        }
    }

    /// The elements of a list; anything else is the only one.
    pub fn one_or_more(&self) -> &[Self] {
        match &self.kind {
            Kind::List(nodes) => nodes,
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::Map(_) => {
                std::slice::from_ref(self)
            }
        }
    }

    /// Whether it is a map.
    pub const fn is_map(&self) -> bool {
        matches!(self.kind, Kind::Map(_))
    }

    /// Whether there is nothing.
    pub const fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }
}

/// The longest piece of a value shown in a message.
const SHOWN_MAX: usize = 40;

/// In words, for messages: "the text `x`", "a map", "nothing".
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Null => f.write_str("nothing"),
            Kind::Bool(value) => write!(f, "`{value}`"),
            Kind::Number(text) => write!(f, "the number {}", shown(text)),
            Kind::Text(text) if text.is_empty() => f.write_str("an empty text"),
            Kind::Text(text) => write!(f, "the text `{}`", shown(text)),
            Kind::List(_) => f.write_str("a list"),
            Kind::Map(_) => f.write_str("a map"),
        }
    }
}

/// A piece of a file, fit for a message: one line, printable, not too long.
pub(crate) fn shown(text: &str) -> String {
    let mut out: String = text.chars().take(SHOWN_MAX).flat_map(printable).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        out.push('…');
    }
    out
}

/// Control characters are spelled out: a file must not steer the terminal that shows its faults.
pub(crate) fn printable(c: char) -> impl Iterator<Item = char> {
    let spelled = c.is_control() || BIDI.contains(&c);
    let plain = (!spelled).then_some(c);
    let escaped = spelled.then(|| c.escape_default());
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// Characters that reorder what stands around them.
const BIDI: [char; 11] = [
    '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}', '\u{2066}',
    '\u{2067}', '\u{2068}', '\u{2069}',
];
