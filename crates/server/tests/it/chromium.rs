//! A real browser: Chromium without a window, spoken to over two pipes.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use command_fds::{CommandFdExt as _, FdMapping};
use serde_json::{Value, json};

/// Where the browser listens and answers.
const COMMANDS: i32 = 3;
const ANSWERS: i32 = 4;

pub(crate) struct Chromium {
    process: Child,
    commands: File,
    answers: BufReader<File>,
    number: u64,
    session: String,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Chromium {
    pub(crate) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let (commands_end, commands) = std::io::pipe().unwrap();
        let (answers, answers_end) = std::io::pipe().unwrap();
        let mut command = Command::new("chromium");
        // Its own sandbox does not work for root; the pages it sees here are ours.
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]);
        // Their certificates are made by the tests.
        command.arg("--ignore-certificate-errors");
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mapping = |parent_fd: OwnedFd, child_fd| FdMapping { parent_fd, child_fd };
        let mappings = vec![mapping(commands_end.into(), COMMANDS), mapping(answers_end.into(), ANSWERS)];
        command.fd_mappings(mappings).unwrap();
        let process = command.spawn().expect("chromium is on PATH: `cargo xtask test` sees to it");
        drop(command);
        let mut browser = Self {
            process,
            commands: File::from(OwnedFd::from(commands)),
            answers: BufReader::new(File::from(OwnedFd::from(answers))),
            number: 0,
            session: String::new(),
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({ "targetId": target, "flatten": true }));
        attached["sessionId"].as_str().unwrap().clone_into(&mut browser.session);
        for domain in ["Page", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    fn read(&mut self) -> Value {
        let mut message = Vec::new();
        assert!(self.answers.read_until(0, &mut message).unwrap() > 0, "the browser ended");
        message.pop();
        serde_json::from_slice(&message).unwrap()
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.number += 1;
        let mut message = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.commands.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut answer = self.read();
            if answer["id"] == self.number {
                assert!(answer["error"].is_null(), "{method}: {answer}");
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    fn wait_for_page(&mut self, loaded: usize) {
        let count = |browser: &Self| browser.events.iter().filter(|it| it["method"] == "Page.loadEventFired").count();
        while count(self) <= loaded {
            let event = self.read();
            self.events.push(event);
        }
    }

    fn loading(&mut self, act: impl FnOnce(&mut Self)) {
        let loaded = self.events.iter().filter(|it| it["method"] == "Page.loadEventFired").count();
        act(self);
        self.wait_for_page(loaded);
    }

    /// Opens an address and waits for the page.
    pub(crate) fn go(&mut self, address: &str) {
        self.loading(|browser| drop(browser.call("Page.navigate", &json!({ "url": address }))));
    }

    /// The width of the window, in pixels.
    pub(crate) fn resize(&mut self, width: u32) {
        let metrics = json!({ "width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// What the pages are told of the colours that a person likes.
    pub(crate) fn prefer(&mut self, theme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": theme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// The value of an expression in the page; of a promise, what it comes to.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression:.80}: {answer}");
        answer["result"]["value"].take()
    }

    /// The whole page as a picture, in PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let whole = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.call("Page.captureScreenshot", &whole);
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    fn key(&mut self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let event = json!({ "type": kind, "key": key, "windowsVirtualKeyCode": code, "text": text });
            self.call("Input.dispatchKeyEvent", &event);
        }
    }

    /// Goes on by the tabulator until the element with this name, value, or text has the focus.
    pub(crate) fn tab_to(&mut self, wanted: &str) {
        for _ in 0..30 {
            self.tab();
            let focused = "(it => [it.name, it.value, it.textContent.trim()])(document.activeElement)";
            if self.value(focused).as_array().is_some_and(|found| found.contains(&wanted.into())) {
                return;
            }
        }
        panic!("{wanted} cannot be reached by the keyboard");
    }

    /// Types into the element with the focus.
    pub(crate) fn insert(&mut self, text: &str) {
        self.call("Input.insertText", &json!({ "text": text }));
    }

    /// Presses Enter where no page follows.
    pub(crate) fn press(&mut self) {
        self.key("Enter", 13, "\r");
    }

    /// Goes on by the tabulator once.
    pub(crate) fn tab(&mut self) {
        self.key("Tab", 9, "");
    }

    /// Presses Enter, and waits for the page that follows.
    pub(crate) fn enter(&mut self) {
        self.loading(|browser| browser.key("Enter", 13, "\r"));
    }

    /// What the browser complained of: violations of the policy, files that are missing.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let entries = self.events.iter().filter(|event| event["method"] == "Log.entryAdded");
        entries.map(|event| event["params"]["entry"]["text"].to_string()).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
