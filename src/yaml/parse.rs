//! Text to nodes.

use std::collections::{BTreeSet, HashMap};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::options::{DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_yaml::{Location, Spanned};

use super::node::{Entry, Kind, Node, Place, shown};
use super::report::{At, Faults, Problem};
use super::source::Source;

/// Most values in one file: 100,000 deployments with every key written out, and as much again.
pub const NODES_MAX: usize = 5_000_000;

/// Most values that aliases and merge keys may add. The text's size does not bound these.
const REPLAYED_MAX: usize = 2_000_000;

/// Deepest nesting. The files have five levels; the parser's stack has to hold it.
const DEPTH_MAX: usize = 32;

impl Source {
    /// Reads the text as one YAML document. An empty one is [`Kind::Null`]. Keys that are no plain
    /// text or come twice go to `faults`; of two values the first stays.
    ///
    /// # Errors
    /// What keeps the text from being YAML.
    pub fn parse(&self, faults: &mut Faults) -> Result<Node, Problem> {
        let raw: Placed = serde_yaml::from_str_with_options(&self.text, self.options())
            .map_err(|error| self.conflict().unwrap_or_else(|| self.syntax(&error)))?;
        Ok(Builder { text: &self.text, faults }.node(raw))
    }

    /// What a merge in Git leaves behind when nobody has looked.
    fn conflict(&self) -> Option<Problem> {
        let index = self.line_that_begins("<<<<<<< ")?;
        let line = u32::try_from(index).ok()?.saturating_add(1);
        let place = Place { line, column: 1, start: 0, length: 7 };
        let message = "a merge conflict is left in the file; resolve it".to_owned();
        Some(Problem { at: At::Place(place), message, excerpt: self.excerpt(place) })
    }

    fn syntax(&self, error: &serde_yaml::Error) -> Problem {
        let text = error.without_snippet().to_string();
        let bare = text.rfind(" at line ").map_or(&*text, |at| &text[..at]);
        let help = HINTS.iter().find(|(part, _)| bare.contains(part));
        let message = help.map_or_else(|| shown_whole(bare), |(_, hint)| (*hint).to_owned());
        let place = error.location().filter(|location| location.line() > 0).map(place_of);
        let at = place.map_or(At::File, |place| At::Place(Place { length: 1, ..place }));
        let excerpt = place.and_then(|place| self.excerpt(Place { length: 1, ..place }));
        Problem { at, message, excerpt }
    }

    fn options(&self) -> serde_yaml::Options {
        // The keys of a map are remembered for its merge keys, and for nothing else.
        let merge_keys = if self.text.contains("<<") {
            MergeKeyPolicy::Merge
        } else {
            MergeKeyPolicy::AsOrdinary
        };
        serde_yaml::options! {
            budget: serde_yaml::budget! {
                max_events: 2 * NODES_MAX,
                max_nodes: NODES_MAX,
                max_depth: DEPTH_MAX,
                max_documents: 2,
                max_anchors: NODES_MAX,
                max_aliases: NODES_MAX,
                max_merge_keys: NODES_MAX,
                // One anchor for a whole fleet is good style; what is replayed is bounded below.
                enforce_alias_anchor_ratio: false,
            },
            alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: REPLAYED_MAX },
            duplicate_keys: DuplicateKeyPolicy::PassThrough,
            merge_keys: merge_keys,
            strict_booleans: true,
            leading_zero_numbers_as_strings: true,
            underscored_numbers_as_strings: true,
            non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
            reject_unsupported_tags: true,
            with_snippet: false,
        }
    }
}

fn shown_whole(text: &str) -> String {
    format!(
        "this is not YAML: {}",
        text.chars().flat_map(super::node::printable).collect::<String>()
    )
}

