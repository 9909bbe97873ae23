//! A directory and a pattern under watch: all of them are one state, told as a whole. Each test
//! waits for what it wants to see; none waits for time to pass.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use evenkeel::manifest::{Options, Seen, Watch, watch};
use tokio::sync::mpsc::Receiver;

use crate::Place;

/// Far beyond what a loaded machine needs; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// A watch on what `desired` names below a place.
struct Eyes<'a> {
    place: &'a Place,
    receiver: Receiver<Seen>,
    _watch: Watch,
}

impl<'a> Eyes<'a> {
    /// With events, and the regular look so far away that only events can explain what is seen.
    fn by_events(place: &'a Place, desired: &str) -> Self {
        Self::every(place, desired, Duration::from_secs(3600))
    }

    fn every(place: &'a Place, desired: &str, every: Duration) -> Self {
        let (watch, receiver) = watch(Options { every, ..Options::new(place.at(desired)) }, |_| ());
        Self { place, receiver, _watch: watch }
    }

    /// Waits until `expected` is told. What is told on the way there is another whole state, which
    /// a slow machine may show between two steps of a test.
    async fn see(&mut self, expected: &str) {
        let mut told = String::new();
        while told != expected {
            let next = tokio::time::timeout(PATIENCE, self.receiver.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("{expected}: not seen after `{told}`"));
            told = self.place.told(&next.unwrap());
        }
    }

    /// As [`Eyes::see`], and nothing else is told before.
    async fn see_next(&mut self, expected: &str) {
        let next = tokio::time::timeout(PATIENCE, self.receiver.recv()).await;
        assert_eq!(self.place.told(&next.unwrap().unwrap()), expected);
    }
}

fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.unwrap().block_on(test);
}

#[test]
fn files_come_change_move_and_go() {
    on_one_thread(async {
        let place = Place::new();
        place.write("teams/a.yaml", "1");
        let mut eyes = Eyes::by_events(&place, "teams");
        eyes.see_next("teams/a.yaml=1").await;
        place.write("teams/b.yaml", "2");
        eyes.see_next("teams/a.yaml=1 teams/b.yaml=2").await;
        fs::write(place.at("teams/a.yaml"), "3").unwrap();
        eyes.see("teams/a.yaml=3 teams/b.yaml=2").await;
        fs::rename(place.at("teams/a.yaml"), place.at("teams/c.yaml")).unwrap();
        eyes.see_next("teams/b.yaml=2 teams/c.yaml=3").await;
        fs::remove_file(place.at("teams/b.yaml")).unwrap();
        eyes.see_next("teams/c.yaml=3").await;
        fs::remove_file(place.at("teams/c.yaml")).unwrap();
        let nothing = "!teams: no desired file is in this directory; expected `*.yaml` or `*.yml`";
        eyes.see_next(nothing).await;
        place.write("teams/d.yaml", "4");
        eyes.see_next("teams/d.yaml=4").await;
    });
}

#[test]
fn what_is_no_desired_file_is_no_news() {
    on_one_thread(async {
        let place = Place::new();
        place.write("teams/a.yaml", "1");
        let mut eyes = Eyes::by_events(&place, "teams");
        eyes.see_next("teams/a.yaml=1").await;
        place.write("teams/README.md", "x");
        place.write("teams/.a.yaml.swp", "x");
        place.write("teams/a.yaml", "1");
        place.write("teams/a.yaml", "2");
        eyes.see_next("teams/a.yaml=2").await;
    });
}

#[test]
fn a_mounted_directory_is_swapped_as_a_whole() {
    on_one_thread(async {
        let place = Place::new();
        let version = |name: &str, files: &[(&str, &str)]| {
            for (file, text) in files {
                place.write(&format!("mount/{name}/{file}"), text);
            }
            symlink(name, place.at("mount/..data_tmp")).unwrap();
            fs::rename(place.at("mount/..data_tmp"), place.at("mount/..data")).unwrap();
        };
        version("..1", &[("a.yaml", "1"), ("b.yaml", "1")]);
        for name in ["a.yaml", "b.yaml"] {
            symlink(format!("..data/{name}"), place.at(&format!("mount/{name}"))).unwrap();
        }
        let mut eyes = Eyes::by_events(&place, "mount");
        eyes.see_next("mount/a.yaml=1 mount/b.yaml=1").await;
        version("..2", &[("a.yaml", "2"), ("b.yaml", "2")]);
        eyes.see_next("mount/a.yaml=2 mount/b.yaml=2").await;
        fs::remove_dir_all(place.at("mount/..1")).unwrap();
        // One file less: its link stays for a moment, and leads nowhere.
        version("..3", &[("a.yaml", "3")]);
        fs::remove_file(place.at("mount/b.yaml")).unwrap();
        eyes.see("mount/a.yaml=3").await;
    });
}

