//! Odds of two sides, as a bookmaker's feed would send them.

use common::ambient;
use serde_json::{Value, json};

/// The bookmaker's share: by so much the chances add up to more than one.
const MARGIN: f64 = 1.05;
/// By how much a chance changes at most, in thousandths.
const STEP: i32 = 40;

/// How likely it is that blue wins, in thousandths.
pub(super) struct Odds(i32);

impl Default for Odds {
    fn default() -> Self {
        Self(540)
    }
}

impl Odds {
    /// The odds after something has happened: `{"market","blue","red"}`, decimal, two digits.
    pub(super) fn next(&mut self) -> Value {
        let up =
            i32::try_from(ambient::random_range(0..2 * STEP.unsigned_abs() + 1)).unwrap_or(STEP);
        self.0 = (self.0 + up - STEP).clamp(120, 880);
        let decimal = |chance: i32| {
            let odds = 1_000.0 / (f64::from(chance) * MARGIN);
            (odds * 100.0).round() / 100.0
        };
        json!({ "market": "Who wins?", "blue": decimal(self.0), "red": decimal(1_000 - self.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_offered_too_much() {
        let mut odds = Odds::default();
        let mut all = Vec::new();
        for _ in 0..1_000 {
            let offer = odds.next();
            let of = |side: &str| offer[side].as_f64().unwrap();
            assert!(of("blue") > 1.0 && of("red") > 1.0, "{offer}");
            assert!(1.0 / of("blue") + 1.0 / of("red") > 1.0, "{offer}");
            all.push(offer.to_string());
        }
        all.sort();
        all.dedup();
        assert!(all.len() > 50, "they change");
    }
}
