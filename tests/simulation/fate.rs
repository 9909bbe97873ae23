//! What may become of a call.

use crate::generate::Choose;
use crate::setup::{Setup, Story, TIMEOUT};

/// The most that a request stays under way after its client gave up or died, in milliseconds:
/// `limits.lateness`, in the truth.
pub(crate) const LATENESS: u64 = 300_000;

/// How late a permit may be used, in milliseconds: `observe.confirm_within`.
pub(crate) const SEND_WITHIN: u64 = 10_000;

/// A process that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// Before the decision reaches the disk.
    BeforeCommit,
    /// The same, and a line is cut short.
    Torn,
    /// The records are durable, nothing was sent.
    BeforeSend,
    /// The request has just left.
    InFlight,
    /// The answer has come and was handled.
    Afterwards,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fate {
    /// How long after the commit it leaves.
    pub(crate) leaves: u64,
    /// How long it is on its way; `None`: it is lost.
    pub(crate) transit: Option<u64>,
    /// How long the answer is on its way; `None`: it is lost.
    pub(crate) back: Option<u64>,
    /// The connection cannot be made.
    pub(crate) unreachable: bool,
    /// The process stands still before it sends.
    pub(crate) pause: u64,
    /// It stands still once it has sent, and so finds the answer late.
    pub(crate) nap: u64,
    /// Somebody edits the desired file just then.
    pub(crate) edit: bool,
    /// The process ends, and perhaps the machine with it.
    pub(crate) crash: Option<(Crash, bool)>,
}

const SMOOTH: Fate = Fate {
    leaves: 0,
    transit: Some(50),
    back: Some(50),
    unreachable: false,
    pause: 0,
    nap: 0,
    edit: false,
    crash: None,
};

/// As late as it may leave, and as late as it may arrive.
const LATEST: Fate =
    Fate { leaves: SEND_WITHIN - 100, transit: Some(TIMEOUT + LATENESS), back: None, ..SMOOTH };

/// The short list: each kind of trouble at its worst.
pub(crate) const MENU: [Fate; 12] = [
    SMOOTH,
    Fate { crash: Some((Crash::BeforeCommit, false)), ..SMOOTH },
    Fate { crash: Some((Crash::Torn, false)), ..SMOOTH },
    Fate { crash: Some((Crash::BeforeSend, false)), ..SMOOTH },
    Fate { crash: Some((Crash::InFlight, false)), ..LATEST },
    Fate { crash: Some((Crash::InFlight, true)), ..LATEST },
    Fate { transit: None, ..SMOOTH },
    Fate { back: None, ..SMOOTH },
    LATEST,
    Fate { leaves: SEND_WITHIN - 100, transit: Some(TIMEOUT - 200), ..SMOOTH },
    Fate {
        leaves: SEND_WITHIN - 100,
        transit: Some(TIMEOUT - 200),
        crash: Some((Crash::Afterwards, true)),
        ..SMOOTH
    },
    Fate { pause: 40 * 60_000, ..SMOOTH },
];

/// Deals the fate of a call that acts, or of a read.
pub(crate) fn deal(setup: &Setup, acts: bool, calm: bool, chooser: &mut impl Choose) -> Fate {
    let trouble = if acts { setup.trouble } else { setup.read_trouble };
    match setup.story {
        _ if calm => SMOOTH,
        Story::Short if acts => chooser.pick(&MENU),
        Story::Short | Story::CrashLoop | Story::TakenBack => SMOOTH,
        Story::Long if trouble > 0 && chooser.once_in(trouble) => random(chooser, acts),
        Story::Long => Fate {
            transit: Some(chooser.below(2000) as u64),
            back: Some(chooser.below(2000) as u64),
            ..SMOOTH
        },
    }
}

fn random(chooser: &mut impl Choose, acts: bool) -> Fate {
    let ms = std::time::Duration::from_millis;
    let short = Fate {
        leaves: chooser.span(ms(SEND_WITHIN - 100)),
        transit: Some(chooser.span(ms(TIMEOUT))),
        back: Some(chooser.span(ms(TIMEOUT))),
        ..SMOOTH
    };
    let crash = chooser.pick(&[
        Crash::BeforeCommit,
        Crash::Torn,
        Crash::BeforeSend,
        Crash::InFlight,
        Crash::Afterwards,
    ]);
    let late = Some(chooser.span(ms(TIMEOUT + LATENESS)));
    match chooser.below(if acts { 8 } else { 6 }) {
        0 => Fate { transit: None, ..short },
        1 => Fate { back: None, ..short },
        2 => Fate { transit: late, ..short },
        3 => Fate { unreachable: true, ..short },
        4 => {
            let still = chooser.span(ms(2 * 3_600_000));
            let asleep = chooser.below(3) > 0;
            let (pause, nap) = if asleep { (0, still) } else { (still, 0) };
            Fate { pause, nap, ..short }
        }
        5 => Fate { edit: true, ..short },
        _ => {
            let reboot = chooser.once_in(2);
            Fate { transit: late, crash: Some((crash, reboot)), ..short }
        }
    }
}
