//! The commands, as a person or a pipeline calls them.

use std::process::{Command, Output};

use crate::harness::{EVENKEEL, Scratch, World};

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[test]
fn check_needs_neither_configuration_nor_credentials() {
    let scratch = Scratch::new();
    let good = scratch.write("good.yaml", "deployments: { w41b11c0: running }\n");
    let bad = scratch.write("bad.yaml", "deployments:\n  w41b11c0: runing\n  b1f77113: {}\n");
    let check = |file: &std::path::Path| {
        Command::new(EVENKEEL).env_clear().arg("check").arg(file).output().unwrap()
    };
    let output = check(&good);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let output = check(&bad);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("bad.yaml:2:13"), "{}", text(&output));
    assert!(text(&output).contains("bad.yaml:3:"), "{}", text(&output));
    let output = check(&scratch.path("none.yaml"));
    assert_eq!(output.status.code(), Some(2), "{}", text(&output));
}

#[test]
fn check_reads_directories_and_patterns_and_reports_every_file() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path("teams")).unwrap();
    scratch.write("teams/a.yaml", "deployments: { w41b11c0: running }\n");
    scratch.write("teams/b.yaml", "deployments: { b1f77113: running }\n");
    let check = |files: &[&str]| {
        let mut command = Command::new(EVENKEEL);
        let output = command
            .env_clear()
            .current_dir(scratch.path(""))
            .arg("check")
            .args(files)
            .output()
            .unwrap();
        (output.status.code(), text(&output))
    };
    for files in [&["teams"][..], &["teams/*.yaml"], &["teams/a.yaml", "teams/b.yaml"]] {
        assert_eq!(check(files), (Some(0), "valid; 2 deployments in 2 files\n".to_owned()));
    }
    scratch.write("teams/b.yaml", "deployments:\n  b1f77113: on\n");
    scratch.write("teams/c.yaml", "deployments:\n  w41b11c0: stopped\n");
    let expected = "\
teams/a.yaml:1:16: `w41b11c0` is named in teams/c.yaml:2:3, too; one file may name it
     1 | deployments: { w41b11c0: running }
       |                ^^^^^^^^
teams/b.yaml:2:13: expected `running` or `stopped`, found the text `on`; did you mean `running`?
     2 |   b1f77113: on
       |             ^^
teams/c.yaml:2:3: `w41b11c0` is named in teams/a.yaml:1:16, too; one file may name it
     2 |   w41b11c0: stopped
       |   ^^^^^^^^
not valid
";
    assert_eq!(check(&["teams"]), (Some(1), expected.to_owned()));
    let (code, told) = check(&["none/*.yaml"]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("none/*.yaml: no file fits this pattern"), "{told}");
}

