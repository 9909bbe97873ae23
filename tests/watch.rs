//! The desired file under watch, with real files: every way in which people and machines replace
//! a file. Each test waits for what it wants to see; none waits for time to pass.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::future::Future;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use evenkeel::manifest::{Bundle, Kept, Neighbours, Options, Picture, Seen, Text, Watch, watch};
use evenkeel::yaml::SIZE_MAX;
use tokio::sync::mpsc::Receiver;

/// Far beyond what a loaded machine needs; nothing waits for it when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// An empty directory of its own, gone afterwards.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("evenkeel-watch-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new directory");
        Self(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn on_one_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(test);
}

/// With events, and the regular look so far away that only events can explain what is seen.
fn by_events(path: &Path) -> (Watch, Receiver<Seen>) {
    watch(Options { every: Duration::from_secs(3600), ..Options::new(path) }, |_| ())
}

/// Without events: the network file system that says nothing.
fn in_silence(path: &Path) -> (Watch, Receiver<Seen>) {
    watch(Options { every: Duration::from_millis(20), events: false, ..Options::new(path) }, |_| ())
}

async fn next(receiver: &mut Receiver<Seen>) -> Seen {
    let next = tokio::time::timeout(PATIENCE, receiver.recv()).await;
    next.expect("nothing was seen").expect("the watch ended")
}

async fn sees(receiver: &mut Receiver<Seen>, text: &str) {
    match next(receiver).await {
        Seen::Picture(picture) => match &*picture.files {
            [file] => {
                let found = file.text.as_ref().expect("a file that can be read");
                assert_eq!(String::from_utf8_lossy(&found.bytes), text);
            }
            files => panic!("instead of {text:?}: {files:?}"),
        },
        Seen::Fault(fault) => panic!("instead of {text:?}: {fault}"),
    }
}

async fn sees_fault(receiver: &mut Receiver<Seen>, part: &str) {
    match next(receiver).await {
        Seen::Picture(picture) => panic!("{picture:?}"),
        Seen::Fault(fault) => assert!(fault.contains(part), "{fault}"),
    }
}

#[test]
fn written_in_place() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "one").expect("write");
        let (_watch, mut receiver) = by_events(&file);
        sees(&mut receiver, "one").await;
        fs::write(&file, "two").expect("write");
        sees(&mut receiver, "two").await;
        fs::write(&file, "").expect("write");
        sees(&mut receiver, "").await;
    });
}

#[test]
fn glimpsed_before_it_is_told() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "one").expect("write");
        let (sender, glimpsed) = std::sync::mpsc::channel();
        let glimpse = move |picture: &Picture| sender.send(picture.clone()).expect("a receiver");
        let (_watch, mut receiver) = watch(Options::new(&file), glimpse);
        for text in ["two", "three"] {
            let Seen::Picture(told) = next(&mut receiver).await else { panic!("a fault") };
            assert_eq!(glimpsed.try_iter().last(), Some(told));
            fs::write(place.at("new"), text).expect("write");
            fs::rename(place.at("new"), &file).expect("rename");
        }
    });
}

#[test]
fn renamed_over() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "0").expect("write");
        let (_watch, mut receiver) = by_events(&file);
        sees(&mut receiver, "0").await;
        // Twice and more: a watch on the file itself dies with the first rename.
        for text in ["1", "2", "3"] {
            fs::write(place.at("new"), text).expect("write");
            fs::rename(place.at("new"), &file).expect("rename");
            sees(&mut receiver, text).await;
        }
    });
}

#[test]
fn backed_up_and_written_anew() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "one").expect("write");
        let (_watch, mut receiver) = by_events(&file);
        sees(&mut receiver, "one").await;
        fs::rename(&file, place.at("desired.yaml~")).expect("rename");
        fs::write(&file, "two").expect("write");
        sees(&mut receiver, "two").await;
    });
}

