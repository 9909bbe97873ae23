//! The ledger in a real directory.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use evenkeel::keel::record::Record;
use evenkeel::ledger::disk::{Aside, Disk as _};
use evenkeel::ledger::{Directory, FileLedger, Ledger as _, OpenError, Recovery};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};

use super::Scratch;
use super::records::settled;

pub(crate) fn open(dir: &Path) -> Result<(FileLedger, Recovery, Vec<Record>), OpenError> {
    let mut records = Vec::new();
    let (ledger, recovery) = FileLedger::open(dir, |record| records.push(record))?;
    Ok((ledger, recovery, records))
}

fn refusal(dir: &Path) -> String {
    open(dir).map(|_| ()).unwrap_err().to_string()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_new_ledger_is_made_for_this_user_alone_and_kept() {
    let scratch = Scratch::new();
    let dir = scratch.join("a/b");
    let (mut ledger, recovery, read) = open(&dir).unwrap();
    assert_eq!((recovery.fresh, recovery.torn, read), (true, None, vec![]));
    assert!(recovery.id.len() == 8 && recovery.id.bytes().all(|b| b.is_ascii_hexdigit()));
    ledger.append(&[settled(1)], true).unwrap();
    drop(ledger);
    assert_eq!(
        (mode(&dir), mode(&dir.join("ledger")), mode(&dir.join("lock"))),
        (0o700, 0o600, 0o600)
    );
    let (ledger, again, read) = open(&dir).unwrap();
    assert_eq!((again.id, again.fresh, read), (recovery.id, false, vec![settled(1)]));
    drop(ledger);
    let other = scratch.join("c");
    assert_ne!(open(&other).unwrap().1.id, open(&dir).unwrap().1.id);
}

#[test]
fn a_header_alone_is_still_a_new_ledger() {
    let scratch = Scratch::new();
    drop(open(&scratch.0).unwrap());
    assert!(open(&scratch.0).unwrap().1.fresh);
}

#[test]
fn the_second_process_is_told_who_has_it() {
    let scratch = Scratch::new();
    let first = open(&scratch.0).unwrap();
    let expected = format!("{} is in use by process {};", scratch.0.display(), std::process::id());
    assert!(refusal(&scratch.0).starts_with(&expected), "{}", refusal(&scratch.0));
    fs::write(scratch.join("lock"), "").unwrap();
    assert!(refusal(&scratch.0).contains(" is in use by another process; "));
    drop(first);
    open(&scratch.0).unwrap();
}

#[test]
fn what_an_interrupted_compaction_left_is_removed() {
    let scratch = Scratch::new();
    open(&scratch.0).unwrap().0.append(&[settled(1)], true).unwrap();
    fs::write(scratch.join("ledger.new"), "evenkeel-led").unwrap();
    assert_eq!(open(&scratch.0).unwrap().2, [settled(1)]);
    assert!(!scratch.join("ledger.new").exists());
}

#[test]
fn compaction_goes_on_in_the_new_file() {
    let scratch = Scratch::new();
    let (mut ledger, recovery, _) = open(&scratch.0).unwrap();
    ledger.append(&[settled(1), settled(2)], false).unwrap();
    ledger.compact(&[settled(3)]).unwrap();
    ledger.append(&[settled(4)], true).unwrap();
    drop(ledger);
    let (_, again, read) = open(&scratch.0).unwrap();
    assert_eq!((again.id, read), (recovery.id, vec![settled(3), settled(4)]));
    assert!(!scratch.join("ledger.new").exists());
}

#[test]
fn a_compaction_that_cannot_be_written_changes_nothing() {
    let scratch = Scratch::new();
    let (mut ledger, ..) = open(&scratch.0).unwrap();
    ledger.append(&[settled(1)], true).unwrap();
    fs::create_dir_all(scratch.join("ledger.new/in-the-way")).unwrap();
    assert!(ledger.compact(&[]).unwrap_err().is_stuck());
    ledger.append(&[settled(2)], true).unwrap();
    drop(ledger);
    fs::remove_dir_all(scratch.join("ledger.new")).unwrap();
    assert_eq!(open(&scratch.0).unwrap().2, [settled(1), settled(2)]);
}

#[test]
fn a_torn_end_is_kept_aside_under_a_number_of_its_own() {
    let scratch = Scratch::new();
    open(&scratch.0).unwrap().0.append(&[settled(1)], true).unwrap();
    let path = scratch.join("ledger");
    let good = fs::read(&path).unwrap();
    let long = "x".repeat(500);
    for (tail, kept) in [
        ("2 6", "ledger.torn-1"),
        ("2", "ledger.torn-2"),
        ("2 6", "ledger.torn-1"),
        (&long, "ledger.torn-3"),
    ] {
        fs::write(&path, [&good[..], tail.as_bytes()].concat()).unwrap();
        let (mut ledger, recovery, read) = open(&scratch.0).unwrap();
        let torn = recovery.torn.unwrap();
        ledger.append(&[settled(2)], true).unwrap();
        assert_eq!((read, torn.bytes), (vec![settled(1)], tail.len() as u64));
        assert_eq!(torn.kept, Some(scratch.join(kept)));
        assert_eq!(fs::read_to_string(scratch.join(kept)).unwrap(), tail);
        assert!(fs::read(&path).unwrap().starts_with(&good));
        drop(ledger);
        let (_, recovery, read) = open(&scratch.0).unwrap();
        assert_eq!((recovery.torn, read), (None, vec![settled(1), settled(2)]));
    }
}

#[test]
fn a_damaged_ledger_is_copied_once_and_left_alone() {
    let scratch = Scratch::new();
    open(&scratch.0).unwrap().0.append(&[settled(1), settled(2)], true).unwrap();
    let path = scratch.join("ledger");
    let mut text = fs::read(&path).unwrap();
    let second = text.iter().position(|&b| b == b'\n').unwrap() + 1;
    text[second + 20] ^= 4;
    fs::write(&path, &text).unwrap();
    let expected = format!(
        "the ledger {0}/ledger is damaged at line 2 (byte {second}): its numbers or its checksum \
         do not fit, and line 3 behind it is good; a copy is kept as {0}/ledger.corrupt-1; to go \
         on, restore it from a backup, or move it away and start with `limits.new_ledger: spent`, \
         which counts every limit as used up just now",
        scratch.0.display()
    );
    assert_eq!((refusal(&scratch.0), refusal(&scratch.0)), (expected.clone(), expected));
    assert_eq!(fs::read(scratch.join("ledger.corrupt-1")).unwrap(), text);
    assert_eq!(fs::read(&path).unwrap(), text);
    assert!(!scratch.join("ledger.corrupt-2").exists());
}

#[test]
fn what_is_no_ledger_is_refused_and_left_alone() {
    for (content, expected) in [
        ("", "is empty, so it has lost what it held; to go on, restore it from a backup, or "),
        (
            "key: value\nmore\n",
            "is not a ledger of evenkeel: its first line is `key: value`, expected one like \
             `evenkeel-ledger 1 4f1c09ab 1 60ffbdfe`; set another `state_dir`, or ",
        ),
        (
            "evenkeel-ledger 7 x\n",
            "has format 7, and this version of evenkeel reads format 1; run the version that ",
        ),
    ] {
        let scratch = Scratch::new();
        let path = scratch.join("ledger");
        fs::write(&path, content).unwrap();
        let expected = format!("{} {expected}", path.display());
        assert!(refusal(&scratch.0).starts_with(&expected), "{}", refusal(&scratch.0));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
}

#[test]
fn only_a_regular_file_is_a_ledger() {
    let scratch = Scratch::new();
    let path = scratch.join("ledger");
    fs::create_dir(&path).unwrap();
    assert!(refusal(&scratch.0).contains("/ledger is a directory, expected a regular file; "));
    fs::remove_dir(&path).unwrap();
    std::os::unix::fs::symlink("elsewhere", &path).unwrap();
    assert!(refusal(&scratch.0).contains("/ledger is a symbolic link, expected a regular file; "));
    fs::remove_file(&path).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(refusal(&scratch.0).contains("/ledger is a device, a pipe or a socket, expected "));
}

#[test]
fn a_state_directory_that_is_none_is_named() {
    let scratch = Scratch::new();
    let dir = scratch.join("file");
    fs::write(&dir, "").unwrap();
    let expected = format!("cannot open {}/lock", dir.display());
    assert_eq!(refusal(&dir), expected);
    assert_eq!(
        refusal(&dir.join("below")),
        format!("cannot create the state directory {}/below", dir.display())
    );
}

#[test]
fn a_ledger_that_is_taken_away_while_in_use_is_fatal() {
    let scratch = Scratch::new();
    let (mut ledger, ..) = open(&scratch.0).unwrap();
    ledger.append(&[settled(1)], true).unwrap();
    fs::remove_file(scratch.join("ledger")).unwrap();
    assert!(!ledger.append(&[settled(2)], true).unwrap_err().is_stuck());
    fs::write(scratch.join("ledger"), "another").unwrap();
    assert!(!ledger.append(&[settled(3)], true).unwrap_err().is_stuck());
}

#[test]
fn a_hundred_thousand_lines_are_read_as_they_come() {
    let scratch = Scratch::new();
    let mut ledger = open(&scratch.0).unwrap().0;
    let records: Vec<Record> = (0..100_000).map(settled).collect();
    ledger.append(&records, true).unwrap();
    drop(ledger);
    let mut expected = records.iter();
    FileLedger::open(&scratch.0, |record| assert_eq!(Some(&record), expected.next())).unwrap();
    assert_eq!(expected.next(), None);
}

#[test]
fn a_left_over_that_cannot_be_removed_is_named() {
    let scratch = Scratch::new();
    let left_over = scratch.join("ledger.new");
    fs::create_dir(&left_over).unwrap();
    assert_eq!(refusal(&scratch.0), format!("cannot remove the left-over {}", left_over.display()));
}

#[test]
fn a_lock_that_is_a_link_is_not_followed() {
    let scratch = Scratch::new();
    fs::write(scratch.join("elsewhere"), "precious").unwrap();
    std::os::unix::fs::symlink("elsewhere", scratch.join("lock")).unwrap();
    assert_eq!(refusal(&scratch.0), format!("cannot open {}", scratch.join("lock").display()));
    assert_eq!(fs::read_to_string(scratch.join("elsewhere")).unwrap(), "precious");
}

#[test]
fn a_copy_that_cannot_be_kept_says_why() {
    let scratch = Scratch::new();
    let mut directory = Directory::lock(&scratch.0).unwrap();
    fs::remove_dir_all(&scratch.0).unwrap();
    let error = directory.keep_aside(Aside::Torn, b"2 6").unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}

/// As long as a process that is being started has not become another program, it has copies of all
/// descriptors, the lock's among them.
#[test]
fn a_copy_of_the_locks_descriptor_does_not_outlive_the_ledger() {
    let scratch = Scratch::new();
    let ledger = open(&scratch.0).unwrap();
    let lock = scratch.join("lock");
    let number = fs::read_dir("/proc/self/fd").unwrap().find_map(|entry| {
        let path = entry.ok()?.path();
        let ours = fs::read_link(&path).ok()? == lock;
        ours.then(|| path.file_name()?.to_str()?.parse().ok()).flatten()
    });
    let me = pidfd_open(getpid(), PidfdFlags::empty()).unwrap();
    // A sandbox may forbid this; then there is nothing to see.
    let Ok(copy) = pidfd_getfd(&me, number.unwrap(), PidfdGetfdFlags::empty()) else { return };
    drop(ledger);
    open(&scratch.0).unwrap();
    drop(copy);
}
