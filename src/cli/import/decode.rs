//! Bytes of a file to text: UTF-8, UTF-16 with its mark, else Windows-1252, which French programs still write. Never fails: what is no text is caught by [`is_binary`].

use std::borrow::Cow;

/// How far a file is looked into for bytes that no text has.
const LOOKED_AT: usize = 4096;

/// What Windows-1252 holds at 0x80 to 0x9f; its five holes become the replacement character.
const HIGH: [char; 32] = [
    '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž', '\u{fffd}', '\u{fffd}', '‘', '’', '“', '”',
    '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž', 'Ÿ',
];

/// The text of a whole file, its mark taken off.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => line(rest),
        [0xff, 0xfe, rest @ ..] => Cow::Owned(utf16(rest, u16::from_le_bytes)),
        [0xfe, 0xff, rest @ ..] => Cow::Owned(utf16(rest, u16::from_be_bytes)),
        bytes => line(bytes),
    }
}

/// The text of a piece of a file that has no mark.
pub fn line(bytes: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(latin(bytes)), Cow::Borrowed)
}

/// Windows-1252, of which Latin-1 is a part.
pub fn latin(bytes: &[u8]) -> String {
    let high = |b: u8| HIGH.get(usize::from(b).wrapping_sub(0x80)).copied().unwrap_or(char::from(b));
    bytes.iter().map(|b| high(*b)).collect()
}

/// A zero byte in what is not UTF-16: an image, a program, a spreadsheet's own format.
pub fn is_binary(bytes: &[u8]) -> bool {
    !matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) && bytes.iter().take(LOOKED_AT).any(|b| *b == 0)
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(unit);
    char::decode_utf16(units).map(|c| c.unwrap_or('\u{fffd}')).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_writing_of_a_name_is_read() {
        let bytes: [&[u8]; 6] = [
            "Zoé".as_bytes(),
            b"\xef\xbb\xbfZo\xc3\xa9",
            b"Zo\xe9",
            b"\xff\xfeZ\0o\0\xe9\0",
            b"\xfe\xff\0Z\0o\0\xe9",
            b"\xff\xfeZ\0o\0\xe9\0x",
        ];
        for bytes in bytes {
            assert_eq!(text(bytes), "Zoé", "{bytes:?}");
            assert!(!is_binary(bytes));
        }
        assert_eq!(latin(b"\x80 \x9cuvre \x81"), "€ œuvre \u{fffd}");
        assert!(is_binary(b"PK\x03\x04\0\0") && is_binary(b"\0"));
        assert_eq!(text(b""), "");
    }
}
