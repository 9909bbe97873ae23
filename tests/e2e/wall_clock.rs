//! A wall clock that is set under the running process.
//!
//! No namespace has a wall clock of its own, and a preloaded library sees nothing of a process that
//! reads its clocks without libc. What every reading goes through is the page of code that the
//! kernel lends to each process, and the copy of one process may be overwritten.
#![cfg(target_arch = "x86_64")]

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;

use rustix::process::Signal;

use crate::harness::{Daemon, World, wait};

const DAY: i64 = 24 * 3600;

/// Asks the kernel, and adds eight bytes of seconds to an answer about `CLOCK_REALTIME`.
const CODE: [u8; 25] = [
    0xb8, 0xe4, 0, 0, 0, // mov eax, 228 (clock_gettime)
    0x0f, 0x05, // syscall
    0x85, 0xff, // test edi, edi
    0x75, 0x0d, // jnz to the end
    0x48, 0xb9, 0, 0, 0, 0, 0, 0, 0, 0, // movabs rcx, seconds
    0x48, 0x01, 0x0e, // add [rsi], rcx
    0xc3, // ret
];

const SECONDS: usize = 13;

fn number(bytes: &[u8], at: usize, length: usize) -> usize {
    let mut eight = [0; 8];
    eight[..length].copy_from_slice(&bytes[at..at + length]);
    usize::try_from(u64::from_le_bytes(eight)).unwrap()
}

/// Where a function is in that page, which is an ELF image.
fn offset_of(image: &[u8], function: &str) -> usize {
    const SYMBOLS: usize = 11;
    let (sections, count) = (number(image, 40, 8), number(image, 60, 2));
    let section = |place: usize| &image[sections + 64 * place..][..64];
    let symbols = (0..count).map(section).find(|one| number(one, 4, 4) == SYMBOLS).unwrap();
    let names = number(section(number(symbols, 40, 4)), 24, 8);
    let (start, size) = (number(symbols, 24, 8), number(symbols, 32, 8));
    let named = |symbol: &&[u8]| {
        let name = &image[names + number(symbol, 0, 4)..];
        name.starts_with(function.as_bytes()) && name[function.len()] == 0
    };
    let symbol = image[start..start + size].chunks(24).find(named).unwrap();
    number(symbol, 8, 8)
}

/// Sets its wall clock to the true one plus so much.
fn set(daemon: &Daemon, seconds: i64) {
    let process = format!("/proc/{}", daemon.process.pid());
    let maps = fs::read_to_string(format!("{process}/maps")).unwrap();
    let line = maps.lines().find(|line| line.ends_with("[vdso]")).unwrap();
    let (start, end) = line.split(' ').next().unwrap().split_once('-').unwrap();
    let (start, end) =
        (u64::from_str_radix(start, 16).unwrap(), u64::from_str_radix(end, 16).unwrap());
    let memory = OpenOptions::new().read(true).write(true).open(format!("{process}/mem")).unwrap();
    let mut image = vec![0; usize::try_from(end - start).unwrap()];
    memory.read_exact_at(&mut image, start).unwrap();
    let at = start + u64::try_from(offset_of(&image, "__vdso_clock_gettime")).unwrap();
    let mut code = CODE;
    code[SECONDS..SECONDS + 8].copy_from_slice(&seconds.to_le_bytes());
    wait("all threads to be outside of that page", || {
        daemon.process.signal(Signal::STOP);
        let outside = fs::read_dir(format!("{process}/task")).unwrap().all(|task| {
            let text = fs::read_to_string(task.unwrap().path().join("syscall")).unwrap();
            let place = text.trim().rsplit_once("0x").map(|(_, place)| place.to_owned());
            // It says `running` until the signal has come through.
            let place = place.and_then(|place| u64::from_str_radix(&place, 16).ok());
            place.is_some_and(|place| !(start..end).contains(&place))
        });
        if outside {
            memory.write_all_at(&code, at).unwrap();
        }
        daemon.process.signal(Signal::CONT);
        outside.then_some(())
    });
}

fn steps(daemon: &Daemon) -> u32 {
    let (_, metrics) = daemon.get("/metrics");
    let line = metrics.lines().find_map(|line| line.strip_prefix("evenkeel_clock_steps_total "));
    line.unwrap().parse().unwrap()
}

#[test]
fn a_wall_clock_that_is_set_opens_and_closes_no_budget() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: stopped\n");
    let mut daemon = world.run();
    daemon.converges(1);
    let mut posts = 1;
    // The last is before 1970.
    for (round, seconds) in [DAY, -365 * DAY, 3650 * DAY, -70 * 365 * DAY].into_iter().enumerate() {
        world.desire("  w41b11c0: running\n");
        wait("the start", || (world.posts().len() == posts + 1).then_some(()));
        daemon.converges(1);
        world.desire("  w41b11c0: stopped\n");
        let before = steps(&daemon);
        set(&daemon, seconds);
        wait("the step to be noticed", || (steps(&daemon) > before).then_some(()));
        wait("the stop", || (world.posts().len() == posts + 2).then_some(()));
        daemon.converges(1);
        posts += 2;
        world.assert_within_budget();
        if round % 2 == 1 {
            // The next process has the true time, and a ledger full of the other.
            daemon.process.kill();
            daemon = world.run();
            daemon.converges(1);
        }
    }
    assert_eq!(world.posts().len(), posts);
    world.assert_within_budget();
}
