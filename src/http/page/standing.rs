//! How a deployment stands, and how that looks: a word and a sign besides the colour.

use maud::{Markup, html};

use crate::keel::plan::Reason;
use crate::keel::view::{DeploymentView, View};

/// How a deployment stands, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    NeedsAPerson,
    NotYet,
    Suspended,
    InSync,
}

impl Standing {
    /// All of them, the worst first.
    pub(super) const ALL: [Self; 4] =
        [Self::NeedsAPerson, Self::NotYet, Self::Suspended, Self::InSync];

    pub(super) const fn of(deployment: &DeploymentView) -> Self {
        let reason = deployment.synced.reason;
        if reason.needs_a_person() {
            Self::NeedsAPerson
        } else if matches!(reason, Reason::Suspended) {
            Self::Suspended
        } else if reason.at_rest() {
            Self::InSync
        } else {
            Self::NotYet
        }
    }

    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::NeedsAPerson => "bad",
            Self::NotYet => "busy",
            Self::Suspended => "idle",
            Self::InSync => "good",
        }
    }

    /// `in sync`, of so many.
    pub(super) const fn words(self, count: usize) -> &'static str {
        match (self, count) {
            (Self::InSync, _) => "in sync",
            (Self::Suspended, _) => "suspended",
            (Self::NotYet, _) => "not in sync yet",
            (Self::NeedsAPerson, 1) => "needs a person",
            (Self::NeedsAPerson, _) => "need a person",
        }
    }

    /// A sign of its own shape; the word stands beside it.
    pub(super) fn sign(self) -> Markup {
        let path = match self {
            Self::NeedsAPerson => "M8 1.5 15 14H1ZM8 6v3.5M8 11.5v.6",
            Self::NotYet => "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13M8 4.5V8l2.5 2",
            Self::Suspended => "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13M6.2 5.5v5M9.8 5.5v5",
            Self::InSync => "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13M5 8.2l2.2 2.2L11 6",
        };
        html! {
            svg class={ "sign " (self.class()) } viewBox="0 0 16 16" aria-hidden="true" {
                path d=(path) {}
            }
        }
    }
}

/// How many stand how, the worst first.
pub(super) fn counts(view: &View) -> [(Standing, usize); 4] {
    let standings: Vec<_> = view.deployments.iter().map(Standing::of).collect();
    Standing::ALL.map(|one| (one, standings.iter().filter(|it| **it == one).count()))
}

/// `All in sync`, `2 of 7 not in sync`: whoever is suspended is not compared.
pub(super) fn headline(view: &View) -> String {
    let [attention, pending, suspended, _] = counts(view).map(|(_, count)| count);
    match (attention + pending, view.deployments.len()) {
        (_, 0) => "No deployments".to_owned(),
        (0, all) if all == suspended => "All suspended".to_owned(),
        (0, _) => "All in sync".to_owned(),
        (open, all) => format!("{open} of {all} not in sync"),
    }
}
