//! The text formats, for families that are written anew at each scrape.
//!
//! The prometheus crate's encoder is not used for these: it refuses a family without series, and it
//! wants every sample as a tree of small allocations first, ten thousand deployments' worth of
//! them.

use std::fmt::Write as _;
use std::ptr;
use std::time::Duration;

use super::families::{Family, Kind};
use crate::keel::deployment::DeploymentId;
use crate::keel::time::Wall;

/// How an exposition is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0: each counter says since when it counts, and the end says that it is one.
    OpenMetrics,
}

impl Format {
    /// What `# TYPE` calls the family `name`; OpenMetrics keeps the suffix for the samples.
    pub(super) fn family(self, name: &str, counter: bool) -> &str {
        match self {
            Self::OpenMetrics if counter => name.strip_suffix("_total").unwrap_or(name),
            Self::OpenMetrics | Self::Text => name,
        }
    }
}

/// An exposition in the making.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
    format: Format,
}

impl Text {
    /// Continues `out`.
    pub(super) const fn after(out: String, format: Format) -> Self {
        Self { out, format }
    }

    /// The length of what is written so far, in bytes.
    pub(super) const fn len(&self) -> usize {
        self.out.len()
    }

    /// What is written so far, with room for `room` bytes in its place.
    pub(super) fn take(&mut self, room: usize) -> String {
        std::mem::replace(&mut self.out, String::with_capacity(room))
    }

    /// Says that nothing follows, where the format wants that.
    pub(super) fn end(&mut self) {
        if self.format == Format::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
    }

    /// Begins `family`; its samples must follow before the next one begins.
    pub(super) fn family(&mut self, family: &'static Family) -> Samples<'_> {
        self.begin(family);
        let (frame, created) = self.frames(family);
        Samples { out: &mut self.out, family, frame, created }
    }

    /// As [`Text::family`], of deployments; or goes on with the family that was begun last.
    pub(super) fn rows(&mut self, family: &'static Family, begins: bool) -> Rows<'_> {
        if begins {
            self.begin(family);
        }
        let (frame, created) = self.frames(family);
        let mold = |frame| Mold { frame, tails: Vec::new() };
        Rows { out: &mut self.out, family, mold: mold(frame), created: created.map(mold) }
    }

    fn begin(&mut self, Family { name, kind, help, .. }: &Family) {
        let name = self.format.family(name, *kind == Kind::Counter);
        // Writing to a string cannot fail, here and below.
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    /// The frame of a family's samples, and that of their stamps, if they have any.
    fn frames(&self, Family { name, kind, labels, .. }: &Family) -> (Frame, Option<Frame>) {
        let counter = *kind == Kind::Counter;
        let short = self.format.family(name, counter);
        let stamped = counter && self.format == Format::OpenMetrics;
        let created = stamped.then(|| frame(&format!("{short}_created"), labels));
        (frame(name, labels), created)
    }
}

/// The samples of one family.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    out: &'a mut String,
    family: &'static Family,
    frame: Frame,
    /// The frame of the stamps, where there are any.
    created: Option<Frame>,
}

/// A sample without its values, which stand between: `name{a="`, `",b="`, `"} `.
type Frame = Vec<String>;

fn frame(name: &str, labels: &[&str]) -> Frame {
    let opening = |(place, label)| match place {
        0 => format!("{name}{{{label}=\""),
        _ => format!("\",{label}=\""),
    };
    let closing = if labels.is_empty() { format!("{name} ") } else { "\"} ".to_owned() };
    labels.iter().enumerate().map(opening).chain([closing]).collect()
}

impl Samples<'_> {
    /// Adds one: the values of the family's labels in their order, and the sample's value.
    pub(super) fn add<const N: usize>(&mut self, values: [&str; N], value: impl Value) {
        assert_ne!(self.family.kind, Kind::Counter, "{} counts", self.family.name);
        assert_eq!(self.family.labels.len(), N, "labels of {}", self.family.name);
        sample(self.out, &self.frame, values, value);
    }

    /// Adds one of a counter, which counts since `created`.
    pub(super) fn count<const N: usize>(
        &mut self,
        values: [&str; N],
        value: impl Value,
        created: Wall,
    ) {
        assert_eq!(self.family.labels.len(), N, "labels of {}", self.family.name);
        sample(self.out, &self.frame, values, value);
        if let Some(frame) = &self.created {
            sample(self.out, frame, values, created);
        }
    }
}

fn sample<const N: usize>(out: &mut String, frame: &Frame, values: [&str; N], value: impl Value) {
    let (opening, closing) = frame.split_at(N);
    for (before, value) in opening.iter().zip(values) {
        out.push_str(before);
        escape(out, value);
    }
    closing.iter().for_each(|end| out.push_str(end));
    value.end(out);
}

/// The samples of one family of deployments: the first label is the id, and the others have words
/// of this program. Nothing in them is to be escaped, and there are many of them.
#[derive(Debug)]
pub(super) struct Rows<'a> {
    out: &'a mut String,
    family: &'static Family,
    mold: Mold,
    /// That of the stamps, where there are any.
    created: Option<Mold>,
}

