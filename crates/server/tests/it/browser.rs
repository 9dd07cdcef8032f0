//! The pages in a real browser, by keyboard alone.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::Value;

use crate::chromium::Chromium;
use crate::process::Dev;

/// By how much a page is wider than its window.
const OVERFLOW: &str = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn password(dev: &Dev) -> String {
    let document = std::fs::read(dev.data_dir.join("dev.json")).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    document["password"].as_str().unwrap().to_owned()
}

fn sign_in(browser: &mut Chromium, dev: &Dev) {
    browser.tab_to("username");
    browser.insert("admin");
    browser.tab_to("password");
    browser.insert(&password(dev));
    browser.enter();
}

/// Takes the place of a CLI that waits for its code; answers the path that the browser asked for.
fn code_sent_to(listener: &TcpListener) -> String {
    let (mut stream, _) = listener.accept().unwrap();
    let mut request = [0; 4096];
    let length = stream.read(&mut request).unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok").unwrap();
    String::from_utf8_lossy(&request[..length]).split(' ').nth(1).unwrap().to_owned()
}

#[test]
fn a_person_signs_in_and_consents_to_terraform_login() {
    let mut browser = Chromium::start();
    let dev = Dev::start();
    let listener = (10_000..=10_010).find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok()).unwrap();
    let port = listener.local_addr().unwrap().port();
    browser.go(&format!(
        "http://localhost:{}/oauth/authorization?client_id=terraform-cli&code_challenge={CHALLENGE}&code_challenge_method=S256\
         &redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2Flogin&response_type=code&state=s",
        dev.port
    ));
    sign_in(&mut browser, &dev);
    assert_eq!(browser.value("document.title"), "Allow terraform · Terrane");
    browser.tab_to("allow");
    let waiting = std::thread::spawn(move || code_sent_to(&listener));
    browser.enter();
    let path = waiting.join().unwrap();
    assert!(path.starts_with("/login?code=") && path.ends_with("&state=s"), "{path}");
    let complaints = browser.complaints();
    assert!(complaints.iter().all(|text| text.contains("favicon")), "{complaints:?}");
}

#[test]
fn the_pages_of_the_account_break_no_rule_and_fit_a_phone() {
    let mut browser = Chromium::start();
    let dev = Dev::start();
    let address = |path: &str| format!("http://localhost:{}{path}", dev.port);
    browser.resize(360);
    browser.go(&address("/app/sign-in"));
    assert_eq!(browser.value(OVERFLOW), 0);
    sign_in(&mut browser, &dev);
    for path in ["/app", "/app/settings/profile", "/app/settings/tokens", "/app/settings/sessions"] {
        browser.go(&address(path));
        assert_eq!(browser.value("location.pathname"), path);
        assert_eq!(browser.value(OVERFLOW), 0, "{path}");
        let unnamed = "[...document.querySelectorAll('input:not([type=hidden]):not([hidden]), select')].filter(it => !it.labels.length).length";
        assert_eq!(browser.value(unnamed), 0, "{path}");
        let small = "[...document.querySelectorAll('button, nav a')].filter(it => it.getBoundingClientRect().height < 24).length";
        assert_eq!(browser.value(small), 0, "{path}");
    }
    browser.go(&address("/app/settings/tokens"));
    browser.tab_to("description");
    browser.insert("a laptop");
    browser.enter();
    assert_eq!(browser.value(OVERFLOW), 0);
    assert!(browser.value("document.getElementById('new-token').value").as_str().unwrap().contains(".atlasv1."));
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn the_keyboard_skips_to_the_content_and_copies_a_command() {
    let mut browser = Chromium::start();
    let dev = Dev::start();
    browser.go(&format!("http://localhost:{}/app/demo/workspaces", dev.port));
    sign_in(&mut browser, &dev);
    browser.value("document.activeElement.blur()");
    browser.tab();
    assert_eq!(browser.value("document.activeElement.textContent"), "Skip to the content");
    browser.press();
    assert_eq!(browser.value("document.activeElement.id"), "main");
    browser.value("[...document.querySelectorAll('[data-copy]')].pop().focus()");
    browser.press();
    let said = "new Promise(done => { const look = () => document.activeElement.innerText.startsWith('Copied') ? \
                done(document.activeElement.previousElementSibling.textContent) : setTimeout(look, 20); look(); })";
    assert_eq!(browser.value(said), "terraform init");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
