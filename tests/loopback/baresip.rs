//! baresip as phone 11: it registers, answers by itself and plays a tone; both ends are listened to. Its own keys and its own hold, typed
//! on its console, play a whole double call.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rappel::demo::double_call::{DEAF, becomes, second};
use rappel::demo::scene::Scene;
use rappel::demo::service::{LOOPBACK, phone_password};
use rappel::demo::ua::sound::{A_WHILE, CALLER, MUSIC, PHONE_12, Pitch, SECOND_CALLER};
use rappel::demo::ua::{Call, eventually};
use rappel::media::{FRAME, listen};
use rappel::sip::message::Method;

use crate::stage::{ONE, Process, SOON, TWO, ended_as, only_music, quiet, tool};

const PACKAGE: &str = "baresip-core";
/// What baresip says, in Hz.
const VOICE: Pitch = PHONE_12;
const RATE: u32 = 8000;
/// Three seconds of talk, in frames.
const TALK: usize = 150;
/// baresip starts, and registers again when that fails the first time.
const REGISTERED: Duration = Duration::from_secs(20);
/// How long baresip may run.
const MOST_SECONDS: &str = "60";
const LINE: &str = "[line]\nring = [\"11\"]\nring_seconds = 15\noffer_seconds = 60";
/// On its console: a key is let go by this one.
const LET_GO: u8 = 4;
const HOLD: &[u8] = b"x";
const RESUME: &[u8] = b"X";
/// Its device that says back what it hears stays still after a hold: another one is chosen.
const OTHER_HEADSET: &[u8] = b"/auplay aubridge,other\n/ausrc aubridge,other\n";

/// Where this system keeps baresip's modules.
fn modules() -> Option<PathBuf> {
    let known = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules"];
    known.into_iter().map(PathBuf::from).find(|folder| folder.join("g711.so").is_file())
}

/// A running baresip that is registered as phone 11.
struct Phone {
    process: Process,
    folder: PathBuf,
    console: TcpStream,
}

impl Phone {
    /// `None`: baresip is not installed, which was said.
    fn start(scene: &mut Scene, says: Says) -> Option<Phone> {
        let program = tool("baresip", PACKAGE)?;
        let modules = modules().expect("baresip is there but its modules are not");
        let folder = scene.service.folder().join("baresip");
        fs::create_dir(&folder).unwrap();
        let console = TcpListener::bind((LOOPBACK, 0)).unwrap().local_addr().unwrap();
        configure(&folder, &modules, says, (scene.service.sip, console));
        let process = Process::start(Command::new(program).arg("-f").arg(&folder).args(["-4", "-t", MOST_SECONDS]), &folder.join("log"));
        let client = scene.service.client().unwrap();
        let registered = || {
            let line = client.get("/api/line").map(|answer| answer.json()).unwrap_or_default();
            line["phones"].as_array().is_some_and(|phones| phones.iter().any(|p| p["extension"] == "11" && p["state"] == "idle"))
        };
        assert!(eventually(REGISTERED, registered), "baresip could not register: {}", process.output());
        let console = TcpStream::connect(console).unwrap();
        Some(Phone { process, folder, console })
    }

    /// What a person types.
    fn types(&self, what: &[u8]) {
        (&self.console).write_all(what).unwrap();
    }

    fn presses(&self, key: u8) {
        self.types(&[key]);
        std::thread::sleep(Duration::from_millis(150));
        self.types(&[LET_GO]);
    }

    /// Ends it; the frames that it heard, in order.
    fn heard(&mut self) -> Vec<Vec<i16>> {
        self.process.end();
        let files = fs::read_dir(&self.folder).unwrap().flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = files.filter(|path| path.to_string_lossy().ends_with("-dec.wav")).collect();
        // their names begin with the time
        files.sort();
        let samples = |path| hound::WavReader::open(path).unwrap().into_samples::<i16>().flatten().collect::<Vec<_>>();
        let all: Vec<i16> = files.into_iter().flat_map(samples).collect();
        assert!(all.len() > RATE as usize * 2, "baresip recorded {} samples", all.len());
        all.chunks_exact(FRAME).map(<[i16]>::to_vec).collect()
    }
}

/// What a phone says.
#[derive(Clone, Copy)]
enum Says {
    /// [`VOICE`]; what it hears goes into a file until its first hold.
    Voice,
    /// What it hears.
    Back,
}

