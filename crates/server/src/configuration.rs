//! Settings: flag, else environment, else `terrane.toml` in the data folder, else default.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use terrane_domain::runs::FORCE_CANCEL_COOL_OFF;

use crate::exit::Fatal;

mod runs;

use self::runs::{RunsArguments, RunsSettings};

/// Name of the settings file inside the data folder.
const FILE_NAME: &str = "terrane.toml";
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// Two, so that one long run does not hold up everything else even on a single core.
const FEWEST_DEFAULT_RUNNERS: usize = 2;

/// How log lines are written to standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What the server is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// One person, on this machine.
    Dev,
    /// Everyone who is to use it.
    Serve,
}

/// Certificate and key, as files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsFiles {
    /// The certificate, with those between it and the root behind it, in PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, in PEM.
    pub(crate) key: PathBuf,
}

/// Settings as flags or environment variables give them.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder of everything that is kept [default: ~/.local/share/terrane]
    #[arg(long, env = "TERRANE_DATA_DIR", value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    optional: Optional,
}

/// The settings that a file may hold too.
#[derive(Args, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Optional {
    /// Address and port; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, env = "TERRANE_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Database, sqlite: or postgres: [default: sqlite, in the data folder]
    #[arg(long, env = "TERRANE_DATABASE_URL", value_name = "URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Address under which clients reach the server [default: http(s)://localhost:PORT]
    #[arg(long, env = "TERRANE_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Addresses from which this server speaks to others, in CIDR notation [default: its own]
    #[arg(long, env = "TERRANE_IP_RANGES", value_name = "RANGE,...", value_delimiter = ',')]
    ip_ranges: Option<Vec<String>>,
    /// File with the TLS certificate and its chain, in PEM; read again on SIGHUP
    #[arg(long, env = "TERRANE_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// File with the private key of the certificate, in PEM
    #[arg(long, env = "TERRANE_TLS_KEY", value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// Serve other machines without TLS, because a proxy or a private network does what TLS would
    #[arg(long, env = "TERRANE_ALLOW_PLAIN_HTTP", num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    allow_plain_http: Option<bool>,
    /// File with the key that encrypts everything at rest; made if missing [default: root.key in the data folder]
    #[arg(long, env = "TERRANE_ROOT_KEY_FILE", value_name = "FILE")]
    root_key_file: Option<PathBuf>,
    /// Runs that are worked on at the same time, 0 for no embedded runner [default: number of cores, at least 2]
    #[arg(long, env = "TERRANE_RUNNERS", value_name = "NUMBER")]
    runners: Option<usize>,
    /// Seconds after a cancel until people may end a run by force [default: 60]
    #[arg(long, env = "TERRANE_FORCE_CANCEL_AFTER", value_name = "SECONDS")]
    force_cancel_after: Option<u32>,
    /// What is logged: error, warn, info, debug or trace, for all or by module as tracing filters do [default: info]
    #[arg(long, env = "TERRANE_LOG", value_name = "LEVEL")]
    log: Option<String>,
    /// How it is logged [default: text]
    #[arg(long, env = "TERRANE_LOG_FORMAT", value_name = "FORMAT")]
    log_format: Option<LogFormat>,
    #[command(flatten)]
    runs: RunsArguments,
}

/// The settings in force. No `Debug`: the database's URL may hold a password.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Which command it was.
    pub(crate) mode: Mode,
    /// Absolute path of the data folder.
    pub(crate) data_dir: PathBuf,
    /// Where the server listens; in a child the port is the real one, never 0.
    pub(crate) listen: SocketAddr,
    /// `sqlite:` or `postgres:`.
    pub(crate) database_url: String,
    /// As it was set; [`Settings::public_url`] also knows the default.
    public_url: Option<String>,
    /// In CIDR notation.
    pub(crate) ip_ranges: Vec<String>,
    /// Certificate and key, if the server speaks TLS itself.
    pub(crate) tls: Option<TlsFiles>,
    /// Whether other machines may be served without TLS.
    pub(crate) allow_plain_http: bool,
    /// File of the root key.
    pub(crate) root_key_file: PathBuf,
    /// Slots of the embedded runner.
    pub(crate) runners: usize,
    /// How long after a cancel people may end a run by force.
    pub(crate) force_cancel_after: Duration,
    /// What the embedded runner's runs are kept from, and what they may use.
    pub(crate) runs: RunsSettings,
    /// Filter of the log.
    pub(crate) log: String,
    /// Format of the log.
    pub(crate) log_format: LogFormat,
}

