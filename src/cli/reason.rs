//! Why the system refused a file, in words that a person can act on.

use std::io::{Error, ErrorKind};

/// The reason of an error of reading or writing.
pub fn french(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "fichier ou dossier introuvable".to_owned(),
        ErrorKind::PermissionDenied => "l'accès est refusé".to_owned(),
        ErrorKind::IsADirectory => "c'est un dossier".to_owned(),
        ErrorKind::NotADirectory => "ce n'est pas un dossier".to_owned(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "il n'y a plus de place".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "le disque est en lecture seule".to_owned(),
        ErrorKind::BrokenPipe => "le programme qui lisait s'est arrêté".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_can_act_on_is_said_in_french_and_the_rest_as_it_came() {
        let missing = std::fs::read("/nulle/part").unwrap_err();
        assert_eq!(french(&missing), "fichier ou dossier introuvable");
        assert_eq!(french(&Error::other("ce n'est pas un fichier ordinaire")), "ce n'est pas un fichier ordinaire");
    }
}
