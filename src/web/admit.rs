//! Who may come in: user names and bcrypt hashes.
//!
//! A hash costs tens of milliseconds on purpose, so what a stranger can make us spend is bounded:
//! one password at a time is compared, off the server's thread, a few may wait for that, and the
//! others are told to come back. What was compared is remembered, as a keyed digest and never as a
//! password, so who scrapes every ten seconds pays once; refusals are remembered apart, so that no
//! flood of them drives out those who were let in. A name that does not exist costs the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use hyper::header::HeaderValue;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Each step doubles the time of a comparison. This one takes about a second; a scraper would give
/// up before the next.
const COST_MAX: u32 = 14;

/// Comparisons that may wait for the one under way: at the usual cost of 10, half a second's worth.
const WAITING_MAX: usize = 8;

/// Verdicts remembered of each kind: far more than there are users and typing mistakes.
const REMEMBERED_MAX: usize = 128;

/// User names and hashes.
#[derive(Clone, Default)]
pub(super) struct Users {
    hashes: BTreeMap<String, String>,
    costs: BTreeMap<u32, usize>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.hashes.keys()).finish()
    }
}

impl Users {
    /// Adds one, unless that is no hash, or one that costs too much or nothing.
    pub(super) fn add(&mut self, name: &str, hash: &str) -> Result<(), String> {
        if name.is_empty() || name.contains(':') {
            return Err("a user name is not empty and has no `:`".to_owned());
        }
        let parts = Some(hash).filter(|hash| hash.is_ascii() && hash.len() == 60);
        let parts = parts.and_then(|hash| hash.parse::<HashParts>().ok());
        let cost = parts.ok_or("this is no bcrypt hash")?.get_cost();
        if !(4..=COST_MAX).contains(&cost) {
            return Err(format!("the hash's cost is {cost}; expected 4 to {COST_MAX}"));
        }
        self.hashes.insert(name.to_owned(), hash.to_owned());
        *self.costs.entry(cost).or_default() += 1;
        Ok(())
    }

    /// Whether some hashes cost more than others.
    pub(super) fn differ(&self) -> bool {
        self.costs.len() > 1
    }

    /// What a password for `name` is compared with: for an unknown name, a hash that no password
    /// has and that costs as much.
    fn hash_of(&self, name: &str) -> (String, bool) {
        if let Some(hash) = self.hashes.get(name) {
            return (hash.clone(), true);
        }
        let cost = self.costs.keys().max().copied().unwrap_or(10);
        (format!("$2b${cost:02}${}", ".".repeat(53)), false)
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered.
    Admitted,
    /// No password, or a wrong one.
    Refused,
    /// Too many passwords wait to be compared.
    Busy,
}

type Digest = [u8; 32];

/// Compares passwords, and remembers.
#[derive(Debug)]
pub(super) struct Admission {
    /// `None` where the system has no randomness; then nothing is remembered.
    key: Option<hmac::Key>,
    good: Mutex<VecDeque<Digest>>,
    bad: Mutex<VecDeque<Digest>>,
    waiting: Arc<Semaphore>,
    turn: Arc<Semaphore>,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            key: hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok(),
            good: Mutex::default(),
            bad: Mutex::default(),
            waiting: Arc::new(Semaphore::new(WAITING_MAX + 1)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }
}

impl Admission {
    /// What becomes of a request with this `Authorization`.
    pub(super) async fn admit(
        &self,
        users: &Users,
        authorization: Option<&HeaderValue>,
    ) -> Verdict {
        if users.hashes.is_empty() {
            return Verdict::Admitted;
        }
        let Some((name, password)) = authorization.and_then(basic) else {
            return Verdict::Refused;
        };
        let (hash, known) = users.hash_of(&name);
        let digest = self.digest(&name, &hash, &password);
        if let Some(verdict) = self.remembered(digest) {
            return verdict;
        }
        let Ok(seat) = Arc::clone(&self.waiting).try_acquire_owned() else {
            return Verdict::Busy;
        };
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else {
            return Verdict::Busy;
        };
        // Somebody may have come with the same before us.
        if let Some(verdict) = self.remembered(digest) {
            return verdict;
        }
        let compare = move || {
            let fits = bcrypt::verify(password.as_bytes(), &hash).unwrap_or(false);
            // Held until it is done, even where the client has gone away meanwhile.
            drop((turn, seat));
            fits
        };
        let fits = tokio::task::spawn_blocking(compare).await.unwrap_or(false) && known;
        if let Some(digest) = digest {
            let list = if fits { &self.good } else { &self.bad };
            let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
            list.truncate(REMEMBERED_MAX - 1);
            list.push_front(digest);
        }
        if fits { Verdict::Admitted } else { Verdict::Refused }
    }

