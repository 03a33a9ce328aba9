//! Who writes, and what: made up, about as long as it was in the real chat.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use common::ambient;

use super::{arrivals::Arrival, caller::Person};

/// Comments that may be answered.
const REMEMBERED_MAX: usize = 8;
/// Longer ones are cut down to it, characters: a wall of text is no good first impression.
const LEN_MAX: usize = 180;
/// So many characters are not filled up with another phrase.
const LEFT_MAX: usize = 30;

const FIRST_NAMES: [&str; 24] = [
    "Pixel", "Lucky", "Quiet", "Turbo", "Mango", "Night", "Sunny", "Cosmic", "Salty", "Velvet",
    "Rapid", "Lemon", "Frosty", "Neon", "Brave", "Sleepy", "Golden", "Misty", "Jazzy", "Wild",
    "Copper", "Polar", "Tiny", "Retro",
];
const LAST_NAMES: [&str; 20] = [
    "Otter", "Falcon", "Panda", "Comet", "Wizard", "Koala", "Tiger", "Robin", "Badger", "Fox",
    "Whale", "Raven", "Moth", "Lynx", "Heron", "Yak", "Gecko", "Bison", "Puffin", "Mole",
];

/// What people say, in many languages.
const PHRASES: [&str; 72] = [
    "W",
    "F",
    "?",
    "gg",
    "ez",
    "xD",
    "wow",
    "how",
    "omg",
    "🔥",
    "😂",
    "👏👏",
    "????",
    "clean",
    "gg wp",
    "что",
    "加油",
    "대박",
    "يلا",
    "vamos",
    "allez",
    "no way",
    "GO BLUE",
    "RED!!",
    "すごい",
    "🔥🔥🔥",
    "so close",
    "one more",
    "nice try",
    "let's gooo",
    "the plays",
    "😂😂😂😂",
    "WHAT A SAVE",
    "did you see that",
    "replay please",
    "blue is on fire",
    "I can't breathe",
    "red in shambles",
    "¿qué fue eso?",
    "какой момент",
    "hände hoch!",
    "on y croit !",
    "what a save",
    "my heart can't take this",
    "that timing though",
    "the comeback is real 🔥",
    "okay NOW I'm awake",
    "replay please, I blinked",
    "the crowd is unreal tonight",
    "someone check on the red fans",
    "best final in years, no contest",
    "c'était magnifique, quelle équipe !",
    "¡qué jugada! increíble de verdad",
    "das war knapp, Mann o Mann",
    "невероятно, просто невероятно",
    "この試合、レベルが高すぎる",
    "정말 대단한 경기네요",
    "这波操作太厉害了",
    "أفضل مباراة هذا العام",
    "क्या शानदार खेल है",
    "สุดยอดมาก ลุ้นจนเหนื่อย",
    "blue is reading every move",
    "I was told there would be snacks",
    "greetings from Zürich, it's 3 am here",
    "that was the cleanest play of the series",
    "who else is watching at work right now?",
    "I can't believe they turned that around",
    "he has been doing this all tournament",
    "calling it now: this goes to the last round",
    "red still has a chance if they slow it down",
    "first time watching, what happens if it's a draw?",
    "they practised this exact situation, you can tell",
];

/// The chat's people and words.
#[derive(Default)]
pub(super) struct Chat {
    latest: Mutex<VecDeque<String>>,
}

impl Chat {
    /// Whoever this number is: always the same.
    pub(super) fn person(&self, user: u64) -> Person {
        let mixed = mix(user);
        let (first, last) = (pick(&FIRST_NAMES, mixed), pick(&LAST_NAMES, mixed >> 16));
        Person::viewer(format!("{first}{last}{}", user % 90 + 10))
    }

    /// Anybody, and a number by chance.
    pub(super) fn someone(&self) -> (usize, Person) {
        let number = ambient::random_range(0..u32::MAX);
        (number as usize, self.person(u64::from(number)))
    }

    /// What they say: a phrase of about that length, or several.
    pub(super) fn text(&self, arrival: Arrival) -> String {
        let mut left = arrival.len.clamp(1, LEN_MAX);
        let mut dice = mix(arrival.nth as u64);
        let mut said = Vec::new();
        while said.is_empty() || left > LEFT_MAX {
            // In characters: a byte of the recorded chat, which was mostly English, is about one.
            let fits = |phrase: &&&str| (left / 2..=left + 3).contains(&phrase.chars().count());
            let of_length: Vec<_> = PHRASES.iter().filter(fits).copied().collect();
            let longest = &PHRASES[PHRASES.len() - 8..];
            let phrase = pick(if of_length.is_empty() { longest } else { &of_length }, dice);
            said.push(phrase);
            left = left.saturating_sub(phrase.chars().count());
            dice = mix(dice);
        }
        said.join(" — ")
    }

    /// A comment that can be answered now.
    pub(super) fn some_earlier(&self, arrival: Arrival) -> Option<String> {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = mix(arrival.nth as u64) as usize % latest.len().max(1);
        latest.get(nth).cloned()
    }

    /// From now on this one can be answered.
    pub(super) fn remember(&self, id: &str) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        latest.push_back(id.to_owned());
        if latest.len() > REMEMBERED_MAX {
            latest.pop_front();
        }
    }
}

fn pick<'a>(all: &[&'a str], dice: u64) -> &'a str {
    all[usize::try_from(dice % all.len() as u64).unwrap_or_default()]
}

/// Splitmix64's step: numbers that follow one another come out unlike.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use common::comment::Text;

    use super::*;

    fn arrival(nth: usize, len: usize) -> Arrival {
        Arrival { nth, at: Duration::ZERO, len, user: nth as u64 }
    }

    #[test]
    fn every_text_can_be_posted_and_is_about_as_long_as_asked() {
        let chat = Chat::default();
        for nth in 0..2_000 {
            let len = nth % 400;
            let text = chat.text(arrival(nth, len));
            assert!(Text::parse(&text).is_ok(), "{text:?}");
            assert!(text.chars().count() <= len.clamp(1, LEN_MAX) + 60, "{len}: {text:?}");
        }
        let texts: BTreeSet<_> = (0..200).map(|nth| chat.text(arrival(nth, 120))).collect();
        assert!(texts.len() > 30, "they repeat themselves: {}", texts.len());
    }

    #[test]
    fn the_latest_are_answered() {
        let chat = Chat::default();
        assert_eq!(chat.some_earlier(arrival(0, 1)), None);
        (0..20).for_each(|nth| chat.remember(&nth.to_string()));
        for nth in 0..50 {
            let answered: usize = chat.some_earlier(arrival(nth, 1)).unwrap().parse().unwrap();
            assert!((12..20).contains(&answered));
        }
    }
}
