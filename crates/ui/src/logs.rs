//! Logs for the page: whole lines by server-sent events, the byte offset as the event's id, so that a reader who was cut
//! off goes on where it stopped.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use serde::Deserialize;
use serde_json::{Value, json};
use terrane_app::{App, AppError, logs};
use terrane_domain::runner_protocol::{ETX, STX};

use crate::error::PageResult;
use crate::paths::Path;
use crate::runs::{RunPath, find};
use crate::session::{SignedIn, Watch};

const READ_BYTES: usize = 256 * 1024;

/// The last part of the address.
#[derive(Deserialize)]
pub(crate) struct PhasePath {
    organization: String,
    workspace: String,
    run: String,
    phase: String,
}

/// One line as the page shows it.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    text: String,
    level: &'static str,
}

/// Without the escape sequences that colour a terminal.
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next_if_eq(&'[').is_some() {
                for follower in characters.by_ref() {
                    if follower.is_ascii_alphabetic() {
                        break;
                    }
                }
            }
        } else if character == '\t' || !character.is_control() {
            plain.push(character);
        }
    }
    plain
}

/// A line of `terraform -json` becomes its message, with what a diagnostic says besides; other lines stay.
fn render(line: &str) -> Option<Line> {
    let Ok(Value::Object(fields)) = serde_json::from_str::<Value>(line) else {
        return Some(Line { text: without_colours(line), level: "info" });
    };
    let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default();
    if matches!(kind, "version" | "outputs") {
        return None;
    }
    let level = match fields.get("@level").and_then(Value::as_str) {
        Some("error") => "error",
        Some("warn") => "warn",
        _ => "info",
    };
    let mut text = fields.get("@message").and_then(Value::as_str).unwrap_or(line).to_owned();
    if let Some(detail) = fields.get("diagnostic").and_then(|diagnostic| diagnostic.get("detail")?.as_str())
        && !detail.is_empty()
    {
        text.push('\n');
        text.push_str(detail);
    }
    let text = text.lines().map(without_colours).collect::<Vec<_>>().join("\n");
    Some(Line { text, level })
}

/// Where a reader stands.
struct Reader {
    app: App,
    watch: Watch,
    phase_id: String,
    offset: u64,
    rest: BytesMut,
    is_over: bool,
}

impl Reader {
    /// The next lines as one event; `None` at the end.
    async fn next(mut self) -> Option<(Result<Event, std::convert::Infallible>, Self)> {
        while !self.is_over {
            let position = self.offset + self.rest.len() as u64;
            let Ok(bytes) = logs::read_held(&self.app, &self.phase_id, position, READ_BYTES).await else {
                return None;
            };
            if !self.watch.is_open(&self.app).await {
                return None;
            }
            // Browsers drop events without data, and then connect again for ever.
            if bytes.is_empty() && logs::has_ended(&self.app, &self.phase_id).await.unwrap_or(true) {
                self.is_over = true;
                return Some((Ok(Event::default().event("end").data("over")), self));
            }
            if let Some(event) = self.take(&bytes) {
                return Some((Ok(event), self));
            }
        }
        None
    }

    /// Takes bytes; whole lines become an event, the rest waits. The end mark ends a line too.
    fn take(&mut self, bytes: &Bytes) -> Option<Event> {
        self.rest.extend_from_slice(bytes);
        let end = self.rest.iter().rposition(|byte| matches!(*byte, b'\n' | ETX))? + 1;
        let whole = self.rest.split_to(end);
        self.offset += end as u64;
        let lines: Vec<Value> = <[u8]>::split(&whole, |byte| *byte == b'\n')
            .map(|line| String::from_utf8_lossy(line).replace([char::from(STX), char::from(ETX)], ""))
            .filter(|line| !line.is_empty())
            .filter_map(|line| render(line.trim_end_matches('\r')))
            .map(|line| json!([line.level, line.text]))
            .collect();
        Some(Event::default().id(self.offset.to_string()).data(Value::from(lines).to_string()))
    }
}

/// Streams a phase's log from the beginning, or from where the browser was cut off.
pub(crate) async fn stream(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    watch: Watch,
    Path(path): Path<PhasePath>,
    headers: HeaderMap,
) -> PageResult<Sse<impl Stream<Item = Result<Event, std::convert::Infallible>>>> {
    let run = RunPath::new(path.organization, path.workspace, path.run);
    let view = find(&app, &caller, &run).await?;
    let phase_id = match path.phase.as_str() {
        "plan" => view.plan.id,
        "apply" => view.apply.id,
        _ => return Err(AppError::NotFound.into()),
    };
    let offset = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok()).unwrap_or(0);
    let reader = Reader { app, watch, phase_id, offset, rest: BytesMut::new(), is_over: false };
    Ok(Sse::new(futures_util::stream::unfold(reader, Reader::next)).keep_alive(KeepAlive::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_structured_line_becomes_its_message() {
        let line = render(r#"{"@level":"info","@message":"terraform_data.a: Creating...","type":"apply_start"}"#);
        assert_eq!(line, Some(Line { text: "terraform_data.a: Creating...".to_owned(), level: "info" }));
    }

    #[test]
    fn a_diagnostic_shows_its_detail() {
        let text = r#"{"@level":"error","@message":"Error: no","type":"diagnostic","diagnostic":{"detail":"because"}}"#;
        assert_eq!(render(text), Some(Line { text: "Error: no\nbecause".to_owned(), level: "error" }));
    }

    #[test]
    fn colours_and_control_characters_are_left_out() {
        assert_eq!(without_colours("\u{1b}[1mbold\u{1b}[0m\u{7}"), "bold");
    }
}
