//! Three daemons, one budget, a real etcd or Kubernetes: whoever leads dies, sleeps, is told to end
//! or is cut off from etcd, and etcd itself loses members. The simulator's audit is never above the
//! limit.

use std::time::Duration;

use rustix::process::Signal;

use crate::api::Api;
use crate::etcd::Cluster;
use crate::harness::{Daemon, Scratch, World, now, try_http, wait};
use crate::kubernetes::{Namespace, in_stand_in};
use crate::network::Network;

/// Fail-over takes about as long.
const LEASE: Duration = Duration::from_secs(5);

const IDS: [&str; 3] = ["w41b11c0", "b1f77113", "mdfba81f"];

struct Machines {
    world: World,
    daemons: Vec<Option<Daemon>>,
    /// Has a site for each daemon.
    network: Option<Network>,
}

impl Machines {
    /// `ledger` is the key of that name.
    fn new(daemons: usize, net: Option<Network>, ledger: impl FnOnce(&Scratch) -> String) -> Self {
        let flags: Vec<_> = IDS.map(|id| format!("--deployment={id}=running")).into();
        let world = World::new(&flags.iter().map(String::as_str).collect::<Vec<_>>());
        let ledger = ledger(&world.scratch);
        // Somebody at the console keeps turning them back here.
        let guards = "guards: { contested: { reversals: 1000000 } }";
        world.configure("limits:\n", &format!("{ledger}\n{guards}\nlimits:\n"));
        world.desire(&IDS.map(|id| format!("  {id}: running\n")).concat());
        let mut machines = Self { world, daemons: Vec::new(), network: net };
        for number in 0..daemons {
            let daemon = machines.start(number);
            machines.daemons.push(Some(daemon));
        }
        machines
    }

    fn start(&self, number: usize) -> Daemon {
        let state = self.world.scratch.path(&format!("state-{number}"));
        self.world.run_with(|command| {
            command.env("EVENKEEL_STATE_DIR", state);
            if let Some(network) = &self.network {
                *command = network.enter(number, command);
            }
        })
    }

    fn restart(&mut self, number: usize) {
        self.daemons[number] = Some(self.start(number));
    }

    fn daemon(&self, number: usize) -> &Daemon {
        self.daemons[number].as_ref().unwrap()
    }

    /// Waits until another one than `but` leads; which, and how long it took.
    fn leader(&self, but: Option<usize>) -> (usize, Duration) {
        let began = now();
        let leads = |daemon: &Daemon| {
            let metrics = try_http(&daemon.address, "GET", "/metrics");
            metrics.is_ok_and(|(_, text)| text.contains("\nevenkeel_leader 1\n"))
        };
        let leader = wait("a leader", || {
            let mut running = (0..self.daemons.len()).filter(|number| Some(*number) != but);
            running.find(|number| self.daemons[*number].as_ref().is_some_and(leads))
        });
        (leader, now() - began)
    }

    /// As a supervisor does: starts those again that have ended, as the deposed do.
    fn supervise(&mut self) {
        for number in 0..self.daemons.len() {
            let mut daemon = self.daemons[number].take().unwrap();
            if daemon.process.has_ended() {
                assert_eq!(daemon.process.ended(), Some(3), "{}", daemon.process.output());
                daemon = self.start(number);
            }
            self.daemons[number] = Some(daemon);
        }
    }

    /// Somebody turns all of them off, so that starts are wanted.
    fn disturb(&self) {
        for id in IDS {
            self.world.console(id, "stopped");
        }
    }

    fn converge(&self) {
        let (leader, _) = self.leader(None);
        self.daemon(leader).converges(IDS.len());
    }
}

/// The key `ledger` for daemons that share one in this cluster.
fn in_etcd(etcd: &Cluster) -> impl FnOnce(&Scratch) -> String {
    let endpoints = etcd.endpoints().join(", ");
    move |_| format!("ledger: {{ lease: 5s, etcd: {{ endpoints: [{endpoints}] }} }}")
}

