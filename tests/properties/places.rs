//! Where faults may be.

use evenkeel::yaml::{At, Report};

/// The first problem whose place is neither inside the file nor at the end of one of its lines,
/// which are those of YAML: a carriage return alone ends one, too.
pub(crate) fn outside(report: &Report, bytes: &[u8]) -> Option<String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.split('\n').collect();
    let misplaced = report.problems.iter().find(|problem| {
        let At::Place(place) = problem.at else { return false };
        let line = usize::try_from(place.line).ok().and_then(|line| line.checked_sub(1));
        let Some(line) = line.and_then(|line| lines.get(line)) else { return true };
        let columns = line.chars().count() + 1;
        !(1..=columns).contains(&(place.column as usize))
    });
    misplaced.map(|problem| problem.headline(&report.file))
}
