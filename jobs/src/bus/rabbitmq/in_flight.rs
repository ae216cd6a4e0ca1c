//! Published and not yet confirmed.
//!
//! A message that no queue takes is *returned* before it is confirmed. lapin hands a return to
//! whichever confirm it completes next, which with many messages under way may be that of another
//! one. So verdicts are not given confirm by confirm: all confirms that are there are collected
//! first, then each message is judged knowing everything returned up to then. That is safe because
//!
//! * a confirm without a return means that lapin had no return left when it completed it, so the
//!   message's own return, if there was one, was handed to a confirm completed before;
//! * whatever was completed before is seen by a later round of polls, and rounds are made until
//!   one finds nothing.
//!
//! A confirm that carries another message's return leaves open whether its own is still to come:
//! that message counts as returned. At worst it is published twice.
//!
//! Only messages of which there is news are looked at: with hundreds under way, a look at all of
//! them for each confirm took most of the time there is. `FuturesUnordered` does the same, but may
//! pause before everything completed was seen, which the above does not allow.

use std::collections::{BTreeMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::sync::oneshot;

use super::news::News;
use crate::bus::PublishError;

/// Where the verdict on a message goes.
pub(super) type Reply = oneshot::Sender<Result<(), PublishError>>;

/// Resolves with the broker's answer; sends the message when polled for the first time.
pub(super) type Confirming = Pin<Box<dyn Future<Output = lapin::Result<Answer>> + Send>>;

/// What came with a confirm.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) acked: bool,
    /// Message id of a return that lapin handed over with it.
    pub(super) returned: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Confirmed,
    Nacked,
    Unroutable,
}

/// The messages of one AMQP channel, in the order in which they are sent.
#[derive(Default)]
pub(super) struct InFlight {
    messages: BTreeMap<u64, Message>,
    /// The number of the next message.
    next: u64,
    /// Messages to look at, new ones included.
    news: Arc<News>,
    /// Returned, but not yet confirmed.
    returned: HashSet<String>,
}

struct Message {
    id: String,
    since: Instant,
    confirming: Confirming,
    reply: Reply,
    waker: Waker,
}

/// What a look at all messages found.
#[derive(Default)]
pub(super) struct Settled {
    pub(super) verdicts: Vec<(Reply, Verdict)>,
    /// No verdict, because the channel or connection broke.
    pub(super) lost: Vec<Reply>,
    /// How it broke.
    pub(super) broken: Option<lapin::Error>,
}

impl InFlight {
    /// Adds a message; it is sent by the next [`poll_settled`](Self::poll_settled), after those
    /// added before it.
    pub(super) fn push(&mut self, id: String, confirming: Confirming, reply: Reply) {
        let number = self.next;
        self.next += 1;
        let waker = self.news.waker(number);
        self.news.note(number);
        self.messages.insert(number, Message { id, since: Instant::now(), confirming, reply, waker });
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Since when the oldest waits.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.messages.first_key_value().map(|(_, message)| message.since)
    }

    /// Sends what is new and gives verdicts on what is confirmed.
    pub(super) fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<Settled> {
        self.news.announce_to(cx.waker());
        let mut answered = Vec::new();
        loop {
            let news = self.news.take();
            if news.is_empty() {
                break;
            }
            for number in news {
                // none: more news of one that was answered in this round
                let Some(message) = self.messages.get_mut(&number) else { continue };
                if let Poll::Ready(answer) = message.confirming.as_mut().poll(&mut Context::from_waker(&message.waker))
                    && let Some(message) = self.messages.remove(&number)
                {
                    answered.push((message, answer));
                }
            }
        }
        if answered.is_empty() { Poll::Pending } else { Poll::Ready(self.judge(answered)) }
    }

    /// Gives up: all that have no verdict yet. What is confirmed by now still gets its verdict.
    pub(super) fn abandon(&mut self) -> Settled {
        let mut settled = match self.poll_settled(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(settled) => settled,
            Poll::Pending => Settled::default(),
        };
        settled.lost.extend(std::mem::take(&mut self.messages).into_values().map(|message| message.reply));
        settled
    }

    fn judge(&mut self, answered: Vec<(Message, lapin::Result<Answer>)>) -> Settled {
        let returned = answered.iter().filter_map(|(_, answer)| answer.as_ref().ok()?.returned.clone());
        self.returned.extend(returned);
        let mut settled = Settled::default();
        for (message, answer) in answered {
            let own = self.returned.remove(&message.id);
            match answer {
                Ok(answer) => settled.verdicts.push((message.reply, verdict(own, &answer))),
                Err(error) => {
                    settled.lost.push(message.reply);
                    settled.broken.get_or_insert(error);
                }
            }
        }
        // a message already judged because of a foreign return
        self.returned.retain(|id| self.messages.values().any(|message| message.id == *id));
        settled
    }
}