#[test]
fn swapped_like_a_mounted_config_map() {
    on_one_thread(async {
        let place = Place::new();
        let version = |name: &str, text: &str| {
            fs::create_dir(place.at(name)).expect("mkdir");
            fs::write(place.at(name).join("desired.yaml"), text).expect("write");
            symlink(name, place.at("..data_tmp")).expect("link");
            fs::rename(place.at("..data_tmp"), place.at("..data")).expect("rename");
        };
        version("..2026_1", "one");
        symlink("..data/desired.yaml", place.at("desired.yaml")).expect("link");
        let (_watch, mut receiver) = by_events(&place.at("desired.yaml"));
        sees(&mut receiver, "one").await;
        version("..2026_2", "two");
        fs::remove_dir_all(place.at("..2026_1")).expect("remove");
        sees(&mut receiver, "two").await;
        version("..2026_3", "three");
        sees(&mut receiver, "three").await;
    });
}

#[test]
fn behind_a_link_into_another_directory() {
    on_one_thread(async {
        let (etc, repository) = (Place::new(), Place::new());
        fs::write(repository.at("fleet.yaml"), "one").expect("write");
        symlink(repository.at("fleet.yaml"), etc.at("desired.yaml")).expect("link");
        let (_watch, mut receiver) = by_events(&etc.at("desired.yaml"));
        sees(&mut receiver, "one").await;
        fs::write(repository.at("fleet.yaml"), "two").expect("write");
        sees(&mut receiver, "two").await;
    });
}

#[test]
fn a_file_that_appears_goes_and_comes_back() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        let (_watch, mut receiver) = by_events(&file);
        sees_fault(&mut receiver, "there is no such file").await;
        fs::write(&file, "one").expect("write");
        sees(&mut receiver, "one").await;
        fs::remove_file(&file).expect("remove");
        sees_fault(&mut receiver, "there is no such file").await;
        fs::write(&file, "one").expect("write");
        sees(&mut receiver, "one").await;
    });
}

#[test]
fn a_directory_that_appears() {
    on_one_thread(async {
        let place = Place::new();
        let directory = place.at("a/b");
        let (_watch, mut receiver) = by_events(&directory.join("desired.yaml"));
        sees_fault(&mut receiver, "there is no such file").await;
        fs::create_dir_all(&directory).expect("mkdir");
        fs::write(directory.join("desired.yaml"), "one").expect("write");
        sees(&mut receiver, "one").await;
        fs::write(directory.join("desired.yaml"), "two").expect("write");
        sees(&mut receiver, "two").await;
    });
}

#[test]
fn a_directory_that_is_replaced() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("now/desired.yaml");
        fs::create_dir(place.at("now")).expect("mkdir");
        fs::write(&file, "one").expect("write");
        let options = Options { every: Duration::from_millis(200), ..Options::new(&file) };
        let (_watch, mut receiver) = watch(options, |_| ());
        sees(&mut receiver, "one").await;
        fs::create_dir(place.at("new")).expect("mkdir");
        fs::write(place.at("new/desired.yaml"), "two").expect("write");
        fs::rename(place.at("now"), place.at("old")).expect("rename");
        fs::rename(place.at("new"), place.at("now")).expect("rename");
        sees(&mut receiver, "two").await;
        fs::write(&file, "three").expect("write");
        sees(&mut receiver, "three").await;
        fs::remove_dir_all(place.at("now")).expect("remove");
        sees_fault(&mut receiver, "there is no such file").await;
    });
}

#[test]
fn a_file_system_without_events() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "one").expect("write");
        let (_watch, mut receiver) = in_silence(&file);
        sees(&mut receiver, "one").await;
        // Of the same length, perhaps within the clock's resolution: only the content tells.
        fs::write(&file, "two").expect("write");
        sees(&mut receiver, "two").await;
        fs::remove_file(&file).expect("remove");
        sees_fault(&mut receiver, "there is no such file").await;
    });
}

#[test]
fn asked_to_look() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "one").expect("write");
        let every = Duration::from_secs(3600);
        let (watch, mut receiver) =
            watch(Options { every, events: false, ..Options::new(&file) }, |_| ());
        sees(&mut receiver, "one").await;
        fs::write(&file, "two").expect("write");
        let _asked = watch.reread();
        sees(&mut receiver, "two").await;
    });
}

#[test]
fn what_has_not_changed_is_not_told_again() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::write(&file, "one").expect("write");
        let (watch, mut receiver) = by_events(&file);
        sees(&mut receiver, "one").await;
        fs::write(place.at("new"), "one").expect("write");
        fs::rename(place.at("new"), &file).expect("rename");
        fs::write(place.at("another file"), "x").expect("write");
        let _asked = watch.reread();
        fs::write(&file, "two").expect("write");
        sees(&mut receiver, "two").await;
    });
}

