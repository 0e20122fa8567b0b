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

/// Between two prompts: 275 ms, in samples.
const PAUSE: usize = 2_200;

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
                let clip = prompt::decode(clip.as_bytes()).ok();
                let before: Vec<_> = before.iter().filter_map(|n| self.prompt(n)).collect();
                Source::Once(before.into_iter().chain(clip).chain(after.iter().filter_map(|n| self.prompt(n))).collect())
            }
            Sound::Prompts(names) => Source::Once(names.iter().filter_map(|n| self.prompt(n)).collect()),
        }
    }

    /// That prompt is this WAV from now on.
    pub fn keep(&mut self, name: &'static str, wav: &[u8]) {
        let Ok(samples) = prompt::decode(wav) else { return };
        self.cache.remove(name);
        self.prompts.set(name, samples);
        self.held = with_word(&self.music, self.prompts.get("patienter").as_deref());
    }

    fn prompt(&mut self, name: &'static str) -> Option<Arc<[i16]>> {
        if let Some(known) = self.cache.get(name) {
            return Some(known.clone());
        }
        let samples = match name {
            spoken::PAUSE => Arc::from(vec![0; PAUSE]),
            spoken::SIGNAL => signal(),
            _ => self.prompts.get(name)?,
        };
        self.cache.insert(name, samples.clone());
        Some(samples)
    }
}

/// The music over and over for 30 s, then the word.
fn with_word(music: &[i16], word: Option<&[i16]>) -> Arc<[i16]> {
    let music = music.iter().copied().cycle().take(if music.is_empty() { 0 } else { WORD_EACH * RATE });
    music.chain(word.unwrap_or_default().iter().copied()).collect()
}
