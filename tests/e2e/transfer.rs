//! The ledger moves from a file to etcd and back, and what was spent stays spent.

use std::process::Output;

use crate::etcd::Cluster;
use crate::harness::World;

const ID: &str = "w41b11c0";

const LIMITS: &str = "\
limits:
  status: { requests: 60, per: 3s }
  list:   { requests: 60, per: 3s }
  start:  { requests: 1, per: 3s }
";

/// A start holds for an hour here: longer than any test.
fn remembering(ledger: &str) -> String {
    format!(
        "{ledger}{}",
        LIMITS.replace("start:  { requests: 1, per: 3s", "start:  { requests: 1, per: 1h")
    )
}

fn said(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

struct Moving {
    world: World,
}

impl Moving {
    fn ledger(&self, words: &[&str]) -> (Option<i32>, String) {
        let arguments: Vec<_> = ["ledger"].iter().chain(words).copied().collect();
        said(
            &self
                .world
                .command(&arguments)
                .current_dir(self.world.scratch.path(""))
                .output()
                .unwrap(),
        )
    }

    fn done(&self, words: &[&str]) -> String {
        let (code, said) = self.ledger(words);
        assert_eq!(code, Some(0), "{words:?}: {said}");
        said
    }

    /// A daemon that may not start it again, and tries an import meanwhile.
    fn waits(&self, refusal: &str) {
        let daemon = self.world.run();
        daemon.becomes(ID, "WaitingForBudget");
        let (code, said) = self.ledger(&["import", "spent.txt"]);
        assert!(code == Some(2) && said.contains(refusal), "{code:?} {said}");
        assert_eq!(daemon.terminate().0, Some(0));
        assert_eq!(self.world.posts().len(), 1, "the call was forgotten");
    }
}

#[test]
fn what_was_spent_stays_spent_from_a_file_to_etcd_and_back() {
    let etcd = Cluster::new(1);
    let world = World::new(&[&format!("--deployment={ID}=stopped")]);
    let moving = Moving { world };
    let world = &moving.world;
    world.configure(LIMITS, &remembering(""));
    world.desire(&format!("  {ID}: running\n"));
    let daemon = world.run();
    daemon.converges(1);
    world.console(ID, "stopped");
    daemon.becomes(ID, "WaitingForBudget");
    assert_eq!(daemon.terminate().0, Some(0));
    assert!(moving.done(&["export", "spent.txt"]).contains("1 start, 0 stops"));
    assert!(moving.done(&["verify", "spent.txt"]).contains("0 calls without an outcome"));

    let endpoints = etcd.endpoints().join(", ");
    let shared = format!("ledger: {{ lease: 3s, etcd: {{ endpoints: [{endpoints}] }} }}\n");
    world.configure(LIMITS, &remembering(&shared));
    assert_eq!(moving.ledger(&["verify"]).0, Some(2), "there is none yet");
    moving.done(&["import", "spent.txt"]);
    moving.waits("leads the ledger there");
    moving.done(&["export", "back.txt"]);

    // Over the file that it came from, and to a directory in which nothing is.
    world.configure(LIMITS, &remembering(""));
    moving.done(&["import", "back.txt"]);
    moving.waits("is in use by process");
    let text = std::fs::read(world.scratch.path("back.txt")).unwrap();
    let mut command = world.command(&["ledger", "import", "-", "--state-dir", "elsewhere"]);
    let mut child = command
        .current_dir(world.scratch.path(""))
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), &text).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(moving.done(&["verify", "--state-dir", "elsewhere"]).contains("1 start,"));

    // With the limit that the server has, the next start is sent: it was the ledger that held it.
    world.configure(LIMITS, LIMITS);
    let daemon = world.run();
    daemon.converges(1);
    assert_eq!(daemon.terminate().0, Some(0));
    assert_eq!(world.posts().len(), 2);
    let (code, said) = moving.ledger(&["import", "spent.txt"]);
    assert!(code == Some(1) && said.contains(&format!("start {ID} of 20")), "{code:?} {said}");
    world.assert_within_budget();
}

#[test]
fn what_is_no_whole_ledger_is_told_and_not_imported() {
    let world = World::new(&[]);
    world.desire(&format!("  {ID}: running\n"));
    let moving = Moving { world };
    let world = &moving.world;
    assert_eq!(moving.ledger(&["export"]).0, Some(2), "there is none");
    assert_eq!(world.run().terminate().0, Some(0));
    moving.done(&["export", "spent.txt"]);
    let good = std::fs::read_to_string(world.scratch.path("spent.txt")).unwrap();
    assert!(good.lines().count() >= 2, "{good}");
    let cases = [
        (good.replacen("\"w\":", "\"x\":", 1) + &good, 1, "is damaged at line"),
        (good.replacen("ledger 1", "ledger 2", 1), 1, "run the version that wrote it, or a later"),
        ("hello\n".to_owned(), 1, "is not a ledger of evenkeel"),
        (good[..good.len() - 3].to_owned(), 1, "the end was torn off"),
    ];
    for (text, code, fault) in cases {
        world.scratch.write("odd.txt", &text);
        let (found, said) = moving.ledger(&["verify", "odd.txt"]);
        assert!(found == Some(code) && said.contains(fault), "{found:?} {said}");
        let (found, said) = moving.ledger(&["import", "odd.txt"]);
        assert_eq!(found, Some(2), "{said}");
    }
    // Another one's ledger is not in it.
    let (code, said) = moving.ledger(&["import", "spent.txt", "--state-dir", "other"]);
    assert_eq!(code, Some(0), "{said}");
    std::fs::remove_dir_all(world.scratch.path("state")).unwrap();
    assert_eq!(world.run().terminate().0, Some(0));
    let (code, said) = moving.ledger(&["import", "spent.txt"]);
    assert!(code == Some(1) && said.contains("is another one"), "{code:?} {said}");
}
