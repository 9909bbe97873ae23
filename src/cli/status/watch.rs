//! `evenkeel status --watch`: asked again and again, shown live or as a line a change.

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use rustix::process::{Signal, getpid, kill_process};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::FLEET;
use crate::cli::daemon::{self, NoAnswer};
use crate::cli::desired;
use crate::cli::exit::{Exit, Failure};
use crate::cli::fleet::{self, Look};
use crate::cli::output::{self, Format};
use crate::cli::terminal::screen::Screen;
use crate::cli::terminal::style::{self, paint};
use crate::cli::terminal::{self, fold, plain, times};
use crate::keel::deployment::DeploymentId;
use crate::keel::time::{Wall, format_duration};
use crate::keel::view::{DeploymentView, View};
use crate::lifecycle;

/// What is watched.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch<'a> {
    pub(super) place: &'a daemon::Place,
    /// Only this deployment.
    pub(super) id: Option<&'a str>,
    /// How often the daemon is asked.
    pub(super) every: Duration,
}

/// Watches until a signal ends it, beginning with `view`.
pub(super) async fn run(watch: Watch<'_>, format: Format, view: View) -> Result<Exit, Failure> {
    let live = format == Format::Text && terminal::size().is_some() && !terminal::is_dumb();
    if live {
        Live { watch, view, silence: None }.run().await
    } else {
        lines(watch, format, view).await
    }
}

impl Watch<'_> {
    /// The next answer, when it is time to ask.
    async fn next(self) -> Result<View, NoAnswer> {
        tokio::time::sleep(self.every).await;
        daemon::get(self.place, FLEET).await
    }

    fn shows(self, one: &DeploymentView) -> bool {
        self.id.is_none_or(|id| one.id.as_str() == id)
    }
}

/// What stands on the terminal.
struct Live<'a> {
    watch: Watch<'a>,
    /// The last answer.
    view: View,
    /// Since when there is none, and why.
    silence: Option<(Wall, NoAnswer)>,
}

impl Live<'_> {
    async fn run(mut self) -> Result<Exit, Failure> {
        let failed = |error| Failure::because("cannot follow the terminal's signals", error);
        let mut resized = signal(SignalKind::window_change()).map_err(failed)?;
        let mut put_away = signal(SignalKind::from_raw(Signal::TSTP.as_raw())).map_err(failed)?;
        let mut end = pin!(lifecycle::end_signal());
        let mut next = Box::pin(self.watch.next());
        let screen = Screen::enter();
        let number = loop {
            self.draw(&screen);
            tokio::select! {
                number = &mut end => break number,
                answer = &mut next => {
                    self.take(answer)?;
                    next = Box::pin(self.watch.next());
                }
                _ = resized.recv() => (),
                _ = put_away.recv() => screen.leave_for(|| {
                    let _ = kill_process(getpid(), Signal::STOP);
                }),
            }
        };
        drop(screen);
        // What was seen last stays on the terminal.
        output::line(&self.frame(terminal::size().unwrap_or((80, 24))))?;
        Ok(Exit::Signal(number))
    }

    fn take(&mut self, answer: Result<View, NoAnswer>) -> Result<(), Failure> {
        match answer {
            Ok(view) => (self.view, self.silence) = (view, None),
            Err(error) => {
                let since = match self.silence.take() {
                    Some((since, _)) => since,
                    None => desired::now()?,
                };
                self.silence = Some((since, error));
            }
        }
        Ok(())
    }

    fn draw(&self, screen: &Screen) {
        if let Some(size) = terminal::size() {
            screen.draw(&self.frame(size));
        }
    }

    /// All that is shown, in at most so many columns and rows.
    fn frame(&self, (columns, rows): (usize, usize)) -> String {
        let width = Some(columns);
        let mut lines = self.head(width, true);
        if lines.len() > rows / 2 {
            lines = self.head(width, false);
        }
        let room = rows.saturating_sub(lines.len());
        lines.extend(match self.watch.id {
            Some(id) => lines_of(&self.one(id, width)),
            None => self.fleet(width, room),
        });
        lines.truncate(rows);
        lines.join("\n")
    }

    /// What stands above the deployments; the ways out of troubles only if there is `room`.
    fn head(&self, width: Option<usize>, room: bool) -> Vec<String> {
        let mut head = vec![self.title()];
        head.extend(self.silence.as_ref().map(|(since, error)| self.silent(*since, error)));
        let troubles = fleet::troubles(&self.view);
        head.extend(
            troubles.iter().map(|trouble| {
                if room { trouble.text() } else { paint(style::BAD, &trouble.what) }
            }),
        );
        head.push(String::new());
        lines_of(&fold(&head.join("\n"), 2, width))
    }

    fn title(&self) -> String {
        let at = self.view.at.0.timestamp().strftime("%H:%M:%SZ");
        let about = format!("{at}, every {}", format_duration(self.watch.every));
        format!("{}  {}", fleet::summary(&self.view), paint(style::FAINT, &about))
    }

    fn silent(&self, since: Wall, error: &NoAnswer) -> String {
        let now = desired::now().unwrap_or(since);
        let every = format_duration(self.watch.every);
        let error = plain(&error.to_string()).into_owned();
        format!(
            "{} Since {}; below is what it said last. Is `evenkeel run` running? Asking again \
             every {every}.",
            paint(style::BAD, &format!("{error}.")),
            times::both(since, now),
        )
    }

    fn one(&self, id: &str, width: Option<usize>) -> String {
        if let Some(one) = self.view.deployment(id) {
            return fleet::deployment(one, self.view.at.0, width);
        }
        let text = format!("The desired file does not name `{id}` any more: it is left as it is.");
        fold(&text, 0, width)
    }

    /// The table; where it is too long, what is not in sync comes first.
    fn fleet(&self, width: Option<usize>, room: usize) -> Vec<String> {
        let tall = |rows: &[String]| rows.iter().map(|row| row.lines().count()).sum::<usize>();
        let mut shown = fleet::table(&self.view, Look::Status).show(width);
        let whole = tall(&shown.rows) < room;
        if !whole {
            let mut view = self.view.clone();
            view.deployments.sort_by_key(|one| one.synced.reason.at_rest());
            shown = fleet::table(&view, Look::Status).show(width);
        }
        let mut lines = vec![shown.head];
        for (index, row) in shown.rows.iter().enumerate() {
            let left = shown.rows.len() - index;
            // The last line says how many are not shown.
            if !whole && lines.len() + row.lines().count() + 1 > room {
                let more = format!("and {left} more; `evenkeel status` shows all");
                lines.push(paint(style::FAINT, &more));
                break;
            }
            lines.extend(lines_of(row));
        }
        lines
    }
}

