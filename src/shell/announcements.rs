//! Prompts that a phone recorded (`*98N`), kept for the next start: beside the configuration, else in the state folder when that cannot be
//! written. The one before stays as `.avant`. Never writes on the thread that asks: whether it is on disk is told when it is known.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::domain::clip::Clip;

/// For the service's own user alone.
const MODE: u32 = 0o600;

#[derive(Clone, Debug)]
pub struct Announcements {
    beside: PathBuf,
    state: PathBuf,
}

impl Announcements {
    /// `beside`: the folder beside the configuration; `state`: where the records are.
    pub fn new(beside: PathBuf, state: &Path) -> Announcements {
        Announcements { beside, state: state.join("prompts") }
    }

    /// Where prompts are read from; a later one counts.
    pub fn folders(&self) -> [&Path; 2] {
        [&self.beside, &self.state]
    }

    /// Writes on a thread of its own; `told` learns there whether all of it is on disk. What goes wrong is logged.
    pub fn keep(&self, name: &'static str, wav: Clip, told: impl FnOnce(bool) + Send + 'static) {
        let own = self.clone();
        let started = std::thread::Builder::new().name("announcement".to_owned()).spawn(move || {
            let written = own.write(name, &wav);
            match &written {
                Ok(folder) => tracing::info!(name, folder = %folder.display(), "an announcement is kept"),
                Err(error) => tracing::error!(name, %error, "an announcement cannot be kept: the one before serves"),
            }
            told(written.is_ok());
        });
        // nobody is told: who said it waits, and hears that it was not kept
        if let Err(error) = started {
            tracing::error!(name, %error, "an announcement cannot be kept");
        }
    }

    fn write(&self, name: &str, wav: &Clip) -> io::Result<&Path> {
        if let Err(error) = place(&self.beside, name, wav.as_bytes()) {
            tracing::warn!(name, %error, "the prompts beside the configuration cannot be written: the state folder serves");
            return place(&self.state, name, wav.as_bytes()).map(|()| self.state.as_path());
        }
        // one that stands in the state folder would count
        let (other, aside) = (self.state.join(format!("{name}.wav")), self.state.join(format!("{name}.wav.avant")));
        match fs::rename(other, aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => Ok(&self.beside),
        }
    }
}

/// The whole file or none of it; the one before under another name.
fn place(folder: &Path, name: &str, wav: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let [file, new, before] = ["wav", "wav.nouveau", "wav.avant"].map(|end| folder.join(format!("{name}.{end}")));
    let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&new)?;
    written.write_all(wav)?;
    written.sync_all()?;
    if file.exists() {
        fs::copy(&file, &before)?;
    }
    fs::rename(&new, &file)?;
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_announcement_takes_the_place_of_the_one_before_which_stays_aside() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, state) = (folder.path().join("prompts"), folder.path().join("state"));
        let own = Announcements::new(beside.clone(), &state);
        for wav in [b"one".to_vec(), b"two".to_vec()] {
            assert_eq!(own.write("accueil-ferme", &Clip::new(wav)).unwrap(), beside);
        }
        assert_eq!(fs::read(beside.join("accueil-ferme.wav")).unwrap(), b"two");
        assert_eq!(fs::read(beside.join("accueil-ferme.wav.avant")).unwrap(), b"one");
        assert!(!beside.join("accueil-ferme.wav.nouveau").exists());
    }

    #[test]
    fn where_nothing_can_be_written_that_is_told_and_the_one_before_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, state) = (folder.path().join("prompts"), folder.path().join("state"));
        let own = Announcements::new(beside.clone(), &state);
        let told = |name, wav: &[u8]| {
            let (tell, told) = std::sync::mpsc::channel();
            own.keep(name, Clip::new(wav.to_vec()), move |kept| tell.send(kept).unwrap());
            told.recv().unwrap()
        };
        assert!(told("accueil-ferme", b"one"));
        // folders where the new files should be
        for folder in [&beside, &state.join("prompts")] {
            fs::create_dir_all(folder.join("accueil-ferme.wav.nouveau")).unwrap();
        }
        assert!(!told("accueil-ferme", b"two"));
        assert_eq!(fs::read(beside.join("accueil-ferme.wav")).unwrap(), b"one");
    }

    #[test]
    fn the_state_folder_serves_until_the_other_can_be_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, state) = (folder.path().join("prompts"), folder.path().join("state"));
        fs::write(&beside, b"a file where the folder should be").unwrap();
        let own = Announcements::new(beside.clone(), &state);
        assert_eq!(own.write("patienter", &Clip::new(b"one".to_vec())).unwrap(), state.join("prompts"));
        fs::remove_file(&beside).unwrap();
        assert_eq!(own.write("patienter", &Clip::new(b"two".to_vec())).unwrap(), beside);
        assert!(!state.join("prompts/patienter.wav").exists());
        assert_eq!(fs::read(state.join("prompts/patienter.wav.avant")).unwrap(), b"one");
    }
}
