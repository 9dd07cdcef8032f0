//! Masking of what is sensitive in a run's log, before it leaves the runner.
//!
//! Known are the run's sensitive variables, in the forms that programs give to a text ([`forms`]), and tokens of ours by how
//! they look. It is best effort: who may plan can write a value in a form that nobody thought of.

mod expressions;
mod forms;
mod lines;
mod patterns;
mod stream;

use terrane_domain::runner_protocol::{Job, JobVariable, LogFormat};

use forms::{Forms, SHORTEST_CHARACTERS, is_long_enough};
use lines::Lines;
use patterns::Patterns;
use stream::Stream;

enum Shape {
    Text(Stream),
    Structured(Lines),
    /// More secrets than can be looked for: nothing is shown but a sentence that says so, once.
    Hidden(Option<String>),
}

/// One log on its way to be masked.
pub(crate) struct Masker {
    patterns: Patterns,
    shape: Shape,
}

fn sensitive(job: &Job) -> impl Iterator<Item = &JobVariable> {
    job.variables.iter().chain(&job.environment).filter(|variable| variable.sensitive)
}

impl Masker {
    /// Knows what is sensitive in a job.
    pub(crate) fn new(job: &Job) -> Self {
        let mut forms = Forms::default();
        for variable in sensitive(job) {
            forms.add(&variable.value, variable.hcl);
        }
        let (patterns, failure) = match Patterns::new(&forms.0) {
            Ok(patterns) => (patterns, None),
            Err(error) => (Patterns::none(), Some(error.to_string())),
        };
        let shape = match (failure, job.log_format) {
            (Some(failure), _) => Shape::Hidden(Some(format!(
                "(This log is not shown, since it cannot be masked: {failure}. Give the workspace fewer or shorter sensitive variables, then queue a new run.)\n"
            ))),
            (None, LogFormat::Text) => Shape::Text(Stream::new(&patterns)),
            (None, LogFormat::Structured) => Shape::Structured(Lines::new(&patterns)),
        };
        Self { patterns, shape }
    }

    /// Takes a piece, and answers what of the log can be told by now. What is held back is never more than what may still
    /// become a secret, and in a structured log the line that is being written.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(piece.len());
        match &mut self.shape {
            Shape::Text(text) => text.take(&self.patterns, piece, &mut out),
            Shape::Structured(lines) => lines.take(&self.patterns, piece, &mut out),
            Shape::Hidden(sentence) => out.extend(sentence.take().unwrap_or_default().into_bytes()),
        }
        out
    }

    /// What is left at the end.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        match &mut self.shape {
            Shape::Text(text) => text.finish(&self.patterns, &mut out),
            Shape::Structured(lines) => lines.finish(&self.patterns, &mut out),
            Shape::Hidden(_) => {}
        }
        out
    }
}

/// A sentence for the head of a log with sensitive values that are too short to be masked.
pub(crate) fn warning(job: &Job) -> Option<String> {
    let is_short = |value: &str| !value.is_empty() && !is_long_enough(value);
    let names: Vec<&str> = sensitive(job)
        .filter(|variable| is_short(variable.value.trim()))
        .map(|variable| variable.key.as_str())
        .collect();
    (!names.is_empty()).then(|| {
        format!(
            "Sensitive values of fewer than {SHORTEST_CHARACTERS} characters are not masked in this log: {}. Choose longer ones.",
            names.join(", ")
        )
    })
}

#[cfg(test)]
mod tests;
