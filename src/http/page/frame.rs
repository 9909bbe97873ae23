//! What stands around each page.

use maud::{DOCTYPE, Markup, html};

use crate::http::assets::{ICON, SCRIPT, STYLE};

/// A page's surroundings. All links are relative, so it also works behind a proxy that adds a path.
pub(super) struct Frame {
    /// From the page to the fleet's: empty, or `../`.
    pub(super) root: &'static str,
    pub(super) title: String,
    /// The change that it shows already; `None` for a page that does not stay fresh.
    pub(super) version: Option<i64>,
}

impl Frame {
    /// The whole page around `content`.
    pub(super) fn around(&self, content: &Markup) -> Markup {
        let root = self.root;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (self.title) " · evenkeel" }
                    link rel="icon" type="image/svg+xml" href={ (root) (ICON.href()) };
                    link rel="stylesheet" href={ (root) (STYLE.href()) };
                    @if self.version.is_some() {
                        script src={ (root) (SCRIPT.href()) } defer {}
                    }
                }
                body data-version=[self.version] data-events={ (root) "api/v1/events" } {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        a.brand href={ (root) "./" } {
                            img src={ (root) (ICON.href()) } alt="" width="22" height="22";
                            "evenkeel"
                        }
                        span #live {}
                    }
                    main #content tabindex="-1" { (content) }
                    footer {
                        p {
                            "evenkeel " (env!("CARGO_PKG_VERSION")) " · "
                            a href={ (root) "api/v1/deployments" } { "JSON" } " · "
                            a href={ (root) "api/v1/history" } { "history" } " · "
                            a href={ (root) "metrics" } { "metrics" }
                        }
                    }
                }
            }
        }
    }
}