/// How many fail-overs: each of so many kinds once; `EVENKEEL_FAILOVERS=100` for a long look.
fn rounds(kinds: usize) -> usize {
    let told = std::env::var("EVENKEEL_FAILOVERS").ok().and_then(|text| text.parse().ok());
    told.unwrap_or(kinds)
}

/// What comes over those who lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Killed,
    Stopped,
    Told,
    /// etcd loses a member, and the leader need not change.
    MemberLost,
    /// etcd loses two, and with them the quorum, for longer than the lease.
    QuorumLost,
    /// The leader loses etcd, and only that, until another one has acted.
    Partitioned,
}

impl Trouble {
    /// Those of the process alone, whatever the engine.
    const OWN: [Self; 3] = [Self::Killed, Self::Stopped, Self::Told];

    const OF_ETCD: [Self; 2] = [Self::MemberLost, Self::QuorumLost];
}

impl Machines {
    /// Lets it come over the leader, or over etcd. How long it took until somebody acted again.
    fn suffers(&mut self, trouble: Trouble, round: usize, etcd: Option<&mut Cluster>) -> Duration {
        let (leader, _) = self.leader(None);
        match (trouble, etcd) {
            (Trouble::Killed, _) => {
                self.daemons[leader].take().unwrap().process.kill();
                self.succeeded(leader)
            }
            (Trouble::Stopped, _) => {
                let mut daemon = self.daemons[leader].take().unwrap();
                daemon.process.signal(Signal::STOP);
                let took = self.leader(Some(leader)).1;
                daemon.process.signal(Signal::CONT);
                assert_eq!(daemon.process.ended(), Some(3), "{}", daemon.process.output());
                assert!(daemon.process.output().contains("another process leads"));
                self.restart(leader);
                took
            }
            (Trouble::Told, _) => {
                let mut daemon = self.daemons[leader].take().unwrap();
                daemon.process.signal(Signal::TERM);
                let took = self.succeeded(leader);
                assert_eq!(daemon.process.ended(), Some(0), "{}", daemon.process.output());
                took
            }
            (Trouble::MemberLost, Some(etcd)) => {
                etcd.kill(round % 3);
                let took = self.acts();
                self.converge();
                etcd.start(round % 3);
                etcd.is_healthy();
                took
            }
            (Trouble::QuorumLost, Some(etcd)) => self.loses_the_quorum(round, etcd),
            (Trouble::Partitioned, _) => self.is_cut_off(leader),
            (Trouble::MemberLost | Trouble::QuorumLost, None) => unreachable!("{trouble:?}"),
        }
    }

    fn loses_the_quorum(&mut self, round: usize, etcd: &mut Cluster) -> Duration {
        let lost = [round % 3, (round + 1) % 3];
        lost.into_iter().for_each(|member| etcd.kill(member));
        let ready = |daemon: &Daemon| daemon.get("/readyz").0 == 200;
        wait("all to say so", || (!self.daemons.iter().flatten().any(ready)).then_some(()));
        let posts = self.world.posts();
        self.world.lets_pass(LEASE);
        assert_eq!(self.world.posts(), posts, "sent without a quorum");
        lost.into_iter().for_each(|member| etcd.start(member));
        etcd.is_healthy();
        let took = self.acts();
        self.are_ready();
        took
    }

    fn is_cut_off(&mut self, leader: usize) -> Duration {
        let mut daemon = self.daemons[leader].take().unwrap();
        let network = self.network.as_ref().unwrap();
        network.cut(leader);
        let (_, took) = self.leader(Some(leader));
        assert_eq!(daemon.get("/readyz").0, 503);
        // By the way on which this is asked it reaches the API, so nothing but the ledger holds it.
        let calls = |daemon: &Daemon| {
            let (_, metrics) = daemon.get("/metrics");
            let call = |line: &&str| {
                line.starts_with("evenkeel_api_requests_total") && !line.contains("never_left")
            };
            metrics.lines().filter(call).collect::<Vec<_>>().join("\n")
        };
        let at_rest = || (daemon.view()["accounts"][0]["inFlight"] == 0).then_some(());
        wait("the calls under way", at_rest);
        let before = calls(&daemon);
        let posts = self.world.posts().len();
        self.disturb();
        wait("the other one to act", || (self.world.posts().len() > posts).then_some(()));
        assert_eq!(calls(&daemon), before, "sent without a right to");
        network.mend(leader);
        assert_eq!(daemon.process.ended(), Some(3), "{}", daemon.process.output());
        assert!(daemon.process.output().contains("another process leads"));
        self.restart(leader);
        took
    }

