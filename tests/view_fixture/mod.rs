//! A view with a bit of everything, some of it hostile.

use evenkeel::keel::view::View;

mod figures;

pub(crate) use figures::figures;

pub(crate) fn view() -> View {
    serde_json::from_str(include_str!("view.json")).unwrap()
}

/// The same without a deployment, an account or a file: what a fresh process shows.
pub(crate) fn bare() -> View {
    let json = r#"{"at":"2026-11-24T03:10:00Z","leader":true,"file":{"revision":null,
        "accepted":null,"fault":null,"faultSince":null},"ledgerFault":null,"accounts":[],
        "deployments":[]}"#;
    serde_json::from_str(json).unwrap()
}
