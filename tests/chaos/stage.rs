//! The cluster, its commenters and its viewers, and what they go through in chapters: at the end of
//! each nothing is under way, everything is checked, and the next begins with nothing seen.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use common::ids::CommentId;

use crate::{
    audience::Audience,
    checker::{Evidence, Findings, check},
    client::Client,
    cluster::{Cluster, Store, Who},
    commenters::{Commenters, Load},
    outcome::{Effort, Outcome, tell},
    recording::Ledger,
    roles,
    sentinels::Watched,
    silence::{Silence, Silences, Wait},
};

/// Hang guard for everybody to have what was acknowledged, or to be where they belong.
pub(crate) const GUARD: Duration = Duration::from_secs(60);
/// Goals: silence of viewers of live gateways, of those of the one that was hit.
const SILENCE_LIVE: Duration = Duration::from_secs(2);
const SILENCE_HIT: Duration = Duration::from_secs(5);
/// A goal is for a machine of its own; a test fails at this multiple of it.
const TOLERANCE: u32 = 10;

/// What a stage is set with.
pub(crate) struct Scene {
    pub(crate) store: Store,
    /// The live log's servers; a server of its own unless there are some.
    pub(crate) live: Option<Watched>,
    pub(crate) viewers: usize,
    pub(crate) per_second: f64,
    /// Decides whom chance hits.
    pub(crate) seed: u64,
}

impl Scene {
    /// As most: the store that several nodes share, 200 viewers, 60 comments per second.
    pub(crate) fn usual(seed: u64) -> Self {
        Self { store: Store::Cql, live: None, viewers: 200, per_second: 60.0, seed }
    }
}

/// How often each video is commented on. The last one is quiet.
const WEIGHTS: [u32; 4] = [3, 2, 1, 0];
/// The video on which nobody comments unless told to.
pub(crate) const QUIET: usize = WEIGHTS.len() - 1;

pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    pub(crate) commenters: Commenters,
    audience: Audience,
    ledger: Arc<Ledger>,
    videos: Vec<String>,
    /// By video: the comments of the chapters that have ended.
    earlier: Vec<HashSet<CommentId>>,
    /// Older than every comment of this chapter.
    since: CommentId,
    /// When the present measurement began, and where everyone was then.
    mark: Instant,
    places: Vec<Option<usize>>,
    /// What was not as it should be.
    failures: Vec<String>,
}

