//! The least HTTP client that will do.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// An answer with its body, which is null if it is not JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// The same as it came.
    pub(crate) text: String,
}

/// Sends a request to `host:port`; `headers` are whole lines.
pub(crate) fn send(addr: &str, request: &str, headers: &[String], body: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).unwrap();
    let mut text = format!("{request} HTTP/1.0\r\nhost: {addr}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        text.push_str(&format!("{header}\r\n"));
    }
    stream.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, body: serde_json::from_str(body).unwrap_or(Value::Null), text: body.to_owned() }
}

/// A GET with a bearer token.
pub(crate) fn get(addr: &str, path: &str, token: &str) -> Answer {
    send(addr, &format!("GET {path}"), &[format!("authorization: Bearer {token}")], "")
}

/// A POST of JSON with a bearer token.
pub(crate) fn post(addr: &str, path: &str, token: &str, body: &Value) -> Answer {
    let headers = [format!("authorization: Bearer {token}"), "content-type: application/json".to_owned()];
    send(addr, &format!("POST {path}"), &headers, &body.to_string())
}
