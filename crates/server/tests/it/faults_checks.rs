//! What must be true after a fault, as functions that name everything that is not; and the violations that each must find.

use std::collections::BTreeSet;

use serde_json::Value;

/// Instances in the ledger more than once, not at all, or unexpected.
pub(crate) fn ledger_faults(ledger: &str, expected: &[&str]) -> Vec<String> {
    let mut faults = Vec::new();
    for id in expected {
        let times = ledger.lines().filter(|line| line == id).count();
        if times != 1 {
            faults.push(format!("{id} was applied {times} times"));
        }
    }
    faults.extend(ledger.lines().filter(|line| !expected.contains(line)).map(|line| format!("{line:?} is unexpected")));
    faults
}

/// A log that does not begin with its only STX and end with its only ETX, or has not each of `lines` in exactly one line.
pub(crate) fn log_faults(log: &[u8], lines: &[String]) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, mark, is_there) in [("STX", 2, log.first() == Some(&2)), ("ETX", 3, log.last() == Some(&3))] {
        let times = log.split(|byte| *byte == mark).count() - 1;
        if !is_there || times != 1 {
            faults.push(format!("{name} is there {times} times, in its place: {is_there}"));
        }
    }
    let text = String::from_utf8_lossy(log);
    for wanted in lines {
        let times = text.lines().filter(|line| line.contains(wanted.as_str())).count();
        if times != 1 {
            faults.push(format!("{wanted:?} is there {times} times"));
        }
    }
    faults
}

/// Where `text` has not the lines `line-0000001.`, `line-0000002.` and so on up to `count`, each once and in their order.
pub(crate) fn numbered_faults(name: &str, text: &[u8], count: usize) -> Vec<String> {
    let number = |line: &[u8]| {
        let start = line.windows(5).position(|bytes| bytes == b"line-")? + 5;
        std::str::from_utf8(line.get(start..start + 7)?).ok()?.parse::<usize>().ok()
    };
    let mut faults = Vec::new();
    let mut last = 0;
    for found in text.split(|byte| *byte == b'\n').filter_map(number) {
        if found != last + 1 {
            faults.push(format!("{name}: line {found} follows line {last}"));
        }
        last = found;
    }
    if last != count {
        faults.push(format!("{name}: the last is line {last} of {count}"));
    }
    faults.truncate(10);
    faults
}

/// Addresses that the state lacks or has too many of.
pub(crate) fn state_faults(state: &Value, expected: &[&str]) -> Vec<String> {
    let mut found = BTreeSet::new();
    for resource in state["resources"].as_array().into_iter().flatten() {
        for instance in resource["instances"].as_array().into_iter().flatten() {
            let key = instance.get("index_key").map(|key| format!("[{key}]")).unwrap_or_default();
            let text = |name: &str| resource[name].as_str().unwrap_or_default().to_owned();
            found.insert(format!("{}.{}{key}", text("type"), text("name")));
        }
    }
    let expected: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
    found.symmetric_difference(&expected).map(|address| format!("{address} differs")).collect()
}

/// Processes with `marker` among their arguments.
pub(crate) fn live_processes(marker: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(marker)).collect()
}

#[test]
fn a_ledger_with_a_doubled_a_missing_or_a_foreign_line_is_reported() {
    assert_eq!(ledger_faults("a\nb\n", &["a", "b"]), Vec::<String>::new());
    assert_eq!(ledger_faults("a\nb\na\n", &["a", "b"]), ["a was applied 2 times"]);
    assert_eq!(ledger_faults("a\n", &["a", "b"]), ["b was applied 0 times"]);
    assert_eq!(ledger_faults("a\nc\n", &["a"]), ["\"c\" is unexpected"]);
}

#[test]
fn a_log_that_is_torn_doubled_or_without_its_marks_is_reported() {
    let lines = ["one.".to_owned(), "two.".to_owned()];
    assert_eq!(log_faults(b"\x02one.\ntwo.\n\x03", &lines), Vec::<String>::new());
    assert_eq!(log_faults(b"\x02one.\ntwo.\n", &lines), ["ETX is there 0 times, in its place: false"]);
    assert_eq!(log_faults(b"one.\ntwo.\n\x03", &lines), ["STX is there 0 times, in its place: false"]);
    assert_eq!(log_faults(b"\x02one.\n\x02two.\n\x03", &lines), ["STX is there 2 times, in its place: true"]);
    assert_eq!(log_faults(b"\x02one.\ntw\x03", &lines), ["\"two.\" is there 0 times"]);
    assert_eq!(log_faults(b"\x02one.\ntwo.\none.\n\x03", &lines), ["\"one.\" is there 2 times"]);
}

#[test]
fn numbered_lines_that_are_missing_doubled_or_out_of_order_are_reported() {
    let faults = |numbers: &[usize]| {
        let lines: Vec<_> = numbers.iter().map(|number| format!("said: line-{number:07}. x\nother\n")).collect();
        numbered_faults("log", lines.concat().as_bytes(), 3)
    };
    assert_eq!(faults(&[1, 2, 3]), Vec::<String>::new());
    assert_eq!(faults(&[1, 3]), ["log: line 3 follows line 1"]);
    assert_eq!(faults(&[1, 2, 2, 3]), ["log: line 2 follows line 2"]);
    assert_eq!(faults(&[1, 2]), ["log: the last is line 2 of 3"]);
    assert_eq!(faults(&[2, 1, 3]).len(), 3);
}

#[test]
fn a_state_that_lacks_a_resource_or_has_a_foreign_one_is_reported() {
    let state = serde_json::json!({ "resources": [
        { "type": "t", "name": "a", "instances": [{ "index_key": 0 }] },
        { "type": "t", "name": "b", "instances": [{}] },
    ] });
    assert_eq!(state_faults(&state, &["t.a[0]", "t.b"]), Vec::<String>::new());
    assert_eq!(state_faults(&state, &["t.a[0]", "t.b", "t.c"]), ["t.c differs"]);
    assert_eq!(state_faults(&state, &["t.b"]), ["t.a[0] differs"]);
    assert_eq!(state_faults(&Value::Null, &["t.b"]), ["t.b differs"]);
}

#[test]
fn a_live_process_is_reported() {
    let marker = format!("{}.5e3", std::process::id());
    assert_eq!(live_processes(&marker), Vec::<String>::new());
    let mut sleeper = std::process::Command::new("sleep").arg(&marker).spawn().unwrap();
    crate::process::within(std::time::Duration::from_secs(5), || live_processes(&marker).len() == 1);
    sleeper.kill().unwrap();
    sleeper.wait().unwrap();
    assert_eq!(live_processes(&marker), Vec::<String>::new());
}
