//! All viewers: over the fronts and the videos evenly.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    front::Front,
    recording::{Ledger, Recording},
    viewer::Viewer,
};

/// Between looks at whether everybody has got something.
const LOOK_PERIOD: Duration = Duration::from_millis(20);

pub(crate) struct Audience {
    fronts: Vec<Arc<Front>>,
    members: Vec<Member>,
}

struct Member {
    viewer: Viewer,
    front: usize,
    video: usize,
    /// How many of its video's acknowledged comments it is known to have seen.
    caught_up: usize,
}

impl Audience {
    /// `count` viewers, who begin to come.
    pub(crate) fn start(fronts: Vec<Arc<Front>>, videos: &[String], count: usize) -> Self {
        let member = |n: usize| {
            let (front, video) = (n % fronts.len(), n / fronts.len() % videos.len());
            let viewer = Viewer::start(fronts[front].clone(), &videos[video]);
            Member { viewer, front, video, caught_up: 0 }
        };
        let members = (0..count).map(member).collect();
        Self { fronts, members }
    }

    /// Waits until `all` holds for every viewer; `false` after `guard`.
    async fn wait(&mut self, guard: Duration, all: impl Fn(&mut Member) -> bool) -> bool {
        let began = Instant::now();
        while !self.members.iter_mut().all(&all) {
            if began.elapsed() > guard {
                return false;
            }
            tokio::time::sleep(LOOK_PERIOD).await;
        }
        true
    }

    /// Waits until everyone has been told where it begins.
    pub(crate) async fn joined(&mut self, guard: Duration) -> bool {
        self.wait(guard, |member| member.viewer.recording().joined_at.is_some()).await
    }

    /// Waits until everyone has seen what is acknowledged by now.
    pub(crate) async fn has_seen_all(&mut self, ledger: &Ledger, guard: Duration) -> bool {
        let lens = ledger.lens();
        let has_all = |member: &mut Member| {
            let recording = member.viewer.recording();
            ledger.with(member.video, |acknowledged| {
                let rest = acknowledged[member.caught_up..lens[member.video]].iter();
                member.caught_up += rest.take_while(|a| recording.ids.contains(&a.id)).count();
            });
            member.caught_up == lens[member.video]
        };
        self.wait(guard, has_all).await
    }

    /// Brings everyone back to the gateway of its own front.
    pub(crate) async fn go_home(&mut self, guard: Duration) -> bool {
        for front in &self.fronts {
            front.send_strays_home();
        }
        let homes: Vec<_> = self.fronts.iter().map(|front| front.own()).collect();
        self.wait(guard, |member| member.viewer.recording().gateway == Some(homes[member.front]))
            .await
    }

    /// By viewer: which gateway it is connected to.
    pub(crate) fn gateways(&self) -> Vec<Option<usize>> {
        self.members.iter().map(|member| member.viewer.recording().gateway).collect()
    }

    /// By viewer: what `look` makes of its video and recording.
    pub(crate) fn each<T>(&self, look: impl Fn(usize, &Recording) -> T) -> Vec<T> {
        let look = |member: &Member| look(member.video, &member.viewer.recording());
        self.members.iter().map(look).collect()
    }

    /// Takes all recordings, by video; everyone goes on with nothing seen.
    pub(crate) fn cut(&mut self, videos: usize) -> Vec<Vec<Recording>> {
        let mut recordings = vec![Vec::new(); videos];
        for member in &mut self.members {
            member.caught_up = 0;
            recordings[member.video].push(member.viewer.recording().cut());
        }
        recordings
    }
}
