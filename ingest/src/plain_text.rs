//! Text as it is compared with other text, so that what looks or reads the same is the same.

use unicode_normalization::UnicodeNormalization;

/// Reduces a text to what tells it from others, in this order:
/// - Compatibility forms (NFKC): `ﬁ`, `①`, `Ａ` and `𝐀` become `fi`, `1`, `A` and `A`.
/// - What shows nothing goes: zero-width characters, marks of direction, variation selectors, tags,
///   soft hyphens and blank letters.
/// - Accents go, however many are piled up: `é` becomes `e`. The vowel and tone signs that scripts
///   have of their own (Devanagari, Thai, kana) tell words apart and stay.
/// - Case goes, `ß` and `ς` included.
/// - White space becomes one space between words, and none around them.
///
/// Letters of other scripts that look alike (a Cyrillic `а`) stay what they are, and so do digits in
/// place of letters. It may be empty. Reduced again it stays the same.
pub(crate) fn plain(text: &str) -> String {
    let shown = text.nfkd().filter(|&c| !shows_nothing(c) && !is_accent(c));
    // By way of upper case, which lower ones can share (σ and ς); and of lower case, since ẞ has no
    // upper one but ß has: SS.
    let upper = shown.flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    let folded: String = upper.flat_map(char::to_lowercase).nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn shows_nothing(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}'
        // Letters that are blank: of hangul (two more decompose to them), and a cell of braille.
        | '\u{115f}' | '\u{1160}' | '\u{2800}')
}

/// Whether it is of the blocks of marks that go on letters of any script; all but the iota that
/// Greek writes beside capitals.
fn is_accent(c: char) -> bool {
    matches!(c,
        '\u{300}'..='\u{344}' | '\u{346}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{fe20}'..='\u{fe2f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_reads_the_same_is_the_same() {
        for (text, expected) in [
            ("hello", "hello"),
            ("HeLLo", "hello"),
            ("  hello \n\u{2003}\tworld\u{a0}! ", "hello world !"),
            ("ｈｅｌｌｏ", "hello"),
            ("𝐡𝓮𝔩𝕝𝗈", "hello"),
            ("ﬁrst ①", "first 1"),
            ("h\u{200b}e\u{200d}l\u{2060}l\u{feff}o\u{ad}", "hello"),
            ("\u{202e}hello\u{202c}", "hello"),
            ("h\u{34f}ello\u{e0041}", "hello"),
            ("hell\u{e9} hell\u{65}\u{301}", "helle helle"),
            ("h̷̛͎e̴͝l̵͠l̸̈o̶͘", "hello"),
            ("STRASSE straße STRAẞE", "strasse strasse strasse"),
            ("ΣΟΦΟΣ σοφος σοφοσ", "σοφοσ σοφοσ σοφοσ"),
            ("İI ıi", "ii ii"),
            ("❤\u{fe0f} ❤", "❤ ❤"),
            ("👩\u{200d}🚀", "👩🚀"),
            ("ｶﾞ ガ", "ガ ガ"),
            ("각 \u{1100}\u{1161}\u{11a8}", "각 각"),
        ] {
            assert_eq!(plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_shows_nothing_is_empty() {
        for text in ["", " \n", "\u{200b}\u{3164}\u{ffa0}", "\u{301}\u{302}", "\u{2800}"] {
            assert_eq!(plain(text), "", "{text:?}");
        }
    }

    #[test]
    fn other_words_are_others() {
        for (one, other) in [
            ("hello", "hell o"),
            ("1", "l"),
            ("कि", "की"),
            ("ไก่", "ไก"),
            ("か", "が"),
            ("👍🏻", "👍🏿"),
            ("a", "а"),
            ("c++", "c"),
        ] {
            assert_ne!(plain(one), plain(other));
        }
    }

    #[test]
    fn of_every_character_the_case_makes_no_difference() {
        // Beyond that no letter has another case.
        for c in '\0'..='\u{1ffff}' {
            let text = plain(&c.to_string());
            assert_eq!(plain(&text), text, "{c:?} again");
            assert_eq!(plain(&c.to_lowercase().to_string()), text, "{c:?} in lower case");
            assert_eq!(plain(&c.to_uppercase().to_string()), text, "{c:?} in upper case");
        }
    }

    proptest! {
        #[test]
        fn reduced_again_it_stays_the_same(text in ".{0,40}") {
            let once = plain(&text);
            prop_assert_eq!(plain(&once), once);
        }

        #[test]
        fn case_and_spaces_make_no_difference(words in prop::collection::vec("[a-zé]{1,6}", 1..5)) {
            let text = words.join(" ");
            prop_assert_eq!(plain(&text), plain(&words.join(" \u{2003}\n").to_uppercase()));
        }
    }
}
