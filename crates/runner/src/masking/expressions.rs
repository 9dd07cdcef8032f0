//! The texts in an HCL expression, or in a JSON document, whose strings look the same.

/// The quoted strings and the long numbers of a value; not the names of members. Heredocs are left to their lines.
pub(super) fn texts(expression: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(|character: char| character == '"' || character.is_ascii_digit()) {
        let (before, at) = rest.split_at(start);
        let quoted = at.strip_prefix('"');
        let (text, length) = quoted.map_or_else(|| number(at), string);
        rest = &at[length..];
        let is_word = quoted.is_some() || !before.ends_with(|last: char| last.is_alphanumeric() || last == '_');
        if is_word && !is_name(rest) {
            texts.push(text);
        }
    }
    texts
}

/// Whether what stands before `rest` names a member.
fn is_name(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.starts_with(':') || (rest.starts_with('=') && !rest.starts_with("=="))
}

/// A number, and its length.
fn number(text: &str) -> (String, usize) {
    let length = text.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(text.len());
    (text[..length].to_owned(), length)
}

/// What a string means whose first quote stands before `text`, and its length with both quotes.
fn string(text: &str) -> (String, usize) {
    let mut meaning = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (meaning, at + 2),
            '\\' => match characters.next().map_or('\\', |(_, escape)| escape) {
                'n' => meaning.push('\n'),
                'r' => meaning.push('\r'),
                't' => meaning.push('\t'),
                'b' => meaning.push('\u{8}'),
                'f' => meaning.push('\u{c}'),
                escape @ ('u' | 'U') => {
                    let digits = if escape == 'u' { 4 } else { 8 };
                    meaning.push_str(&code_point(&mut characters, digits));
                }
                other => meaning.push(other),
            },
            '$' | '%' if text[at + 1..].starts_with(&format!("{character}{{")) => {
                meaning.push(character);
                characters.next();
            }
            other => meaning.push(other),
        }
    }
    (meaning, text.len() + 1)
}

/// What an escape in hexadecimal means; JSON writes large characters as two of them.
fn code_point(characters: &mut std::str::CharIndices<'_>, digits: usize) -> String {
    let unit = |text: &str| u32::from_str_radix(text, 16).ok();
    let text = characters.as_str();
    let Some(first) = text.get(..digits).and_then(unit) else { return String::new() };
    characters.nth(digits - 1);
    if let Some(character) = char::from_u32(first) {
        return character.into();
    }
    let second = text.get(digits..).and_then(|rest| rest.strip_prefix("\\u")).and_then(|rest| rest.get(..4)?.into());
    let units = [u16::try_from(first).ok(), second.and_then(unit).and_then(|second| u16::try_from(second).ok())];
    let [Some(first), Some(second)] = units else { return String::new() };
    characters.nth(5);
    String::from_utf16(&[first, second]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_numbers_are_found_and_names_are_not() {
        for (expression, expected) in [
            (r#""one""#, &["one"][..]),
            (r#"["one", "t\"wo", 123.5]"#, &["one", "t\"wo", "123.5"]),
            (r#"{ a1 = "one", "b" = "two", "c" : "three" }"#, &["one", "two", "three"]),
            (r#"{"a": {"b":"one"}, "c":12}"#, &["one", "12"]),
            (r#""a\nb\\" == "$${c}%%{d}$e""#, &["a\nb\\", "${c}%{d}$e"]),
            (r#""\u00fc\U0001F600\ud83d\ude00\/""#, &["ü😀😀/"]),
            (r#""open"#, &["open"]),
            (r#""\ud83d" "\uzz" "\"#, &["", "zz", "\\"]),
            ("true", &[]),
        ] {
            assert_eq!(texts(expression), expected, "{expression}");
        }
    }
}
