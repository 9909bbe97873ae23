//! What is said of temporary wishes.

use tracing::Level;

use super::fields::{Fields, Line};
use super::line::of;
use crate::keel::deployment::DeploymentId;
use crate::keel::temporary::{Temporary, Want};

pub(super) fn wished(deployment: &DeploymentId, wish: &Temporary) -> Line {
    let what = match wish.want {
        Want::Override(state) => format!("is to be {state}"),
        Want::Suspend => "is to be left alone".to_owned(),
    };
    let until =
        wish.until.map_or("until somebody ends that".to_owned(), |at| format!("until {at}"));
    let why = wish.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    Line {
        level: Level::INFO,
        message: format!("{deployment} {what} {until}, asked by {}{why}", wish.by),
        fields: Fields {
            desired: wish.want.state().map(|state| state.to_string()),
            until: wish.until.map(|at| at.to_string()),
            ..of(deployment)
        },
    }
}

pub(super) fn resumed(deployment: &DeploymentId, by: &str) -> Line {
    Line {
        level: Level::INFO,
        message: format!("{deployment} is as the desired file says again, asked by {by}"),
        fields: of(deployment),
    }
}
