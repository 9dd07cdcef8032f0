//! The root key and the organizations' keys.

use std::collections::HashMap;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use terrane_domain::ids::OrganizationId;

use crate::error::StoreError;
use crate::sealing::{Key, Place, open_value, seal_value};
use crate::statement::statements;
use crate::transaction::{Tx, values};

/// Reads the root key from `path`, or makes it there (mode 0600) if there is none.
pub fn load_root_key(path: &Path) -> Result<Key, StoreError> {
    if path.exists() {
        let mode = std::fs::metadata(path).map_err(StoreError::file(path))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::RootKey(format!(
                "{} can be read by others (mode {:o}); run `chmod 600` on it, and consider who may have read it",
                path.display(),
                mode & 0o777
            )));
        }
        let text = zeroize::Zeroizing::new(std::fs::read_to_string(path).map_err(StoreError::file(path))?);
        return Key::from_hex(&text).ok_or_else(|| {
            StoreError::RootKey(format!("{} does not hold a root key: 64 hexadecimal digits", path.display()))
        });
    }
    let key = Key::generate();
    let temporary = path.with_extension("new");
    let write = || {
        let _ = std::fs::remove_file(&temporary);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(key.to_hex().as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
    };
    write().map_err(StoreError::file(path))?;
    Ok(key)
}

/// All keys of a running server.
pub(crate) struct Keys {
    root: Key,
    organizations: RwLock<HashMap<OrganizationId, Key>>,
}

statements! {
    KEY_BY_ORGANIZATION = "SELECT wrapped FROM organization_keys WHERE organization_id = $1 ORDER BY version DESC LIMIT 1";
    INSERT_KEY = "INSERT INTO organization_keys (organization_id, version, wrapped) VALUES ($1, 1, $2)";
}

fn place(organization_id: &OrganizationId) -> Vec<u8> {
    format!("organization-key {organization_id}").into_bytes()
}

impl Keys {
    /// Starts from the root key.
    pub(crate) fn new(root: Key) -> Self {
        Self { root, organizations: RwLock::default() }
    }

    /// A key for one purpose of the whole server, derived from the root key.
    pub(crate) fn derive(&self, purpose: &str) -> Key {
        self.root.derive(purpose)
    }
}

impl Tx {
    /// Makes and stores the key of a new organization.
    pub(crate) async fn create_organization_key(&mut self, id: &OrganizationId) -> Result<(), StoreError> {
        let key = Key::generate();
        let wrapped = self.keys.root.wrap_key(&place(id), &key);
        self.execute(&INSERT_KEY, values![*id, wrapped]).await?;
        // A transaction that was rolled back may have left its key here under the same id.
        self.forget_organization_key(id);
        Ok(())
    }

    /// Forgets the key of an organization; while there is one in the database, the next use reads it again.
    pub(crate) fn forget_organization_key(&self, id: &OrganizationId) {
        self.keys.organizations.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// The key of an organization.
    pub(crate) async fn organization_key(&mut self, id: &OrganizationId) -> Result<Key, StoreError> {
        let known = self.keys.organizations.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let wrapped: Option<Vec<u8>> = self.scalar(&KEY_BY_ORGANIZATION, values![*id]).await?;
        let key = wrapped
            .and_then(|wrapped| self.keys.root.unwrap_key(&place(id), &wrapped))
            .ok_or(StoreError::Sealed("organization_keys"))?;
        self.keys.organizations.write().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), key.clone());
        Ok(key)
    }

    pub(crate) async fn seal(
        &mut self,
        organization_id: &OrganizationId,
        place: Place<'_>,
        message: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        Ok(seal_value(&self.organization_key(organization_id).await?, place, message))
    }

    pub(crate) async fn open(
        &mut self,
        organization_id: &OrganizationId,
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        open_value(&self.organization_key(organization_id).await?, place, sealed)
    }
}
