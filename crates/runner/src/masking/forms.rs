//! The forms in which a value may stand in a log.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::hexadecimal;
use crate::masking::expressions::texts;
use crate::variables::escaped;

/// Shorter values are words of any log: nothing could be read any more if they were masked.
pub(crate) const SHORTEST_CHARACTERS: usize = 6;
/// `base64` and `openssl base64` break their lines after so many characters.
const BASE64_LINES: [usize; 2] = [76, 64];

pub(super) fn is_long_enough(text: &str) -> bool {
    text.chars().nth(SHORTEST_CHARACTERS - 1).is_some()
}

/// Every form of every part of some values.
#[derive(Default)]
pub(super) struct Forms(pub(super) BTreeSet<Vec<u8>>);

impl Forms {
    /// Adds a value: all of it, each of its lines and, where it is an expression or a JSON document, each text in it.
    pub(super) fn add(&mut self, value: &str, is_expression: bool) {
        self.add_text(value);
        let is_document = value.trim_start().starts_with(['{', '[']) && serde_json::from_str::<Value>(value).is_ok();
        if is_expression || is_document {
            for text in texts(value) {
                self.add_text(&text);
            }
        }
    }

    fn add_text(&mut self, text: &str) {
        // What programs add or take away at the ends is no secret, and a line must not wait for the next one.
        let text = text.trim();
        if !is_long_enough(text) {
            return;
        }
        self.put_escaped(text);
        if text.contains('\n') {
            text.lines().map(str::trim).filter(|line| is_long_enough(line)).for_each(|line| self.put_escaped(line));
        }
        for encoding in PERCENT_ENCODINGS {
            self.put(&percent_encoded(text, encoding, true));
            self.put(&percent_encoded(text, encoding, false));
        }
        let bytes = text.as_bytes();
        for skipped in 0..3 {
            self.put(&base64_within(&STANDARD_NO_PAD, bytes, skipped));
            self.put(&base64_within(&URL_SAFE_NO_PAD, bytes, skipped));
        }
        let encoded = STANDARD_NO_PAD.encode(bytes);
        for width in BASE64_LINES.into_iter().filter(|width| encoded.len() > *width) {
            let lines = encoded.as_bytes().chunks(width).filter(|line| line.len() >= SHORTEST_CHARACTERS);
            self.0.extend(lines.map(<[u8]>::to_vec));
        }
        let hexadecimal = hexadecimal(bytes);
        self.0.insert(hexadecimal.to_ascii_uppercase().into_bytes());
        self.0.insert(hexadecimal.into_bytes());
    }

    /// As it is, and as programs that write JSON or HCL quote it.
    fn put_escaped(&mut self, text: &str) {
        self.put(text);
        self.put(&escaped(text));
        for escaping in [Escaping::Go, Escaping::Plain, Escaping::Ascii] {
            self.put(&json(text, escaping));
        }
    }

    /// As it is, and once more as JSON: so it stands in terraform's structured lines.
    fn put(&mut self, form: &str) {
        for escaping in [Escaping::Go, Escaping::Plain] {
            self.0.insert(json(form, escaping).into_bytes());
        }
        self.0.insert(form.as_bytes().to_vec());
    }
}

/// What of a base64 text is the value's alone if `skipped` bytes (modulo 3) stand before it. Characters that it shares with
/// what stands before or behind it are left out.
fn base64_within(alphabet: &GeneralPurpose, bytes: &[u8], skipped: usize) -> String {
    let padded = [&[0; 2][..skipped], bytes].concat();
    let mut text = alphabet.encode(&padded);
    text.truncate(padded.len() * 8 / 6);
    text.split_off([0, 2, 3][skipped])
}

/// What programs leave as it is, beside letters and digits, and how they write a space.
type PercentEncoding = (&'static str, &'static str);

/// RFC 3986 and jq; terraform's `urlencode`, which is Go's; forms; `encodeURIComponent`; Go's paths; Python.
const PERCENT_ENCODINGS: [PercentEncoding; 6] =
    [("-_.~", "%20"), ("-_.~", "+"), ("-_.*", "+"), ("-_.~!*'()", "%20"), ("-_.~$&+=:@", "%20"), ("-_.~/", "%20")];

