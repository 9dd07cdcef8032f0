use std::cell::RefCell;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::stream::MASK;
use super::*;
use crate::client::fake;
use crate::variables::escaped;

fn masker(format: LogFormat, secrets: &[&str]) -> Masker {
    let variable = |value: &&str| JobVariable {
        key: "secret".to_owned(),
        value: (*value).to_owned(),
        hcl: false,
        sensitive: true,
    };
    let variables = secrets.iter().map(variable).collect();
    Masker::new(&Job { log_format: format, variables, ..fake::job() })
}

/// What comes out of a text that comes in pieces of these lengths, over and over.
fn masked(masker: &mut Masker, text: &str, lengths: &[usize]) -> String {
    let (mut rest, mut out) = (text.as_bytes(), Vec::new());
    for length in lengths.iter().cycle() {
        let (piece, behind) = rest.split_at(rest.len().min(*length));
        out.extend(masker.take(piece));
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    out.extend(masker.finish());
    String::from_utf8(out).unwrap()
}

fn whole(format: LogFormat, secrets: &[&str], text: &str) -> String {
    masked(&mut masker(format, secrets), text, &[text.len().max(1)])
}

const SECRETS: [&str; 3] = [
    "hunter2",
    "pässword with \"quotes\", \\ and ${dollars} & <angles>",
    "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nBKcwggSjAg==",
];

type Encoding = (&'static str, fn(&str) -> String);

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        let _ = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => encoded.write_char(byte.into()),
            _ => write!(encoded, "%{byte:02X}"),
        };
        encoded
    })
}

fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

const ENCODINGS: [Encoding; 6] = [
    ("raw", str::to_owned),
    ("base64", |text| STANDARD.encode(text)),
    ("URL", percent),
    ("JSON", in_json),
    ("HCL", escaped),
    ("lines", |text| text.lines().collect::<Vec<_>>().join("\n-- ")),
];

