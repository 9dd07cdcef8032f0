//! TLS with the operator's own certificate, which can be replaced while connections go on.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use anyhow::Context as _;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::configuration::TlsFiles;
use crate::exit::Fatal;

const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);

/// The certificate in force.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The TLS side of the port.
#[derive(Clone)]
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    files: Arc<TlsFiles>,
}

fn load(files: &TlsFiles, provider: &CryptoProvider) -> anyhow::Result<CertifiedKey> {
    let path = files.certificate.display();
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .with_context(|| format!("read the certificate {path}"))?;
    anyhow::ensure!(!chain.is_empty(), "{path} holds no certificate in PEM");
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("read the private key {}", files.key.display()))?;
    CertifiedKey::from_der(chain, key, provider)
        .with_context(|| format!("use {path} with {}: they must belong together", files.key.display()))
}

impl Tls {
    /// Reads the files. What is wrong with them stays wrong until someone has looked.
    pub(crate) fn new(files: TlsFiles) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = load(&files, &provider).map_err(|error| Fatal::Configuration(format!("{error:#}")))?;
        let current = Arc::new(Current(RwLock::new(Arc::new(key))));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), current, files: Arc::new(files) })
    }

    /// The handshake.
    pub(crate) async fn accept(&self, stream: TcpStream) -> anyhow::Result<TlsStream<TcpStream>> {
        tokio::time::timeout(HANDSHAKE_LIMIT, self.acceptor.accept(stream))
            .await
            .context("the TLS handshake takes too long")?
            .context("the TLS handshake failed")
    }

    /// Reads the files again at each SIGHUP; a certificate that cannot be used leaves the old one in force.
    pub(crate) fn reload_on_signal(&self) -> anyhow::Result<()> {
        let mut hangups = signal(SignalKind::hangup()).context("listen for SIGHUP")?;
        let tls = self.clone();
        tokio::spawn(async move {
            while hangups.recv().await.is_some() {
                tls.reload();
            }
        });
        Ok(())
    }

    fn reload(&self) {
        match load(&self.files, &rustls::crypto::ring::default_provider()) {
            Ok(key) => {
                *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                tracing::info!("the TLS certificate was read again");
            }
            Err(error) => tracing::error!("the TLS certificate stays the old one: {error:#}"),
        }
    }
}
