//! Reads server-sent events: what the API sends of them, which is names, data and comments.

/// Puts the data of events together from the pieces in which they come.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// A line that has not ended.
    line: Vec<u8>,
    /// Of an event that has not ended.
    data: Option<String>,
}

impl Events {
    /// The data of each event that ends in this piece.
    pub(super) fn read(&mut self, piece: &[u8]) -> Vec<String> {
        let mut ended = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if self.line.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&self.line).trim_end_matches(['\r', '\n']).to_owned();
                self.line.clear();
                ended.extend(self.take(&line));
            }
        }
        ended
    }

    /// An empty line ends an event.
    fn take(&mut self, line: &str) -> Option<String> {
        if line.is_empty() {
            return self.data.take();
        }
        if let Some(text) = line.strip_prefix("data:") {
            let text = text.strip_prefix(' ').unwrap_or(text);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(text);
                }
                None => self.data = Some(text.to_owned()),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_wherever_they_are_cut() {
        let stream =
            "event: progress\ndata: {\"é\": 1}\n\n: comment\n\nevent: end\r\ndata:two\r\ndata: lines\r\n\r\ndata: cut";
        let expected = ["{\"é\": 1}", "two\nlines"];
        assert_eq!(Events::default().read(stream.as_bytes()), expected);
        for size in 1..9 {
            let mut events = Events::default();
            let read: Vec<String> = stream.as_bytes().chunks(size).flat_map(|piece| events.read(piece)).collect();
            assert_eq!(read, expected, "in pieces of {size}");
        }
    }

    /// The first byte says how long the pieces are.
    #[test]
    fn fuzz_server_sent_events() {
        ::fuzz::target(env!("CARGO_MANIFEST_DIR"), "server_sent_events", |bytes| {
            let Some((size, stream)) = bytes.split_first() else { return };
            let mut events = Events::default();
            let pieces = stream.chunks(usize::from(*size).max(1));
            let read: Vec<String> = pieces.flat_map(|piece| events.read(piece)).collect();
            assert_eq!(read, Events::default().read(stream));
        });
    }
}