impl Settings {
    /// The address under which clients reach the server, without a slash at its end.
    pub(crate) fn public_url(&self) -> String {
        // Not 127.0.0.1: clients name the server as `localhost:PORT`, and cookies and tokens go by that name.
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        self.public_url.clone().unwrap_or_else(|| format!("{scheme}://localhost:{}", self.listen.port()))
    }

    /// The address by which processes of this machine reach the server; without TLS, which only they may do.
    pub(crate) fn loopback_url(&self) -> String {
        let ip = match self.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip => ip,
        };
        format!("http://{}", SocketAddr::new(ip, self.listen.port()))
    }

    /// Refuses to be reached by other machines in the clear, unless told otherwise, and never in `dev`: passwords, tokens and
    /// states would go over the wire for anyone to read.
    pub(crate) fn check_address(&self) -> Result<(), Fatal> {
        let (address, port) = (self.listen, self.listen.port());
        if address.ip().is_loopback() {
            return Ok(());
        }
        let text = match self.mode {
            Mode::Dev => format!(
                "terrane dev speaks plain HTTP and so listens on this machine only, not on {address}; use --listen 127.0.0.1:{port}, \
                 and an SSH tunnel or a TLS proxy on this machine to reach it from elsewhere, or terrane serve"
            ),
            Mode::Serve if self.tls.is_none() && !self.allow_plain_http => format!(
                "without TLS, whoever is on the way to {address} could read every password, token and state; give a certificate with \
                 --tls-cert and --tls-key, listen on 127.0.0.1:{port} behind a TLS proxy on this machine, or say --allow-plain-http \
                 if the network between is yours alone"
            ),
            Mode::Serve if self.public_url.is_none() => format!(
                "clients get addresses to upload to and download from, and {address} does not say how they reach this server; \
                 name it with --public-url, for example --public-url https://terrane.example.com"
            ),
            Mode::Serve => return Ok(()),
        };
        Err(Fatal::Configuration(text))
    }
}

/// Merges what was given with the settings file and the defaults.
pub(crate) fn resolve(mode: Mode, arguments: Arguments) -> anyhow::Result<Settings> {
    let data_dir = match arguments.data_dir.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => path,
        None => default_data_dir()?,
    };
    let data_dir = std::path::absolute(&data_dir).with_context(|| format!("find {}", data_dir.display()))?;
    let file = read_file(&data_dir.join(FILE_NAME))?;
    let given = arguments.optional;
    let listen = match text(given.listen).or(file.listen) {
        Some(address) => parse_listen(&address)?,
        None => DEFAULT_LISTEN,
    };
    let root_key_file = given.root_key_file.or(file.root_key_file).unwrap_or_else(|| data_dir.join("root.key"));
    let certificate = path(given.tls_cert).or(path(file.tls_cert));
    let key = path(given.tls_key).or(path(file.tls_key));
    let settings = Settings {
        mode,
        tls: tls_files(mode, certificate, key)?,
        allow_plain_http: given.allow_plain_http.or(file.allow_plain_http).unwrap_or(false),
        listen,
        database_url: text(given.database_url)
            .or(file.database_url)
            .unwrap_or_else(|| format!("sqlite:{}", data_dir.join("terrane.db").display())),
        public_url: text(given.public_url).or(file.public_url).map(|url| parse_public_url(&url)).transpose()?,
        ip_ranges: match given.ip_ranges.or(file.ip_ranges) {
            Some(ranges) if ranges != [""] => parse_ranges(ranges)?,
            _ => own_ranges(),
        },
        root_key_file: std::path::absolute(root_key_file).context("find the root key file")?,
        runners: given.runners.or(file.runners).unwrap_or_else(|| cores().max(FEWEST_DEFAULT_RUNNERS)),
        force_cancel_after: given
            .force_cancel_after
            .or(file.force_cancel_after)
            .map_or(FORCE_CANCEL_COOL_OFF, |seconds| Duration::from_secs(seconds.into())),
        runs: runs::resolve(given.runs, file.runs)?,
        log: text(given.log).or(file.log).unwrap_or_else(|| "info".to_owned()),
        log_format: given.log_format.or(file.log_format).unwrap_or(LogFormat::Text),
        data_dir,
    };
    settings.check_address()?;
    Ok(settings)
}

