//! Which of many futures polled by one task have something new.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use futures::task::AtomicWaker;

/// The numbers of the futures that were woken, in that order.
#[derive(Default)]
pub(super) struct News {
    numbers: Mutex<Vec<u64>>,
    task: AtomicWaker,
}

impl News {
    /// Wakes the task, and lets it know which future it was for.
    pub(super) fn waker(self: &Arc<Self>, number: u64) -> Waker {
        Waker::from(Arc::new(Numbered { number, news: self.clone() }))
    }

    /// The task that is woken from now on.
    pub(super) fn announce_to(&self, task: &Waker) {
        self.task.register(task);
    }

    /// There is something new about this one; the task is at work and looks by itself.
    pub(super) fn note(&self, number: u64) {
        self.numbers.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    }

    /// Takes what is there.
    pub(super) fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *self.numbers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Numbered {
    number: u64,
    news: Arc<News>,
}

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.news.note(self.number);
        self.news.task.wake();
    }
}