#[test]
fn what_cannot_be_a_desired_file() {
    on_one_thread(async {
        let place = Place::new();
        let file = place.at("desired.yaml");
        fs::create_dir(&file).expect("mkdir");
        let (_watch, mut receiver) = by_events(&file);
        sees_fault(&mut receiver, "no desired file is in this directory").await;
        fs::remove_dir(&file).expect("remove");
        fs::write(place.at("new"), vec![b'#'; SIZE_MAX + 1]).expect("write");
        fs::rename(place.at("new"), &file).expect("rename");
        sees_fault(&mut receiver, "is larger than 16 MiB").await;
        let below = file.join("desired.yaml");
        let (_watch, mut receiver) = by_events(&below);
        sees_fault(&mut receiver, "cannot be read").await;
        symlink("loop", place.at("loop")).expect("link");
        let (_watch, mut receiver) = by_events(&place.at("loop"));
        sees_fault(&mut receiver, "cannot be read").await;
        let (_watch, mut receiver) = by_events(Path::new("/dev/null"));
        sees_fault(&mut receiver, "is not a regular file").await;
    });
}

#[test]
fn the_watch_ends_with_its_receiver() {
    on_one_thread(async {
        let place = Place::new();
        let (_watch, receiver) = in_silence(&place.at("desired.yaml"));
        drop(receiver);
        let alone = async {
            while tokio::runtime::Handle::current().metrics().num_alive_tasks() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(PATIENCE, alone).await.expect("the task ends");
    });
}

fn bundle(text: &str) -> Bundle {
    let text = Text { bytes: text.as_bytes().into(), beside: Neighbours::new() };
    Bundle::new([("a.yaml", &text)], None)
}

#[test]
fn the_last_good_one_is_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let kept = Kept::new(&place.0);
    assert_eq!(kept.load().expect("no file is no fault"), None);
    kept.save(&bundle("one")).expect("save");
    assert_eq!(kept.load().expect("load"), Some(bundle("one")));
    let mode = fs::metadata(kept.path()).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // A crash left this behind.
    fs::write(place.at("desired.last-good.json.new"), "half").expect("write");
    kept.save(&bundle("two")).expect("save");
    kept.save(&bundle("two")).expect("save");
    assert_eq!(kept.load().expect("load"), Some(bundle("two")));
    let names =
        fs::read_dir(&place.0).expect("list").map(|entry| entry.expect("entry").file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["desired.last-good.json"]);
    let missing = Kept::new(place.at("missing"));
    let error = missing.save(&bundle("one")).expect_err("no directory");
    let path = missing.path();
    assert_eq!(
        error.to_string(),
        format!("cannot keep the last good desired files {}", path.display())
    );
}

#[test]
fn what_is_kept_can_be_read_by_people_and_says_when_it_cannot_be_read() {
    let place = Place::new();
    let kept = Kept::new(&place.0);
    let text = |bytes: &[u8], beside: &[(&str, &str)]| Text {
        bytes: bytes.into(),
        beside: beside
            .iter()
            .map(|(name, text)| (Arc::from(*name), Ok(text.as_bytes().into())))
            .collect(),
    };
    let (a, b) = (text(b"deployments: {}\n", &[]), text(b"b: \"\"", &[("days.ics", "BEGIN\r\n")]));
    let bundle = Bundle::new([("a.yaml", &a), ("b.yaml", &b)], Some("1a2b3c4d5e6f"));
    kept.save(&bundle).expect("save");
    assert_eq!(kept.load().expect("load"), Some(bundle));
    let json = fs::read_to_string(kept.path()).expect("the file");
    let expected = r#"{
  "commit": "1a2b3c4d5e6f",
  "files": {
    "a.yaml": {
      "text": "deployments: {}\n"
    },
    "b.yaml": {
      "text": "b: \"\"",
      "beside": {
        "days.ics": "BEGIN\r\n"
      }
    }
  }
}"#;
    assert_eq!(json, expected);
    fs::write(kept.path(), "{").expect("write");
    let error = kept.load().expect_err("half a file");
    assert_eq!(
        error.to_string(),
        format!("cannot read the last good desired files {}", kept.path().display())
    );
}