fn verdict(own_return: bool, answer: &Answer) -> Verdict {
    match answer {
        _ if own_return => Verdict::Unroutable,
        Answer { returned: Some(_), .. } => Verdict::Unroutable,
        Answer { acked: true, .. } => Verdict::Confirmed,
        Answer { acked: false, .. } => Verdict::Nacked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Broker = oneshot::Sender<lapin::Result<Answer>>;

    /// Messages `0`, `1`, … with a broker's answer to come, and where their verdicts arrive.
    fn in_flight(count: usize) -> (InFlight, Vec<Option<Broker>>) {
        let mut in_flight = InFlight::default();
        let brokers = (0..count).map(|n| {
            let (broker, answer) = oneshot::channel::<lapin::Result<Answer>>();
            let (reply, _) = oneshot::channel();
            in_flight.push(n.to_string(), Box::pin(async move { answer.await.unwrap() }), reply);
            Some(broker)
        });
        let brokers = brokers.collect();
        (in_flight, brokers)
    }

    fn ack(broker: &mut Option<Broker>, returned: Option<&str>) {
        let answer = Answer { acked: true, returned: returned.map(str::to_owned) };
        broker.take().unwrap().send(Ok(answer)).unwrap();
    }

    fn verdicts(in_flight: &mut InFlight) -> Vec<Verdict> {
        match in_flight.poll_settled(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(settled) => settled.verdicts.into_iter().map(|(_, verdict)| verdict).collect(),
            Poll::Pending => Vec::new(),
        }
    }

    #[test]
    fn each_confirm_settles_its_own_message() {
        let (mut in_flight, mut brokers) = in_flight(3);
        assert_eq!(verdicts(&mut in_flight), []);
        ack(&mut brokers[1], None);
        assert_eq!(verdicts(&mut in_flight), [Verdict::Confirmed]);
        assert_eq!(in_flight.len(), 2);
        let nack = Answer { acked: false, returned: None };
        brokers[0].take().unwrap().send(Ok(nack)).unwrap();
        ack(&mut brokers[2], None);
        assert_eq!(verdicts(&mut in_flight), [Verdict::Nacked, Verdict::Confirmed]);
    }

    #[test]
    fn a_return_that_came_with_another_confirm_still_counts_for_its_message() {
        let (mut in_flight, mut brokers) = in_flight(3);
        // confirmed together: lapin gives the return of 0 to 2
        ack(&mut brokers[2], Some("0"));
        ack(&mut brokers[0], None);
        ack(&mut brokers[1], None);
        assert_eq!(verdicts(&mut in_flight), [Verdict::Unroutable, Verdict::Confirmed, Verdict::Unroutable]);
        assert!(in_flight.returned.is_empty());
    }

    #[test]
    fn a_return_is_remembered_until_its_message_is_confirmed() {
        let (mut in_flight, mut brokers) = in_flight(2);
        ack(&mut brokers[1], Some("0"));
        assert_eq!(verdicts(&mut in_flight), [Verdict::Unroutable]);
        ack(&mut brokers[0], None);
        assert_eq!(verdicts(&mut in_flight), [Verdict::Unroutable]);
    }

    #[test]
    fn a_late_return_is_not_held_against_the_next_attempt() {
        let (mut in_flight, mut brokers) = in_flight(2);
        ack(&mut brokers[0], Some("1"));
        assert_eq!(verdicts(&mut in_flight), [Verdict::Unroutable]);
        ack(&mut brokers[1], Some("0"));
        assert_eq!(verdicts(&mut in_flight), [Verdict::Unroutable]);
        assert!(in_flight.returned.is_empty());
    }

    #[test]
    fn what_was_confirmed_before_the_loss_is_confirmed() {
        let (mut in_flight, mut brokers) = in_flight(3);
        ack(&mut brokers[1], None);
        brokers[2].take().unwrap().send(Err(lapin::ErrorKind::MissingHeartbeatError.into())).unwrap();
        let settled = in_flight.abandon();
        assert_eq!(settled.verdicts.len(), 1);
        assert_eq!(settled.lost.len(), 2);
        assert!(settled.broken.is_some());
        assert_eq!(in_flight.len(), 0);
    }
}
