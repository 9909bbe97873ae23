//! Which files a path names, and what a look at them finds.

use std::fs;
use std::os::unix::fs::symlink;

use evenkeel::manifest::FILES_MAX;

use crate::Place;

const NOTHING_FITS: &str = "no file fits this pattern, which `desired` (or `--desired`) names";

#[test]
fn a_directory_names_its_yaml_files_in_order() {
    let place = Place::new();
    for name in ["b.yaml", "a.yml", "c.yaml.bak", "README.md", ".hidden.yaml", "below/d.yaml"] {
        place.write(&format!("teams/{name}"), name);
    }
    fs::create_dir(place.at("teams/directory.yaml")).unwrap();
    assert_eq!(place.look("teams"), "teams/a.yml=a.yml teams/b.yaml=b.yaml");
    assert_eq!(place.look("teams/"), "teams/a.yml=a.yml teams/b.yaml=b.yaml");
}

#[test]
fn a_mounted_config_map_is_its_links() {
    let place = Place::new();
    place.write("..2026_1/a.yaml", "1");
    place.write("..2026_1/b.yaml", "2");
    symlink("..2026_1", place.at("..data")).unwrap();
    for name in ["a.yaml", "b.yaml"] {
        symlink(format!("..data/{name}"), place.at(name)).unwrap();
    }
    assert_eq!(place.look(""), "a.yaml=1 b.yaml=2");
    assert_eq!(place.look("*.yaml"), "a.yaml=1 b.yaml=2");
    for pattern in ["*/a.yaml", ".*/a.yaml"] {
        assert_eq!(place.look(pattern), format!("!{pattern}: {NOTHING_FITS}"));
    }
}

#[test]
fn a_pattern_is_read_as_a_shell_reads_it() {
    let place = Place::new();
    for (name, text) in [
        ("a/desired.yaml", "a"),
        ("b/desired.yaml", "b"),
        ("c/other.yaml", "c"),
        (".d/desired.yaml", "d"),
        ("README", "README"),
    ] {
        place.write(&format!("teams/{name}"), text);
    }
    for (pattern, found) in [
        ("teams/*/desired.yaml", "teams/a/desired.yaml=a teams/b/desired.yaml=b"),
        ("teams/[b-d]/*.yaml", "teams/b/desired.yaml=b teams/c/other.yaml=c"),
        ("t?ams/[!ab]/*", "teams/c/other.yaml=c"),
        ("*/README", "teams/README=README"),
        ("teams/*", "teams/README=README"),
        ("teams/a/[d]esired.yaml", "teams/a/desired.yaml=a"),
        ("teams/**", "!teams/**: `**` is not understood; write a `*` for each directory"),
        ("teams/[a/x", "!teams/[a/x: is not a pattern: invalid range pattern"),
    ] {
        assert_eq!(place.look(pattern), found, "{pattern}");
    }
    assert_eq!(place.look("none/*.yaml"), format!("!none/*.yaml: {NOTHING_FITS}"));
}

#[test]
fn what_is_there_stands_over_what_a_pattern_would_mean() {
    let place = Place::new();
    place.write("[ab].yaml", "literal");
    place.write("a.yaml", "fits");
    assert_eq!(place.look("[ab].yaml"), "[ab].yaml=literal");
    fs::remove_file(place.at("[ab].yaml")).unwrap();
    assert_eq!(place.look("[ab].yaml"), "a.yaml=fits");
}

#[test]
fn one_file_that_cannot_be_read_is_its_own_fault() {
    let place = Place::new();
    place.write("teams/a.yaml", "a");
    symlink("nowhere", place.at("teams/b.yaml")).unwrap();
    symlink("/dev/null", place.at("teams/c.yaml")).unwrap();
    let expected = "teams/a.yaml=a !teams/b.yaml: a link that leads nowhere \
                    !teams/c.yaml: is not a regular file";
    assert_eq!(place.look("teams"), expected);
}

#[test]
fn a_directory_without_files_is_a_fault() {
    let place = Place::new();
    fs::create_dir(place.at("teams")).unwrap();
    let nothing = "!teams: no desired file is in this directory; expected `*.yaml` or `*.yml`";
    assert_eq!(place.look("teams"), nothing);
    fs::remove_dir(place.at("teams")).unwrap();
    let nothing = "!teams: there is no such file; `desired` (or `--desired`) names it";
    assert_eq!(place.look("teams"), nothing);
}

#[test]
fn there_is_a_bound_on_how_many_and_how_much() {
    let place = Place::new();
    for number in 0..FILES_MAX {
        fs::write(place.at(&format!("{number}.yaml")), "").unwrap();
    }
    assert!(place.look("*").starts_with("0.yaml= 1.yaml= 10.yaml="));
    fs::write(place.at("one more.yaml"), "").unwrap();
    assert_eq!(place.look("*"), "!*: names 1001 files; at most 1000 are read");
    let place = Place::new();
    // Holes take no room on the disk.
    for name in ["a", "b", "c", "d", "e"] {
        let file = fs::File::create(place.at(&format!("{name}.yaml"))).unwrap();
        file.set_len(13 << 20).unwrap();
    }
    assert_eq!(place.look("*"), "!*: the files hold more than 64 MiB, which is the limit");
}
