//! What every engine must do. Run against stand-ins and against real servers, so that the ones
//! cannot drift from the others.

use evenkeel::ledger::shared::{Put, Register, Store, Version};

/// Two clients of one engine in which nothing was written yet.
pub(crate) fn conforms(mut one: Box<dyn Store>, mut other: Box<dyn Store>) {
    let version = |put: Put| match put {
        Put::Committed(version) => version,
        Put::Conflict | Put::Unknown(_) => panic!("{put:?}"),
    };
    let conflicts = |put: Put| assert!(matches!(put, Put::Conflict), "{put:?}");

    let absent = one.read(Register::Head).unwrap();
    assert_eq!(absent.value, b"", "what was never written is empty, and has a version");
    conflicts(one.put_if(Register::Head, b"x", &Version("1".to_owned())));
    let first = version(one.put_if(Register::Head, b"first", &absent.version));
    assert_ne!(first, absent.version);
    let seen = other.read(Register::Head).unwrap();
    assert_eq!((seen.value.as_slice(), &seen.version), (&b"first"[..], &first), "others see it");
    conflicts(other.put_if(Register::Head, b"again", &absent.version));
    assert_eq!(one.read(Register::Head).unwrap(), seen, "a conflict changes nothing");

    let second = version(other.put_if(Register::Head, b"first", &first));
    assert_ne!(second, first, "the same value again is another version");
    conflicts(one.put_if(Register::Head, b"late", &first));
    conflicts(one.put_if(Register::Head, b"blind", &Version("0".to_owned())));
    assert_eq!(one.read(Register::Head).unwrap().version, second);

    // Registers are apart, also in their versions.
    let before = one.read(Register::Lease).unwrap().version;
    let lease = version(one.put_if(Register::Lease, b"a", &before));
    assert_eq!(other.read(Register::Head).unwrap().version, second);
    conflicts(one.put_if(Register::Lease, b"b", &second));
    assert_eq!(other.read(Register::Lease).unwrap().version, lease);
    for number in [1, 2, 12] {
        assert_eq!(one.read(Register::Segment(number)).unwrap().value, b"");
    }

    // As large as they get, and of any bytes.
    let large: Vec<u8> = (0..512 * 1024).map(|at: usize| (at % 251) as u8).collect();
    let before = one.read(Register::Segment(1)).unwrap().version;
    version(one.put_if(Register::Segment(1), &large, &before));
    assert_eq!(other.read(Register::Segment(1)).unwrap().value, large);
    assert_eq!(other.read(Register::Segment(12)).unwrap().value, b"");
    let emptied = version(other.put_if(Register::Head, b"", &second));
    assert_eq!(one.read(Register::Head).unwrap().version, emptied, "empty is not absent");
    conflicts(one.put_if(Register::Head, b"new", &absent.version));
}
