//! Commands that need no network, as a person calls them: files in, exact output out.
//!
//! `commands/NAME.case` is a command line behind `$`, files behind `--- NAME`, and what comes out
//! behind `--- exit CODE`, standard error last. With `BLESS=1` in the environment the output is
//! written instead of compared: read the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::Path;
use std::process::Command;

struct Case {
    /// Everything before what comes out.
    head: String,
    arguments: Vec<String>,
    files: Vec<(String, String)>,
    expected: String,
}

impl Case {
    fn parse(text: &str) -> Self {
        let (head, expected) = text.split_once("--- exit ").unwrap_or((text, ""));
        let mut parts = head.split("--- ");
        let line = parts.next().unwrap().trim();
        let words = line.strip_prefix("$ evenkeel ").unwrap().split_whitespace();
        let file = |part: &str| {
            let (name, text) = part.split_once('\n').unwrap();
            (name.to_owned(), text.to_owned())
        };
        Self {
            head: head.to_owned(),
            arguments: words.map(str::to_owned).collect(),
            files: parts.map(file).collect(),
            expected: expected.to_owned(),
        }
    }

    /// The exit code, standard output, standard error.
    fn run(&self, directory: &Path) -> String {
        for (name, text) in &self.files {
            let path = directory.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_evenkeel"));
        command.env_clear().current_dir(directory).args(&self.arguments);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (code, out, err) = (output.status.code(), text(&output.stdout), text(&output.stderr));
        format!("{}\n{out}{err}", code.unwrap())
    }
}

#[test]
fn each_case_comes_out_as_it_is_written_down() {
    let bless = std::env::var_os("BLESS").is_some();
    let scratch = std::env::temp_dir().join(format!("evenkeel-commands-{}", std::process::id()));
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/commands");
    let (mut wrong, mut count) = (String::new(), 0);
    let mut paths: Vec<_> =
        fs::read_dir(directory).unwrap().map(|one| one.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        count += 1;
        let case = Case::parse(&fs::read_to_string(&path).unwrap());
        fs::create_dir(&scratch).unwrap();
        let found = case.run(&scratch);
        fs::remove_dir_all(&scratch).unwrap();
        if bless {
            fs::write(&path, format!("{}--- exit {found}", case.head)).unwrap();
        } else if found != case.expected {
            let (name, expected) = (path.display(), &case.expected);
            wrong.push_str(&format!("=== {name}, expected\n{expected}=== found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(count >= 24, "only {count} cases");
}
