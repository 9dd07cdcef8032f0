//! Bodies on their way in: a stream of pieces that is at once sealed into a blob and read by a parser on a thread of
//! its own, never held whole.

use std::io::Read;

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt as _};
use terrane_store::{BlobWriter, StoredBlob};
use tokio::sync::mpsc;

use crate::{AppError, AppResult};

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
