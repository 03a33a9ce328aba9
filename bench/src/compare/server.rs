//! The servers that are compared, and how each is started.

use std::fs::{File, write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tempfile::TempDir;

use super::rest;
use crate::args::CompareArgs;
use crate::footprint;
use crate::load::dialect::Dialect;
use crate::process::without_settings;

/// A server that takes longer to listen won't.
const START_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Where a free port is looked for.
const PORTS: std::ops::Range<u16> = 7_100..9_900;

/// Who is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// All roles in one process, the embedded store with fsync
    Chorus,
    /// `bench peer floor`
    Floor,
    /// Debian's nginx with libnginx-mod-nchan, one worker
    Nchan,
    /// `bench peer axum`
    Axum,
}

impl Server {
    pub(crate) const ALL: [Self; 4] = [Self::Chorus, Self::Floor, Self::Nchan, Self::Axum];

    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Chorus => "chorus",
            Self::Floor => "floor",
            Self::Nchan => "nchan",
            Self::Axum => "axum",
        }
    }

    pub(crate) fn dialect(self) -> Dialect {
        if self == Self::Chorus { Dialect::Chorus } else { Dialect::Plain }
    }

    /// Program and arguments; what it writes goes to `folder`.
    fn command(self, chorus: &Path, folder: &Path, [port, other]: [u16; 2]) -> Result<Vec<String>> {
        let (listen, internal) = (format!("127.0.0.1:{port}"), format!("127.0.0.1:{other}"));
        let store = folder.join("store").display().to_string();
        let words = match self {
            Self::Chorus => {
                let chorus = chorus.canonicalize();
                let chorus = chorus.context("no chorus: cargo build --release -p chorus")?;
                let chorus = chorus.display().to_string();
                let keys = ["--internal_listen", &internal, "--store.path", &store];
                [&[chorus.as_str(), "all", "--listen", &listen], &keys[..]].concat().join("\n")
            }
            Self::Floor | Self::Axum => {
                let own = std::env::current_exe()?.display().to_string();
                [&own, "peer", self.key(), "--listen", &listen].join("\n")
            }
            Self::Nchan => {
                let file = folder.join("nginx.conf");
                write(&file, nchan(port, folder))?;
                ["nginx", "-p", &folder.display().to_string(), "-c", &file.display().to_string()]
                    .join("\n")
            }
        };
        Ok(words.lines().map(str::to_owned).collect())
    }
}

/// nchan as its documentation has it, with one worker and room for everything that is tried.
fn nchan(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 20000; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  keepalive_requests 100000000;
  nchan_shared_memory_size 1G;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/pub/(\\w+)$ {{
      nchan_publisher; nchan_channel_id $1;
      nchan_message_timeout 60s; nchan_message_buffer_length 1000;
    }}
    location ~ ^/sub/(\\w+)$ {{
      nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest;
    }}
  }}
}}
"
    )
}

/// A server that listens, pinned to its core. Dropping it kills it and waits for its end.
pub(crate) struct Running {
    child: Child,
    pub(crate) address: SocketAddr,
    // After the child: it writes there.
    _folder: TempDir,
}

impl Running {
    pub(crate) fn start(server: Server, args: &CompareArgs) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let ports = free_ports()?;
        let log = folder.path().join("log");
        let mut command = pinned(args.server_core);
        command.args(server.command(&args.chorus, folder.path(), ports)?);
        without_settings(&mut command);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        let child = command.spawn().context("starting taskset (util-linux)")?;
        let address = SocketAddr::from(([127, 0, 0, 1], ports[0]));
        let mut running = Self { child, address, _folder: folder };
        let deadline = Instant::now() + START_WITHIN;
        while TcpStream::connect(address).is_err() {
            if !matches!(running.child.try_wait(), Ok(None)) || Instant::now() > deadline {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{} doesn't start: {}", server.key(), said.trim());
            }
            rest(LOOK_EVERY);
        }
        Ok(running)
    }

    /// CPU time so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        footprint::cpu(self.child.id())
    }

    /// Memory that is its own, in bytes.
    pub(crate) fn memory(&self) -> Result<u64> {
        footprint::memory(self.child.id())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        footprint::kill(self.child.id());
        let _ = self.child.wait();
    }
}

/// Runs what its arguments say on one core. The process becomes that program.
pub(crate) fn pinned(core: usize) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]);
    command
}

/// Two that nobody listens on.
fn free_ports() -> Result<[u16; 2]> {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let mut ports = PORTS.filter(free);
    let two = ports.next().zip(ports.next()).context("no free port")?;
    Ok(two.into())
}
