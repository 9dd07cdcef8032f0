//! Blobs: whole, in ranges, and altered behind the store's back.

use std::path::{Path, PathBuf};

use terrane_domain::ids::OrganizationId;
use terrane_store::{BlobKind, FRAME_BYTES, Store, StoreError, StoredBlob};

use crate::databases::{Bench, each};
use crate::samples::World;

const SEALED_FRAME: usize = FRAME_BYTES + 16;

/// Bytes that differ from frame to frame.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from((index * 31 + index / 251) % 256).unwrap()).collect()
}

async fn all(store: &Store, key: &str) -> Result<Vec<u8>, StoreError> {
    let mut reader = store.blob_reader(key).await?;
    let mut bytes = Vec::new();
    while let Some(frame) = reader.next().await? {
        bytes.extend_from_slice(&frame);
    }
    Ok(bytes)
}

/// Writes a blob that is in memory.
pub(crate) async fn put_blob(
    store: &Store,
    id: &OrganizationId,
    kind: BlobKind,
    name: &str,
    bytes: &[u8],
) -> Result<StoredBlob, StoreError> {
    let mut writer = store.blob_writer(id, kind, name).await?;
    writer.write(bytes).await?;
    writer.finish().await
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

async fn put(bench: &Bench, world: &World, bytes: &[u8]) -> StoredBlob {
    put_blob(&bench.store, &world.organization.id, BlobKind::State, "sv-1", bytes).await.unwrap()
}

#[tokio::test]
async fn every_size_comes_back() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        for length in [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES] {
            let bytes = bytes(length);
            let whole = put(bench, world, &bytes).await;
            let mut writer = bench.store.blob_writer(&world.organization.id, BlobKind::State, "sv-1").await.unwrap();
            for piece in bytes.chunks(10_007) {
                writer.write(piece).await.unwrap();
            }
            let pieces = writer.finish().await.unwrap();
            assert_eq!((whole.size, &whole.md5), (pieces.size, &pieces.md5));
            assert_ne!(whole.key, pieces.key);
            for blob in [whole, pieces] {
                assert_eq!(usize::try_from(blob.size).unwrap(), length);
                assert_eq!(bench.store.blob_reader(&blob.key).await.unwrap().size(), blob.size);
                assert!(all(&bench.store, &blob.key).await.unwrap() == bytes, "{length}");
            }
        }
        assert_eq!(put(bench, world, b"abc").await.md5, "900150983cd24fb0d6963f7d28e17f72");
    })
    .await;
}

#[tokio::test]
async fn ranges_are_those_of_the_whole() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let bytes = bytes(3 * FRAME_BYTES - 5);
        let blob = put(bench, world, &bytes).await;
        let marks =
            [0, 1, FRAME_BYTES - 1, FRAME_BYTES, FRAME_BYTES + 1, 2 * FRAME_BYTES, bytes.len() - 1, bytes.len()];
        for offset in marks.into_iter().chain([bytes.len() + 1, 10 * FRAME_BYTES]) {
            for limit in [0, 1, 2, FRAME_BYTES, FRAME_BYTES + 1, 4 * FRAME_BYTES] {
                let reader = bench.store.blob_reader(&blob.key).await.unwrap();
                let found = reader.range(u64::try_from(offset).unwrap(), limit).await.unwrap();
                let start = offset.min(bytes.len());
                assert!(found == bytes[start..(start + limit).min(bytes.len())], "{offset} {limit}");
            }
        }
    })
    .await;
}

/// The file's new content, from its own and that of another blob of the same length.
type Tampering = fn(Vec<u8>, Vec<u8>) -> Vec<u8>;

fn flipped(mut bytes: Vec<u8>, index: usize) -> Vec<u8> {
    bytes[index] ^= 1;
    bytes
}

const TAMPERINGS: &[(&str, Tampering)] = &[
    ("a byte of the magic", |own, _| flipped(own, 0)),
    ("a byte of the wrapped key", |own, _| flipped(own, 20)),
    ("a byte of the nonces' prefix", |own, _| flipped(own, 8 + 72)),
    ("a byte of the first frame", |own, _| flipped(own, 96)),
    ("the last byte", |own, _| {
        let last = own.len() - 1;
        flipped(own, last)
    }),
    ("one byte shorter", |own, _| own[..own.len() - 1].to_vec()),
    ("the last frame gone", |own, _| own[..96 + 2 * SEALED_FRAME].to_vec()),
    ("the last two frames gone", |own, _| own[..96 + SEALED_FRAME].to_vec()),
    ("all frames gone", |own, _| own[..96].to_vec()),
    ("less than a tag left", |own, _| own[..96 + 7].to_vec()),
    ("half a header", |own, _| own[..40].to_vec()),
    ("nothing", |_, _| Vec::new()),
    ("one byte more", |own, _| [own, vec![0]].concat()),
    ("a tag more", |own, _| [own, vec![0; 16]].concat()),
    ("the last frame twice", |own, _| [&own[..], &own[96 + 2 * SEALED_FRAME..]].concat()),
    ("two frames swapped", |own, _| {
        let (first, second) = (&own[96..96 + SEALED_FRAME], &own[96 + SEALED_FRAME..96 + 2 * SEALED_FRAME]);
        [&own[..96], second, first, &own[96 + 2 * SEALED_FRAME..]].concat()
    }),
    ("another blob's file", |_, other| other),
    ("another blob's last frame", |own, other| {
        [&own[..96 + 2 * SEALED_FRAME], &other[96 + 2 * SEALED_FRAME..]].concat()
    }),
];

#[tokio::test]
async fn altered_files_are_refused() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        for length in [3 * FRAME_BYTES, 2 * FRAME_BYTES + 100] {
            let blob = put(bench, world, &bytes(length)).await;
            let other = put(bench, world, &bytes(length)).await;
            let path = bench.blob_folder().join(&blob.key);
            let own = std::fs::read(&path).unwrap();
            let others = std::fs::read(bench.blob_folder().join(&other.key)).unwrap();
            for (name, tampering) in TAMPERINGS {
                let altered = tampering(own.clone(), others.clone());
                assert!(altered != own, "{name} alters nothing");
                std::fs::write(&path, altered).unwrap();
                let found = all(&bench.store, &blob.key).await;
                assert!(matches!(found, Err(StoreError::Sealed(_))), "{name} is not noticed");
            }
            std::fs::write(&path, own).unwrap();
            assert!(all(&bench.store, &blob.key).await.unwrap() == bytes(length));
        }
    })
    .await;
}

#[tokio::test]
async fn an_unfinished_blob_leaves_no_file() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let mut writer = bench.store.blob_writer(&world.organization.id, BlobKind::Plan, "plan-1").await.unwrap();
        writer.write(&bytes(3 * FRAME_BYTES)).await.unwrap();
        assert_eq!(files(&bench.blob_folder()).len(), 1);
        drop(writer);
        assert_eq!(files(&bench.blob_folder()), Vec::<PathBuf>::new());
    })
    .await;
}

#[tokio::test]
async fn a_missing_blob_is_missing() {
    each(async |bench| {
        let world = World::new(&bench.store).await;
        let blob = put(bench, world, b"bytes").await;
        bench.store.remove_blob(&blob.key).await.unwrap();
        bench.store.remove_blob(&blob.key).await.unwrap();
        for key in [blob.key.as_str(), "", "org/../x"] {
            assert!(matches!(all(&bench.store, key).await, Err(StoreError::BlobMissing(_))), "{key:?}");
        }
    })
    .await;
}
