//! An ear for the demonstration and the tests: is this pitch in these samples, how loud, in what cadence (Goertzel).

use super::RATE;
use super::g711::FULL_SCALE_DBM0;

/// Power of one frequency in the samples: mean square of the part at `hz`, in squared sample units.
pub fn power_at(samples: &[i16], hz: f64) -> f64 {
    if samples.is_empty() {
        return 0.0;
    }
    let turn = 2.0 * (std::f64::consts::TAU * hz / f64::from(RATE)).cos();
    let (mut s1, mut s2) = (0.0, 0.0);
    for sample in samples {
        let s0 = f64::from(*sample) + turn * s1 - s2;
        (s2, s1) = (s1, s0);
    }
    let count = samples.len() as f64;
    // |X|² · 2 / N²: the mean square of a sine that is there throughout
    (s1 * s1 + s2 * s2 - turn * s1 * s2).max(0.0) * 2.0 / (count * count)
}

/// Mean square of the samples.
pub fn power(samples: &[i16]) -> f64 {
    samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len().max(1) as f64
}

/// Level in dBm0.
pub fn dbm0(samples: &[i16]) -> f64 {
    10.0 * (power(samples) / (32767.0 * 32767.0 / 2.0)).max(1e-12).log10() + FULL_SCALE_DBM0
}

/// Whether `hz` makes up most of the sound, at −30 dBm0 at least.
pub fn hears(samples: &[i16], hz: f64) -> bool {
    dbm0(samples) > -30.0 && power_at(samples, hz) > 0.5 * power(samples)
}

/// Samples of one look of [`bursts`].
const LOOK: usize = 80;

/// Where `hz` starts and stops, as sample positions, to 10 ms.
pub fn bursts(samples: &[i16], hz: f64) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (n, look) in samples.chunks(LOOK).enumerate() {
        if hears(look, hz) {
            let (start, end) = (n * LOOK, n * LOOK + look.len());
            match found.last_mut().filter(|(_, last)| *last == start) {
                Some((_, last)) => *last = end,
                None => found.push((start, end)),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_has_its_power_at_its_own_frequency_only() {
        let sine: Vec<i16> = (0..800).map(|n| ((f64::from(n) * 440.0 / 8000.0 * std::f64::consts::TAU).sin() * 10_000.0) as i16).collect();
        assert!((power_at(&sine, 440.0) / power(&sine) - 1.0).abs() < 0.01);
        assert!(power_at(&sine, 620.0) < power(&sine) / 50.0);
        assert!(hears(&sine, 440.0) && !hears(&sine, 1000.0) && !hears(&[0; 800], 440.0));
        assert_eq!(bursts(&sine, 440.0), vec![(0, 800)]);
    }
}
