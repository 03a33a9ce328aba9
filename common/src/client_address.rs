//! Where a request comes from, also when a proxy that we trust passes it on.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies whose word on a client's address is taken.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Of addresses and networks such as `10.0.0.0/8`; what is neither is left out (configuration
    /// has checked them).
    #[must_use]
    pub fn new(networks: &[String]) -> Self {
        Self(networks.iter().filter_map(|text| network(text)).collect())
    }

    /// The address of the client whose request came from `peer`: what the nearest proxies that we
    /// trust say in `X-Forwarded-For`, from the last entry on. Whatever a client wrote there itself
    /// stands before that and is not looked at.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<_> = headers.get_all(FORWARDED_FOR).iter().collect();
        let lines = lines.into_iter().rev().map(|line| line.to_str().unwrap_or_default());
        for hop in lines.flat_map(|line| line.rsplit(',')) {
            let Some(address) = address(hop.trim()).filter(|_| self.trusts(client)) else { break };
            client = address.to_canonical();
        }
        client
    }

    /// Whether the request reached a proxy that we trust over TLS.
    #[must_use]
    pub fn is_https(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        let scheme = headers.get(FORWARDED_PROTO).map(HeaderValue::as_bytes);
        scheme == Some(b"https") && self.trusts(peer.to_canonical())
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// An address or a network.
pub(crate) fn network(text: &str) -> Option<IpNet> {
    let one = || text.parse::<IpAddr>().ok().map(|address| address.to_canonical().into());
    text.parse().ok().or_else(one)
}

/// Some proxies add the port.
fn address(text: &str) -> Option<IpAddr> {
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    text.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, lines: &[&str]) -> String {
        let trusted: Vec<_> = trusted.iter().map(|text| (*text).to_owned()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, line.parse().unwrap());
        }
        TrustedProxies::new(&trusted).client(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_who_is_not_trusted() {
        assert_eq!(client(&[], "10.0.0.1", &["1.1.1.1"]), "10.0.0.1");
        assert_eq!(client(&["10.0.0.2"], "10.0.0.1", &["1.1.1.1"]), "10.0.0.1");
        assert_eq!(client(&["127.0.0.1"], "::ffff:127.0.0.1", &["1.1.1.1"]), "1.1.1.1");
    }

    #[test]
    fn who_came_over_tls() {
        let proxies = TrustedProxies::new(&["10.0.0.0/8".to_owned()]);
        let is_https = |peer: &str, scheme: &str| {
            let headers = HeaderMap::from_iter([(FORWARDED_PROTO, scheme.parse().unwrap())]);
            proxies.is_https(peer.parse().unwrap(), &headers)
        };
        assert!(is_https("10.0.0.1", "https") && is_https("::ffff:10.0.0.1", "https"));
        assert!(!is_https("11.0.0.1", "https") && !is_https("10.0.0.1", "http"));
        assert!(!proxies.is_https("10.0.0.1".parse().unwrap(), &HeaderMap::new()));
    }

    #[test]
    fn what_a_client_writes_itself_is_not_looked_at() {
        let trusted = ["10.0.0.0/8", "fd00::/8"];
        assert_eq!(client(&trusted, "10.0.0.1", &["6.6.6.6, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(client(&trusted, "10.0.0.1", &["6.6.6.6", "1.1.1.1,10.9.9.9"]), "1.1.1.1");
        assert_eq!(client(&trusted, "fd00::1", &["6.6.6.6, 2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn hops_with_ports_and_hops_that_are_no_addresses() {
        let trusted = ["10.0.0.0/8"];
        assert_eq!(client(&trusted, "10.0.0.1", &["1.1.1.1:4711"]), "1.1.1.1");
        assert_eq!(client(&trusted, "10.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client(&trusted, "10.0.0.1", &["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(client(&trusted, "10.0.0.1", &["", "1.1.1.1"]), "1.1.1.1");
        assert_eq!(client(&trusted, "10.0.0.1", &[]), "10.0.0.1");
    }
}
