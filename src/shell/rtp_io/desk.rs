//! Who has which leg: draws ports, spreads legs over the media threads, and brings two legs that are joined to one thread.
//! Its lock is the callers' alone: a media thread never waits for it.

use std::collections::HashMap;
use std::net::SocketAddr;

use super::engine::Word;
use super::{Busy, NoPort, PortPool};
use crate::domain::call::LegId;
use crate::domain::now::Instant;
use crate::media::command::Command;

/// The callers' side of the threads' queues. Words about one leg go where it is, in the order in which they are said.
pub(super) struct Desk {
    pub pool: PortPool,
    homes: HashMap<LegId, usize>,
    /// Legs of each thread.
    loads: Vec<usize>,
    /// The thread of the last reservation.
    last: usize,
}

impl Desk {
    pub fn new(pool: PortPool, threads: usize) -> Desk {
        Desk { pool, homes: HashMap::new(), loads: vec![0; threads.max(1)], last: 0 }
    }

    /// Binds a pair and gives it to the thread with the fewest legs, or to the last one while it has one more only: the two legs of a call are
    /// mostly reserved one after the other, and where they are together none has to move.
    pub fn reserve(&mut self, now: Instant, leg: LegId, say: impl FnOnce(usize, Word) -> Result<(), Busy>) -> Result<SocketAddr, NoPort> {
        let (port, pair, address) = self.pool.take(now).ok_or(NoPort::Exhausted)?;
        let (least, fewest) = self.loads.iter().copied().enumerate().min_by_key(|(_, legs)| *legs).unwrap_or_default();
        let thread = if self.legs_on(self.last) <= fewest + 1 { self.last } else { least };
        // reserved twice: where the first pair is, so that it is closed there
        let thread = self.homes.get(&leg).copied().unwrap_or(thread);
        if say(thread, Word::Opened { leg, port, pair }).is_err() {
            self.pool.give_back(now, port);
            return Err(NoPort::Busy);
        }
        self.last = thread;
        self.settle(leg, Some(thread));
        Ok(address)
    }

    /// Says a command where its legs are. Of a leg that is not open it is nothing.
    pub fn command(&mut self, command: &Command, mut say: impl FnMut(usize, Word) -> Result<(), Busy>) -> Result<(), Busy> {
        let [one, other] = legs_of(command);
        let home = |leg: Option<LegId>| leg.map(|leg| self.homes.get(&leg).copied());
        let thread = match (home(one), home(other)) {
            (None | Some(None), _) | (_, Some(None)) => return Ok(()),
            (Some(Some(thread)), None) => thread,
            (Some(Some(first)), Some(Some(second))) => {
                let (leg, from, to) =
                    if self.legs_on(first) > self.legs_on(second) { (one, first, second) } else { (other, second, first) };
                if let Some(leg) = leg.filter(|_| from != to) {
                    say(from, Word::Move { leg, to })?;
                    self.settle(leg, Some(to));
                }
                to
            }
        };
        say(thread, Word::Command(command.clone()))?;
        if let Command::Close(leg) = command {
            self.settle(*leg, None);
        }
        Ok(())
    }

    fn legs_on(&self, thread: usize) -> usize {
        self.loads.get(thread).copied().unwrap_or_default()
    }

    /// The leg is on that thread from now on, or nowhere.
    fn settle(&mut self, leg: LegId, thread: Option<usize>) {
        let before = match thread {
            Some(thread) => self.homes.insert(leg, thread),
            None => self.homes.remove(&leg),
        };
        if let Some(legs) = before.and_then(|before| self.loads.get_mut(before)) {
            *legs = legs.saturating_sub(1);
        }
        if let Some(legs) = thread.and_then(|thread| self.loads.get_mut(thread)) {
            *legs += 1;
        }
    }
}

/// The legs that must be on the thread which does it. `Open` is the shell's own.
pub(super) fn legs_of(command: &Command) -> [Option<LegId>; 2] {
    match command {
        Command::Open { .. } => [None, None],
        Command::Join(one, other) => [Some(*one), Some(*other)],
        Command::Negotiated { leg, .. }
        | Command::Play(leg, _)
        | Command::Overlay(leg, _)
        | Command::Keys(leg, _)
        | Command::Listen(leg, _)
        | Command::StopListening(leg)
        | Command::Close(leg) => [Some(*leg), None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Seeded;
    use crate::shell::rtp_io::PortRange;

    fn desk(first: u16) -> Desk {
        let range = PortRange { first, last: first + 19 };
        Desk::new(PortPool::new("127.0.0.1".parse().unwrap(), range, Box::new(Seeded(3))), 2)
    }

    /// What was said, in short.
    fn heard(desk: &mut Desk, command: Command) -> Vec<(usize, String)> {
        let mut heard = Vec::new();
        let said = desk.command(&command, |thread, word| {
            heard.push((
                thread,
                match word {
                    Word::Move { leg, to } => format!("move {} to {to}", leg.0),
                    Word::Command(command) => format!("{command:?}"),
                    Word::Opened { .. } | Word::Stop => unreachable!(),
                },
            ));
            Ok(())
        });
        assert!(said.is_ok());
        heard
    }

    #[test]
    fn legs_are_spread_and_two_that_are_joined_come_to_one_thread() {
        let mut desk = desk(28_020);
        for (leg, thread) in [(1, 0), (2, 0), (3, 1)] {
            let mut given = None;
            let say = |to, _| {
                given = Some(to);
                Ok(())
            };
            assert!(desk.reserve(Instant(1), LegId(leg), say).is_ok());
            assert_eq!(given, Some(thread));
        }
        let join = |one, other| Command::Join(LegId(one), LegId(other));
        // from the thread that has more
        let said = heard(&mut desk, join(1, 3));
        assert_eq!(said, [(0, "move 1 to 1".to_owned()), (1, "Join(LegId(1), LegId(3))".to_owned())]);
        assert_eq!(heard(&mut desk, join(3, 1)), [(1, "Join(LegId(3), LegId(1))".to_owned())]);
        assert_eq!(heard(&mut desk, join(3, 9)), []);
        assert_eq!(heard(&mut desk, Command::Close(LegId(1))), [(1, "Close(LegId(1))".to_owned())]);
        assert_eq!(heard(&mut desk, Command::Close(LegId(1))), []);
        assert_eq!(desk.loads, [1, 1]);
    }

    #[test]
    fn a_full_queue_changes_nothing_that_a_second_try_does_not_mend() {
        let mut desk = desk(28_040);
        for leg in [1, 2, 3] {
            assert!(desk.reserve(Instant(1), LegId(leg), |_, _| Ok(())).is_ok());
        }
        assert!(matches!(desk.reserve(Instant(1), LegId(4), |_, _| Err(Busy)), Err(NoPort::Busy)));
        assert_eq!(desk.pool.free(), 7);
        let join = || Command::Join(LegId(1), LegId(3));
        let mut room = 1;
        let said = desk.command(&join(), |_, _| {
            room -= 1;
            if room < 0 { Err(Busy) } else { Ok(()) }
        });
        assert!(said.is_err());
        // moved already: only the command itself is said again
        assert_eq!(heard(&mut desk, join()), [(1, "Join(LegId(1), LegId(3))".to_owned())]);
        assert!(desk.command(&Command::Close(LegId(1)), |_, _| Err(Busy)).is_err());
        assert_eq!(heard(&mut desk, Command::Close(LegId(1))).len(), 1);
    }
}
