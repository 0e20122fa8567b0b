//! What every test stands on: a scene of its own, tools that may be missing, child processes that end with the test.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rappel::demo::double_call::{write_music, write_silence};
pub use rappel::demo::scene::{PHONES, TRUNK};
use rappel::demo::scene::{Plan, Scene};
use rappel::demo::ua::Call;
use serde_json::Value;

/// A client, from the block reserved for fiction.
pub const ONE: &str = "0639980001";
pub const TWO: &str = "0639980002";
/// How long anything may take that has no time of its own.
pub const SOON: Duration = Duration::from_secs(5);

/// The service with that TOML laid over its configuration; nobody is registered.
pub fn quiet(changes: &str) -> Scene {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_rappel"));
    Scene::set(Plan { binary, web_port: 0, changes: changes.to_owned() }).unwrap()
}

/// The same with both phones registered.
pub fn scene(changes: &str) -> Scene {
    let scene = quiet(changes);
    assert!(scene.register(), "the phones could not register; {}", scene.service.last_words());
    scene
}

/// The service where one who is held hears music of a pitch of its own and no words: every frame can be told from everybody's voice.
pub fn only_music(changes: &str) -> Scene {
    let mut scene = quiet(changes);
    let music = scene.service.folder().join("musique.wav");
    write_music(&music).unwrap();
    scene.service.change(&format!("[media]\nhold_music = {music:?}")).unwrap();
    // a voice has every pitch
    let prompts = scene.service.folder().join("prompts");
    std::fs::create_dir_all(&prompts).unwrap();
    for word in ["patienter", "interrompu-reprise"] {
        write_silence(&prompts.join(format!("{word}.wav"))).unwrap();
    }
    scene.service.kill();
    scene.service.serve().unwrap();
    scene
}

/// A client calls and both phones ring: the caller, and the legs of 11 and 12.
pub fn ringing(scene: &Scene) -> (Call, Call, Call) {
    let caller = scene.caller(ONE).unwrap();
    let legs = [&scene.phone_11, &scene.phone_12].map(|phone| phone.expect_call(SOON).expect("a phone did not ring"));
    let [leg_11, leg_12] = legs;
    leg_11.ring();
    leg_12.ring();
    assert!(caller.wait_ringing(SOON), "the caller does not hear it ring: {:?}", caller.statuses());
    (caller, leg_11, leg_12)
}

/// A client talks with phone 11.
pub fn talking(scene: &Scene) -> (Call, Call) {
    let (caller, leg_11, leg_12) = ringing(scene);
    leg_11.answer();
    assert!(caller.wait_up(SOON), "not connected: {:?}", caller.statuses());
    assert!(leg_12.wait_ended(SOON), "phone 12 still rings");
    (caller, leg_11)
}

/// The row of the first client's call is that.
pub fn ended_as(scene: &mut Scene, number: &str, outcome: &str, reason: Option<&str>) -> Value {
    let row = scene.row(number);
    assert_eq!((row["outcome"].as_str(), row["reason"].as_str()), (Some(outcome), reason), "{row}");
    row
}

/// A tool of that Debian package. Without it the test says that it is skipped; where it could have been installed, it fails.
pub fn tool(name: &str, package: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is missing: apt-get install --no-install-recommends {package}");
        // not by println!, which is kept back when a test passes
        let _ = writeln!(std::io::stderr(), "\nskipped: {name} is not installed (Debian package {package})");
    }
    found
}

/// A small file system of its own that can be filled; goes with the test. `None` with the reason said where mounting is not permitted.
pub struct SmallDisk {
    pub folder: PathBuf,
}

impl SmallDisk {
    pub fn mount(megabytes: u32) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap().keep();
        let size = format!("size={megabytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&folder).stderr(Stdio::null()).status();
        if mounted.is_ok_and(|status| status.success()) {
            return Some(SmallDisk { folder });
        }
        let _ =
            writeln!(std::io::stderr(), "\nskipped: no small disk to fill, mounting is not permitted here: a limit on file sizes serves");
        None
    }

    /// Not a byte is left.
    pub fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        for size in [64 * 1024, 512, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    pub fn free(&self) {
        let _ = std::fs::remove_file(self.filler());
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// Files of the service's process grow no further than this from now on (`None`: as far as they like).
pub fn limit_files(scene: &Scene, bytes: Option<u64>) {
    let pid = scene.service.pid().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw);
    let limit = rustix::process::Rlimit { current: bytes, maximum: None };
    rustix::process::prlimit(Some(pid.unwrap()), rustix::process::Resource::Fsize, limit).unwrap();
}

/// A process that ends with the test, its output in a file.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub fn start(command: &mut Command, log: &Path) -> Process {
        let file = std::fs::File::create(log).unwrap();
        let child = command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        Process { child, log: log.to_owned() }
    }

    /// Whether it ended well within that time.
    pub fn succeeds(&mut self, within: Duration) -> bool {
        let mut status = None;
        rappel::demo::ua::eventually(within, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.is_some_and(|status| status.success())
    }

    pub fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// SIGTERM, then waits.
    pub fn end(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid.filter(|_| matches!(self.child.try_wait(), Ok(None))) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        self.succeeds(Duration::from_secs(5));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
