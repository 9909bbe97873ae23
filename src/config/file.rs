//! The configuration file, section by section; most of them are the keel's policy.

use std::net::ToSocketAddrs as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::account::{self, Partials};
use super::admin::{self, Admin};
use super::ledger::{self, Ledger};
use super::notify::{self, Notify};
use crate::keel::policy::{Limit, NewLedger, Policy, ScopeMode};
use crate::keel::time::{format_duration, parse_duration};
use crate::yaml::{Faults, Fields, Node};

/// What a configuration file says.
#[derive(Debug, Default)]
pub(super) struct File {
    pub(super) desired: Option<PathBuf>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) ledger: Ledger,
    pub(super) listen: Option<String>,
    pub(super) web_config: Option<PathBuf>,
    pub(super) timeout: Option<Duration>,
    pub(super) accounts: Partials,
    pub(super) admin: Admin,
    pub(super) policy: Policy,
    pub(super) notify: Notify,
}

/// Takes the whole file apart. Without a file all is as the defaults have it.
pub(super) fn read(root: Option<&Node>, beside: &Path, faults: &mut Faults) -> File {
    let expected = "the configuration: a map with keys such as `desired` and `accounts`";
    let root = root.filter(|root| !root.is_null());
    let fields = root.and_then(|root| Fields::of(root, "", expected, faults));
    let mut fields = fields.unwrap_or_else(|| Fields::absent(""));
    let mut file = File {
        desired: fields.optional("desired", faults, |node| path(node, beside)),
        state_dir: fields.optional("state_dir", faults, |node| path(node, beside)),
        ledger: ledger::read(fields.take("ledger", faults), beside, faults),
        listen: fields.optional("listen", faults, |node| {
            let text = node.word()?;
            address(text).map(|()| text.to_owned())
        }),
        web_config: fields.optional("web_config", faults, |node| path(node, beside)),
        ..File::default()
    };
    if let Some(entry) = fields.take("accounts", faults) {
        file.accounts = account::read(&entry.value, beside, faults);
    }
    limits(fields.section("limits", faults), &mut file.policy, faults);
    file.timeout = observe(fields.section("observe", faults), &mut file.policy, faults);
    act(fields.section("act", faults), &mut file.policy, faults);
    guards(fields.section("guards", faults), &mut file.policy, faults);
    file.admin = admin::read(fields.section("admin", faults), beside, faults);
    file.notify = notify::read(fields.section("notify", faults), beside, faults);
    fields.finish(faults);
    file
}

/// An address to listen on, as `host:port`.
pub(super) fn address(text: &str) -> Result<(), String> {
    let bad = || format!("`{text}` is not an address; expected host and port, as `127.0.0.1:9464`");
    // Names are looked up when the daemon listens; here only what is no address is refused.
    let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
    port.parse::<u16>().map_err(|_| bad())?;
    if host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok() {
        return text.to_socket_addrs().map(|_| ()).map_err(|_| bad());
    }
    if host.is_empty() { Err(bad()) } else { Ok(()) }
}

pub(super) fn path(node: &Node, beside: &Path) -> Result<PathBuf, String> {
    Ok(beside.join(node.word()?))
}

pub(super) fn duration(node: &Node) -> Result<Duration, String> {
    parse_duration(node.word()?)
}

/// A duration that is more than nothing.
pub(super) fn span(node: &Node) -> Result<Duration, String> {
    match duration(node)? {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        span => Ok(span),
    }
}

/// Puts a value over its default, if there is one.
pub(super) fn set<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn limits(mut fields: Fields<'_>, policy: &mut Policy, faults: &mut Faults) {
    let limits = &mut policy.limits;
    const SCOPES: [(&str, ScopeMode); 3] = [
        ("auto", ScopeMode::Auto),
        ("deployment", ScopeMode::Deployment),
        ("account", ScopeMode::Account),
    ];
    let scope = fields.take("scope", faults);
    set(&mut limits.scope, scope.and_then(|scope| faults.choice(&scope.value, &SCOPES)));
    limit(&mut fields, "status", &mut limits.status, faults);
    limit(&mut fields, "list", &mut limits.list, faults);
    limit(&mut fields, "start", &mut limits.start, faults);
    limit(&mut fields, "stop", &mut limits.stop, faults);
    set(&mut limits.margin, fields.optional("margin", faults, duration));
    set(&mut limits.lateness, fields.optional("lateness", faults, duration));
    set(&mut limits.clock_skew, fields.optional("clock_skew", faults, duration));
    const LEDGERS: [(&str, NewLedger); 2] =
        [("unused", NewLedger::Unused), ("spent", NewLedger::Spent)];
    let ledger = fields.take("new_ledger", faults);
    set(&mut limits.new_ledger, ledger.and_then(|entry| faults.choice(&entry.value, &LEDGERS)));
    fields.finish(faults);
}

