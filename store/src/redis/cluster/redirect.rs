//! Where a server of a cluster says that a command belongs.

use redis::{ServerErrorKind, Value};

use crate::redis::{address::Node, link::Answer};

/// Whom to send a command to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) node: Node,
    /// With ASKING before it: its slot is being moved there.
    pub(super) asking: bool,
}

/// Whom to ask after this answer by `asked`, if it isn't one to the command.
pub(super) fn redirect(answer: &Answer, asked: &Target) -> Option<Target> {
    let Ok(Value::ServerError(error)) = answer else { return None };
    let asking = match error.kind()? {
        ServerErrorKind::Moved => false,
        ServerErrorKind::Ask => true,
        // Some of its keys are here and some there, until the slot is moved as a whole.
        ServerErrorKind::TryAgain => return Some(asked.clone()),
        _ => return None,
    };
    let (_slot, address) = error.details()?.split_once(' ')?;
    let (host, port) = address.rsplit_once(':')?;
    // A server that doesn't know its own address leaves the host out.
    let host = if host.is_empty() { &asked.node.host } else { host };
    Some(Target { node: Node { host: host.to_owned(), port: port.parse().ok()? }, asking })
}

/// The answer, unless its server can't answer anything now.
pub(super) fn unless_down(answer: Answer) -> Answer {
    match answer {
        Ok(Value::ServerError(error)) if error.kind() == Some(ServerErrorKind::ClusterDown) => {
            Err(error.to_string())
        }
        answer => answer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(host: &str, port: u16, asking: bool) -> Target {
        Target { node: Node { host: host.to_owned(), port }, asking }
    }

    #[test]
    fn redirects() {
        let asked = target("a", 1, true);
        for (line, expected) in [
            ("MOVED 3999 10.0.0.7:6381", Some(target("10.0.0.7", 6_381, false))),
            ("MOVED 3999 ::1:6381", Some(target("::1", 6_381, false))),
            ("MOVED 3999 :6381", Some(target("a", 6_381, false))),
            ("ASK 3999 b:2", Some(target("b", 2, true))),
            ("TRYAGAIN Multiple keys request during rehashing of slot", Some(asked.clone())),
            ("MOVED 3999 nowhere", None),
            ("OOM command not allowed", None),
        ] {
            let answer = redis::parse_redis_value(format!("-{line}\r\n").as_bytes()).unwrap();
            assert_eq!(redirect(&Ok(answer), &asked), expected, "{line}");
        }
        assert_eq!(redirect(&Ok(Value::Okay), &asked), None);
        assert_eq!(redirect(&Err("MOVED 1 a:1".to_owned()), &asked), None);
    }
}
