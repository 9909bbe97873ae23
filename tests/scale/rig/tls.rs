//! TLS before the simulated API, so that polls by HTTPS can be measured: what it costs here is not
//! the daemon's.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Says its port, and passes each connection on to `upstream`, until the process is ended.
pub(crate) fn run(certificate: &str, key: &str, upstream: &str) {
    let chain = vec![CertificateDer::from_pem_file(certificate).unwrap()];
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let configuration = builder.unwrap().with_no_client_auth().with_single_cert(chain, key);
    let acceptor = TlsAcceptor::from(Arc::new(configuration.unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, upstream) = (acceptor.clone(), upstream.to_owned());
            tokio::spawn(async move {
                let mut upstream = TcpStream::connect(upstream).await.unwrap();
                // Whoever hangs up in the middle is not this one's concern.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = copy_bidirectional(&mut stream, &mut upstream).await;
                }
            });
        }
    });
}
