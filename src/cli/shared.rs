//! A ledger that machines share: from the settings to a process that stands by for it.

use std::path::Path;
use std::time::Duration;

use super::exit::Failure;
use crate::clock::Clock;
use crate::config::{Engine, Etcd, Kubernetes, Settings};
use crate::http::{Changes, Heartbeat};
use crate::keel::notice::chain;
use crate::ledger::shared::etcd::{self, Login};
use crate::ledger::shared::kubernetes::{self, Access};
use crate::ledger::shared::{self, Follower, Member, Memory, Store, Terms};
use crate::standby::{Shown, Standby};

/// Makes ready to stand by; asks nothing of the engine yet. One who cannot wait for ever gives up
/// once it has seen that another one leads.
///
/// # Errors
/// When a certificate or a credential is not to be had, or the system has no resources.
pub fn standby(
    settings: &Settings,
    (engine, lease): (&Engine, Duration),
    clock: &Clock,
    (heartbeat, changes): (Heartbeat, Changes),
    waits: bool,
) -> Result<Standby, Failure> {
    let member = member(engine, lease, clock)?;
    let memory = Memory::of(&settings.state_dir)
        .map_err(|error| Failure::because("cannot use the state directory", error))?;
    Ok(Standby {
        terms: member.terms,
        follower: Follower::new(member).remembering(memory),
        id: shared::random().map_err(no_random)?,
        clock: clock.clone(),
        heartbeat,
        changes,
        patience: (!waits).then_some(lease + Duration::from_secs(1)),
        shown: Shown::new(settings.policy.clone(), clock.now()),
    })
}

/// One that may take the ledger over.
///
/// # Errors
/// As [`standby`].
pub fn member(engine: &Engine, lease: Duration, clock: &Clock) -> Result<Member, Failure> {
    let (terms, now) = (Terms { lease }, clock.clone());
    Ok(Member {
        store: store(engine, terms)?,
        holder: shared::holder().map_err(no_random)?,
        terms,
        clock: Box::new(move || now.now().mono),
    })
}

fn no_random(error: std::io::Error) -> Failure {
    Failure::because("the system gives no random numbers", error)
}

/// The way to the engine.
///
/// # Errors
/// As [`standby`].
pub fn store(engine: &Engine, terms: Terms) -> Result<Box<dyn Store>, Failure> {
    match engine {
        Engine::Etcd(etcd) => in_etcd(etcd, terms),
        Engine::Kubernetes(kubernetes) => in_kubernetes(kubernetes, terms),
    }
}

fn in_kubernetes(kubernetes: &Kubernetes, terms: Terms) -> Result<Box<dyn Store>, Failure> {
    let failed = |error| Failure::because("cannot use `ledger.kubernetes`", error);
    let Kubernetes { namespace, name, kubeconfig } = kubernetes;
    let environment = |name: &str| std::env::var(name).ok();
    let access = match kubeconfig {
        Some(path) => Access::of_kubeconfig(path),
        None => Access::of_pod(&environment, Path::new(kubernetes::SERVICE_ACCOUNT)),
    };
    let clock = Clock::new().map_err(|error| Failure::because("cannot read the clock", error))?;
    let options = kubernetes::Options {
        access: access.map_err(failed)?,
        namespace: namespace.clone(),
        name: name.clone(),
        patience: terms.patience(),
        wall: Box::new(move || clock.now().wall),
    };
    Ok(Box::new(kubernetes::Kubernetes::new(options).map_err(failed)?))
}

fn in_etcd(etcd: &Etcd, terms: Terms) -> Result<Box<dyn Store>, Failure> {
    let read = |path: &Path| {
        std::fs::read(path)
            .map_err(|error| Failure::because(format!("cannot read {}", path.display()), error))
    };
    let identity = etcd.identity.as_ref().map(|(certificate, key)| {
        let mut pem = read(certificate)?;
        pem.push(b'\n');
        pem.extend(read(key)?);
        Ok::<_, Failure>(pem)
    });
    let login = etcd.user.clone().map(|(user, password)| {
        let password = Box::new(move || password.read().map_err(|error| chain(&error)));
        Login { user, password }
    });
    let options = etcd::Options {
        endpoints: etcd.endpoints.clone(),
        prefix: etcd.prefix.clone(),
        ca: etcd.ca.as_deref().map(read).transpose()?,
        identity: identity.transpose()?,
        login,
        patience: terms.patience(),
    };
    let etcd = etcd::Etcd::new(options)
        .map_err(|error| Failure::because("cannot use `ledger.etcd`", error))?;
    Ok(Box::new(etcd))
}
