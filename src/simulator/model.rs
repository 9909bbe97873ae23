//! The service itself: calls and the time go in, answers come out.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;

use super::audit::{Arrival, Audit, Report};
use super::call::{Call, Method, Route, basic};
use super::deployment::Deployment;
use super::fault::{Instead, Rng, Spoilt};
use super::fleet::{Action, Cause, Change, Fleet};
use super::limiter::Limiter;
use super::options::{Options, RetryAfter};
use super::reply::{Delivery, Reply, http_date};

/// Drift more often than this shows nothing more and would spin the model.
const DRIFT_MIN: Duration = Duration::from_millis(1);

/// Words that a server might one day use and nobody has documented.
const UNKNOWN_WORDS: [&str; 4] = ["upgrading", "hibernating", "Running", ""];

/// The simulated service. Time never runs backwards in it: an earlier `now` counts as the latest.
#[derive(Debug, Clone)]
pub struct Service {
    options: Options,
    authorization: String,
    fleet: Fleet,
    limiter: Limiter,
    audit: Audit,
    /// Chance has a source for each purpose, so that calls do not deal the drift anew.
    transits: Rng,
    faults: Rng,
    passages: Rng,
    drifts: Rng,
    next_drift: Option<Duration>,
    storm_until: Duration,
    /// Whether there are faults at present. Latency is none and stays.
    faulty: bool,
    now: Duration,
}

#[derive(Serialize)]
struct Operation<'a> {
    #[serde(rename = "deploymentID")]
    id: &'a str,
    #[serde(rename = "deploymentName")]
    name: &'a str,
    operation: &'static str,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Code {
    Word(&'static str),
    Number(u16),
}

#[derive(Serialize)]
struct Problem<'a> {
    code: Code,
    message: &'a str,
}

impl Service {
    /// A service that has just started.
    pub fn new(options: Options) -> Self {
        let seeds = [1, 2, 3, 4].map(|purpose| Rng::new(options.seed ^ purpose).next());
        let [transits, faults, passages, drifts] = seeds.map(Rng::new);
        let mut service = Self {
            authorization: basic(&options.key, &options.secret),
            fleet: Fleet::new(&options),
            limiter: Limiter::new(options.limits, options.deployments.len()),
            audit: Audit::new(options.limits, options.deployments.len()),
            transits,
            faults,
            passages,
            drifts,
            next_drift: None,
            storm_until: Duration::ZERO,
            faulty: true,
            now: Duration::ZERO,
            options,
        };
        service.schedule_drift();
        service
    }

    /// What it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How long this call is on its way; whoever carries it hands it to [`Service::handle`] after
    /// that time, whether its client still waits or not.
    pub fn transit(&mut self, call: &Call) -> Duration {
        match Route::of(call) {
            Route::Api { method, .. } => {
                let late = self.options.faults.transit(method, &mut self.transits);
                if self.faulty { late } else { self.options.faults.latency / 2 }
            }
            Route::Audit
            | Route::Fleet
            | Route::Set { .. }
            | Route::Faults { .. }
            | Route::WrongVerb
            | Route::Unknown => Duration::ZERO,
        }
    }

    /// A call arrives at `now`.
    pub fn handle(&mut self, call: &Call, now: Duration) -> Reply {
        self.advance(now);
        let reply = match Route::of(call) {
            Route::Api { method, deployment } => self.api(call, method, deployment),
            Route::Audit => Reply::json(200, &self.audit(now)),
            Route::Fleet => Reply::json(200, &self.fleet.all()),
            Route::Set { deployment, status } => {
                if self.set_status(deployment, status, now) {
                    Reply::json(200, &self.fleet.get(deployment))
                } else {
                    self.problem(404)
                }
            }
            Route::Faults { on } => {
                self.faulty = on;
                Reply::json(200, &on)
            }
            Route::WrongVerb => self.problem_of_a_stranger(405),
            Route::Unknown => self.problem_of_a_stranger(404),
        };
        match http_date(self.options.epoch.saturating_add(self.now)) {
            Some(date) => reply.with("date", date),
            None => reply,
        }
    }

