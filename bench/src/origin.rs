//! Where a server is, and how to reach it.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use hyper::Uri;
use tokio::net::{TcpSocket, TcpStream, lookup_host};

/// `http://host:port`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    host: String,
    port: u16,
}

impl FromStr for Origin {
    type Err = anyhow::Error;

    fn from_str(url: &str) -> Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("`{url}` is no URL"))?;
        if uri.scheme_str() != Some("http") {
            bail!("`{url}`: only http:// is spoken here");
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            bail!("`{url}`: give the origin alone, such as http://127.0.0.1:8080");
        }
        let authority = uri.authority().with_context(|| format!("`{url}` has no host"))?;
        let host = authority.host();
        // Not `port_u16()`, which takes a port that is none for one that wasn't given.
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => 80,
            Some(port) => port.trim_start_matches(':').parse().context("no port number")?,
            None => bail!("`{url}`: no user or password here"),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Self { host, port })
    }
}

impl Origin {
    /// The value of the `Host` header.
    pub(crate) fn authority(&self) -> String {
        let Self { host, port } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Whether it is this machine for certain.
    pub(crate) fn is_local(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// Connects, from `source` if given: one client address has only some 55,000 ports, and
    /// loopback has as many addresses as wanted.
    pub(crate) async fn connect(&self, source: Option<IpAddr>) -> io::Result<TcpStream> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        for address in lookup_host((self.host.as_str(), self.port)).await? {
            match connect(address, source).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

async fn connect(address: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_origins_only() {
        let authority = |url: &str| url.parse::<Origin>().map(|origin| origin.authority()).ok();
        assert_eq!(authority("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(authority("http://localhost/").as_deref(), Some("localhost:80"));
        assert_eq!(authority("http://[::1]:9").as_deref(), Some("[::1]:9"));
        for bad in [
            "https://a:1",
            "a:1",
            "http://a/v1",
            "http://a:1/?q",
            "",
            "http://a:99999",
            "http://u@a",
        ] {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }
}
