//! A receiver of messages: keeps what comes, and answers as it was told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Headers, with names in lower case, and a body.
pub(crate) type Message = (Vec<(String, String)>, Vec<u8>);

/// It listens as long as the test runs.
pub(crate) struct Ear {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Message>>>,
}

impl Ear {
    /// The n-th message gets the n-th status code; later ones the last.
    pub(crate) fn new(codes: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ear = Self { address: listener.local_addr().unwrap(), heard: Arc::default() };
        let (heard, codes) = (ear.heard.clone(), codes.to_vec());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Who goes away in the middle was not heard.
                let _ = hear(stream, &heard, &codes);
            }
        });
        ear
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/canary", self.address)
    }

    pub(crate) fn heard(&self) -> Vec<Message> {
        self.heard.lock().unwrap().clone()
    }
}

fn hear(stream: TcpStream, heard: &Mutex<Vec<Message>>, codes: &[u16]) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.push((name.to_lowercase(), value.to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let code = {
        let mut heard = heard.lock().unwrap();
        heard.push((headers, body));
        codes[(heard.len() - 1).min(codes.len() - 1)]
    };
    let answer = format!("HTTP/1.1 {code} So\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    (&stream).write_all(answer.as_bytes())
}
