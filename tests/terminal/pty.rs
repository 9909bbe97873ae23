//! A pseudo-terminal, and a terminal behind it that understands what is written to it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZeroU16;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use vt100::{Parser, Screen};

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

struct Seen {
    parser: Parser,
    raw: Vec<u8>,
    /// Whether the program has closed the terminal.
    over: bool,
}

/// A program on a terminal; killed and reaped when it goes out of scope.
pub(crate) struct Pty {
    child: Child,
    terminal: File,
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: Option<JoinHandle<()>>,
}

fn cells(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap()
}

fn winsize((columns, rows): (u16, u16)) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Pty {
    /// Starts evenkeel on a terminal of so many columns and rows, as that terminal's foreground
    /// process, with these variables and no others.
    pub(crate) fn start(size: (u16, u16), arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        tcsetwinsize(&terminal, winsize(size)).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
        // It is to be the child's controlling terminal, not this process's.
        let flags = i32::try_from(rustix::fs::OFlags::NOCTTY.bits()).unwrap();
        let open = || File::options().read(true).write(true).custom_flags(flags).open(&name);
        let end = || Stdio::from(open().unwrap());
        let mut command = Command::new("setsid");
        command.args(["--ctty", crate::EVENKEEL]).args(arguments);
        command.env_clear().env("TERM", "xterm-256color").env("PATH", "/usr/bin:/bin");
        command.envs(variables.to_vec()).stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        drop(command);
        let terminal = File::from(terminal);
        let parser = Parser::new(cells(size.1), cells(size.0), 0);
        let seen = Seen { parser, raw: Vec::new(), over: false };
        let seen = Arc::new((Mutex::new(seen), Condvar::new()));
        let reader = {
            let (mut terminal, seen) = (terminal.try_clone().unwrap(), seen.clone());
            std::thread::spawn(move || {
                let mut bytes = [0; 4096];
                // It is an error to read where nobody can write any more.
                while let Ok(count @ 1..) = terminal.read(&mut bytes) {
                    let mut now = seen.0.lock().unwrap();
                    now.parser.process(&bytes[..count]);
                    now.raw.extend(&bytes[..count]);
                    seen.1.notify_all();
                }
                seen.0.lock().unwrap().over = true;
                seen.1.notify_all();
            })
        };
        Self { child, terminal, seen, reader: Some(reader) }
    }

    fn wait(&self, what: &str, fits: impl Fn(&Seen) -> bool) {
        let seen = self.seen.0.lock().unwrap();
        let waits = |seen: &mut Seen| !seen.over && !fits(seen);
        let (seen, _) = self.seen.1.wait_timeout_while(seen, PATIENCE, waits).unwrap();
        let shown = rows(seen.parser.screen());
        let fits = fits(&seen);
        drop(seen);
        assert!(fits, "not seen: {what}\n{shown:#?}");
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn until(&self, what: &str, fits: impl Fn(&Screen) -> bool) {
        self.wait(what, |seen| fits(seen.parser.screen()));
    }

    /// Waits until the screen shows this, on one of its rows.
    pub(crate) fn shows(&self, text: &str) {
        self.until(text, |screen| rows(screen).iter().any(|row| row.contains(text)));
    }

    /// The rows of the screen, without empty ones at the end.
    pub(crate) fn screen(&self) -> Vec<String> {
        rows(self.seen.0.lock().unwrap().parser.screen())
    }

    /// Types these bytes.
    pub(crate) fn types(&mut self, bytes: &[u8]) {
        self.terminal.write_all(bytes).unwrap();
    }

    /// Makes the terminal another size.
    pub(crate) fn resize(&self, size: (u16, u16)) {
        // Held, so that nothing drawn for the new size is taken as drawn for the old.
        let mut seen = self.seen.0.lock().unwrap();
        seen.parser.set_size(cells(size.1), cells(size.0));
        tcsetwinsize(&self.terminal, winsize(size)).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the program has been put to sleep.
    pub(crate) fn sleeps(&self) {
        let until = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid()), until).unwrap();
        assert!(status.unwrap().stopped(), "it has ended");
    }

    /// Waits until the program has ended; gives its exit code, the screen's rows, and all bytes.
    pub(crate) fn ended(mut self) -> (Option<i32>, Vec<String>, String) {
        let status = self.child.wait().unwrap();
        self.reader.take().unwrap().join().unwrap();
        let seen = self.seen.0.lock().unwrap();
        let screen = seen.parser.screen();
        assert!(!screen.hide_cursor() && !screen.alternate_screen(), "not as it was before");
        let wrapped: Vec<_> = (0..u16::try_from(rows(screen).len()).unwrap())
            .filter(|&row| screen.row_wrapped(row))
            .collect();
        assert!(wrapped.is_empty(), "lines wider than the terminal: {:#?}", rows(screen));
        let raw = String::from_utf8(seen.raw.clone()).unwrap();
        (status.code(), rows(screen), raw)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn rows(screen: &Screen) -> Vec<String> {
    let mut rows: Vec<_> = screen.rows(0, u16::MAX).map(|row| row.trim_end().to_owned()).collect();
    let full = rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1);
    rows.truncate(full);
    rows
}

/// What a command shows on a terminal of this width that is tall enough, and how it ends.
pub(crate) fn shown(columns: u16, arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let (code, rows, _) = Pty::start((columns, 200), arguments, variables).ended();
    (code.unwrap(), rows.join("\n") + "\n")
}