impl Rows<'_> {
    /// Adds one: a deployment, the values of the family's other labels in their order, and the
    /// sample's value.
    pub(super) fn add<const N: usize>(
        &mut self,
        id: &DeploymentId,
        words: [&'static str; N],
        value: impl Value,
    ) {
        assert_ne!(self.family.kind, Kind::Counter, "{} counts", self.family.name);
        assert_eq!(self.family.labels.len(), N + 1, "labels of {}", self.family.name);
        self.mold.cast(self.out, id, &words, value);
    }

    /// The same, but that the other label has some text.
    pub(super) fn add_text(&mut self, id: &DeploymentId, text: &str, value: impl Value) {
        sample(self.out, &self.mold.frame, [id.as_str(), text], value);
    }

    /// Adds one of a counter, which counts since `created`.
    pub(super) fn count<const N: usize>(
        &mut self,
        id: &DeploymentId,
        words: [&'static str; N],
        value: impl Value,
        created: Wall,
    ) {
        assert_eq!(self.family.labels.len(), N + 1, "labels of {}", self.family.name);
        self.mold.cast(self.out, id, &words, value);
        if let Some(mold) = &mut self.created {
            mold.cast(self.out, id, &words, created);
        }
    }
}

/// What samples of deployments have in common.
#[derive(Debug)]
struct Mold {
    frame: Frame,
    /// What stands between an id and a value, by the words in it. These are told apart by where
    /// they are: the same words in another place are merely kept twice.
    tails: Vec<(Vec<&'static str>, String)>,
}

impl Mold {
    fn cast(
        &mut self,
        out: &mut String,
        id: &DeploymentId,
        words: &[&'static str],
        value: impl Value,
    ) {
        let [opening, rest @ ..] = &*self.frame else { return };
        out.push_str(opening);
        out.push_str(id.as_str());
        let same = |known: &[&str]| (0..words.len()).all(|at| ptr::eq(known[at], words[at]));
        let known = self.tails.iter().position(|(known, _)| same(known));
        let place = known.unwrap_or_else(|| {
            let (between, closing) = rest.split_at(words.len());
            let labels = between.iter().zip(words).map(|(before, word)| format!("{before}{word}"));
            let tail = labels.chain(closing.iter().cloned()).collect();
            self.tails.push((words.to_vec(), tail));
            self.tails.len() - 1
        });
        out.push_str(&self.tails[place].1);
        value.end(out);
    }
}

/// What a sample can be worth.
pub(super) trait Value: Sized {
    fn write(self, out: &mut String);

    /// Writes it, and ends the line.
    fn end(self, out: &mut String) {
        self.write(out);
        out.push('\n');
    }
}

/// Yes and no, as most are.
impl Value for bool {
    fn write(self, out: &mut String) {
        out.push(if self { '1' } else { '0' });
    }

    fn end(self, out: &mut String) {
        out.push_str(if self { "1\n" } else { "0\n" });
    }
}

/// An instant, in seconds after the epoch.
impl Value for Wall {
    fn write(self, out: &mut String) {
        if self.millis() < 0 {
            out.push('-');
        }
        seconds(out, self.millis().unsigned_abs());
    }
}

/// Seconds, to the millisecond.
impl Value for Duration {
    fn write(self, out: &mut String) {
        seconds(out, u64::try_from(self.as_millis()).unwrap_or(u64::MAX));
    }
}

/// As seconds, exactly: `1767225600.25`. Each deployment has several, and a float is slow to write.
fn seconds(out: &mut String, millis: u64) {
    (millis / 1000).write(out);
    let rest = millis % 1000;
    if rest > 0 {
        let (tenths, hundredths, thousandths) = (rest / 100, rest / 10 % 10, rest % 10);
        out.push('.');
        tenths.write(out);
        if hundredths + thousandths > 0 {
            hundredths.write(out);
        }
        if thousandths > 0 {
            thousandths.write(out);
        }
    }
}

/// A whole number, of which there are several to each deployment.
macro_rules! whole {
    ($($number:ty),+) => {
        $(
            impl Value for $number {
                fn write(self, out: &mut String) {
                    out.push_str(itoa::Buffer::new().format(self));
                }
            }
        )+
    };
}

whole!(i32, u32, u64, usize);

/// Label values escape backslash, quote and line feed, and nothing else.
pub(super) fn escape(out: &mut String, value: &str) {
    if !value.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
        out.push_str(value);
        return;
    }
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::families::{ACCOUNT_UNAUTHORIZED, LEADER};

    #[test]
    fn a_label_value_is_escaped() {
        let mut text = Text::default();
        text.family(&ACCOUNT_UNAUTHORIZED).add(["a\"b\\c\nd"], 1);
        let want = "evenkeel_account_unauthorized{account=\"a\\\"b\\\\c\\nd\"} 1\n";
        assert!(text.take(0).ends_with(want));
    }

    #[test]
    fn instants_are_exact_and_short() {
        for (millis, want) in [
            (0, "0"),
            (1, "0.001"),
            (1_767_225_600_250, "1767225600.25"),
            (1_767_225_600_300, "1767225600.3"),
            (1_767_225_601_000, "1767225601"),
            (-1_050, "-1.05"),
        ] {
            let mut out = String::new();
            Wall::from_millis(millis).write(&mut out);
            assert_eq!(out, want);
            assert_eq!(out, Wall::from_millis(millis).seconds().to_string());
        }
    }

    #[test]
    fn a_family_without_labels_has_no_braces() {
        let mut text = Text::default();
        text.family(&LEADER).add([], 0);
        assert!(text.take(0).ends_with("\nevenkeel_leader 0\n"));
    }
}
