//! `terrane serve`: set-up, TLS, and `terraform login` with the real CLI.

use std::time::Duration;

use nix::sys::signal::Signal;

use crate::http;
use crate::person::Person;
use crate::process::{output, within};
use crate::serve_support::{Browser, Serve, request, trusting, write_certificate};

const ACCOUNT: [(&str, &str); 4] =
    [("username", "ada"), ("email", "ada@example.com"), ("password", "correct horse"), ("organization", "analytical")];

#[test]
fn from_an_empty_folder_to_a_plan_with_the_token_of_terraform_login() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_certificate(folder);
    let serve = Serve::start(folder);
    let mut browser = Browser::new(&serve, folder);
    let set_up = serve.set_up_path().unwrap();
    browser.get(&set_up);
    assert_eq!(browser.submit(&set_up, &ACCOUNT), "/app");
    let person = Person::new(&serve, folder);
    person.log_in(|address| {
        let (_, path) = address.split_once(&format!("localhost:{}", serve.port)).unwrap();
        browser.get(path);
        assert!(browser.page.contains("Allow terraform to act as ada?"), "{}", browser.page);
        let location = browser.submit("/oauth/authorization", &[("lifetime", "30"), ("answer", "allow")]);
        let rest = location.strip_prefix("http://localhost:").expect(&location);
        let (port, path) = rest.split_once('/').unwrap();
        assert_eq!(http::request(port.parse().unwrap(), "GET", &format!("/{path}"), &[], b"").status, 200);
    });
    let working = person.configuration("engine");
    person.terraform(&working, &["init"]).with(0).shows("successfully initialized");
    person.terraform(&working, &["plan"]).with(0).shows("1 to add, 0 to change");
    browser.get("/app/settings/tokens");
    assert!(browser.page.contains("terraform login"), "{}", browser.page);
    drop(serve);
    // Somebody has an account: nobody is invited to make the first.
    assert_eq!(Serve::start(folder).set_up_path(), None);
}

#[test]
fn without_tls_only_this_machines_runner_and_probes_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    write_certificate(folder.path());
    let serve = Serve::start(folder.path());
    for (path, status) in
        [("/healthz", 200), ("/readyz", 200), ("/api/runner/v1/jobs/claim", 401), ("/app", 308), ("/api/v2/ping", 308)]
    {
        let method = if path.ends_with("claim") { "POST" } else { "GET" };
        let answer = http::request(serve.port, method, path, &[], b"");
        assert_eq!(answer.status, status, "{path}: {}", answer.head);
        let location = format!("location: https://localhost:{}{path}\r\n", serve.port);
        assert_eq!(answer.head.contains(&location), status == 308, "{}", answer.head);
    }
    let (head, _) = request(&trusting(folder.path()), serve.port, "GET", "/app/sign-in", "", "").unwrap();
    assert!(head.contains("strict-transport-security: "), "{head}");
}

#[test]
fn a_renewed_certificate_is_used_after_a_signal_and_a_broken_one_never() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_certificate(folder);
    let serve = Serve::start(folder);
    let old = trusting(folder);
    let is_answered = |config: &_| request(config, serve.port, "GET", "/healthz", "", "").is_ok();
    assert!(is_answered(&old));
    write_certificate(folder);
    let new = trusting(folder);
    assert!(!is_answered(&new));
    serve.signal(Signal::SIGHUP);
    within(Duration::from_secs(10), || is_answered(&new));
    assert!(!is_answered(&old));
    std::fs::write(folder.join("certificate.pem"), "nothing").unwrap();
    serve.signal(Signal::SIGHUP);
    std::thread::sleep(Duration::from_millis(300));
    assert!(is_answered(&new));
}

#[test]
fn what_would_be_unsafe_or_cannot_work_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    write_certificate(folder.path());
    let certificate = folder.path().join("certificate.pem");
    let certificate = certificate.to_str().unwrap();
    for (arguments, said) in [
        (&["--listen", "0.0.0.0:0"][..], "--tls-cert"),
        (&["--listen", "0.0.0.0:0", "--allow-plain-http"], "--public-url"),
        (&["--tls-cert", certificate], "--tls-key"),
        (&["--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", certificate], "private key"),
        (&["--public-url", "terrane.example.com"], "https://"),
    ] {
        let ended = output(&[&["serve", "--data-dir", data], arguments].concat());
        let message = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(2), "{arguments:?}: {message}");
        assert!(message.contains(said), "{arguments:?}: {message}");
    }
}
