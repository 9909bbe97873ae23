//! The configuration: examples that hold, precedence, and messages to the letter.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use evenkeel::config::{Address, Admin, Ledger, Notify, Overrides, SecretSource, Settings, token};
use evenkeel::keel::deployment::AccountId;
use evenkeel::keel::policy::Policy;
use evenkeel::manifest::{on_disk, parse_beside, references};
use evenkeel::notification::{Format, Kind};
use secrecy::ExposeSecret as _;

#[path = "configuration/ledger.rs"]
mod ledger;

const ACCOUNT: &str = "accounts: { default: { url: 'https://a.example/public_api/v1', \
                       key: { env: K }, secret: { env: S } } }\n";

fn resolve(text: &str) -> Result<Settings, String> {
    let (overrides, nothing) = (Overrides::default(), |_: &str| None);
    Settings::resolve("e.yaml", Some(text.as_bytes()), None, &overrides, &nothing)
        .map_err(|report| report.to_string())
}

fn with_account(text: &str) -> Result<Settings, String> {
    resolve(&format!("{ACCOUNT}{text}"))
}

/// The report without the lines that show the file.
fn refused(text: &str) -> Vec<String> {
    let report = with_account(text).unwrap_err();
    let lines = report.lines().filter(|line| line.starts_with("e.yaml"));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_reference_names_each_key_with_its_default() {
    let text = fs::read_to_string("config/evenkeel.yaml").unwrap();
    let settings = resolve(&text).unwrap();
    assert_eq!(settings.policy, Policy::default());
    assert_eq!(settings.notify, Notify::default());
    assert_eq!(settings.admin, Admin::default());
    assert_eq!(settings.timeout, std::time::Duration::from_secs(30));
    assert_eq!(settings.ledger, Ledger::File);
    assert_eq!(settings.listen, "127.0.0.1:9464");
    assert_eq!(settings.state_dir, PathBuf::from("/var/lib/evenkeel"));
    assert_eq!(settings.warnings, Vec::<String>::new());
    let bare: String = text.lines().map(|line| line.split('#').next().unwrap()).collect();
    for path in Settings::known_keys() {
        if path == "admin.token_file" {
            // Without a default it stands there as a comment.
            assert!(text.contains("\n  # token_file: "), "config/evenkeel.yaml lacks {path}");
            continue;
        }
        for key in path.split('.') {
            assert!(bare.contains(&format!("{key}:")), "config/evenkeel.yaml does not have {path}");
        }
    }
}

/// As the reference shows them: uncommented, and over the line that says there are none.
#[test]
fn the_receivers_of_the_reference_are_valid() {
    let text = fs::read_to_string("config/evenkeel.yaml").unwrap();
    let (_, shown) = text.split_once("  receivers: {}\n").unwrap();
    let shown: Vec<_> = shown.lines().map(|line| line.replacen("  # ", "  ", 1)).collect();
    let settings = with_account(&format!("notify:\n{}\n", shown.join("\n"))).unwrap();
    let receivers = settings.notify.receivers;
    assert_eq!(receivers.keys().collect::<Vec<_>>(), ["operations", "team-chat"]);
    let (operations, chat) = (&receivers["operations"], &receivers["team-chat"]);
    assert_eq!(operations.format, Format::Webhook);
    assert_eq!(operations.url, Address::Plain("https://alerts.example.com/evenkeel".to_owned()));
    assert_eq!(operations.events, Kind::ALL.into());
    assert_eq!(operations.deployments, None);
    assert_eq!(chat.format, Format::Slack);
    let url = SecretSource::File("/run/credentials/evenkeel/slack-url".into());
    assert_eq!((&chat.url, &chat.secret), (&Address::Kept(url), &None));
    assert_eq!(chat.events.len(), 5);
    assert_eq!(chat.deployments.as_ref().unwrap().len(), 2);
    // And the reference names each event.
    for kind in Kind::ALL {
        assert!(text.contains(kind.as_str()), "config/evenkeel.yaml does not have {kind}");
    }
}

const RECEIVER: &str = "notify: { receivers: { a: { ";

/// A receiver, and what is said of it.
const RECEIVERS: [(&str, &str); 13] = [
    ("secret: { env: S }", "2:24: `url` is missing: `{ env: NAME }` or `{ file: PATH }`"),
    ("url: 'https://a.example/'", "2:24: `secret` is missing: `{ env: NAME }` or `{ file: PATH }`"),
    ("url: 'http://a.example/', secret: { env: S }", "plain http would show the messages"),
    ("url: 'ftp://a.example/', secret: { env: S }", "2:34: `url`: expected an https:// URL"),
    ("url: a.example, secret: { env: S }", "`url`: this is no URL; expected one with https://"),
    (
        "url: 'https://u:p@a.example/', secret: { env: S }",
        "the URL holds a user name or a password",
    ),
    ("url: { env: U }, secret: whsec_x", "a credential is not written here"),
    ("format: slack, url: 'https://a.example/'", "`url`: a credential is not written here"),
    ("format: teams, url: { env: U }, secret: { env: S }", "only a receiver of `format: webhook`"),
    (
        "format: slak, url: { env: U }",
        "expected `webhook`, `slack` or `teams`, found the text `slak`",
    ),
    ("url: { env: U }, secret: { env: S }, events: []", "`events`: expected at least one"),
    ("url: { env: U }, secret: { env: S }, events: [fail]", "found the text `fail`; did you mean"),
    ("url: { env: U }, secret: { env: S }, deployments: ['a b']", "`a b` is not a deployment id"),
];

#[test]
fn each_fault_of_a_receiver_says_what_was_expected() {
    for (text, expected) in RECEIVERS {
        let report = refused(&format!("{RECEIVER}{text} }} }} }}\n"));
        assert!(report.len() == 1 && report[0].contains(expected), "{text}: {report:#?}");
    }
    let report = refused("notify: { receivers: [a], group_interval: 0s }\n");
    assert_eq!(
        report,
        [
            "e.yaml:2:22: `receivers`: expected a map from names to receivers",
            "e.yaml:2:43: `group_interval`: must be longer than nothing",
        ]
    );
}

#[test]
fn a_receivers_url_shows_in_no_report() {
    for text in [
        "notify:\n  receivers:\n    a:\n      format: slack\n      url: https://h.example/canary\n",
        "notify:\n  receivers:\n    a:\n      url: https://h.example/canary\n     x\n",
        "notify: { receivers: { a: { format: teams, url: 'https://h.example/canary' } } }\n",
        "notify:\n  receivers:\n    a:\n      ulr: https://h.example/canary\n",
        "notify:\n  receivers:\n    a:\n      url: http://h.example/canary\n",
    ] {
        let report = with_account(text).unwrap_err();
        assert!(!report.contains("canary"), "{text}{report}");
    }
}

#[test]
fn the_example_of_a_desired_file_is_valid() {
    let path = Path::new("config/desired.yaml");
    let bytes = fs::read(path).unwrap();
    assert_eq!(references(&bytes), ["holidays.ics"]);
    let (manifest, warnings) = parse_beside("desired.yaml", &bytes, None, &on_disk(path)).unwrap();
    assert_eq!(manifest.intents.len(), 7);
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn without_a_file_the_environment_is_enough() {
    let environment = BTreeMap::from([
        ("EMQXCLOUD_PLATFORM_ENDPOINT", "https://vendor.example/public_api/v1"),
        ("EVENKEEL_API_URL", "https://own.example/public_api/v1/"),
        ("EMQXCLOUD_PLATFORM_API_KEY", "k"),
        ("EVENKEEL_API_SECRET_FILE", "/run/secret"),
        ("EVENKEEL_DESIRED", "/etc/d.yaml"),
        ("EVENKEEL_LISTEN", "0.0.0.0:1"),
        ("STATE_DIRECTORY", "/state"),
    ]);
    let look = |name: &str| environment.get(name).map(|value| (*value).to_owned());
    let overrides = Overrides { listen: Some("[::1]:2".to_owned()), ..Overrides::default() };
    let settings = Settings::resolve("settings", None, None, &overrides, &look).unwrap();
    let account = &settings.accounts[&AccountId::new("default")];
    assert_eq!(account.url, "https://own.example/public_api/v1");
    assert_eq!(account.key, SecretSource::Env("EMQXCLOUD_PLATFORM_API_KEY".to_owned()));
    assert_eq!(account.secret, SecretSource::File("/run/secret".into()));
    assert_eq!(settings.desired, PathBuf::from("/etc/d.yaml"));
    assert_eq!(settings.listen, "[::1]:2");
    assert_eq!(settings.state_dir, PathBuf::from("/state"));
    assert_eq!(settings.policy, Policy::default());
}

#[test]
fn paths_start_from_the_files_folder() {
    let text = format!("desired: fleet/d.yaml\nstate_dir: /s\n{ACCOUNT}");
    let (overrides, nothing) = (Overrides::default(), |_: &str| None);
    let beside = Some(PathBuf::from("/etc/evenkeel"));
    let settings =
        Settings::resolve("e.yaml", Some(text.as_bytes()), beside, &overrides, &nothing).unwrap();
    assert_eq!(settings.desired, PathBuf::from("/etc/evenkeel/fleet/d.yaml"));
    assert_eq!(settings.state_dir, PathBuf::from("/s"));
}

#[test]
fn a_small_limit_keeps_a_small_reserve() {
    let settings = with_account("limits: { status: { requests: 6 } }\n").unwrap();
    assert_eq!(settings.policy.observe.reserve, 1);
}

#[test]
fn all_faults_come_in_one_report() {
    let text = "limts: {}\nact: { mode: enforc, types: dedicated }\nobserve: { timeout: 0s }\n";
    assert_eq!(
        refused(text),
        [
            "e.yaml:2:1: unknown key `limts` at the top level; did you mean `limits`?",
            "e.yaml:3:14: expected `enforce` or `observe`, found the text `enforc`; did you mean \
             `enforce`?",
            "e.yaml:3:29: `types`: expected a list, found the text `dedicated`",
            "e.yaml:4:21: `timeout`: must be longer than nothing",
        ]
    );
}

/// A configuration after the account's line, and what is said of it.
const CASES: [(&str, &str); 21] = [
    ("limits: { start: { requests: 0 } }", "`requests`: expected a whole number from 1 up, found"),
    ("limits: { start: { per: 1x } }", "`per`: `1x` is not a duration; write it like `90s`"),
    ("limits: { margin: -1s }", "`margin`: `-1s` is not a duration"),
    ("observe: { reserve: 60 }", "`reserve`: must be less than `limits.status.requests`, 60"),
    ("observe: { confirm_within: 2h }", "`confirm_within`: must not be longer than the window, 1h"),
    ("observe: { list: yes }", "expected `auto` or `never`"),
    ("act: { backoff: { initial: 1m, max: 1s } }", "`max`: must not be shorter than `initial`, 1m"),
    ("guards: { stop: { percent: 50 } }", "unknown key `stop` in guards; did you mean `stops`?"),
    ("guards: { stops: { percent: 101 } }", "`percent`: must be at most 100, which switches this"),
    ("guards: { stops: { percent: half } }", "`percent`: expected a whole number from 0 up, found"),
    ("guards: { stops: { above: -1 } }", "`above`: expected a whole number from 0 up, found"),
    ("guards: { stops: 50 }", "expected a map behind `stops:`, found"),
    ("listen: 9464", "`listen`: `9464` is not an address; expected host and port"),
    ("listen: here:99999", "`listen`: `here:99999` is not an address"),
    ("limits: [1]", "expected a map behind `limits:`, found"),
    ("admin: { token: abc }", "unknown key `token` in admin; expected `socket`, `token_file`, "),
    ("admin: { socket: maybe }", "`socket`: expected `true` or `false`, found"),
    ("admin: { max_duration: 400d }", "`max_duration`: must be at most 366d"),
    ("admin: { rate: { requests: 0 } }", "`requests`: "),
    ("admin: { max_duration: 0s }", "`max_duration`: must be longer than nothing"),
    ("desired: [a]", "`desired`: expected text, found"),
];

#[test]
fn each_fault_says_what_was_expected() {
    for (text, expected) in CASES {
        let report = refused(text);
        assert!(report.len() == 1 && report[0].contains(expected), "{text}: {report:#?}");
    }
}

fn account(url: &str) -> Result<Settings, String> {
    resolve(&format!(
        "accounts: {{ default: {{ url: '{url}', key: {{ env: K }}, secret: {{ env: S }} }} }}\n"
    ))
}

#[test]
fn a_base_url_that_cannot_be_right_is_explained() {
    let cases = [
        ("https://x.example:8443/api/v5", "this is the API of a single deployment"),
        ("https://x.example/api/v5/", "this is the API of a single deployment"),
        ("https://x.example:8443/public_api/v1", "this is the API of a single deployment"),
        ("http://x.example/public_api/v1", "use https://"),
        ("ftp://x.example/public_api/v1", "expected an https:// URL"),
        ("cloud.example", "this is no URL"),
        ("https://x.example/public_api/v1?a=b", "has no `?`"),
    ];
    for (url, expected) in cases {
        let report = account(url).unwrap_err();
        assert!(report.contains(expected), "{url}: {report}");
    }
    for url in ["http://127.0.0.1:1/x", "http://localhost:1", "http://[::1]:1/public_api/v1"] {
        assert_eq!(account(url).unwrap().warnings, Vec::<String>::new());
    }
    let odd = account("https://x.example/v1").unwrap();
    assert_eq!(odd.warnings.len(), 1);
    assert!(odd.warnings[0].contains("does not end in `/public_api/v1`"), "{:?}", odd.warnings);
}

#[test]
fn credentials_are_refused_in_the_file_and_never_shown() {
    let report = resolve(
        "accounts:\n  default:\n    url: https://user:canary@x.example/public_api/v1\n    \
         key: canary-key\n    secret: { file: a, env: b }\n",
    )
    .unwrap_err();
    assert!(!report.contains("canary"), "{report}");
    assert!(report.contains("e.yaml:4:10: `key`: a credential is not written here"), "{report}");
    assert!(report.contains("the URL holds credentials"), "{report}");
    assert!(report.contains("expected either `env` or `file`"), "{report}");
}

#[test]
fn a_credential_shows_in_no_report_of_a_file_that_cannot_be_read() {
    for (text, message) in [
        ("accounts:\n  default:\n    key: canary\n  x\n", "a `:` is missing behind this key"),
        ("accounts:\n  default:\n    key: canary\n\tx: y\n", "found a tab"),
        ("accounts:\n  default:\n    key: {env: K}\n    key: canary\n", "`key` is here twice"),
        ("accounts: {}\nsecret: canary\n", "unknown key `secret`"),
        ("accounts:\n  default:\n    secrt: canary\n", "unknown key `secrt`"),
        ("accounts:\n  default:\n    key: { vale: canary }\n", "unknown key `vale`"),
        ("accounts:\n  default:\n    key:\n    - canary\n", "a credential is not written here"),
        ("accounts:\n  default:\n    url: https://u:canary@x\n  x\n", "`:` is missing"),
    ] {
        let report = resolve(text).unwrap_err();
        assert!(report.contains(message) && !report.contains("canary"), "{text}{report}");
    }
    // Where there is none, the line is shown.
    let report = resolve("accounts:\n  default:\n    key: { env: K }\n\tx: y\n").unwrap_err();
    assert!(report.contains("     4 |  x: y\n"), "{report}");
}

#[test]
fn what_an_account_lacks_is_said() {
    let report = resolve("accounts: { default: {} }\n").unwrap_err();
    for part in ["url", "key", "secret"] {
        assert!(report.contains(&format!("account `default` has no `{part}`")), "{report}");
    }
    let report = resolve("{}\n").unwrap_err();
    assert!(report.contains("no account is configured; set EVENKEEL_API_URL"), "{report}");
}

#[test]
fn a_credential_file_is_one_line() {
    let dir = std::env::temp_dir().join(format!("evenkeel-credentials-{}", std::process::id()));
    fs::create_dir(&dir).unwrap();
    let path = dir.join("secret");
    let read = |content: &str| {
        fs::write(&path, content).unwrap();
        let mut settings = account("https://x.example/public_api/v1").unwrap();
        let mut account = settings.accounts.pop_first().unwrap().1;
        account.key = SecretSource::File(path.clone());
        account.secret = SecretSource::File(path.clone());
        account.credentials().map(|_| ()).map_err(|error| error.to_string())
    };
    for good in ["s", "s\n", "s\r\n", " s "] {
        assert_eq!(read(good), Ok(()), "{good:?}");
    }
    for (bad, why) in [("", "it is empty"), ("\n", "it is empty"), ("a\nb\n", "more than one line")]
    {
        assert!(read(bad).unwrap_err().contains(why), "{bad:?}");
    }
    assert!(read(&"x".repeat(5000)).unwrap_err().contains("longer than 4 KiB"));
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_token_is_long_and_never_shown() {
    let dir = std::env::temp_dir().join(format!("evenkeel-token-{}", std::process::id()));
    std::fs::create_dir(&dir).unwrap();
    let file = dir.join("token");
    let read = |text: &str| {
        std::fs::write(&file, text).unwrap();
        token(&file).map(|token| token.expose_secret().to_owned())
    };
    assert_eq!(read("0123456789abcdef\n").unwrap(), "0123456789abcdef");
    let cases = [
        ("0123456789abcde", "it must have at least 16 characters"),
        ("0123456789 abcdef", "it must be of printable ASCII characters without spaces"),
        ("", "it is empty"),
    ];
    for (text, why) in cases {
        let fault = read(text).unwrap_err();
        assert!(fault.ends_with(why) && !fault.contains("0123"), "{fault}");
    }
    std::fs::remove_file(&file).unwrap();
    assert!(token(&file).unwrap_err().contains("cannot read the credential in"));
    std::fs::remove_dir(dir).unwrap();
    let report = refused("admin: { token: canary-token }").join("\n");
    assert!(!report.contains("canary"), "{report}");
}
