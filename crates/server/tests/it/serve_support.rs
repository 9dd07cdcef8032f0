//! A running `terrane serve` with a certificate, and a browser that trusts it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::Arc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::process::{is_gone, terrane, within};

/// Writes a self-made certificate for `localhost` and its key into the folder.
pub(crate) fn write_certificate(folder: &Path) {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned).to_vec();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(folder.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(folder.join("certificate.pem"), made.cert.pem()).unwrap();
}

pub(crate) struct Serve {
    supervisor: Child,
    _stdout: BufReader<ChildStdout>,
    /// What it said at the start.
    pub(crate) greeting: String,
    pub(crate) port: u16,
    data_dir: PathBuf,
}

impl Serve {
    /// Starts with the certificate of `folder`, and its data there too.
    pub(crate) fn start(folder: &Path) -> Self {
        let data_dir = folder.join("data");
        let mut command = terrane();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir).stdout(Stdio::piped());
        command.arg("--tls-cert").arg(folder.join("certificate.pem"));
        command.env("TERRANE_TLS_KEY", folder.join("key.pem"));
        let mut supervisor = command.spawn().unwrap();
        let mut stdout = BufReader::new(supervisor.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.ends_with("\n\n") || greeting.lines().count() < 3 {
            assert!(stdout.read_line(&mut greeting).unwrap() > 0, "{greeting}");
        }
        let (_, rest) = greeting.split_once("https://localhost:").expect(&greeting);
        let port = rest.lines().next().unwrap().parse().unwrap();
        Self { supervisor, _stdout: stdout, greeting, port, data_dir }
    }

    /// The path of the link that sets up the first account.
    pub(crate) fn set_up_path(&self) -> Option<String> {
        let (_, rest) = self.greeting.split_once("/app/set-up/")?;
        Some(format!("/app/set-up/{}", rest.split_whitespace().next().unwrap()))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.supervisor.id().cast_signed()), signal).unwrap();
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        let pids = ["server", "runner"].map(|name| std::fs::read_to_string(self.data_dir.join(format!("{name}.pid"))));
        let _ = self.supervisor.kill();
        let _ = self.supervisor.wait();
        for pid in pids.iter().flatten().filter_map(|text| text.trim().parse().ok()) {
            within(std::time::Duration::from_secs(20), || is_gone(Pid::from_raw(pid)));
        }
    }
}

/// Trusts the certificate of the folder and no other.
pub(crate) fn trusting(folder: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.join("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    // Who resumes a session does not look at the certificate again.
    config.resumption = rustls::client::Resumption::disabled();
    Arc::new(config)
}

/// Sends one request over TLS; answers the head and the body.
pub(crate) fn request(
    config: &Arc<ClientConfig>,
    port: u16,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(String, String)> {
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port))?);
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    // A server that closes without the last word of TLS has still said everything.
    if let Err(error) = stream.read_to_end(&mut answer)
        && answer.is_empty()
    {
        return Err(error);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    Ok((head.to_owned(), body.to_owned()))
}

/// Follows the pages as a browser does.
pub(crate) struct Browser {
    config: Arc<ClientConfig>,
    port: u16,
    cookies: BTreeMap<String, String>,
    /// The page it looks at.
    pub(crate) page: String,
}

impl Browser {
    pub(crate) fn new(serve: &Serve, folder: &Path) -> Self {
        Self { config: trusting(folder), port: serve.port, cookies: BTreeMap::new(), page: String::new() }
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> String {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let site = if method == "GET" { "none" } else { "same-origin" };
        let headers = format!(
            "Cookie: {}\r\nSec-Fetch-Site: {site}\r\nContent-Type: application/x-www-form-urlencoded\r\n",
            cookies.join("; ")
        );
        let (head, page) = request(&self.config, self.port, method, path, &headers, body).unwrap();
        for line in head.lines() {
            if let Some(cookie) = line.strip_prefix("set-cookie: ") {
                let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
                assert!(name.starts_with("__Host-") && cookie.contains("; Secure"), "{cookie}");
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        self.page = page;
        head
    }

    /// Opens a page; answers the head.
    pub(crate) fn get(&mut self, path: &str) -> String {
        self.send("GET", path, "")
    }

    /// Sends a form with the hidden fields of the page; answers where it leads.
    pub(crate) fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> String {
        let hidden = self.page.split("<input type=\"hidden\" name=\"").skip(1).map(|rest| {
            let (name, rest) = rest.split_once("\" value=\"").unwrap();
            (name.to_owned(), rest.split_once('"').unwrap().0.to_owned())
        });
        let mut all: Vec<(String, String)> = hidden.collect();
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let encoded: Vec<String> = all.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let head = self.send("POST", path, &encoded.join("&"));
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        location.unwrap_or_else(|| panic!("{head}\n{}", self.page)).to_owned()
    }
}

fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