fn percent_encoded(text: &str, (kept, space): PercentEncoding, is_upper: bool) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        let character = char::from(byte);
        // Writing to a string cannot fail.
        let _ = match byte {
            b' ' => encoded.write_str(space),
            _ if byte.is_ascii_alphanumeric() || kept.contains(character) => encoded.write_char(character),
            _ if is_upper => write!(encoded, "%{byte:02X}"),
            _ => write!(encoded, "%{byte:02x}"),
        };
        encoded
    })
}

/// Who wrote the JSON.
#[derive(Clone, Copy)]
enum Escaping {
    /// Go, as terraform does: also what HTML could take for its own.
    Go,
    /// Only what must be.
    Plain,
    /// Everything that is not ASCII, as Python does.
    Ascii,
}

/// What stands between the quotes of a JSON string.
fn json(text: &str, escaping: Escaping) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        let is_hidden = match escaping {
            Escaping::Go => matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'),
            Escaping::Plain => false,
            Escaping::Ascii => !character.is_ascii(),
        };
        match character {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            _ if is_hidden || character < ' ' => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(escaped, "\\u{unit:04x}");
                }
            }
            _ => escaped.push(character),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(value: &str, is_expression: bool) -> BTreeSet<String> {
        let mut forms = Forms::default();
        forms.add(value, is_expression);
        forms.0.into_iter().map(|form| String::from_utf8(form).unwrap()).collect()
    }

    #[test]
    fn a_value_is_known_in_every_form_that_programs_give_it() {
        let known = forms("p<a>ss \"ü/1", false);
        for form in [
            "p<a>ss \"ü/1",
            r#"p<a>ss \"ü/1"#,
            r#"p\u003ca\u003ess \"ü/1"#,
            r#"p<a>ss \"\u00fc/1"#,
            r#"p\u003ca\u003ess \\\"ü/1"#,
            "p%3Ca%3Ess%20%22%C3%BC%2F1",
            "p%3ca%3ess+%22%c3%bc%2f1",
            "p%3Ca%3Ess%20%22%C3%BC/1",
            "703c613e73732022c3bc2f31",
            "703C613E73732022C3BC2F31",
        ] {
            assert!(known.contains(form), "{form} is not among {known:#?}");
        }
    }

    #[test]
    fn base64_is_known_wherever_the_value_begins_in_a_longer_text() {
        let known = forms("?~hunter?2~?", false);
        for (before, alphabet) in ["", "a", "ab", "abc", "user:"]
            .into_iter()
            .flat_map(|before| [(before, &STANDARD_NO_PAD), (before, &URL_SAFE_NO_PAD)])
        {
            for behind in ["", "x", "xy", "xyz"] {
                let text = alphabet.encode(format!("{before}?~hunter?2~?{behind}"));
                assert!(known.iter().any(|form| text.contains(form.as_str())), "{before} {behind}: {text}");
            }
        }
    }

    #[test]
    fn lines_count_for_themselves_unless_they_are_short() {
        let known = forms("\n-----BEGIN KEY-----\n  MIIEabcdef\r\nab==\n", false);
        for line in ["-----BEGIN KEY-----", "MIIEabcdef", "-----BEGIN KEY-----\n  MIIEabcdef\r\nab=="] {
            assert!(known.contains(line), "{line} is not among {known:#?}");
        }
        assert!(!known.contains("ab=="));
        assert!(known.iter().all(|form| !form.starts_with('\n') && !form.ends_with('\n')), "{known:#?}");
    }

    #[test]
    fn broken_lines_of_base64_are_known() {
        let value: String = ('a'..='z').cycle().take(100).collect();
        let (known, encoded) = (forms(&value, false), STANDARD_NO_PAD.encode(&value));
        for width in [76, 64] {
            assert!(
                known.contains(&encoded[..width]) && known.contains(&encoded[width..(2 * width).min(encoded.len())])
            );
        }
    }

    #[test]
    fn texts_in_expressions_and_documents_count_for_themselves() {
        for (value, is_expression) in [(r#"{ "password" = "a\"bcdef" }"#, true), (r#"{"password":"a\"bcdef"}"#, false)]
        {
            let known = forms(value, is_expression);
            assert!(known.contains("a\"bcdef") && known.contains(value), "{known:#?}");
            assert!(!known.contains("password"), "{known:#?}");
        }
    }

    #[test]
    fn short_values_have_no_forms() {
        assert!(forms("12345", false).is_empty());
        assert!(forms("  12345\n", false).is_empty());
        assert!(!forms("123456", false).is_empty());
        assert!(!forms("üüüüüü", false).is_empty());
    }
}
