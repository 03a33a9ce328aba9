//! Behind load balancers that people run: the same bytes, at once, on connections that they use
//! again for others.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::http::StatusCode;
use tempfile::tempdir;
use tokio::{
    sync::Barrier,
    time::{sleep, timeout},
};

use crate::{
    client::GUARD,
    kinds::{LAST, LIST, Raw, before_three, get},
};

/// A load balancer, killed when dropped.
pub(crate) struct Balancer(Child);

impl Balancer {
    /// Waits until all of `ports` are listened on.
    async fn start(program: &str, args: &[&str], ports: &[u16]) -> Self {
        let child = Command::new(program).args(args).stdin(Stdio::null()).spawn();
        let started = Self(child.unwrap_or_else(|error| panic!("{program}: {error}")));
        let listening = async {
            while !ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()) {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(GUARD, listening).await.expect(program);
        started
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has noticed then.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Below those that clients are given, so that none is taken while its server is away.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let bind = |()| loop {
        let port = rand::random_range(7_000..9_000);
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    };
    let held = [(); N].map(bind); // none twice
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// As a package installs it but for addresses and folders: HTTP/1.0 to us, and HTTP/1.1 with
/// connections that are kept.
async fn nginx(folder: &Path, gateway: SocketAddr, [plain, kept]: [u16; 2]) -> Balancer {
    let place = folder.display();
    let conf = format!(
        "daemon off; master_process off; pid {place}/nginx.pid; error_log stderr;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {place}; proxy_temp_path {place}; fastcgi_temp_path {place};
  uwsgi_temp_path {place}; scgi_temp_path {place};
  upstream gateways {{ server {gateway}; keepalive 16; }}
  server {{ listen 127.0.0.1:{plain}; location / {{ proxy_pass http://{gateway}; }} }}
  server {{
    listen 127.0.0.1:{kept};
    location / {{
      proxy_pass http://gateways; proxy_http_version 1.1;
      proxy_set_header Connection \"\"; proxy_set_header Host $host;
    }}
  }}
}}
"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, conf).unwrap();
    let (folder, file) = (folder.to_str().unwrap(), file.to_str().unwrap());
    Balancer::start("nginx", &["-p", folder, "-c", file], &[plain, kept]).await
}

/// `gateways` are the lines that say where they are.
pub(crate) async fn haproxy(folder: &Path, port: u16, gateways: &str) -> Balancer {
    let conf = format!(
        "defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen gateways
  bind 127.0.0.1:{port}
{gateways}
"
    );
    let file = folder.join("haproxy.conf");
    std::fs::write(&file, conf).unwrap();
    Balancer::start("haproxy", &["-db", "-f", file.to_str().unwrap()], &[port]).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs nginx and haproxy: run deploy/dev/test"]
async fn viewers_behind_load_balancers_get_the_same() {
    let folder = tempdir().unwrap();
    let (server, client, path) = before_three(folder.path()).await;
    let [plain, kept, proxied] = free_ports();
    let _nginx = nginx(folder.path(), server.public(), [plain, kept]).await;
    let gateways = format!("  http-reuse always\n  server one {}", server.public());
    let _haproxy = haproxy(folder.path(), proxied, &gateways).await;
    let mut viewers = Vec::new();
    for port in [server.public().port(), plain, kept, proxied] {
        // The first request leaves the balancer a connection to us that the next one may use.
        for earlier in [0, 1] {
            let mut raw = Raw::connect(([127, 0, 0, 1], port).into()).await;
            for _ in 0..earlier {
                raw.send(LIST).await;
                raw.answer().await;
            }
            raw.send(&get(&path, "1.1")).await;
            viewers.push(raw);
        }
    }
    let open = Barrier::new(viewers.len() + 1);
    let streams = viewers.iter_mut().map(|raw| raw.stream(&open));
    let posted = async {
        open.wait().await;
        assert_eq!(client.comment("v", LAST).await.status, StatusCode::CREATED);
    };
    let (seen, ()) = tokio::join!(futures_util::future::join_all(streams), posted);
    let direct = &seen[0].body;
    assert_eq!(direct.matches("event: comment").count(), 4, "{direct}");
    assert!(seen.iter().all(|seen| seen.body == *direct), "{seen:#?}");
    server.stop().await;
}
