//! Descriptions of a leg's media, and what the relay is told of them. Holds no rule of the line.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use crate::media::command::{Law, Negotiated, Source, SourceRule};
use crate::media::prompt::{self, Prompts};
use crate::media::tone::{Oscillator, Tone};
use crate::sip::sdp::{self, Codec, Description, Direction, OUR_EVENT, Ours};
use crate::switchboard::effect::Sound;
use crate::switchboard::spoken;

use super::legs::LegMedia;

/// Whose offer stands after a request of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offered {
    /// Theirs: an answer is due.
    Theirs,
    /// It brought none: ours is due (RFC 3264 5, delayed offer).
    Ours,
}

/// A request's offer, kept; or none.
pub fn take_offer(media: &mut LegMedia, offer: Option<Description>) -> Offered {
    media.offered = offer.is_none();
    match offer {
        None => Offered::Ours,
        Some(offer) => {
            media.remote = Some(offer);
            Offered::Theirs
        }
    }
}

pub fn our_offer(media: &mut LegMedia) -> Vec<u8> {
    media.version += 1;
    media.offered = true;
    sdp::offer(&ours(media), Direction::SendRecv)
}

/// Our answer to their offer and what it agrees; `None` while there is no offer of theirs. `fresh` counts a new version.
pub fn our_answer(media: &mut LegMedia, source: IpAddr, phone: bool, fresh: bool) -> Option<(Vec<u8>, Negotiated)> {
    if media.offered {
        return None;
    }
    if fresh || media.version == 0 {
        media.version += 1;
    }
    let remote = media.remote.as_ref()?;
    Some((sdp::answer(&ours(media), remote), negotiated(remote, source, phone, remote.telephone_event)))
}

/// Their answer to our offer.
pub fn their_answer(media: &mut LegMedia, source: IpAddr, phone: bool, remote: Description) -> Negotiated {
    let agreed = negotiated(&remote, source, phone, remote.telephone_event.map(|_| OUR_EVENT));
    media.remote = Some(remote);
    media.offered = false;
    agreed
}

/// The peer wants to hear nothing of ours: its hold button.
pub fn holds(remote: &Description) -> bool {
    remote.holds()
}

fn ours(media: &LegMedia) -> Ours {
    Ours { address: media.local, id: media.id, version: media.version }
}

fn negotiated(remote: &Description, source: IpAddr, phone: bool, event_in: Option<u8>) -> Negotiated {
    let to = remote.remote();
    let law = match remote.codec {
        Codec::Pcma => Law::A,
        Codec::Pcmu => Law::Mu,
    };
    let rule = match (to, phone) {
        (Some(sdp), true) => SourceRule::Either { sdp, sip: source },
        (Some(sdp), false) => SourceRule::Address(sdp.ip()),
        (None, _) => SourceRule::Address(source),
    };
    Negotiated {
        law,
        event_out: remote.telephone_event,
        event_in,
        remote: to,
        control: to.and(remote.control),
        send: to.is_some() && matches!(remote.direction, Direction::SendRecv | Direction::RecvOnly),
        receive: matches!(remote.direction, Direction::SendRecv | Direction::SendOnly),
        source: rule,
    }
}

/// From the last sound of a prompt to the first of the next: 285 ms, in samples. Looked at in frames of 20 ms that is never less than 250 nor more than 300.
const PAUSE: usize = 2_280;
/// A file's own silence at its ends: looks of 5 ms with a lower mean square than this (that of an RMS of 60).
const LOOK: usize = 40;
const QUIET: i64 = 60 * 60;

/// "Speak now."
fn signal() -> Arc<[i16]> {
    let tone = Tone::beep();
    let mut samples = vec![0; tone.samples()];
    Oscillator::new(tone).fill(&mut samples);
    samples.into()
}
/// Seconds of music between two words to a caller who is held.
const WORD_EACH: usize = 30;
/// Samples a second.
const RATE: usize = 8000;

/// The sounds of the line, decoded once.
pub struct Sounds {
    prompts: Prompts,
    music: Arc<[i16]>,
    /// Music, and a word each 30 s (RULES 4).
    held: Arc<[i16]>,
    cache: HashMap<&'static str, Arc<[i16]>>,
}

impl Sounds {
    pub fn new(prompts: Prompts, music: Option<Arc<[i16]>>) -> Sounds {
        let music = music.or_else(|| prompts.get("musique")).unwrap_or_else(|| Arc::from([0i16; 160].as_slice()));
        let held = with_word(&music, prompts.get("patienter").as_deref());
        Sounds { prompts, music, held, cache: HashMap::new() }
    }

    /// Until the prompts are read: tones only, silence for the rest.
    pub fn tones_only() -> Sounds {
        Sounds::new(Prompts::default(), None)
    }