    fn digest(&self, name: &str, hash: &str, password: &str) -> Option<Digest> {
        let mut context = hmac::Context::with_key(self.key.as_ref()?);
        for part in [name, hash, password] {
            // The length first, so that no two triples read the same.
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign().as_ref().try_into().ok()
    }

    fn remembered(&self, digest: Option<Digest>) -> Option<Verdict> {
        let digest = digest?;
        let holds = |list: &Mutex<VecDeque<Digest>>| {
            list.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest)
        };
        let good = holds(&self.good).then_some(Verdict::Admitted);
        good.or_else(|| holds(&self.bad).then_some(Verdict::Refused))
    }
}

/// User name and password of basic authentication.
fn basic(header: &HeaderValue) -> Option<(String, Zeroizing<String>)> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = Zeroizing::new(STANDARD.decode(rest.trim()).ok()?);
    let (name, password) = std::str::from_utf8(&text).ok()?.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the password `correct horse`.
    const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

    fn users() -> Users {
        let mut users = Users::default();
        users.add("alice", HASH).expect("a hash");
        users
    }

    fn header(login: &str) -> HeaderValue {
        let text = format!("Basic {}", STANDARD.encode(login));
        HeaderValue::from_str(&text).expect("a header")
    }

    #[test]
    fn a_hash_that_costs_too_much_or_nothing_is_refused() {
        for (cost, fits) in [("03", false), ("04", true), ("14", true), ("15", false)] {
            let hash = HASH.replace("$04$", &format!("${cost}$"));
            assert_eq!(Users::default().add("a", &hash).is_ok(), fits, "{cost}");
        }
        for hash in ["", "secret", &HASH[1..], &format!("{HASH}x"), &"ä".repeat(30)] {
            assert!(Users::default().add("a", hash).is_err(), "{hash}");
        }
    }

    #[test]
    fn an_unknown_name_is_compared_at_the_same_cost() {
        let (hash, known) = users().hash_of("bob");
        assert!(!known);
        assert_eq!(hash.parse::<HashParts>().map(|parts| parts.get_cost()).ok(), Some(4));
    }

    #[tokio::test]
    async fn what_was_compared_is_remembered_and_the_flood_is_bounded() {
        let (admission, users) = (Admission::default(), users());
        let good = header("alice:correct horse");
        assert_eq!(admission.admit(&users, Some(&good)).await, Verdict::Admitted);
        let bad = header("alice:wrong");
        assert_eq!(admission.admit(&users, Some(&bad)).await, Verdict::Refused);
        assert_eq!(admission.admit(&users, None).await, Verdict::Refused);
        // All places taken: who was let in before, or refused, is told at once all the same.
        let taken = admission.waiting.clone();
        let places = u32::try_from(taken.available_permits()).expect("few");
        let held = taken.acquire_many(places).await.expect("open");
        assert_eq!(admission.admit(&users, Some(&good)).await, Verdict::Admitted);
        assert_eq!(admission.admit(&users, Some(&bad)).await, Verdict::Refused);
        let new = header("alice:something else");
        assert_eq!(admission.admit(&users, Some(&new)).await, Verdict::Busy);
        // Refusals do not drive out who was let in.
        drop(held);
        for guess in 0..2 * REMEMBERED_MAX {
            let guess = header(&format!("bob:{guess}"));
            assert_eq!(admission.admit(&users, Some(&guess)).await, Verdict::Refused);
        }
        assert_eq!(admission.good.lock().expect("whole").len(), 1);
        assert_eq!(admission.bad.lock().expect("whole").len(), REMEMBERED_MAX);
    }
}
