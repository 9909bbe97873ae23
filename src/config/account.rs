//! Accounts: a base URL and where its credentials are kept.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::credential::{CredentialsError, EXPECTED, SecretSource, credential};
use super::{Environment, Overrides};
use crate::api::Credentials;
use crate::keel::deployment::AccountId;
use crate::outbound::is_loopback;
use crate::yaml::{At, Faults, Fields, Kind, Node, Place};

/// How the real base URL ends.
const BASE_END: &str = "/public_api/v1";

/// Looks until two in a row see the same. Files that are replaced between all of them are written
/// all the time.
const LOOKS_MAX: usize = 3;

/// One base URL with one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The base URL, without a slash at its end.
    pub url: String,
    /// Where the key is kept.
    pub key: SecretSource,
    /// Where its secret is kept.
    pub secret: SecretSource,
}

impl Account {
    /// Reads the credentials as they are now: both halves as they stood at one moment.
    ///
    /// # Errors
    /// Which one is not to be had, and why; never what it is.
    pub fn credentials(&self) -> Result<Credentials, CredentialsError> {
        let read = || Ok(Credentials { key: self.key.read()?, secret: self.secret.read()? });
        let mut before = read()?;
        for _ in 0..LOOKS_MAX {
            let now = read()?;
            if now == before {
                return Ok(now);
            }
            before = now;
        }
        Err(CredentialsError::Restless)
    }
}

/// An account as far as file, environment and flags have it.
#[derive(Clone, Debug, Default)]
pub(super) struct Partial {
    pub(super) url: Option<String>,
    pub(super) key: Option<SecretSource>,
    pub(super) secret: Option<SecretSource>,
    /// Where it stands, if it stands in the file.
    pub(super) place: Option<Place>,
}

pub(super) type Partials = BTreeMap<AccountId, Partial>;

/// The section `accounts`.
pub(super) fn read(node: &Node, beside: &Path, faults: &mut Faults) -> Partials {
    let Kind::Map(entries) = &node.kind else {
        faults.problem(node.place, "`accounts`: expected a map from names to accounts");
        return Partials::new();
    };
    let mut accounts = Partials::new();
    for entry in entries {
        let path = format!("accounts.{}", entry.key);
        let expected = "an account: a map with `url`, `key` and `secret`";
        let Some(mut fields) = Fields::of(&entry.value, &path, expected, faults) else { continue };
        let url = fields.take("url", faults).and_then(|url| {
            let text = faults.check(&url.value, url.value.word().map(str::to_owned))?;
            base_url(&text, At::Place(url.value.place), faults)
        });
        let place = Some(entry.place);
        let key = credential(&mut fields, "key", beside, faults);
        let secret = credential(&mut fields, "secret", beside, faults);
        fields.finish(faults);
        let partial = Partial { url, key, secret, place };
        accounts.insert(AccountId::new(&entry.key), partial);
    }
    accounts
}

/// Puts what flags and environment say over the default account.
pub(super) fn from_environment(
    accounts: &mut Partials,
    overrides: &Overrides,
    environment: &Environment<'_>,
    faults: &mut Faults,
) {
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    let url = overrides.api_url.clone().map(|url| (url, "--api-url or EVENKEEL_API_URL"));
    let url = url.or_else(|| set("EVENKEEL_API_URL").map(|url| (url, "EVENKEEL_API_URL"))).or_else(
        || {
            let name = "EMQXCLOUD_PLATFORM_ENDPOINT";
            set(name).map(|url| (url, name))
        },
    );
    let credential = |half: &str| {
        let file = set(&format!("EVENKEEL_API_{half}_FILE"));
        let own = format!("EVENKEEL_API_{half}");
        let vendor = format!("EMQXCLOUD_PLATFORM_API_{half}");
        let name = [own, vendor].into_iter().find(|name| set(name).is_some());
        file.map(|path| SecretSource::File(path.into())).or(name.map(SecretSource::Env))
    };
    let (key, secret) = (credential("KEY"), credential("SECRET"));
    if url.is_none() && key.is_none() && secret.is_none() {
        return;
    }
    let account = accounts.entry(AccountId::new(AccountId::DEFAULT)).or_default();
    if let Some((url, name)) = url {
        let name: Arc<str> = name.into();
        account.url = base_url(&url, At::Setting(name), faults).or(account.url.take());
    }
    account.key = key.or(account.key.take());
    account.secret = secret.or(account.secret.take());
}

/// The accounts that have all their parts; each missing part is a problem.
pub(super) fn complete(partials: Partials, faults: &mut Faults) -> BTreeMap<AccountId, Account> {
    if partials.is_empty() && faults.is_empty() {
        faults.problem_at(
            At::File,
            "no account is configured; set EVENKEEL_API_URL, EVENKEEL_API_KEY and \
             EVENKEEL_API_SECRET, or write `accounts:`",
        );
    }
    let clean = faults.is_empty();
    let mut accounts = BTreeMap::new();
    for (id, Partial { url, key, secret, place }) in partials {
        let parts = [
            ("url", url.is_none(), "the console shows it; it ends in `/public_api/v1`"),
            ("key", key.is_none(), EXPECTED),
            ("secret", secret.is_none(), EXPECTED),
        ];
        // A part that is there but wrong was told already.
        for (part, _, hint) in parts.into_iter().filter(|(_, missing, _)| *missing && clean) {
            let message = format!("account `{id}` has no `{part}`: {hint}");
            faults.problem_at(place.map_or(At::File, At::Place), message);
        }
        if let (Some(url), Some(key), Some(secret)) = (url, key, secret) {
            accounts.insert(id, Account { url, key, secret });
        }
    }
    accounts
}

/// The base URL of the Deployment Management API, without a slash at its end.
fn base_url(text: &str, at: At, faults: &mut Faults) -> Option<String> {
    match checked(text) {
        Ok((url, warning)) => {
            if let Some(warning) = warning {
                faults.warning(at, warning);
            }
            Some(url)
        }
        Err(message) => {
            faults.problem_at(at, message);
            None
        }
    }
}

fn checked(text: &str) -> Result<(String, Option<&'static str>), &'static str> {
    let url = reqwest::Url::parse(text).map_err(|_| {
        "this is no URL; the console shows the base URL, such as \
         https://cloud-intl.emqx.com/public_api/v1"
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the URL holds credentials; they belong into `key` and `secret`");
    }
    let path = url.path().trim_end_matches('/');
    if path.ends_with("/api/v5") || url.port() == Some(8443) {
        return Err(
            "this is the API of a single deployment (it ends in `/api/v5`, port 8443), which \
             cannot start or stop it; the Deployment Management API ends in `/public_api/v1`, \
             and the console shows it where the API keys are",
        );
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("a base URL has no `?` and no `#`");
    }
    let loopback = is_loopback(&url);
    match url.scheme() {
        "https" => (),
        "http" if loopback => (),
        "http" => {
            return Err("plain http would show the key to everybody on the way; use https://");
        }
        _ => return Err("expected an https:// URL"),
    }
    let unusual = (!loopback && !path.ends_with(BASE_END)).then_some(
        "the URL does not end in `/public_api/v1`, as those of the Deployment Management API do",
    );
    Ok((text.trim_end_matches('/').to_owned(), unusual))
}
