//! baresip as phone 11: it registers, answers by itself and plays a tone; both ends are listened to.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rappel::demo::service::{LOOPBACK, phone_password};
use rappel::demo::ua::eventually;
use rappel::demo::ua::sound::{CALLER, PHONE_12};
use rappel::media::listen;

use crate::stage::{ONE, Process, SOON, ended_as, quiet, tool};

const PACKAGE: &str = "baresip-core";
/// What baresip says, in Hz.
const VOICE: u16 = PHONE_12;
const RATE: u32 = 8000;
const TALK: Duration = Duration::from_secs(3);

/// Where this system keeps baresip's modules.
fn modules() -> Option<PathBuf> {
    let known = ["/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules", "/usr/lib64/baresip/modules"];
    known.into_iter().map(PathBuf::from).find(|folder| folder.join("g711.so").is_file())
}

/// Its configuration folder: a tone as microphone, no loudspeaker, what it hears in a file.
fn configure(folder: &Path, modules: &Path, server: std::net::SocketAddr) {
    let wav = hound::WavSpec { channels: 1, sample_rate: RATE, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut voice = hound::WavWriter::create(folder.join("voice.wav"), wav).unwrap();
    for n in 0..RATE * 60 {
        let turn = f64::from(n) * f64::from(VOICE) / f64::from(RATE) * std::f64::consts::TAU;
        voice.write_sample((turn.sin() * 8000.0) as i16).unwrap();
    }
    voice.finalize().unwrap();
    // its RTP sockets are bound to no address: this is the one that the system then gives them
    let (ip, at, modules) = (LOOPBACK, folder.display(), modules.display());
    let config = format!(
        "poll_method epoll\nsip_listen {ip}:0\nnet_interface {ip}\ncall_max_calls 4\naudio_player aubridge,nowhere\naudio_source aufile,{at}/voice.wav\n\
         audio_alert aubridge,nowhere\nausrc_srate {RATE}\nauplay_srate {RATE}\nausrc_channels 1\nauplay_channels 1\nrtp_ports 33000-33998\n\
         snd_path {at}\nmodule_path {modules}\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\n\
         module_tmp account.so\nmodule_app menu.so\n"
    );
    fs::write(folder.join("config"), config).unwrap();
    let account = format!(
        "<sip:11@{server};transport=udp>;auth_user=11;auth_pass={};answermode=auto;regint=60;audio_codecs=PCMA\n",
        phone_password("11")
    );
    fs::write(folder.join("accounts"), account).unwrap();
    fs::write(folder.join("contacts"), "").unwrap();
}

#[test]
fn baresip_registers_answers_and_both_ends_hear_each_other() {
    let Some(program) = tool("baresip", PACKAGE) else { return };
    let modules = modules().expect("baresip is there but its modules are not");
    let mut scene = quiet(&format!("[sip]\nphones = [\"{LOOPBACK}/32\"]\n[line]\nring = [\"11\"]\nring_seconds = 15"));
    let folder = scene.service.folder().join("baresip");
    fs::create_dir(&folder).unwrap();
    configure(&folder, &modules, scene.service.sip);
    let mut phone = Process::start(Command::new(program).arg("-f").arg(&folder).args(["-4", "-t", "60"]), &folder.join("log"));
    let client = scene.service.client().unwrap();
    let registered = || {
        let line = client.get("/api/line").map(|answer| answer.json()).unwrap_or_default();
        line["phones"].as_array().is_some_and(|phones| phones.iter().any(|p| p["extension"] == "11" && p["state"] == "idle"))
    };
    assert!(eventually(SOON, registered), "baresip could not register: {}", phone.output());
    let caller = scene.caller(ONE).unwrap();
    assert!(caller.wait_up(SOON), "baresip did not answer: {:?} {}", caller.statuses(), phone.output());
    assert!(caller.hears(VOICE, SOON), "the caller does not hear baresip: {}", phone.output());
    let from = Instant::now();
    std::thread::sleep(TALK);
    assert!(
        caller.sound().share(VOICE, from) > 0.9,
        "the caller hears baresip {:.0} % of the time",
        caller.sound().share(VOICE, from) * 100.0
    );
    caller.hang_up();
    ended_as(&mut scene, ONE, "answered", None);
    phone.end();
    let heard = heard(&folder);
    assert!(heard.len() > RATE as usize * 2, "baresip recorded {} samples", heard.len());
    let frames: Vec<&[i16]> = heard.chunks_exact(160).collect();
    let good = frames.iter().filter(|frame| listen::hears(frame, f64::from(CALLER))).count();
    assert!(good * 10 > frames.len() * 8, "baresip hears the caller in {good} of {} frames", frames.len());
}

/// The samples of the file in which baresip keeps what it decoded.
fn heard(folder: &Path) -> Vec<i16> {
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let file = files.into_iter().find(|path| path.to_string_lossy().ends_with("-dec.wav")).expect("baresip kept no recording");
    let mut wav = hound::WavReader::open(file).unwrap();
    wav.samples::<i16>().flatten().collect()
}
