//! What the RTP ends saw, counted.

use std::time::Duration;

/// Of times up to 200 ms, in steps of 100 µs.
const STEP: u64 = 100;
const STEPS: usize = 2000;

pub fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

pub struct Spread {
    counts: Vec<u64>,
    longest: u64,
}

impl Default for Spread {
    fn default() -> Spread {
        Spread { counts: vec![0; STEPS], longest: 0 }
    }
}

impl Spread {
    pub fn add(&mut self, micros: u64) {
        let step = usize::try_from(micros / STEP).unwrap_or(STEPS).min(STEPS - 1);
        self.counts[step] += 1;
        self.longest = self.longest.max(micros);
    }

    fn and(mut self, other: Spread) -> Spread {
        self.counts.iter_mut().zip(other.counts).for_each(|(own, more)| *own += more);
        self.longest = self.longest.max(other.longest);
        self
    }

    /// Milliseconds that this share stays below.
    fn at(&self, share: f64) -> f64 {
        let wanted = (self.counts.iter().sum::<u64>() as f64 * share) as u64;
        let mut seen = 0;
        let step = self.counts.iter().position(|count| {
            seen += count;
            seen > wanted
        });
        (step.map_or(0, |step| step as u64 + 1) * STEP) as f64 / 1000.0
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let longest = self.longest as f64 / 1000.0;
        write!(f, "p50 {:.1}, p99 {:.1}, p99.9 {:.1}, longest {longest:.1} ms", self.at(0.5), self.at(0.99), self.at(0.999))
    }
}

#[derive(Default)]
pub struct Tally {
    pub heard: u64,
    /// By the sequence numbers of what was heard.
    pub lost: u64,
    /// Frames that their source sent and that were not passed on, while it was heard.
    pub skipped: u64,
    /// More than 40 ms after the frame before, as the loader saw it; and less its own turn and its sender's lateness.
    pub seen_late: u64,
    pub gaps: u64,
    /// Those of them whose frame came more than 20 ms after the moment at which it is played.
    pub ours_late: u64,
    pub ours_longest: Duration,
    pub gap: Spread,
    pub delay: Spread,
    /// How late the loader itself sent.
    pub send_late: Spread,
    pub unsent: u64,
}

impl Tally {
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            heard: self.heard + other.heard,
            lost: self.lost + other.lost,
            skipped: self.skipped + other.skipped,
            seen_late: self.seen_late + other.seen_late,
            gaps: self.gaps + other.gaps,
            ours_late: self.ours_late + other.ours_late,
            ours_longest: self.ours_longest.max(other.ours_longest),
            gap: self.gap.and(other.gap),
            delay: self.delay.and(other.delay),
            send_late: self.send_late.and(other.send_late),
            unsent: self.unsent + other.unsent,
        }
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "  frames heard           {}, lost {}, not passed on {}", self.heard, self.lost, self.skipped)?;
        let longest = self.ours_longest.as_secs_f64() * 1000.0;
        writeln!(
            f,
            "  late by over 20 ms     {} by the service, of {} gaps of over 40 ms (longest {longest:.1} ms), {} as seen",
            self.ours_late, self.gaps, self.seen_late
        )?;
        writeln!(f, "  between frames         {}", self.gap)?;
        writeln!(f, "  delay of a frame       {}", self.delay)?;
        write!(f, "  the loader sends late  {}; {} not sent", self.send_late, self.unsent)
    }
}
