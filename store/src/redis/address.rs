//! What `live.url` names, taken apart.

use std::{fmt, time::Duration};

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};

use super::connect_error::ConnectError;

/// Where a sentinel listens unless the address says otherwise.
const SENTINEL_PORT: u16 = 26_379;
/// A peer that acknowledges nothing for so long is gone.
const SILENT_PEER_MAX: Duration = Duration::from_secs(2);

/// Where Redis is.
pub(super) enum Address {
    /// One server.
    Server(Client),
    /// The one that sentinels name.
    Sentinel {
        /// The name that they know it by.
        name: String,
        /// Themselves.
        sentinels: Vec<Client>,
        /// For the server.
        login: Login,
    },
    /// The servers of a cluster.
    Cluster {
        /// Some of them, who know the others.
        nodes: Vec<Node>,
        /// For all of them.
        login: Login,
    },
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self, ConnectError> {
        let address = if url.contains('#') {
            // What redis-rs would take here is `#insecure`: no look at the certificate.
            Err("nothing may follow a `#`".to_owned())
        } else {
            Self::read(url)
        };
        address.map_err(|why| ConnectError::address(url, &why))
    }

    fn read(url: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = url.split_once("://") else { return Err(String::new()) };
        let (tls, kind) = scheme.split_once('+').unwrap_or((scheme, ""));
        if !["redis", "rediss"].contains(&tls) {
            return Err(String::new());
        }
        match kind {
            "" => Login::read(url).and_then(|Login(info)| client(info)).map(Self::Server),
            "sentinel" => Self::sentinel(tls, &Parts::of(rest)),
            "cluster" => Self::cluster(tls, &Parts::of(rest)),
            _ => Err(String::new()),
        }
    }

    fn sentinel(tls: &str, parts: &Parts) -> Result<Self, String> {
        let (name, db) = parts.path.split_once('/').unwrap_or((parts.path, ""));
        if name.is_empty() {
            return Err("the master's name is missing after the sentinels".to_owned());
        }
        let [user, password] = parts.options(["sentinel_user", "sentinel_password"])?;
        let sentinel = |host: &&str| {
            let with_port = host.rsplit(']').next().is_some_and(|end| end.contains(':'));
            let port = if with_port { String::new() } else { format!(":{SENTINEL_PORT}") };
            Login::read(&format!("{tls}://{user}:{password}@{host}{port}"))
                .and_then(|Login(info)| client(info))
        };
        let sentinels = parts.hosts.iter().map(sentinel).collect::<Result<_, _>>()?;
        Ok(Self::Sentinel { name: name.to_owned(), sentinels, login: parts.login(tls, db)? })
    }

    fn cluster(tls: &str, parts: &Parts) -> Result<Self, String> {
        let [] = parts.options([])?;
        if !parts.path.is_empty() {
            return Err("a cluster has no databases".to_owned());
        }
        let node = |host: &&str| {
            let Login(info) = Login::read(&format!("{tls}://{host}"))?;
            match info.addr() {
                ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                    Ok(Node { host: host.clone(), port: *port })
                }
                _ => Err(format!("`{host}` is no host")),
            }
        };
        let nodes = parts.hosts.iter().map(node).collect::<Result<_, String>>()?;
        Ok(Self::Cluster { nodes, login: parts.login(tls, "")? })
    }
}

/// An address with several hosts; those of one host are left to redis-rs.
struct Parts<'a> {
    /// `user:password`, percent-encoded.
    user: &'a str,
    hosts: Vec<&'a str>,
    path: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str) -> Self {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        Self { user, hosts: hosts.split(',').collect(), path, query }
    }

    /// The values of these options, empty where one is missing; any other is a mistake.
    fn options<const N: usize>(&self, names: [&str; N]) -> Result<[&'a str; N], String> {
        let mut values = [""; N];
        for option in self.query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let known = names.iter().position(|known| *known == name);
            values[known.ok_or_else(|| format!("there is no option `{name}`"))?] = value;
        }
        Ok(values)
    }

    /// For servers that aren't known yet: user, password and database, at some host.
    fn login(&self, tls: &str, db: &str) -> Result<Login, String> {
        let at = if self.user.is_empty() { "" } else { "@" };
        Login::read(&format!("{tls}://{}{at}{}/{db}", self.user, self.hosts[0]))
    }
}

/// How to get into a server, wherever it is.
pub(super) struct Login(ConnectionInfo);

