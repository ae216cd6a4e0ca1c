//! Streams of events that are open. A stream is answered like any request and then stays: neither the number of
//! requests nor their time limits it, so it is counted here; and a stop would wait for it, so it is told.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::problem::Problem;

/// Streams at once.
const MOST: usize = 100;

/// The open streams of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Streams {
    free: Arc<Semaphore>,
    closing: Arc<watch::Sender<bool>>,
}

/// The right to one of them, as long as it is kept, and the news that it has to end.
pub(crate) struct Place {
    _permit: OwnedSemaphorePermit,
    closing: watch::Receiver<bool>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(MOST)), closing: Arc::new(watch::Sender::new(false)) }
    }
}

impl Streams {
    /// # Errors
    /// 503 `too_many_streams`.
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        let permit = self.free.clone().try_acquire_owned().map_err(|_| {
            let detail = format!("{MOST} streams are open already; close one, or ask for the state instead");
            Problem::unavailable("too_many_streams", detail, 5)
        })?;
        Ok(Place { _permit: permit, closing: self.closing.subscribe() })
    }

    /// Ends all of them, and every one that is opened from now on.
    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }
}

impl Place {
    /// Comes when the stream has to end.
    pub(crate) async fn closed(&mut self) {
        // without its sender there is no server any more
        let _ = self.closing.wait_for(|closing| *closing).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_room_for_so_many_until_they_are_closed() {
        let streams = Streams::default();
        let mut places: Vec<_> = (0..MOST).map(|_| streams.place().ok().unwrap()).collect();
        assert_eq!(streams.place().err().unwrap().code(), "too_many_streams");
        places.pop();
        let mut again = streams.place().ok().unwrap();
        streams.close();
        again.closed().await;
    }
}
