//! Follows an operation until it is at rest.
//!
//! The server sends what changes. Where such a stream cannot be had (too many are open, a proxy holds it back, the server
//! restarts), the operation is read now and then instead, and the stream is tried again later. Whoever stops watching
//! stops nothing else.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::Session;
use super::bar::{Bar, Seen};
use super::events::Events;
use super::operations::OPERATION;
use super::server::{Answer, Server};
use crate::failure::Failure;
use crate::shutdown;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);
/// So many looks before a stream is tried again that brought nothing.
const LOOKS: u32 = 15;
/// The first event comes at once.
const FIRST: Duration = Duration::from_secs(5);
/// There is a comment every 15 seconds.
const SILENCE: Duration = Duration::from_secs(40);
/// How long a server may be away.
const AWAY: Duration = Duration::from_secs(120);
/// It did not complete, or nobody looked any more.
const NOT_COMPLETED: u8 = 4;

/// How a stream ended.
enum Streamed {
    /// With the last event.
    AtRest(Box<(Answer, Seen)>),
    /// Before it.
    Closed,
    /// It brought nothing.
    Silent,
}

/// Shows its progress, and how it ended.
pub(super) async fn run(session: &Session, id: &str) -> Result<ExitCode, Failure> {
    let stop = shutdown::on_signal()?;
    let mut bar = Bar::new();
    let ended = stop.run_until_cancelled(until_at_rest(&session.server, id, &mut bar)).await;
    bar.end();
    let (operation, seen) = match ended {
        Some(Ok(last)) => last,
        Some(Err(failure)) => {
            if may_pass(&failure) {
                goes_on(id);
            }
            return Err(failure);
        }
        None => {
            goes_on(id);
            return Ok(ExitCode::from(NOT_COMPLETED));
        }
    };
    session.printer.full(&operation, &OPERATION)?;
    if seen.is_completed() {
        return Ok(ExitCode::SUCCESS);
    }
    session.printer.note(&why_not(&seen));
    if seen.state != "cancelled" {
        session.printer.note(&format!("to let it go on: portal admin operations resume {id} --watch --reason …"));
    }
    Ok(ExitCode::from(NOT_COMPLETED))
}

fn goes_on(id: &str) {
    eprintln!("operation {id} goes on without being watched");
    eprintln!("to watch it again: portal admin operations watch {id}");
    eprintln!("to end it: portal admin operations cancel {id} --reason …");
}

/// `stopped: 3 of the 10 items of step 2 that have run failed again`.
fn why_not(seen: &Seen) -> String {
    let by = seen.changed_by.as_deref().map(|by| format!("by {by}"));
    let why = [&seen.explanation, &by, &seen.change_reason].into_iter().flatten();
    format!("{}: {}", seen.state, why.map(String::as_str).collect::<Vec<_>>().join(", "))
}

async fn until_at_rest(server: &Server, id: &str, bar: &mut Bar) -> Result<(Answer, Seen), Failure> {
    // a server that was never there is not waited for
    let mut heard: Option<Instant> = None;
    loop {
        let looks = match stream(server, id, bar).await {
            Streamed::AtRest(last) => return Ok(*last),
            Streamed::Closed => {
                heard = Some(Instant::now());
                1
            }
            Streamed::Silent => LOOKS,
        };
        for _ in 0..looks {
            match look(server, id).await {
                Ok((operation, seen)) => {
                    heard = Some(Instant::now());
                    bar.show(&seen);
                    if seen.is_at_rest() {
                        return Ok((operation, seen));
                    }
                }
                Err(failure) if may_pass(&failure) && heard.is_some_and(|at| at.elapsed() < AWAY) => {}
                Err(failure) => return Err(failure),
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// Whether the server may be back soon.
fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable { .. } => true,
        Failure::Refused(problem) => problem.is_of_the_server(),
        _ => false,
    }
}

async fn look(server: &Server, id: &str) -> Result<(Answer, Seen), Failure> {
    let operation = server.get(&["operations", id], &Vec::new()).await?;
    let wrong = Failure::system("reading the operation");
    let seen = serde_json::from_value(operation.body.clone()).map_err(wrong)?;
    Ok((operation, seen))
}

async fn stream(server: &Server, id: &str, bar: &mut Bar) -> Streamed {
    let Some(mut response) = server.stream(&["operations", id, "events"]).await else { return Streamed::Silent };
    let (mut events, mut patience) = (Events::default(), FIRST);
    while let Ok(Ok(Some(piece))) = tokio::time::timeout(patience, response.chunk()).await {
        for text in events.read(&piece) {
            let (Ok(body), Ok(seen)) = (serde_json::from_str(&text), serde_json::from_str::<Seen>(&text)) else {
                continue;
            };
            patience = SILENCE;
            bar.show(&seen);
            if seen.is_at_rest() {
                return Streamed::AtRest(Box::new((Answer { text, body, etag: None }, seen)));
            }
        }
    }
    if patience == FIRST { Streamed::Silent } else { Streamed::Closed }
}
