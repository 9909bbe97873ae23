//! What the loop is owed by those that wait for answers.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Command;
use crate::keel::call::{Answer, CallId, Outcome};
use crate::keel::reconciler::Event;

/// The answer to a call under way, given to the loop however the task that waits for it ends.
pub(super) struct Owed {
    id: CallId,
    answer: Option<Answer>,
    outbox: mpsc::UnboundedSender<Command>,
}

impl Owed {
    pub(super) fn new(id: CallId, outbox: mpsc::UnboundedSender<Command>) -> Self {
        Self { id, answer: None, outbox }
    }

    pub(super) fn settle(mut self, answer: Answer) {
        self.answer = Some(answer);
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        let answer = self.answer.take().unwrap_or_else(|| Answer {
            id: self.id,
            took: Duration::ZERO,
            outcome: Outcome::Unanswered(
                "a defect of evenkeel; what was printed beside the log says where".into(),
            ),
        });
        // A loop that has ended counts the call as unanswered when it starts again.
        let _ = self.outbox.send(Command::Event(Event::Answered(answer)));
    }
}
