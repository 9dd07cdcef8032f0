//! Blobs: state, plans, archives, finished logs. Sealed in frames of 64 KiB, streamed both ways, never held whole.
//!
//! A blob is written under a temporary name, synced, renamed, and its folder synced, all before its key is given
//! out: blob first, row second. A key is never written twice, so a row that names a blob always means the same bytes.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use chacha20poly1305::XChaCha20Poly1305;
use md5::{Digest as _, Md5};
use terrane_domain::ids::OrganizationId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use crate::error::StoreError;
use crate::sealing::{Key, WRAPPED_BYTES, hex, open_with, random_bytes, seal_with};
use crate::store::Store;

/// Bytes of clear text in a frame.
pub const FRAME_BYTES: usize = 64 * 1024;
const TAG_BYTES: usize = 16;
const SEALED_FRAME_BYTES: u64 = (FRAME_BYTES + TAG_BYTES) as u64;
const MAGIC: &[u8; 8] = b"TERRBLB1";
const PREFIX_BYTES: usize = 16;
const HEADER_BYTES: usize = MAGIC.len() + WRAPPED_BYTES + PREFIX_BYTES;

/// What a blob holds; the second part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlobKind {
    /// A configuration archive.
    Configuration,
    /// A raw state.
    State,
    /// A state in its JSON form.
    JsonState,
    /// A saved plan.
    Plan,
    /// A plan as JSON.
    JsonPlan,
    /// A redacted plan.
    RedactedPlan,
    /// A finished log.
    Log,
}

impl BlobKind {
    const fn folder(self) -> &'static str {
        match self {
            Self::Configuration => "configurations",
            Self::State => "states",
            Self::JsonState => "json-states",
            Self::Plan => "plans",
            Self::JsonPlan => "json-plans",
            Self::RedactedPlan => "redacted-plans",
            Self::Log => "logs",
        }
    }
}

/// A blob that is stored durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its key, for a row.
    pub key: String,
    /// Bytes of clear text.
    pub size: u64,
    /// MD5 of the clear text, in hexadecimal.
    pub md5: String,
}

fn nonce(prefix: &[u8; PREFIX_BYTES], frame: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    nonce[..PREFIX_BYTES].copy_from_slice(prefix);
    nonce[PREFIX_BYTES..].copy_from_slice(&frame.to_be_bytes());
    nonce
}

/// Frame number and last flag bind a frame to its place; the data key binds it to its blob.
fn associated_data(frame: u64, is_last: bool) -> [u8; 9] {
    let mut bytes = [0; 9];
    bytes[..8].copy_from_slice(&frame.to_be_bytes());
    bytes[8] = u8::from(is_last);
    bytes
}

/// A blob in the making. Dropped without [`BlobWriter::finish`], it leaves nothing but a temporary file that is
/// removed.
pub struct BlobWriter {
    key: String,
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    cipher: XChaCha20Poly1305,
    prefix: [u8; PREFIX_BYTES],
    frame: u64,
    buffer: Vec<u8>,
    md5: Md5,
    size: u64,
}

impl Store {
    fn blob_path(&self, key: &str) -> PathBuf {
        self.blob_folder.join(key)
    }

    async fn cached_organization_key(&self, id: &OrganizationId) -> Result<Key, StoreError> {
        let id = id.clone();
        self.read(move |tx| Box::pin(async move { tx.organization_key(&id).await })).await
    }

    /// Begins a blob. `name` is the id of what it belongs to.
    pub async fn blob_writer(
        &self,
        organization_id: &OrganizationId,
        kind: BlobKind,
        name: &str,
    ) -> Result<BlobWriter, StoreError> {
        let organization_key = self.cached_organization_key(organization_id).await?;
        let key = format!("{organization_id}/{}/{name}-{}", kind.folder(), hex(&random_bytes::<8>()));
        let path = self.blob_path(&key);
        let temporary = path.with_extension("part");
        let folder = path.parent().unwrap_or(&path).to_owned();
        let (root, durable) = (self.blob_folder.clone(), self.durable_folders.clone());
        tokio::task::spawn_blocking(move || create_synced(&root, folder, &durable))
            .await
            .map_err(|_| StoreError::Closed)??;
        let file = File::create_new(&temporary).await.map_err(StoreError::file(&temporary))?;
        let data_key = Key::generate();
        let prefix = random_bytes();
        let header = [&MAGIC[..], &organization_key.wrap_key(key.as_bytes(), &data_key), &prefix].concat();
        let mut writer = BlobWriter {
            key,
            path,
            temporary,
            file,
            cipher: data_key.cipher(),
            prefix,
            frame: 0,
            buffer: Vec::new(),
            md5: Md5::new(),
            size: 0,
        };
        writer.file.write_all(&header).await.map_err(StoreError::file(&writer.temporary))?;
        Ok(writer)
    }

