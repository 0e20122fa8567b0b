//! Where a list goes: standard output, or a file that appears whole, readable by its owner alone, or not at all.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Names tried for the part that is being written.
const TRIES: u32 = 100;

/// A file under a name of its own beside `path` until [`Part::done`]; dropped before, it goes and what stood there stays.
pub struct Part {
    file: Option<File>,
    part: PathBuf,
    path: PathBuf,
}

impl Part {
    pub fn new(path: &Path) -> io::Result<Part> {
        if path.exists() && !path.is_file() {
            return Err(io::Error::other("ce n'est pas un fichier ordinaire"));
        }
        let name = path.file_name().ok_or_else(|| io::Error::other("il manque le nom du fichier"))?.to_string_lossy().into_owned();
        for n in 0..TRIES {
            let part = path.with_file_name(format!(".{name}.{}-{n}.part", std::process::id()));
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&part) {
                Ok(file) => return Ok(Part { file: Some(file), part, path: path.to_owned() }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists))
    }

    /// The name it has meanwhile.
    pub fn part(&self) -> &Path {
        &self.part
    }

    pub fn writer(&mut self) -> io::Result<BufWriter<File>> {
        Ok(BufWriter::new(self.file.as_ref().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?.try_clone()?))
    }

    /// On disk, then under its name.
    pub fn done(mut self) -> io::Result<()> {
        if let Some(file) = self.file.take() {
            file.sync_all()?;
            std::fs::rename(&self.part, &self.path)?;
            self.part = PathBuf::new();
            // the name itself survives a power cut too
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.part.as_os_str().is_empty() {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// All of `bytes` to standard output.
pub fn to_stdout(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_appears_whole_and_private_and_what_stood_there_is_not_lost_on_failure() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("appels.csv");
        std::fs::write(&path, "ancien").unwrap();
        let mut part = Part::new(&path).unwrap();
        part.writer().unwrap().write_all(b"nouv").unwrap();
        drop(part);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "ancien");
        let mut part = Part::new(&path).unwrap();
        let mut writer = part.writer().unwrap();
        writer.write_all(b"nouveau").unwrap();
        writer.flush().unwrap();
        part.done().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "nouveau");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing else is left");
        assert!(Part::new(dir.path()).is_err() && Part::new(Path::new("/dev/null")).is_err());
    }
}
