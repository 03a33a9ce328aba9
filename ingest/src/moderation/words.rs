//! Words that no comment of a video may have, found in one go however many they are.

use aho_corasick::{AhoCorasick, MatchKind};

use crate::plain_text::plain;

/// Whether this can be looked for: something is left of it in plain form.
pub(super) fn is_word(text: &str) -> bool {
    plain(text).chars().any(char::is_alphanumeric)
}

/// Blocked words, made ready.
#[derive(Debug)]
pub(crate) struct Words {
    /// `None`: there are none.
    any: Option<AhoCorasick>,
}

impl Words {
    /// Of words and phrases as moderators wrote them.
    pub(crate) fn new(words: &[String]) -> Self {
        let plain: Vec<_> = words.iter().map(|word| plain(word)).collect();
        let wanted = plain.iter().filter(|word| !word.is_empty());
        let any = AhoCorasick::builder().match_kind(MatchKind::Standard).build(wanted);
        Self { any: any.ok().filter(|found| found.patterns_len() > 0) }
    }

    /// Whether a text has one of them, by itself: "ass" is not in "class". In scripts that are written
    /// without spaces a word may stand anywhere.
    pub(crate) fn are_in(&self, text: &str) -> bool {
        let Some(any) = &self.any else { return false };
        let text = plain(text);
        let stands_alone = |start: usize, end: usize| {
            let (before, word, after) = (&text[..start], &text[start..end], &text[end..]);
            !joins(before.chars().next_back(), word.chars().next())
                && !joins(word.chars().next_back(), after.chars().next())
        };
        any.find_overlapping_iter(&text).any(|found| stands_alone(found.start(), found.end()))
    }
}

/// Whether two neighbours belong to one word.
fn joins(one: Option<char>, other: Option<char>) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && !is_unspaced(c));
    is_part(one) && is_part(other)
}

/// Letters of scripts in which words are not set apart, or grow endings: Thai, Lao, Burmese, Khmer,
/// kana, Han and Hangul.
fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(words: &[&str], text: &str) -> bool {
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        Words::new(&words).are_in(text)
    }

    #[test]
    fn words_are_found_by_themselves() {
        for text in ["ass", "you ass!", "ASS", "(ass)", "an ＡＳＳ", "x\nass"] {
            assert!(has(&["ass"], text), "{text}");
        }
        for text in ["class", "assassin", "as s", "", "grass as"] {
            assert!(!has(&["ass"], text), "{text}");
        }
    }

    #[test]
    fn phrases_endings_and_other_scripts() {
        assert!(has(&["go home"], "Go   HOME now") && !has(&["go home"], "go homeward"));
        assert!(has(&["c++"], "I like C++!") && has(&["дурак"], "Дурак!"));
        assert!(!has(&["дурак"], "дураки"));
        assert!(has(&["馬鹿"], "お前は馬鹿だ") && has(&["바보"], "바보야"));
        assert!(has(&["näh", "b"], "a b c") && has(&["bc", "abcd"], "x bc"));
        assert!(has(&["abcd", "bc"], "bc abcde"), "a longer one that fails hides no shorter one");
    }

    #[test]
    fn no_words_are_nowhere() {
        assert!(!has(&[], "anything"));
        assert!(!is_word("...") && !is_word(" ") && is_word("a1"));
    }
}
