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
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let said = Said {
            view: Mutex::new(view),
            history: Mutex::new(json!([])),
            asked: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        };
        let mut daemon = Self { address, said: Arc::new(said), server: None };
        daemon.start();
        daemon
    }

    /// Listens, again where it did before.
    pub(crate) fn start(&mut self) {
        let listener = TcpListener::bind(self.address).unwrap();
        self.address = listener.local_addr().unwrap();
        self.said.over.store(false, Ordering::SeqCst);
        let said = self.said.clone();
        self.server = Some(std::thread::spawn(move || {
            for stream in listener.incoming() {
                if said.over.load(Ordering::SeqCst) {
                    break;
                }
                // Whoever asked may have gone away.
                let _ = stream.and_then(|stream| said.answer(stream));
            }
        }));
    }

    /// Nobody listens there any more.
    pub(crate) fn stop(&mut self) {
        self.said.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(server) = self.server.take() {
            server.join().unwrap();
        }
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
        self.stop();
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
            "/api/v1/deployments" => view.clone(),
            "/api/v1/history" => json!({ "history": *self.history.lock().unwrap() }),
            path => {
                let id = path.rsplit('/').next().unwrap_or_default();
                let mut all = view["deployments"].as_array().unwrap().iter();
                all.find(|one| one["id"] == id).unwrap().clone()
            }
        };
        drop(view);
        let body = body.to_string();
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: application/json";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }
}
