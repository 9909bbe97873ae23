//! How far a longer job is: one line at the foot of the terminal, below the log.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// The line that stands at the foot now.
static FOOT: Mutex<Option<String>> = Mutex::new(None);

/// Takes a line off the terminal.
const ERASE: &str = "\r\x1b[K";

/// Whether standard error is a terminal that can take a line back.
pub fn possible() -> bool {
    io::stderr().is_terminal() && !super::is_dumb()
}

/// A line at the foot of standard error, gone again once this is dropped. To be made where it is
/// [`possible`].
#[derive(Debug, Default)]
pub struct Foot(());

impl Foot {
    /// Says how far it is.
    pub fn say(&self, text: &str) {
        let width = super::width_beside().unwrap_or(80).max(2);
        // A line that is broken cannot be taken back.
        let text: String = text.chars().take(width - 1).collect();
        replace(Some(text));
    }
}

impl Drop for Foot {
    fn drop(&mut self) {
        replace(None);
    }
}

/// Standard error, where lines go above the one at the foot.
#[derive(Clone, Copy, Debug)]
pub struct AboveFoot;

impl<'a> MakeWriter<'a> for AboveFoot {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        *self
    }
}

impl Write for AboveFoot {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let foot = FOOT.lock().unwrap_or_else(PoisonError::into_inner);
        match &*foot {
            None => io::stderr().write(bytes),
            Some(text) => {
                let mut out = ERASE.as_bytes().to_vec();
                out.extend_from_slice(bytes);
                out.extend_from_slice(text.as_bytes());
                io::stderr().write_all(&out).map(|()| bytes.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Another line, or none.
fn replace(text: Option<String>) {
    let mut foot = FOOT.lock().unwrap_or_else(PoisonError::into_inner);
    if *foot == text {
        return;
    }
    let mut out = if foot.is_some() { ERASE.as_bytes().to_vec() } else { Vec::new() };
    out.extend_from_slice(text.as_deref().unwrap_or_default().as_bytes());
    // Whoever closed standard error does not want to know.
    let _ = io::stderr().write_all(&out);
    *foot = text;
}
