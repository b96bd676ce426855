//! Where a pool is, as users and pools write it.

use std::fmt::{self, Display, Formatter};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name, or an IP address without brackets.
    host: String,
    port: u16,
}

/// Why a text is no address of a pool. Nothing is shown of a user or a password in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AddressError {
    #[error("the address has a user or a password in it: give them by --user and --pass")]
    UserInfo,
    #[error(
        "{scheme}:// is an encrypted connection, which this example does not speak: give the pool's \
         port without encryption, as in stratum+tcp://HOST:PORT, or a tunnel's (as of stunnel) on \
         this machine"
    )]
    Encrypted { scheme: String },
    #[error(
        "{scheme}:// is not Stratum V1 over TCP: expected HOST:PORT or stratum+tcp://HOST:PORT"
    )]
    Scheme { scheme: String },
    #[error("{text:?} has no host or no port: expected HOST:PORT, as in 127.0.0.1:23334")]
    Incomplete { text: String },
    #[error("{port:?} is no port: expected a number from 1 to 65535")]
    Port { port: String },
    #[error("{host:?} is no host: an address of IPv6 stands in brackets, as in [::1]:23334")]
    Host { host: String },
    #[error("{path:?} behind the port: expected HOST:PORT and nothing else")]
    Path { path: String },
}

impl Address {
    /// Whether this is the machine that the miner runs on.
    pub(crate) fn is_here(&self) -> bool {
        matches!(self.host.as_str(), "127.0.0.1" | "::1" | "localhost")
    }

    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Another port of the same host.
    pub(crate) fn at_port(&self, port: u16) -> Self {
        Self { port, ..self.clone() }
    }

    /// Whether a pool that answers as `peer` means itself by `host`. Names are not looked up: who
    /// answers for them is anybody's word.
    pub(crate) fn is_same_host(&self, host: &str, peer: IpAddr) -> bool {
        let host = host.trim().trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
        host.eq_ignore_ascii_case(self.host.trim_end_matches('.'))
            || host.parse() == Ok(peer)
            || host.eq_ignore_ascii_case("localhost") && peer.is_loopback()
    }

    /// All that the host's name stands for.
    pub(crate) fn look_up(&self) -> io::Result<impl Iterator<Item = SocketAddr>> {
        (self.host.as_str(), self.port).to_socket_addrs()
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.contains('@') {
            return Err(AddressError::UserInfo);
        }
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
                "stratum+tcp" | "stratum" | "tcp" => rest,
                scheme => return Err(other_scheme(scheme)),
            },
        };
        let incomplete = || AddressError::Incomplete { text: rest.to_owned() };
        let (place, path) = rest.split_at(rest.find(['/', '#', '?']).unwrap_or(rest.len()));
        // Other miners want to be told by this to ask for extra nonces; this one asks always.
        if !matches!(path.strip_prefix('/').unwrap_or(path), "" | "#xnsub") {
            return Err(AddressError::Path { path: path.to_owned() });
        }
        let (host, port) = place.rsplit_once(':').ok_or_else(incomplete)?;
        if host.is_empty() || port.is_empty() {
            return Err(incomplete());
        }
        let number = port.parse().ok().filter(|&port| port != 0);
        let port = number.ok_or_else(|| AddressError::Port { port: port.to_owned() })?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        if bare.unwrap_or(host).contains(['[', ']'])
            || host.contains(char::is_whitespace)
            || bare.is_none() && host.contains(':')
        {
            return Err(AddressError::Host { host: host.to_owned() });
        }
        Ok(Self { host: bare.unwrap_or(host).to_owned(), port })
    }
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

fn other_scheme(scheme: &str) -> AddressError {
    let scheme = scheme.to_owned();
    let encrypted = ["ssl", "tls", "https", "wss", "stratums"];
    if encrypted.iter().any(|word| scheme.contains(word)) {
        AddressError::Encrypted { scheme }
    } else {
        AddressError::Scheme { scheme }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        text.parse::<Address>().unwrap().to_string()
    }

    fn error(text: &str) -> AddressError {
        text.parse::<Address>().unwrap_err()
    }

    #[test]
    fn addresses_are_taken_with_and_without_the_scheme_of_other_miners() {
        for text in [
            "pool.example:3333",
            "stratum+tcp://pool.example:3333",
            "STRATUM+TCP://pool.example:3333/",
            "tcp://pool.example:3333",
            " stratum+tcp://pool.example:3333/#xnsub ",
            "stratum+tcp://pool.example:3333#xnsub",
        ] {
            assert_eq!(shown(text), "pool.example:3333", "{text}");
        }
        assert_eq!(shown("stratum+tcp://[::1]:3333"), "[::1]:3333");
        assert!("[::1]:1".parse::<Address>().unwrap().is_here());
        assert!(!"127.0.0.1.example.org:1".parse::<Address>().unwrap().is_here());
    }

    #[test]
    fn encryption_is_named_as_what_is_missing() {
        for scheme in ["ssl", "stratum+ssl", "tls", "stratum+tls", "stratums", "https", "SSL"] {
            let error = error(&format!("{scheme}://pool.example:443"));
            let scheme = scheme.to_ascii_lowercase();
            assert_eq!(error, AddressError::Encrypted { scheme });
            assert!(error.to_string().contains("without encryption"), "{error}");
        }
        assert!(matches!(error("stratum2+tcp://h:1"), AddressError::Scheme { .. }));
        assert!(matches!(error("http://h:1"), AddressError::Scheme { .. }));
    }

    #[test]
    fn what_is_no_address_is_named() {
        for text in ["", "pool.example", ":3333", "pool.example:", "stratum+tcp://", "[::1]"] {
            let incomplete = matches!(
                error(text),
                AddressError::Incomplete { .. }
                    | AddressError::Host { .. }
                    | AddressError::Port { .. }
            );
            assert!(incomplete, "{text}: {}", error(text));
        }
        for port in ["0", "65536", "-1", "http", "3333x"] {
            let error = error(&format!("h:{port}"));
            assert_eq!(error, AddressError::Port { port: port.to_owned() });
        }
        assert!(matches!(error("::1:3333"), AddressError::Host { .. }));
        assert!(matches!(error("two hosts:3333"), AddressError::Host { .. }));
        assert!(matches!(error("h:3333/worker"), AddressError::Path { .. }));
    }

    #[test]
    fn passwords_in_an_address_are_not_shown() {
        for text in ["stratum+tcp://me:hunter2@h:1", "me:hunter2@h:1", "ssl://me:hunter2@h"] {
            assert_eq!(error(text), AddressError::UserInfo, "{text}");
            assert!(!error(text).to_string().contains("hunter2"));
        }
    }

    #[test]
    fn only_the_same_host_is_the_same() {
        let address: Address = "Pool.example:3333".parse().unwrap();
        let peer = "192.0.2.7".parse().unwrap();
        for host in ["pool.example", "POOL.EXAMPLE.", "192.0.2.7"] {
            assert!(address.is_same_host(host, peer), "{host}");
        }
        for host in
            ["eu.pool.example", "pool.example.org", "192.0.2.8", "localhost", "127.0.0.1", ""]
        {
            assert!(!address.is_same_host(host, peer), "{host}");
        }
        let here: Address = "127.0.0.1:3333".parse().unwrap();
        assert!(here.is_same_host("localhost", "127.0.0.1".parse().unwrap()));
        assert_eq!(here.at_port(4).to_string(), "127.0.0.1:4");
    }
}