pub(super) fn limit(
    fields: &mut Fields<'_>,
    key: &'static str,
    limit: &mut Limit,
    faults: &mut Faults,
) {
    let mut section = fields.section(key, faults);
    set(&mut limit.requests, section.optional("requests", faults, |node| node.count(1)));
    set(&mut limit.per, section.optional("per", faults, span));
    section.finish(faults);
}

/// The section `observe`. Gives the client's timeout, which is none of the keel's business.
fn observe(mut fields: Fields<'_>, policy: &mut Policy, faults: &mut Faults) -> Option<Duration> {
    let observe = &mut policy.observe;
    let status = policy.limits.status;
    let interval = fields.optional("interval", faults, |node| match node.word()? {
        "auto" => Ok(None),
        _ => span(node).map(Some),
    });
    set(&mut observe.interval, interval);
    let reserve = fields.optional("reserve", faults, |node| match node.count(0)? {
        reserve if reserve < status.requests => Ok(reserve),
        _ => Err(format!("must be less than `limits.status.requests`, {}", status.requests)),
    });
    // A limit that is smaller than the usual reserve keeps a sixth, as the usual limit does.
    let usual = observe.reserve.min(status.requests / 6);
    observe.reserve = reserve.unwrap_or(usual);
    let confirm = fields.optional("confirm_within", faults, |node| match span(node)? {
        within if within <= status.per => Ok(within),
        _ => Err(format!("must not be longer than the window, {}", format_duration(status.per))),
    });
    set(&mut observe.confirm_within, confirm);
    const LISTS: [(&str, bool); 2] = [("auto", true), ("never", false)];
    let list = fields.take("list", faults);
    set(&mut observe.list, list.and_then(|list| faults.choice(&list.value, &LISTS)));
    let timeout = fields.optional("timeout", faults, span);
    set(&mut observe.concurrency, fields.optional("concurrency", faults, |node| node.count(1)));
    fields.finish(faults);
    timeout
}

fn act(mut fields: Fields<'_>, policy: &mut Policy, faults: &mut Faults) {
    let act = &mut policy.act;
    const MODES: [(&str, bool); 2] = [("enforce", true), ("observe", false)];
    let mode = fields.take("mode", faults);
    set(&mut act.enforce, mode.and_then(|mode| faults.choice(&mode.value, &MODES)));
    let types = fields.optional("types", faults, |node| {
        let words = node.list()?.iter().map(|one| one.word().map(Arc::from));
        words.collect::<Result<Vec<Arc<str>>, _>>()
    });
    set(&mut act.types, types);
    let mut backoff = fields.section("backoff", faults);
    set(&mut act.backoff_initial, backoff.optional("initial", faults, span));
    let initial = act.backoff_initial;
    let max = backoff.optional("max", faults, |node| match span(node)? {
        max if initial <= max => Ok(max),
        _ => Err(format!("must not be shorter than `initial`, {}", format_duration(initial))),
    });
    set(&mut act.backoff_max, max);
    act.backoff_max = act.backoff_max.max(initial);
    backoff.finish(faults);
    set(&mut act.settle_warning, fields.optional("settle_warning", faults, span));
    set(&mut act.settle_timeout, fields.optional("settle_timeout", faults, span));
    fields.finish(faults);
}

fn guards(mut fields: Fields<'_>, policy: &mut Policy, faults: &mut Faults) {
    let guards = &mut policy.guards;
    let mut stops = fields.section("stops", faults);
    let percent = stops.optional("percent", faults, |node| match node.count(0)? {
        percent if percent <= 100 => Ok(percent),
        _ => Err("must be at most 100, which switches this guard off".to_owned()),
    });
    set(&mut guards.stops.percent, percent);
    set(&mut guards.stops.above, stops.optional("above", faults, |node| node.count(0)));
    stops.finish(faults);
    let mut contested = fields.section("contested", faults);
    let reversals = contested.optional("reversals", faults, |node| node.count(1));
    set(&mut guards.contested_reversals, reversals);
    set(&mut guards.contested_within, contested.optional("within", faults, span));
    contested.finish(faults);
    fields.finish(faults);
}
