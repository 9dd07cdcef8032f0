//! A small HTTP/1.1 client for one connection that is kept: it must cost less than what it measures.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How long an answer may take. Log reads are held for seconds.
const PATIENCE: Duration = Duration::from_secs(30);
const BUFFER_BYTES: usize = 64 * 1024;

/// A connection to a server on this machine.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What the server answered.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// Its first line and its headers.
    pub(super) head: &'a str,
    pub(super) body: &'a [u8],
}

impl Answer<'_> {
    /// Refuses anything but a success.
    pub(super) fn expect_success(&self, what: &str) -> Result<()> {
        self.expect(what, 200..300)
    }

    /// Refuses every other status.
    pub(super) fn expect(&self, what: &str, statuses: Range<u16>) -> Result<()> {
        let said = || String::from_utf8_lossy(&self.body[..self.body.len().min(300)]).into_owned();
        ensure!(statuses.contains(&self.status), "{what} was answered with {}: {}", self.status, said());
        Ok(())
    }
}

/// A request as it goes over the wire.
pub(super) fn request(method: &str, path: &str, token: Option<&str>, media_type: &str, body: &[u8]) -> Vec<u8> {
    let token = token.map_or_else(String::new, |token| format!("authorization: Bearer {token}\r\n"));
    let content = if method == "GET" {
        String::new()
    } else {
        format!("content-type: {media_type}\r\ncontent-length: {}\r\n", body.len())
    };
    let text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{token}{content}\r\n");
    [text.as_bytes(), body].concat()
}

impl Connection {
    /// Connects.
    pub(super) fn open(address: SocketAddr) -> Result<Self> {
        ensure!(address.ip().is_loopback(), "{address} is not on this machine");
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a request and reads the whole answer.
    pub(super) fn send(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let head = loop {
            filled += self.read_at(filled)?;
            if let Some(head) = Head::parse(&self.buffer[..filled])? {
                break head;
            }
        };
        let end = head.length + head.body;
        while filled < end {
            filled += self.read_at(filled)?;
        }
        ensure!(filled == end, "the answer is longer than it says");
        let (text, body) = self.buffer[..end].split_at(head.length);
        Ok(Answer { status: head.status, head: str::from_utf8(text).context("the head is no text")?, body })
    }

    fn read_at(&mut self, filled: usize) -> Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(2 * filled, 0);
        }
        match self.stream.read(&mut self.buffer[filled..]).context("no answer")? {
            0 => bail!("the server closed the connection"),
            read => Ok(read),
        }
    }
}

/// What must be known of an answer's head.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Bytes of the head itself.
    length: usize,
    /// Bytes of the body behind it.
    body: usize,
}

impl Head {
    /// Reads a head once it is complete.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&bytes[..end]).context("the head is no text")?;
        let (first, rest) = text.split_once("\r\n").unwrap_or((text, ""));
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        let mut headers = rest.split("\r\n").filter_map(|line| line.split_once(':'));
        let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let body = match length {
            Some((_, length)) => length.trim().parse().context("the length is no number")?,
            None if status == 204 => 0,
            None => bail!("the answer has no length"),
        };
        Ok(Some(Self { status, length: end + 4, body }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_when_they_are_whole() {
        let text = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\ndate: now\r\n\r\n{}";
        assert_eq!(Head::parse(text).unwrap(), Some(Head { status: 200, length: text.len() - 2, body: 2 }));
        assert_eq!(Head::parse(&text[..30]).unwrap(), None);
        assert_eq!(Head::parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap().body, 0);
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }

    #[test]
    fn only_what_is_a_success_counts() {
        assert!(Answer { status: 201, head: "", body: b"" }.expect_success("it").is_ok());
        for status in [199, 302, 404, 429, 503] {
            assert!(Answer { status, head: "", body: b"no" }.expect_success("it").is_err(), "{status}");
        }
    }
}