/// Its configuration folder: no microphone and no loudspeaker.
fn configure(folder: &Path, modules: &Path, says: Says, (server, console): (SocketAddr, SocketAddr)) {
    let wav = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut voice = hound::WavWriter::create(folder.join("voice.wav"), wav).unwrap();
    for n in 0..RATE * 60 {
        let turn = f64::from(n) * f64::from(VOICE) / f64::from(RATE) * std::f64::consts::TAU;
        voice.write_sample((turn.sin() * 8000.0) as i16).unwrap();
    }
    voice.finalize().unwrap();
    let (loudspeaker, microphone) = match says {
        Says::Voice => ("aubridge,nowhere", format!("aufile,{}", folder.join("voice.wav").display())),
        Says::Back => ("aubridge,mirror", "aubridge,mirror".to_owned()),
    };
    // its RTP sockets are bound to no address: this is the one that the system then gives them
    let (ip, at, modules) = (LOOPBACK, folder.display(), modules.display());
    let config = format!(
        "poll_method epoll\nsip_listen {ip}:0\nnet_interface {ip}\ncall_max_calls 4\naudio_player {loudspeaker}\naudio_source {microphone}\n\
         audio_alert aubridge,nowhere\nausrc_srate {RATE}\nauplay_srate {RATE}\nausrc_channels 1\nauplay_channels 1\nrtp_ports 33000-33998\n\
         snd_path {at}\nmodule_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         module cons.so\ncons_listen {console}\nmodule_tmp account.so\nmodule_app menu.so\n"
    );
    fs::write(folder.join("config"), config).unwrap();
    let account = format!(
        "<sip:11@{server};transport=udp>;auth_user=11;auth_pass={};answermode=auto;regint=60;audio_codecs=PCMA\n",
        phone_password("11")
    );
    fs::write(folder.join("accounts"), account).unwrap();
    fs::write(folder.join("contacts"), "").unwrap();
}

/// A service that phone 11 alone rings for, which is baresip and comes from [`LOOPBACK`].
fn changes() -> String {
    format!("[sip]\nphones = [\"{LOOPBACK}/32\"]\n{LINE}\n")
}

#[test]
fn baresip_registers_answers_and_both_ends_hear_each_other() {
    let mut scene = quiet(&changes());
    let Some(mut phone) = Phone::start(&mut scene, Says::Voice) else { return };
    let caller = scene.caller(ONE).unwrap();
    assert!(caller.wait_up(SOON), "baresip did not answer: {:?} {}", caller.statuses(), phone.process.output());
    assert!(caller.hears(VOICE, SOON), "the caller does not hear baresip: {}", phone.process.output());
    assert_eq!(caller.sound().settles_on(VOICE, TALK), Ok(()), "what the caller hears");
    caller.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
    let frames = phone.heard();
    let share = frames.iter().filter(|frame| listen::hears(frame, f64::from(CALLER))).count() as f64 / frames.len() as f64;
    assert!(share > 0.8, "baresip hears the caller {:.0} % of the time", share * 100.0);
}

/// Most of what each hears, for a while, is that.
#[track_caller]
fn hear(phone: &Phone, expected: [(&str, &Call, Pitch); 2]) {
    for (who, call, pitch) in expected {
        assert_eq!(call.sound().settles_on(pitch, A_WHILE), Ok(()), "what {who} hears: {}", phone.process.output());
    }
}

#[test]
fn baresip_plays_a_whole_double_call_with_its_own_keys_and_hold() {
    let mut scene = only_music(&changes());
    let Some(phone) = Phone::start(&mut scene, Says::Back) else { return };
    // baresip says back what it hears: who hears his own pitch is heard by it and hears it
    let one = scene.caller(ONE).unwrap();
    assert!(one.wait_up(SOON) && one.hears(CALLER, SOON), "call 1 is not connected: {}", phone.process.output());
    let two = second(&scene).unwrap();
    assert!(becomes(&mut scene, Some("waiting")));
    std::thread::sleep(DEAF);
    let (in_second, in_swapped) =
        ([("caller 1", &one, MUSIC), ("caller 2", &two, SECOND_CALLER)], [("caller 1", &one, CALLER), ("caller 2", &two, MUSIC)]);
    phone.presses(b'2');
    hear(&phone, in_second);
    phone.presses(b'2');
    hear(&phone, in_swapped);
    phone.presses(b'2');
    hear(&phone, in_second);
    phone.types(HOLD);
    hear(&phone, [("caller 1", &one, MUSIC), ("caller 2", &two, MUSIC)]);
    assert!(becomes(&mut scene, Some("second")), "its hold ended the double call");
    phone.types(RESUME);
    phone.types(OTHER_HEADSET);
    hear(&phone, in_second);
    phone.presses(b'1');
    assert!(two.wait_ended(SOON), "1 did not end call 2");
    assert!(one.hears(CALLER, SOON), "call 1 does not resume");
    assert!(becomes(&mut scene, None));
    let saved = scene.callback_where(|entry| entry["number"] == "+33639980002");
    assert_eq!((&saved["source"], &saved["state"]), (&"double_call".into(), &"open".into()), "{saved}");
    ended_as(&mut scene, TWO, "answered", Some("promised"));
    one.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
    assert!(scene.callback_where(|entry| entry["number"] == "+33639980001").is_null(), "a call that was answered is no promise");
    assert!(scene.trunk.received(Method::Invite).is_empty(), "a re-INVITE at the trunk");
}
