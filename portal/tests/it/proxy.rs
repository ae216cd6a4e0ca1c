//! A way to the API on which requests and answers get lost.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// What becomes of a request.
pub(crate) enum Fate {
    Answered,
    /// It is done, but nobody hears of it.
    AnswerLost,
    /// It never arrives.
    RequestLost,
}

/// Listens for as long as the tests run; the number of each request and its first line decide its fate.
pub(crate) fn to(addr: &str, fate: impl Fn(usize, &str) -> Fate + Send + 'static) -> String {
    let (listener, addr) = (TcpListener::bind("127.0.0.1:0").unwrap(), addr.to_owned());
    let ours = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let mut client = client.unwrap();
            let request = request(&mut client);
            let fate = fate(number, request.lines().next().unwrap_or_default());
            if matches!(fate, Fate::RequestLost) {
                continue;
            }
            let answer = answer(&addr, &request);
            if matches!(fate, Fate::Answered) {
                // who has gone away gets nothing
                let _ = client.write_all(&answer);
            }
        }
    });
    ours
}

fn request(client: &mut TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    loop {
        let read = client.read(&mut buffer).unwrap_or_default();
        text.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        if read == 0 || is_whole(&text) {
            return text;
        }
    }
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().unwrap())
}

/// All of it: the connection is not kept.
fn answer(addr: &str, request: &str) -> Vec<u8> {
    let mut server = TcpStream::connect(addr).unwrap();
    let once = request.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    server.write_all(once.as_bytes()).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    answer
}
