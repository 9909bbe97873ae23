//! Network namespaces: sites, each with a link of its own to the API and another to the ledger's
//! engine, which can be taken down.

use std::fs::File;
use std::os::fd::AsFd as _;
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::harness::Process;
use crate::system::by;

/// Where the members of an engine listen, apart from all else, so that the way to them can be cut.
pub(crate) const ENGINE: &str = "127.0.0.2";

/// Plain HTTP is for addresses of loopback only, so here they lead from one namespace to another.
const ROUTES: &str = "echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet";

/// Namespaces that are held open by processes.
pub(crate) struct Network {
    _home: Process,
    sites: Vec<Process>,
}

/// From a site, by its own interface of this name, to an address at home.
struct Link {
    name: &'static str,
    net: u8,
    home: &'static str,
}

const API: Link = Link { name: "api", net: 1, home: "127.0.0.1" };
const LEDGER: Link = Link { name: "ledger", net: 2, home: ENGINE };

impl Link {
    /// Of the site's end.
    fn address(&self, site: usize) -> String {
        format!("127.{}.{site}.1", self.net)
    }

    fn lay(&self, site: usize, holder: u32) {
        let (Self { name, home, .. }, address) = (self, self.address(site));
        shell(&format!(
            "ip link add {name}{site} type veth peer name {name} netns {holder}
            nsenter -t {holder} -n sh -ec '
                ip address add {address}/32 dev {name}
                ip link set {name} up
                ip route add {home} dev {name} src {address}'"
        ));
        self.up(site);
    }

    fn up(&self, site: usize) {
        let (Self { name, home, .. }, address) = (self, self.address(site));
        shell(&format!(
            "ip link set {name}{site} up; ip route add {address} dev {name}{site} src {home}"
        ));
    }

    /// At home, so that the site has a cable that leads nowhere: what it sends is lost.
    fn down(&self, site: usize) {
        shell(&format!("ip link set {}{site} down", self.name));
    }
}

impl Network {
    /// Does `work` at home, which has no way out but to so many sites; in the namespace of this
    /// process, with none, where nobody may make one, which is said.
    #[expect(clippy::print_stderr, reason = "whoever looks for it is to know that it was skipped")]
    pub(crate) fn within(sites: usize, work: impl FnOnce(Option<Self>) + Send) {
        let script = format!("{ROUTES}; ip link add type veth");
        let tried = Command::new("unshare").args(["-n", "sh", "-ec", &script]).output().unwrap();
        if !tried.status.success() {
            let why = String::from_utf8_lossy(&tried.stderr);
            eprintln!("skipped: no network namespaces can be made here: {}", why.trim());
            return work(None);
        }
        let home = holder(&format!(
            "ip link set lo up
            ip address flush dev lo
            ip address add 127.0.0.1/32 dev lo
            ip address add {ENGINE}/32 dev lo"
        ));
        let namespace = File::open(format!("/proc/{}/ns/net", home.pid())).unwrap();
        // Only this thread, and what it starts.
        let enter = move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            let sites = (0..sites).map(site).collect();
            work(Some(Self { _home: home, sites }))
        };
        std::thread::scope(|scope| scope.spawn(enter).join().unwrap());
    }

    /// `command`, at a site, listening where home finds it.
    pub(crate) fn enter(&self, site: usize, command: &mut Command) -> Command {
        command.env("EVENKEEL_LISTEN", format!("{}:0", API.address(site)));
        by(&["nsenter", "-t", &self.sites[site].pid().to_string(), "-n", "--"], command)
    }

    /// Takes the engine from a site, and only that.
    pub(crate) fn cut(&self, site: usize) {
        LEDGER.down(site);
    }

    pub(crate) fn mend(&self, site: usize) {
        LEDGER.up(site);
    }
}

/// A namespace with nothing in it, and what the shell script `then` does there.
fn holder(then: &str) -> Process {
    let script = format!("set -e; {ROUTES}; {then}; echo made; exec sleep infinity");
    let mut holder = Process::start(Command::new("unshare").args(["-n", "sh", "-c", &script]));
    holder.printed("made");
    holder
}

fn site(number: usize) -> Process {
    let site = holder("true");
    [API, LEDGER].iter().for_each(|link| link.lay(number, site.pid()));
    site
}

fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
}