#[test]
fn plan_reads_where_no_daemon_answers_and_sends_nothing_else() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let output = world.output(&["plan"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("w41b11c0"), "{}", text(&output));
    assert!(text(&output).contains("stop now"), "{}", text(&output));
    assert_eq!(world.posts(), Vec::<String>::new());
    world.desire("  w41b11c0: running\n  b1f77113: running\n");
    let output = world.output(&["plan", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let view: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(view["deployments"][0]["synced"]["reason"], "InSync");
}

#[test]
fn once_reconciles_and_ends() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let output = world.output(&["once", "--timeout", "60s"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(world.posts(), ["stop w41b11c0 201"]);
    world.desire("  absent: stopped\n");
    let output = world.output(&["once", "--timeout", "60s"]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
}

#[test]
fn status_and_history_show_the_running_daemon() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    let daemon = world.run();
    daemon.converges(2);
    let ask = |arguments: &[&str]| {
        let mut all = arguments.to_vec();
        all.extend(["--listen", &daemon.address]);
        world.output(&all)
    };
    let output = ask(&["status"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("2 of 2 in sync"), "{}", text(&output));
    let output = ask(&["status", "w41b11c0", "--output", "json"]);
    let one: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(one["observed"]["status"], "stopped");
    assert_eq!(ask(&["status", "nobody"]).status.code(), Some(2));
    assert_eq!(ask(&["status", "--probe"]).status.code(), Some(0));
    let output = ask(&["history", "w41b11c0"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("stopped by state, revision"), "{}", text(&output));
    let output = ask(&["history", "--output", "json"]);
    let past: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(past["history"].as_array().unwrap().len(), 1);
    let output = ask(&["explain", "w41b11c0"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("so        InSync: stopped, as desired"), "{}", text(&output));
    assert_eq!(ask(&["plan"]).status.code(), Some(0));
}

#[test]
fn explain_reads_the_ledger_where_no_daemon_answers() {
    let world = World::new(&["--deployments", "2"]);
    world.desire("  w41b11c0: stopped\n  b1f77113: running\n");
    assert_eq!(world.output(&["once", "--timeout", "60s"]).status.code(), Some(0));
    let explain = |id: &str, more: &[&str]| {
        let mut all = vec!["explain", id, "--listen", "127.0.0.1:1"];
        all.extend(more);
        world.output(&all)
    };
    let links = |output: &Output| {
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let chain = answer["chain"].as_array().unwrap().clone();
        let word = |link: &serde_json::Value| link["about"].as_str().unwrap().to_owned();
        chain.iter().map(word).collect::<Vec<_>>().join(" ")
    };
    let output = explain("w41b11c0", &["--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert_eq!(links(&output), "file rule seen sent answer budget budget so");
    // A daemon may be just writing: what stands there is told, and left as it is.
    let path = world.scratch.path("state/ledger");
    let mut ledger = std::fs::read(&path).unwrap();
    ledger.extend(b"18 61 0e1c8ef2 {\"t\":\"sett");
    std::fs::write(&path, &ledger).unwrap();
    let output = explain("w41b11c0", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("stopped was wanted by state, revision"), "{}", text(&output));
    assert!(text(&output).contains("  answer    201 at "), "{}", text(&output));
    assert_eq!(std::fs::read(&path).unwrap(), ledger);
    let output = explain("w41b11c0", &["--at", "2020-02-02", "--output", "json"]);
    assert_eq!(links(&output), "wanted file rule seen sent budget");
    assert!(text(&output).contains("the ledger remembers since "), "{}", text(&output));
    assert!(text(&explain("w41b11c0", &[])).contains("seen      stopped, first at "));
    let output = explain("w41b11c0", &["--at", "2100-01-01", "--output", "json"]);
    assert_eq!(links(&output), "file rule then");
    assert_eq!(explain("nobody", &[]).status.code(), Some(2));
    assert_eq!(explain("w41b11c0", &["--at", "soon"]).status.code(), Some(2));
}

#[test]
fn without_a_daemon_status_says_so() {
    let world = World::new(&["--deployments", "1"]);
    let output = world.output(&["status", "--listen", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("no daemon answers at 127.0.0.1:1"), "{}", text(&output));
}

#[test]
fn the_demo_works_and_leaves_nothing_behind() {
    let scratch = Scratch::new();
    let output = Command::new(EVENKEEL)
        .env_clear()
        .env("TMPDIR", scratch.path("."))
        .args(["demo", "--listen", "127.0.0.1:0", "--for", "3s"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("status page   http://127.0.0.1:"), "{}", text(&output));
    assert!(text(&output).contains("0 limits exceeded"), "{}", text(&output));
    assert_eq!(std::fs::read_dir(scratch.path(".")).unwrap().count(), 0);
}

#[test]
fn usage_errors_and_unusable_configurations_exit_with_2() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    assert_eq!(world.output(&["frobnicate"]).status.code(), Some(2));
    world.scratch.write("evenkeel.yaml", "limts: {}\n");
    let output = world.output(&["run"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output).contains("evenkeel.yaml:1:1"), "{}", text(&output));
    assert!(text(&output).contains("did you mean `limits`"), "{}", text(&output));
    for shell in ["bash", "zsh", "fish"] {
        let output = world.output(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output).contains("evenkeel"));
    }
}
