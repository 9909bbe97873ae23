//! What this program takes YAML to mean: the table that a change of the parser has to keep.

use evenkeel::yaml::{Faults, Kind, Node, Place, SIZE_MAX, Source};
use proptest::prelude::*;

/// A tree on one line: `null`, `bool:`, `num:` and `text` in quotes.
fn dump(node: &Node) -> String {
    match &node.kind {
        Kind::Null => "null".into(),
        Kind::Bool(value) => format!("bool:{value}"),
        Kind::Number(text) => format!("num:{text}"),
        Kind::Text(text) => format!("{text:?}"),
        Kind::List(nodes) => {
            format!("[{}]", nodes.iter().map(dump).collect::<Vec<_>>().join(", "))
        }
        Kind::Map(entries) => {
            let pairs = entries.iter().map(|e| format!("{}={}", e.key, dump(&e.value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// The tree, or what is wrong, line by line without excerpts.
fn read(bytes: &[u8]) -> String {
    let mut faults = Faults::default();
    let source = match Source::new("f", bytes) {
        Ok(source) => source,
        Err(problem) => return problem.headline("f"),
    };
    match source.parse(&mut faults) {
        Err(problem) => problem.headline("f"),
        Ok(node) => match faults.finish("f", Some(&source)) {
            Ok(_) => dump(&node),
            Err(report) => {
                let lines = report.problems.iter().map(|problem| problem.headline("f"));
                lines.collect::<Vec<_>>().join("\n")
            }
        },
    }
}

#[test]
fn the_table() {
    let cases: &[(&str, &str, &str)] = &[
        ("empty", "", "null"),
        ("only a comment", "# nothing\n", "null"),
        ("only a marker", "---\n", "null"),
        ("a marker first", "---\na: b\n", r#"{a="b"}"#),
        ("an end marker", "a: b\n...\n", r#"{a="b"}"#),
        ("a directive", "%YAML 1.2\n---\na: b\n", r#"{a="b"}"#),
        ("byte order mark", "\u{feff}a: b\n", r#"{a="b"}"#),
        ("windows line ends", "a: b\r\nc: d\r\n", r#"{a="b", c="d"}"#),
        ("no last line end", "a: b", r#"{a="b"}"#),
        ("trailing comment", "a: b # c\n", r#"{a="b"}"#),
        ("a hash within", "a: b#c\n", r##"{a="b#c"}"##),
        ("norway", "a: no\n", r#"{a="no"}"#),
        ("norway as a key", "no: yes\n", r#"{no="yes"}"#),
        ("on and off", "a: on\nb: off\n", r#"{a="on", b="off"}"#),
        ("y and n", "a: y\nb: N\n", r#"{a="y", b="N"}"#),
        ("booleans", "a: true\nb: False\nc: TRUE\n", "{a=bool:true, b=bool:false, c=bool:true}"),
        ("quoted boolean", "a: \"true\"\n", r#"{a="true"}"#),
        ("boolean key", "true: a\n", r#"{true="a"}"#),
        ("nulls", "a:\nb: ~\nc: null\n", "{a=null, b=null, c=null}"),
        ("null keys", "null: a\n~: b\n", r#"{null="a", ~="b"}"#),
        ("numbers", "a: 12\nb: -1\nc: +1\nd: 1.5\n", "{a=num:12, b=num:-1, c=num:+1, d=num:1.5}"),
        ("exponents", "a: 1e10\nb: 12e999\n", "{a=num:1e10, b=num:12e999}"),
        ("huge", "a: 99999999999999999999999\n", "{a=num:99999999999999999999999}"),
        ("infinity", "a: .inf\nb: .nan\n", "{a=num:.inf, b=num:.nan}"),
        ("octal of 1.1", "a: 0755\n", r#"{a="0755"}"#),
        ("octal and hexadecimal", "a: 0o17\nb: 0x1F\n", "{a=num:0o17, b=num:0x1F}"),
        ("underscores", "a: 1_000\n", r#"{a="1_000"}"#),
        ("base 60", "a: 1:30\nb: 12:30:45\n", r#"{a="1:30", b="12:30:45"}"#),
        (
            "numeric keys",
            "12345678: a\n1e10: b\n0755: c\n",
            r#"{12345678="a", 1e10="b", 0755="c"}"#,
        ),
        ("keys equal as numbers", "0xB: a\n11: b\n", r#"{0xB="a", 11="b"}"#),
        ("a date", "a: 2026-12-24\n", r#"{a="2026-12-24"}"#),
        ("a time", "a: 2026-12-01T18:00:00+01:00\n", r#"{a="2026-12-01T18:00:00+01:00"}"#),
        ("a time in braces", "{a: 2026-12-01T18:00:00Z}", r#"{a="2026-12-01T18:00:00Z"}"#),
        ("single quotes", "a: 'it''s'\n", r#"{a="it's"}"#),
        ("escapes", r#"a: "x\ty\u00e4""#, r#"{a="x\tyä"}"#),
        ("an empty text", "a: ''\n", r#"{a=""}"#),
        ("literal block", "a: |\n  x\n  y\n", r#"{a="x\ny\n"}"#),
        ("folded block", "a: >-\n  x\n  y\n", r#"{a="x y"}"#),
        ("kept block", "a: |+\n  x\n\nb: y\n", r#"{a="x\n\n", b="y"}"#),
        ("two lines", "a: x\n  y\n", r#"{a="x y"}"#),
        ("lists", "a: [x, 1]\nb:\n- y\n", r#"{a=["x", num:1], b=["y"]}"#),
        ("braces", "{a: {b: c}, d: {}}", r#"{a={b="c"}, d={}}"#),
        ("json", r#"{"a": [true, null, 1.0]}"#, "{a=[bool:true, null, num:1.0]}"),
        ("an anchor", "a: &x {b: c}\nd: *x\n", r#"{a={b="c"}, d={b="c"}}"#),
        ("a merge", "a: &x {b: c}\nd:\n  <<: *x\n  e: f\n", r#"{a={b="c"}, d={e="f", b="c"}}"#),
        ("a merge below", "a: &x {b: c}\nd: {<<: *x, b: f}\n", r#"{a={b="c"}, d={b="f"}}"#),
        (
            "merge a word",
            "a: {<<: b}\n",
            "f:1:9: only a map, or a list of maps, can be merged with `<<`",
        ),
        ("a number's tag", "a: !!str 5\n", r#"{a="5"}"#),
        (
            "a wrong tag",
            "a: !!int x\n",
            "f:1:10: the tag says that this is a number, and it is none",
        ),
        ("an unknown tag", "a: !x y\n", "f:1:7: tags such as `!name` have no meaning here"),
        (
            "no such anchor",
            "a: *x\n",
            "f:1:4: there is no anchor of this name above; `&name` sets one",
        ),
        ("recursion", "a: &x [*x]\n", "f:1:8: a value must not contain itself"),
        (
            "duplicate keys",
            "a: b\nc:\n  x: 1\n  x: 2\na: d\n",
            "f:4:3: `x` is here twice; the first is in line 3, column 3\n\
             f:5:1: `a` is here twice; the first is in line 1, column 1",
        ),
        (
            "duplicates in braces",
            "a: {b: c, b: d}\n",
            "f:1:11: `b` is here twice; the first is in line 1, column 5",
        ),
        (
            "quoted duplicates",
            "a: b\n\"a\": c\n",
            "f:2:1: `a` is here twice; the first is in line 1, column 1",
        ),
        ("a list as a key", "? [a]\n: b\n", "f:1:3: a key must be text, not a list or a map"),
        (
            "two documents",
            "a: b\n---\nc: d\n",
            "f:3:1: a second document begins here; the file must be one document, without `---` in \
             it",
        ),
        ("a tab", "a:\n\tb: c\n", "f:2:2: a tab in the indentation; YAML wants spaces"),
        ("a tab behind the colon", "a:\tb\n", r#"{a="b"}"#),
        ("an open bracket", "a: [b,\nc: d\n", "f:1:4: `[` is never closed; a `]` is missing"),
        ("an open brace", "ä: {b\n", "f:1:4: `{` is never closed; a `}` is missing"),
        ("a closing brace", "a: b}\n}\n", "f:2:1: a closing bracket without an opening one"),
        ("the wrong bracket", "a: [b}\n", "f:1:4: this bracket is closed by one of the other kind"),
        ("an open quote", "a: \"b\n", "f:1:4: the quote is never closed"),
        (
            "dedented",
            "a:\n  b: c\n d: e\n",
            "f:3:2: this line is indented like no line above it; keys of one map begin in one \
             column",
        ),
        (
            "indented",
            "a: b\n  c: d\n",
            "f:2:4: a `:` where no key can be; is the indentation right? text with `: ` in it \
             needs quotes",
        ),
        (
            "a colon in text",
            "a: b: c\n",
            "f:1:5: a `:` where no key can be; is the indentation right? text with `: ` in it \
             needs quotes",
        ),
        (
            "an at sign",
            "a: @b\n",
            "f:1:4: text must not begin with this character; put it in quotes",
        ),
        ("a key without colon", "a: b\nc\n", "f:2:1: a `:` is missing behind this key"),
        ("NUL", "a: b\nc\0d", "f:2:2: a NUL byte: this is not a text file in UTF-8"),
    ];
    let mut wrong = Vec::new();
    for (name, text, expected) in cases {
        let found = read(text.as_bytes());
        if found != *expected {
            wrong.push(format!("{name}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_no_text_is_refused() {
    let cases: [(&[u8], &str); 4] = [
        (b"a: b\nc: \xff", "f:2:4: a byte that is not UTF-8: this is not a text file in UTF-8"),
        (b"\xff\xfea\0", "f: the file is UTF-16; save it as UTF-8"),
        (b"\x7fELF\x02\x01\x01\0", "f:1:8: a NUL byte: this is not a text file in UTF-8"),
        (b"\xef\xbb\xbf", "null"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read(bytes), expected);
    }
    let large = vec![b'#'; SIZE_MAX + 1];
    assert_eq!(read(&large), "f: the file is larger than 16 MiB, which is the limit");
    assert_eq!(read(&large[1..]), "null");
}

#[test]
fn a_line_is_shown_with_its_caret() {
    let text = "a: b\n  n\u{e4}me:\tx\u{202e}y # c\r\nurl: secret\nlong: ";
    let text = format!("{text}{}{}", "x".repeat(200), "y".repeat(200));
    let mut source = Source::new("f", text.as_bytes()).expect("text");
    let at = |line, column, word: &str| {
        let start = u32::try_from(text.find(word).expect("the word")).expect("small");
        Place { line, column, start, length: u32::try_from(word.len()).expect("small") }
    };
    let shown = |source: &Source, place| source.excerpt(place).expect("the line");
    assert_eq!(
        shown(&source, at(2, 3, "n\u{e4}me")),
        "     2 |   n\u{e4}me: x\\u{202e}y # c\n       |   ^^^^"
    );
    assert_eq!(shown(&source, at(3, 6, "secret")), "     3 | url: secret\n       |      ^^^^^^");
    source.mask([at(3, 6, "secret")]);
    assert_eq!(shown(&source, at(3, 1, "url")), "     3 | url: ***\n       | ^^^");
    assert_eq!(shown(&source, at(3, 6, "secret")), "     3 | url: ***\n       |      ^^^");
    let long = shown(&source, at(4, 207, "yyyyy"));
    let widest = long.lines().map(|line| line.chars().count()).max();
    assert_eq!(widest, Some(9 + 1 + 60 + 120));
    let caret = format!("\n       | {}^^^^^", " ".repeat(61));
    assert!(long.ends_with(&caret), "{long}");
    assert_eq!(source.excerpt(at(9, 1, "url")), None);
}

#[test]
fn a_hundred_thousand_entries_are_read() {
    let mut text = String::from("deployments:\n");
    for n in 0..100_000 {
        text.push_str(&format!("  w{n:07x}: running\n"));
    }
    let source = Source::new("f", text.as_bytes()).expect("text");
    let tree = source.parse(&mut Faults::default()).expect("YAML");
    let Kind::Map(top) = tree.kind else { panic!("no map") };
    let Kind::Map(entries) = &top[0].value.kind else { panic!("no map") };
    assert_eq!(entries.len(), 100_000);
    assert_eq!(entries[99_999].place.line, 100_001);
}

#[test]
fn nothing_grows_without_bound() {
    let deep = "[".repeat(100_000);
    assert_eq!(read(deep.as_bytes()), "f:1:256: values are nested too deeply");
    let deep = format!("{}{}", "[".repeat(33), "]".repeat(33));
    let large = "the file has too many values, or they are nested too deeply";
    assert_eq!(read(deep.as_bytes()), format!("f:1:33: {large}"));
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for n in 1..12 {
        let inner = vec![format!("*a{}", n - 1); 10].join(", ");
        laughs.push_str(&format!("a{n}: &a{n} [{inner}]\n"));
    }
    assert_eq!(read(laughs.as_bytes()), format!("f:6:45: {large}"));
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes);
    }

    #[test]
    fn no_text_panics(text in "[-a-c0-9:?,\\[\\]{}#&*!|>'\"%@` \t\n\r\u{e4}<~.]{0,60}") {
        read(text.as_bytes());
    }
}

#[test]
fn a_carriage_return_alone_ends_a_line_here_as_in_the_parser() {
    let shown = |bytes: &[u8]| {
        let source = Source::new("f", bytes).map_err(|problem| problem.headline("f"))?;
        let problem = source.parse(&mut Faults::default()).map_err(|problem| {
            format!("{}\n{}", problem.headline("f"), problem.excerpt.unwrap_or_default())
        });
        problem.map(|node| dump(&node))
    };
    let message = "f:3:4: `[` is never closed; a `]` is missing\n     3 | b: [\n       |    ^";
    assert_eq!(shown(b"a: 1\r\rb: [\r\nc: d"), Err(message.to_owned()));
    let message = "f:4:2: a byte that is not UTF-8: this is not a text file in UTF-8";
    assert_eq!(shown(b"a\r\n\n\rb\xff"), Err(message.to_owned()));
    let conflict = shown(b"a: [\r<<<<<<< HEAD\r").unwrap_err();
    assert!(conflict.starts_with("f:2:1: a merge conflict is left in the file"), "{conflict}");
}
