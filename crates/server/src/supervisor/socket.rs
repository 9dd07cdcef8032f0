//! The listening socket: taken from systemd if it passes one, else bound here.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use listenfd::ListenFd;
use nix::sys::socket::{Backlog, listen as set_backlog};

use crate::exit::Fatal;

/// A server whose supervisor was killed a moment ago lets go of its port within this time.
const PATIENCE: Duration = Duration::from_millis(300);
const RETRY: Duration = Duration::from_millis(20);

/// The socket on which the server will accept connections.
pub(super) fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    if let Some(listener) = ListenFd::from_env().take_tcp_listener(0).context("take the socket of LISTEN_FDS")? {
        return Ok(listener);
    }
    let listener = bind(address)?;
    // While the server is being restarted, everything that arrives waits in this queue: let it be long.
    set_backlog(&listener, Backlog::MAXALLOWABLE).context("lengthen the queue of the listening socket")?;
    Ok(listener)
}

fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match TcpListener::bind(address) {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                return Err(Fatal::Configuration(format!(
                    "cannot listen on {address}: {error}; choose another with --listen"
                ))
                .into());
            }
            Err(_) if Instant::now() < deadline => thread::sleep(RETRY),
            Err(_) => {
                let ip = address.ip();
                return Err(Fatal::InUse(format!(
                    "port {} on {ip} is in use by another program; choose another with --listen, for example --listen {}",
                    address.port(),
                    SocketAddr::new(ip, address.port().checked_add(1).unwrap_or(0))
                ))
                .into());
            }
        }
    }
}
