//! A live view: the same place drawn again and again, and the terminal as it was afterwards.

use std::io::{self, Write as _};

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};

/// The terminal's other screen, with the cursor hidden. What was on the terminal before stands
/// there again once this is dropped.
#[derive(Debug)]
pub struct Screen(());

const ENTER: &str = "\x1b[?1049h\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?1049l";

impl Screen {
    /// Turns to it.
    pub fn enter() -> Self {
        show(ENTER);
        Self(())
    }

    /// Draws `text` over what was drawn before. It should not have more lines than the terminal.
    pub fn draw(&self, text: &str) {
        // What the terminal is drawn on with stays; only colours are a matter of choice.
        let colour = AutoStream::choice(&io::stdout()) != ColorChoice::Never;
        let text = if colour { text.to_owned() } else { strip_str(text).to_string() };
        let mut out = String::from("\x1b[H");
        for (index, line) in text.lines().enumerate() {
            // A line feed behind the last line would scroll.
            out.push_str(if index == 0 { "" } else { "\n" });
            out.push_str(line);
            out.push_str("\x1b[K");
        }
        out.push_str("\x1b[J");
        show(&out);
    }

    /// Gives the terminal back for as long as `away` takes.
    pub fn leave_for(&self, away: impl FnOnce()) {
        show(LEAVE);
        away();
        show(ENTER);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        show(LEAVE);
    }
}

/// A terminal that is gone shows nothing, and its hang-up ends the process.
fn show(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
