//! The operations: what can be asked, and all that can be answered.

use schemars::SchemaGenerator;
use schemars::generate::{Contract, SchemaSettings};
use serde_json::{Map, Value, json};

use super::schemas::{of, words};
use crate::http::admin::Synced;
use crate::http::admin::errand::{OverrideRequest, PlainRequest, SuspendRequest};
use crate::http::answer::Fault;
use crate::http::query::{DAYS, DAYS_MAX};
use crate::http::{History, Timeline};
use crate::keel::deployment::DeploymentId;
use crate::keel::view::{DeploymentView, View};

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

const ABOUT: &str = "\
What an evenkeel daemon shows, and the few things that can be asked of it.

- Whatever answers to GET answers to HEAD as well. Other methods are answered 405, with `Allow`.
- Keys are added within a major version; none is removed, renamed or given another type. Ignore \
those that you do not know.
- A fault under `/api/v1/` is `{\"error\": …}`; a parameter that is not described is refused.
- What changes something needs the token of `admin.token_file`, over TCP. Over the socket \
`admin.sock` in the state directory it needs none.";

const EVENTS: &str = "\
The first event comes at once. An event is `change`, with a number as `id` and `data` that grows \
with each change; it carries no news, so ask again for what you show. A stream ends after a minute \
at most; come back then.";

// What several operations answer.
const NO_PARAMETERS: &str = "A parameter, where there is none";
const PARAMETER: &str = "A parameter that is not understood";
const NOT_NAMED: &str = "The desired file names no such deployment";
const SILENT: &str = "The control loop does not answer";

/// Makes the operations, and collects the schemas that they refer to.
struct Describe {
    asked: SchemaGenerator,
    answered: SchemaGenerator,
}

/// The whole document.
pub(super) fn document() -> Value {
    let settings = |contract| {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
        settings.into_generator()
    };
    let mut describe = Describe {
        asked: settings(Contract::Deserialize),
        answered: settings(Contract::Serialize),
    };
    let paths = describe.paths();
    let mut schemas = describe.answered.take_definitions(true);
    schemas.extend(describe.asked.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "evenkeel",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": env!("CARGO_PKG_DESCRIPTION"),
            "description": ABOUT,
            "license": { "name": "Apache License 2.0", "identifier": env!("CARGO_PKG_LICENSE") },
        },
        "servers": [{ "url": "/", "description": "The address in `listen`" }],
        "tags": [
            { "name": "fleet", "description": "What is, what was, and what comes next" },
            { "name": "admin", "description": "Temporary wishes, and reads that come sooner" },
            { "name": "health", "description": "For probes and scrapers" },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The line in the file that `admin.token_file` names",
            } },
        },
    })
}

impl Describe {
    fn paths(&mut self) -> Value {
        let id = self.id();
        let mut paths = Map::new();
        self.fleet(&id, &mut paths);
        self.past(&id, &mut paths);
        self.live(&mut paths);
        self.admin(&id, &mut paths);
        Self::health(&mut paths);
        Value::Object(paths)
    }

    fn fleet(&mut self, id: &Value, paths: &mut Map<String, Value>) {
        let whole = self.json::<View>("The fleet");
        let fleet = json!({
            "operationId": "listDeployments", "tags": ["fleet"],
            "summary": "The whole fleet now: desired, observed, what comes next, budgets",
            "responses": {
                "200": with(whole, "links", links("$response.body#/deployments/0/id")),
                "400": self.fault(NO_PARAMETERS),
                "503": self.fault(SILENT),
            },
        });
        let one = json!({
            "operationId": "getDeployment", "tags": ["fleet"],
            "summary": "One deployment as it is now",
            "parameters": [id],
            "responses": {
                "200": self.json::<DeploymentView>("The deployment"),
                "400": self.fault(NO_PARAMETERS),
                "404": self.fault(NOT_NAMED),
                "503": self.fault(SILENT),
            },
        });
        get(paths, "/api/v1/deployments", fleet);
        get(paths, "/api/v1/deployments/{id}", one);
    }

