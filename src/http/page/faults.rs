//! Faults in force, each with its remedy. They stand on top.

use maud::{Markup, html};

use super::moment::when;
use crate::keel::guard::{GuardView, way_out};
use crate::keel::standby::StandbyView;
use crate::keel::time::Wall;
use crate::keel::view::{AccountView, View};

/// All of them, the gravest first.
pub(super) fn faults(view: &View) -> Markup {
    let now = view.at.0;
    html! {
        @if let Some(fault) = &view.ledger_fault {
            (note("fault", &html! { "The ledger cannot be written; no call is sent until it can." },
                &html! {
                    pre { (fault) }
                    p { "Make room on its disk, or make it writable again: it goes on by itself." }
                }))
        }
        (file(view))
        @if let Some(guard) = &view.guard { (held(guard, now)) }
        @for account in &view.accounts { (of_account(account, now)) }
        @if !view.leader {
            (note("note", &html! { "This process stands by; another one acts." },
                &html! {
                    @if let Some(StandbyView { leader, as_of }) = &view.standby {
                        p {
                            @if let Some(leader) = leader { code { (leader) } " leads. " }
                            "What is shown of the past is its ledger as of "
                            (when(now, as_of.0)) "."
                        }
                    }
                }))
        }
    }
}

fn note(class: &str, title: &Markup, rest: &Markup) -> Markup {
    html! {
        div class=(class) {
            p { strong { @if class == "fault" { "Fault: " } (title) } }
            (rest)
        }
    }
}

fn file(view: &View) -> Markup {
    let Some(fault) = &view.file.fault else { return html! {} };
    let title = html! {
        @if view.file.revision.is_some() {
            "A desired file is refused; its last good state stays in force."
        } @else {
            "The desired file is refused, and there is none in force."
        }
    };
    let rest = html! {
        pre tabindex="0" { (fault) }
        p {
            @if let Some(since) = view.file.fault_since {
                "Since " (when(view.at.0, since.0)) ". "
            }
            "Mend the file; " code { "evenkeel check" } " says whether it is valid."
        }
    };
    note("fault", &title, &rest)
}

/// A change that the mass-stop guard holds.
fn held(guard: &GuardView, now: Wall) -> Markup {
    let title = html! {
        "Change " code { (guard.change) } " is held: it would stop " (guard.count) " of "
        (guard.fleet) " deployments at once."
    };
    let rest = html! {
        p { (way_out(&guard.change)) ". Held since " (when(now, guard.since.0)) "." }
        p.quiet { (guard.names()) }
    };
    note("fault", &title, &rest)
}

fn of_account(account: &AccountView, now: Wall) -> Markup {
    let name = html! { code { (account.name) } };
    html! {
        @if account.unauthorized {
            (note("fault",
                &html! { "The API refuses the key of account " (name) " (401)." },
                &html! {
                    p {
                        "Nothing is sent for it but a try now and then. Put a valid key and secret \
                         where the configuration says; they are read again by themselves."
                    }
                }))
        }
        @for widened in &account.widened {
            (note("note",
                &html! {
                    code { (widened.method) } " is counted over the whole account " (name)
                    @match widened.until {
                        Some(until) => { ", until " (when(now, until.0)) "." }
                        None => { ", as configured." }
                    }
                },
                &html! {
                    @if widened.until.is_some() {
                        p {
                            "A 429 came that the count per deployment cannot explain. Look for who \
                             else uses the key, or set " code { "limits.scope: account" } "."
                        }
                    }
                }))
        }
        @if account.list_call == Some(false) {
            (note("note",
                &html! { "The server of account " (name) " offers no working list call." },
                &html! { p { "Each deployment is read by itself; nothing needs to be done." } }))
        }
    }
}
