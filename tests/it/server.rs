//! Roles in this process, started as the binary starts them.

use std::{net::SocketAddr, path::Path};

use chorus::system::{self, System};
use common::config::{self, Config, Role, Sources};

use crate::client::Client;

/// A running role.
pub(crate) struct Server {
    pub(crate) system: System,
}

impl Server {
    /// `all` in development mode, with its data in `folder`.
    pub(crate) async fn all(folder: &Path) -> Self {
        Self::all_with(folder, "").await
    }

    /// `all`, with more configuration after the sockets and the store.
    pub(crate) async fn all_with(folder: &Path, more: &str) -> Self {
        let text = format!(
            "listen = \"127.0.0.1:0\"\ninternal_listen = \"127.0.0.1:0\"\n{more}\n[store]\npath = {:?}\n",
            folder.join("data")
        );
        Self::start(Role::All, &text).await
    }

    /// `all`, configured by flags alone: limits are what they are by default.
    pub(crate) async fn all_by(folder: &Path, flags: &[(&str, String)]) -> Self {
        let path = folder.join("data").display().to_string();
        let any = "127.0.0.1:0";
        let own = [("listen", any), ("internal_listen", any), ("store.path", &path)];
        let flags = flags.iter().map(|(key, value)| (*key, value.as_str()));
        let flags = own.into_iter().chain(flags);
        let flags = flags.map(|(key, value)| (config::find(key).expect("no such key"), value));
        let sources = Sources::default().with_flags(flags);
        let config = config::load(Role::All, sources).config;
        let config = config.unwrap_or_else(|mistakes| panic!("{mistakes}"));
        Self { system: system::start(&config, String::new).await.expect("can't start") }
    }

    pub(crate) async fn start(role: Role, toml: &str) -> Self {
        let config = configured(role, toml);
        let system = system::start(&config, String::new).await.expect("can't start");
        Self { system }
    }

    pub(crate) fn public(&self) -> SocketAddr {
        self.system.public.expect("no public socket")
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.public())
    }

    pub(crate) fn internal(&self) -> Client {
        Client::new(self.system.internal)
    }

    pub(crate) async fn stop(self) {
        self.system.stop().await;
    }
}

/// The configuration that `toml` gives.
pub(crate) fn configured(role: Role, toml: &str) -> Config {
    let sources = Sources::default().with_file_text("test.toml", toml);
    let loaded = config::load(role, sources).config;
    let mut config = loaded.unwrap_or_else(|mistakes| panic!("{mistakes}"));
    // Tests say a lot by few authors.
    config.limits.comments_per_user_per_minute = 0;
    config
}
