//! "Did you mean …?"

/// Words longer than this are no typing error of anything.
const WORD_MAX: usize = 64;

/// The candidate that `word` was most likely meant to be, if any is near enough: a third of its
/// letters may differ, swapped neighbours count once, and case does not count.
pub fn closest<'c>(word: &str, candidates: &[&'c str]) -> Option<&'c str> {
    let word: Vec<char> = word.chars().take(WORD_MAX + 1).flat_map(char::to_lowercase).collect();
    if word.len() > WORD_MAX {
        return None;
    }
    let near = |candidate: &&'c str| {
        let letters: Vec<char> = candidate.chars().flat_map(char::to_lowercase).collect();
        let distance = distance(&word, &letters);
        let allowed = (word.len().max(letters.len()) / 3).max(1);
        (distance <= allowed && distance < letters.len()).then_some((distance, *candidate))
    };
    candidates.iter().filter_map(near).min_by_key(|(distance, _)| *distance).map(|(_, c)| c)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        (before, above) = (above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn the_word_that_was_meant() {
        let keys = ["state", "name", "account", "protect", "suspend", "override"];
        let cases = [
            ("stat", Some("state")),
            ("sate", Some("state")),
            ("State", Some("state")),
            ("satte", Some("state")),
            ("acount", Some("account")),
            ("overide", Some("override")),
            ("suspended", Some("suspend")),
            ("nmae", Some("name")),
            ("schedule", None),
            ("", None),
            ("x", None),
        ];
        for (word, meant) in cases {
            assert_eq!(closest(word, &keys), meant, "{word}");
        }
        assert_eq!(closest(&"s".repeat(1 << 20), &keys), None);
    }
}
