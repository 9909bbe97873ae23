//! Reads the machine's clocks. The only place where time comes in.

use std::io;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::keel::time::{Boot, Mono, Now, Wall};

/// Changes with every boot: the name of this one.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A time namespace shifts the boot clock, so a reading means something only inside it. Kernels
/// before 5.6 have none.
const TIME_NAMESPACE: &str = "/proc/self/ns/time";

/// By how much this time namespace shifts its clocks.
const TIME_OFFSETS: &str = "/proc/self/timens_offsets";

/// The machine's clocks, and the domain in which their readings mean something.
#[derive(Clone, Debug)]
pub struct Clock {
    boot: Boot,
}

/// It cannot be known which boot this is, so no instant of an earlier process could be trusted.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read {BOOT_ID}, which tells one boot of this machine from another; \
     is /proc mounted and readable?"
)]
pub struct ClockError(#[source] io::Error);

impl Clock {
    /// Finds out which clock domain this is.
    ///
    /// # Errors
    /// When the boot has no readable name.
    pub fn new() -> Result<Self, ClockError> {
        let boot_id = std::fs::read(BOOT_ID).map_err(ClockError)?;
        let namespace = std::fs::read_link(TIME_NAMESPACE).ok();
        let offsets = std::fs::read(TIME_OFFSETS).ok();
        let namespace = namespace.as_deref().map(|link| link.as_os_str().as_encoded_bytes());
        Ok(Self { boot: domain([Some(&boot_id), namespace, offsets.as_deref()]) })
    }

    /// One reading of both clocks. `CLOCK_BOOTTIME` counts suspend and is never set; what is
    /// between two milliseconds is cut off.
    pub fn now(&self) -> Now {
        Now {
            boot: self.boot,
            mono: Mono::from_millis(millis(clock_gettime(ClockId::Boottime))),
            wall: Wall::from_millis(millis(clock_gettime(ClockId::Realtime))),
        }
    }
}

fn millis(time: Timespec) -> i64 {
    time.tv_sec.saturating_mul(1000).saturating_add(time.tv_nsec / 1_000_000)
}

/// The name of a clock domain. Absent parts leave their separator, so that no two differ only in
/// where one part ends.
fn domain(parts: [Option<&[u8]>; 3]) -> Boot {
    let separated = parts.into_iter().flat_map(|part| {
        let (present, bytes) = part.map_or((0, &[][..]), |bytes| (1, bytes));
        bytes.iter().copied().chain([present, 0xff])
    });
    Boot(fnv1a(separated))
}

/// FNV-1a, 64 bits: must give the same in every build, which std's hashers do not promise.
/// <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>
fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.into_iter().fold(OFFSET_BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_published_one() {
        // Vectors of the FNV draft, appendix C.
        assert_eq!(fnv1a([]), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(*b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn each_part_tells_domains_apart() {
        let boot: Option<&[u8]> = Some(b"b");
        let seen = [
            domain([boot, None, None]),
            domain([boot, Some(b""), None]),
            domain([boot, None, Some(b"")]),
            domain([boot, Some(b"n"), None]),
            domain([boot, None, Some(b"n")]),
            domain([boot, Some(b"n"), Some(b"o")]),
            domain([Some(b"bn"), None, Some(b"o")]),
        ];
        for (i, a) in seen.iter().enumerate() {
            assert!(seen.iter().skip(i + 1).all(|b| a != b), "{seen:?}");
        }
    }

    #[test]
    fn two_clocks_share_the_domain_and_never_go_back() {
        let (one, two) = (Clock::new().unwrap(), Clock::new().unwrap());
        let (before, after) = (one.now(), two.now());
        assert_eq!(before.boot, after.boot);
        assert!(before.mono <= after.mono && before.mono.millis() > 0);
        // 2020-01-01: a machine that runs this has a clock that was set.
        assert!(before.wall.millis() > 1_577_836_800_000);
    }
}
