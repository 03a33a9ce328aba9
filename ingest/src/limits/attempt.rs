//! What somebody wants to post, as far as limits go: which buckets it is taken from.

use std::{fmt, net::IpAddr, time::Duration};

use common::{
    comment::Text,
    config,
    ids::{IdempotencyKey, UserId, VideoId},
    limiter::{Ask, Bucket, Key, Rate, Token},
    network::Network,
    totals::Counter,
};

use crate::plain_text::plain;

/// A limit of posting, by what it counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// What one author posts, wherever.
    Author,
    /// Slow mode: what one author posts to a video.
    SlowMode,
    /// The same text by one author in a video.
    Repeated,
    /// What is posted to a video.
    Video,
    /// What comes from one address.
    Address,
    /// What one author reacts with, wherever.
    Reactions,
}

impl Limit {
    /// A word for it: in metrics, and in its buckets' keys.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::SlowMode => "slow_mode",
            Self::Repeated => "repeated",
            Self::Video => "video",
            Self::Address => "address",
            Self::Reactions => "reactions",
        }
    }
}

/// What is told to the client.
impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Author => "you have posted too many comments",
            Self::SlowMode => "slow mode: you have posted to this video a moment ago",
            Self::Repeated => "you have posted the same text a moment ago",
            Self::Video => "this video gets too many comments",
            Self::Address => "too many comments come from your address",
            Self::Reactions => "you have reacted too often",
        })
    }
}

/// The limits that the configuration sets; `None`: there is no such limit.
pub(super) struct Rates {
    author: Option<Rate>,
    video: Option<Rate>,
    address: Option<Rate>,
    reactions: Option<Rate>,
}

impl Rates {
    pub(super) fn new(config: &config::Limits) -> Self {
        let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
        Self {
            author: Rate::per(config.comments_per_user_per_minute, minute),
            video: Rate::per(config.comments_per_video_per_second, second),
            address: Rate::per(config.comments_per_address_per_minute, minute),
            reactions: Rate::per(config.reactions_per_user_per_minute, minute),
        }
    }
}

/// A comment that somebody wants to post.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt<'a> {
    /// Who.
    pub(crate) author: &'a UserId,
    /// Where.
    pub(crate) video: &'a VideoId,
    /// From which address.
    pub(crate) address: IpAddr,
    /// Under which Idempotency-Key: a repeat is charged once.
    pub(crate) key: Option<&'a IdempotencyKey>,
    /// What.
    pub(crate) text: &'a Text,
    /// The video's setting for this author, seconds; 0 = no slow mode.
    pub(crate) slow_mode_s: u64,
    /// The video's setting for this author, seconds; 0 = the same text may come at any time.
    pub(crate) unique_s: u64,
}

impl Attempt<'_> {
    /// The question to a limiter, and which limit each of its buckets is, own ones first.
    pub(super) fn ask(&self, rates: &Rates) -> (Ask, Vec<Limit>) {
        let (author, video) = (self.author.as_str(), self.video.as_str());
        let once_in = |seconds| Rate::once_in(Duration::from_secs(seconds));
        let own = [
            rates.author.map(|rate| bucket(Limit::Author, rate, &[author])),
            once_in(self.slow_mode_s).map(|rate| bucket(Limit::SlowMode, rate, &[author, video])),
            once_in(self.unique_s).map(|rate| {
                bucket(Limit::Repeated, rate, &[author, video, &plain(self.text.as_str())])
            }),
        ];
        let shared = [
            rates.video.map(|rate| bucket(Limit::Video, rate, &[video])),
            rates.address.map(|rate| {
                bucket(Limit::Address, rate, &[&Network::of(self.address).to_string()])
            }),
        ];
        let limits = own.iter().chain(&shared).flatten().map(|(limit, _)| *limit).collect();
        let ask = Ask {
            author: self.author.clone(),
            token: self.key.map(|key| Token {
                key: Key::of("token", &[author, key.as_str()]),
                request: Key::of("comment", &[video, self.text.as_str()]),
            }),
            own: own.into_iter().flatten().map(|(_, bucket)| bucket).collect(),
            shared: shared.into_iter().flatten().map(|(_, bucket)| bucket).collect(),
        };
        (ask, limits)
    }
}

/// Some presses of one kind.
pub(crate) struct Reaction {
    /// Where.
    pub(crate) video: VideoId,
    /// Who.
    pub(crate) author: UserId,
    /// Under which Idempotency-Key: what is repeated is counted once.
    pub(crate) key: Option<IdempotencyKey>,
    /// What was pressed.
    pub(crate) kind: Counter,
    /// How often.
    pub(crate) count: u32,
}

impl Reaction {
    /// The question to a limiter: each press is taken from one bucket.
    pub(super) fn ask(&self, rates: &Rates) -> Ask {
        let author = self.author.as_str();
        let taken = rates.reactions.map(|rate| rate.times(self.count));
        let own = taken.map(|rate| bucket(Limit::Reactions, rate, &[author]).1);
        let (kind, count) = (self.kind.as_reaction().unwrap_or_default(), self.count.to_string());
        let token = |key: &IdempotencyKey| Token {
            key: Key::of("reaction", &[author, key.as_str()]),
            request: Key::of("reaction", &[self.video.as_str(), kind, &count]),
        };
        Ask {
            author: self.author.clone(),
            token: self.key.as_ref().map(token),
            own: own.into_iter().collect(),
            shared: Vec::new(),
        }
    }
}

