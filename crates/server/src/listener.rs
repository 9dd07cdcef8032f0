//! The accept loop: connections, their limits, and their orderly end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::https_redirect::{self, HttpsRedirect, TLS_HANDSHAKE};
use crate::tls::Tls;

/// How long a new connection may stay silent.
const FIRST_BYTE_LIMIT: Duration = Duration::from_secs(30);
/// How long a request's head may take, and how long a kept connection may stay idle (hyper has one clock for both).
///
/// More than the 90 s after which Go's client gives up an idle connection by itself. The other way round, a request would now and
/// then meet a connection that is just being closed, and terraform does not repeat every kind of request.
const HEAD_LIMIT: Duration = Duration::from_mins(2);
/// How long requests in flight may take after the server was told to stop.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);
/// Bytes read ahead for each connection; also the limit for the head of a request.
const BUFFER_BYTES: usize = 64 * 1024;
/// Pause after a failed accept. When the process is out of descriptors, accepting again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a TLS connection is given, and what is left for one without.
pub(crate) enum Encryption {
    /// The server speaks plain HTTP; a TLS client of `dev` is sent there.
    Plain(Option<HttpsRedirect>),
    /// The server speaks TLS; whoever comes without is sent to this address.
    Tls(Tls, String),
}

/// Everything that a connection needs.
struct Front {
    router: Router,
    encryption: Encryption,
    http: http1::Builder,
}

/// Serves connections until `stop` becomes true, then lets requests in flight finish.
///
/// `drain` is set at that moment, for requests that are held open on purpose: they answer at once.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    encryption: Encryption,
    mut stop: watch::Receiver<bool>,
    drain: &watch::Sender<bool>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(BUFFER_BYTES).keep_alive(true);
    let front = Arc::new(Front { router, encryption, http });
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            // The order matters: a connection that is not accepted any more waits for the next server.
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                tokio::spawn(Arc::clone(&front).connection(stream, peer, graceful.watcher(), stop.clone()));
            }
            Err(error) if is_peers_fault(&error) => {}
            Err(error) => {
                tracing::warn!("cannot accept connections: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drain.send_replace(true);
    if tokio::time::timeout(DRAIN_LIMIT, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off: they took longer than {DRAIN_LIMIT:?} after the stop");
    }
}

fn is_peers_fault(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

impl Front {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        watcher: Watcher,
        mut stop: watch::Receiver<bool>,
    ) {
        // Small answers must leave at once, not after the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let mut first = [0];
        let seen = tokio::select! {
            // Data first: a request that is already here is answered even while stopping.
            biased;
            seen = tokio::time::timeout(FIRST_BYTE_LIMIT, stream.peek(&mut first)) => seen,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        if !matches!(seen, Ok(Ok(1))) {
            return;
        }
        let is_tls = first[0] == TLS_HANDSHAKE;
        match &self.encryption {
            Encryption::Plain(Some(https)) if is_tls => self.redirect(https, stream, watcher).await,
            Encryption::Plain(_) => self.serve(stream, peer, watcher).await,
            Encryption::Tls(tls, _) if is_tls => match tls.accept(stream).await {
                Ok(stream) => self.serve(stream, peer, watcher).await,
                Err(error) => tracing::debug!("{error:#}"),
            },
            Encryption::Tls(_, public_url) => self.clear(public_url, stream, peer, watcher).await,
        }
    }

    /// A connection without TLS where there is TLS: this machine's own runner and probes are answered, as nothing of that
    /// leaves the machine; all others are sent to TLS.
    async fn clear(&self, public_url: &str, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let is_here = peer.ip().to_canonical().is_loopback()
            || stream.local_addr().is_ok_and(|local| local.ip().to_canonical() == peer.ip().to_canonical());
        let service = service_fn(async |request: Request<Incoming>| {
            if is_here && is_for_this_machine(request.uri().path()) {
                return answer(self.router.clone(), request, peer).await;
            }
            Ok(https_redirect::to(public_url, request.uri()).map(Body::from))
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!("a connection without TLS ended: {error}");
        }
    }

    async fn redirect(&self, https: &HttpsRedirect, stream: TcpStream, watcher: Watcher) {
        let stream = match https.accept(stream).await {
            Ok(stream) => stream,
            // Every browser that does not like the certificate ends here.
            Err(error) => return tracing::debug!("{error:#}"),
        };
        let service = service_fn(async |request| Ok::<_, Infallible>(https_redirect::answer::<Incoming>(&request)));
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!("a redirected connection ended: {error}");
        }
    }

    async fn serve<S>(&self, stream: S, peer: SocketAddr, watcher: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = service_fn(|request| answer(self.router.clone(), request, peer));
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!("a connection ended: {error}");
        }
    }
}

/// What the embedded runner and the machine's own probes ask for.
fn is_for_this_machine(path: &str) -> bool {
    path.starts_with("/api/runner/") || matches!(path, "/healthz" | "/readyz")
}

/// Answers one request. A panic costs this request its answer, and nobody else anything.
async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<Response<Body>, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    let answered = AssertUnwindSafe(router.oneshot(request)).catch_unwind().await;
    Ok(match answered {
        Ok(response) => response.unwrap_or_else(|never| match never {}),
        Err(_) => internal_error(),
    })
}

fn internal_error() -> Response<Body> {
    let text = r#"{"errors":[{"status":"500","title":"internal server error","detail":"The server failed in itself; its log has the details."}]}"#;
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/vnd.api+json"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use std::time::Instant;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::task::JoinHandle;

    struct Running {
        address: SocketAddr,
        stop: watch::Sender<bool>,
        server: JoinHandle<()>,
    }

    /// Serves one route that panics, one that takes a while and one that is held until the server stops.
    async fn start() -> Running {
        let (drain, drained) = watch::channel(false);
        let held = async move || {
            let _ = drained.clone().wait_for(|drained| *drained).await;
            "held"
        };
        let slow = async || {
            tokio::time::sleep(Duration::from_millis(200)).await;
            "slow"
        };
        let router = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("wanted by a test") }))
            .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()))
            .route("/slow", get(slow))
            .route("/held", get(held));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(false);
        let server =
            tokio::spawn(async move { serve(listener, router, Encryption::Plain(None), stopped, &drain).await });
        Running { address, stop, server }
    }

    async fn request(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn a_panic_costs_one_request_its_answer() {
        let running = start().await;
        let answer = request(running.address, "/panic").await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        let answer = request(running.address, "/peer").await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("127.0.0.1:"), "{answer}");
    }

    #[tokio::test]
    async fn a_stop_answers_what_is_held_and_finishes_what_is_slow() {
        let running = start().await;
        let idle = TcpStream::connect(running.address).await.unwrap();
        let requests = ["/held", "/slow"].map(|path| tokio::spawn(async move { request(running.address, path).await }));
        tokio::time::sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        running.stop.send_replace(true);
        for answer in requests {
            let answer = answer.await.unwrap();
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        }
        running.server.await.unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "an idle connection must not hold up the end");
        drop(idle);
    }
}
