//! The check of an uploaded configuration archive: every entry, before any run may use it.

use std::io::Read;

use flate2::read::GzDecoder;
use terrane_domain::archive::{ArchiveError, ArchiveRules, EntryKind, MAX_PACKED_BYTES, unpacked_limit};

/// Reads the whole archive and judges each entry. `Ok` means that a runner can unpack it safely.
pub fn check(packed: &mut dyn Read) -> Result<(), ArchiveError> {
    let broken = |error: std::io::Error| ArchiveError::Broken(error.to_string());
    // The ratio can only be judged once the packed size is known; until then the absolute limit holds.
    let mut counted = Counted { inner: packed, bytes: 0 };
    let mut unpacked = GzDecoder::new(&mut counted).take(unpacked_limit(MAX_PACKED_BYTES));
    let mut archive = tar::Archive::new(&mut unpacked);
    let mut rules = ArchiveRules::default();
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = String::from_utf8(entry.path_bytes().into_owned())
            .map_err(|error| ArchiveError::Path(error.to_string()))?;
        let link = entry.link_name_bytes().map(|link| String::from_utf8_lossy(&link).into_owned());
        let kind = match entry.header().entry_type() {
            tar::EntryType::Regular | tar::EntryType::Continuous => EntryKind::File(entry.size()),
            tar::EntryType::Directory => EntryKind::Directory,
            tar::EntryType::Symlink => EntryKind::Symlink(link.as_deref().unwrap_or_default()),
            tar::EntryType::XGlobalHeader => continue,
            _ => EntryKind::Other,
        };
        rules.check(&path, kind)?;
        std::io::copy(&mut entry, &mut std::io::sink()).map_err(broken)?;
    }
    // The rest belongs to the gzip stream: its checksum proves that nothing was cut.
    std::io::copy(&mut unpacked, &mut std::io::sink()).map_err(broken)?;
    let unpacked_bytes = unpacked_limit(MAX_PACKED_BYTES) - unpacked.limit();
    drop(unpacked);
    if unpacked_bytes >= unpacked_limit(counted.bytes) {
        return Err(ArchiveError::TooLarge("200 times its packed size"));
    }
    Ok(())
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
    fn a_link_out_and_a_device_are_refused() {
        let link = packed(|builder| {
            builder.append_link(&mut header(tar::EntryType::Symlink, 0), "x", "/etc/passwd").unwrap();
        });
        assert!(matches!(check(&mut link.as_slice()), Err(ArchiveError::Link { .. })));
        let device = packed(|builder| {
            builder.append_data(&mut header(tar::EntryType::Char, 0), "x", &b""[..]).unwrap();
        });
        assert!(matches!(check(&mut device.as_slice()), Err(ArchiveError::Kind(_))));
    }

    #[test]
    fn an_archive_that_explodes_is_refused() {
        let bomb = packed(|builder| {
            let size = 128 << 20;
            builder
                .append_data(&mut header(tar::EntryType::Regular, size), "zeros", std::io::repeat(0).take(size))
                .unwrap();
        });
        assert!(matches!(check(&mut bomb.as_slice()), Err(ArchiveError::TooLarge(_))));
    }
}