    /// Waits until all are ready. Who led may have been deposed: nobody could renew the lease while
    /// there was no quorum.
    fn are_ready(&mut self) {
        wait("all to be ready again", || {
            self.supervise();
            let ready = |daemon: &Daemon| {
                try_http(&daemon.address, "GET", "/readyz").is_ok_and(|(code, _)| code == 200)
            };
            self.daemons.iter().flatten().all(ready).then_some(())
        });
    }

    fn succeeded(&mut self, leader: usize) -> Duration {
        let (_, took) = self.leader(Some(leader));
        self.restart(leader);
        took
    }

    /// Waits until somebody leads and can write its ledger; starts again who was deposed. How long
    /// that took.
    fn acts(&mut self) -> Duration {
        let began = now();
        wait("a leader that can write", || {
            self.supervise();
            let acts = |daemon: &Daemon| {
                let metrics = try_http(&daemon.address, "GET", "/metrics");
                metrics.is_ok_and(|(_, text)| {
                    let says = |line: &str| text.contains(&format!("\n{line} 1\n"));
                    says("evenkeel_leader") && says("evenkeel_ledger_writable")
                })
            };
            self.daemons.iter().flatten().any(acts).then_some(())
        });
        now() - began
    }
}

/// The least, the middle and the most.
fn spread(times: &mut [Duration]) -> Option<[Duration; 3]> {
    times.sort_unstable();
    Some([*times.first()?, times[times.len() / 2], *times.last()?])
}

#[test]
fn whatever_becomes_of_the_leader_another_goes_on_within_the_budget() {
    Network::within(3, |network| {
        let mut etcd = Cluster::new(3);
        let machines = Machines::new(3, network, in_etcd(&etcd));
        another_goes_on(machines, Some(&mut etcd), || ());
    });
}

#[test]
fn in_the_stand_in_of_kubernetes_another_goes_on_as_well() {
    let api = Api::new("a token");
    another_goes_on(Machines::new(3, None, |scratch| in_stand_in(&api, scratch)), None, || ());
    let lease = api.object("leases", "evenkeel");
    let changes = lease["spec"]["leaseTransitions"].as_u64().unwrap();
    assert!(changes >= u64::try_from(rounds(Trouble::OWN.len())).unwrap(), "{lease}");
}

/// What is deployed there is applied again and again meanwhile, as GitOps does.
#[test]
#[expect(clippy::print_stderr, reason = "it is what people look at")]
fn in_kubernetes_another_goes_on_as_well() {
    let Some(namespace) = Namespace::new() else { return };
    let machines = Machines::new(3, None, |scratch| namespace.ledger(scratch));
    another_goes_on(machines, None, || namespace.apply_again());
    eprint!("{}", namespace.kubectl(&["get", "lease,configmap"]));
}

