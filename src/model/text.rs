//! What a text is made of, for those that may not hold everything.

/// Whether `text` is printable ASCII without quote and backslash, as tokens and addresses are: nothing in it forges a field of a
/// message, and JSON writes it as it is. Eight bytes at a time, since what is asked for on every connection is long.
pub fn is_plain(text: &str) -> bool {
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    let odd = words.iter().fold(0, |found, word| found | odd_bytes(u64::from_ne_bytes(*word)));
    odd == 0 && rest.iter().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// Not zero if any byte of `word` is not plain. A borrow from byte to byte sets a wrong bit only above a right one.
const fn odd_bytes(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = ONES << 7;
    const fn zero_in(word: u64) -> u64 {
        word.wrapping_sub(ONES) & !word
    }
    let below_blank = word.wrapping_sub(ONES * b' ' as u64) & !word;
    let quote = zero_in(word ^ (ONES * b'"' as u64));
    let backslash = zero_in(word ^ (ONES * b'\\' as u64));
    let delete = zero_in(word ^ (ONES * 0x7f));
    (word | below_blank | quote | backslash | delete) & TOPS
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn every_byte_is_judged_at_every_place() {
        for place in 0..24 {
            for byte in 0..=0x7f_u8 {
                let mut text = [b'x'; 24];
                text[place] = byte;
                let plain = (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\';
                assert_eq!(is_plain(std::str::from_utf8(&text).unwrap()), plain, "{byte:#x} at {place}");
            }
        }
        assert!(!is_plain("12345678\u{e4}") && !is_plain("123456\u{e4}") && is_plain(""));
    }
}
