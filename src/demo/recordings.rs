//! What each party of the double call heard, as WAV files (16-bit PCM, 8 kHz) in a folder that stays: they are there to be listened to.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::double_call::write_wav;

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
    /// A new folder for this process, of its owner alone; an error when something is there already.
    pub fn open() -> io::Result<Recordings> {
        let folder = std::env::temp_dir().join(format!("rappel-ecoute-{}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Recordings { folder, list: Vec::new() })
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