fn path(value: Option<PathBuf>) -> Option<PathBuf> {
    value.filter(|path| !path.as_os_str().is_empty())
}

/// Certificate and key go together, and not with `dev`, whose clients know that it is plain HTTP.
fn tls_files(mode: Mode, certificate: Option<PathBuf>, key: Option<PathBuf>) -> anyhow::Result<Option<TlsFiles>> {
    let wrong = |text: &str| Err(Fatal::Configuration(text.to_owned()).into());
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) if mode == Mode::Dev => {
            wrong("terrane dev speaks plain HTTP only; for a certificate of your own use terrane serve")
        }
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
            certificate: std::path::absolute(certificate).context("find the certificate")?,
            key: std::path::absolute(key).context("find the key of the certificate")?,
        })),
        (Some(_), None) => wrong("--tls-cert needs --tls-key: the file with the certificate's private key"),
        (None, Some(_)) => wrong("--tls-key needs --tls-cert: the file with the certificate"),
    }
}

/// A scheme and a host, maybe with a port: pages, cookies and signed addresses all begin at the root.
fn parse_public_url(url: &str) -> Result<String, Fatal> {
    let url = url.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_host = |host: &str| {
        !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
    };
    if host.is_some_and(is_host) {
        return Ok(url.to_owned());
    }
    Err(Fatal::Configuration(format!(
        "--public-url {url} is not an address of the form https://terrane.example.com or http://10.0.0.5:8080, without a path"
    )))
}

/// Number of cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// An empty variable counts as none: that is how a compose file or a unit unsets it.
fn text(value: Option<String>) -> Option<String> {
    value.filter(|value| !value.is_empty())
}

fn default_data_dir() -> Result<PathBuf, Fatal> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    folder("XDG_DATA_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("terrane"))
        .ok_or_else(|| {
            Fatal::Configuration("neither HOME nor XDG_DATA_HOME is set; name a folder with --data-dir".to_owned())
        })
}

fn read_file(path: &Path) -> anyhow::Result<Optional> {
    match std::fs::read_to_string(path) {
        Ok(content) => toml::from_str(&content)
            .map_err(|error| Fatal::Configuration(format!("{} is not valid: {error}", path.display())).into()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(Optional::default())
        }
        Err(error) => Err(error).with_context(|| format!("read {}", path.display())),
    }
}

fn parse_ranges(ranges: Vec<String>) -> Result<Vec<String>, Fatal> {
    let is_range = |range: &str| {
        let (address, bits) = range.split_once('/')?;
        let most = if address.parse::<IpAddr>().ok()?.is_ipv4() { 32 } else { 128 };
        bits.parse::<u8>().ok().filter(|bits| *bits <= most)
    };
    match ranges.iter().find(|range| is_range(range).is_none()) {
        None => Ok(ranges),
        Some(range) => Err(Fatal::Configuration(format!(
            "--ip-ranges {range} is not a range of addresses; write it as 192.0.2.7/32 or 2001:db8::/48"
        ))),
    }
}

/// The addresses that this machine uses towards the rest of the world. Nothing is sent to find them.
fn own_ranges() -> Vec<String> {
    let outgoing = |from: &str, to: &str| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        socket.local_addr().ok().map(|address| address.ip())
    };
    let v4 = outgoing("0.0.0.0:0", "192.0.2.1:9").unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let v6 = outgoing("[::]:0", "[2001:db8::1]:9");
    std::iter::once(format!("{v4}/32")).chain(v6.map(|address| format!("{address}/128"))).collect()
}

