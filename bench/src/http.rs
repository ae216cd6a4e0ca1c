//! HTTP/1.1 over a connection that stays open, as little work per request as possible: the client
//! shares the machine with what it measures.

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::Result;

/// An open connection to a server that answers with `content-length`.
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer; its body lies in the connection until the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Where the body begins.
    body: usize,
    /// Where the answer ends.
    end: usize,
}

impl Connection {
    pub(crate) async fn open(addr: &str) -> Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(16_384) })
    }

    /// Sends a whole request, waits for the whole answer; its status.
    pub(crate) async fn send(&mut self, request: &[u8]) -> Result<u16> {
        Ok(self.exchange(request).await?.status)
    }

    /// The same; the body as JSON.
    ///
    /// # Errors
    /// When the answer is not 200, too.
    pub(crate) async fn json(&mut self, request: &[u8]) -> Result<Value> {
        let head = self.exchange(request).await?;
        let body = &self.received[head.body..head.end];
        if head.status != 200 {
            return Err(format!("answer {}: {}", head.status, String::from_utf8_lossy(body)).into());
        }
        Ok(serde_json::from_slice(body)?)
    }

    /// The body of the last answer, for an error message.
    pub(crate) fn last_answer(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Head> {
        self.received.clear();
        self.stream.write_all(request).await?;
        loop {
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some(head) = head(&self.received)?
                && self.received.len() >= head.end
            {
                return Ok(head);
            }
        }
    }
}

/// `None` while the head is incomplete.
fn head(received: &[u8]) -> Result<Option<Head>> {
    let Some(length) = received.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(&received[..length])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).ok_or("no status line")?.parse()?;
    let mut content = 0;
    for line in lines {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            content = value.trim().parse()?;
        }
    }
    let body = length + 4;
    Ok(Some(Head { status, body, end: body + content }))
}

/// A `GET` with a bearer token.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_the_last_byte_of_its_body() {
        let answer = b"HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\netag: \"1\"\r\n\r\n{}";
        let head = head(answer).unwrap().unwrap();
        assert_eq!((head.status, &answer[head.body..head.end]), (409, &b"{}"[..]));
        assert_eq!(super::head(b"HTTP/1.1 200 OK\r\n").unwrap(), None);
        assert!(super::head(b"nonsense\r\n\r\n").is_err());
    }
}
