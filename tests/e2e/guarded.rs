//! The endpoint under a web configuration: TLS, certificates, passwords, and what strangers try.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use crate::harness::{EVENKEEL, Process, World, wait};

/// Of the password `correct horse`, at the least cost there is.
pub(crate) const HASH: &str = "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

/// Makes a key and a certificate for 127.0.0.1 by a CA of its own; the names of all files.
pub(crate) fn certify(world: &World, name: &str) {
    let script = format!(
        "set -e; cd '{dir}'
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 \
          -subj '/CN={name} CA' -keyout {name}-ca.key -out {name}-ca.pem
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN={name}' \
          -keyout {name}.key -out {name}.csr
        printf 'subjectAltName=IP:127.0.0.1\\nbasicConstraints=CA:FALSE\\n' > ext
        openssl x509 -req -in {name}.csr -CA {name}-ca.pem -CAkey {name}-ca.key -CAcreateserial \
          -days 30 -extfile ext -out {name}.pem
        chmod 600 {name}.key",
        dir = world.scratch.path("").display()
    );
    let made = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

pub(crate) struct Guarded {
    process: Process,
    pub(crate) address: String,
}

pub(crate) fn start(world: &World, rules: &str) -> Guarded {
    let path = world.scratch.write("web.yaml", rules);
    let mut command = world.command(&["run"]);
    let mut process = Process::start(command.env("EVENKEEL_WEB_CONFIG", path));
    let address = process.printed("listening on ");
    let address = address.trim_end_matches('/').to_owned();
    Guarded { process, address }
}

/// As `evenkeel status` from elsewhere, with these flags: its exit code and all that it printed.
fn status(world: &World, guarded: &Guarded, flags: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(EVENKEEL);
    command.env_clear().args(["status", "--listen", &guarded.address]).args(flags);
    let output = command.current_dir(world.scratch.path("")).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// Waits until it is told, though nobody comes.
fn tells(guarded: &Guarded, what: &str) {
    wait(what, || guarded.process.output().contains(what).then_some(()));
}

#[test]
fn certificates_are_asked_for_shown_and_replaced() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    certify(&world, "one");
    certify(&world, "two");
    let rules = |name: &str, more: &str| {
        format!("tls_server_config:\n  cert_file: {name}.pem\n  key_file: {name}.key\n{more}")
    };
    let guarded = start(&world, &rules("one", "  min_version: TLS13\n"));
    assert!(guarded.address.starts_with("https://"), "{}", guarded.address);
    let asks = |guarded: &Guarded, ca: &str| status(&world, guarded, &["--ca-file", ca]);
    wait("the fleet to be in sync", || asks(&guarded, "one-ca.pem").1.find("1 of 1 in sync"));
    // Whom nobody trusts gets nothing, and a client is told why.
    let (code, told) = asks(&guarded, "two-ca.pem");
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("certificate"), "{told}");
    // On its own machine the daemon is asked without any of this.
    let local = |arguments: &[&str]| {
        let mut command = world.command(arguments);
        command.env("EVENKEEL_WEB_CONFIG", world.scratch.path("web.yaml"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    };
    local(&["status"]);
    local(&["status", "--probe"]);
    local(&["history"]);
    local(&["plan"]);
    // Other files are in force without a restart, and broken ones are not.
    world.scratch.write("web.yaml", &rules("two", ""));
    wait("the new certificate", || (asks(&guarded, "two-ca.pem").0 == Some(0)).then_some(()));
    world.scratch.write("two.key", "no key");
    tells(&guarded, "expected a private key in PEM");
    assert_eq!(asks(&guarded, "two-ca.pem").0, Some(0));
    let required = "  client_ca_file: one-ca.pem\n  client_auth_type: RequireAndVerifyClientCert\n";
    world.scratch.write("web.yaml", &rules("one", required));
    let speak = |more: &[&str]| {
        let url = format!("{}/healthz", guarded.address);
        let mut client = Command::new("openssl");
        let host = url.trim_start_matches("https://").split('/').next().unwrap().to_owned();
        client.args(["s_client", "-quiet", "-CAfile", "one-ca.pem", "-verify_return_error"]);
        client.args(["-connect", &host]).args(more).current_dir(world.scratch.path(""));
        let mut child = client
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let _ = child.stdin.as_mut().unwrap().write_all(request.as_bytes());
        String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
    };
    let shown = ["-cert", "one.pem", "-key", "one.key"];
    wait("the certificate to let in", || speak(&shown).starts_with("HTTP/1.1 200").then_some(()));
    assert!(!speak(&[]).contains("HTTP/1.1"));
    assert!(!speak(&["-cert", "two.pem", "-key", "one.key"]).contains("HTTP/1.1"));
    assert_eq!(asks(&guarded, "one-ca.pem").0, Some(2));
}

/// One request, with or without a password; the head and the body of its answer.
pub(crate) fn ask(address: &str, path: &str, login: Option<&str>) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let login = login.map(|login| format!("authorization: Basic {}\r\n", base64(login)));
    let login = login.unwrap_or_default();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n{login}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    (!answer.is_empty()).then_some(answer)
}

fn base64(text: &str) -> String {
    const SIGNS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for piece in text.as_bytes().chunks(3) {
        let bits = piece.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - piece.len()));
        for place in 0..4 {
            let sign = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            out.push(if place <= piece.len() { char::from(SIGNS[sign]) } else { '=' });
        }
    }
    out
}

