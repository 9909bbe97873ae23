use std::time::Duration;

use clap::Parser;
use evenkeel::cli::simulate::SimulateArgs;
use evenkeel::simulator::{
    Deployment, Faults, Kind, Limit, Limits, Method, Options, RetryAfter, Scope,
};

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: SimulateArgs,
}

fn options(flags: &str) -> Result<Options, String> {
    let words = std::iter::once("simulate").chain(flags.split_whitespace());
    let epoch = Options::default().epoch;
    Command::try_parse_from(words)
        .map(|command| command.args.options(epoch))
        .map_err(|error| error.to_string())
}

#[test]
fn without_flags_it_is_the_documented_service() {
    assert_eq!(options("").unwrap(), Options::default());
}

#[test]
fn flags_become_options_one_to_one() {
    let seconds = Duration::from_secs;
    let mut staging = Deployment::new("abc", "stopped");
    (staging.name, staging.kind) = ("staging".to_owned(), "dedicatedFlex".to_owned());
    let limit = |requests, window| Limit { requests, window: seconds(window) };
    let expected = Options {
        key: "k".to_owned(),
        secret: "s".to_owned(),
        deployments: vec![Deployment::new("w41b11c0", "running"), staging],
        forbidden: ["theirs".to_owned()].into(),
        list: false,
        limits: Limits {
            status: limit(60, 60),
            list: limit(6, 60),
            start: limit(2, 30),
            stop: limit(1, 60),
            scope: Scope::Account,
            kind: Kind::Fixed,
            count_refused: true,
        },
        retry_after: RetryAfter::Date,
        start_delay: seconds(1),
        stop_delay: seconds(2),
        pending: seconds(3),
        revert: 0.1,
        fail: 0.2,
        drift: Some(seconds(90)),
        numeric_codes: true,
        seed: 42,
        faults: Faults {
            methods: vec![Method::Start, Method::Stop],
            latency: Duration::from_millis(250),
            jitter: Duration::from_millis(50),
            reset: 0.01,
            lost: 0.02,
            late_answer: 0.03,
            late_arrival: 0.04,
            late_by: seconds(60),
            gateway: 0.05,
            storm: 0.06,
            storm_for: seconds(5),
            storm_retry_after: RetryAfter::Garbage,
            garbage: 0.07,
            unknown_status: 0.08,
            redirect: 1.0,
        },
        ..Options::default()
    };
    let flags = "--key k --secret s --deployments 1 --no-list --forbid theirs \
        --deployment abc=stopped,name=staging,type=dedicatedFlex \
        --window 60s --limit list=6 --limit start=2/30s --scope account --limiter fixed \
        --count-refused --retry-after date --start-delay 1s --stop-delay 2s --pending 3s \
        --revert 0.1 --fail 0.2 --drift 1m30s --numeric-codes --seed 42 \
        --fault-methods start,stop --latency 250ms --jitter 50ms --reset 0.01 --lost 0.02 \
        --late-answer 0.03 --late-arrival 0.04 --late-by 1m --gateway 0.05 --storm 0.06 \
        --storm-for 5s --storm-retry-after garbage --garbage 0.07 --unknown-status 0.08 \
        --redirect 1";
    assert_eq!(options(flags).unwrap(), expected);
}

#[test]
fn a_wrong_flag_is_told_what_is_right() {
    for (flags, told) in [
        ("--lost 2", "a probability is a number from 0 to 1, such as `0.05`"),
        ("--lost NaN", "a probability is a number from 0 to 1, such as `0.05`"),
        ("--window 0s", "it must be longer than nothing"),
        ("--drift soon", "is not a duration"),
        ("--limit start", "a limit looks like `start=1` or `start=1/60m`"),
        ("--limit launch=1", "`launch` is not one of status, list, start, stop"),
        ("--limit start=many", "`many` is not a number of requests"),
        ("--deployment abc", "a deployment looks like `w41b11c0=running`"),
        ("--deployment abc=running,names=x", "`names` is not one of name, type"),
        ("--deployment abc=running,connections=x", "`x` is not a number of connections"),
        ("--fault-methods begin", "`begin` is not one of status, list, start, stop"),
    ] {
        let error = options(flags).unwrap_err();
        assert!(error.contains(told), "{flags}: {error}");
    }
}