    /// Opens a blob for reading.
    pub async fn blob_reader(&self, key: &str) -> Result<BlobReader, StoreError> {
        let missing = || StoreError::BlobMissing(key.to_owned());
        let organization: OrganizationId = key.split('/').next().and_then(|id| id.parse().ok()).ok_or_else(missing)?;
        let path = self.blob_path(key);
        let mut file = match File::open(&path).await {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(missing()),
            Err(error) => return Err(StoreError::file(path)(error)),
        };
        let length = file.metadata().await.map_err(StoreError::file(&path))?.len();
        let mut header = [0; HEADER_BYTES];
        file.read_exact(&mut header).await.map_err(|_| StoreError::Sealed("blobs"))?;
        let wrapped = &header[MAGIC.len()..MAGIC.len() + WRAPPED_BYTES];
        let data_key = self
            .cached_organization_key(&organization)
            .await?
            .unwrap_key(key.as_bytes(), wrapped)
            .filter(|_| header.starts_with(MAGIC))
            .ok_or(StoreError::Sealed("blobs"))?;
        let prefix = header[MAGIC.len() + WRAPPED_BYTES..].try_into().map_err(|_| StoreError::Sealed("blobs"))?;
        let sealed = length.checked_sub(HEADER_BYTES as u64).ok_or(StoreError::Sealed("blobs"))?;
        let frames = sealed.div_ceil(SEALED_FRAME_BYTES).max(1);
        let size = sealed.checked_sub(frames * TAG_BYTES as u64).ok_or(StoreError::Sealed("blobs"))?;
        Ok(BlobReader { path, file, cipher: data_key.cipher(), prefix, frame: 0, frames, size, skip: 0 })
    }

    /// Removes blobs whose rows are gone. A blob that is missing already is no error.
    pub async fn remove_blob(&self, key: &str) -> Result<(), StoreError> {
        match tokio::fs::remove_file(self.blob_path(key)).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file(key)(error)),
            _ => Ok(()),
        }
    }

    /// Removes every blob of an organization that is gone.
    pub async fn remove_blobs_of(&self, id: &OrganizationId) -> Result<(), StoreError> {
        match tokio::fs::remove_dir_all(self.blob_path(id.as_str())).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file(id.as_str())(error)),
            _ => Ok(()),
        }
    }
}

/// Makes the folder of all blobs, durably.
pub(crate) fn create_root(root: &Path) -> Result<(), StoreError> {
    std::fs::create_dir_all(root).map_err(StoreError::file(root))?;
    let parent = root.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(parent).and_then(|file| file.sync_all()).map_err(StoreError::file(parent))
}

/// Makes `folder` beneath `root` and syncs every folder on the way. One that is there already may be another call's
/// that has not synced it yet, or that of a process which died before it could.
fn create_synced(root: &Path, folder: PathBuf, durable: &Mutex<HashSet<PathBuf>>) -> Result<(), StoreError> {
    let known = || durable.lock().unwrap_or_else(PoisonError::into_inner);
    if known().contains(&folder) && folder.is_dir() {
        return Ok(());
    }
    let mut path = root.to_owned();
    for part in folder.strip_prefix(root).unwrap_or(&folder).components() {
        let parent = path.clone();
        path.push(part);
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(StoreError::file(path)(error));
            }
            _ => std::fs::File::open(&parent).and_then(|file| file.sync_all()).map_err(StoreError::file(parent))?,
        }
    }
    known().insert(folder);
    Ok(())
}

