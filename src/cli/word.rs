//! From `notify:` to the room that tells people.

use std::sync::Arc;
use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::clock::Clock;
use crate::config::{Address, Receiver, SecretSource, Settings};
use crate::keel::notice::chain;
use crate::metrics::Metrics;
use crate::notification::{self, Desk, Inlet, Meter, Options, Patience, Secret, Tally};

/// How long messages are waited for when the process ends: half of what supervisors that are in a
/// hurry allow, and most receivers answer within a second.
pub const GOODBYE_MAX: Duration = Duration::from_secs(5);

/// Begins to tell, if there is anybody to be told and the daemon is there to `stay`: who asks for a
/// plan tells nobody.
pub fn open(
    settings: &Settings,
    stay: bool,
    ledger: &str,
    metrics: &Arc<Metrics>,
    clock: &Clock,
) -> Option<(Inlet, Desk)> {
    let receivers: Vec<_> = settings.notify.receivers.iter().map(receiver).collect();
    if !stay || receivers.is_empty() {
        return None;
    }
    let options = Options {
        receivers,
        pace: settings.notify.pace,
        patience: Patience::default(),
        source: format!("urn:evenkeel:{ledger}"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        meter: meter(metrics.clone(), clock.clone()),
    };
    Some(notification::open(options, clock.clone()))
}

/// What of the receivers is not to be had, or of no use, as it is now: no fault of the file.
pub fn warnings(settings: &Settings) -> Vec<String> {
    let look = |one: (&String, &Receiver)| {
        let receiver = receiver(one);
        let url = (receiver.url)().and_then(|url| {
            notification::target(url.expose_secret()).map(|_| ()).map_err(str::to_owned)
        });
        let key = receiver.key.map_or(Ok(()), |key| {
            key().and_then(|key| notification::signing_key(&key).map(|_| ()).map_err(str::to_owned))
        });
        let faults = [url, key].into_iter().filter_map(Result::err);
        faults.map(|why| format!("receiver `{}`: {why}", receiver.name)).collect::<Vec<_>>()
    };
    settings.notify.receivers.iter().flat_map(look).collect()
}

fn receiver((name, receiver): (&String, &Receiver)) -> notification::Receiver {
    let Receiver { format, url, secret, events, deployments } = receiver.clone();
    notification::Receiver {
        name: name.clone(),
        format,
        url: match url {
            Address::Plain(url) => Arc::new(move || Ok(url.clone().into())),
            Address::Kept(source) => kept(source),
        },
        key: secret.map(kept),
        events,
        deployments,
    }
}

fn kept(source: SecretSource) -> Secret {
    Arc::new(move || source.read().map_err(|error| chain(&error)))
}

fn meter(metrics: Arc<Metrics>, clock: Clock) -> Meter {
    Arc::new(move |tally| match tally {
        Tally::Ended(receiver, fate) => {
            metrics.notification(receiver, fate.as_str(), clock.now().wall);
        }
        Tally::Waiting(receiver, waiting) => metrics.notifications_waiting(receiver, waiting),
        Tally::Unheard => metrics.notice_unheard(),
    })
}