    /// Lets everything happen that is due by `now`: passages and drift, in the order of their
    /// times.
    pub fn advance(&mut self, now: Duration) {
        while let Some(at) = self.next_event().filter(|&at| at <= now) {
            self.now = self.now.max(at);
            if self.next_drift == Some(at) {
                self.fleet.drift(at, &mut self.drifts);
                self.schedule_drift();
            } else {
                self.fleet.settle_next();
            }
        }
        self.now = self.now.max(now);
    }

    /// When something happens next without a call.
    pub fn next_event(&self) -> Option<Duration> {
        [self.next_drift, self.fleet.next_due()].into_iter().flatten().min()
    }

    /// Sets a deployment's status at once, to any word; it stays until something else happens to
    /// it. `false` if there is no such deployment.
    pub fn set_status(&mut self, id: &str, status: &str, now: Duration) -> bool {
        self.advance(now);
        self.fleet.set(id, status, self.now)
    }

    /// Somebody at the console turns a deployment that rests, picked by chance.
    pub fn drift(&mut self, now: Duration) {
        self.advance(now);
        self.fleet.drift(self.now, &mut self.drifts);
    }

    /// A deployment as it is after the last [`Service::advance`] or call.
    pub fn deployment(&self, id: &str) -> Option<&Deployment> {
        self.fleet.get(id)
    }

    /// What has been seen so far.
    pub fn audit(&self, now: Duration) -> Report {
        self.audit.report(self.now.max(now))
    }

    /// The changes of status since this was last asked, oldest first, at most the newest 10,000.
    pub fn take_changes(&mut self) -> VecDeque<Change> {
        self.fleet.take_changes()
    }

    fn api(&mut self, call: &Call, method: Method, id: &str) -> Reply {
        let redundant = action(method).is_some_and(|action| {
            self.fleet.get(id).is_some_and(|deployment| deployment.status != action.needs())
        });
        let dealt = self.options.faults.deal(method, &mut self.faults);
        let (instead, spoilt) = if self.faulty { dealt } else { Default::default() };
        let reply = match instead {
            Some(Instead::Reset) => Reply::reset(),
            Some(Instead::StormBegins) => {
                let until = self.now.saturating_add(self.options.faults.storm_for);
                self.storm_until = self.storm_until.max(until);
                self.storm()
            }
            None | Some(Instead::Redirect | Instead::Unavailable) if self.storms_on(method) => {
                self.storm()
            }
            Some(Instead::Redirect) => {
                Reply::html(307, "307 Temporary Redirect").with("location", call.path.clone())
            }
            Some(Instead::Unavailable) => Reply::html(503, "503 Service Temporarily Unavailable"),
            None => {
                let shown = spoilt.unknown_status.then(|| self.unknown_word());
                let reply = self.answer(call, method, id, shown);
                self.spoil(reply, spoilt)
            }
        };
        let back = self.options.faults.way_back();
        let reply = Reply { delay: reply.delay.saturating_add(back), ..reply };
        let request_id = call.request_id.as_deref();
        let arrival = Arrival { at: self.now, method, deployment: id, request_id, redundant };
        self.audit.record(arrival, &reply);
        reply
    }

    /// The answer of a service in good health. A call counts against its limit once its key is
    /// known.
    fn answer(&mut self, call: &Call, method: Method, id: &str, shown: Option<&str>) -> Reply {
        if call.authorization.as_deref() != Some(self.authorization.as_str()) {
            return self.problem(401);
        }
        if method == Method::List && !self.options.list {
            return self.problem(404);
        }
        if let Err(wait) = self.limiter.arrive(method, id, self.now) {
            let reply = self.problem(429);
            return self.retry_after(reply, self.options.retry_after, wait);
        }
        if self.options.forbidden.contains(id) {
            return self.problem(403);
        }
        match action(method) {
            None if method == Method::List => self.list(shown),
            None => match self.fleet.get(id) {
                Some(deployment) => Reply::json(200, &showing(deployment, shown)),
                None => self.problem(404),
            },
            Some(action) => self.act(id, action),
        }
    }

