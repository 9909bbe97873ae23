//! What can be told, and the words for it.

use std::fmt;

/// What a message is about. A kind that lasts is told when it begins and when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Deployments run that did not.
    Started,
    /// Deployments are stopped that ran.
    Stopped,
    /// The platform says that they failed.
    Failed,
    /// A start or stop has not settled within `act.settle_timeout`.
    Stalled,
    /// They cannot be acted on: not found, forbidden, another name or type, an unknown status,
    /// protected and wanted stopped.
    Blocked,
    /// Something else keeps turning them back.
    Contested,
    /// They are not ready when their window begins.
    Late,
    /// The mass-stop guard holds a change of the desired file.
    Held,
    /// The API refuses an account's key.
    CredentialsRefused,
    /// A desired file is refused.
    DesiredFileRefused,
    /// The ledger cannot be written.
    LedgerStuck,
    /// Another process leads, and acts, than before.
    LeaderChanged,
}

/// Whether something happened or began, or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It happened, or began.
    Begun,
    /// It is over.
    Over,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Info,
    /// A person should look at it today.
    Warning,
    /// A person is needed now.
    Error,
}

impl Severity {
    /// The word in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Started,
        Self::Stopped,
        Self::Failed,
        Self::Stalled,
        Self::Blocked,
        Self::Contested,
        Self::Late,
        Self::Held,
        Self::CredentialsRefused,
        Self::DesiredFileRefused,
        Self::LedgerStuck,
        Self::LeaderChanged,
    ];

    /// The word of the configuration's `events:`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Stalled => "stalled",
            Self::Blocked => "blocked",
            Self::Contested => "contested",
            Self::Late => "late",
            Self::Held => "held",
            Self::CredentialsRefused => "credentials-refused",
            Self::DesiredFileRefused => "desired-file-refused",
            Self::LedgerStuck => "ledger-stuck",
            Self::LeaderChanged => "leader-changed",
        }
    }

    /// The CloudEvents type.
    pub const fn event_type(self, phase: Phase) -> &'static str {
        macro_rules! by_phase {
            ($name:literal) => {
                match phase {
                    Phase::Begun => concat!("io.evenkeel.", $name),
                    Phase::Over => concat!("io.evenkeel.", $name, ".resolved"),
                }
            };
        }
        match self {
            Self::Started => by_phase!("deployment.started"),
            Self::Stopped => by_phase!("deployment.stopped"),
            Self::Failed => by_phase!("deployment.failed"),
            Self::Stalled => by_phase!("deployment.stalled"),
            Self::Blocked => by_phase!("deployment.blocked"),
            Self::Contested => by_phase!("deployment.contested"),
            Self::Late => by_phase!("deployment.late"),
            Self::Held => by_phase!("change.held"),
            Self::CredentialsRefused => by_phase!("account.credentials-refused"),
            Self::DesiredFileRefused => by_phase!("desired-file.refused"),
            Self::LedgerStuck => by_phase!("ledger.stuck"),
            Self::LeaderChanged => by_phase!("leader.changed"),
        }
    }

    /// Whether it is told of single deployments.
    pub const fn is_of_deployments(self) -> bool {
        match self {
            Self::Started
            | Self::Stopped
            | Self::Failed
            | Self::Stalled
            | Self::Blocked
            | Self::Contested
            | Self::Late => true,
            Self::Held
            | Self::CredentialsRefused
            | Self::DesiredFileRefused
            | Self::LedgerStuck
            | Self::LeaderChanged => false,
        }
    }

    /// What undoes it, where it is no state that lasts but a step.
    pub const fn opposite(self) -> Option<Self> {
        match self {
            Self::Started => Some(Self::Stopped),
            Self::Stopped => Some(Self::Started),
            Self::Failed
            | Self::Stalled
            | Self::Blocked
            | Self::Contested
            | Self::Late
            | Self::Held
            | Self::CredentialsRefused
            | Self::DesiredFileRefused
            | Self::LedgerStuck
            | Self::LeaderChanged => None,
        }
    }

    /// Whether it is told when it is over, too.
    pub const fn lasts(self) -> bool {
        self.opposite().is_none() && !matches!(self, Self::LeaderChanged)
    }

    /// How much it matters; what is over is good to know.
    pub const fn severity(self, phase: Phase) -> Severity {
        match (phase, self) {
            (Phase::Over, _)
            | (Phase::Begun, Self::Started | Self::Stopped | Self::LeaderChanged) => Severity::Info,
            (Phase::Begun, Self::Late | Self::Held | Self::DesiredFileRefused) => Severity::Warning,
            (
                Phase::Begun,
                Self::Failed
                | Self::Stalled
                | Self::Blocked
                | Self::Contested
                | Self::CredentialsRefused
                | Self::LedgerStuck,
            ) => Severity::Error,
        }
    }

    /// What kinds of deployments say of `subject`, which is one deployment's name, or how many
    /// there are; and what the others say, for which `subject` does not matter but for accounts.
    pub fn title(self, phase: Phase, subject: &str, many: bool) -> String {
        let (is, has) = if many { ("are", "have") } else { ("is", "has") };
        match (self, phase) {
            (Self::Started, _) => format!("{subject} {is} running"),
            (Self::Stopped, _) => format!("{subject} {is} stopped"),
            (Self::Failed, Phase::Begun) => format!("{subject} {has} failed"),
            (Self::Failed, Phase::Over) => format!("{subject} {is} no longer reported as failed"),
            (Self::Stalled, Phase::Begun) => format!("{subject} {is} stalled"),
            (Self::Stalled, Phase::Over) => format!("{subject} {is} no longer reported as stalled"),
            (Self::Blocked, Phase::Begun) => format!("{subject} cannot be acted on"),
            (Self::Blocked, Phase::Over) => format!("{subject} {is} no longer reported as blocked"),
            (Self::Contested, Phase::Begun) => format!("{subject} {is} contested"),
            (Self::Contested, Phase::Over) => {
                format!("{subject} {is} no longer reported as contested")
            }
            (Self::Late, Phase::Begun) => format!("{subject} {is} late"),
            (Self::Late, Phase::Over) => format!("{subject} {is} no longer late"),
            (Self::Held, Phase::Begun) => "A change of the desired file is held".to_owned(),
            (Self::Held, Phase::Over) => {
                "No change of the desired file is held any more".to_owned()
            }
            (Self::CredentialsRefused, Phase::Begun) => {
                format!("The API refuses the key of {subject}")
            }
            (Self::CredentialsRefused, Phase::Over) => {
                format!("The API accepts the key of {subject} again")
            }
            (Self::DesiredFileRefused, Phase::Begun) => "The desired file is refused".to_owned(),
            (Self::DesiredFileRefused, Phase::Over) => "The desired file is mended".to_owned(),
            (Self::LedgerStuck, Phase::Begun) => "The ledger cannot be written".to_owned(),
            (Self::LedgerStuck, Phase::Over) => "The ledger can be written again".to_owned(),
            (Self::LeaderChanged, _) => "Another process leads".to_owned(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
