//! The pages for people, and the word that something changed.

use std::io::{Read as _, Write as _};
use std::sync::Arc;

use evenkeel::http::{SUBSCRIBERS_MAX, run};
use evenkeel::keel::deployment::DeploymentId;
use hyper::{Method, Request};
use tokio::sync::oneshot;

use super::{ask, bare, get, state, told, view};

#[tokio::test]
async fn the_page_of_a_fleet() {
    let page = get(&state(view()), "/").await.body;
    assert!(page.contains("&lt;script&gt;alert('1')&lt;/script&gt;"));
    assert_eq!(page.matches("<script").count(), 1, "but its own");
    assert!(!page.contains(" style=") && !page.contains(" onclick="));
    insta::assert_snapshot!(page.replace("><", ">\n<"));
}

#[tokio::test]
async fn the_page_of_one_deployment() {
    let page = get(&state(view()), "/deployments/b2").await.body;
    insta::assert_snapshot!(page.replace("><", ">\n<"));
    let unknown = get(&state(view()), "/deployments/x%3Cb%3E").await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.body.contains("names no deployment `x%3Cb%3E`"));
}

/// What somebody asked for, until when, who and why, and how it is ended.
#[tokio::test]
async fn temporary_wishes_are_told_with_the_command_that_ends_them() {
    let mut many = view();
    let words = |page: &str| {
        let section = page.split("aria-labelledby=\"wishes\"").nth(1)?;
        let section = section.split("</section>").next()?;
        let text = section.split('<').filter_map(|part| part.split_once('>'));
        Some(text.map(|(_, text)| text).collect::<String>())
    };
    let want = "Temporary wishessuspend until somebody ends itby alice, 1h10m ago: migration\
                override stopped ends in 1h20m2026-11-24T04:30:00Zby bob (root), 40m ago\
                Ends both: evenkeel resume d4";
    let one = get(&state(many.clone()), "/deployments/d4").await.body;
    assert_eq!(words(&one).unwrap(), want);
    let fleet = get(&state(many.clone()), "/").await.body;
    assert_eq!(words(&fleet).unwrap(), want.replacen("wishes", "wishesd4", 1));
    assert_eq!(words(&get(&state(many.clone()), "/deployments/a1").await.body), None);
    let wished = many.deployments[3].clone();
    many.deployments.extend((10..20).map(|number| {
        let id = DeploymentId::parse(&format!("p{number}")).unwrap();
        evenkeel::keel::view::DeploymentView { id, ..wished.clone() }
    }));
    let fleet = words(&get(&state(many), "/").await.body).unwrap();
    assert_eq!(fleet.matches("evenkeel resume").count(), 10);
    assert!(fleet.ends_with("And of 1 more: see evenkeel status"), "{fleet}");
}

#[tokio::test]
async fn the_page_of_nothing_yet() {
    let mut bare = bare();
    bare.leader = false;
    let page = get(&state(bare), "/").await.body;
    assert!(page.contains("This process stands by; another one acts."));
    assert!(page.contains("No deployments"));
    assert!(page.contains("No desired file in force."));
    assert!(page.contains("Deployments show as soon as a desired file is in force."));
}

#[tokio::test]
async fn a_large_fleet_is_paged_filtered_and_sorted() {
    let mut large = view();
    let one = large.deployment("a1").unwrap().clone();
    for number in 0..1000 {
        let mut more = one.clone();
        more.id = DeploymentId::parse(&format!("p{number:04}")).unwrap();
        large.deployments.push(more);
    }
    let state = state(large);
    let ids = async |uri: &'static str| -> Vec<String> {
        let page = get(&state, uri).await.body;
        let rows = page.split("role=\"rowheader\"").skip(1);
        let id = |row: &str| row.split("deployments/").nth(1)?.split('"').next().map(str::to_owned);
        rows.filter_map(id).collect()
    };
    let first = ids("/").await;
    assert_eq!(first.len(), 50);
    assert_eq!(first[..7], ["c3", "d4", "f6", "b2", "e5", "a1", "p0000"]);
    assert_eq!(ids("/?page=21").await.len(), 6);
    assert_eq!(ids("/?page=21").await, ids("/?page=99").await);
    assert_eq!(ids("/?q=P0999&state=&sort=").await, ["p0999"]);
    assert_eq!(ids("/?state=attention").await, ["c3", "d4", "f6"]);
    assert_eq!(ids("/?q=shop-test").await, ["b2"]);
    assert_eq!(ids("/?sort=id").await[..3], ["a1", "b2", "c3"]);
    assert!(get(&state, "/?q=p").await.body.contains("href=\"?q=p&amp;page=2\""));
    assert!(get(&state, "/?q=nobody").await.body.contains("No deployment fits."));
    for (uri, fault) in [
        ("/?page=two", "`page` must be a number, such as `/?page=2`"),
        ("/?pages=2", "`pages` is not understood; expected"),
        ("/?state=odd", "`state=odd` is not understood; expected one of `attention`"),
        ("/?page=1&page=2", "`page` is given twice"),
    ] {
        let answer = get(&state, uri).await;
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(fault), "{uri}");
    }
}

/// Over a real socket: the first event at once, one more after a change, the end at shutdown.
#[tokio::test]
async fn a_change_is_told_and_a_stream_ends_with_the_server() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let state = Arc::new(state(view()));
    let changes = state.changes.clone();
    let before = changes.number();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut stop = Some(stop);
    // It listens to the end, which the server's own end brings.
    let client = tokio::task::spawn_blocking(move || {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: here\r\n\r\n").unwrap();
        let (mut told, mut block) = (String::new(), [0; 1024]);
        loop {
            let read = socket.read(&mut block).unwrap();
            if read == 0 {
                return told;
            }
            told.push_str(std::str::from_utf8(&block[..read]).unwrap());
            if told.contains(&format!("id: {before}\n")) && changes.number() == before {
                changes.publish();
            }
            if told.contains(&format!("id: {}\n", before + 1))
                && let Some(stop) = stop.take()
            {
                stop.send(()).unwrap();
            }
        }
    });
    let server = tokio::spawn(run(listener, state, async { drop(stopped.await) }));
    let told = client.await.unwrap();
    assert!(told.contains("content-type: text/event-stream\r\n"), "{told}");
    server.await.unwrap();
}

#[tokio::test]
async fn so_many_listen_and_no_more() {
    let state = state(view());
    let request = Request::builder().uri("/api/v1/events").body(()).unwrap();
    let mut streams = Vec::new();
    for _ in 0..SUBSCRIBERS_MAX {
        streams.push(evenkeel::http::route(&state, &request).await);
    }
    assert!(streams.iter().all(|stream| stream.status() == 200));
    assert_eq!(told(&state, "/api/v1/events").await.0, 503);
    streams.pop();
    assert_eq!(evenkeel::http::route(&state, &request).await.status(), 200);
    assert_eq!(ask(&state, Method::HEAD, "/api/v1/events").await.status, 200);
}
