//! Ports as `EXPOSE` and `--expose` take them.

use std::fmt;

use super::ChangeError;

/// A port of a container: `80/tcp`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// `tcp`, `udp` or `sctp`.
    pub protocol: String,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

/// The ports of `80`, `53/udp` or `8000-8010/tcp`. An address and a port of the
/// host in front, as in `127.0.0.1:80:80`, are passed over as Docker does it:
/// they mean nothing here.
///
/// # Errors
/// If there are none, or a number or protocol is wrong.
pub fn parse_ports(text: &str) -> Result<Vec<Port>, ChangeError> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let ports = ports.rsplit(':').next().unwrap_or(ports);
    let protocol = match protocol {
        "" => "tcp".to_owned(),
        protocol => protocol.to_ascii_lowercase(),
    };
    if ports.is_empty() {
        return Err(ChangeError::NoPort { text: text.into() });
    }
    let bad = || ChangeError::Port { port: ports.into() };
    let number = |text: &str| text.parse::<u16>().map_err(|_| bad());
    let (first, last) = match ports.split_once('-') {
        None => (number(ports)?, number(ports)?),
        Some((first, last)) => (number(first)?, number(last)?),
    };
    if last < first {
        return Err(bad());
    }
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(ChangeError::Protocol { protocol });
    }
    Ok((first..=last).map(|number| Port { number, protocol: protocol.clone() }).collect())
}
