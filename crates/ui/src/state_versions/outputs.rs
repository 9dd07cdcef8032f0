//! Outputs, as pages show them.

use maud::{Markup, html};
use terrane_domain::state_versions::StateVersionOutput;

/// What becomes of values that are marked as sensitive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sensitive<'a> {
    /// The reader may not see them.
    Withheld,
    /// The reader may see them, and does at this address.
    Folded(&'a str),
    /// They stand there.
    Shown,
}

/// A text as it is, anything else as JSON.
fn value(output: &StateVersionOutput) -> String {
    match &output.value {
        serde_json::Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

/// The section.
pub(super) fn render(outputs: &[StateVersionOutput], sensitive: Sensitive<'_>) -> Markup {
    let has_sensitive = outputs.iter().any(|output| output.sensitive);
    html! {
        section aria-labelledby="outputs" {
            h2 id="outputs" { "Outputs" }
            @if outputs.is_empty() {
                p class="quiet" { "None." }
            } @else {
                dl class="list pairs" {
                    @for output in outputs {
                        div {
                            dt { code { (output.name) } " " span class="quiet" { (output.simple_type()) } }
                            dd {
                                @if output.sensitive && sensitive != Sensitive::Shown {
                                    span class="quiet" { "sensitive" }
                                } @else {
                                    code class="value" { (value(output)) }
                                }
                            }
                        }
                    }
                }
            }
            @match sensitive {
                Sensitive::Folded(address) if has_sensitive => p { a href=(address) { "Show the sensitive values" } }
                Sensitive::Withheld if has_sensitive => {
                    p class="quiet" { "To see sensitive values you need the right to read the states of this workspace." }
                }
                _ => {}
            }
        }
    }
}
