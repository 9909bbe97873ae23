//! Which files `desired` names: one, those of a directory, or those that fit a pattern.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use glob::{MatchOptions, Pattern};

/// The most desired files that are read.
pub const FILES_MAX: usize = 1000;

/// Directories that a pattern may lead into on its way.
const DIRECTORIES_MAX: usize = 10 * FILES_MAX;

/// As a shell reads a pattern.
const LIKE_A_SHELL: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: true,
};

/// What `desired` names at the moment.
#[derive(Debug)]
pub(super) enum Named {
    /// One file, there or not.
    One,
    /// As many as there are.
    Many {
        /// In order of their names; never empty. Or why there are none.
        files: Result<Vec<PathBuf>, String>,
        /// The directories whose entries decide which these are.
        directories: Vec<PathBuf>,
    },
}

/// Looks what `path` names. What is there stands over what a pattern would mean.
pub(super) fn named(path: &Path) -> Named {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => of_directory(path),
        Err(_) if path.components().any(is_pattern) => of_pattern(path),
        Ok(_) | Err(_) => Named::One,
    }
}

/// The part of `path` before any pattern.
pub(super) fn literal_part(path: &Path) -> PathBuf {
    let part: PathBuf = path.components().take_while(|one| !is_pattern(*one)).collect();
    if part.as_os_str().is_empty() { ".".into() } else { part }
}

/// The directory that `path` is named in.
pub(super) fn parent(path: &Path) -> Option<PathBuf> {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Some(".".into()),
        Some(parent) => Some(parent.to_owned()),
        None => None,
    }
}

fn of_directory(path: &Path) -> Named {
    let suffix =
        |name: &Path| name.extension().is_some_and(|suffix| suffix == "yaml" || suffix == "yml");
    let files = entries(path).and_then(|names| {
        let names = names.iter().map(PathBuf::from);
        let own = names
            .filter(|name| suffix(name) && !name.as_os_str().as_encoded_bytes().starts_with(b"."));
        let nothing = "no desired file is in this directory; expected `*.yaml` or `*.yml`";
        chosen(path, own.map(|name| path.join(name)).collect(), nothing)
    });
    Named::Many { files, directories: vec![path.to_owned()] }
}

fn of_pattern(path: &Path) -> Named {
    let mut directories = Vec::new();
    let files = walk(path, &mut directories).and_then(|files| {
        chosen(path, files, "no file fits this pattern, which `desired` (or `--desired`) names")
    });
    Named::Many { files, directories }
}

/// Every path that fits, component by component; a literal end may lead to nothing.
fn walk(path: &Path, directories: &mut Vec<PathBuf>) -> Result<Vec<PathBuf>, String> {
    let mut found = vec![PathBuf::new()];
    for component in path.components() {
        if !is_pattern(component) {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        }
        let pattern = pattern(path, component.as_os_str())?;
        let mut below = Vec::new();
        for parent in &found {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            // The first one is to appear, if it is not there; others are what fits, or not.
            if directories.is_empty() || parent.is_dir() {
                directories.push(parent.to_owned());
            }
            let fits = |name: &OsStr| {
                name.to_str().is_some_and(|name| pattern.matches_with(name, LIKE_A_SHELL))
            };
            let names = entries(parent)?.into_iter().filter(|name| fits(name));
            below.extend(names.map(|name| found_below(parent, &name)));
        }
        if below.len() > DIRECTORIES_MAX {
            let shown = path.display();
            return Err(format!("{shown}: fits more than {DIRECTORIES_MAX} paths on its way"));
        }
        found = below;
    }
    // Where a file may appear some day, too.
    directories.extend(found.iter().filter_map(|file| parent(file)).filter(|one| one.is_dir()));
    Ok(found)
}

/// People know `a.yaml`, not `./a.yaml`.
fn found_below(parent: &Path, name: &OsStr) -> PathBuf {
    if parent == Path::new(".") { name.into() } else { parent.join(name) }
}

fn pattern(path: &Path, component: &OsStr) -> Result<Pattern, String> {
    let shown = path.display();
    let text = component.to_str().unwrap_or_default();
    if text.contains("**") {
        return Err(format!("{shown}: `**` is not understood; write a `*` for each directory"));
    }
    Pattern::new(text).map_err(|error| format!("{shown}: is not a pattern: {}", error.msg))
}

fn is_pattern(component: Component<'_>) -> bool {
    component.as_os_str().as_encoded_bytes().iter().any(|byte| b"*?[".contains(byte))
}

/// The names in a directory. What begins with two dots is how Kubernetes swaps what it mounts.
fn entries(directory: &Path) -> Result<Vec<std::ffi::OsString>, String> {
    let mut names = Vec::new();
    let listed = fs::read_dir(directory).and_then(|entries| {
        for entry in entries {
            names.push(entry?.file_name());
        }
        Ok(())
    });
    match listed {
        Ok(()) => (),
        Err(error) if leads_nowhere(&error) => (),
        Err(error) => {
            let shown = directory.display();
            return Err(format!("{shown}: the directory cannot be listed: {error}"));
        }
    }
    names.retain(|name| !name.as_encoded_bytes().starts_with(b".."));
    Ok(names)
}

/// Nothing is there, or a file where a directory would have to be.
fn leads_nowhere(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The files among `paths`. A link that leads nowhere is among them: it is to be a file.
fn chosen(path: &Path, mut paths: Vec<PathBuf>, nothing: &str) -> Result<Vec<PathBuf>, String> {
    let shown = path.display();
    paths.retain(|path| match fs::symlink_metadata(path) {
        Ok(_) => !path.is_dir(),
        Err(error) => !leads_nowhere(&error),
    });
    paths.sort();
    match paths.len() {
        0 => Err(format!("{shown}: {nothing}")),
        1..=FILES_MAX => Ok(paths),
        many => Err(format!("{shown}: names {many} files; at most {FILES_MAX} are read")),
    }
}