impl Login {
    fn read(url: &str) -> Result<Self, String> {
        let keepalive =
            TcpKeepalive::new().with_time(SILENT_PEER_MAX).with_interval(SILENT_PEER_MAX);
        let settings = TcpSettings::default()
            .set_nodelay(true)
            .set_keepalive(keepalive)
            .set_user_timeout(SILENT_PEER_MAX);
        let info = url.into_connection_info().map_err(|error| error.to_string())?;
        Ok(Self(info.set_tcp_settings(settings)))
    }

    /// What connects to `node`.
    pub(super) fn client(&self, node: &Node) -> Result<Client, String> {
        let (Self(info), Node { host, port }) = (self, node.clone());
        let to = match info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(host, port),
        };
        client(info.clone().set_addr(to))
    }
}

fn client(info: ConnectionInfo) -> Result<Client, String> {
    Client::open(info).map_err(|error| error.to_string())
}

/// Where a server listens, as others name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(client: &Client) -> String {
        let info = client.get_connection_info();
        let tls = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        let redis = info.redis_settings();
        let login = (redis.username(), redis.password(), redis.db());
        format!("{} tls={tls} {login:?}", info.addr())
    }

    #[test]
    fn one_server() {
        let Ok(Address::Server(client)) = Address::parse("rediss://u:p%40@h:1/3") else { panic!() };
        assert_eq!(shown(&client), r#"h:1 tls=true (Some("u"), Some("p@"), 3)"#);
    }

    #[test]
    fn sentinels_and_what_they_name() {
        let url = "redis+sentinel://u:p%40@a,[::1]:7,c:9/my-master/2?sentinel_password=s%26";
        let Ok(Address::Sentinel { name, sentinels, login }) = Address::parse(url) else {
            panic!()
        };
        assert_eq!(name, "my-master");
        let expected = [
            r#"a:26379 tls=false (None, Some("s&"), 0)"#,
            r#"::1:7 tls=false (None, Some("s&"), 0)"#,
            r#"c:9 tls=false (None, Some("s&"), 0)"#,
        ];
        assert_eq!(sentinels.iter().map(shown).collect::<Vec<_>>(), expected);
        let node = Node { host: "10.0.0.7".to_owned(), port: 6_380 };
        let master = shown(&login.client(&node).unwrap());
        assert_eq!(master, r#"10.0.0.7:6380 tls=false (Some("u"), Some("p@"), 2)"#);
        let url = "rediss+sentinel://a/m";
        let Ok(Address::Sentinel { sentinels, login, .. }) = Address::parse(url) else { panic!() };
        assert_eq!(shown(&sentinels[0]), "a:26379 tls=true (None, None, 0)");
        assert!(shown(&login.client(&node).unwrap()).contains("tls=true (None, None, 0)"));
    }

    #[test]
    fn nodes_of_a_cluster() {
        let Ok(Address::Cluster { nodes, login }) =
            Address::parse("rediss+cluster://u:p%40@a,[::1]:7")
        else {
            panic!()
        };
        let nodes: Vec<_> = nodes.iter().map(|node| shown(&login.client(node).unwrap())).collect();
        let expected = [
            r#"a:6379 tls=true (Some("u"), Some("p@"), 0)"#,
            r#"::1:7 tls=true (Some("u"), Some("p@"), 0)"#,
        ];
        assert_eq!(nodes, expected);
    }

    #[test]
    fn what_is_no_address_is_told_without_its_password() {
        for (url, why) in [
            ("http://u:hush@h", ""),
            ("redis+other://u:hush@h", ""),
            ("rediss://u:hush@h#insecure", "nothing may follow a `#`"),
            ("redis+sentinel://u:hush@a:1,b:2", "the master's name is missing"),
            ("redis+sentinel://u:hush@a:1,b:x/m", "did not parse"),
            ("redis+sentinel://u:hush@a:1,,b:1/m", "did not parse"),
            ("redis+sentinel://u:hush@a:1/m/x", "database"),
            ("redis+cluster://u:hush@a:1,b:2/1", "no databases"),
            ("redis+cluster://u:hush@a:1,b:2?x=1", "no option `x`"),
            ("redis+cluster://u:hush@a:1,b:99999", "did not parse"),
            ("redis+sentinel://u:hush@a:1/m?password=hush", "no option `password`"),
        ] {
            let told = Address::parse(url).err().unwrap().to_string();
            assert!(told.contains(why) && !told.contains("hush"), "{told}");
        }
    }
}
