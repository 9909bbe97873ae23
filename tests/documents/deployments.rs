//! What lies in `deploy/` in step with the program, and with itself.

use serde_json::Value;

use super::*;

/// Everything below a folder that is text.
fn files(folder: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path.to_str().unwrap().to_owned(), text));
            }
        }
    }
    let mut found = Vec::new();
    walk(Path::new(folder), &mut found);
    assert!(found.len() > 2, "{folder}");
    found.sort();
    found
}

fn yaml(text: &str) -> Value {
    serde_yaml::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

#[test]
fn they_use_variables_that_exist() {
    let known = variables();
    for (path, text) in files("deploy").into_iter().chain(files(".github")) {
        let words = text.split(|c: char| !c.is_ascii_uppercase() && c != '_');
        for word in words.filter(|word| word.starts_with("EVENKEEL_")) {
            assert!(known.contains(word), "{path} speaks of {word}");
        }
    }
}

/// Kustomize takes no file from outside its folder, so the rules are there once more.
#[test]
fn the_prometheus_rule_is_that_of_prometheus() {
    let rules = read("deploy/prometheus/evenkeel.rules.yaml");
    let groups = &rules[rules.find("groups:").unwrap()..];
    let indented: String = groups
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") })
        .collect();
    let rule = read("deploy/kubernetes/components/monitoring/prometheusrule.yaml");
    let (_, spec) = rule.split_once("\nspec:\n").unwrap();
    assert!(
        spec == indented,
        "prometheusrule.yaml lags behind; below `spec:` it should say:\n{indented}"
    );
}

#[test]
fn the_version_is_that_of_the_program() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = yaml(&read("deploy/helm/evenkeel/Chart.yaml"));
    assert_eq!(chart["appVersion"], version);
    for (path, told) in [
        ("Dockerfile", format!("ARG VERSION={version}\n")),
        ("deploy/compose.yaml", format!("image: evenkeel:{version}\n")),
        (
            "deploy/kubernetes/overlays/production/kustomization.yaml",
            format!("newTag: {version}\n"),
        ),
        ("deploy/kubernetes/overlays/demo/kustomization.yaml", format!("newTag: {version}\n")),
    ] {
        assert!(read(path).contains(&told), "{path} does not say `{}`", told.trim());
    }
}

/// The probes, the port and the job are told in four ways of running it.
#[test]
fn they_ask_for_paths_that_are_answered() {
    let http = read("src/http/mod.rs");
    for (path, text) in files("deploy/kubernetes").into_iter().chain(files("deploy/helm")) {
        for line in text.lines().map(str::trim) {
            let probed = line.strip_prefix("path: /").filter(|path| path.ends_with('z'));
            if let Some(probed) = probed {
                assert!(http.contains(&format!("\"/{probed}\" =>")), "{path}: /{probed}");
            }
        }
    }
}

#[test]
fn compose_mounts_files_that_exist() {
    let compose = yaml(&read("deploy/compose.yaml"));
    let mut mounted = 0;
    for (name, service) in compose["services"].as_object().unwrap() {
        assert!(!service["image"].as_str().unwrap().ends_with(":latest"), "{name}");
        for port in service["ports"].as_array().unwrap() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        for volume in service["volumes"].as_array().unwrap() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            if let Some(path) = source.strip_prefix("./") {
                assert!(Path::new("deploy").join(path).exists(), "{name} mounts {source}");
                mounted += 1;
            } else {
                assert!(compose["volumes"].get(source).is_some(), "{name}: no volume {source}");
            }
        }
    }
    assert!(mounted >= 5, "{mounted} files");
}

/// A tag can be moved; a commit cannot.
#[test]
fn workflows_name_actions_by_commit() {
    let mut seen = 0;
    for (path, text) in files(".github") {
        for line in text.lines().filter_map(|line| line.split("uses: ").nth(1)) {
            let (action, version) =
                line.split_once(" # v").unwrap_or_else(|| panic!("{path}: {line}"));
            let commit = action.split_once('@').unwrap().1;
            let hex = commit.len() == 40 && commit.bytes().all(|digit| digit.is_ascii_hexdigit());
            assert!(hex && !version.is_empty(), "{path}: {line}");
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen} actions");
}

#[test]
fn the_pages_of_github_link_to_files_that_exist() {
    for page in ["SECURITY.md", "CONTRIBUTING.md"] {
        let text = read(&format!(".github/{page}"));
        for target in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            assert!(Path::new(".github").join(target).exists(), "{page} links to {target}");
        }
    }
}

/// What is let through has a reason, and a day to look again.
#[test]
fn exceptions_of_cargo_deny_have_a_reason_and_a_date() {
    let text = read("deny.toml");
    let exceptions: Vec<_> = text.split("[[licenses.exceptions]]").collect();
    for before in &exceptions[..exceptions.len() - 1] {
        let comment = before.trim_end().lines().next_back().unwrap();
        let date = comment.split("look again on ").nth(1).unwrap_or_else(|| panic!("{comment}"));
        assert!(date[..10].parse::<jiff::civil::Date>().is_ok(), "{comment}");
        assert!(comment.starts_with("# ") && comment.len() > 40, "{comment}");
    }
    assert!(exceptions.len() > 1, "no exception");
    for banned in text.lines().filter(|line| line.contains("{ crate = ")) {
        assert!(banned.contains("reason = "), "{banned}");
    }
}
