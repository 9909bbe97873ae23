//! The commit of a work tree, from files laid as Git lays them.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;

use evenkeel::manifest::{Options, Seen, look};

use crate::{Place, commit};

const A: &str = "aaaaaaaaaaaa1111111111111111111111111111";
const B: &str = "bbbbbbbbbbbb2222222222222222222222222222";

fn tree() -> Place {
    let place = Place::new();
    place.write("teams/a.yaml", "a");
    place
}

fn known(place: &Place, expected: Option<&str>) {
    for desired in ["teams", "teams/a.yaml", "teams/*.yaml", "*/a.yaml"] {
        assert_eq!(place.commit(desired).as_deref(), expected, "{desired}");
    }
}

#[test]
fn no_work_tree_has_no_commit() {
    known(&tree(), None);
}

#[test]
fn a_detached_head_names_it() {
    let place = tree();
    place.write(".git/HEAD", &format!("{A}\n"));
    known(&place, Some("aaaaaaaaaaaa"));
    // SHA-256.
    place.write(".git/HEAD", &format!("{A}{}\n", &B[..24]));
    known(&place, Some("aaaaaaaaaaaa"));
}

#[test]
fn a_branch_is_a_file_or_a_line_of_packed_refs() {
    let place = tree();
    place.write(".git/HEAD", "ref: refs/heads/feature/x\n");
    known(&place, None);
    let packed = format!(
        "# pack-refs with: peeled fully-peeled sorted\n{A} refs/heads/feature/x\n\
         {B} refs/tags/v1\n^{A}\n"
    );
    place.write(".git/packed-refs", &packed);
    known(&place, Some("aaaaaaaaaaaa"));
    place.write(".git/refs/heads/feature/x", &format!("{B}\n"));
    known(&place, Some("bbbbbbbbbbbb"));
    place.write(".git/refs/heads/feature/x", "ref: refs/heads/feature/y\n");
    place.write(".git/refs/heads/feature/y", &format!("{A}\n"));
    known(&place, Some("aaaaaaaaaaaa"));
}

#[test]
fn a_work_tree_beside_its_repository() {
    let place = tree();
    place.write(".git", "gitdir: repository/worktrees/one\n");
    place.write("repository/HEAD", &format!("{B}\n"));
    place.write("repository/worktrees/one/HEAD", "ref: refs/heads/main\n");
    place.write("repository/worktrees/one/commondir", "../..\n");
    place.write("repository/refs/heads/main", &format!("{A}\n"));
    known(&place, Some("aaaaaaaaaaaa"));
    fs::remove_file(place.at("repository/refs/heads/main")).unwrap();
    place.write("repository/packed-refs", &format!("{B} refs/heads/main\n"));
    known(&place, Some("bbbbbbbbbbbb"));
    place.write(".git", &format!("gitdir: {}\n", place.at("repository").display()));
    known(&place, Some("bbbbbbbbbbbb"));
}

/// As git-sync does: each commit in a work tree of its own, and a link that moves on.
#[test]
fn a_link_to_a_work_tree_that_moves_on() {
    let place = Place::new();
    for (tree, commit) in [("one", A), ("two", B)] {
        place.write(&format!("trees/{tree}/teams/a.yaml"), "a");
        place.write(&format!("trees/{tree}/.git"), &format!("gitdir: ../../.git/worktrees/{tree}"));
        place.write(&format!(".git/worktrees/{tree}/HEAD"), &format!("{commit}\n"));
        place.write(&format!(".git/worktrees/{tree}/commondir"), "../..\n");
    }
    symlink("trees/one", place.at("now")).unwrap();
    assert_eq!(place.commit("now/teams").as_deref(), Some("aaaaaaaaaaaa"));
    symlink("trees/two", place.at("next")).unwrap();
    fs::rename(place.at("next"), place.at("now")).unwrap();
    assert_eq!(place.commit("now/teams").as_deref(), Some("bbbbbbbbbbbb"));
    assert_eq!(place.commit("now/teams/a.yaml").as_deref(), Some("bbbbbbbbbbbb"));
}

#[test]
fn a_file_that_is_a_link_into_a_work_tree() {
    let (etc, place) = (Place::new(), tree());
    place.write(".git/HEAD", &format!("{A}\n"));
    symlink(place.at("teams/a.yaml"), etc.at("desired.yaml")).unwrap();
    assert_eq!(commit(&etc.at("desired.yaml")).as_deref(), Some("aaaaaaaaaaaa"));
}

#[test]
fn what_is_odd_has_no_commit() {
    for (file, text) in [
        (".git", "nonsense"),
        (".git", "gitdir: nowhere"),
        (".git", "gitdir: .git"),
        (".git/config", "[core]"),
        (".git/HEAD", ""),
        (".git/HEAD", "1234567\n"),
        (".git/HEAD", "zaaaaaaaaaaa1111111111111111111111111111\n"),
        (".git/HEAD", "ref: refs/heads/.invalid\n"),
        (".git/HEAD", "ref: ../teams/a.yaml\n"),
        (".git/HEAD", "ref: /etc/hostname\n"),
        (".git/HEAD", "ref:\n"),
        (".git/HEAD", "ref: HEAD\n"),
        (".git/HEAD", "\u{fffd}\u{0}"),
    ] {
        let place = tree();
        place.write(file, text);
        known(&place, None);
    }
    let place = tree();
    fs::create_dir_all(place.at(".git/HEAD")).unwrap();
    known(&place, None);
}

#[test]
fn what_somebody_says_stands_over_git() {
    let place = tree();
    place.write(".git/HEAD", &format!("{A}\n"));
    let revision = Some(Arc::from("build-42"));
    let seen = look(&Options { revision, ..Options::new(place.at("teams")) });
    let Seen::Picture(picture) = seen else { panic!("{seen:?}") };
    assert_eq!(picture.commit.as_deref(), Some("build-42"));
}
