//! SIP messages as a capture file that tcpdump and Wireshark read: classic pcap with nanoseconds, raw IP (link type 101). Every message becomes one UDP
//! datagram, TCP ones too: a stream's sequence numbers were never seen, and its Via still says what it was.

use std::net::{IpAddr, SocketAddr};

use crate::domain::ladder::Rung;

/// pcap with times in nanoseconds, little endian.
const MAGIC: u32 = 0xa1b2_3c4d;
const VERSION: [u16; 2] = [2, 4];
/// LINKTYPE_RAW: an IP header comes first.
const RAW_IP: u32 = 101;
const MAX_PACKET: u32 = 65_535;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
const HOPS: u8 = 64;

/// The file's bytes.
pub fn write(rungs: &[Rung]) -> Vec<u8> {
    let mut file = Vec::new();
    file.extend(MAGIC.to_le_bytes());
    VERSION.iter().for_each(|part| file.extend(part.to_le_bytes()));
    // no time zone, no accuracy
    file.extend([0; 8]);
    file.extend(MAX_PACKET.to_le_bytes());
    file.extend(RAW_IP.to_le_bytes());
    for rung in rungs {
        let (from, to) = if rung.sent { (rung.local, rung.remote) } else { (rung.remote, rung.local) };
        let packet = packet(from, to, &rung.bytes);
        let seconds = u32::try_from(rung.at.timestamp()).unwrap_or(0);
        let length = u32::try_from(packet.len()).unwrap_or(0);
        [seconds, rung.at.timestamp_subsec_nanos().min(999_999_999), length, length]
            .iter()
            .for_each(|word| file.extend(word.to_le_bytes()));
        file.extend(packet);
    }
    file
}

/// An IP packet with one UDP datagram. Messages are far shorter than what its length can say (`trace` cuts them).
fn packet(from: SocketAddr, to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(UDP_HEADER + message.len()).unwrap_or(u16::MAX);
    let mut udp = Vec::with_capacity(UDP_HEADER + message.len());
    [from.port(), to.port(), length, 0].iter().for_each(|word| udp.extend(word.to_be_bytes()));
    udp.extend(message);
    let (mut head, addresses) = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let mut head = vec![0x45, 0];
            head.extend(length.saturating_add(20).to_be_bytes());
            head.extend([0, 0, 0, 0, HOPS, UDP, 0, 0]);
            let addresses = [from.octets(), to.octets()].concat();
            head.extend(&addresses);
            let sum = checksum(&[&head]);
            head.get_mut(10..12).into_iter().for_each(|field| field.copy_from_slice(&sum));
            (head, addresses)
        }
        (from, to) => {
            let six = |ip: IpAddr| match ip {
                IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
                IpAddr::V6(v6) => v6.octets(),
            };
            let mut head = vec![0x60, 0, 0, 0];
            head.extend(length.to_be_bytes());
            head.extend([UDP, HOPS]);
            let addresses = [six(from), six(to)].concat();
            head.extend(&addresses);
            (head, addresses)
        }
    };
    let sum = match checksum(&[&addresses, &[0, UDP], &length.to_be_bytes(), &udp]) {
        // 0 would say that there is none (RFC 768)
        [0, 0] => [0xff, 0xff],
        sum => sum,
    };
    udp.get_mut(6..8).into_iter().for_each(|field| field.copy_from_slice(&sum));
    head.extend(udp);
    head
}

/// The Internet checksum (RFC 1071) over parts of even length; the last one may be odd.
fn checksum(parts: &[&[u8]]) -> [u8; 2] {
    let words = parts.iter().flat_map(|part| part.chunks(2)).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high] => u32::from(*high) << 8,
        _ => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::DateTime;

    fn rung(local: &str, remote: &str, sent: bool, bytes: &[u8]) -> Rung {
        Rung {
            at: DateTime::from_timestamp(1_700_000_000, 123_456_789).unwrap(),
            sent,
            transport: "udp".into(),
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            dialog: 0,
            start: String::new(),
            cseq: String::new(),
            bytes: bytes.to_vec(),
        }
    }

    /// What is summed with its own checksum gives nothing.
    fn sums_up(parts: &[&[u8]]) -> bool {
        checksum(parts) == [0, 0]
    }

    #[test]
    fn a_file_of_two_messages_has_every_field_in_its_place() {
        let file = write(&[
            rung("192.0.2.1:5060", "192.0.2.7:5062", true, b"OPTIONS x\r\n"),
            rung("192.0.2.1:5060", "192.0.2.7:5062", false, b"ok"),
        ]);
        assert_eq!(&file[..4], &[0x4d, 0x3c, 0xb2, 0xa1]);
        assert_eq!(&file[20..24], &101u32.to_le_bytes());
        let (head, first) = file[24..].split_at(16);
        assert_eq!(head, [1_700_000_000u32, 123_456_789, 39, 39].map(u32::to_le_bytes).concat());
        let (ip, udp) = first[..39].split_at(20);
        assert!(sums_up(&[ip]) && sums_up(&[&ip[12..20], &[0, 17, 0, 19], udp]), "checksums");
        assert_eq!((&ip[12..16], &ip[16..20], &ip[2..4]), (&[192, 0, 2, 1][..], &[192, 0, 2, 7][..], &[0, 39][..]));
        assert_eq!((&udp[..4], &udp[8..]), (&[0x13, 0xc4, 0x13, 0xc6][..], &b"OPTIONS x\r\n"[..]));
        let second = &first[39..];
        assert_eq!((&second[16 + 12..16 + 16], &second[16 + 28..]), (&[192, 0, 2, 7][..], &b"ok"[..]), "received: from the peer");
    }

    #[test]
    fn ipv6_has_its_own_header() {
        let file = write(&[rung("[2001:db8::1]:5060", "[2001:db8::2]:5060", true, b"odd")]);
        let (ip, udp) = file[40..].split_at(40);
        assert_eq!((ip[0], ip[6], &ip[4..6], udp.len()), (0x60, 17, &[0, 11][..], 11));
        assert!(sums_up(&[&ip[8..], &[0, 17, 0, 11], udp]));
    }
}
