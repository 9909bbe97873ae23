//! New credentials come in two halves, often in two files. They are taken together: a new key with
//! the old secret is refused for certain, and shows up in the server's audit as an attack.

use std::time::Duration;

use tokio::time::Instant;

use super::client::Credentials;

/// How long a new secret for the same key has to stand: long enough for the key that may come with
/// it, however a pair of files is written; and a secret that was mistyped is soon mended.
const SETTLE: Duration = Duration::from_secs(5);

/// How far a change of an account's credentials has come.
#[derive(Debug, Default)]
pub struct Rotation {
    /// The half that has changed, and since when.
    half: Option<(Credentials, Instant)>,
}

/// What to do with credentials that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Use them.
    Take,
    /// Go on with those in force.
    Leave,
    /// The same, and say that the key is new and the secret is not.
    LeaveAndSay,
}

impl Rotation {
    /// What to do with `found`, while `current` are in force. With `at_once`, somebody says that
    /// all is in place.
    pub fn weigh(
        &mut self,
        current: &Credentials,
        found: &Credentials,
        now: Instant,
        at_once: bool,
    ) -> Advice {
        let (key, secret) = current.differs(found);
        let both = key && secret;
        if both || at_once || !(key || secret) {
            self.half = None;
            return Advice::Take;
        }
        let since = self.half.as_ref().filter(|(half, _)| half == found).map(|(_, since)| *since);
        let Some(since) = since else {
            self.half = Some((found.clone(), now));
            return if key { Advice::LeaveAndSay } else { Advice::Leave };
        };
        if key || now.duration_since(since) < SETTLE {
            return Advice::Leave;
        }
        self.half = None;
        Advice::Take
    }

    /// When to look again, if a new secret is about to be taken.
    pub fn due(&self) -> Option<Instant> {
        self.half.as_ref().map(|(_, since)| *since + SETTLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, secret: &str) -> Credentials {
        Credentials { key: key.to_owned().into(), secret: secret.to_owned().into() }
    }

    #[test]
    fn a_new_key_never_goes_with_the_old_secret() {
        let (mut rotation, old) = (Rotation::default(), pair("k1", "s1"));
        let mut found = |found: &Credentials, after: u64, at_once: bool| {
            rotation.weigh(&old, found, Instant::now() + Duration::from_secs(after), at_once)
        };
        assert_eq!(found(&pair("k1", "s1"), 0, false), Advice::Take);
        assert_eq!(found(&pair("k2", "s1"), 1, false), Advice::LeaveAndSay);
        assert_eq!(found(&pair("k2", "s1"), 1000, false), Advice::Leave);
        assert_eq!(found(&pair("k2", "s2"), 1001, false), Advice::Take);
        assert_eq!(found(&pair("k2", "s1"), 1002, true), Advice::Take);
    }

    #[test]
    fn a_new_secret_alone_is_taken_once_it_has_stood() {
        let (mut rotation, old, now) = (Rotation::default(), pair("k1", "s1"), Instant::now());
        let mut found = |secret: &str, after: Duration| {
            rotation.weigh(&old, &pair("k1", secret), now + after, false)
        };
        assert_eq!(found("s2", Duration::ZERO), Advice::Leave);
        assert_eq!(found("s2", SETTLE / 2), Advice::Leave);
        assert_eq!(found("s3", SETTLE), Advice::Leave);
        assert_eq!(found("s3", SETTLE * 2), Advice::Take);
    }
}