fn lines_of(text: &str) -> Vec<String> {
    text.split('\n').map(str::to_owned).collect()
}

/// What has to change for a line: the state wanted, the status, the reason, what went wrong, the
/// last call and what came of it.
type Standing = (String, Option<String>, String, Option<String>, Option<(String, String)>);

fn standing(one: &DeploymentView) -> Standing {
    let status = one.observed.as_ref().map(|seen| seen.status.to_string());
    let fault = one.fault.as_ref().map(ToString::to_string);
    let last = one.last_action.as_ref().map(|last| (last.id.to_string(), last.outcome.clone()));
    (one.desired.state.to_string(), status, one.synced.reason.to_string(), fault, last)
}

/// A change, as `kubectl get --watch --output-watch-events` writes it.
#[derive(Debug, Serialize)]
struct Event<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    object: &'a DeploymentView,
}

/// Writes a line for each deployment, and then for each change.
async fn lines(watch: Watch<'_>, format: Format, mut view: View) -> Result<Exit, Failure> {
    let mut known: BTreeMap<DeploymentId, (Standing, DeploymentView)> = BTreeMap::new();
    let mut silent = false;
    let mut end = pin!(lifecycle::end_signal());
    loop {
        for (kind, one) in changes(watch, &mut known, &view) {
            let text = match format {
                Format::Json => serde_json::to_string(&Event { kind, object: &one })
                    .map_err(|error| Failure::because("cannot write JSON", error))?,
                Format::Text => change(&view, kind, &one),
            };
            if !output::reaches(&text)? {
                return Ok(Exit::Yes);
            }
        }
        view = loop {
            let answer = tokio::select! {
                number = &mut end => return Ok(Exit::Signal(number)),
                answer = watch.next() => answer,
            };
            match answer {
                Ok(view) => break view,
                Err(error) if !silent => {
                    silent = true;
                    let every = format_duration(watch.every);
                    output::aside(&style::warning(&format!("{error}; asking again every {every}")));
                }
                Err(_) => (),
            }
        };
        if silent {
            silent = false;
            output::aside(&style::note(&format!(
                "the daemon at {} answers again",
                watch.place.shown
            )));
        }
    }
}

/// What is not as it was known, which it is from now on.
fn changes(
    watch: Watch<'_>,
    known: &mut BTreeMap<DeploymentId, (Standing, DeploymentView)>,
    view: &View,
) -> Vec<(&'static str, DeploymentView)> {
    let mut changes = Vec::new();
    let mut left = std::mem::take(known);
    for one in view.deployments.iter().filter(|one| watch.shows(one)) {
        let now = standing(one);
        match left.remove(&one.id) {
            Some((before, _)) if before == now => (),
            Some(_) => changes.push(("MODIFIED", one.clone())),
            None => changes.push(("ADDED", one.clone())),
        }
        known.insert(one.id.clone(), (now, one.clone()));
    }
    changes.extend(left.into_values().map(|(_, one)| ("DELETED", one)));
    changes
}

/// `2026-11-24T18:00:04Z w41b11c0 running stopped WaitingForBudget message`.
fn change(view: &View, kind: &str, one: &DeploymentView) -> String {
    let (at, id) = (view.at, &one.id);
    if kind == "DELETED" {
        return format!("{at} {id} - - - the desired file does not name it any more");
    }
    let reason = one.synced.reason;
    let status = one.observed.as_ref().map_or("-", |seen| &seen.status);
    let reason = paint(style::reason(reason), reason.as_str());
    let (state, message) = (one.desired.state, plain(&one.synced.message));
    format!("{at} {id} {state} {} {reason} {message}", plain(status))
}