    fn list(&self, shown: Option<&str>) -> Reply {
        let forbidden = &self.options.forbidden;
        let visible = self.fleet.all().iter().filter(|one| !forbidden.contains(&one.id));
        let visible: Vec<_> = visible.map(|deployment| showing(deployment, shown)).collect();
        Reply::json(200, &visible)
    }

    fn act(&mut self, id: &str, action: Action) -> Reply {
        if self.fleet.get(id).is_none() {
            return self.problem(404);
        }
        if !self.fleet.act(id, action, self.now, Cause::Call, &mut self.passages) {
            return self.problem(422);
        }
        let name = self.fleet.get(id).map_or("", |deployment| deployment.name.as_str());
        Reply::json(201, &Operation { id, name, operation: action.operation() })
    }

    fn spoil(&mut self, reply: Reply, spoilt: Spoilt) -> Reply {
        let mut reply =
            if spoilt.bad_gateway { Reply::html(502, "502 Bad Gateway") } else { reply };
        if spoilt.garbage && reply.status < 300 {
            reply = if self.faults.hits(0.5) {
                Reply::html(reply.status, "Sign in")
            } else {
                let half = reply.body.chars().count() / 2;
                Reply { body: reply.body.chars().take(half).collect(), ..reply }
            };
        }
        if spoilt.late {
            reply.delay = reply.delay.saturating_add(self.options.faults.late_by);
        }
        if spoilt.lost {
            reply.delivery = Delivery::Lost;
        }
        reply
    }

    fn storms_on(&self, method: Method) -> bool {
        self.faulty && self.now < self.storm_until && self.options.faults.cover(method)
    }

    fn storm(&self) -> Reply {
        let left = self.storm_until.saturating_sub(self.now);
        self.retry_after(self.problem(429), self.options.faults.storm_retry_after, left)
    }

    fn retry_after(&self, reply: Reply, form: RetryAfter, wait: Duration) -> Reply {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let value = match form {
            RetryAfter::Absent => None,
            RetryAfter::Seconds => Some(seconds.to_string()),
            RetryAfter::Date => {
                let now = self.options.epoch.saturating_add(self.now);
                http_date(now.saturating_add(Duration::from_secs(seconds)))
            }
            RetryAfter::Garbage => Some("soon".to_owned()),
        };
        match value {
            Some(value) => reply.with("retry-after", value),
            None => reply,
        }
    }

    fn unknown_word(&mut self) -> &'static str {
        UNKNOWN_WORDS[self.faults.below(UNKNOWN_WORDS.len())]
    }

    fn problem_of_a_stranger(&mut self, status: u16) -> Reply {
        self.audit.other();
        self.problem(status)
    }

    fn problem(&self, status: u16) -> Reply {
        let (word, message) = match status {
            401 => ("UNAUTHORIZED", "API Key authentication failed."),
            403 => ("FORBIDDEN", "API Key does not have permission to access."),
            404 => ("NOT_FOUND", "Deployment not found."),
            405 => ("METHOD_NOT_ALLOWED", "Method not allowed."),
            422 => ("INVALID_PARAMETERS", "Invalid request parameters."),
            _ => ("TOO_MANY_REQUESTS", "Request limit exceeded."),
        };
        let code = if self.options.numeric_codes { Code::Number(status) } else { Code::Word(word) };
        Reply::json(status, &Problem { code, message })
    }

    /// Evenly around the mean, from half of it to one and a half.
    fn schedule_drift(&mut self) {
        self.next_drift = self.options.drift.map(|mean| {
            let mean = mean.max(DRIFT_MIN);
            self.now.saturating_add(mean / 2).saturating_add(self.drifts.up_to(mean))
        });
    }
}

fn action(method: Method) -> Option<Action> {
    match method {
        Method::Status | Method::List => None,
        Method::Start => Some(Action::Start),
        Method::Stop => Some(Action::Stop),
    }
}

fn showing(deployment: &Deployment, word: Option<&str>) -> Deployment {
    let mut shown = deployment.clone();
    if let Some(word) = word {
        word.clone_into(&mut shown.status);
    }
    shown
}
