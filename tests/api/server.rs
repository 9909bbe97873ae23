//! A server that counts, and does as it is told.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What to do with a connection, once a request has come.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Write this, then wait for the next request.
    Answer(Vec<u8>),
    /// Write this, then close.
    AnswerAndClose(Vec<u8>),
    /// Write this, then say nothing more, and keep the connection.
    AnswerAndStall(Vec<u8>),
    /// Write this piece again and again, for as long as someone listens.
    AnswerForEver(Vec<u8>, Vec<u8>),
    /// Close with a FIN.
    Close,
    /// Close with an RST.
    Reset,
}

/// A listening server and what it has seen.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<u32>>,
}

impl Server {
    /// The n-th request gets the n-th act; later ones the last.
    pub(crate) async fn start(acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let (requests, connections) = (Arc::default(), Arc::default());
        let server = Self { url, requests: Arc::clone(&requests), connections };
        let connections = server.connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                tokio::spawn(serve(stream, acts.clone(), requests.clone()));
            }
        });
        server
    }

    /// Gives every request this answer, headers and all.
    pub(crate) async fn answering(text: &str) -> Self {
        Self::start(vec![Act::Answer(text.as_bytes().to_vec())]).await
    }

    /// The heads of the requests that have arrived.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> u32 {
        *self.connections.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, acts: Vec<Act>, requests: Arc<Mutex<Vec<String>>>) {
    while let Some(head) = read_head(&mut stream).await {
        let number = {
            let mut requests = requests.lock().unwrap();
            requests.push(head);
            requests.len() - 1
        };
        let act = acts.get(number).or(acts.last()).cloned().unwrap();
        match act {
            Act::Answer(text) => stream.write_all(&text).await.unwrap(),
            Act::AnswerAndClose(text) => return stream.write_all(&text).await.unwrap(),
            Act::AnswerAndStall(text) => {
                stream.write_all(&text).await.unwrap();
                // Ends when the client does.
                let _ = stream.read(&mut [0; 16]).await;
                return;
            }
            Act::AnswerForEver(text, piece) => {
                let mut next = stream.write_all(&text).await;
                while next.is_ok() {
                    next = stream.write_all(&piece).await;
                }
                return;
            }
            Act::Close => return,
            Act::Reset => return stream.set_zero_linger().unwrap(),
        }
    }
}

/// Answers the first request that comes with these bytes, and hands its connection over.
pub(crate) async fn answer_one(listener: &TcpListener, text: &[u8]) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    read_head(&mut stream).await.unwrap();
    stream.write_all(text).await.unwrap();
    stream
}

/// All up to the empty line; no request here has a body.
async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// An answer with a body of the right length.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())
}

/// The documentation's example, shortened, and a field that nobody knows.
pub(crate) const OBJECT: &str = r#"{"connections":1000,"createAt":"2024-07-22 05:32","new":[1],
    "deploymentID":"w41b11c0","deploymentName":"deployment-w41b11c0","deploymentType":"dedicated",
    "platform":"Alibaba Cloud","region":"Hangzhou","status":"running"}"#;