fn parse_listen(address: &str) -> Result<SocketAddr, Fatal> {
    let numeric = address.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    numeric.as_deref().unwrap_or(address).parse().map_err(|_| {
        Fatal::Configuration(format!(
            "--listen {address} is not an address with a port; write it as 127.0.0.1:8080, [::1]:8080 or localhost:8080"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(data_dir: &Path) -> Arguments {
        Arguments { data_dir: Some(data_dir.to_owned()), optional: Optional::default() }
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "listen = \"[::1]:9\"\nrunners = 7\n").unwrap();
        let mut arguments = given(folder.path());
        arguments.optional.runners = Some(8);
        let settings = resolve(Mode::Dev, arguments).unwrap();
        assert_eq!(settings.listen.to_string(), "[::1]:9");
        assert_eq!(settings.runners, 8);
        assert_eq!(settings.log_format, LogFormat::Text);
        assert_eq!(settings.public_url(), "http://localhost:9");
    }

    #[test]
    fn an_unknown_setting_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "lisen = \"127.0.0.1:9\"\n").unwrap();
        let error = resolve(Mode::Dev, given(folder.path())).err().unwrap();
        assert_eq!(crate::exit::code_of(&error), crate::exit::CONFIGURATION);
        assert!(error.to_string().contains("lisen"), "{error}");
    }

    fn with(mode: Mode, change: impl FnOnce(&mut Optional)) -> Result<Settings, String> {
        let folder = tempfile::tempdir().unwrap();
        let mut arguments = given(folder.path());
        change(&mut arguments.optional);
        resolve(mode, arguments).map_err(|error| error.to_string())
    }

    fn listening(mode: Mode, address: &str) -> Result<Settings, String> {
        with(mode, |optional| optional.listen = Some(address.to_owned()))
    }

    #[test]
    fn ranges_of_addresses_are_the_machines_own_unless_they_are_given() {
        let folder = tempfile::tempdir().unwrap();
        let own = resolve(Mode::Dev, given(folder.path())).unwrap().ip_ranges;
        assert!(!own.is_empty() && parse_ranges(own).is_ok());
        for (range, is_taken) in [
            ("192.0.2.0/24", true),
            ("2001:db8::/48", true),
            ("192.0.2.0", false),
            ("192.0.2.0/33", false),
            ("a/8", false),
        ] {
            let mut arguments = given(folder.path());
            arguments.optional.ip_ranges = Some(vec![range.to_owned()]);
            let resolved = resolve(Mode::Dev, arguments).ok().map(|settings| settings.ip_ranges);
            assert_eq!(resolved, is_taken.then(|| vec![range.to_owned()]), "{range}");
        }
    }

    #[test]
    fn loopback_addresses_are_taken_and_others_only_with_a_reason() {
        for mode in [Mode::Dev, Mode::Serve] {
            for address in ["127.0.0.1:0", "127.3.2.1:80", "[::1]:8080", "localhost:8080"] {
                assert!(listening(mode, address).is_ok(), "{address}");
            }
            for address in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "8080", "localhost", "example.com:80"] {
                assert!(listening(mode, address).is_err(), "{address}");
            }
        }
        let public = |optional: &mut Optional| {
            optional.listen = Some("0.0.0.0:80".to_owned());
            optional.public_url = Some("http://terrane.example.com/".to_owned());
        };
        assert!(with(Mode::Serve, public).err().unwrap().contains("--tls-cert"));
        let allowed = |optional: &mut Optional| {
            public(optional);
            optional.allow_plain_http = Some(true);
        };
        assert_eq!(with(Mode::Serve, allowed).unwrap().loopback_url(), "http://127.0.0.1:80");
        assert!(with(Mode::Dev, allowed).is_err());
        let unnamed = |optional: &mut Optional| {
            allowed(optional);
            optional.public_url = None;
        };
        assert!(with(Mode::Serve, unnamed).err().unwrap().contains("--public-url"));
    }

    #[test]
    fn a_certificate_needs_its_key_and_makes_the_address_https() {
        let certificate = |optional: &mut Optional| optional.tls_cert = Some("certificate.pem".into());
        assert!(with(Mode::Serve, certificate).err().unwrap().contains("--tls-key"));
        let both = |optional: &mut Optional| {
            certificate(optional);
            optional.tls_key = Some("key.pem".into());
        };
        assert_eq!(with(Mode::Serve, both).unwrap().public_url(), "https://localhost:8080");
        assert!(with(Mode::Dev, both).err().unwrap().contains("terrane serve"));
    }

    #[test]
    fn a_public_address_has_a_scheme_and_no_path() {
        for (url, taken) in [
            ("https://terrane.example.com", true),
            ("http://[::1]:8080/", true),
            ("terrane.example.com", false),
            ("https://terrane.example.com/sub", false),
            ("https://", false),
            ("https://a@b", false),
        ] {
            assert_eq!(with(Mode::Serve, |it| it.public_url = Some(url.to_owned())).is_ok(), taken, "{url}");
        }
    }
}