#[test]
fn a_password_lets_in_and_its_headers_come_along() {
    let world = World::new(&["--deployments", "1"]);
    world.desire("  w41b11c0: running\n");
    let rules = format!(
        "basic_auth_users:\n  alice: {HASH}\nhttp_server_config:\n  headers:\n    \
         X-XSS-Protection: 1; mode=block\n"
    );
    let guarded = start(&world, &rules);
    let address = guarded.address.trim_start_matches("http://").to_owned();
    let code = |login: Option<&str>| {
        let answer = ask(&address, "/healthz", login).unwrap();
        assert!(answer.contains("x-xss-protection: 1; mode=block\r\n"), "{answer}");
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(code(Some("alice:correct horse")), "200");
    assert_eq!(code(Some("alice:wrong")), "401");
    assert_eq!(code(Some("bob:correct horse")), "401");
    assert_eq!(code(Some("alice:")), "401");
    assert_eq!(code(None), "401");
    let answer = ask(&address, "/metrics", None).unwrap();
    assert!(answer.contains("www-authenticate: Basic realm=\"evenkeel\""), "{answer}");
    assert!(!answer.contains("evenkeel_build_info"), "{answer}");
    world.scratch.write("login", "alice:correct horse\n");
    assert_ne!(status(&world, &guarded, &["--login-file", "login"]).0, Some(2));
    let (code, told) = status(&world, &guarded, &[]);
    assert_eq!(code, Some(2), "{told}");
    assert!(told.contains("--login-file"), "{told}");
    // What is broken changes nothing and shows; the fault is told once.
    let shows = |login: &str, value: u8| {
        let line = format!("\nevenkeel_config_last_reload_successful {value}\n");
        wait("the metric to follow the file", || {
            ask(&address, "/metrics", Some(login))?.contains(&line).then_some(())
        });
    };
    shows("alice:correct horse", 1);
    world.scratch.write("web.yaml", "basic_auth_users:\n  carol: nonsense\n");
    let fault = "`carol`: this is no bcrypt hash";
    tells(&guarded, fault);
    shows("alice:correct horse", 0);
    assert!(!guarded.process.output().contains("nonsense"), "{}", guarded.process.output());
    // A user who is taken out is out.
    world.scratch.write("web.yaml", &rules.replace("alice", "carol"));
    let inside =
        |login: &str| ask(&address, "/healthz", Some(login)).unwrap().starts_with("HTTP/1.1 200");
    wait("carol to be let in", || inside("carol:correct horse").then_some(()));
    assert!(!inside("alice:correct horse"));
    shows("carol:correct horse", 1);
    assert_eq!(guarded.process.output().matches(fault).count(), 1);
}
