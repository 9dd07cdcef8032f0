//! The check of an uploaded configuration archive: every entry, before any run may use it.

use std::cell::Cell;
use std::io::{BufReader, Read};
use std::rc::Rc;

use flate2::bufread::GzDecoder;
use terrane_domain::archive::{ArchiveError, ArchiveRules, Entry, MAX_HEADER_BYTES, unpacked_limit};

/// Reads the whole archive and judges each entry. `Ok` means that a runner can unpack it safely.
pub fn check(packed: &mut dyn Read) -> Result<(), ArchiveError> {
    let header_bytes = Rc::new(Cell::new(u64::MAX));
    let packed = GzDecoder::new(BufReader::new(Counted { inner: packed, bytes: 0 }));
    let mut unpacked = Unpacked { packed, bytes: 0, header_bytes: header_bytes.clone() };
    let mut archive = tar::Archive::new(&mut unpacked);
    let mut rules = ArchiveRules::default();
    let mut entries = archive.entries().map_err(|error| refusal(&error))?;
    loop {
        header_bytes.set(MAX_HEADER_BYTES);
        let Some(entry) = entries.next() else { break };
        let mut entry = entry.map_err(|error| refusal(&error))?;
        judge(&mut rules, &mut entry)?;
        header_bytes.set(u64::MAX);
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(|error| refusal(&error))?;
    }
    header_bytes.set(u64::MAX);
    // The rest belongs to the gzip stream: its checksum proves that nothing was cut.
    require_zeros(&mut unpacked)?;
    require_zeros(unpacked.packed.get_mut())
}

/// What fills the last block is zero; anything else would be read by some programs and not by others.
fn require_zeros(rest: &mut dyn Read) -> Result<(), ArchiveError> {
    let mut buffer = [0; 4096];
    loop {
        match rest.read(&mut buffer).map_err(|error| refusal(&error))? {
            0 => return Ok(()),
            length if buffer[..length].iter().all(|byte| *byte == 0) => {}
            _ => return Err(ArchiveError::Trailing),
        }
    }
}

fn judge(rules: &mut ArchiveRules, entry: &mut tar::Entry<'_, impl Read>) -> Result<(), ArchiveError> {
    let mut names = Vec::new();
    for extension in entry.pax_extensions().map_err(|error| refusal(&error))?.into_iter().flatten() {
        let extension = extension.map_err(|error| refusal(&error))?;
        names.push(extension.key().map_err(|error| ArchiveError::Broken(error.to_string()))?.to_owned());
    }
    let header = entry.header();
    rules
        .check(&Entry {
            path: &entry.path_bytes(),
            link: entry.link_name_bytes().as_deref(),
            flag: header.entry_type().as_byte(),
            size: entry.size(),
            // A mode that is no number is none: of what it says, nothing is done to a file.
            mode: header.mode().unwrap_or(0),
            extensions: &names.iter().map(String::as_str).collect::<Vec<_>>(),
        })
        .map(drop)
}

/// What a reader below refused, or that the archive cannot be read.
fn refusal(error: &std::io::Error) -> ArchiveError {
    let own = error.get_ref().and_then(|inner| inner.downcast_ref::<ArchiveError>()).cloned();
    own.unwrap_or_else(|| ArchiveError::Broken(error.to_string()))
}

/// The unpacked bytes, refused as soon as they are too many for the packed ones that have come, or for the headers of
/// one entry: those the parser holds whole.
struct Unpacked<'a> {
    packed: GzDecoder<BufReader<Counted<'a>>>,
    bytes: u64,
    /// How many more bytes may come before the next entry's content begins.
    header_bytes: Rc<Cell<u64>>,
}

impl Read for Unpacked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.packed.read(buffer)?;
        self.bytes += length as u64;
        let too_large = |what| Err(std::io::Error::other(ArchiveError::TooLarge(what)));
        if self.bytes > unpacked_limit(self.packed.get_ref().get_ref().bytes) {
            return too_large("200 times its packed size");
        }
        match self.header_bytes.get().checked_sub(length as u64) {
            Some(rest) => self.header_bytes.set(rest),
            None => return too_large("1 MiB for the headers of one entry"),
        }
        Ok(length)
    }
}

struct Counted<'a> {
    inner: &'a mut dyn Read,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.bytes += length as u64;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn packed(fill: impl FnOnce(&mut tar::Builder<GzEncoder<Vec<u8>>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
        fill(&mut builder);
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn header(kind: tar::EntryType, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size);
        header.set_mode(0o644);
        header
    }

    fn sound() -> Vec<u8> {
        packed(|builder| {
            builder.append_data(&mut header(tar::EntryType::Regular, 3), "main.tf", &b"abc"[..]).unwrap();
        })
    }

    #[test]
    fn a_sound_archive_is_taken() {
        assert_eq!(check(&mut sound().as_slice()), Ok(()));
    }

    #[test]
    fn an_archive_cut_anywhere_is_refused() {
        let whole = sound();
        for length in 0..whole.len() {
            assert!(check(&mut &whole[..length]).is_err(), "cut at {length} of {}", whole.len());
        }
    }

    #[test]
    fn an_archive_that_explodes_is_refused_as_soon_as_it_does() {
        let bomb = packed(|builder| {
            let size = 64 << 20;
            builder
                .append_data(&mut header(tar::EntryType::Regular, size), "zeros", std::io::repeat(0).take(size))
                .unwrap();
        });
        let mut rest = bomb.as_slice();
        assert!(matches!(check(&mut rest), Err(ArchiveError::TooLarge(_))));
        assert!(rest.len() > bomb.len() / 2, "{} of {} bytes were read", bomb.len() - rest.len(), bomb.len());
    }

    #[test]
    fn headers_that_have_to_be_held_are_bounded() {
        for kind in [tar::EntryType::GNULongName, tar::EntryType::GNULongLink, tar::EntryType::XHeader] {
            let judge = |size: u64| {
                let archive = packed(|builder| {
                    let mut extension = header(kind, size);
                    extension.set_cksum();
                    builder.append(&extension, std::io::repeat(b'a').take(size)).unwrap();
                    builder.append_data(&mut header(tar::EntryType::Regular, 0), "main.tf", &b""[..]).unwrap();
                });
                check(&mut archive.as_slice())
            };
            assert!(matches!(judge(2 << 20), Err(ArchiveError::TooLarge(_))), "{kind:?}");
            assert!(!matches!(judge(1 << 19), Err(ArchiveError::TooLarge(_))), "{kind:?}");
        }
    }
}
