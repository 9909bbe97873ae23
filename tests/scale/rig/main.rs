//! What `measure.py` and people run beside the daemon: `rig bare`, `rig month`, `rig tls` and
//! `rig drift`.
#![expect(clippy::unwrap_used, reason = "what cannot be measured is a fault of the measure")]
#![expect(clippy::print_stdout, reason = "its output is what it is for")]

mod bare;
mod drift;
mod fleet;
mod month;
mod tls;
#[path = "../world.rs"]
mod world;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["bare", base, ids, interval] => bare::run(base, ids, interval.parse().unwrap()),
        ["month", state, ids, end] => month::write(state, ids, end.parse().unwrap()),
        ["tls", certificate, key, upstream] => tls::run(certificate, key, upstream),
        ["drift"] => drift::run(),
        _ => println!(
            "rig bare URL IDS SECONDS | rig month STATE_DIR IDS UNIX_TIME | \
             rig tls CERTIFICATE KEY HOST:PORT | rig drift"
        ),
    }
}