impl Stage {
    /// Everything up, everyone there, the load on.
    pub(crate) async fn start(scene: Scene) -> Self {
        let Scene { store, live, viewers, per_second, seed } = scene;
        let name = roles::unique_name();
        let cluster = Cluster::start(&name, store, live, seed).await;
        let videos = (0..WEIGHTS.len()).map(|n| format!("{name}-{n}")).collect::<Vec<_>>();
        let ledger = Arc::new(Ledger::of(videos.len()));
        let load = Load { per_second, weights: WEIGHTS.to_vec(), seed };
        let commenters = Commenters::start(&cluster.addresses(), &videos, ledger.clone(), load);
        let mut audience = Audience::start(cluster.fronts.clone(), &videos, viewers);
        assert!(audience.joined(GUARD).await, "viewers can't join");
        commenters.go_on();
        Self {
            cluster,
            commenters,
            audience,
            ledger,
            earlier: vec![HashSet::new(); videos.len()],
            videos,
            since: CommentId::now(),
            mark: Instant::now(),
            places: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Everyone at their own gateway and with everything that was sent so far: from now on silence
    /// is measured.
    pub(crate) async fn begin(&mut self) {
        let home = self.audience.go_home(GUARD).await;
        self.check_that("everyone comes home", home);
        let answered = self.commenters.all_answered(GUARD).await;
        self.check_that("everyone is answered", answered);
        self.settle().await;
        self.mark = Instant::now();
        self.places = self.audience.gateways();
    }

    /// Waits until everyone has what is acknowledged by now.
    pub(crate) async fn settle(&mut self) {
        let settled = self.audience.has_seen_all(&self.ledger, GUARD).await;
        self.check_that("everyone has everything", settled);
    }

    /// Notes a failure where `what` does not hold in time.
    pub(crate) fn check_that(&mut self, what: &str, holds: bool) {
        if !holds {
            self.failures.push(format!("not so, or not in time: {what}"));
        }
    }

    /// Silences since [`Stage::begin`]; `hit` is what something was done to.
    pub(crate) fn silences(&self, hit: Option<Who>) -> Silences {
        let longest = self.audience.each(|video, recording| {
            self.ledger.with(video, |all| Wait::longest(all, recording, self.mark))
        });
        let hit = hit.and_then(Who::gateway);
        let of = |is_hit: bool| {
            let places = longest.iter().zip(&self.places);
            let group = places.filter(|(_, at)| (hit.is_some() && **at == hit) == is_hit);
            Silence::new(group.filter_map(|(wait, _)| wait.clone()).collect())
        };
        Silences { live: of(false), hit: of(true) }
    }

    /// Notes a failure where silences are far beyond the goals, and tells why where they are beyond
    /// them at all; `pause` is what was asked for.
    pub(crate) fn judge(&mut self, name: &str, silences: &Silences, pause: Duration) {
        let Silences { live, hit } = silences;
        for (silence, goal, pause) in
            [(live, SILENCE_LIVE, Duration::ZERO), (hit, SILENCE_HIT, pause)]
        {
            let longest = silence.longest().saturating_sub(pause);
            if longest > goal {
                let why = format!("{name}: beyond {goal:?}: {}", silence.why(self.mark));
                tell(&why);
                self.failures.extend((longest > TOLERANCE * goal).then_some(why));
            }
        }
    }

    /// Ends the chapter: no load, nothing under way, all checked and told; then the load again.
    pub(crate) async fn end(&mut self, name: &str, hit: Option<Who>) -> Outcome {
        self.commenters.pause().await;
        self.settle().await;
        let silences = self.silences(hit);
        let outcome = self.check(silences).await;
        tell(&format!("{name}: {outcome}"));
        let failures = self.commenters.failures().into_iter();
        self.failures.extend(failures.map(|failure| format!("{name}: {failure}")));
        if !outcome.findings.is_clean() {
            self.failures.push(format!("{name}: {outcome}"));
        }
        self.assert_all_was_well(); // what follows would only repeat it
        self.commenters.go_on();
        outcome
    }

    /// What was answered with 202 in this chapter, with its video.
    pub(crate) fn pending(&self) -> HashSet<(String, CommentId)> {
        let of = |(video, name): (usize, &String)| {
            self.ledger.with(video, |all| {
                let pending = all.iter().filter(|a| a.is_pending);
                pending.map(|a| (name.clone(), a.id)).collect::<Vec<_>>()
            })
        };
        self.videos.iter().enumerate().flat_map(of).collect()
    }

    /// Whether the end of the chapter will say that something went wrong.
    pub(crate) fn has_failed(&self) -> bool {
        !self.failures.is_empty()
    }

    fn assert_all_was_well(&self) {
        let logs = self.cluster.folder.display();
        assert!(self.failures.is_empty(), "{:#?}; logs: {logs}", self.failures);
    }

    /// Fails if anything was not as it should be; else the processes' logs go.
    pub(crate) async fn finish(mut self) {
        self.assert_all_was_well();
        self.cluster.end().await;
        std::fs::remove_dir_all(&self.cluster.folder).unwrap();
    }

    async fn check(&mut self, silences: Silences) -> Outcome {
        let acknowledged = self.ledger.cut();
        let recordings = self.audience.cut(self.videos.len());
        let effort = Effort::of(acknowledged.iter().flatten());
        let mut findings = Findings::default();
        for (video, name) in self.videos.iter().enumerate() {
            let history = history(&self.cluster, name, self.since).await;
            findings += check(&Evidence {
                acknowledged: &acknowledged[video],
                recordings: &recordings[video],
                history: &history,
                earlier: &self.earlier[video],
            });
            self.earlier[video].extend(acknowledged[video].iter().map(|a| a.id));
        }
        self.since = CommentId::now();
        Outcome { silences, effort, findings }
    }
}

/// Every comment after `since`, with its text.
async fn history(cluster: &Cluster, video: &str, since: CommentId) -> Vec<(CommentId, String)> {
    let client = Client::new(cluster.addresses()[0]);
    let mut all = Vec::new();
    let mut after = since.to_string();
    loop {
        let path = format!("/v1/videos/{video}/comments?limit=200&after={after}");
        let page = client.get(&path).await.json();
        let comments = page["comments"].as_array().expect("no comments").iter();
        all.extend(comments.map(|comment| {
            let [id, text] = ["id", "text"].map(|field| comment[field].as_str().unwrap());
            (id.parse().unwrap(), text.to_owned())
        }));
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => return all,
        }
    }
}
