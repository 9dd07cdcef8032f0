//! The server child: builds the application and serves it on the supervisor's socket.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use listenfd::ListenFd;
use nix::sys::stat::{Mode as FileMode, umask};
use terrane_app::bootstrap::DevPassword;
use terrane_app::callers::Secret;
use terrane_app::{App, bootstrap, set_up};
use terrane_store::{Store, StoreError, StoreOptions, SystemClock};
use tokio::sync::watch;

use crate::child_process::ChildProcess;
use crate::configuration::{Mode, Settings, cores};
use crate::dev::{self, DevFacts};
use crate::exit::Fatal;
use crate::handover::Secrets;
use crate::https_redirect::HttpsRedirect;
use crate::listener::{self, Encryption};
use crate::serve;
use crate::tls::Tls;

/// A server of an earlier start answers what it holds for up to 10 s.
const PREDECESSOR_PATIENCE: Duration = Duration::from_secs(20);
/// What still runs on blocking threads at the end does not hold up the exit for longer than this.
const RUNTIME_END_LIMIT: Duration = Duration::from_secs(1);

/// The application as the accept loop needs it.
struct Application {
    /// Every front door.
    router: Router,
    /// What people and scripts are told at the start.
    facts: Facts,
    /// Set to true when the server stops: requests that are held open answer at once.
    drain: watch::Sender<bool>,
}

/// What people and scripts are told at the start.
enum Facts {
    Dev(Box<DevFacts>),
    /// The link of the set-up, while nobody has an account.
    Serve(Option<String>),
}

/// Builds the application. An error that another start would only repeat carries a [`Fatal`].
async fn build(settings: &Settings, secrets: &Secrets, is_first_start: bool) -> anyhow::Result<Application> {
    let root_key = terrane_store::load_root_key(&settings.root_key_file)
        .map_err(|error| Fatal::Configuration(error.to_string()))?;
    let store = Store::open(StoreOptions {
        database_url: settings.database_url.clone(),
        blob_folder: settings.data_dir.join("blobs"),
        root_key,
        clock: Arc::new(SystemClock),
    })
    .await
    .map_err(|error| match error {
        StoreError::Migration(text) => anyhow::Error::from(Fatal::Configuration(text)),
        error => anyhow::Error::from(error).context("open the database"),
    })?;
    let (drain, draining) = watch::channel(false);
    let app = App::new(store, &settings.public_url(), draining)
        .with_ip_ranges(settings.ip_ranges.clone())
        .with_force_cancel_cool_off(settings.force_cancel_after);
    terrane_app::callers::set_runner_token(&app, Secret::new(secrets.runner_token.as_str())).await?;
    let facts = match settings.mode {
        Mode::Dev => Facts::Dev(Box::new(dev_facts(&app, settings).await?)),
        // A link that was printed stays good while the supervisor lives.
        Mode::Serve if is_first_start => Facts::Serve(set_up::create_link(&app).await?),
        Mode::Serve => Facts::Serve(None),
    };
    terrane_app::background::start(&app).await?;
    let router = terrane_ui::router(app.clone()).merge(terrane_api::router(app));
    Ok(Application { router, facts, drain })
}

async fn dev_facts(app: &App, settings: &Settings) -> anyhow::Result<DevFacts> {
    let previous = dev::previous(settings);
    let password = previous.password.map(|password| DevPassword {
        password: Secret::new(password),
        checked_for: previous.password_checked_for.unwrap_or_default(),
    });
    let facts = bootstrap::dev(app, previous.token.map(Secret::new)).await?;
    let password = bootstrap::dev_password(app, password).await?;
    Ok(DevFacts {
        organization: facts.organization,
        user: facts.user,
        password: password.map(|DevPassword { password, checked_for }| dev::Password {
            text: password.reveal().to_owned(),
            checked_for,
        }),
        token: facts.token.reveal().to_owned(),
        sign_in_url: facts.sign_in_url,
    })
}

/// Runs the server until the supervisor wants it to stop or is gone.
pub(crate) fn main() -> anyhow::Result<ExitCode> {
    let child = ChildProcess::begin()?;
    // Whatever the server writes is its owner's business only.
    umask(FileMode::from_bits_truncate(0o077));
    fail_if_planted()?;
    let listener = ListenFd::from_env().take_tcp_listener(0).context("take the supervisor's socket")?;
    let listener = listener.context("the supervisor passed no socket")?;
    listener.set_nonblocking(true)?;
    let lock = child.lock("server.lock", PREDECESSOR_PATIENCE)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(cores())
        .enable_all()
        .build()
        .context("start the runtime")?;
    let served = runtime.block_on(serve(&child, listener));
    runtime.shutdown_timeout(RUNTIME_END_LIMIT);
    drop(lock);
    served.map(|()| ExitCode::SUCCESS)
}

async fn serve(child: &ChildProcess, listener: std::net::TcpListener) -> anyhow::Result<()> {
    let stop = child.stop_requested()?;
    let settings = child.settings();
    let is_first_start = child.handover.first_start;
    let encryption = encryption(settings)?;
    let application = build(settings, &child.handover.secrets, is_first_start).await?;
    let listener = tokio::net::TcpListener::from_std(listener).context("use the supervisor's socket")?;
    if let Facts::Dev(facts) = &application.facts {
        dev::write(settings, facts)?;
    }
    child.ready();
    if is_first_start {
        match &application.facts {
            Facts::Dev(facts) => dev::greet(settings, facts),
            Facts::Serve(link) => serve::greet(settings, link.as_deref()),
        }
    }
    listener::serve(listener, application.router, encryption, stop, &application.drain).await;
    Ok(())
}

/// How the port is spoken to. Needs the runtime.
fn encryption(settings: &Settings) -> anyhow::Result<Encryption> {
    let Some(files) = settings.tls.clone() else {
        let is_dev = settings.mode == Mode::Dev;
        return Ok(Encryption::Plain(is_dev.then(|| HttpsRedirect::new(&settings.data_dir))));
    };
    let tls = Tls::new(files)?;
    tls.reload_on_signal()?;
    Ok(Encryption::Tls(tls, settings.public_url()))
}

/// Lets tests see a server that cannot start: `TERRANE_TEST_FAIL_START` is the code to end with.
fn fail_if_planted() -> anyhow::Result<()> {
    use crate::exit::{CONFIGURATION, DISK, IN_USE};
    if !cfg!(debug_assertions) {
        return Ok(());
    }
    let Some(code) = std::env::var("TERRANE_TEST_FAIL_START").ok().and_then(|code| code.parse::<u8>().ok()) else {
        return Ok(());
    };
    let text = format!("planted failure {code}");
    Err(match code {
        CONFIGURATION => Fatal::Configuration(text).into(),
        IN_USE => Fatal::InUse(text).into(),
        DISK => Fatal::Disk(text).into(),
        _ => anyhow::anyhow!(text),
    })
}
