//! Variables of a run as a `.tfvars` file, which beats the configuration's own files.

use std::fmt::Write as _;

use terrane_domain::runner_protocol::JobVariable;

/// A quoted HCL string that means exactly `text`: nothing is interpolated.
pub(crate) fn quote(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// What stands between the quotes.
pub(crate) fn escaped(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '$' | '%' if characters.peek() == Some(&'{') => {
                quoted.push(character);
                quoted.push(character);
            }
            other if other.is_control() => {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(other));
            }
            other => quoted.push(other),
        }
    }
    quoted
}

/// Whether a configuration can declare a variable of this name.
fn is_identifier(key: &str) -> bool {
    key.starts_with(|first: char| first.is_alphabetic() || first == '_')
        && key.chars().all(|character| character.is_alphanumeric() || character == '_' || character == '-')
}

/// The file's text. A variable that no configuration can declare is left out: it would break the whole file.
pub(crate) fn file(variables: &[JobVariable]) -> String {
    variables.iter().filter(|variable| is_identifier(&variable.key)).fold(String::new(), |mut text, variable| {
        let value = if variable.hcl { variable.value.clone() } else { quote(&variable.value) };
        let _ = writeln!(text, "{} = {value}", variable.key);
        text
    })
}

/// The given variables of these names, one name a line, if there are any.
pub(crate) fn named(variables: &[JobVariable], names: &[&str]) -> Option<String> {
    let given = variables.iter().filter(|variable| names.contains(&&*variable.key)).map(|variable| &*variable.key);
    Some(given.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty())
}

/// The file's text for an apply, which takes only what its plan could not keep.
pub(crate) fn file_of(variables: &[JobVariable], names: &str) -> String {
    let is_named = |variable: &&JobVariable| names.lines().any(|name| name == variable.key);
    file(&variables.iter().filter(is_named).cloned().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_means_itself() {
        assert_eq!(quote("a\"b\\c\n${d}%{e}$f"), r#""a\"b\\c\n$${d}%%{e}$f""#);
    }

    #[test]
    fn expressions_stay_as_they_are() {
        let variable =
            |value: &str, hcl| JobVariable { key: "k".to_owned(), value: value.to_owned(), hcl, sensitive: false };
        assert_eq!(file(&[variable("[1]", true), variable("[1]", false)]), "k = [1]\nk = \"[1]\"\n");
    }

    #[test]
    fn names_that_no_configuration_can_declare_are_left_out() {
        for (key, is_in) in [
            ("a", true),
            ("_a-1", true),
            ("größe", true),
            ("1a", false),
            ("-a", false),
            ("a b", false),
            ("a = 1\nb", false),
        ] {
            let variable = JobVariable { key: key.to_owned(), value: "v".to_owned(), hcl: false, sensitive: false };
            assert_eq!(!file(&[variable]).is_empty(), is_in, "{key:?}");
        }
    }
}
