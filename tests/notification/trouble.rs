//! Receivers that are dead, and ends that come too early: nobody else waits, and all has a bound.

use std::time::Duration;

use evenkeel::keel::plan::Reason;
use tokio::net::TcpSocket;
use tokio::time::Instant;

use crate::delivery::tells;
use crate::grouping::reason;
use crate::server::{Act, Room, Server, receiver, until};

/// An address at which nobody listens, as long as the socket has it.
fn nowhere() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());
    (socket, url)
}

#[tokio::test]
async fn a_dead_receiver_holds_no_other_up() {
    let ((_socket, dead), deaf) = (nowhere(), Server::new(&[Act::Hang]).await);
    let server = Server::new(&[Act::Code(200)]).await;
    let receivers =
        vec![receiver("dead", &dead), receiver("deaf", &deaf.url), receiver("ops", &server.url)];
    let room = Room::new(receivers);
    for n in 0..5 {
        tells(&room.inlet, &reason(&format!("d{n}"), Reason::Failed));
        let seen = server.saw(n + 1).await;
        assert_eq!(seen[n].verified()["subject"], format!("d{n}"));
    }
    assert_eq!(room.count("dead delivered") + room.count("deaf delivered"), 0);
}

#[tokio::test]
async fn a_receiver_that_was_dead_for_long_hears_the_latest() {
    let server = Server::new(&[Act::Code(500)]).await;
    let room = Room::new(vec![receiver("ops", &server.url)]);
    let told = 100;
    for n in 0..told {
        tells(&room.inlet, &reason(&format!("d{n:03}"), Reason::Failed));
        server.saw(1).await;
        // Each is a message of its own: one is under way, and 64 wait.
        room.waits("ops", (n + 1).min(65)).await;
        until("the oldest to go", || (room.count("ops dropped") + 65 > n).then_some(())).await;
    }
    server.now_does(Act::Code(200));
    room.waits("ops", 0).await;
    let delivered = room.count("ops delivered");
    assert_eq!(delivered + room.count("ops dropped"), told);
    assert_eq!(delivered, 65);
    let last = server.seen().last().unwrap().verified();
    assert_eq!(last["subject"], "d099");
}

#[tokio::test]
async fn what_is_no_news_any_more_is_given_up() {
    let server = Server::new(&[Act::Code(500)]).await;
    let room = Room::with(vec![receiver("ops", &server.url)], |options| {
        options.patience.worth = Duration::from_millis(100);
    });
    tells(&room.inlet, &reason("a", Reason::Failed));
    room.counted("ops expired").await;
    room.waits("ops", 0).await;
}

/// The end of the process: what is collected is sent, although its time has not come.
#[tokio::test]
async fn the_end_does_not_wait_for_the_group() {
    let server = Server::new(&[Act::Code(500), Act::Code(200)]).await;
    let room = Room::with(vec![receiver("ops", &server.url)], |options| {
        options.pace.wait = Duration::from_secs(3600);
        options.patience.first = Duration::from_secs(3600);
        options.patience.longest = Duration::from_secs(3600);
    });
    tells(&room.inlet, &reason("a", Reason::Failed));
    room.desk.close(Duration::from_secs(60)).await;
    // Also what failed just then is tried once more.
    assert_eq!(server.seen().len(), 2);
    assert_eq!(server.seen()[1].verified()["subject"], "a");
}

#[tokio::test]
async fn the_end_waits_for_nobody_for_ever() {
    let server = Server::new(&[Act::Hang]).await;
    let room = Room::new(vec![receiver("ops", &server.url)]);
    tells(&room.inlet, &reason("a", Reason::Failed));
    server.saw(1).await;
    let begin = Instant::now();
    room.desk.close(Duration::from_millis(200)).await;
    assert!(begin.elapsed() < Duration::from_secs(10));
}

/// The loop hands notices in while nothing else gets to run: it never waits, and there is a bound.
#[tokio::test]
async fn the_loop_never_waits() {
    let server = Server::new(&[Act::Code(200)]).await;
    let room = Room::new(vec![receiver("ops", &server.url)]);
    let notice = reason("a", Reason::Failed);
    for _ in 0..70_000 {
        tells(&room.inlet, &notice);
    }
    assert_eq!(room.count("unheard"), 70_000 - 65_536);
    room.counted("ops delivered").await;
    assert_eq!(server.seen().len(), 1);
}
