//! A line of the log as plain data, and the vocabulary of its fields.

use tracing::Level;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How loud.
    pub level: Level,
    /// For people: a sentence without a full stop.
    pub message: String,
    /// For machines: what the sentence says, apart.
    pub fields: Fields,
}

/// Declares the vocabulary of fields once, and how they travel to tracing, which wants every name
/// of a field to be known at compile time.
macro_rules! fields {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty,)+) => {
        /// The fields of a line; those that are `None` are not written.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Fields {
            $($(#[doc = $doc])+ pub $name: Option<$type>,)+
        }

        impl Line {
            /// Hands the line to the log.
            pub fn emit(&self) {
                let Self { level, message, fields } = self;
                macro_rules! at {
                    ($constant:expr) => {
                        tracing::event!(
                            target: super::TARGET,
                            $constant,
                            $($name = fields.$name.as_ref(),)+
                            "{message}"
                        )
                    };
                }
                match *level {
                    Level::ERROR => at!(Level::ERROR),
                    Level::WARN => at!(Level::WARN),
                    Level::INFO => at!(Level::INFO),
                    Level::DEBUG => at!(Level::DEBUG),
                    Level::TRACE => at!(Level::TRACE),
                }
            }
        }
    };
}

fields! {
    /// The deployment's id.
    deployment: String,
    /// The account's name.
    account: String,
    /// The API's status word.
    status: String,
    /// The state that is wanted.
    desired: String,
    /// The status, state or reason before.
    was: String,
    /// The reason of the condition `Synced`.
    reason: String,
    /// Which part of the desired file says so.
    rule: String,
    /// The desired file's revision.
    revision: String,
    /// The id of a change of the desired file.
    change: String,
    /// The call's number.
    call: u64,
    /// `status`, `list`, `start` or `stop`.
    method: String,
    /// The HTTP status code.
    code: u64,
    /// How long a call took, in milliseconds.
    took_ms: u64,
    /// When it was seen, in UTC.
    at: String,
    /// Until when, in UTC.
    until: String,
    /// Until when a method is counted over the whole account, in UTC.
    widened_until: String,
    /// Since when, in UTC.
    since: String,
    /// How many.
    count: u64,
    /// What went wrong.
    fault: String,
}
