//! More than one thread: a leg that moves to another relay goes on as if nothing had been, and under load, with partners
//! exchanged all the time, nobody hears a packet twice or one that was overtaken.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rappel::domain::call::LegId;
use rappel::media::command::{Command, Law};

use crate::io::{phone, start, tell, with};
use crate::rig::{A, B, Rig, packet};

#[test]
fn a_leg_that_moves_to_another_relay_goes_on_with_its_line_and_its_source() {
    let (mut one, mut two) = (Rig::joined(Law::A, Law::A), Rig::new(Law::A, Law::A));
    [A, B].into_iter().for_each(|leg| two.tell(Command::Close(leg)));
    one.speak(0, 1, 5, 0x11);
    let before = one.sent.iter().rfind(|sent| sent.port == 1).unwrap().header;
    let free = two.relay.take(two.now, B);
    assert!(free.is_none());
    let moving = one.relay.take(one.now, B).unwrap();
    assert!(one.relay.take(one.now, B).is_none());
    two.now = one.now;
    two.relay.put(moving);
    // the one that stays hears silence, and nothing of the one that left
    one.sent.clear();
    one.hear(1, &packet(8, 1, 160, &[0x22; 160]));
    one.pass(100);
    assert!(!one.sent.is_empty() && one.sent.iter().all(|sent| sent.port == 0 && sent.payload[0] == 0xd5));
    let moving = one.relay.take(one.now, A).unwrap();
    two.relay.put(moving);
    two.now = one.now;
    two.tell(Command::Join(A, B));
    two.speak(0, 11, 3, 0x33);
    let after: Vec<_> = two.sent.iter().filter(|sent| sent.port == 1).collect();
    assert_eq!(after.len(), 3);
    assert!(after[0].header.marker);
    for (n, sent) in (1..).zip(after) {
        assert_eq!((sent.header.ssrc, sent.header.sequence), (before.ssrc, before.sequence.wrapping_add(n)));
        assert_eq!(sent.payload, [0x33; 160]);
    }
}

const LEGS: usize = 16;
const ROUNDS: u16 = 240;
/// Of each packet: 40 samples, 5 ms.
const PACKET: usize = 40;
const PACE: Duration = Duration::from_millis(5);
/// The first byte of what a phone sent, as no silence has it.
const SPOKEN: u8 = 0x77;

/// What one phone heard so far.
#[derive(Default)]
struct Heard {
    sequence: Option<u16>,
    /// The last packet of each other phone.
    from: HashMap<u8, u16>,
    spoken: usize,
}

impl Heard {
    fn take(&mut self, phone: &UdpSocket, ours: SocketAddr) {
        let mut buffer = [0; 2000];
        while let Ok((length, from)) = phone.recv_from(&mut buffer) {
            if from != ours {
                // its control reports
                continue;
            }
            let sequence = u16::from_be_bytes([buffer[2], buffer[3]]);
            if let Some(last) = self.sequence.replace(sequence) {
                assert!(sequence.wrapping_sub(last) as i16 > 0, "{sequence} after {last}");
            }
            if length == 12 + PACKET && buffer[12] == SPOKEN {
                let count = u16::from_be_bytes([buffer[14], buffer[15]]);
                let last = self.from.insert(buffer[13], count);
                assert!(last.is_none_or(|last| last < count), "{count} after {last:?}");
                self.spoken += 1;
            }
        }
    }
}

#[test]
fn two_threads_double_nothing_and_let_nothing_overtake() {
    let (io, _reports) = start("28120-28199", 2);
    let phones: Vec<UdpSocket> = (0..LEGS).map(|_| phone()).collect();
    let ours: Vec<SocketAddr> = (0..LEGS).map(|n| io.reserve(LegId(n as u64)).unwrap()).collect();
    for (n, phone) in (0..).zip(&phones) {
        phone.set_nonblocking(true).unwrap();
        tell(&io, Command::Negotiated { leg: LegId(n), with: with(phone.local_addr().unwrap()) });
    }
    let mut heard: Vec<Heard> = (0..LEGS).map(|_| Heard::default()).collect();
    let mut next = std::time::Instant::now();
    for round in 0..ROUNDS {
        if round % 30 == 0 {
            // each time with another: 0-1, 2-3; then 0-2, 1-3; then 0-4 …
            let apart = 1 << (round / 30 % 4);
            for n in (0..LEGS as u64).filter(|n| n & apart == 0) {
                tell(&io, Command::Join(LegId(n), LegId(n | apart)));
            }
        }
        for (n, (phone, ours)) in phones.iter().zip(&ours).enumerate() {
            let mut payload = [0x11; PACKET];
            payload[..2].copy_from_slice(&[SPOKEN, n as u8]);
            payload[2..4].copy_from_slice(&round.to_be_bytes());
            phone.send_to(&packet(8, round, u32::from(round) * PACKET as u32, &payload), ours).unwrap();
        }
        // one that is late goes on from there: what came in a burst would be thrown away
        next = (next + PACE).max(std::time::Instant::now());
        std::thread::sleep(next.saturating_duration_since(std::time::Instant::now()));
        heard.iter_mut().zip(&phones).zip(&ours).for_each(|((heard, phone), ours)| heard.take(phone, *ours));
    }
    for (n, heard) in heard.iter().enumerate() {
        assert_eq!(heard.from.len(), 4, "phone {n} was joined with four others");
        assert!(heard.spoken > usize::from(ROUNDS) / 2, "phone {n} heard only {} packets", heard.spoken);
    }
    (0..LEGS as u64).for_each(|n| tell(&io, Command::Close(LegId(n))));
    io.stop();
}
