//! The spool of a job: everything that must reach the server, sealed and synced on the runner's disk before it is sent, so
//! that neither end's death loses it. The key comes from the server with the job and is never stored here.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use terrane_domain::ids::JobId;
use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::LOG_CHUNK_BYTES;

use crate::RunnerError;

/// The newest state, until it has arrived.
pub(crate) const STATE: &str = "state";
/// How the job ended.
pub(crate) const FINISH: &str = "finish";

const NONCE_BYTES: usize = 24;
/// A piece of log with everything around it is shorter.
const MAX_PIECE_BYTES: usize = LOG_CHUNK_BYTES + 1024;

/// One job's spool.
pub(crate) struct Spool {
    folder: PathBuf,
    cipher: XChaCha20Poly1305,
    job: JobId,
}

fn key(text: &str) -> Result<[u8; 32], RunnerError> {
    let bad = || RunnerError::job(ReasonCode::Internal, "The server sent no usable spool key.");
    let text = text.as_bytes();
    if text.len() != 64 {
        return Err(bad());
    }
    let mut key = [0; 32];
    for (byte, digits) in key.iter_mut().zip(text.chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
    }
    Ok(key)
}

/// Folders of jobs that an earlier life of the runner left.
pub(crate) fn left_behind(data_dir: &Path) -> Vec<JobId> {
    let Ok(entries) = std::fs::read_dir(data_dir.join("spool")) else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Removes a job's spool.
pub(crate) fn remove(data_dir: &Path, job: &JobId) {
    crate::folder::remove(&data_dir.join("spool").join(job.as_str()));
}

/// Where a job's spool keeps its state, if there is one that has not arrived.
pub(crate) fn state_of(data_dir: &Path, job: &JobId) -> Option<PathBuf> {
    Some(data_dir.join("spool").join(job.as_str()).join(STATE)).filter(|path| path.exists())
}

impl Spool {
    /// `sealed_by` is the key in hexadecimal, as the server told it.
    pub(crate) fn open(data_dir: &Path, job: &JobId, sealed_by: &str) -> Result<Self, RunnerError> {
        let folder = data_dir.join("spool").join(job.as_str());
        std::fs::create_dir_all(&folder).map_err(RunnerError::file(&folder))?;
        Ok(Self { folder, cipher: XChaCha20Poly1305::new(&key(sealed_by)?.into()), job: job.clone() })
    }

    #[cfg(test)]
    pub(crate) fn for_tests(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), cipher: XChaCha20Poly1305::new(&[7; 32].into()), job: JobId::from_entropy(1) }
    }

    fn associated_data(&self, name: &str, number: u64) -> Vec<u8> {
        format!("{} {name} {number}", self.job).into_bytes()
    }

    fn seal(&self, name: &str, number: u64, bytes: &[u8]) -> Result<Vec<u8>, RunnerError> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| RunnerError::job(ReasonCode::Internal, error.to_string()))?;
        let aad = self.associated_data(name, number);
        let sealed = self
            .cipher
            .encrypt(&XNonce::from(nonce), Payload { msg: bytes, aad: &aad })
            .map_err(|_| RunnerError::job(ReasonCode::Internal, "The spool could not be sealed."))?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn unseal(&self, name: &str, number: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let aad = self.associated_data(name, number);
        self.cipher.decrypt(&XNonce::try_from(nonce).ok()?, Payload { msg: sealed, aad: &aad }).ok()
    }

    /// Replaces a whole document ([`STATE`], [`FINISH`]): the old one stays until the new one is durable.
    pub(crate) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), RunnerError> {
        let (path, temporary) = (self.folder.join(name), self.folder.join(format!("{name}.new")));
        let sealed = self.seal(name, 0, bytes)?;
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(&sealed)?;
            file.sync_data()?;
            std::fs::rename(&temporary, &path)?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(RunnerError::file(&path))
    }

    /// A whole document, if it is there and sound.
    pub(crate) fn get(&self, name: &str) -> Option<Vec<u8>> {
        self.unseal(name, 0, &std::fs::read(self.folder.join(name)).ok()?)
    }

    /// Removes a whole document that has arrived.
    pub(crate) fn forget(&self, name: &str) {
        let path = self.folder.join(name);
        if let Err(error) = std::fs::remove_file(&path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a document that has arrived could not be removed");
        }
    }

    /// The log's file, for appending.
    pub(crate) fn log_writer(&self) -> Result<LogSpool<'_>, RunnerError> {
        let path = self.folder.join("log");
        let file = File::options().create(true).append(true).open(&path).map_err(RunnerError::file(&path))?;
        Ok(LogSpool { spool: self, file, path })
    }

    /// Reads the log's file from its beginning, while it grows.
    pub(crate) fn log_reader(&self) -> LogReader<'_> {
        LogReader { spool: self, file: None, position: 0 }
    }

    pub(crate) fn remove(&self) {
        crate::folder::remove(&self.folder);
    }

    /// Forgets everything but that the job begins again; false if it has begun again before.
    pub(crate) fn begin_again(&self) -> Result<bool, RunnerError> {
        let mark = self.folder.join("again");
        if mark.exists() {
            return Ok(false);
        }
        self.remove();
        let write = || std::fs::create_dir_all(&self.folder).and_then(|()| std::fs::write(&mark, ""));
        write().map_err(RunnerError::file(&mark))?;
        Ok(true)
    }
}

