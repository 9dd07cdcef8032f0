//! Bodies on their way in: a stream of pieces that is at once sealed into a blob and read by a parser on a thread of
//! its own, never held whole.

use std::io::Read;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use terrane_store::{BlobReader, BlobWriter, StoredBlob};
use tokio::sync::mpsc;

use crate::{App, AppError, AppResult};

/// A body: pieces, or the client's failure to send them.
pub type Body = BoxStream<'static, Result<Bytes, std::io::Error>>;

/// A body that is in memory already.
pub fn body(bytes: impl Into<Bytes>) -> Body {
    let bytes = bytes.into();
    futures_util::stream::once(async move { Ok(bytes) }).boxed()
}

/// The end of a channel as a reader for blocking parsers.
struct ChannelReader {
    pieces: mpsc::Receiver<Bytes>,
    rest: Bytes,
}

impl Read for ChannelReader {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.rest.is_empty() {
            match self.pieces.blocking_recv() {
                Some(piece) => self.rest = piece,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

/// Removes a blob that was written for a row which is surely not there. After a commit whose outcome is unknown the row
/// may name it: then it stays.
pub(crate) async fn remove_if_refused<T>(app: &App, key: &str, written: &AppResult<T>) {
    let may_be_there = match written {
        Ok(_) => true,
        Err(AppError::Store(error)) => error.may_be_committed(),
        Err(_) => false,
    };
    if !may_be_there && let Err(error) = app.store.remove_blob(key).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "a blob that nothing names could not be removed");
    }
}

/// Ends a write that answers whether its row names the blob: one that is surely not named goes.
pub(crate) async fn remove_unless_named(app: &App, key: &str, written: AppResult<bool>) -> AppResult<()> {
    if matches!(written, Ok(false)) {
        app.store.remove_blob(key).await?;
    }
    remove_if_refused(app, key, &written).await;
    written.map(drop)
}

/// A blob as a body.
pub(crate) fn body_of(reader: BlobReader) -> Body {
    futures_util::stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(frame)) => Some((Ok(frame), Some(reader))),
            Ok(None) => None,
            Err(error) => Some((Err(std::io::Error::other(error)), None)),
        }
    })
    .boxed()
}

/// Reads a blob by `parse`, which runs on a blocking thread.
pub(crate) async fn read_blob<T: Send + 'static>(
    mut reader: BlobReader,
    parse: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
) -> AppResult<T> {
    let (pieces, receiver) = mpsc::channel::<Bytes>(8);
    let parser =
        tokio::task::spawn_blocking(move || parse(&mut ChannelReader { pieces: receiver, rest: Bytes::new() }));
    while let Some(frame) = reader.next().await? {
        if pieces.send(frame).await.is_err() {
            break;
        }
    }
    drop(pieces);
    parser.await.map_err(|_| AppError::BadRequest("the stored bytes could not be read".to_owned()))
}

/// Streams `body` into `writer` and into `parse`, which runs on a blocking thread. More than `limit` bytes are
/// refused; a body that breaks off leaves nothing.
pub(crate) async fn receive<T: Send + 'static>(
    mut body: impl Stream<Item = Result<Bytes, std::io::Error>> + Unpin,
    mut writer: BlobWriter,
    limit: u64,
    parse: impl FnOnce(&mut dyn Read) -> T + Send + 'static,
) -> AppResult<(StoredBlob, T)> {
    let (pieces, receiver) = mpsc::channel::<Bytes>(8);
    let parser = tokio::task::spawn_blocking(move || {
        let mut reader = ChannelReader { pieces: receiver, rest: Bytes::new() };
        let parsed = parse(&mut reader);
        // A parser that stopped early must not stop the sender.
        let _ = std::io::copy(&mut reader, &mut std::io::sink());
        parsed
    });
    while let Some(piece) = body.next().await {
        let piece =
            piece.map_err(|error| AppError::BadRequest(format!("the upload broke off: {error}; send it again")))?;
        if writer.size() + piece.len() as u64 > limit {
            return Err(AppError::TooLarge(format!("the upload is larger than {} MiB", limit >> 20)));
        }
        writer.write(&piece).await?;
        let _ = pieces.send(piece).await;
    }
    drop(pieces);
    let parsed = parser.await.map_err(|_| AppError::BadRequest("the upload could not be read".to_owned()))?;
    Ok((writer.finish().await?, parsed))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use terrane_store::{Key, Store, StoreError, StoreOptions, SystemClock};

    use super::*;

    #[tokio::test]
    async fn a_blob_is_removed_only_if_its_row_is_surely_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(StoreOptions {
            database_url: format!("sqlite:{}", folder.path().join("db").display()),
            blob_folder: folder.path().join("blobs"),
            root_key: Key::generate(),
            clock: Arc::new(SystemClock),
        })
        .await
        .unwrap();
        let app = App::new(store, "http://localhost", tokio::sync::watch::channel(false).1);
        let path = folder.path().join("blobs/blob");
        let failed = |error| Err(AppError::Store(error));
        for (written, stays) in [
            (Ok(()), true),
            (Err(AppError::NotFound), false),
            (failed(StoreError::Taken), false),
            (failed(StoreError::Commit("the connection was closed".to_owned())), true),
            (failed(StoreError::Closed), true),
        ] {
            std::fs::write(&path, b"x").unwrap();
            remove_if_refused(&app, "blob", &written).await;
            assert_eq!(path.exists(), stays, "{written:?}");
        }
    }
}