/// The encodings of which a part is in `text` that tells something: `pieces` are what was put into it.
fn leaks(text: &str, pieces: &[(&'static str, String)]) -> Vec<&'static str> {
    let is_in =
        |piece: &String| piece.as_bytes().windows(7).any(|part| text.as_bytes().windows(7).any(|one| one == part));
    let mut names: Vec<_> = pieces.iter().filter(|(_, piece)| is_in(piece)).map(|(name, _)| *name).collect();
    names.dedup();
    names
}

/// A log with every secret in every encoding, and what it must not show.
fn log(format: LogFormat) -> (String, Vec<(&'static str, String)>) {
    let (mut log, mut pieces) = ("Terraform v1\non linux_amd64\nInitializing\n".to_owned(), Vec::new());
    for (name, encode) in ENCODINGS {
        for (number, secret) in SECRETS.into_iter().enumerate() {
            let text = encode(secret);
            let within =
                if name == "base64" { encode(&format!("{}{secret}..", "_".repeat(number % 3))) } else { String::new() };
            let line = match format {
                LogFormat::Text => format!("{name}: [{text}] {within}\n"),
                LogFormat::Structured => {
                    json!({ "@message": format!("{name}: [{text}]"), "hook": { "output": within }, "n": 7 }).to_string()
                        + "\n"
                }
            };
            log.push_str(&line);
            pieces.extend(text.split("\n-- ").map(|piece| (name, piece.to_owned())));
        }
    }
    (log, pieces)
}

fn check_five_thousand_cuts(format: LogFormat) {
    let (log, pieces) = log(format);
    let all: Vec<_> = ENCODINGS.iter().map(|(name, _)| *name).collect();
    assert_eq!(leaks(&log, &pieces), all, "what is looked for must be there");
    let expected = whole(format, &SECRETS, &log);
    assert_eq!(leaks(&expected, &pieces), [""; 0], "{expected}");
    let masker = RefCell::new(masker(format, &SECRETS));
    let config = Config { cases: 5_000, failure_persistence: None, ..Config::default() };
    let cuts = prop::collection::vec(prop_oneof![1 => 1..8_usize, 3 => 1..80_usize, 2 => 1..800_usize], 1..40);
    let checked = TestRunner::new(config).run(&cuts, |lengths| {
        prop_assert_eq!(&masked(&mut masker.borrow_mut(), &log, &lengths), &expected);
        Ok(())
    });
    checked.unwrap();
}

#[test]
fn nothing_leaks_however_a_text_is_cut() {
    check_five_thousand_cuts(LogFormat::Text);
}

#[test]
fn nothing_leaks_however_structured_lines_are_cut() {
    check_five_thousand_cuts(LogFormat::Structured);
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_value_is_masked_and_what_stands_around_it_is_not(
        secret in "[a-c\"\\\\\n<ü${]{6,90}",
        before in "[x-z \n]{0,40}",
        lengths in prop::collection::vec(1..50_usize, 1..20),
    ) {
        let value = secret.trim();
        prop_assume!(is_long_enough(value));
        let text = format!("{before}{value}|{value}{before}");
        let mut masker = masker(LogFormat::Text, &[&secret]);
        prop_assert_eq!(masked(&mut masker, &text, &lengths), format!("{before}{MASK}|{MASK}{before}"));
        let line = |text: &str| json!({ "@message": text, "type": "log" }).to_string() + "\n";
        let mut masker = super::tests::masker(LogFormat::Structured, &[&secret]);
        let expected = line(&format!("{before}{MASK}|{MASK}{before}"));
        prop_assert_eq!(masked(&mut masker, &line(&text), &lengths), expected);
    }
}

#[test]
fn tokens_of_ours_are_known_by_how_they_look() {
    let token = format!("0123456789abcd.atlasv1.{}", "f".repeat(64));
    for cut in 1..token.len() {
        let text = format!("token={token}; \"{token}\"\n");
        let masked = masked(&mut masker(LogFormat::Text, &[]), &text, &[6 + cut, 1]);
        assert_eq!(masked, format!("token=0123456789abcd{MASK}; \"0123456789abcd{MASK}\"\n"));
    }
}

#[test]
fn only_what_may_become_a_secret_waits() {
    let mut masker = masker(LogFormat::Text, &["swordfish", "one\ntwo\nthree"]);
    for (piece, expected) in [
        ("Enter a value: ", "Enter a value: "),
        ("sword", ""),
        ("s\n", "swords\n"),
        ("a swor", "a "),
        ("dfis", ""),
        ("h and", MASK.to_owned().leak() as &str),
    ] {
        let out = String::from_utf8(masker.take(piece.as_bytes())).unwrap();
        assert!(out.starts_with(expected) && (expected.is_empty()) == out.is_empty(), "{piece:?}: {out:?}");
    }
}

#[test]
fn a_long_secret_waits_no_longer_than_a_short_one_and_is_followed_to_its_end() {
    let secret: String =
        (0..40_000).map(|number| char::from(b'a' + u8::try_from(number * number % 23).unwrap())).collect();
    let mut masker = masker(LogFormat::Text, &[&secret]);
    let mut out = masker.take(format!("<{}", &secret[..100]).as_bytes());
    assert_eq!(out, format!("<{MASK}").as_bytes());
    for byte in secret[100..].bytes() {
        out.extend(masker.take(&[byte]));
    }
    out.extend(masker.take(b">"));
    assert_eq!(String::from_utf8(out).unwrap(), format!("<{MASK}>"));
}

#[test]
fn structured_lines_stay_objects_with_the_members_that_clients_know() {
    let secrets = ["12345678", "provisioner", "aa\",\"bb", "secretive"];
    for (line, expected) in [
        (json!({"hook":{"provisioner":"local-exec"}}), json!({"hook":{"provisioner":"local-exec"}})),
        (json!({"hook":{"output":"a provisioner"}}), json!({"hook":{"output":format!("a {MASK}")}})),
        (json!({"outputs":{"x":{"value":12_345_678}}}), json!({"outputs":{"x":{"value":MASK}}})),
        (json!({"outputs":{"secretive":{"value":1}}}), json!({"outputs":{MASK:{"value":1}}})),
    ] {
        let out = whole(LogFormat::Structured, &secrets, &format!("{line}\n"));
        assert_eq!(serde_json::from_str::<Value>(&out).unwrap_or_else(|_| panic!("{out}")), expected);
    }
    let apart = whole(LogFormat::Structured, &secrets, "{\"x\":[\"aa\",\"bb\"]}\n");
    assert_eq!(serde_json::from_str::<Value>(&apart).unwrap()["@message"], MASK);
    assert_eq!(whole(LogFormat::Structured, &secrets, "{12345678\n{\"a\":"), format!("{{{MASK}\n{{\"a\":"));
}

#[test]
fn a_line_that_is_too_long_to_hold_is_replaced_by_one_that_says_so() {
    let long = format!("{{\"@message\":\"{}\"}}\n", "x".repeat(lines::LONGEST_LINE));
    let out = masked(&mut masker(LogFormat::Structured, &[]), &format!("{long}{{}}\ntext"), &[65_536]);
    let (line, rest) = out.split_once('\n').unwrap();
    let message = serde_json::from_str::<Value>(line).unwrap()["@message"].as_str().unwrap().to_owned();
    assert!(message.starts_with(&format!("(A line of {} bytes was left out", long.len())), "{message}");
    assert_eq!(rest, "{}\ntext");
    let allowed = format!("{{\"@message\":\"{}\"}}\n", "x".repeat(10 << 20));
    assert_eq!(masked(&mut masker(LogFormat::Structured, &[]), &allowed, &[65_536]), allowed);
}

#[test]
fn values_that_are_too_short_are_told_by_name() {
    let variable = |key: &str, value: &str, sensitive| JobVariable {
        key: key.to_owned(),
        value: value.to_owned(),
        hcl: false,
        sensitive,
    };
    let job = |variables| Job { variables, ..fake::job() };
    assert_eq!(
        warning(&job(vec![variable("a", "123456", true), variable("b", "1", false), variable("c", "", true)])),
        None
    );
    let warned = warning(&job(vec![variable("pin", "1234 ", true), variable("b", "1", true)])).unwrap();
    assert!(warned.contains("fewer than 6 characters") && warned.contains(": pin, b."), "{warned}");
}

/// `cargo test --release -p terrane-runner -- --ignored --nocapture megabytes`.
#[test]
#[ignore = "it measures, which only a release build does well"]
fn a_hundred_megabytes_with_fifty_secrets_pass_within_a_second() {
    let secrets: Vec<String> =
        (0..50_u64).map(|number| format!("{:x}/+{number}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))).collect();
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let text = "aws_instance.web[12]: Still creating... [id=i-0abcdef1234567890, 10s elapsed]\n".repeat(1_400_000);
    let line = json!({ "@level": "info", "@message": "aws_instance.web[12]: Still creating... [10s elapsed]", "type": "apply_progress",
        "hook": { "resource": { "addr": "aws_instance.web[12]" }, "action": "create", "elapsed_seconds": 10 } });
    let lines = format!("{line}\n").repeat(500_000);
    for (format, log) in [(LogFormat::Text, &text), (LogFormat::Structured, &lines)] {
        let began = std::time::Instant::now();
        let mut masker = masker(format, &secrets);
        println!("{format}: made ready in {:?}", began.elapsed());
        let began = std::time::Instant::now();
        let length: usize = log.as_bytes().chunks(65_536).map(|piece| masker.take(piece).len()).sum();
        let rate = log.len() as u128 / began.elapsed().as_micros();
        println!("{format}: {rate} MB/s");
        assert_eq!(length, log.len());
        assert!(rate >= 100, "{format}: {rate} MB/s");
    }
}
