//! Made-up texts of an exact length: several scripts and emoji, the same for the same seed.

/// The API's limits, after trimming.
pub(crate) const CLUSTERS_MAX: usize = 500;
pub(crate) const BYTES_MAX: usize = 4096;

/// One grapheme cluster of 25 bytes: what lets 4 KiB fit in 500 clusters.
const WIDE: &str = "👨‍👩‍👧‍👦";

/// Words per script, all in NFC, none with a blank in it.
const SCRIPTS: [&[&str]; 6] = [
    &[
        "gg", "wow", "insane", "that", "play", "was", "LUL", "café", "Zürich", "señor", "let's",
        "go",
    ],
    &["привет", "класс", "ну", "давай", "гол", "ура", "Россия", "ещё", "да", "круто"],
    &["مرحبا", "رائع", "يلا", "نعم", "هدف", "شكرا", "لا", "جميل"],
    &["加油", "好", "厉害", "すごい", "やった", "笑", "대박", "최고", "了", "冠军"],
    &["नमस्ते", "बहुत", "अच्छा", "वाह", "हाँ", "चलो", "क्या", "खेल"],
    &["สวัสดี", "เก่งมาก", "สู้ๆ", "ดี", "ว้าว", "ครับ", "ไทย"],
];
const EMOJI: &[&str] = &["🔥", "😂", "❤️", "👍🏽", "🎉", "🇰🇷", "👏", "😭", WIDE];

/// Splitmix64: seeded, and unlike a crate's generator the same in every later version.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % limit.max(1) as u64).unwrap_or_default()
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// A text of exactly `bytes` bytes (clamped to 1–4096) and at most 500 clusters, without blanks
/// at its ends.
pub(crate) fn compose(dice: &mut Dice, bytes: usize) -> String {
    let bytes = bytes.clamp(1, BYTES_MAX);
    let mut text = String::with_capacity(bytes);
    let mut clusters_left = CLUSTERS_MAX;
    // Whatever is left when this ends can be finished with single-byte letters.
    while bytes - text.len() > clusters_left {
        text.push_str(WIDE);
        clusters_left -= 1;
    }
    let script = SCRIPTS[dice.below(SCRIPTS.len())];
    while let Some(word) = word_that_fits(dice, script, bytes - text.len(), text.is_empty()) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    while text.len() < bytes {
        text.push(char::from(b'a' + u8::try_from(dice.below(26)).unwrap_or_default()));
    }
    text
}

/// A word that leaves the rest of the text possible, or none after a few tries: the end is near.
/// A word has no more clusters than bytes, so the cluster limit needs no second look here.
fn word_that_fits(
    dice: &mut Dice,
    script: &[&'static str],
    left: usize,
    first: bool,
) -> Option<&'static str> {
    const TRIES: usize = 4;
    let blank = usize::from(!first);
    (0..TRIES)
        .map(|_| if dice.below(8) == 0 { dice.pick(EMOJI) } else { dice.pick(script) })
        .find(|word| word.len() + blank <= left)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;
    use unicode_segmentation::UnicodeSegmentation;

    use super::*;

    proptest! {
        #[test]
        fn exact_length_within_the_limits(seed: u64, bytes in 0usize..5000) {
            let text = compose(&mut Dice::new(seed), bytes);
            prop_assert_eq!(text.len(), bytes.clamp(1, BYTES_MAX));
            prop_assert_eq!(text.trim(), &text);
            let normal: String = text.nfc().collect();
            prop_assert_eq!(&normal, &text);
            let clusters = text.graphemes(true).count();
            prop_assert!((1..=CLUSTERS_MAX).contains(&clusters), "{clusters} clusters");
            prop_assert!(!text.chars().any(char::is_control));
        }
    }

    #[test]
    fn same_seed_same_text_and_every_script_comes_up() {
        let texts = |seed| {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| compose(&mut dice, 40)).collect::<Vec<_>>()
        };
        assert_eq!(texts(7), texts(7));
        assert_ne!(texts(7), texts(8));
        let all = texts(7).concat();
        for sample in ["a", "п", "ا", "好", "न", "ส", "🔥"] {
            assert!(all.contains(sample), "{sample} never came up");
        }
    }
}
