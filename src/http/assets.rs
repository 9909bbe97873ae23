//! The page's own files: one stylesheet, one script, one icon. Each has an address of its version,
//! so that it may be kept for ever.

use std::sync::LazyLock;

use super::answer::Kind;

/// A file that never changes under its address.
#[derive(Debug)]
pub(super) struct Asset {
    name: &'static str,
    /// What it is.
    pub(super) kind: Kind,
    /// Its content.
    pub(super) text: &'static str,
    version: LazyLock<String>,
}

macro_rules! asset {
    ($name:literal, $kind:expr, $file:literal) => {
        Asset {
            name: $name,
            kind: $kind,
            text: include_str!($file),
            version: LazyLock::new(|| format!("v={:08x}", crc32fast::hash(include_bytes!($file)))),
        }
    };
}

/// The stylesheet.
pub(super) static STYLE: Asset = asset!("style.css", Kind::Style, "page/style.css");

/// The script: countdowns, live updates.
pub(super) static SCRIPT: Asset = asset!("live.js", Kind::Script, "page/live.js");

/// The icon.
pub(super) static ICON: Asset = asset!("icon.svg", Kind::Icon, "page/icon.svg");

impl Asset {
    /// The asset of this path, if it is one's.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        let name = path.strip_prefix('/')?;
        [&STYLE, &SCRIPT, &ICON].into_iter().find(|asset| asset.name == name)
    }

    /// Its address, beside the fleet's page.
    pub(super) fn href(&self) -> String {
        format!("{}?{}", self.name, *self.version)
    }

    /// Whether it was asked for by its version.
    pub(super) fn is_versioned(&self, query: Option<&str>) -> bool {
        query == Some(self.version.as_str())
    }
}