    pub fn source(&mut self, sound: &Sound) -> Source {
        match sound {
            Sound::Silence => Source::Silence,
            Sound::Ringback => Source::Tone(Tone::ringback()),
            Sound::Busy => Source::Tone(Tone::busy()),
            Sound::Congestion => Source::Tone(Tone::congestion()),
            Sound::Waiting => Source::Tone(Tone::waiting()),
            Sound::LowTone => Source::Tone(Tone::low_tone()),
            Sound::Beep => Source::Tone(Tone::beep()),
            Sound::Music => Source::Loop(self.music.clone()),
            Sound::HoldMusic => Source::Loop(self.held.clone()),
            Sound::SaidBack { before, clip, after } => {
                let mut parts = self.parts(before);
                parts.extend(prompt::decode(clip.as_bytes()).ok().map(Some));
                parts.extend(self.parts(after));
                spaced(&parts)
            }
            Sound::Prompts(names) => spaced(&self.parts(names)),
        }
    }

    /// That prompt is this WAV from now on.
    pub fn keep(&mut self, name: &'static str, wav: &[u8]) {
        let Ok(samples) = prompt::decode(wav) else { return };
        self.cache.remove(name);
        self.prompts.set(name, samples);
        self.held = with_word(&self.music, self.prompts.get("patienter").as_deref());
    }

    /// What is said; `None` is a pause.
    fn parts(&mut self, names: &[&'static str]) -> Vec<Option<Arc<[i16]>>> {
        names.iter().filter_map(|name| if *name == spoken::PAUSE { Some(None) } else { self.prompt(name).map(Some) }).collect()
    }

    fn prompt(&mut self, name: &'static str) -> Option<Arc<[i16]>> {
        if let Some(known) = self.cache.get(name) {
            return Some(known.clone());
        }
        let samples = match name {
            spoken::SIGNAL => signal(),
            _ => self.prompts.get(name)?,
        };
        self.cache.insert(name, samples.clone());
        Some(samples)
    }
}

/// With pauses that are as long as they are heard, whatever silence the files themselves begin and end with.
fn spaced(parts: &[Option<Arc<[i16]>>]) -> Source {
    let sound = |at: usize| parts.get(at).and_then(Option::as_deref).unwrap_or_default();
    let part = |(at, part): (usize, &Option<Arc<[i16]>>)| {
        part.clone().unwrap_or_else(|| {
            let own = quiet(sound(at.wrapping_sub(1)).rchunks(LOOK)) + quiet(sound(at + 1).chunks(LOOK));
            vec![0; PAUSE.saturating_sub(own)].into()
        })
    };
    Source::Once(parts.iter().enumerate().map(part).collect())
}

/// Samples of silence before the first look that is none; a pause's length at most.
fn quiet<'a>(looks: impl Iterator<Item = &'a [i16]>) -> usize {
    let is_quiet = |look: &&[i16]| {
        let energy: i64 = look.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
        energy < QUIET * look.len() as i64
    };
    looks.take(PAUSE / LOOK).take_while(is_quiet).map(<[i16]>::len).sum()
}

/// The music over and over for 30 s, then the word.
fn with_word(music: &[i16], word: Option<&[i16]>) -> Arc<[i16]> {
    let music = music.iter().copied().cycle().take(if music.is_empty() { 0 } else { WORD_EACH * RATE });
    music.chain(word.unwrap_or_default().iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::FRAME;

    /// Milliseconds of the longest silence, in frames of 20 ms as a peer gets them, the first one cut there.
    fn silence(source: &Source, cut: usize) -> usize {
        let Source::Once(parts) = source else { panic!("{source:?}") };
        let heard: Vec<i16> = parts.iter().flat_map(|part| part.iter()).map(|sample| Law::A.decode(Law::A.encode(*sample))).collect();
        let (mut longest, mut run) = (0, 0);
        for frame in heard[cut..].chunks(FRAME) {
            let energy: i64 = frame.iter().map(|sample| i64::from(*sample) * i64::from(*sample)).sum();
            run = if energy < QUIET * frame.len() as i64 { run + 1 } else { 0 };
            longest = longest.max(run);
        }
        longest * 20
    }

    #[test]
    fn between_two_pairs_of_a_number_250_to_300_ms_of_silence_are_heard() {
        let (prompts, _) = Prompts::built_in();
        let mut sounds = Sounds::new(prompts, None);
        let pairs: Vec<String> = (0..100).map(|n| format!("{n:02}")).collect();
        for (n, first) in pairs.iter().enumerate() {
            for second in [&pairs[(n + 1) % 100], &pairs[(n + 37) % 100], &pairs[n % 10]] {
                let words = spoken::pairs(&format!("{first}{second}"));
                let source = sounds.source(&Sound::Prompts(words));
                for cut in (0..FRAME).step_by(20) {
                    let heard = silence(&source, cut);
                    assert!((250..=300).contains(&heard), "{first} {second} cut at {cut}: {heard} ms");
                }
            }
        }
    }
}
