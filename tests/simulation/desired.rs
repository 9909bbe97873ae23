//! The desired file as somebody writes it, and what the daemon makes of it.

use std::sync::Arc;

use evenkeel::keel::deployment::DeploymentId;
use evenkeel::keel::intent::{Intent, Manifest, Override, Suspend, Wanted};
use evenkeel::keel::reconciler::Event;
use evenkeel::keel::schedule::Schedule;
use evenkeel::keel::time::Wall;
use evenkeel::manifest::parse;
use jiff::Timestamp;

use crate::generate::Choose;
use crate::lie::Lie;
use crate::setup::Story;
use crate::world::{Checked, What, World};

/// The desired file on its disk.
pub(crate) struct Desired {
    /// What it is to say.
    pub(crate) file: Arc<Manifest>,
    /// So many bytes of it are there; `None`: all.
    half: Option<usize>,
    /// The last that was in force, and whose holds were durable: the state directory keeps it.
    kept: Arc<Manifest>,
    /// As the keel was told it.
    told: Arc<Manifest>,
    /// What the present process has in force, if it was told any.
    in_force: Option<Arc<Manifest>>,
    /// Whether what came of that is not durable yet.
    owed: bool,
}

impl Desired {
    pub(crate) fn new() -> Self {
        let none = Arc::new(Manifest::new("0".into(), []));
        let (file, kept, told) = (none.clone(), none.clone(), none);
        Self { file, half: None, kept, told, in_force: None, owed: false }
    }

    /// A new process has not read it yet.
    pub(crate) fn unread(&mut self) {
        self.in_force = None;
        self.owed = false;
    }

    /// All of it is there.
    pub(crate) fn complete(&mut self) {
        self.half = None;
    }
}

impl<C: Choose> World<'_, C> {
    /// A new process reads what an earlier one had in force.
    pub(crate) fn read_kept_file(&mut self) -> Checked {
        match self.desired.kept.clone() {
            none if none.intents.is_empty() => Ok(()),
            kept => self.feed(Event::ManifestKept(kept)),
        }
    }

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
            if (&read.intents, &read.acknowledged) != (&file.intents, &file.acknowledged) {
                return Err(format!("a file is misread as {read:?}:\n{text}"));
            }
            return self.tell_file(file);
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
        if self.desired.in_force.is_none() && !self.desired.kept.intents.is_empty() {
            self.tell_file(self.desired.kept.clone())?;
        }
        self.feed(Event::ManifestRefused(report.to_string().into()))
    }

    /// A whole file comes into force, and is kept once what came of it is durable.
    fn tell_file(&mut self, file: Arc<Manifest>) -> Checked {
        self.tell(|| format!("file {}: {}", file.revision, in_words(&file)));
        if self.setup.lie == Lie::KeepsFileEarly {
            self.desired.kept = file.clone();
        }
        let trouble = self.setup.story == Story::Long && !self.calm;
        let end = if trouble { self.chooser.below(24) } else { 0 };
        if end == 22 {
            self.crash(false);
            return Ok(());
        }
        let now = self.clocks.now(self.time);
        // What is in force is no edit when it is read again.
        if self.desired.in_force.as_ref() != Some(&file) {
            let held = self.keel.as_ref().and_then(|keel| keel.held());
            self.oracle.told(file.clone(), held, now.wall);
        }
        self.desired.told = self.setup.lie.manifest(&file, &self.desired.told, now.wall);
        self.desired.in_force = Some(file);
        let generation = self.generation;
        self.feed(Event::ManifestRead(self.desired.told.clone()))?;
        if generation != self.generation {
            return Ok(());
        }
        if let Some(file) = self.desired.in_force.as_ref().filter(|_| !self.stuck) {
            self.oracle.errands.ended_by(file);
        }
        if self.setup.lie == Lie::ReleasesEarly {
            self.feed(Event::ManifestKept(self.desired.told.clone()))?;
            if generation != self.generation {
                return Ok(());
            }
        }
        if end == 23 || std::mem::take(&mut self.cut_short) {
            let reboot = self.chooser.once_in(2);
            self.crash(reboot);
            return Ok(());
        }
        self.desired.owed = true;
        self.keep_file()
    }

    /// Whether the file in force names a deployment.
    pub(crate) fn is_in_force(&self, id: &DeploymentId) -> bool {
        self.desired.in_force.as_ref().is_some_and(|file| file.intents.contains_key(id))
    }

    /// The file in force is to be compared with the next one, also by a later process.
    pub(crate) fn keep_file(&mut self) -> Checked {
        if !self.desired.owed || self.stuck {
            return Ok(());
        }
        let Some(file) = self.desired.in_force.clone() else { return Ok(()) };
        self.desired.owed = false;
        self.desired.kept = file;
        self.oracle.guard.kept();
        self.feed(Event::ManifestKept(self.desired.told.clone()))
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
    let mut out = String::from("{ ");
    if !file.acknowledged.is_empty() {
        let ids: Vec<_> = file.acknowledged.iter().map(|id| &**id).collect();
        out.push_str(&format!("acknowledge: [{}], ", ids.join(", ")));
    }
    out.push_str("schedules: {\n");
    for schedule in file.intents.values().filter_map(|intent| intent.schedule()) {
        let Schedule { name, zone, windows, exceptions: _, ready } = &**schedule;
        let windows: Vec<_> = windows.iter().map(|one| format!("\"{}\"", one.text)).collect();
        let (zone, windows) = (zone.iana_name().unwrap(), windows.join(", "));
        out.push_str(&format!(
            "  {name}: {{ timezone: {zone}, running: [{windows}], ready: {ready} }},\n"
        ));
    }
    out.push_str("}, deployments: {\n");
    for (id, intent) in &file.intents {
        out.push_str(&format!("  {id}: {},\n", entry(intent)));
    }
    out.push_str("} }");
    out
}

fn entry(intent: &Intent) -> String {
    let Intent { account, name, wanted, protect, suspend, exception, .. } = intent;
    let state = match wanted {
        Wanted::Fixed(state) => state.to_string(),
        Wanted::Scheduled(schedule) => schedule.name.to_string(),
    };
    let mut out = format!("{{ state: {state}, account: {account}");
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
    out.push_str(" }");
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
