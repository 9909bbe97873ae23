//! The desired file as somebody writes it, and what the daemon makes of it.

use std::sync::Arc;

use evenkeel::keel::intent::{Intent, Manifest, Override, Suspend, Wanted};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::time::Wall;
use evenkeel::manifest::parse;
use jiff::Timestamp;

use crate::generate::Choose;
use crate::lie::Lie;
use crate::world::{Checked, What, World};

/// The desired file on its disk.
pub(crate) struct Desired {
    /// What it is to say.
    pub(crate) file: Arc<Manifest>,
    /// So many bytes of it are there; `None`: all.
    half: Option<usize>,
    /// The last that was whole when it was read: the state directory keeps it.
    good: Arc<Manifest>,
    /// As the keel was told it.
    told: Arc<Manifest>,
    /// Whether the present process was told of any.
    in_force: bool,
}

impl Desired {
    pub(crate) fn new() -> Self {
        let none = Arc::new(Manifest::new("0".into(), [].into()));
        let (file, good, told) = (none.clone(), none.clone(), none);
        Self { file, half: None, good, told, in_force: false }
    }

    /// A new process has not read it yet.
    pub(crate) fn unread(&mut self) {
        self.in_force = false;
    }

    /// All of it is there.
    pub(crate) fn complete(&mut self) {
        self.half = None;
    }
}

impl<C: Choose> World<'_, C> {
    /// The daemon looks at the desired file as it is now.
    pub(crate) fn read_file(&mut self) -> Checked {
        if self.keel.is_none() {
            return Ok(());
        }
        let file = self.desired.file.clone();
        let text = in_full(&file);
        let Some(half) = self.desired.half else {
            let (read, _) = parse("desired.yaml", text.as_bytes(), None)
                .map_err(|report| format!("a valid file is refused: {report}\n{text}"))?;
            if read.intents != file.intents {
                return Err(format!("a file is misread as {read:?}:\n{text}"));
            }
            self.desired.good = file;
            return self.tell_file();
        };
        let half = half.min(text.len());
        let Err(report) = parse("desired.yaml", &text.as_bytes()[..half], None) else {
            return Err(format!("half a file is taken for all of it:\n{}", &text[..half]));
        };
        self.tell(|| format!("file {}: {half} of {} bytes", file.revision, text.len()));
        if self.setup.lie == Lie::MendsHalfFiles {
            return self.feed(Event::ManifestRead(file));
        }
        // Where the present process has read none, the last good one is in force.
        if !self.desired.in_force && !self.desired.good.intents.is_empty() {
            self.tell_file()?;
        }
        self.feed(Event::ManifestRefused(report.to_string().into()))
    }

    fn tell_file(&mut self) -> Checked {
        let file = self.desired.good.clone();
        self.tell(|| format!("file {}: {}", file.revision, in_words(&file)));
        self.oracle.told(file.clone());
        self.desired.in_force = true;
        self.desired.told = self.setup.lie.manifest(&file, &self.desired.told);
        self.feed(Event::ManifestRead(self.desired.told.clone()))
    }

    /// Somebody saves the file, and is not done with it yet.
    pub(crate) fn write_half(&mut self) {
        self.count("half a file");
        self.desired.half = Some(self.chooser.below(in_full(&self.desired.file).len() - 1));
        let wait = self.chooser.span(std::time::Duration::from_secs(600));
        self.later(wait, What::Written);
    }
}

/// As it stands on the disk. It ends with the bracket that it begins with, so no part of it is
/// valid.
fn in_full(file: &Manifest) -> String {
    let mut out = String::from("{ deployments: {\n");
    for (id, intent) in &file.intents {
        let Intent { account, name, wanted, protect, suspend, exception, .. } = intent;
        let Wanted::Fixed(state) = wanted else { unreachable!("fixed states only") };
        out.push_str(&format!("  {id}: {{ state: {state}, account: {account}"));
        if *protect {
            out.push_str(", protect: true");
        }
        if let Some(name) = name {
            out.push_str(&format!(", name: {name}"));
        }
        if let Some(Suspend { reason, until: _ }) = suspend {
            out.push_str(&format!(", suspend: {reason}"));
        }
        if let Some(Override { state, until, reason: _ }) = exception {
            let until = instant(*until);
            out.push_str(&format!(", override: {{ state: {state}, until: {until} }}"));
        }
        out.push_str(" },\n");
    }
    out.push_str("} }");
    out
}

/// To the millisecond, unlike `Wall`'s own text.
fn instant(wall: Wall) -> Timestamp {
    Timestamp::from_millisecond(wall.millis()).unwrap()
}

/// A desired file, in one line.
fn in_words(file: &Manifest) -> String {
    in_full(file).split_whitespace().collect::<Vec<_>>().join(" ")
}
