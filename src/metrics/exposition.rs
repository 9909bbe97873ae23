//! An exposition, made as its reader takes it: that of a large fleet has many megabytes, which
//! nobody should have to hold.

use std::sync::atomic::Ordering;

use super::families::{BUILD_INFO, DEPLOYMENTS, DESIRED_FILE_VALID};
use super::tally::Tally;
use super::text::{Format, Text};
use super::{Metrics, gathered, shown, tally};
use crate::keel::figures::Figures;
use crate::keel::time::Mono;
use crate::keel::view::View;

/// The length from which on a piece is handed over, in bytes.
const PIECE: usize = 64 * 1024;

/// Deployments that write their samples of a family between two looks at the length.
const ROWS: usize = 100;

/// What these add at the most, as a rule, in bytes.
const ROWS_ROOM: usize = 32 * 1024;

/// The text of `/metrics`, piece by piece; each piece is whole lines.
///
/// What a process is in comes first, then each family of the deployments.
#[derive(Debug)]
pub struct Exposition {
    /// By id.
    fleet: Vec<Figures>,
    /// What is counted for each of them, in the same order.
    tallies: Vec<Tally>,
    text: Text,
    /// The family to be written, and the first deployment that has not written its samples of it.
    next: (usize, usize),
}

impl Metrics {
    /// The exposition of `view`, of the `fleet` by id, as of `now`, and of all counters, in
    /// `format`. The view's own deployments are not looked at.
    ///
    /// # Errors
    /// When a counter cannot be written, which the tests of this crate rule out.
    pub fn expose(
        &self,
        view: &View,
        fleet: Vec<Figures>,
        now: Mono,
        format: Format,
    ) -> Result<Exposition, prometheus::Error> {
        let counters = gathered::encode(&self.registry.gather(), format, self.created)?;
        let mut text = Text::after(counters, format);
        text.family(&BUILD_INFO).add([&self.version], 1);
        let configured = [&self.configuration, &self.web_configuration];
        let configured = configured.iter().all(|accepted| accepted.load(Ordering::Relaxed));
        shown::process(&mut text, view, configured);
        text.family(&DEPLOYMENTS).add([], fleet.len());
        let mut samples = text.family(&DESIRED_FILE_VALID);
        for (name, valid) in &*self.files() {
            samples.add([name], *valid);
        }
        // Who stands by would say what the leader says, later; whoever sums would count it twice.
        let leads = (&*view.accounts, fleet);
        let (accounts, fleet) = if view.leader { leads } else { Default::default() };
        shown::accounts(&mut text, accounts);
        self.word.write(&mut text, self.created);
        let tallies = self.tallies(&fleet, now);
        Ok(Exposition { fleet, tallies, text, next: (0, 0) })
    }
}

impl Exposition {
    /// Writes some deployments' samples of the family that is to be written. False if there is
    /// none any more.
    fn write(&mut self) -> bool {
        let (family, row) = self.next;
        let rows = &self.fleet[row..];
        let rows = &rows[..rows.len().min(ROWS)];
        if let Some((family, write)) = shown::FAMILIES.get(family) {
            let mut samples = self.text.rows(family, row == 0);
            rows.iter().for_each(|one| write(one, &mut samples));
        } else if let Some((family, write)) = tally::FAMILIES.get(family - shown::FAMILIES.len()) {
            let mut samples = self.text.rows(family, row == 0);
            let tallies = self.tallies[row..].iter();
            rows.iter().zip(tallies).for_each(|(one, tally)| write(&one.id, tally, &mut samples));
        } else {
            return false;
        }
        let row = row + rows.len();
        let last = row == self.fleet.len();
        self.next = if last { (family + 1, 0) } else { (family, row) };
        if last && self.next.0 == shown::FAMILIES.len() + tally::FAMILIES.len() {
            self.text.end();
        }
        true
    }
}

impl Iterator for Exposition {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        while self.text.len() < PIECE && self.write() {}
        (self.text.len() > 0).then(|| self.text.take(PIECE + ROWS_ROOM))
    }
}
