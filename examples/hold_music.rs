//! Makes the hold music: a gentle loop of 24 s, four chords twice, plucked notes whose tails run over the seam. Ours, from
//! nothing but arithmetic. `cargo run --example hold_music -- dialplan/prompts/musique.wav`

use std::f64::consts::TAU;

const RATE: f64 = 8000.0;
/// Eight bars of 3 s.
const BAR: f64 = 3.0;
/// Semitones from A4 (440 Hz): C major, A minor, F major, G sixth, kept between 260 and 1050 Hz.
const CHORDS: [[i32; 4]; 4] = [[-9, -5, -2, 3], [-12, -9, -5, 0], [-9, -4, 0, 3], [-10, -7, -2, 0]];
/// The order in which a bar's notes are plucked, in eighths of it.
const PATTERNS: [[usize; 8]; 2] = [[0, 2, 1, 3, 2, 1, 3, 2], [0, 1, 2, 3, 2, 3, 1, 2]];

fn pluck(track: &mut [f64], start: f64, semitone: i32, loud: f64, lasts: f64) {
    let hz = 440.0 * 2f64.powf(f64::from(semitone) / 12.0);
    let length = track.len();
    for n in 0..(lasts * RATE) as usize {
        let t = n as f64 / RATE;
        let swell = (t / 0.02).min(1.0) * (-3.0 * t / lasts).exp() * (1.0 - t / lasts);
        let voice = (TAU * hz * t).sin() + 0.25 * (TAU * 2.0 * hz * t).sin() * (-4.0 * t).exp();
        // the tail of the last bar sounds at the start: the loop has no seam
        track[((start * RATE) as usize + n) % length] += loud * swell * voice;
    }
}

fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "musique.wav".to_owned());
    let mut track = vec![0.0; (8.0 * BAR * RATE) as usize];
    for bar in 0..8 {
        let chord = CHORDS[bar % 4];
        let start = bar as f64 * BAR;
        chord.iter().for_each(|note| pluck(&mut track, start, *note, 0.25, 2.0 * BAR));
        for (eighth, note) in PATTERNS[bar / 4].iter().enumerate() {
            pluck(&mut track, start + eighth as f64 * BAR / 8.0, chord[*note], if eighth == 0 { 0.9 } else { 0.6 }, 1.8);
        }
    }
    let peak = track.iter().fold(0f64, |peak, sample| peak.max(sample.abs()));
    let spec = hound::WavSpec { channels: 1, sample_rate: 8000, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in track {
        // −10 dBFS at its loudest: under a voice
        writer.write_sample((sample / peak * 10_000.0) as i16)?;
    }
    Ok(writer.finalize()?)
}
