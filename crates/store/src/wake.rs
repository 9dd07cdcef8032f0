//! Wakes: hints that something may have changed. Losing one costs time, never truth: every waiter also polls.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// What may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A job waits for a runner.
    Jobs,
    /// An event waits for the sealer.
    Events,
    /// A phase's log grew or ended: the phase's id.
    Log(String),
    /// A run changed: its id.
    Run(String),
    /// A state's resources wait to be read.
    States,
    /// Tokens were removed.
    Tokens,
}

/// Who waits for what, in this process.
#[derive(Clone, Default)]
pub struct Wakes {
    waiters: Arc<Mutex<HashMap<Topic, Arc<Notify>>>>,
    token_removals: Arc<AtomicU64>,
}

/// A place in the list of waiters; forgets itself.
pub struct Waiter {
    topic: Topic,
    notify: Arc<Notify>,
    wakes: Wakes,
}

impl Wakes {
    /// Registers a waiter. Whatever is woken after this call is seen by [`Waiter::notified`], if that future is
    /// made before the truth is read.
    pub fn waiter(&self, topic: Topic) -> Waiter {
        let mut waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        let notify = waiters.entry(topic.clone()).or_default().clone();
        Waiter { topic, notify, wakes: self.clone() }
    }

    pub(crate) fn token_removals(&self) -> u64 {
        self.token_removals.load(Ordering::SeqCst)
    }

    pub(crate) fn wake(&self, topic: &Topic) {
        if *topic == Topic::Tokens {
            self.token_removals.fetch_add(1, Ordering::SeqCst);
        }
        let waiters = self.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(notify) = waiters.get(topic) {
            notify.notify_waiters();
        }
    }
}

impl Waiter {
    /// Resolves at the next wake after this call.
    pub fn notified(&self) -> tokio::sync::futures::OwnedNotified {
        self.notify.clone().notified_owned()
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiters = self.wakes.waiters.lock().unwrap_or_else(PoisonError::into_inner);
        // Two holders left: the map and this waiter.
        if Arc::strong_count(&self.notify) <= 2 {
            waiters.remove(&self.topic);
        }
    }
}