/// What the parser says, and what a person can do about it.
const HINTS: [(&str, &str); 22] = [
    ("unclosed bracket '['", "`[` is never closed; a `]` is missing"),
    ("unclosed bracket '{'", "`{` is never closed; a `}` is missing"),
    ("misplaced bracket", "a closing bracket without an opening one"),
    ("mismatched bracket", "this bracket is closed by one of the other kind"),
    ("unclosed quote", "the quote is never closed"),
    ("tabs disallowed", "a tab in the indentation; YAML wants spaces"),
    (
        "did not find expected key",
        "this line is indented like no line above it; keys of one map begin in one column",
    ),
    (
        "mapping values are not allowed",
        "a `:` where no key can be; is the indentation right? text with `: ` in it needs quotes",
    ),
    ("unexpected character", "text must not begin with this character; put it in quotes"),
    (
        "found character that cannot start",
        "text must not begin with this character; put it in quotes",
    ),
    ("simple key expect", "a `:` is missing behind this key"),
    (
        "multiple YAML documents",
        "a second document begins here; the file must be one document, without `---` in it",
    ),
    ("unknown anchor", "there is no anchor of this name above; `&name` sets one"),
    ("recursive references", "a value must not contain itself"),
    ("merge value must be", "only a map, or a list of maps, can be merged with `<<`"),
    ("invalid u64", "the tag says that this is a number, and it is none"),
    ("invalid i64", "the tag says that this is a number, and it is none"),
    ("invalid floating point", "the tag says that this is a number, and it is none"),
    ("unsupported", "tags such as `!name` have no meaning here"),
    ("replay", "aliases and merge keys make the file too large"),
    ("recursion limit", "values are nested too deeply"),
    ("budget", "the file has too many values, or they are nested too deeply"),
];

fn place_of(location: Location) -> Place {
    let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let span = location.span();
    Place {
        line: narrow(location.line()),
        column: narrow(location.column()),
        start: narrow(span.byte_offset().unwrap_or(0)),
        length: narrow(span.byte_len().unwrap_or(0)),
    }
}

/// A value, and where it is.
struct Placed {
    place: Place,
    raw: Raw,
}

impl<'de> Deserialize<'de> for Placed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Spanned { value, defined, .. } = Spanned::deserialize(deserializer)?;
        Ok(Self { place: place_of(defined), raw: value })
    }
}

/// A value as the parser hands it over: numbers have lost their spelling.
enum Raw {
    Null,
    Bool(bool),
    Number,
    Text(Box<str>),
    List(Vec<Placed>),
    Map(Vec<(Placed, Placed)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Taker)
    }
}

struct Taker;

impl<'de> Visitor<'de> for Taker {
    type Value = Raw;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = access.next_element()? {
            nodes.push(node);
            roomy(nodes.len())?;
        }
        Ok(Raw::List(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
            roomy(entries.len())?;
        }
        Ok(Raw::Map(entries))
    }
}

fn roomy<E: serde::de::Error>(length: usize) -> Result<(), E> {
    if length <= NODES_MAX { Ok(()) } else { Err(E::custom("budget of nodes")) }
}

/// Gives numbers and keys their spelling back, from the text.
struct Builder<'t> {
    text: &'t str,
    faults: &'t mut Faults,
}

impl Builder<'_> {
    fn node(&mut self, Placed { place, raw }: Placed) -> Node {
        let kind = match raw {
            Raw::Null => Kind::Null,
            Raw::Bool(value) => Kind::Bool(value),
            Raw::Number => Kind::Number(self.spelling(place).into()),
            Raw::Text(text) => Kind::Text(text),
            Raw::List(nodes) => Kind::List(nodes.into_iter().map(|node| self.node(node)).collect()),
            Raw::Map(entries) => Kind::Map(self.entries(entries)),
        };
        Node { place, kind }
    }

    fn entries(&mut self, raw: Vec<(Placed, Placed)>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::with_capacity(raw.len());
        for (Placed { place, raw: key }, value) in raw {
            let key: Box<str> = match key {
                Raw::Text(text) => text,
                Raw::Null | Raw::Bool(_) | Raw::Number => self.spelling(place).into(),
                Raw::List(_) | Raw::Map(_) => {
                    self.faults.problem(place, "a key must be text, not a list or a map");
                    continue;
                }
            };
            entries.push(Entry { key, place, value: self.node(value) });
        }
        self.once(entries)
    }

    /// Of entries with one key the first, in the order of the file.
    fn once(&mut self, mut entries: Vec<Entry>) -> Vec<Entry> {
        let mut first = HashMap::with_capacity(entries.len());
        let mut again = BTreeSet::new();
        for (index, Entry { key, place, .. }) in entries.iter().enumerate() {
            let earlier = *first.entry(&**key).or_insert(index);
            if earlier != index {
                let (key, Place { line, column, .. }) = (shown(key), entries[earlier].place);
                self.faults.problem(
                    *place,
                    format!("`{key}` is here twice; the first is in line {line}, column {column}"),
                );
                again.insert(index);
            }
        }
        if !again.is_empty() {
            let mut index = 0..;
            entries.retain(|_| !index.next().is_some_and(|index| again.contains(&index)));
        }
        entries
    }

    fn spelling(&self, place: Place) -> &str {
        let start = place.start as usize;
        self.text.get(start..start + place.length as usize).unwrap_or_default()
    }
}
