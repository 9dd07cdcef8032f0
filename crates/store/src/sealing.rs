//! Sealing: authenticated encryption of single values and of framed blobs.
//!
//! Root key (a file) -> organization key (a row, wrapped by the root key) -> data key (in front of each value,
//! wrapped by the organization key). The associated data name the place of a value, so that a ciphertext moved
//! elsewhere does not open.

use chacha20poly1305::aead::{Aead, AeadInOut, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::error::StoreError;

const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// Bytes of a wrapped key.
pub(crate) const WRAPPED_BYTES: usize = NONCE_BYTES + KEY_BYTES + TAG_BYTES;

/// A symmetric key. It has no `Debug` and no `PartialEq`, and is wiped when dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

/// Random bytes from the operating system.
///
/// # Panics
/// If the system gives none.
pub fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The system's generator failing is beyond repair: going on would mean predictable keys.
    getrandom::fill(&mut bytes).unwrap_or_else(|error| panic!("the system gives no random bytes: {error}"));
    bytes
}

impl Key {
    /// A new random key.
    pub fn generate() -> Self {
        Self(Zeroizing::new(random_bytes()))
    }

    /// Takes 32 bytes.
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() != KEY_BYTES * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// 64 hexadecimal digits, for the root key's file and for a runner's spool.
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex(&*self.0))
    }

    /// A key for one purpose, derived from this one.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> Self {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let hkdf = Hkdf::<Sha256>::new(None, &*self.0);
        // 32 bytes are far below HKDF's limit, the only error there is.
        hkdf.expand(purpose.as_bytes(), &mut *bytes).unwrap_or_else(|_| unreachable!("32 bytes fit HKDF"));
        Self(bytes)
    }

    /// HMAC-SHA-256 over the parts, each with its length in front.
    pub fn authenticate(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.0)
            .unwrap_or_else(|_| unreachable!("HMAC takes keys of every length"));
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    pub(crate) fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }

    /// Seals `message` for `place`.
    pub(crate) fn seal(&self, place: &[u8], message: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::new();
        self.seal_onto(&mut sealed, place, message);
        sealed
    }

    /// Adds what [`Key::seal`] makes. The message may be long: it is copied once.
    fn seal_onto(&self, sealed: &mut Vec<u8>, place: &[u8], message: &[u8]) {
        let nonce: [u8; NONCE_BYTES] = random_bytes();
        sealed.reserve_exact(NONCE_BYTES + message.len() + TAG_BYTES);
        sealed.extend_from_slice(&nonce);
        let start = sealed.len();
        sealed.extend_from_slice(message);
        let tag = self
            .cipher()
            .encrypt_inout_detached(&nonce.into(), place, (&mut sealed[start..]).into())
            .unwrap_or_else(|_| unreachable!("a message in memory is below the cipher's limit"));
        sealed.extend_from_slice(&tag);
    }

    /// Opens what [`Key::seal`] made for the same place.
    pub(crate) fn open(&self, place: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        open_with(&self.cipher(), nonce, place, sealed)
    }

    pub(crate) fn unwrap_key(&self, place: &[u8], wrapped: &[u8]) -> Option<Self> {
        let bytes = Zeroizing::new(self.open(place, wrapped)?);
        Some(Self::from_bytes(bytes.as_slice().try_into().ok()?))
    }

    pub(crate) fn wrap_key(&self, place: &[u8], key: &Self) -> Vec<u8> {
        self.seal(place, &*key.0)
    }
}

pub(crate) fn seal_with(cipher: &XChaCha20Poly1305, nonce: &[u8], aad: &[u8], message: &[u8]) -> Vec<u8> {
    let nonce = XNonce::try_from(nonce).unwrap_or_else(|_| unreachable!("nonces have 24 bytes"));
    cipher
        .encrypt(&nonce, Payload { msg: message, aad })
        .unwrap_or_else(|_| unreachable!("a message in memory is below the cipher's limit"))
}

pub(crate) fn open_with(cipher: &XChaCha20Poly1305, nonce: &[u8], aad: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    cipher.decrypt(&XNonce::try_from(nonce).ok()?, Payload { msg: sealed, aad }).ok()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Where a sealed value lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) table: &'static str,
    pub(crate) id: &'a str,
    pub(crate) column: &'static str,
}

impl Place<'_> {
    fn bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        for part in [self.table, self.id, self.column] {
            bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// Seals a value of an organization under a data key of its own.
pub(crate) fn seal_value(organization_key: &Key, place: Place<'_>, message: &[u8]) -> Vec<u8> {
    let place = place.bytes();
    let data_key = Key::generate();
    let mut sealed = organization_key.wrap_key(&place, &data_key);
    data_key.seal_onto(&mut sealed, &place, message);
    sealed
}

/// Opens what [`seal_value`] made for the same place.
pub(crate) fn open_value(organization_key: &Key, place: Place<'_>, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
    let bytes = place.bytes();
    let open = || {
        let (wrapped, sealed) = sealed.split_at_checked(WRAPPED_BYTES)?;
        organization_key.unwrap_key(&bytes, wrapped)?.open(&bytes, sealed)
    };
    open().ok_or(StoreError::Sealed(place.table))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place { table: "variables", id: "var-1", column: "value" };

    #[test]
    fn a_value_opens_only_where_it_was_sealed() {
        let key = Key::generate();
        let sealed = seal_value(&key, PLACE, b"secret");
        assert_eq!(open_value(&key, PLACE, &sealed).unwrap(), b"secret");
        let elsewhere = Place { id: "var-2", ..PLACE };
        assert!(open_value(&key, elsewhere, &sealed).is_err());
        assert!(open_value(&Key::generate(), PLACE, &sealed).is_err());
    }

    #[test]
    fn every_altered_byte_is_noticed() {
        let key = Key::generate();
        let sealed = seal_value(&key, PLACE, b"secret");
        for index in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[index] ^= 1;
            assert!(open_value(&key, PLACE, &altered).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_key_survives_its_hexadecimal_form() {
        let key = Key::generate();
        let again = Key::from_hex(&key.to_hex()).unwrap();
        assert!(again.open(b"p", &key.seal(b"p", b"x")).is_some());
    }
}
