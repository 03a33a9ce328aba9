//! A process all of whose words are kept.

use std::{fs, net::SocketAddr, process::Stdio, time::Duration};

use tempfile::{TempDir, tempdir};
use tokio::{
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::{
    client::{Client, GUARD},
    process,
};

/// The binary, at its most talkative.
pub(super) struct Talker {
    child: Child,
    folder: TempDir,
}

impl Talker {
    pub(super) fn start(args: &[&str]) -> Self {
        let folder = tempdir().unwrap();
        let mut command = process::command(folder.path(), args);
        let file = |name: &str| Stdio::from(fs::File::create(folder.path().join(name)).unwrap());
        command.env("CHORUS_LOG", "trace").stdout(file("out")).stderr(file("err"));
        let child = command.spawn().expect("can't start");
        Self { child, folder }
    }

    /// All that it has printed.
    fn said(&self) -> String {
        let text = |name: &str| fs::read(self.folder.path().join(name)).unwrap();
        String::from_utf8_lossy(&[text("out"), text("err")].concat()).into_owned()
    }

    /// Where that socket listens, once it has said so.
    pub(super) async fn address(&mut self, socket: &str) -> SocketAddr {
        let told = async {
            loop {
                let said = self.said();
                let line = said.lines().find(|line| line.trim_start().starts_with(socket));
                let url = line.and_then(|line| line.split_once("://"));
                let address = url.and_then(|(_, rest)| rest.split('/').next()?.parse().ok());
                if let Some(address) = address {
                    return address;
                }
                assert!(self.child.try_wait().unwrap().is_none(), "{said}");
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GUARD, told).await.expect("it does not listen")
    }

    /// All that it has said until its end, none of it dropped.
    pub(super) async fn last_words(mut self) -> String {
        let internal = Client::new(self.address("internal").await);
        let metrics = internal.get("/metrics").await.body;
        let metrics = String::from_utf8_lossy(&metrics);
        assert!(metrics.contains("chorus_log_lines_dropped_total 0\n"), "{metrics}");
        let pid = self.child.id().expect("it has ended");
        // The shell's own: not every system has a `kill` to be run.
        let kill = Command::new("sh").args(["-c", &format!("kill -s INT {pid}")]).status();
        assert!(kill.await.unwrap().success());
        timeout(GUARD, self.child.wait()).await.expect("it does not end").unwrap();
        self.said()
    }
}
