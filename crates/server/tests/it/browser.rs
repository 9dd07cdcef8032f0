//! The pages in a real browser, by keyboard alone.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::Value;

use crate::bench::Terrane;
use crate::chromium::Chromium;
use crate::process::Dev;
use crate::terraform::workspace::Workspace;

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

/// Waits until the open page shows a text, which it does by itself.
fn wait_for(browser: &mut Chromium, text: &str) {
    let wanted = format!(
        "new Promise((done, fail) => {{ const look = () => document.body.innerText.includes('{text}') ? done(true) : \
         setTimeout(look, 50); look(); setTimeout(() => fail('{text} did not appear'), 60000); }})"
    );
    assert_eq!(browser.value(&wanted), true);
}

#[test]
fn a_run_is_begun_and_confirmed_and_its_state_rolled_back_by_keyboard_alone() {
    let terrane = Terrane::start();
    let workspace = Workspace::initialized(&terrane, "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n}\n");
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    let mut browser = Chromium::start();
    browser.go(&terrane.fact("sign_in_url"));
    let here = format!("http://localhost:{}/app/demo/workspaces/app", terrane.port());

    browser.go(&format!("{here}/new-run?operation=destroy"));
    browser.tab_to("message");
    browser.insert("Take it away");
    browser.tab_to("Start run");
    browser.enter();
    assert_eq!(browser.value("document.querySelector('h1').textContent"), "Take it away");
    wait_for(&mut browser, "This plan destroys 1 resource.");
    browser.tab_to("comment");
    browser.insert("It is not ");
    // What the page shows anew leaves what is being typed alone.
    browser.value("refresh()");
    browser.insert("needed");
    browser.tab_to("Confirm and apply");
    browser.enter();
    wait_for(&mut browser, "Destruction complete");
    wait_for(&mut browser, "It is not needed");
    let applied = "new Promise(done => { const look = () => document.querySelector('.status .badge').textContent === 'applied' ? \
                   done(true) : setTimeout(look, 50); look(); })";
    assert_eq!(browser.value(applied), true);

    let states = terrane.data(&format!("workspaces/{}/current-state-version", workspace.id()));
    let serial = states["attributes"]["serial"].as_i64().unwrap();
    browser.go(&format!("{here}/states"));
    let earlier = browser.value("[...document.querySelectorAll('.list li > a')].map(it => it.textContent).pop()");
    browser.tab_to(earlier.as_str().unwrap());
    browser.enter();
    browser.tab_to("Lock the workspace");
    browser.enter();
    let button = browser.value("document.querySelector('#rollback ~ form button').textContent");
    browser.tab_to(button.as_str().unwrap());
    browser.enter();
    assert_eq!(browser.value("document.querySelector('.note.done').textContent.startsWith('Rolled back')"), true);
    let state = terrane.data(&format!("workspaces/{}/current-state-version", workspace.id()));
    assert_eq!(state["attributes"]["serial"], serial + 1);
    assert_eq!(state["attributes"]["resources"][0]["name"], "a");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}
