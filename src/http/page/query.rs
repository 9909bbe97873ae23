//! What the address of the fleet's page asks for: `?q=&state=&sort=&page=`.

use form_urlencoded::Serializer;

use super::standing::Standing;
use crate::keel::deployment::Desired;
use crate::keel::view::{DeploymentView, View};

/// Rows on one page: each has a strip of its own to draw.
pub(super) const ROWS: usize = 50;

/// Longer texts are looked for in vain.
const TEXT_MAX: usize = 200;

/// Which deployments to show, in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// In the id, the name or the account; upper and lower case are the same.
    pub(super) text: String,
    pub(super) state: Show,
    pub(super) sort: Sort,
    /// From 1.
    pub(super) page: usize,
}

/// Which deployments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    All,
    Standing(Standing),
    Wanted(Desired),
}

impl Show {
    /// All of them, as they are spelled and as they are called.
    pub(super) const ALL: [(Self, &'static str, &'static str); 7] = [
        (Self::All, "", "all"),
        (Self::Standing(Standing::NeedsAPerson), "attention", "needs a person"),
        (Self::Standing(Standing::NotYet), "pending", "not in sync yet"),
        (Self::Standing(Standing::Suspended), "suspended", "suspended"),
        (Self::Standing(Standing::InSync), "insync", "in sync"),
        (Self::Wanted(Desired::Running), "running", "wanted running"),
        (Self::Wanted(Desired::Stopped), "stopped", "wanted stopped"),
    ];

    fn fits(self, one: &DeploymentView) -> bool {
        match self {
            Self::All => true,
            Self::Standing(standing) => Standing::of(one) == standing,
            Self::Wanted(state) => one.desired.state == state,
        }
    }
}

/// In which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Urgency,
    Id,
    Name,
    Next,
    Seen,
}

impl Sort {
    /// All of them, as they are spelled and as they are called.
    pub(super) const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Urgency, "", "trouble first"),
        (Self::Id, "id", "id"),
        (Self::Name, "name", "name"),
        (Self::Next, "next", "next step first"),
        (Self::Seen, "seen", "longest unseen first"),
    ];
}

impl Wish {
    /// Reads a query. An empty value asks for nothing, as a form sends it.
    ///
    /// # Errors
    /// Says what is not understood, and what would be.
    pub(super) fn parse(query: Option<&str>) -> Result<Self, String> {
        let mut wish = Self { text: String::new(), state: Show::All, sort: Sort::Urgency, page: 1 };
        let mut seen = Vec::new();
        for (key, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*key {
                "q" => wish.text = value.trim().chars().take(TEXT_MAX).collect(),
                "state" => wish.state = choose(&Show::ALL, "state", &value)?,
                "sort" => wish.sort = choose(&Sort::ALL, "sort", &value)?,
                "page" => {
                    let page = value.parse().ok().filter(|page| *page > 0);
                    let fault = || "`page` must be a number, such as `/?page=2`".to_owned();
                    wish.page = page.ok_or_else(fault)?;
                }
                other => {
                    let text = format!("`{other}` is not understood; expected `q`, `state`, ");
                    return Err(text + "`sort` or `page`, as in `/?state=attention`");
                }
            }
            if seen.contains(&key) {
                return Err(format!("`{key}` is given twice"));
            }
            seen.push(key);
        }
        Ok(wish)
    }

    /// The query that asks for this, with its `?`; `?` alone for everything.
    pub(super) fn href(&self) -> String {
        let mut query = Serializer::new("?".to_owned());
        let page = if self.page > 1 { self.page.to_string() } else { String::new() };
        let (state, sort) = (spelled(&Show::ALL, self.state), spelled(&Sort::ALL, self.sort));
        for (key, value) in [("q", &*self.text), ("state", state), ("sort", sort), ("page", &page)]
        {
            if !value.is_empty() {
                query.append_pair(key, value);
            }
        }
        query.finish().replacen("?&", "?", 1)
    }

    /// The same for another page.
    pub(super) fn on_page(&self, page: usize) -> Self {
        Self { page, ..self.clone() }
    }

    /// Whoever fits, in the order that is asked for; those that are alike by id.
    pub(super) fn select<'a>(&self, view: &'a View) -> Vec<&'a DeploymentView> {
        let text = self.text.to_lowercase();
        let has = |field: &str| field.to_lowercase().contains(&text);
        let fits = |one: &&DeploymentView| {
            let named = one.observed.as_ref().is_some_and(|seen| has(&seen.name));
            self.state.fits(one) && (has(one.id.as_str()) || has(one.account.as_str()) || named)
        };
        let mut found: Vec<_> = view.deployments.iter().filter(fits).collect();
        match self.sort {
            Sort::Urgency => found.sort_by_key(|one| Standing::of(one)),
            Sort::Id => (),
            Sort::Name => {
                let name = |one: &&DeploymentView| {
                    one.observed.as_ref().map(|seen| seen.name.to_lowercase())
                };
                found.sort_by_key(|one| (name(one).is_none(), name(one)));
            }
            Sort::Next => found.sort_by_key(|one| (one.next.at.is_none(), one.next.at)),
            Sort::Seen => found.sort_by_key(|one| one.observed.as_ref().map(|seen| seen.at)),
        }
        found
    }
}

type Choice<T> = (T, &'static str, &'static str);

fn choose<T: Copy>(choices: &[Choice<T>], key: &str, value: &str) -> Result<T, String> {
    let found = choices.iter().find(|(_, spelling, _)| *spelling == value);
    found.map(|(choice, _, _)| *choice).ok_or_else(|| {
        let known: Vec<_> = choices.iter().skip(1).map(|(_, one, _)| format!("`{one}`")).collect();
        format!("`{key}={value}` is not understood; expected one of {}", known.join(", "))
    })
}

fn spelled<T: Copy + PartialEq>(choices: &[Choice<T>], choice: T) -> &'static str {
    let found = choices.iter().find(|(one, _, _)| *one == choice);
    found.map_or("", |(_, spelling, _)| spelling)
}