    fn past(&mut self, id: &Value, paths: &mut Map<String, Value>) {
        let days = json!({
            "name": "days", "in": "query", "required": false,
            "description": "How many days to go back",
            "schema": { "type": "integer", "minimum": 1, "maximum": DAYS_MAX, "default": DAYS },
        });
        let timeline = json!({
            "operationId": "getTimeline", "tags": ["fleet"],
            "summary": "What was wanted of a deployment, what was seen, and what was sent",
            "parameters": [id, days],
            "responses": {
                "200": self.json::<Timeline>("As far as anything is known"),
                "400": self.fault(PARAMETER),
                "404": self.fault("Nothing is known of such a deployment"),
                "503": self.fault(SILENT),
            },
        });
        let deployment = json!({
            "name": "deployment", "in": "query", "required": false,
            "description": "Only those of this deployment",
            "schema": of::<DeploymentId>(&mut self.asked),
        });
        let history = json!({
            "operationId": "getHistory", "tags": ["fleet"],
            "summary": "The spent starts and stops, and why they were sent",
            "parameters": [deployment],
            "responses": {
                "200": self.json::<History>("Newest first"),
                "400": self.fault(PARAMETER),
                "503": self.fault(SILENT),
            },
        });
        get(paths, "/api/v1/deployments/{id}/timeline", timeline);
        get(paths, "/api/v1/history", history);
    }

    fn live(&mut self, paths: &mut Map<String, Value>) {
        let events = json!({
            "operationId": "streamEvents", "tags": ["fleet"],
            "summary": "Word of each change, as server-sent events",
            "description": EVENTS,
            "responses": {
                "200": text("A stream that goes on", "text/event-stream"),
                "400": self.fault(NO_PARAMETERS),
                "503": self.fault("Too many clients listen already"),
            },
        });
        let this = json!({ "type": "object", "required": ["openapi", "info", "paths"] });
        let description = json!({
            "operationId": "getDescription", "tags": ["fleet"],
            "summary": "This description",
            "responses": {
                "200": content("OpenAPI 3.1", JSON, this),
                "400": self.fault(NO_PARAMETERS),
            },
        });
        get(paths, "/api/v1/events", events);
        get(paths, "/api/v1/openapi.json", description);
    }

    fn admin(&mut self, id: &Value, paths: &mut Map<String, Value>) {
        let bodies = [
            (
                "override",
                "Another state than the desired file says, for a while",
                of::<OverrideRequest>(&mut self.asked),
            ),
            (
                "suspend",
                "Hands off, for a while or until somebody resumes",
                of::<SuspendRequest>(&mut self.asked),
            ),
            (
                "resume",
                "End what is temporarily wished; the desired file decides again",
                of::<PlainRequest>(&mut self.asked),
            ),
            (
                "sync",
                "Read its status as soon as the budget lets it",
                of::<PlainRequest>(&mut self.asked),
            ),
        ];
        for (what, summary, body) in bodies {
            let mut operation = self.change(&format!("{what}Deployment"), summary, &body);
            operation["parameters"] = json!([id]);
            operation["responses"]["200"] = self.json::<DeploymentView>("Done; the deployment");
            operation["responses"]["404"] = self.fault(NOT_NAMED);
            if matches!(what, "override" | "suspend") {
                operation["responses"]["422"] =
                    self.fault("`for` is nothing, or longer than `admin.max_duration`");
            }
            let path = format!("/api/v1/deployments/{{id}}/{what}");
            paths.insert(path, json!({ "post": operation }));
        }
        let body = of::<PlainRequest>(&mut self.asked);
        let summary = "Read all deployments as soon as the budget lets it";
        let mut operation = self.change("syncFleet", summary, &body);
        operation["responses"]["200"] = self.json::<Synced<'_>>("Done; what comes next");
        paths.insert("/api/v1/sync".to_owned(), json!({ "post": operation }));
    }

