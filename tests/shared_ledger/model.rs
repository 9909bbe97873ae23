//! The protocol as a model: what two or three machines may do next. It shares no code with
//! `ledger::shared`: it is the argument, and the other tests are about the code.
//!
//! The budget is one start in a window. A machine makes a few steps a tick, or none, which is
//! a pause; what it has read may be old by the time that it writes.

/// In ticks: for how long a silent leader is left alone, …
pub(super) const LEASE: u8 = 2;
/// … how long it may act after it sent its last renewal, …
pub(super) const RIGHT: u8 = 1;
/// … and for how long a start counts.
pub(super) const WINDOW: u8 = 3;

/// How much a machine does in a tick: enough to take over and to reserve a start.
pub(super) const STEPS: u8 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lie {
    None,
    /// Once it leads a machine acts, whatever its lease or its append says.
    Flag,
    /// Writes bear no version.
    BlindWrites,
    /// An append of unknown outcome counts as done.
    UnknownIsYes,
    /// A start of which no answer came counts as never sent.
    UnknownIsNo,
    /// How long ago the past is goes by wall clocks, of which one is a window ahead.
    WallClock,
}

/// The one start that the ledger tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Spent {
    Never,
    Open(u8),
    Settled(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Head {
    pub(super) epoch: u8,
    pub(super) holder: u8,
    pub(super) spent: Spent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Versioned<T> {
    pub(super) value: T,
    pub(super) version: u8,
}

impl<T> Versioned<T> {
    fn put_if(&mut self, value: T, version: u8) -> bool {
        let fits = self.version == version;
        if fits {
            *self = Self { value, version: version + 1 };
        }
        fits
    }
}

/// What leads: its epoch, the versions that it knows, and until when it may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Leader {
    pub(super) epoch: u8,
    pub(super) holder: u8,
    pub(super) head: u8,
    pub(super) lease: u8,
    pub(super) right: u8,
    pub(super) spent: Spent,
    /// Until when a start that was let out may leave.
    pub(super) send_by: Option<u8>,
}

impl Leader {
    fn head_with(&self, spent: Spent) -> Head {
        Head { epoch: self.epoch, holder: self.holder, spent }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    /// The versions of lease and head, and when each was first seen.
    Follows(Option<[(u8, u8); 2]>),
    /// Has the lease: its version, and the right that comes with it.
    Claimed {
        lease: u8,
        right: u8,
        seen: (u8, u8),
        head: Versioned<Head>,
    },
    Leads(Leader),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) time: u8,
    pub(super) head: Versioned<Head>,
    /// Who holds it.
    pub(super) lease: Versioned<Option<u8>>,
    /// Writes of the head that may still arrive, and the versions that guard them.
    pub(super) late: Vec<(Head, u8)>,
    /// What each is, and how many steps of this tick it has made.
    pub(super) machines: Vec<(Role, u8)>,
    pub(super) troubles: u8,
    pub(super) arrived: Option<u8>,
    pub(super) senders: u8,
    pub(super) broken: Option<Broken>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Broken {
    Window,
    Deposed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fate {
    Done,
    LostAnswer,
    Lost,
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Act {
    Look,
    Claim,
    Raise(Fate),
    Renew(Fate),
    Append(Fate),
    Settle,
    Send { answered: bool },
    HandOver,
    Crash,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Tick,
    Arrives,
    Of(usize, Act),
}

#[derive(Clone, Debug)]
pub(super) struct Machines {
    pub(super) count: u8,
    pub(super) horizon: u8,
    pub(super) troubles: u8,
    pub(super) lie: Lie,
}

impl Machines {
    pub(super) fn acts(&self, state: &State, role: &Role) -> Vec<Act> {
        let trouble = state.troubles < self.troubles;
        let mut acts = match role {
            Role::Follows(None) => vec![Act::Look],
            Role::Follows(Some(seen)) => {
                let news = look(state, Some(*seen)) != *seen;
                let free = state.lease.value.is_none() || state.time - seen[0].1 >= LEASE;
                [news.then_some(Act::Look), free.then_some(Act::Claim)]
                    .into_iter()
                    .flatten()
                    .collect()
            }
            Role::Claimed { .. } if trouble => {
                [Fate::Done, Fate::LostAnswer, Fate::Late].map(Act::Raise).into()
            }
            Role::Claimed { .. } => vec![Act::Raise(Fate::Done)],
            Role::Leads(leader) => self.leads(state, leader, trouble),
        };
        // One that follows loses nothing by it that a pause would not cost.
        if trouble && !matches!(role, Role::Follows(_)) {
            acts.push(Act::Crash);
        }
        acts
    }

    fn leads(&self, state: &State, leader: &Leader, trouble: bool) -> Vec<Act> {
        // Again in the same tick would change nothing.
        let renews = state.time + RIGHT > leader.right;
        let mut acts = Vec::new();
        if renews {
            acts.push(Act::Renew(Fate::Done));
        }
        if leader.send_by.is_some() {
            acts.push(Act::Send { answered: true });
            if trouble {
                acts.push(Act::Send { answered: false });
            }
            return acts;
        }
        acts.push(Act::HandOver);
        let open = match leader.spent {
            Spent::Never => true,
            Spent::Open(_) => false,
            Spent::Settled(at) => state.time >= at.saturating_add(WINDOW),
        };
        let entitled = state.time < leader.right || self.lie == Lie::Flag;
        if leader.spent != state.head.value.spent && entitled {
            acts.push(Act::Settle);
        }
        if open && entitled {
            acts.push(Act::Append(Fate::Done));
            if trouble {
                acts.extend([Fate::LostAnswer, Fate::Lost, Fate::Late].map(Act::Append));
            }
        }
        if trouble && renews {
            acts.push(Act::Renew(Fate::LostAnswer));
        }
        acts
    }

    pub(super) fn step(&self, state: &mut State, of: usize, act: Act) {
        let unsure = match act {
            Act::Raise(fate) | Act::Renew(fate) | Act::Append(fate) => fate != Fate::Done,
            Act::Send { answered } => !answered,
            Act::Crash => true,
            Act::Look | Act::Claim | Act::Settle | Act::HandOver => false,
        };
        state.troubles += u8::from(unsure);
        let role = state.machines[of].0;
        let role = match (role, act) {
            (Role::Follows(seen), Act::Look) => Role::Follows(Some(look(state, seen))),
            (Role::Follows(Some([(version, _), seen])), Act::Claim) => {
                let holder = u8::try_from(of).ok();
                if state.lease.put_if(holder, version) {
                    let right = state.time + RIGHT;
                    Role::Claimed { lease: version + 1, right, seen, head: state.head }
                } else {
                    Role::Follows(None)
                }
            }
            (Role::Claimed { lease, right, seen, head }, Act::Raise(fate)) => {
                self.raise(state, of, (lease, right), seen, head, fate)
            }
            (Role::Leads(leader), Act::Renew(fate)) => renew(state, of, leader, fate),
            (Role::Leads(leader), Act::Append(fate)) => self.append(state, leader, fate),
            (Role::Leads(leader), Act::Send { answered }) => self.send(state, of, leader, answered),
            (Role::Leads(leader), Act::Settle) => self.settle(state, leader),
            (Role::Leads(leader), Act::HandOver) => {
                state.lease.put_if(None, leader.lease);
                Role::Follows(None)
            }
            (_, _) => Role::Follows(None),
        };
        state.machines[of].0 = role;
        state.machines[of].1 += 1;
    }

    /// Writes the next epoch over what was read, and charges what is known of the past.
    fn raise(
        &self,
        state: &mut State,
        of: usize,
        (lease, right): (u8, u8),
        (seen, since): (u8, u8),
        head: Versioned<Head>,
        fate: Fate,
    ) -> Role {
        let now = state.time;
        let watched = if seen == head.version { since } else { now };
        let ahead = if of == 1 { WINDOW } else { 0 };
        let spent = match (head.value.spent, self.lie) {
            (Spent::Never, _) => Spent::Never,
            (Spent::Open(at) | Spent::Settled(at), Lie::WallClock) => {
                Spent::Settled(at.saturating_sub(ahead))
            }
            (Spent::Open(_), _) => Spent::Settled(now),
            (Spent::Settled(_), _) => Spent::Settled(watched),
        };
        let holder = u8::try_from(of).unwrap();
        let value = Head { epoch: head.value.epoch + 1, holder, ..head.value };
        if !self.put_fated(state, value, head.version, fate) || fate != Fate::Done {
            return Role::Follows(None);
        }
        let (epoch, head) = (value.epoch, state.head.version);
        Role::Leads(Leader { epoch, holder, head, lease, right, spent, send_by: None })
    }

    pub(super) fn put_head(&self, state: &mut State, value: Head, version: u8) -> bool {
        let version = if self.lie == Lie::BlindWrites { state.head.version } else { version };
        state.head.put_if(value, version)
    }

    fn put_fated(&self, state: &mut State, value: Head, version: u8, fate: Fate) -> bool {
        match fate {
            Fate::Done | Fate::LostAnswer => self.put_head(state, value, version),
            Fate::Lost => false,
            Fate::Late => {
                state.late.push((value, version));
                false
            }
        }
    }

    /// Reserves a start.
    fn append(&self, state: &mut State, leader: Leader, fate: Fate) -> Role {
        let now = state.time;
        let value = leader.head_with(Spent::Open(now));
        let written = self.put_fated(state, value, leader.head, fate);
        let send_by = Some(leader.right).filter(|_| self.lie != Lie::Flag).or(Some(u8::MAX));
        let let_out = Role::Leads(Leader { spent: Spent::Open(now), send_by, ..leader });
        match (fate, self.lie) {
            (_, Lie::Flag) => let_out,
            (Fate::Done, _) if written => match let_out {
                Role::Leads(leader) => Role::Leads(Leader { head: state.head.version, ..leader }),
                other => other,
            },
            (Fate::Done, _) => conflicted(state, leader),
            (_, Lie::UnknownIsYes) => let_out,
            (_, _) => Role::Leads(leader),
        }
    }

    /// Writes what became of the start.
    fn settle(&self, state: &mut State, leader: Leader) -> Role {
        if self.put_head(state, leader.head_with(leader.spent), leader.head) {
            return Role::Leads(Leader { head: state.head.version, ..leader });
        }
        conflicted(state, leader)
    }

    /// What was let out leaves, unless it is too late for that.
    fn send(&self, state: &mut State, of: usize, leader: Leader, answered: bool) -> Role {
        let now = state.time;
        if leader.send_by.is_some_and(|end| now >= end) {
            return Role::Leads(Leader { spent: Spent::Never, send_by: None, ..leader });
        }
        if state.arrived.is_some_and(|last| now - last < WINDOW) {
            state.broken = Some(Broken::Window);
        } else if state.head.value.epoch > leader.epoch {
            state.broken = Some(Broken::Deposed);
        }
        state.arrived = Some(now);
        state.senders |= 1 << of;
        let never = self.lie == Lie::UnknownIsNo && !answered;
        let spent = if never { Spent::Never } else { Spent::Settled(now) };
        Role::Leads(Leader { spent, send_by: None, ..leader })
    }
}

/// Another one's epoch deposes; what arrived of its own after all is written over.
pub(super) fn conflicted(state: &State, leader: Leader) -> Role {
    let Head { epoch, holder, .. } = state.head.value;
    if (epoch, holder) == (leader.epoch, leader.holder) {
        return Role::Leads(Leader { head: state.head.version, ..leader });
    }
    Role::Follows(None)
}

pub(super) fn look(state: &State, seen: Option<[(u8, u8); 2]>) -> [(u8, u8); 2] {
    let since = |place: usize, version: u8| match seen {
        Some(seen) if seen[place].0 == version => seen[place],
        Some(_) | None => (version, state.time),
    };
    [since(0, state.lease.version), since(1, state.head.version)]
}

pub(super) fn renew(state: &mut State, of: usize, leader: Leader, fate: Fate) -> Role {
    let holder = u8::try_from(of).ok();
    let written = state.lease.put_if(holder, leader.lease);
    let lease = state.lease.version;
    match fate {
        Fate::Done if written => Role::Leads(Leader { lease, right: state.time + RIGHT, ..leader }),
        // An earlier renewal of its own, of which no answer came.
        Fate::Done if state.lease.value == holder => Role::Leads(Leader { lease, ..leader }),
        Fate::Done => Role::Follows(None),
        Fate::LostAnswer | Fate::Lost | Fate::Late => Role::Leads(leader),
    }
}
