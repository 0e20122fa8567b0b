//! Passwords, sessions and tokens as they may be kept: an argon2id string, a SHA-256. Randomness is an argument.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sha2::{Digest, Sha256};

use super::error::StoreError;
use crate::domain::entropy::Entropy;

/// Bytes of a session or a token: 256 bits, so its plain SHA-256 cannot be guessed back.
pub const SECRET_BYTES: usize = 32;
/// The longest password that is hashed at all.
pub const PASSWORD_MAX: usize = 256;
/// The shortest that `person` takes.
pub const PASSWORD_MIN: usize = 8;
/// RFC 9106 section 3.1 recommends 16 bytes of salt.
const SALT: usize = 16;

/// The hash of no password: checked for an unknown person, so that the time tells nothing.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The PHC string of a password (argon2id, the crate's default cost). Takes tens of milliseconds: not on an async thread.
pub fn hash_password(password: &str, entropy: &mut dyn Entropy) -> Result<String, StoreError> {
    let mut salt = [0; SALT];
    entropy.fill(&mut salt);
    Argon2::default().hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string()).map_err(|_| StoreError::Hash)
}

/// Whether a password is that of a PHC string; with `None` it takes as long and says no.
pub fn verify_password(password: &str, phc: Option<&str>) -> bool {
    if password.len() > PASSWORD_MAX {
        return false;
    }
    let right = PasswordVerifier::<str>::verify_password(&Argon2::default(), password.as_bytes(), phc.unwrap_or(NOBODY)).is_ok();
    right && phc.is_some()
}

/// A new session or token, as 64 hexadecimal digits.
pub fn new_secret(entropy: &mut dyn Entropy) -> String {
    let mut bytes = [0; SECRET_BYTES];
    entropy.fill(&mut bytes);
    hex(&bytes)
}

/// What is kept of a session or a token.
pub fn secret_hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|b| [b >> 4, b & 15]).filter_map(|n| char::from_digit(u32::from(n), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::entropy::Seeded;

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let phc = hash_password("mot-de-passe-1", &mut Seeded(1)).unwrap();
        assert!(phc.starts_with("$argon2id$"));
        assert!(verify_password("mot-de-passe-1", Some(&phc)));
        assert!(!verify_password("mot-de-passe-2", Some(&phc)));
        assert!(!verify_password("mot-de-passe-1", None));
        assert_ne!(phc, hash_password("mot-de-passe-1", &mut Seeded(2)).unwrap());
    }

    #[test]
    fn the_hash_of_nobody_is_a_hash_that_can_be_checked() {
        assert!(argon2::password_hash::phc::PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn a_secret_has_256_bits_and_only_its_hash_is_kept() {
        let secret = new_secret(&mut Seeded(7));
        assert_eq!(secret.len(), 64);
        assert_ne!(secret, new_secret(&mut Seeded(8)));
        assert_eq!(secret_hash(&secret), secret_hash(&secret));
        assert_ne!(hex(&secret_hash(&secret)), secret);
    }
}
