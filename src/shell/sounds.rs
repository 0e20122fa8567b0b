//! The prompts and the hold music as they stand on disk, decoded while calls are taken already.

use std::path::PathBuf;

use crate::exchange::media_plan::Sounds;
use crate::media::prompt::Prompts;

use super::announcements::Announcements;

/// The built-in prompts, the agency's own over them. A file that cannot be read is said and the built-in one serves.
pub(super) fn read(folders: &Announcements, hold_music: Option<PathBuf>) -> Sounds {
    let (mut prompts, mut wrong) = Prompts::built_in();
    for folder in folders.folders() {
        wrong.extend(prompts.add_folder(folder));
    }
    for (name, error) in wrong {
        tracing::warn!(name, %error, "a prompt cannot be read");
    }
    let music = hold_music.and_then(|path| match crate::media::prompt::read(&path) {
        Ok(samples) => Some(samples),
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "the hold music cannot be read: the built-in one serves");
            None
        }
    });
    Sounds::new(prompts, music)
}