fn bucket(limit: Limit, rate: Rate, parts: &[&str]) -> (Limit, Bucket) {
    (limit, Bucket { key: Key::of(limit.name(), parts), rate })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATES: config::Limits = config::Limits {
        comments_per_user_per_minute: 30,
        reactions_per_user_per_minute: 600,
        comments_per_video_per_second: 5,
        comments_per_address_per_minute: 100,
    };

    struct Given {
        author: &'static str,
        video: &'static str,
        address: &'static str,
        key: &'static str,
        text: &'static str,
    }

    const GIVEN: Given =
        Given { author: "u1", video: "v1", address: "2001:db8::1", key: "k", text: "Hi there" };

    fn ask(given: &Given) -> Ask {
        ask_at(&RATES, given, 10, 60).0
    }

    fn ask_at(
        config: &config::Limits,
        given: &Given,
        slow_mode_s: u64,
        unique_s: u64,
    ) -> (Ask, Vec<Limit>) {
        let (author, video) = (given.author.parse().unwrap(), given.video.parse().unwrap());
        let (key, text) = (given.key.parse().ok(), Text::parse(given.text).unwrap());
        let attempt = Attempt {
            author: &author,
            video: &video,
            address: given.address.parse().unwrap(),
            key: key.as_ref(),
            text: &text,
            slow_mode_s,
            unique_s,
        };
        attempt.ask(&Rates::new(config))
    }

    fn token_key(ask: &Ask) -> Option<Key> {
        ask.token.map(|token| token.key)
    }

    #[test]
    fn every_limit_is_a_bucket() {
        let (ask, limits) = ask_at(&RATES, &GIVEN, 10, 60);
        let all = [Limit::Author, Limit::SlowMode, Limit::Repeated, Limit::Video, Limit::Address];
        assert_eq!(limits, all);
        let rates = |buckets: &[Bucket]| {
            let rate = |Bucket { rate, .. }: &Bucket| (rate.interval_us(), rate.slack_us());
            buckets.iter().map(rate).collect::<Vec<_>>()
        };
        assert_eq!(rates(&ask.own), [(2_000_000, 58_000_000), (10_000_000, 0), (60_000_000, 0)]);
        assert_eq!(rates(&ask.shared), [(200_000, 800_000), (600_000, 59_400_000)]);
        let keys: std::collections::HashSet<_> = ask
            .own
            .iter()
            .chain(&ask.shared)
            .map(|bucket| bucket.key)
            .chain(token_key(&ask))
            .collect();
        assert_eq!(keys.len(), 6);
    }

    #[test]
    fn each_press_is_charged_and_a_key_is_not_that_of_a_comment() {
        let ask = |config, count| {
            let (author, video, key) = ("u1".parse(), "v1".parse(), "k".parse().ok());
            let kind = Counter::of_reaction("like").unwrap();
            let (author, video) = (author.unwrap(), video.unwrap());
            Reaction { video, author, key, kind, count }.ask(&Rates::new(config))
        };
        let [ten] = ask(&RATES, 10).own[..] else { panic!("one bucket") };
        assert_eq!((ten.rate.interval_us(), ten.rate.slack_us()), (1_000_000, 59_000_000));
        assert_eq!(ten.key, ask(&RATES, 1).own[0].key);
        let comment = super::tests::ask(&GIVEN);
        assert_ne!(token_key(&ask(&RATES, 1)), token_key(&comment));
        assert_eq!(token_key(&ask(&RATES, 1)), token_key(&ask(&RATES, 2)));
        assert_ne!(ask(&RATES, 1).token, ask(&RATES, 2).token, "another request");
        let none = config::Limits { reactions_per_user_per_minute: 0, ..RATES };
        assert!(ask(&none, 1).own.is_empty() && ask(&none, 1).token.is_some());
    }

    #[test]
    fn what_is_zero_is_no_bucket() {
        let none = config::Limits {
            comments_per_user_per_minute: 0,
            comments_per_video_per_second: 0,
            comments_per_address_per_minute: 0,
            ..RATES
        };
        let (ask, limits) = ask_at(&none, &Given { key: "", ..GIVEN }, 0, 0);
        assert_eq!((ask.own, ask.shared, ask.token, limits), (vec![], vec![], None, vec![]));
        let (ask, limits) = ask_at(&none, &GIVEN, 0, 60);
        assert_eq!((ask.own.len(), limits), (1, vec![Limit::Repeated]));
    }

    #[test]
    fn who_shares_which_bucket() {
        let first = ask(&GIVEN);
        // Whether token, own and shared buckets are those of the first one.
        for (given, token, own, shared) in [
            (Given { author: "u2", ..GIVEN }, false, [false, false, false], [true, true]),
            (Given { video: "v2", ..GIVEN }, true, [true, false, false], [false, true]),
            (Given { key: "l", ..GIVEN }, false, [true, true, true], [true, true]),
            (Given { text: "hi  THERE", ..GIVEN }, true, [true, true, true], [true, true]),
            (Given { text: "hi, there", ..GIVEN }, true, [true, true, false], [true, true]),
            (Given { address: "2001:db8::2:1", ..GIVEN }, true, [true; 3], [true, true]),
            (Given { address: "2001:db8:0:1::1", ..GIVEN }, true, [true; 3], [true, false]),
        ] {
            let other = ask(&given);
            assert_eq!(token_key(&other) == token_key(&first), token);
            assert_eq!([0, 1, 2].map(|nth| other.own[nth] == first.own[nth]), own);
            assert_eq!([0, 1].map(|nth| other.shared[nth] == first.shared[nth]), shared);
        }
    }
}