    /// What all that changes something have in common.
    fn change(&mut self, id: &str, summary: &str, body: &Value) -> Value {
        let again = header(
            "Seconds until there is room for another",
            &json!({ "type": "integer", "minimum": 1 }),
        );
        let challenge = header("How to say who asks", &words(&["Bearer realm=\"evenkeel\""]));
        json!({
            "operationId": id, "tags": ["admin"], "summary": summary,
            "security": [{ "token": [] }],
            "requestBody": { "required": true, "content": { JSON: { "schema": body } } },
            "responses": {
                "400": self.fault("The body is not understood, or there is a parameter"),
                "401": with(self.fault("The token is missing or wrong"), "headers",
                    json!({ "WWW-Authenticate": challenge })),
                "403": self.fault("Nothing is changed over TCP, or a web page asks"),
                "408": self.fault("The body does not come"),
                "413": self.fault("The body is too long"),
                "415": self.fault("The body is not said to be JSON"),
                "429": with(self.fault("More than `admin.rate` allows"), "headers",
                    json!({ "Retry-After": again })),
                "503": self.fault("The ledger cannot be written, or the loop does not answer"),
            },
        })
    }

    fn health(paths: &mut Map<String, Value>) {
        let mut probe = |path: &str, id: &str, summary: &str, responses: Value| {
            let operation = json!({
                "operationId": id, "tags": ["health"], "summary": summary, "responses": responses,
            });
            get(paths, path, operation);
        };
        let alive = json!({
            "200": text("It turns", TEXT),
            "503": text("It has not turned for a minute", TEXT),
        });
        let ready = json!({
            "200": text("Both are", TEXT),
            "503": text("What is missing, a line each", TEXT),
        });
        let metrics = json!({
            "200": text("The exposition", TEXT),
            "500": text("The exposition could not be made", TEXT),
            "503": text(SILENT, TEXT),
        });
        probe("/healthz", "getHealth", "Whether the control loop turns", alive);
        let both = "Whether a desired file is in force and the ledger open";
        probe("/readyz", "getReadiness", both, ready);
        probe("/metrics", "getMetrics", "The text format of Prometheus", metrics);
    }

    fn id(&mut self) -> Value {
        json!({
            "name": "id", "in": "path", "required": true,
            "description": "The deployment",
            "schema": of::<DeploymentId>(&mut self.asked),
        })
    }

    fn json<T: schemars::JsonSchema>(&mut self, what: &str) -> Value {
        content(what, JSON, of::<T>(&mut self.answered))
    }

    fn fault(&mut self, what: &str) -> Value {
        self.json::<Fault<'_>>(what)
    }
}

fn get(paths: &mut Map<String, Value>, path: &str, operation: Value) {
    paths.insert(path.to_owned(), json!({ "get": operation }));
}

/// What can be asked next about a deployment whose id is found at `from`.
fn links(from: &str) -> Value {
    let next = [
        "getDeployment",
        "getTimeline",
        "overrideDeployment",
        "suspendDeployment",
        "resumeDeployment",
        "syncDeployment",
    ];
    let link =
        |id: &str| (id.to_owned(), json!({ "operationId": id, "parameters": { "id": from } }));
    Value::Object(next.map(link).into_iter().collect())
}

fn content(what: &str, media: &str, schema: Value) -> Value {
    json!({ "description": what, "content": { media: { "schema": schema } } })
}

fn text(what: &str, media: &str) -> Value {
    content(what, media, json!({ "type": "string" }))
}

fn header(what: &str, schema: &Value) -> Value {
    json!({ "description": what, "required": true, "schema": schema })
}

fn with(mut value: Value, key: &str, more: Value) -> Value {
    value[key] = more;
    value
}
