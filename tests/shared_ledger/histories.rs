//! Each history of the model up to a horizon, in breadth-first order, with pauses at any step and a
//! few troubles. And wrong rules, which it must find.

use stateright::{Checker, HasDiscoveries, Model, Property};

use super::model::{
    Broken, Head, LEASE, Lie, Machines, Role, STEPS, Spent, State, Step, Versioned, WINDOW,
};

impl State {
    /// Gives states one form that cannot be told apart by what may follow: of a version it matters
    /// whether it is the present one, of what is over only that it is.
    fn simplify(&mut self) {
        let now = self.time;
        let (head, lease) = (self.head.version, self.lease.version);
        let fresh = |version: &mut u8, present: u8| *version = u8::from(*version == present);
        for (role, _) in &mut self.machines {
            match role {
                Role::Follows(None) => (),
                Role::Follows(Some([(of_lease, first), (of_head, since)])) => {
                    fresh(of_lease, lease);
                    fresh(of_head, head);
                    *first = (*first).max(now.saturating_sub(LEASE));
                    *since = (*since).max(now.saturating_sub(WINDOW));
                }
                Role::Claimed { lease: held, seen: (of_head, since), head: read, .. } => {
                    fresh(held, lease);
                    // It is compared with what was read.
                    let same = *of_head == read.version;
                    fresh(&mut read.version, head);
                    *of_head = if same { read.version } else { u8::MAX };
                    *since = (*since).max(now.saturating_sub(WINDOW));
                }
                Role::Leads(leader) => {
                    fresh(&mut leader.lease, lease);
                    fresh(&mut leader.head, head);
                    leader.right = leader.right.max(now);
                    let over = |at: u8| now - at.min(now) >= WINDOW;
                    if matches!(leader.spent, Spent::Settled(at) if over(at)) {
                        leader.spent = Spent::Never;
                    }
                }
            }
        }
        self.late.iter_mut().for_each(|(_, guard)| fresh(guard, head));
        (self.head.version, self.lease.version) = (1, 1);
        self.arrived = self.arrived.filter(|at| now - at < WINDOW);
    }
}

impl Model for Machines {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let follows = (Role::Follows(None), 0);
        vec![State {
            time: 0,
            head: Versioned {
                value: Head { epoch: 0, holder: 0, spent: Spent::Never },
                version: 1,
            },
            lease: Versioned { value: None, version: 1 },
            late: Vec::new(),
            machines: vec![follows; self.count.into()],
            troubles: 0,
            arrived: None,
            senders: 0,
            broken: None,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.time < self.horizon {
            steps.push(Step::Tick);
        }
        if !state.late.is_empty() {
            steps.push(Step::Arrives);
        }
        for (of, (role, made)) in state.machines.iter().enumerate() {
            if *made < STEPS {
                steps.extend(self.acts(state, role).into_iter().map(|act| Step::Of(of, act)));
            }
        }
    }

    fn next_state(&self, before: &State, step: Step) -> Option<State> {
        let mut state = before.clone();
        match step {
            Step::Tick => {
                state.time += 1;
                state.machines.iter_mut().for_each(|(_, made)| *made = 0);
            }
            Step::Arrives => {
                let (value, version) = state.late.remove(0);
                self.put_head(&mut state, value, version);
            }
            Step::Of(of, act) => self.step(&mut state, of, act),
        }
        state.simplify();
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(ONCE, |_, state: &State| state.broken != Some(Broken::Window)),
            Property::always(DEPOSED, |_, state: &State| state.broken != Some(Broken::Deposed)),
            Property::sometimes(GOES_ON, |_, state: &State| state.senders.count_ones() > 1),
        ]
    }
}

const ONCE: &str = "no two starts arrive in a window";
const DEPOSED: &str = "no machine sends that was deposed";
const GOES_ON: &str = "one machine goes on where another was";

#[test]
fn no_history_of_the_model_spends_twice() {
    for (count, horizon, troubles) in [(2, 5, 1), (3, 3, 0)] {
        let machines = Machines { count, horizon, troubles, lie: Lie::None };
        let checker = machines.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
        let checker = checker.spawn_bfs().join();
        let states = checker.unique_state_count();
        eprintln!("{count} machines: {states} states, depth {}", checker.max_depth());
        checker.assert_no_discovery(ONCE);
        checker.assert_no_discovery(DEPOSED);
        assert_eq!(checker.discovery(GOES_ON).is_some(), horizon == 5, "not enough happened");
        assert!(states > 10_000, "{states}");
    }
}

#[test]
fn each_wrong_rule_has_a_history_that_spends_twice() {
    for lie in [Lie::Flag, Lie::BlindWrites, Lie::UnknownIsYes, Lie::UnknownIsNo, Lie::WallClock] {
        let machines = Machines { count: 2, horizon: 5, troubles: 1, lie };
        let checker = machines.checker().threads(2).finish_when(HasDiscoveries::AnyFailures);
        let checker = checker.spawn_bfs().join();
        let found = checker.discovery(ONCE);
        let found = found.or_else(|| checker.discovery(DEPOSED));
        let states = checker.unique_state_count();
        eprintln!(
            "{lie:?}: {:?} steps, {states} states",
            found.as_ref().map(|path| path.clone().into_actions().len())
        );
        assert!(found.is_some(), "{lie:?}");
    }
}