#[expect(clippy::print_stderr, reason = "how long it took is what people want to know of it")]
fn another_goes_on(mut machines: Machines, mut etcd: Option<&mut Cluster>, meanwhile: impl Fn()) {
    let mut kinds = Trouble::OWN.to_vec();
    kinds.extend(etcd.iter().flat_map(|_| Trouble::OF_ETCD));
    kinds.extend(machines.network.iter().map(|_| Trouble::Partitioned));
    machines.converge();
    let mut took: Vec<(Trouble, Duration)> = Vec::new();
    for round in 0..rounds(kinds.len()) {
        machines.disturb();
        meanwhile();
        let trouble = kinds[round % kinds.len()];
        took.push((trouble, machines.suffers(trouble, round, etcd.as_deref_mut())));
        machines.world.assert_within_budget();
    }
    for trouble in kinds {
        let of = took.iter().filter(|(one, _)| *one == trouble).map(|(_, time)| *time);
        let mut times: Vec<_> = of.collect();
        let spread = spread(&mut times);
        eprintln!("{trouble:?}: {} times, least, middle and most {spread:?}", times.len());
        // Until the lease is over; the rest is for a machine that is busy with other tests.
        if [Trouble::Killed, Trouble::Stopped, Trouble::Partitioned].contains(&trouble) {
            assert!(times.iter().all(|time| *time < LEASE * 2), "{times:?}");
        }
    }
    machines.acts();
    // No edit is lost.
    machines.world.desire(&IDS.map(|id| format!("  {id}: stopped\n")).concat());
    wait("the edit to be in force", || {
        let (leader, _) = machines.leader(None);
        let view = machines.daemon(leader).view();
        let wanted = |one: &serde_json::Value| one["desired"]["state"] == "stopped";
        let held = view["guard"]["change"].as_str().map(str::to_owned);
        if let Some(change) = held {
            let all = IDS.map(|id| format!("  {id}: stopped\n")).concat();
            let text = format!("acknowledge: {change}\ndeployments:\n{all}");
            machines.world.scratch.write("desired.yaml", &text);
        }
        view["deployments"].as_array().unwrap().iter().all(wanted).then_some(())
    });
    machines.converge();
    machines.world.assert_within_budget();
}

#[test]
fn followers_are_ready_and_show_the_leaders_facts() {
    let etcd = Cluster::new(3);
    let machines = Machines::new(2, None, in_etcd(&etcd));
    let (leader, _) = machines.leader(None);
    let follower = 1 - leader;
    machines.daemon(leader).converges(IDS.len());
    machines.disturb();
    wait("a start by the leader", || (!machines.world.posts().is_empty()).then_some(()));
    let daemon = machines.daemon(follower);
    assert_eq!(daemon.get("/healthz").0, 200);
    wait("the follower to be ready", || (daemon.get("/readyz").0 == 200).then_some(()));
    assert!(daemon.get("/metrics").1.contains("\nevenkeel_leader 0\n"));
    wait("the follower to know the start", || {
        let (_, history) = daemon.get("/api/v1/history");
        history.contains("\"start\"").then_some(())
    });
    let view = daemon.view();
    assert_eq!(view["leader"], false);
    assert!(view["standby"]["leader"].is_string() && view["standby"]["asOf"].is_string(), "{view}");
    assert_eq!(view["deployments"].as_array().unwrap().len(), IDS.len());
    assert!(daemon.get("/").1.contains("This process stands by"));
    let posts = machines.world.posts().len();
    assert!(posts <= IDS.len(), "{posts}");
    machines.world.assert_within_budget();
}

#[test]
fn etcd_may_lose_a_member_and_without_a_quorum_nothing_is_sent() {
    let mut etcd = Cluster::new(3);
    let mut machines = Machines::new(2, None, in_etcd(&etcd));
    machines.converge();
    etcd.kill(0);
    machines.disturb();
    machines.converge();
    etcd.kill(1);
    for number in 0..2 {
        let daemon = machines.daemon(number);
        wait("readiness to say so", || (daemon.get("/readyz").0 == 503).then_some(()));
        assert_eq!(daemon.get("/healthz").0, 200);
        assert_eq!(daemon.get("/metrics").0, 200);
    }
    let posts = machines.world.posts();
    machines.disturb();
    machines.world.lets_pass(LEASE * 2);
    assert_eq!(machines.world.posts(), posts);
    etcd.start(0);
    etcd.start(1);
    etcd.is_healthy();
    wait("starts again", || (machines.world.posts().len() > posts.len()).then_some(()));
    machines.are_ready();
    machines.converge();
    machines.world.assert_within_budget();
}

/// A command that does one thing does not take the budget from a daemon.
#[test]
fn once_does_not_depose_a_daemon() {
    let etcd = Cluster::new(3);
    let machines = Machines::new(1, None, in_etcd(&etcd));
    machines.converge();
    let mut command = machines.world.command(&["once", "--timeout", "5s"]);
    command.env("EVENKEEL_STATE_DIR", machines.world.scratch.path("state-once"));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("leads; one at a time may spend the budget"), "{said}");
    assert_eq!(machines.leader(None).0, 0);
}
