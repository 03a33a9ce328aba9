//! Comments are numbered by what is in their text, `#seq=00000042#`, and found again in whatever a
//! server makes of it, whose bytes come in pieces.

use memchr::memmem;

const START: &[u8] = b"#seq=";
const DIGITS: usize = 8;
/// Of a whole marker.
const LEN: usize = START.len() + DIGITS + 1;

pub(super) fn of(number: u32) -> String {
    format!("#seq={number:08}#")
}

/// The end of what was read, where a marker may have begun.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Carry {
    bytes: [u8; LEN - 1],
    len: u8,
}

/// Room before what is read, for what was carried over.
pub(super) const ROOM: usize = LEN - 1;

impl Carry {
    /// `buffer` has been filled from [`ROOM`] up to `end`: tells `found` every number in it, and
    /// keeps what may be the beginning of another.
    pub(super) fn scan(&mut self, buffer: &mut [u8], end: usize, mut found: impl FnMut(u32)) {
        let carried = usize::from(self.len);
        let from = ROOM - carried;
        buffer[from..ROOM].copy_from_slice(&self.bytes[..carried]);
        let bytes = &buffer[from..end];
        for at in memmem::find_iter(bytes, START) {
            let digits =
                bytes.get(at + START.len()..at + LEN).and_then(|rest| rest.strip_suffix(b"#"));
            if let Some(number) = digits.and_then(number) {
                found(number);
            }
        }
        self.keep(bytes);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let tail = &bytes[bytes.len().saturating_sub(LEN - 1)..];
        // A whole one's last byte is taken for a first one here: nothing follows that fits.
        let begun = memchr::memrchr(b'#', tail).map_or(&[][..], |at| &tail[at..]);
        self.bytes[..begun.len()].copy_from_slice(begun);
        self.len = u8::try_from(begun.len()).unwrap_or_default();
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> Vec<u32> {
        let (mut carry, mut numbers) = (Carry::default(), Vec::new());
        for piece in pieces {
            let mut buffer = vec![0; ROOM];
            buffer.extend_from_slice(piece);
            let end = buffer.len();
            carry.scan(&mut buffer, end, |number| numbers.push(number));
        }
        numbers
    }

    #[test]
    fn any_cut_finds_the_same() {
        let text = [&of(7), "# a #seq= b", &of(99_999_999), &of(0), "\n#"].concat();
        let text = text.as_bytes();
        let expected = [7, 99_999_999, 0];
        assert_eq!(found(&[text]), expected);
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(found(&pieces), expected, "{first} {second}");
            }
        }
        let bytes: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(found(&bytes), expected);
    }

    #[test]
    fn what_is_no_marker_has_no_number() {
        assert!(found(&[b"#seq=0000000x# seq=00000001# #seq 00000001#"]).is_empty());
    }
}
