//! Compares what comes out with what is written down.

use std::fs;
use std::path::{Path, PathBuf};

/// Runs `case` over every file like `cases/*.yaml` beside this one; at least `least` of them.
pub(crate) fn compare(pattern: &str, least: usize, case: impl Fn(&str, &[u8]) -> String) {
    let (directory, extension) = pattern.split_once("/*.").expect("a pattern");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/manifest").join(directory);
    let entries = fs::read_dir(&directory).expect("the cases");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a case").path()).collect();
    files.sort();
    let bless = std::env::var_os("BLESS").is_some();
    let (mut wrong, mut count) = (String::new(), 0);
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == extension)) {
        count += 1;
        let name = file.file_stem().and_then(|name| name.to_str()).expect("a name");
        let found = case(name, &fs::read(file).expect("the case"));
        let expectation = file.with_extension("expected");
        if bless {
            fs::write(&expectation, &found).expect("the expectation");
            continue;
        }
        let expected = fs::read_to_string(&expectation).unwrap_or_default();
        if found != expected {
            wrong.push_str(&format!("--- {name}, expected\n{expected}--- found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= least, "only {count} cases");
}
