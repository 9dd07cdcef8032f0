//! Masking of terraform's structured lines: each stays one JSON object, of which clients know the members.

use serde_json::Value;

use crate::masking::patterns::Patterns;
use crate::masking::stream::{MASK, Stream};

/// The longest line that is held; clients must get a structured line whole or not at all.
pub(super) const LONGEST_LINE: usize = 16 << 20;
/// Room that stays with us between lines.
const KEPT_BYTES: usize = 1 << 20;

/// Where in a line the next byte belongs.
enum Place {
    Start,
    /// In a JSON object, which is held until it is whole.
    Object,
    /// In an object that became too long.
    TooLong(usize),
    /// In any other line, which people may wait for.
    Text,
}

/// Lines on their way.
pub(super) struct Lines {
    place: Place,
    line: Vec<u8>,
    text: Stream,
}

impl Lines {
    pub(super) fn new(patterns: &Patterns) -> Self {
        Self { place: Place::Start, line: Vec::new(), text: Stream::new(patterns) }
    }

    /// Takes a piece, and adds to `out` what can be told by now.
    pub(super) fn take(&mut self, patterns: &Patterns, piece: &[u8], out: &mut Vec<u8>) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            if matches!(self.place, Place::Start) {
                self.place = if part.starts_with(b"{") { Place::Object } else { Place::Text };
            }
            match &mut self.place {
                Place::TooLong(length) => *length += part.len(),
                Place::Object if self.line.len() + part.len() > LONGEST_LINE => {
                    self.place = Place::TooLong(self.line.len() + part.len());
                    self.line = Vec::new();
                }
                Place::Object => self.line.extend_from_slice(part),
                Place::Text | Place::Start => self.text.take(patterns, part, out),
            }
            if part.ends_with(b"\n") {
                self.end_line(patterns, out);
            }
        }
    }

    /// Ends the text, perhaps in the middle of a line.
    pub(super) fn finish(&mut self, patterns: &Patterns, out: &mut Vec<u8>) {
        self.end_line(patterns, out);
        self.text.finish(patterns, out);
    }

    fn end_line(&mut self, patterns: &Patterns, out: &mut Vec<u8>) {
        match std::mem::replace(&mut self.place, Place::Start) {
            Place::Start | Place::Text => {}
            Place::Object => {
                // Nothing that is held can go on in an object.
                self.text.finish(patterns, out);
                let line = std::mem::take(&mut self.line);
                if patterns.is_in(&line) {
                    self.put_masked(patterns, &line, out);
                } else {
                    out.extend_from_slice(&line);
                }
                if line.capacity() <= KEPT_BYTES {
                    self.line = line;
                    self.line.clear();
                }
            }
            Place::TooLong(length) => {
                self.text.finish(patterns, out);
                let most = LONGEST_LINE >> 20;
                put_message(
                    &format!(
                        "(A line of {length} bytes was left out: a line may have {most} MiB. Write it in several lines, or into a file.)"
                    ),
                    out,
                );
            }
        }
    }

    /// Masks the texts of an object. What is no object after all is masked as text.
    fn put_masked(&mut self, patterns: &Patterns, line: &[u8], out: &mut Vec<u8>) {
        let Ok(object) = serde_json::from_slice::<Value>(line) else {
            self.text.take(patterns, line, out);
            return;
        };
        let with = |all_names| {
            let mut object = object.clone();
            mask_members(patterns, &mut object, all_names);
            object.to_string()
        };
        let masked = with(false);
        // Something else than a name may be left: it is in how the parts stand together.
        if patterns.is_in(masked.as_bytes()) && patterns.is_in(with(true).as_bytes()) {
            put_message(MASK, out);
        } else {
            out.extend_from_slice(masked.as_bytes());
            out.push(b'\n');
        }
    }
}

/// A structured line with nothing but a message; of a type that they do not know, clients show just that.
fn put_message(message: &str, out: &mut Vec<u8>) {
    let line = serde_json::json!({ "@level": "info", "@message": message, "@module": "terrane", "type": "log" });
    out.extend_from_slice(line.to_string().as_bytes());
    out.push(b'\n');
}

fn masked(patterns: &Patterns, text: &str) -> Option<String> {
    patterns.is_in(text.as_bytes()).then(|| {
        let (mut stream, mut out) = (Stream::new(patterns), Vec::new());
        stream.take(patterns, text.as_bytes(), &mut out);
        stream.finish(patterns, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    })
}

/// Clients know the names of all members but those of outputs, which people choose. `all_names` are masked, or these only.
fn mask_members(patterns: &Patterns, value: &mut Value, all_names: bool) {
    match value {
        Value::String(text) => {
            if let Some(masked) = masked(patterns, text) {
                *text = masked;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask_members(patterns, item, all_names)),
        Value::Object(members) => {
            for (name, mut member) in std::mem::take(members) {
                mask_members(patterns, &mut member, all_names || name == "outputs");
                let name = if all_names { masked(patterns, &name).unwrap_or(name) } else { name };
                members.insert(name, member);
            }
        }
        Value::Number(number) if patterns.is_in(number.to_string().as_bytes()) => *value = Value::from(MASK),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}
