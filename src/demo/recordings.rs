//! What each party of the double call heard, as WAV files (16-bit PCM, 8 kHz) in a folder that stays: they are there to be listened to.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::double_call::write_wav;

/// Folders of one process number.
const MAX_FOLDERS: u32 = 100;

/// One party's ears.
#[derive(Clone, Debug)]
pub struct Recording {
    /// In French, for the control page.
    pub party: &'static str,
    pub file: PathBuf,
}

#[derive(Debug)]
pub struct Recordings {
    folder: PathBuf,
    pub list: Vec<Recording>,
}

impl Recordings {
    /// A new folder, of its owner alone.
    pub fn open() -> io::Result<Recordings> {
        let process = std::process::id();
        // the same number may have been another process's, whose recordings are still there
        for n in 0..MAX_FOLDERS {
            let folder = std::env::temp_dir().join(format!("rappel-ecoute-{process}-{n}"));
            match DirBuilder::new().mode(0o700).create(&folder) {
                Ok(()) => return Ok(Recordings { folder, list: Vec::new() }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(e),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn keep(&mut self, party: &'static str, name: &str, samples: Vec<i16>) -> io::Result<&Path> {
        let file = self.folder.join(name);
        write_wav(&file, samples)?;
        self.list.push(Recording { party, file });
        Ok(self.list.last().map_or(&self.folder, |kept| &kept.file))
    }
}
