//! A daemon that says what the test wants.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// What it says to every question, and how often it was asked.
struct Said {
    view: Mutex<Value>,
    history: Mutex<Value>,
    asked: AtomicUsize,
    gone: AtomicBool,
    over: AtomicBool,
}

pub(crate) struct Daemon {
    address: SocketAddr,
    said: Arc<Said>,
    server: Option<JoinHandle<()>>,
}

/// A fleet with a bit of everything.
pub(crate) fn fleet() -> Value {
    serde_json::from_str(include_str!("../view_fixture/view.json")).unwrap()
}

/// The same, but for what is wrong beside the deployments.
pub(crate) fn calm() -> Value {
    let mut view = fleet();
    for key in ["guard", "ledgerFault"] {
        view[key] = Value::Null;
    }
    view["file"]["fault"] = Value::Null;
    view["accounts"][1]["unauthorized"] = json!(false);
    view
}

impl Daemon {
    pub(crate) fn new(view: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let said = Arc::new(Said {
            view: Mutex::new(view),
            history: Mutex::new(json!([])),
            asked: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let server = {
            let said = said.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming() {
                    if said.over.load(Ordering::SeqCst) {
                        break;
                    }
                    if !said.gone.load(Ordering::SeqCst) {
                        // Whoever asked may have gone away.
                        let _ = stream.and_then(|stream| said.answer(stream));
                    }
                }
            })
        };
        Self { address, said, server: Some(server) }
    }

    /// Nobody answers there any more, but for its port, which nobody else is to get.
    pub(crate) fn goes(&self) {
        self.said.gone.store(true, Ordering::SeqCst);
    }

    pub(crate) fn comes_back(&self) {
        self.said.gone.store(false, Ordering::SeqCst);
    }

    pub(crate) fn says(&self, view: Value) {
        *self.said.view.lock().unwrap() = view;
    }

    pub(crate) fn remembers(&self, history: Value) {
        *self.said.history.lock().unwrap() = history;
    }

    pub(crate) fn asked(&self) -> usize {
        self.said.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.said.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.server.take().unwrap().join().unwrap();
    }
}

impl Said {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let first = lines.next().transpose()?.unwrap_or_default();
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let path = first.split(' ').nth(1).unwrap_or_default();
        self.asked.fetch_add(1, Ordering::SeqCst);
        let view = self.view.lock().unwrap();
        let body = match path.split('?').next().unwrap_or_default() {
            "/api/v1/deployments" => Some(view.clone()),
            "/api/v1/history" => Some(json!({ "history": *self.history.lock().unwrap() })),
            path => {
                let id = path.rsplit('/').next().unwrap_or_default();
                let mut all = view["deployments"].as_array().unwrap().iter();
                all.find(|one| one["id"] == id).cloned()
            }
        };
        drop(view);
        let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
        let body = body.unwrap_or_else(|| json!({ "error": "no such deployment" })).to_string();
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json");
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
}
