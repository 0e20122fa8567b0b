//! Prompts and hold music: WAV files of any usual form, decoded once into 8000 Hz mono samples. The built-in ones stand in
//! `dialplan/prompts/`; a folder of the agency's own replaces them file by file. Must not be called on the sound's thread.

use std::collections::HashMap;
use std::f64::consts::{PI, TAU};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::RATE;

/// Longest file taken: ten minutes.
pub const MAX_SECONDS: u32 = 600;
/// Largest file taken, bytes: ten minutes of 48 kHz stereo, 24 bits.
pub const MAX_BYTES: u64 = 180_000_000;
/// Sample rates taken.
pub const RATES: std::ops::RangeInclusive<u32> = 8000..=48_000;

#[derive(rust_embed::RustEmbed)]
#[folder = "dialplan/prompts"]
struct BuiltIn;

#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    #[error("not a WAV file that can be read: {0}")]
    Wav(#[from] hound::Error),
    #[error("{0} Hz: only 8000 to 48000 Hz")]
    Rate(u32),
    #[error("{0} channels: only one or two")]
    Channels(u16),
    #[error("longer than {MAX_SECONDS} s or larger than {MAX_BYTES} bytes")]
    TooLong,
    #[error("no sound in it")]
    Empty,
    #[error("{path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
}

/// All prompts by name ("accueil-occupe"), and the hold music ("musique").
#[derive(Clone, Default)]
pub struct Prompts(HashMap<String, Arc<[i16]>>);

impl Prompts {
    /// The built-in ones. A file that cannot be read is told beside, never fatal.
    pub fn built_in() -> (Prompts, Vec<(String, PromptError)>) {
        let (mut prompts, mut refused) = (Prompts::default(), Vec::new());
        for file in BuiltIn::iter() {
            if let (Some(name), Some(content)) = (file.strip_suffix(".wav"), BuiltIn::get(&file)) {
                prompts.add(name, decode(&content.data), &mut refused);
            }
        }
        (prompts, refused)
    }

    /// The built-in ones, replaced by the WAV files of a folder of the same name where there are any.
    pub fn with_folder(folder: &Path) -> (Prompts, Vec<(String, PromptError)>) {
        let (mut prompts, mut refused) = Prompts::built_in();
        refused.extend(prompts.add_folder(folder));
        (prompts, refused)
    }

    /// The WAV files of a folder take the place of those of the same name.
    pub fn add_folder(&mut self, folder: &Path) -> Vec<(String, PromptError)> {
        let mut refused = Vec::new();
        // no folder: the built-in ones serve
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("wav"))
                && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
            {
                self.add(name, read(&path), &mut refused);
            }
        }
        refused
    }

    pub fn get(&self, name: &str) -> Option<Arc<[i16]>> {
        self.0.get(name).cloned()
    }

    /// Puts samples under a name, in the place of others (a recorded prompt, a configured hold music).
    pub fn set(&mut self, name: &str, samples: Arc<[i16]>) {
        self.0.insert(name.to_owned(), samples);
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn add(&mut self, name: &str, samples: Result<Arc<[i16]>, PromptError>, refused: &mut Vec<(String, PromptError)>) {
        match samples {
            Ok(samples) => self.set(name, samples),
            Err(error) => refused.push((name.to_owned(), error)),
        }
    }
}

/// Reads one WAV file.
pub fn read(path: &Path) -> Result<Arc<[i16]>, PromptError> {
    let wrong = |source| PromptError::File { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(wrong)?.len() > MAX_BYTES {
        return Err(PromptError::TooLong);
    }
    decode(&std::fs::read(path).map_err(wrong)?)
}

/// Decodes a WAV file: PCM of 8 to 32 bits or float, one or two channels, mixed and resampled.
pub fn decode(bytes: &[u8]) -> Result<Arc<[i16]>, PromptError> {
    let reader = hound::WavReader::new(Cursor::new(bytes))?;
    let spec = reader.spec();
    if !RATES.contains(&spec.sample_rate) {
        return Err(PromptError::Rate(spec.sample_rate));
    }
    if !(1..=2).contains(&spec.channels) {
        return Err(PromptError::Channels(spec.channels));
    }
    if reader.duration() > MAX_SECONDS * spec.sample_rate {
        return Err(PromptError::TooLong);
    }
    if spec == OURS {
        return as_it_is(reader);
    }
    let scale = 1.0 / (1u64 << (spec.bits_per_sample.clamp(1, 32) - 1)) as f32;
    let samples: Vec<f32> = match spec.sample_format {
        hound::SampleFormat::Float => reader.into_samples::<f32>().collect::<Result<_, _>>()?,
        hound::SampleFormat::Int => reader.into_samples::<i32>().map(|s| s.map(|s| s as f32 * scale)).collect::<Result<_, _>>()?,
    };
    let channels = usize::from(spec.channels);
    let mono: Vec<f32> = samples.chunks_exact(channels).map(|frame| frame.iter().sum::<f32>() / channels as f32).collect();
    if mono.is_empty() {
        return Err(PromptError::Empty);
    }
    let narrow = if spec.sample_rate == RATE { mono } else { resample(&mono, spec.sample_rate) };
    Ok(narrow.into_iter().map(|sample| (sample * 32768.0).round().clamp(-32768.0, 32767.0) as i16).collect())
}

/// The form of the built-in files: their samples are what is played. To take them one by one through the other path is
/// most of what a start costs.
const OURS: hound::WavSpec =
    hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };

fn as_it_is(reader: hound::WavReader<Cursor<&[u8]>>) -> Result<Arc<[i16]>, PromptError> {
    let count = reader.len() as usize;
    let cursor = reader.into_inner();
    let rest = usize::try_from(cursor.position()).ok().and_then(|from| cursor.get_ref().get(from..)).unwrap_or(&[]);
    let (samples, _) = rest.as_chunks::<2>();
    match samples.get(..count) {
        Some([]) => Err(PromptError::Empty),
        Some(samples) => Ok(samples.iter().map(|sample| i16::from_le_bytes(*sample)).collect()),
        None => Err(PromptError::Wav(hound::Error::FormatError("cut off"))),
    }
}

/// Cut of the low pass, Hz: below the half of 8000.
const CUT: f64 = 3600.0;
/// Zero crossings of the kernel on each side.
const CROSSINGS: f64 = 16.0;
/// Kernel points for each input sample.
const FINE: usize = 32;

/// To 8000 Hz by a windowed sinc. Played over and over the ends meet: positions past one end are silence.
fn resample(samples: &[f32], rate: u32) -> Vec<f32> {
    let (rate, step) = (f64::from(rate), f64::from(rate) / f64::from(RATE));
    let cut = 2.0 * CUT / rate;
    let reach = CROSSINGS / cut;
    let kernel: Vec<f32> = (0..=(reach * FINE as f64) as usize)
        .map(|n| {
            let x = n as f64 / FINE as f64;
            let sinc = if n == 0 { 1.0 } else { (PI * cut * x).sin() / (PI * cut * x) };
            (sinc * cut * (0.5 + 0.5 * (TAU * x / (2.0 * reach)).cos())) as f32
        })
        .collect();
    let count = (samples.len() as f64 / step) as usize;
    (0..count)
        .map(|n| {
            let centre = n as f64 * step;
            let first = (centre - reach).ceil().max(0.0) as usize;
            let last = ((centre + reach) as usize).min(samples.len() - 1);
            let near = samples.get(first..=last).unwrap_or(&[]);
            let weight =
                |k: usize| kernel.get((((first + k) as f64 - centre).abs() * FINE as f64).round() as usize).copied().unwrap_or(0.0);
            near.iter().enumerate().map(|(k, sample)| sample * weight(k)).sum()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::listen::{dbm0, power, power_at};

    fn wav(rate: u32, channels: u16, seconds: f64, hz: f64) -> Vec<u8> {
        let spec = hound::WavSpec { channels, sample_rate: rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..(seconds * f64::from(rate)) as u32 {
            let sample = ((f64::from(n) * hz / f64::from(rate) * TAU).sin() * 10_000.0) as i16;
            (0..channels).for_each(|_| writer.write_sample(sample).unwrap());
        }
        writer.finalize().unwrap();
        bytes.into_inner()
    }

    #[test]
    fn other_rates_and_stereo_become_8000_hz_mono() {
        for (rate, channels) in [(8000, 1), (16_000, 1), (44_100, 2), (48_000, 2), (22_050, 1)] {
            let samples = decode(&wav(rate, channels, 0.5, 1000.0)).unwrap();
            assert!((3990..=4000).contains(&samples.len()), "{}", samples.len());
            let middle = &samples[800..3200];
            assert!(power_at(middle, 1000.0) > 0.98 * power(middle), "{rate}");
            assert!((dbm0(middle) + 7.16).abs() < 0.3, "{rate}: {}", dbm0(middle));
        }
        let alias = decode(&wav(44_100, 1, 0.5, 6000.0)).unwrap();
        assert!(dbm0(&alias[800..3200]) < -50.0, "{}", dbm0(&alias[800..3200]));
    }

    #[test]
    fn a_file_of_our_own_form_is_taken_as_it_is() {
        let bytes = wav(8000, 1, 0.1, 440.0);
        let plain: Vec<i16> = hound::WavReader::new(Cursor::new(&bytes)).unwrap().into_samples().map(Result::unwrap).collect();
        assert_eq!(&*decode(&bytes).unwrap(), plain);
    }

    #[test]
    fn what_is_no_sound_is_refused() {
        assert!(matches!(decode(b"RIFF"), Err(PromptError::Wav(_))));
        assert!(matches!(decode(&wav(96_000, 1, 0.1, 440.0)), Err(PromptError::Rate(96_000))));
        assert!(matches!(decode(&wav(8000, 1, 0.0, 440.0)), Err(PromptError::Empty)));
        let ours = wav(8000, 1, 0.1, 440.0);
        assert!(matches!(decode(&ours[..ours.len() - 1]), Err(PromptError::Wav(_))));
        assert!(matches!(decode(&wav(8000, 3, 0.1, 440.0)), Err(PromptError::Channels(3))));
    }

    #[test]
    fn every_prompt_of_the_list_is_there_and_a_folder_replaces_one() {
        let (prompts, refused) = Prompts::built_in();
        assert!(refused.is_empty(), "{refused:?}");
        let list = include_str!("../../dialplan/prompts/prompts.toml").parse::<toml::Table>().unwrap();
        for name in list["prompts"].as_table().unwrap().keys() {
            assert!(prompts.get(name).is_some_and(|samples| samples.len() > 1600), "{name}");
        }
        assert!(prompts.get("musique").is_some_and(|samples| (20 * 8000..=30 * 8000).contains(&samples.len())));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("heure.wav"), wav(16_000, 1, 0.25, 500.0)).unwrap();
        std::fs::write(folder.path().join("heures.wav"), b"nothing").unwrap();
        let (own, refused) = Prompts::with_folder(folder.path());
        assert_eq!(own.get("heure").unwrap().len(), 2000);
        assert_eq!(own.get("heures"), prompts.get("heures"));
        assert_eq!(refused.len(), 1);
    }
}
