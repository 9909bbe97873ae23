//! A server out of file descriptors goes on when there are some again. A program of its own: the
//! limit is the process's, and other tests would run into it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use evenkeel::serve::{Bounds, serve};
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;

#[test]
fn a_lack_of_descriptors_passes() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    // The kernel completes the connection; accepting it is what will lack a descriptor.
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();

    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum }).unwrap();
    let mut hoard = vec![];
    while let Ok(file) = File::open("/dev/null") {
        hoard.push(file);
    }
    let lacking = async {
        let refused = listener.accept().await.unwrap_err();
        assert_eq!(rustix::io::Errno::from_io_error(&refused), Some(rustix::io::Errno::MFILE));
    };
    runtime.block_on(lacking);

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = serve(listener, Bounds::default(), async { drop(stopped.await) }, |_, _| async {
        Ok(Response::new(Full::new(Bytes::from("hello"))))
    });
    runtime.block_on(async {
        let server = tokio::spawn(served);
        // The server's first attempt fails: it runs when this task yields, and the hoard is still
        // there.
        tokio::task::yield_now().await;
        drop(hoard);
        let answer = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            text
        });
        assert!(answer.await.unwrap().ends_with("hello"));
        drop(stop);
        server.await.unwrap();
    });
}
