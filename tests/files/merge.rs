//! Contents in, one state and all faults out: look after look.

use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::intent::Wanted;
use evenkeel::manifest::{Set, Taken, references, revision};

use crate::picture;

/// A file that names these deployments, each as `id state`.
fn file(deployments: &[&str]) -> String {
    if deployments.is_empty() {
        return "deployments: {}\n".to_owned();
    }
    let lines = deployments.iter().map(|one| format!("  {}\n", one.replace(' ', ": ")));
    format!("deployments:\n{}", lines.collect::<String>())
}

/// What is in force, such as `x1 running, x2 stopped`, and the faults behind it.
fn told(taken: &Taken) -> String {
    let Some(manifest) = &taken.manifest else {
        return format!("nothing\n{}", taken.report().unwrap_or_default());
    };
    let intents = manifest.intents.iter().map(|(id, intent)| match &intent.wanted {
        Wanted::Fixed(state) => format!("{id} {state}"),
        Wanted::Scheduled(schedule) => format!("{id} {}", schedule.name),
    });
    let mut lines = vec![intents.collect::<Vec<_>>().join(", ")];
    lines.extend(taken.report().map(|report| report.to_string()));
    lines.join("\n")
}

/// Names, each with the file's deployments.
type Files<'a> = &'a [(&'a str, &'a [&'a str])];

/// Look after look: the files' contents, and what is told then; the same of who reads ahead, also
/// while the files are half written.
fn plays(looks: &[(Files<'_>, &str)]) {
    let (mut set, mut reader) = (Set::new(None), Set::new(None));
    for (files, expected) in looks {
        let texts = files.iter().map(|(name, deployments)| match deployments {
            ["!", fault] => (*name, format!("!{fault}")),
            deployments => (*name, file(deployments)),
        });
        let texts: Vec<(&str, String)> = texts.collect();
        let texts: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (*name, &**text)).collect();
        let half = texts.iter().map(|(name, text)| (*name, &text[..text.len() / 2]));
        reader.read_ahead(&picture(&half.collect::<Vec<_>>()));
        reader.read_ahead(&picture(&texts));
        let taken = set.take(&picture(&texts));
        assert_eq!(told(&taken), *expected, "{files:?}");
        assert_eq!(reader.take(&picture(&texts)), taken, "{files:?}");
    }
}

#[test]
fn files_add_up() {
    plays(&[
        (&[("a", &["x1 running"]), ("b", &["x2 stopped"])], "x1 running, x2 stopped"),
        (&[("a", &["x1 stopped"]), ("b", &["x2 stopped"])], "x1 stopped, x2 stopped"),
        (&[("b", &["x2 stopped"]), ("c", &["x3 running"])], "x2 stopped, x3 running"),
        (&[("b", &[])], ""),
    ]);
}

#[test]
fn a_broken_file_stays_as_it_was_and_holds_no_other() {
    let fault = "a:2:7: expected `running` or `stopped`, found the text `runing`; did you mean \
                 `running`?\n     2 |   x1: runing\n       |       ^^^^^^";
    plays(&[
        (&[("a", &["x1 running"]), ("b", &["x2 stopped"])], "x1 running, x2 stopped"),
        (
            &[("a", &["x1 runing"]), ("b", &["x2 running"])],
            &format!("x1 running, x2 running\n{fault}"),
        ),
        (
            &[("a", &["!", "cannot be read"]), ("b", &["x2 stopped"])],
            "x1 running, x2 stopped\na: cannot be read",
        ),
        (&[("a", &["x1 stopped"]), ("b", &["x2 stopped"])], "x1 stopped, x2 stopped"),
    ]);
}

#[test]
fn a_file_that_was_never_good_says_nothing() {
    plays(&[
        (&[("a", &["!", "no"]), ("b", &["x2 stopped"])], "x2 stopped\na: no"),
        (&[("a", &["x1 running"]), ("b", &["!", "no"])], "x1 running, x2 stopped\nb: no"),
    ]);
}

#[test]
fn where_no_file_says_anything_the_whole_state_stays() {
    plays(&[
        (&[("a", &["!", "no"])], "nothing\na: no"),
        (&[("a", &["x1 running"])], "x1 running"),
        // Another name, and broken: nothing of it was ever in force.
        (&[("b", &["!", "no"])], "nothing\nb: no"),
        (&[("a", &["!", "no"]), ("b", &["!", "no"])], "x1 running\na: no\nb: no"),
    ]);
}

#[test]
fn a_deployment_moves_from_one_file_to_another() {
    plays(&[
        (&[("a", &["x1 running", "x2 running"]), ("b", &[])], "x1 running, x2 running"),
        (&[("a", &["x1 running"]), ("b", &["x2 stopped"])], "x1 running, x2 stopped"),
        // The file is renamed.
        (&[("a", &["x1 running"]), ("c", &["x2 stopped"])], "x1 running, x2 stopped"),
        // Two change places.
        (&[("a", &["x2 running"]), ("c", &["x1 running"])], "x1 running, x2 running"),
    ]);
}

#[test]
fn a_move_waits_for_the_file_that_it_comes_from() {
    plays(&[
        (&[("a", &["x1 running"]), ("b", &["x2 running"])], "x1 running, x2 running"),
        (
            &[("a", &["!", "no"]), ("b", &["x2 stopped", "x1 stopped"])],
            "x1 running, x2 running\na: no\nb:3:3: `x1` is named in a:2:3 (in its last good \
             content), too; one file may name it\n     3 |   x1: stopped\n       |   ^^",
        ),
        (&[("a", &[]), ("b", &["x2 stopped", "x1 stopped"])], "x1 stopped, x2 stopped"),
    ]);
}

#[test]
fn who_named_a_deployment_first_keeps_it_and_is_not_held() {
    let fault = "b:3:3: `x1` is named in a:2:3, too; one file may name it\n     3 |   x1: stopped\
                 \n       |   ^^";
    plays(&[
        (&[("a", &["x1 running"]), ("b", &["x2 running"])], "x1 running, x2 running"),
        (
            &[("a", &["x1 running"]), ("b", &["x2 stopped", "x1 stopped"])],
            &format!("x1 running, x2 running\n{fault}"),
        ),
        (
            &[("a", &["x1 stopped", "x3 running"]), ("b", &["x2 stopped", "x1 stopped"])],
            &format!("x1 stopped, x2 running, x3 running\n{fault}"),
        ),
        (
            &[("a", &["x3 running"]), ("b", &["x2 stopped", "x1 stopped"])],
            "x1 stopped, x2 stopped, x3 running",
        ),
    ]);
}

#[test]
fn a_new_deployment_in_two_files_is_a_fault_of_both() {
    plays(&[
        (&[("a", &["x1 running"]), ("b", &["x2 running"])], "x1 running, x2 running"),
        (
            &[("a", &["x1 stopped", "x3 running"]), ("b", &["x3 stopped"])],
            "x1 running, x2 running\n\
             a:3:3: `x3` is named in b:2:3, too; one file may name it\n     \
             3 |   x3: running\n       |   ^^\n\
             b:2:3: `x3` is named in a:3:3, too; one file may name it\n     \
             2 |   x3: stopped\n       |   ^^",
        ),
        (&[("a", &["x1 stopped"]), ("b", &["x3 stopped"])], "x1 stopped, x3 stopped"),
    ]);
    // At first contact neither says anything; what is clear counts.
    plays(&[(
        &[("a", &["x1 running"]), ("b", &["x1 running"]), ("c", &["x2 running"])],
        "x2 running\n\
         a:2:3: `x1` is named in b:2:3, too; one file may name it\n     \
         2 |   x1: running\n       |   ^^\n\
         b:2:3: `x1` is named in a:2:3, too; one file may name it\n     \
         2 |   x1: running\n       |   ^^",
    )]);
}

/// `b` falls back because of `a`, and so takes back what `c` wanted to have from it.
#[test]
fn one_fall_brings_another() {
    plays(&[
        (
            &[("a", &["x1 running"]), ("b", &["x2 running"]), ("c", &["x3 running"])],
            "x1 running, x2 running, x3 running",
        ),
        (
            &[("a", &["x1 running"]), ("b", &["x1 stopped"]), ("c", &["x3 stopped", "x2 stopped"])],
            "x1 running, x2 running, x3 running\n\
             b:2:3: `x1` is named in a:2:3, too; one file may name it\n     \
             2 |   x1: stopped\n       |   ^^\n\
             c:3:3: `x2` is named in b:2:3 (in its last good content), too; one file may name it\
             \n     3 |   x2: stopped\n       |   ^^",
        ),
    ]);
}

#[test]
fn many_places_are_told_in_part() {
    let names: Vec<String> = (10..35).map(|number| number.to_string()).collect();
    let text = file(&["x1 running"]);
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, &*text)).collect();
    let taken = Set::new(None).take(&picture(&files));
    let first = taken.refused[0].report.lines().next().unwrap().to_owned();
    let places = "11:2:3, 12:2:3, 13:2:3 and 21 more";
    assert_eq!(first, format!("10:2:3: `x1` is named in {places}, too; one file may name it"));
}

#[test]
fn many_faults_are_told_in_part() {
    let names: Vec<String> = (10..35).map(|number| number.to_string()).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (&**name, "!no")).collect();
    let report = Set::new(None).take(&picture(&files)).report().unwrap();
    let lines: Vec<&str> = report.lines().collect();
    assert_eq!((lines.len(), lines[19], lines[20]), (21, "29: no", "5 more files are refused"));
}

#[test]
fn the_revision_names_what_is_in_force() {
    let (a, b) = (file(&["x1 running"]), file(&["x2 running"]));
    let mut set = Set::new(None);
    let mut of =
        |files: &[(&str, &str)]| set.take(&picture(files)).manifest.unwrap().revision.to_string();
    // One file has the name that it has by itself.
    assert_eq!(of(&[("a", &a)]), &*revision(a.as_bytes()));
    let both = of(&[("a", &a), ("b", &b)]);
    assert_eq!(both, &*revision(format!("{a}\0{b}").as_bytes()));
    assert_eq!(of(&[("a", "!no"), ("b", &b)]), both);
    let mut picture = picture(&[("a", &a)]);
    picture.commit = Some("1a2b3c4d5e6f".into());
    let named = set.take(&picture).manifest.unwrap().revision.to_string();
    assert_eq!(named, format!("{}@1a2b3c4d5e6f", revision(a.as_bytes())));
}

#[test]
fn what_a_file_refers_to_is_part_of_its_content() {
    let mut picture = picture(&[("a", &file(&["x1 running"]))]);
    let mut set = Set::new(None);
    let mut revision = |days: &[u8]| {
        let text = picture.files[0].text.as_mut().unwrap();
        text.beside.insert("days.ics".into(), Ok(days.into()));
        set.take(&picture).manifest.unwrap().revision.clone()
    };
    let one = revision(b"one");
    assert_ne!(revision(b"two"), one);
    assert_eq!(revision(b"one"), one);
    let kept = set.bundle(None);
    let mut next = Set::new(None);
    assert_eq!(next.adopt(kept.clone()).manifest.unwrap().revision, one);
    assert_eq!(next.bundle(None), kept);
}

#[test]
fn a_file_whose_calendar_breaks_keeps_the_calendar_that_was_good() {
    const GOOD: &str = include_str!("../../config/holidays.ics");
    let text = "holidays: days.ics\nschedules: { s: { running: [00:00-24:00] } }\n\
                deployments: { x1: s }\n";
    let look = |days: &str, b: &[&str]| {
        let mut picture = picture(&[("a", text), ("b", &file(b))]);
        let days = match days.strip_prefix('!') {
            None => Ok(days.as_bytes().into()),
            Some(fault) => Err(fault.into()),
        };
        picture.files[0].text.as_mut().unwrap().beside.insert("days.ics".into(), days);
        picture
    };
    let mut set = Set::new(None);
    let good = set.take(&look(GOOD, &["x2 running"])).manifest.unwrap();
    let mut next = Set::new(None);
    next.adopt(set.bundle(None));
    for mut set in [set, next] {
        for days in ["nonsense", "!days.ics: there is no such file"] {
            let taken = set.take(&look(days, &["x2 stopped"]));
            let report = taken.report().unwrap();
            assert!(report.starts_with("a:1:11: `holidays`: days.ics"), "{report}");
            let manifest = taken.manifest.unwrap();
            assert_eq!(manifest.intents.iter().next(), good.intents.iter().next());
            assert_ne!(manifest.intents, good.intents, "the other file goes on");
        }
        assert_eq!(told(&set.take(&look(GOOD, &["x2 running"]))), "x1 s, x2 running");
    }
}

#[test]
fn names_of_files_are_found_wherever_they_may_stand() {
    let found = |text: &str| references(text.as_bytes()).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(found("deployments: {}"), "");
    assert_eq!(found("holidays: a.ics\ndeployments: { holidays: running }"), "a.ics");
    let schedules = "{ a: { holidays: b.ics }, b: { holidays: none }, c: running, holidays: x }";
    assert_eq!(found(&format!("holidays: a.ics\nschedules: {schedules}")), "a.ics b.ics");
    assert_eq!(found("holidays: [a.ics]\nschedules: holidays"), "");
    assert_eq!(found("holidays: {"), "");
}

#[test]
fn what_was_kept_is_what_broken_files_fall_back_to() {
    let first = picture(&[("a", &file(&["x1 running"])), ("b", &file(&["x2 running"]))]);
    let mut before = Set::new(None);
    before.take(&first);
    let mut set = Set::new(None);
    let adopted = set.adopt(before.bundle(Some("1a2b3c4d5e6f")));
    assert_eq!(told(&adopted), "x1 running, x2 running");
    assert!(adopted.manifest.unwrap().revision.ends_with("@1a2b3c4d5e6f"));
    let taken = set.take(&picture(&[("a", "!no"), ("b", &file(&["x2 stopped"]))]));
    assert_eq!(told(&taken), "x1 running, x2 stopped\na: no");
}

#[test]
fn what_was_kept_must_be_valid_today() {
    let text = "deployments:\n  x1: { state: running, account: eu }\n";
    let mut before = Set::new(None);
    before.take(&picture(&[("a", text), ("b", &file(&["x2 running"]))]));
    let mut set = Set::new(Some(&[AccountId::new(AccountId::DEFAULT)]));
    let adopted = set.adopt(before.bundle(None));
    assert!(told(&adopted).starts_with("x2 running\na:2:34: "), "{}", told(&adopted));
}

#[test]
fn warnings_are_told_once() {
    let text = "deployments:\n  x1: { state: stopped, protect: true }\n";
    let warnings = |taken: Taken| -> Vec<String> {
        taken.fresh.iter().flat_map(|valid| valid.warnings.clone()).collect()
    };
    let mut set = Set::new(None);
    assert_eq!(warnings(set.take(&picture(&[("a", text)]))).len(), 1);
    let both = picture(&[("a", text), ("b", &file(&["x2 running"]))]);
    assert_eq!(warnings(set.take(&both)), [""; 0]);
    // A new process tells them again, though it knows the content from an earlier one.
    let mut next = Set::new(None);
    assert_eq!(warnings(next.adopt(set.bundle(None))), [""; 0]);
    assert_eq!(warnings(next.take(&both)).len(), 1);
}
