//! That the description is up to date, and describes each path that there is. With `BLESS=1` in the
//! environment it is written instead of compared.

use std::collections::BTreeSet;

use super::describe::document;
use crate::http::{PATHS, Target, admin};

#[test]
fn it_is_up_to_date() {
    let file = "src/http/openapi/openapi.json";
    let text = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let written = std::fs::read_to_string(file).unwrap();
    assert!(written == text, "{file} is not up to date: run with BLESS=1");
}

/// How the path of a target is written; `None` for what people look at in a browser. A new target
/// does not compile until it is decided on here.
const fn described(target: &Target<'_>) -> Option<&'static str> {
    match target {
        Target::Page | Target::DeploymentPage(_) | Target::Asset(_) => None,
        Target::Events => Some("/api/v1/events"),
        Target::Metrics => Some("/metrics"),
        Target::Healthz => Some("/healthz"),
        Target::Readyz => Some("/readyz"),
        Target::Deployments => Some("/api/v1/deployments"),
        Target::Deployment(_) => Some("/api/v1/deployments/{id}"),
        Target::Timeline(_) => Some("/api/v1/deployments/{id}/timeline"),
        Target::History => Some("/api/v1/history"),
        Target::Description => Some("/api/v1/openapi.json"),
    }
}

const fn described_change(target: &admin::Target<'_>) -> &'static str {
    match target {
        admin::Target::Override(_) => "/api/v1/deployments/{id}/override",
        admin::Target::Suspend(_) => "/api/v1/deployments/{id}/suspend",
        admin::Target::Resume(_) => "/api/v1/deployments/{id}/resume",
        admin::Target::Sync(Some(_)) => "/api/v1/deployments/{id}/sync",
        admin::Target::Sync(None) => "/api/v1/sync",
    }
}

#[test]
fn it_describes_each_path_and_no_other() {
    let document = document();
    let mut told = BTreeSet::new();
    for path in PATHS {
        let (path_of, method) = match admin::Target::of(path) {
            Some(target) => (Some(described_change(&target)), "post"),
            None => (described(&Target::of(path).unwrap()), "get"),
        };
        let Some(path_of) = path_of else { continue };
        assert_eq!(path_of, *path);
        let methods: Vec<_> = document["paths"][path].as_object().unwrap().keys().collect();
        assert_eq!(methods, [method], "{path}");
        told.insert(path.to_string());
    }
    let paths: BTreeSet<_> = document["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(told, paths);
}