#[test]
fn a_pattern_finds_new_directories_and_new_files_in_them() {
    on_one_thread(async {
        let place = Place::new();
        place.write("teams/a/desired.yaml", "1");
        fs::create_dir(place.at("teams/b")).unwrap();
        let mut eyes = Eyes::by_events(&place, "teams/*/desired.yaml");
        eyes.see_next("teams/a/desired.yaml=1").await;
        place.write("teams/b/desired.yaml", "2");
        eyes.see_next("teams/a/desired.yaml=1 teams/b/desired.yaml=2").await;
        fs::rename(place.at("teams/a"), place.at("teams/c")).unwrap();
        eyes.see_next("teams/b/desired.yaml=2 teams/c/desired.yaml=1").await;
        place.write("teams/c/desired.yaml", "3");
        eyes.see_next("teams/b/desired.yaml=2 teams/c/desired.yaml=3").await;
        fs::remove_dir_all(place.at("teams")).unwrap();
        let nothing = "!teams/*/desired.yaml: no file fits this pattern, which `desired` (or \
                       `--desired`) names";
        eyes.see(nothing).await;
    });
}

#[test]
fn a_directory_that_appears_later() {
    on_one_thread(async {
        let place = Place::new();
        let mut eyes = Eyes::by_events(&place, "teams/*.yaml");
        eyes.see_next(
            "!teams/*.yaml: no file fits this pattern, which `desired` (or `--desired`) names",
        )
        .await;
        place.write("teams/a.yaml", "1");
        eyes.see_next("teams/a.yaml=1").await;
        place.write("teams/b.yaml", "2");
        eyes.see_next("teams/a.yaml=1 teams/b.yaml=2").await;
    });
}

#[test]
fn a_directory_that_is_replaced() {
    on_one_thread(async {
        let place = Place::new();
        place.write("now/a.yaml", "1");
        let mut eyes = Eyes::every(&place, "now", Duration::from_millis(200));
        eyes.see_next("now/a.yaml=1").await;
        place.write("new/b.yaml", "2");
        fs::rename(place.at("now"), place.at("old")).unwrap();
        fs::rename(place.at("new"), place.at("now")).unwrap();
        eyes.see("now/b.yaml=2").await;
        place.write("now/b.yaml", "3");
        eyes.see_next("now/b.yaml=3").await;
    });
}

#[test]
fn what_a_file_refers_to_belongs_to_it() {
    on_one_thread(async {
        let place = Place::new();
        place.write("a.yaml", "holidays: days.ics");
        let mut eyes = Eyes::by_events(&place, "*.yaml");
        let missing = "a.yaml=holidays: days.ics+days.ics!days.ics: there is no such file";
        eyes.see_next(missing).await;
        place.write("days.ics", "BEGIN");
        eyes.see_next("a.yaml=holidays: days.ics+days.ics=BEGIN").await;
        place.write("days.ics", "END");
        eyes.see_next("a.yaml=holidays: days.ics+days.ics=END").await;
        place.write("a.yaml", "schedules: { s: { holidays: ../days.ics } }");
        eyes.see_next("a.yaml=schedules: { s: { holidays: ../days.ics } }").await;
    });
}

#[test]
fn a_commit_that_changes_no_file_is_told() {
    on_one_thread(async {
        let place = Place::new();
        place.write("teams/a.yaml", "1");
        place.write(".git/HEAD", "ref: refs/heads/main\n");
        place.write(".git/refs/heads/main", &"a".repeat(40));
        let mut eyes = Eyes::by_events(&place, "teams");
        eyes.see_next("teams/a.yaml=1 @aaaaaaaaaaaa").await;
        place.write(".git/refs/heads/main", &"b".repeat(40));
        eyes.see_next("teams/a.yaml=1 @bbbbbbbbbbbb").await;
        place.write(".git/HEAD", &"c".repeat(40));
        eyes.see_next("teams/a.yaml=1 @cccccccccccc").await;
    });
}
