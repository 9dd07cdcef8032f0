//! HTTPS on the plain port, for one purpose: to send the browser to plain HTTP.
//!
//! The terraform CLI prints links with `https://` whatever the server says. A browser that follows one gets a self-made
//! certificate, and behind it a redirect to the same place without TLS.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderValue, LOCATION};
use hyper::{Request, Response, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::files;

/// First byte of a TLS connection: a record of the kind "handshake". No HTTP method begins with it.
pub(crate) const TLS_HANDSHAKE: u8 = 0x16;
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The TLS side of the plain port. Nothing is made before the first TLS connection, which most servers never see.
pub(crate) struct HttpsRedirect {
    data_dir: PathBuf,
    acceptor: OnceCell<TlsAcceptor>,
}

impl HttpsRedirect {
    /// Keeps its certificate in `data_dir`.
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned(), acceptor: OnceCell::new() }
    }

    /// The handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
        let acceptor = self.acceptor.get_or_try_init(|| self.make_acceptor()).await?;
        tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream))
            .await
            .context("the TLS handshake takes too long")?
            .context("the TLS handshake failed")
    }

    async fn make_acceptor(&self) -> anyhow::Result<TlsAcceptor> {
        let data_dir = self.data_dir.clone();
        tokio::task::spawn_blocking(move || {
            let (certificate, key) = stored_certificate(&data_dir).or_else(|_| make_certificate(&data_dir))?;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut config = ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()?
                .with_no_client_auth()
                .with_single_cert(vec![certificate], key)?;
            config.alpn_protocols = vec![b"http/1.1".to_vec()];
            Ok(TlsAcceptor::from(Arc::new(config)))
        })
        .await?
    }
}

/// The answer to every request: the same place without TLS.
pub(crate) fn answer<B>(request: &Request<B>) -> Response<String> {
    let mut response = Response::new(String::new());
    let location = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .zip(request.uri().path_and_query())
        .and_then(|(host, path)| HeaderValue::try_from(format!("http://{host}{path}")).ok());
    *response.status_mut() = match location {
        Some(location) => {
            response.headers_mut().insert(LOCATION, location);
            // Keeps method and body, as a moved API call needs.
            StatusCode::TEMPORARY_REDIRECT
        }
        None => StatusCode::BAD_REQUEST,
    };
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

/// The answer to a request without TLS where there is TLS: the same place at `public_url`.
pub(crate) fn to(public_url: &str, uri: &hyper::Uri) -> Response<String> {
    let mut response = Response::new(String::new());
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    *response.status_mut() = match HeaderValue::try_from(format!("{public_url}{path}")) {
        Ok(location) => {
            response.headers_mut().insert(LOCATION, location);
            StatusCode::PERMANENT_REDIRECT
        }
        Err(_) => StatusCode::BAD_REQUEST,
    };
    response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

type Identity = (CertificateDer<'static>, PrivateKeyDer<'static>);

fn paths(data_dir: &Path) -> (PathBuf, PathBuf) {
    (data_dir.join("dev-certificate.pem"), data_dir.join("dev-certificate-key.pem"))
}

fn stored_certificate(data_dir: &Path) -> anyhow::Result<Identity> {
    let (certificate, key) = paths(data_dir);
    Ok((CertificateDer::from_pem_file(certificate)?, PrivateKeyDer::from_pem_file(key)?))
}

fn make_certificate(data_dir: &Path) -> anyhow::Result<Identity> {
    let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let made = rcgen::generate_simple_self_signed(names).context("make a certificate")?;
    let (certificate, key) = paths(data_dir);
    files::replace(&key, made.signing_key.serialize_pem().as_bytes(), files::PRIVATE)?;
    files::replace(&certificate, made.cert.pem().as_bytes(), files::PUBLIC)?;
    stored_certificate(data_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer_to(host: Option<&str>, uri: &str) -> Response<String> {
        let mut request = Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        answer(&request.body(()).unwrap())
    }

    #[test]
    fn path_and_query_are_kept() {
        let response = answer_to(Some("localhost:8080"), "/app/demo/runs/run-1?a=b&c");
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(response.headers()[LOCATION], "http://localhost:8080/app/demo/runs/run-1?a=b&c");
    }

    #[test]
    fn a_request_without_host_is_refused() {
        assert_eq!(answer_to(None, "/").status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn the_certificate_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        assert!(stored_certificate(folder.path()).is_err());
        let (made, _) = make_certificate(folder.path()).unwrap();
        assert_eq!(stored_certificate(folder.path()).unwrap().0, made);
    }
}
