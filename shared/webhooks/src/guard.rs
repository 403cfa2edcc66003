//! Which addresses may be called. A tenant chooses its endpoint, so without this its deliveries would reach whatever we
//! can reach: the metadata of our machines, our own network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Which addresses may be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Whether this machine itself may be called, and in clear: on a developer's machine, where receivers run beside us.
    pub allow_loopback: bool,
}

impl Guard {
    /// Whether an address may be called, over TLS or in clear. In clear only this machine may be.
    pub fn allows(self, address: IpAddr, over_tls: bool) -> bool {
        if address.to_canonical().is_loopback() {
            return self.allow_loopback;
        }
        over_tls && is_public(address)
    }
}

/// Whether an address is one of the public internet, as far as the registries of special addresses tell (RFC 6890 and
/// what came after it).
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = match address.octets() {
        // This network; private; this machine; multicast and what comes after it, broadcast included.
        [0 | 10 | 127 | 224.., ..]
        // Link-local, where clouds keep the metadata of machines; private.
        | [169, 254, ..] | [192, 168, ..]
        // Protocol assignments, documentation, the relays that 6to4 had.
        | [192, 0, 0 | 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => true,
        // Private; shared by carriers; benchmarks.
        [172, second, ..] => (16..32).contains(&second),
        [100, second, ..] => (64..128).contains(&second),
        [198, second, ..] => second == 18 || second == 19,
        _ => false,
    };
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    match parts {
        // What stands for an IPv4 address is as public as that one: NAT64, and 6to4.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(v4(high, low)),
        // `::`, this machine, and IPv4 mapped or compatible.
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => high != 0 && is_public_v4(v4(high, low)),
        // Protocol assignments with Teredo; documentation.
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x3fff, second, ..] => second >= 0x1000,
        // All public addresses are in one eighth so far. Local, link-local, multicast and discarded ones are not.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn private_and_special_addresses_are_refused_to_their_borders() {
        for text in [
            "0.0.0.0",
            "0.255.255.255",
            "10.0.0.0",
            "10.255.255.255",
            "100.64.0.0",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.255",
            "169.254.0.0",
            "169.254.169.254",
            "172.16.0.0",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.0",
            "192.168.255.255",
            "198.18.0.0",
            "198.19.255.255",
            "198.51.100.7",
            "203.0.113.7",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::10.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::808:808",
            "2002:a00:1::",
            "2002:7f00:1::1",
            "100::1",
            "fc00::1",
            "fdff::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "3fff::1",
            "5f00::1",
        ] {
            assert!(!is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn their_public_neighbours_may_be_called() {
        for text in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.0.3.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "198.51.99.255",
            "203.0.114.0",
            "223.255.255.255",
            "2606:4700::1111",
            "2001:200::1",
            "2a00:1450::1",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
            "2002:101:101::1",
        ] {
            assert!(is_public(ip(text)), "{text}");
        }
    }

    #[test]
    fn this_machine_is_called_only_where_a_setting_allows_it_and_nobody_else_in_clear() {
        let (local, deployed) = (Guard { allow_loopback: true }, Guard { allow_loopback: false });
        for machine in ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1"] {
            assert!(local.allows(ip(machine), false) && local.allows(ip(machine), true), "{machine}");
            assert!(!deployed.allows(ip(machine), false) && !deployed.allows(ip(machine), true), "{machine}");
        }
        for guard in [local, deployed] {
            assert!(guard.allows(ip("1.1.1.1"), true) && !guard.allows(ip("1.1.1.1"), false));
            assert!(!guard.allows(ip("10.0.0.1"), true) && !guard.allows(ip("169.254.169.254"), true));
        }
    }

    proptest! {
        /// However an IPv4 address is dressed up, it is judged by itself.
        #[test]
        fn an_embedded_address_is_as_public_as_itself(bits in any::<u32>()) {
            let address = Ipv4Addr::from(bits);
            let public = is_public(IpAddr::V4(address));
            let [a, b, c, d] = address.octets();
            let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));

            let mapped = IpAddr::V6(address.to_ipv6_mapped());
            prop_assert_eq!(is_public(mapped), public);
            prop_assert_eq!(is_public(IpAddr::V6(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low))), public);
            prop_assert_eq!(is_public(IpAddr::V6(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1))), public);
        }
    }
}