impl BlobWriter {
    /// Bytes taken so far.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Takes more bytes.
    pub async fn write(&mut self, mut bytes: &[u8]) -> Result<(), StoreError> {
        self.md5.update(bytes);
        self.size += bytes.len() as u64;
        while !bytes.is_empty() {
            // A full buffer is sealed only when more follows: the last frame carries the last flag.
            if self.buffer.len() == FRAME_BYTES {
                self.seal_frame(false).await?;
            }
            let (taken, rest) = bytes.split_at(bytes.len().min(FRAME_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(taken);
            bytes = rest;
        }
        Ok(())
    }

    async fn seal_frame(&mut self, is_last: bool) -> Result<(), StoreError> {
        let nonce = nonce(&self.prefix, self.frame);
        let sealed = seal_with(&self.cipher, &nonce, &associated_data(self.frame, is_last), &self.buffer);
        self.buffer.clear();
        self.frame += 1;
        self.file.write_all(&sealed).await.map_err(StoreError::file(&self.temporary))
    }

    /// Makes the blob durable and answers its key.
    pub async fn finish(mut self) -> Result<StoredBlob, StoreError> {
        self.seal_frame(true).await?;
        self.file.flush().await.map_err(StoreError::file(&self.temporary))?;
        self.file.sync_all().await.map_err(StoreError::file(&self.temporary))?;
        tokio::fs::rename(&self.temporary, &self.path).await.map_err(StoreError::file(&self.path))?;
        let folder = self.path.parent().unwrap_or(&self.path).to_owned();
        let folder_file = File::open(&folder).await.map_err(StoreError::file(&folder))?;
        folder_file.sync_all().await.map_err(StoreError::file(&folder))?;
        let md5 = hex(&self.md5.finalize_reset());
        Ok(StoredBlob { key: self.key.clone(), size: self.size, md5 })
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After a finish the temporary name is gone, and this does nothing.
        let _ = std::fs::remove_file(&self.temporary);
    }
}

/// A blob being read, frame by frame.
pub struct BlobReader {
    path: PathBuf,
    file: File,
    cipher: XChaCha20Poly1305,
    prefix: [u8; PREFIX_BYTES],
    frame: u64,
    frames: u64,
    size: u64,
    /// Bytes of the next frame that come before what is wanted.
    skip: usize,
}

impl BlobReader {
    /// Bytes of clear text.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The next frame's clear text; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.frame == self.frames {
            return Ok(None);
        }
        let is_last = self.frame + 1 == self.frames;
        let mut sealed = Vec::with_capacity(FRAME_BYTES + TAG_BYTES);
        (&mut self.file)
            .take(SEALED_FRAME_BYTES)
            .read_to_end(&mut sealed)
            .await
            .map_err(StoreError::file(&self.path))?;
        let nonce = nonce(&self.prefix, self.frame);
        let clear = open_with(&self.cipher, &nonce, &associated_data(self.frame, is_last), &sealed)
            .ok_or(StoreError::Sealed("blobs"))?;
        self.frame += 1;
        let skip = std::mem::take(&mut self.skip).min(clear.len());
        Ok(Some(Bytes::from(clear).slice(skip..)))
    }

    /// Goes to a place before the end: what is read next begins there.
    pub async fn seek(&mut self, offset: u64) -> Result<(), StoreError> {
        self.frame = offset / FRAME_BYTES as u64;
        self.skip = usize::try_from(offset % FRAME_BYTES as u64).unwrap_or(0);
        let position = HEADER_BYTES as u64 + self.frame * SEALED_FRAME_BYTES;
        self.file.seek(std::io::SeekFrom::Start(position)).await.map(drop).map_err(StoreError::file(&self.path))
    }

    /// At most `limit` bytes from `offset` on.
    pub async fn range(mut self, offset: u64, limit: usize) -> Result<Bytes, StoreError> {
        if offset >= self.size {
            return Ok(Bytes::new());
        }
        self.seek(offset).await?;
        let mut bytes = Vec::with_capacity(limit.min(FRAME_BYTES));
        while bytes.len() < limit {
            let Some(frame) = self.next().await? else { break };
            bytes.extend_from_slice(&frame[..frame.len().min(limit - bytes.len())]);
        }
        Ok(bytes.into())
    }
}
