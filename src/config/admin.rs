//! The section `admin`: who may change something in the running daemon, besides the desired file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::credential::SecretSource;
use super::file::{limit, path, set, span};
use crate::http::admin::RATE;
use crate::keel::policy::Limit;
use crate::keel::time::format_duration;
use crate::yaml::{Faults, Fields};

/// A token that can be guessed is none.
const TOKEN_MIN: usize = 16;

/// Longer than any exception that is not forgotten.
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 3600);

/// Who may change something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Whether there is a socket for the daemon's own user and root.
    pub socket: bool,
    /// Where the token is kept that lets somebody in over TCP; `None`: nothing does.
    pub token_file: Option<PathBuf>,
    /// The longest temporary wish.
    pub max_duration: Duration,
    /// Requests at once, and by when there are as many again; over the socket and over TCP apart.
    pub rate: Limit,
}

impl Default for Admin {
    fn default() -> Self {
        let max_duration = Duration::from_secs(7 * 24 * 3600);
        Self { socket: true, token_file: None, max_duration, rate: RATE }
    }
}

/// Reads a token as it is now.
///
/// # Errors
/// Why there is none; never what it is.
pub fn token(file: &Path) -> Result<SecretString, String> {
    let source = SecretSource::File(file.to_owned());
    let token = source.read().map_err(|error| crate::keel::notice::chain(&error))?;
    let text = token.expose_secret();
    let bad = |why: &str| Err(format!("{} holds no token: {why}", file.display()));
    if text.len() < TOKEN_MIN {
        return bad(&format!("it must have at least {TOKEN_MIN} characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return bad("it must be of printable ASCII characters without spaces");
    }
    Ok(token)
}

pub(super) fn read(mut fields: Fields<'_>, beside: &Path, faults: &mut Faults) -> Admin {
    let mut admin = Admin::default();
    set(&mut admin.socket, fields.optional("socket", faults, |node| node.boolean()));
    admin.token_file = fields.optional("token_file", faults, |node| path(node, beside));
    let max = fields.optional("max_duration", faults, |node| match span(node)? {
        max if max <= DURATION_MAX => Ok(max),
        _ => Err(format!("must be at most {}", format_duration(DURATION_MAX))),
    });
    set(&mut admin.max_duration, max);
    limit(&mut fields, "rate", &mut admin.rate, faults);
    fields.finish(faults);
    admin
}