/// Reads pieces of a log in their order.
pub(crate) struct LogReader<'a> {
    spool: &'a Spool,
    file: Option<File>,
    position: u64,
}

impl LogReader<'_> {
    /// The next bytes with their offset in the log, whole pieces of together at most `limit` bytes; nothing at the end
    /// or before a torn piece.
    pub(crate) fn next(&mut self, limit: usize) -> Option<(u64, Vec<u8>)> {
        let mut bytes: Vec<u8> = Vec::new();
        let mut begin = None;
        while let Some((offset, clear, next)) = self.piece() {
            let start = *begin.get_or_insert(offset);
            let follows = start + bytes.len() as u64 == offset;
            if !bytes.is_empty() && (!follows || bytes.len() + clear.len() > limit) {
                break;
            }
            bytes.extend_from_slice(&clear);
            self.position = next;
        }
        begin.map(|offset| (offset, bytes))
    }

    /// The piece at the present position, and the position behind it.
    fn piece(&mut self) -> Option<(u64, Vec<u8>, u64)> {
        if self.file.is_none() {
            self.file = File::open(self.spool.folder.join("log")).ok();
        }
        let file = self.file.as_ref()?;
        let mut head = [0; 16];
        file.read_exact_at(&mut head, self.position).ok()?;
        let number = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_be_bytes);
        let (offset, length) = (number(&head[..8]), number(&head[8..]));
        let mut sealed = vec![0; usize::try_from(length).ok().filter(|length| *length <= MAX_PIECE_BYTES)?];
        file.read_exact_at(&mut sealed, self.position + 16).ok()?;
        let clear = self.spool.unseal("log", offset, &sealed)?;
        Some((offset, clear, self.position + 16 + length))
    }
}

/// The end of a log's spool.
pub(crate) struct LogSpool<'a> {
    spool: &'a Spool,
    file: File,
    path: PathBuf,
}

impl LogSpool<'_> {
    /// Adds a piece durably.
    pub(crate) fn append(&mut self, offset: u64, bytes: &[u8]) -> Result<(), RunnerError> {
        let sealed = self.spool.seal("log", offset, bytes)?;
        let piece = [&offset.to_be_bytes()[..], &(sealed.len() as u64).to_be_bytes(), &sealed].concat();
        self.file.write_all(&piece).and_then(|()| self.file.sync_data()).map_err(RunnerError::file(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_there_again_and_nothing_altered_is() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::for_tests(folder.path());
        spool.put("state", b"one").unwrap();
        spool.put("state", b"two").unwrap();
        assert_eq!(spool.get("state").as_deref(), Some(&b"two"[..]));
        let path = spool.folder.join("state");
        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(spool.get("state"), None);
    }

    #[test]
    fn a_torn_piece_of_log_ends_the_log_before_it() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::for_tests(folder.path());
        let mut log = spool.log_writer().unwrap();
        log.append(0, b"abc").unwrap();
        log.append(3, b"def").unwrap();
        let path = spool.folder.join("log");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut reader = spool.log_reader();
        assert_eq!(reader.next(9), Some((0, b"abc".to_vec())));
        assert_eq!(reader.next(9), None);
    }

    #[test]
    fn a_log_is_read_while_it_grows() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::for_tests(folder.path());
        let mut reader = spool.log_reader();
        assert_eq!(reader.next(4), None);
        let mut log = spool.log_writer().unwrap();
        for (offset, piece) in [(7, b"ab"), (9, b"cd"), (11, b"ef")] {
            log.append(offset, piece).unwrap();
        }
        assert_eq!(reader.next(4), Some((7, b"abcd".to_vec())));
        assert_eq!(reader.next(4), Some((11, b"ef".to_vec())));
        assert_eq!(reader.next(4), None);
        log.append(13, b"longer").unwrap();
        assert_eq!(reader.next(4), Some((13, b"longer".to_vec())));
    }

    #[test]
    fn a_job_begins_again_once() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::for_tests(folder.path());
        spool.put("state", b"one").unwrap();
        assert!(spool.begin_again().unwrap());
        assert_eq!(spool.get("state"), None);
        assert!(!spool.begin_again().unwrap());
    }
}
