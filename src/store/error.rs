//! What can go wrong with the records, in the words of the person who reads it.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the state folder.
    #[error("Un autre processus rappel utilise déjà ce dossier ({}). Arrêtez-le d'abord.", .0.display())]
    Locked(PathBuf),
    #[error("Le dossier {} ne peut pas être utilisé : {source}.", .dir.display())]
    Folder { dir: PathBuf, source: std::io::Error },
    #[error("Le journal {} ne peut pas être lu : {source}.", .file.display())]
    Journal { file: PathBuf, source: std::io::Error },
    /// Nothing of it was changed.
    #[error(
        "La base de données {} est abîmée ({found}). Rien n'y a été touché. Remettez une sauvegarde : rappel restore FICHIER ; le fichier abîmé reste gardé.",
        .file.display()
    )]
    Corrupt { file: PathBuf, found: String },
    #[error("La base de données ne peut pas être mise à jour : {0}.")]
    Migration(#[from] Box<refinery::Error>),
    /// Another process holds the database for longer than we wait.
    #[error("La base de données est occupée par un autre programme. Réessayez dans un instant.")]
    Busy,
    #[error("La base de données a refusé l'opération : {0}.")]
    Sqlite(rusqlite::Error),
    /// The writer has stopped, or its queue is full.
    #[error("Le service n'enregistre plus rien pour le moment. Réessayez dans un instant.")]
    Stopped,
    #[error("« {0} » n'existe pas.")]
    UnknownPerson(String),
    #[error("« {0} » existe déjà.")]
    PersonExists(String),
    #[error("Le code « {0} » ne convient pas : 1 à 16 lettres, chiffres, « - » ou « _ ».")]
    BadCode(String),
    #[error("Le mot de passe n'a pas pu être protégé.")]
    Hash,
    #[error("{} n'est pas une sauvegarde de rappel, ou elle est abîmée ({why}).", .file.display())]
    NoBackup { file: PathBuf, why: String },
    #[error("{} vient d'une version plus récente de rappel : mettez d'abord celle-ci à jour.", .0.display())]
    NewerBackup(PathBuf),
    /// Erasing would be undone by the next start.
    #[error("Des appels attendent encore dans le journal : démarrez le service une fois, puis recommencez.")]
    Waiting,
    #[error("Cela ferait plus de {} contacts : rien n'a été changé. Importez un fichier plus petit.", crate::domain::names::MAX_CONTACTS)]
    TooManyContacts,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> StoreError {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => StoreError::Busy,
            _ => StoreError::Sqlite(error),
        }
    }
}
