//! What ingest nodes have to say: calls' worth of new comments.

use std::cell::Cell;

use anyhow::{Context, Result};
use common::comment::{Author, Comment, Text};
use common::event::{Event, Kind, VideoEvents};
use common::ids::{CommentId, VideoId};

use crate::args::DispatchArgs;
use crate::text::{BYTES_MAX, Dice, compose};

/// Texts made beforehand and said over and over: composing costs more than a dispatcher may take.
const TEXTS: usize = 256;

/// Shared by all nodes, so that every video has its turn.
pub(crate) struct Feed {
    videos: Vec<VideoId>,
    texts: Vec<Text>,
    author: Author,
    batch: usize,
    videos_per_call: usize,
    /// Whose turn it is among the videos.
    turn: Cell<usize>,
}

impl Feed {
    /// Videos are called `name-0` and so on.
    pub(crate) fn new(args: &DispatchArgs, name: &str) -> Result<Self> {
        let video = |nth| format!("{name}-{nth}").parse().context(format!("video {name}-{nth}"));
        let mut dice = Dice::new(args.run.seed);
        let text = |_| Ok(Text::parse(&compose(&mut dice, args.text_bytes.min(BYTES_MAX)))?);
        Ok(Self {
            videos: (0..args.videos).map(video).collect::<Result<_>>()?,
            texts: (0..TEXTS).map(text).collect::<Result<_>>()?,
            author: Author {
                id: "u1".parse()?,
                name: "User 1".to_owned(),
                role: Some("commenter".to_owned()),
                avatar: None,
            },
            batch: args.batch,
            videos_per_call: args.videos_per_call.min(args.videos).min(args.batch),
            turn: Cell::new(0),
        })
    }

    /// One call's, grouped by video as an ingest node's outbox does.
    pub(crate) fn batches(&self) -> Vec<VideoEvents> {
        let (each, more) = (self.batch / self.videos_per_call, self.batch % self.videos_per_call);
        (0..self.videos_per_call)
            .map(|nth| self.of_next_video(each + usize::from(nth < more)))
            .collect()
    }

    fn of_next_video(&self, count: usize) -> VideoEvents {
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let video = &self.videos[turn % self.videos.len()];
        let events = (0..count).map(|nth| self.event(video, turn.wrapping_add(nth))).collect();
        VideoEvents { video: video.clone(), events, until_ms: None, show_anyway: false }
    }

    fn event(&self, video: &VideoId, turn: usize) -> Event {
        let comment = Comment {
            id: CommentId::now(),
            video: video.clone(),
            author: self.author.clone(),
            text: self.texts[turn % TEXTS].clone(),
            reply_to: None,
        };
        Event { id: comment.id.into(), kind: Kind::COMMENT, data: comment.to_json().into() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use clap::Parser;

    use super::*;
    use crate::args::{Command, CommandLine};

    fn feed(more: &[&str]) -> Feed {
        let base = ["bench", "dispatch", "--dispatcher", "http://a:1", "--internal-secret", "s"];
        let line = CommandLine::try_parse_from(base.iter().chain(more).copied()).unwrap();
        let Command::Dispatch(args) = line.command else { panic!("another command") };
        Feed::new(&args, "v").unwrap()
    }

    #[test]
    fn a_call_is_spread_and_every_video_has_its_turn() {
        let feed = feed(&["--videos", "5", "--videos-per-call", "3", "--batch", "7"]);
        let mut videos = HashSet::new();
        for _ in 0..2 {
            let batches = feed.batches();
            let sizes: Vec<_> = batches.iter().map(|batch| batch.events.len()).collect();
            assert_eq!(sizes, [3, 2, 2]);
            videos.extend(batches.into_iter().map(|batch| batch.video));
        }
        assert_eq!(videos.len(), 5);
    }

    #[test]
    fn no_batch_is_empty_and_no_video_comes_twice_in_a_call() {
        for more in [["--videos", "3", "--batch", "64"], ["--videos", "9", "--batch", "2"]] {
            let batches = feed(&more).batches();
            assert!(batches.iter().all(|batch| !batch.events.is_empty()), "{more:?}");
            let videos: HashSet<_> = batches.iter().map(|batch| &batch.video).collect();
            assert_eq!(videos.len(), batches.len(), "{more:?}");
        }
    }

    #[test]
    fn every_event_is_a_new_comment_as_the_contract_has_it() {
        let feed = feed(&["--text-bytes", "60"]);
        let batches: Vec<_> = (0..10).flat_map(|_| feed.batches()).collect();
        let mut ids = HashSet::new();
        for VideoEvents { video, events, .. } in &batches {
            for event in events {
                let comment: Comment = serde_json::from_slice(&event.data).unwrap();
                assert_eq!((&comment.video, event.id), (video, comment.id.into()));
                assert_eq!(comment.text.as_str().len(), 60);
                assert!(!event.data.contains(&b'\n'));
                assert!(ids.insert(comment.id), "{} twice", comment.id);
            }
        }
        assert_eq!(ids.len(), 640);
    }
}
