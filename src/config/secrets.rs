//! Where a configuration file holds what no report may show: credentials written out, although they
//! are refused, and URLs that hold some.

use crate::yaml::{Entry, Kind, Node, Place, Source};

/// What credentials stand behind.
const KEYS: [&str; 3] = ["key", "secret", "token"];

/// Behind [`RECEIVERS`] it is a credential, too: whoever knows it may post.
const URL: &str = "url";

/// Where those are who are told.
const RECEIVERS: &str = "notify";

/// What tells where a credential is instead.
const SOURCES: [&str; 3] = ["env", "file", "credential"];

/// Forbids what looks like a credential in the text, so that it is hidden even where the text is
/// not YAML, or a value is dropped because its key comes twice. Whether there was any.
pub(super) fn hide_suspects(source: &mut Source) -> bool {
    let text = source.text.clone();
    let mut places = Vec::new();
    let (mut begin, mut receivers) = (0, false);
    for line in text.split_inclusive(['\n', '\r']) {
        let whole = line.trim_end();
        if whole.starts_with(|first: char| !first.is_whitespace() && first != '#') {
            receivers = whole.starts_with(RECEIVERS);
        }
        let url = receivers.then(|| value(whole, URL)).flatten();
        let ranges = KEYS.iter().filter_map(|key| value(whole, key)).chain(login(whole)).chain(url);
        places.extend(ranges.map(|(start, end)| place(begin + start, end - start)));
        begin += line.len();
    }
    let any = !places.is_empty();
    source.mask(places);
    any
}

/// Where the value of `key` is in `line`, to its end, unless it is the map that it should be.
fn value(line: &str, key: &str) -> Option<(usize, usize)> {
    line.match_indices(key).find_map(|(at, _)| {
        let behind = line[at + key.len()..].trim_start_matches(['"', '\'', ' ']);
        let value = behind.strip_prefix(':')?.trim_start();
        let inside = value.strip_prefix('{').map(str::trim_start);
        let elsewhere = inside.is_some_and(|map| SOURCES.iter().any(|key| map.starts_with(key)));
        (!elsewhere).then(|| (line.len() - value.len(), line.len()))
    })
}

/// Where the user and the password are in a line with a URL.
fn login(line: &str) -> Option<(usize, usize)> {
    let start = line.find("://")? + "://".len();
    line.rfind('@').filter(|end| start < *end).map(|end| (start, end))
}

fn place(start: usize, length: usize) -> Place {
    let narrow = |n| u32::try_from(n).unwrap_or(u32::MAX);
    Place { start: narrow(start), length: narrow(length), ..Place::default() }
}

/// Where the file, which is YAML, holds credentials.
pub(super) fn places(root: &Node) -> Vec<Place> {
    let mut places = Vec::new();
    walk(root, false, &mut places);
    for account in entries(root).iter().filter(|entry| &*entry.key == "accounts") {
        for entry in entries(&account.value).iter().flat_map(|account| entries(&account.value)) {
            // A misspelled key may stand before a credential as well as any other.
            let login = entry.value.word().is_ok_and(|word| word.contains('@'));
            if &*entry.key != URL || login {
                places.push(entry.value.place);
            }
        }
    }
    for notify in entries(root).iter().filter(|entry| &*entry.key == RECEIVERS) {
        for receiver in entries(&notify.value).iter().flat_map(|one| entries(&one.value)) {
            let told = ["format", "events", "deployments"];
            let hidden = entries(&receiver.value).iter().filter(|it| !told.contains(&&*it.key));
            places.extend(hidden.map(|entry| entry.value.place));
        }
    }
    places
}

/// Whatever is written out behind one of [`KEYS`], wherever that is; `secret` says that `node` is.
fn walk(node: &Node, secret: bool, places: &mut Vec<Place>) {
    match &node.kind {
        Kind::Map(entries) => {
            for Entry { key, value, .. } in entries {
                let named = SOURCES.contains(&&**key);
                walk(value, KEYS.contains(&&**key) || secret && !named, places);
            }
        }
        Kind::List(nodes) => nodes.iter().for_each(|node| walk(node, secret, places)),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) if secret => {
            places.push(node.place);
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => (),
    }
}

fn entries(node: &Node) -> &[Entry] {
    match &node.kind {
        Kind::Map(entries) => entries,
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) | Kind::List(_) => &[],
    }
}
