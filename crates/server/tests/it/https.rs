//! HTTPS on the plain port.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::process::Dev;

fn get(dev: &Dev, config: ClientConfig) -> std::io::Result<String> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", dev.port)).unwrap());
    write!(stream, "GET /app/demo?tab=runs HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", dev.port)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[test]
fn a_tls_client_is_sent_to_plain_http() {
    let dev = Dev::start();
    // The certificate is made for the first TLS client, which therefore cannot know it.
    assert!(get(&dev, trusting(RootCertStore::empty())).is_err());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(dev.data_dir.join("dev-certificate.pem")).unwrap()).unwrap();
    let answer = get(&dev, trusting(roots)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
    assert!(answer.contains(&format!("\r\nlocation: http://localhost:{}/app/demo?tab=runs\r\n", dev.port)), "{answer}");
    assert!(dev.get("/healthz").unwrap().starts_with("HTTP/1.1 200 "));
}
