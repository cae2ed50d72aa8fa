//! Foreign text made fit for a journal line and a page: bounded, on one line, without characters that hide or reorder others.

/// `text` on one line, at most `limit` characters; every run of blanks and control characters becomes one blank.
pub fn clean(text: &str, limit: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(limit));
    let mut left = limit;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control() || reorders(c)).filter(|word| !word.is_empty()) {
        if !cleaned.is_empty() {
            if left == 0 {
                break;
            }
            cleaned.push(' ');
            left -= 1;
        }
        let taken = word.chars().take(left);
        left -= taken.clone().count();
        cleaned.extend(taken);
    }
    cleaned.truncate(cleaned.trim_end().len());
    cleaned
}

/// Marks that change the direction of the text around them, or that show as nothing (Unicode TR 36, section 3).
const fn reorders(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn foreign_text_becomes_one_bounded_line() {
        for (text, limit, expected) in [
            ("", 10, ""),
            ("a\r\nb\tc", 10, "a b c"),
            ("\u{202e}abc\u{0}\u{1b}[31m", 20, "abc [31m"),
            ("  ends \n", 20, "ends"),
            ("abcdef", 3, "abc"),
            ("ab cdef", 3, "ab"),
            ("äöü ß", 2, "äö"),
        ] {
            assert_eq!(clean(text, limit), expected, "{text:?}");
        }
    }
}
