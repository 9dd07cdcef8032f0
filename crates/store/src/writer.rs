//! The writer of SQLite: one thread, one connection, many closures in one transaction.
//!
//! SQLite has one writer at a time, and a durable commit costs an fsync. So closures that wait together are run in
//! one transaction, a SAVEPOINT each, and share the fsync. Each answer is given only after the commit: what was
//! acknowledged is durable. A closure that fails is rolled back to its savepoint and spares its neighbours; a
//! commit that fails is told to every waiter of the batch.
//!
//! Where the disk is slow, clients fall into two groups: while one's commit runs the other waits for it, and each
//! commit serves half of them. A short pause before the next batch lets both into the same one.
//!
//! A call to SQLite answers where one stands, so a closure that awaits nothing but its transaction is through at the
//! first poll. One that is not awaits something else while everybody's writes wait for it, and fails.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::error::StoreError;
use crate::keys::Keys;
use crate::sqlite::Sqlite;
use crate::transaction::{Connection, Tx};
use crate::wake::Wakes;

/// Most closures in one transaction.
const MAX_BATCH: usize = 128;
/// From here on a commit is so slow that waiting for more to share it pays.
const SLOW_COMMIT: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

type Outcome = Result<Box<dyn Any + Send>, Box<dyn Any + Send>>;
type Work = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Outcome> + Send>;

/// What a waiter gets: the closure's own result, or the failure of the batch around it.
pub(crate) type Answer = Result<Outcome, StoreError>;

struct Job {
    work: Work,
    answer: oneshot::Sender<Answer>,
}

/// What the writer shares with its store.
pub(crate) struct State {
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wakes: Wakes,
    pub(crate) statements: Arc<AtomicU64>,
}

/// The way to the writer.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the writer; it ends when nobody can submit to it any more.
    pub(crate) fn start(connection: Sqlite, state: State) -> Result<Self, StoreError> {
        let (jobs, receiver) = mpsc::channel(1024);
        let thread = std::thread::Builder::new().name("store-writer".to_owned());
        thread.spawn(move || run(connection, receiver, &state)).map_err(StoreError::file("the writer's thread"))?;
        Ok(Self { jobs })
    }

    pub(crate) async fn submit(&self, work: Work) -> Answer {
        let (answer, receiver) = oneshot::channel();
        self.jobs.send(Job { work, answer }).await.map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }
}

fn run(connection: Sqlite, mut receiver: mpsc::Receiver<Job>, state: &State) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let mut last = Last::default();
    let connection = Connection::SqliteWriter(connection);
    let mut tx = Tx::new(connection, state.keys.clone(), state.clock.now(), state.statements.clone());
    while receiver.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        if let Some(pause) = last.pause_before(batch.len()) {
            std::thread::sleep(pause);
            while batch.len() < MAX_BATCH
                && let Ok(job) = receiver.try_recv()
            {
                batch.push(job);
            }
        }
        last.size = batch.len();
        tx.wakes.clear();
        match commit_batch(&mut tx, &mut batch, &state.clock, &mut last.commit) {
            Ok(answers) => {
                for topic in &tx.wakes {
                    state.wakes.wake(topic);
                }
                for (waiter, answer) in answers {
                    // A waiter that has gone away does not undo what is committed.
                    let _ = waiter.send(answer);
                }
            }
            Err((waiters, error)) => {
                tracing::error!(error, "a batch of writes was not committed");
                let _ = control(&tx, "ROLLBACK");
                for waiter in waiters {
                    let _ = waiter.send(Err(StoreError::Commit(error.clone())));
                }
            }
        }
    }
}

/// What the next batch goes by.
#[derive(Default)]
struct Last {
    /// How long the last commit took.
    commit: Duration,
    /// How many closures it served.
    size: usize,
}

impl Last {
    /// How long a batch that has `size` closures waits for more. One closure after the other is not slowed down, nor
    /// is anybody where commits are fast.
    fn pause_before(&self, size: usize) -> Option<Duration> {
        let is_crowded = self.size + size > 2;
        (is_crowded && self.commit >= SLOW_COMMIT).then(|| (self.commit / 4).min(LONGEST_PAUSE))
    }
}

type Answers = Vec<(oneshot::Sender<Answer>, Answer)>;

/// Runs the batch in one transaction. On an error, the waiters whose closures had run are handed back; the others
/// are told here.
fn commit_batch(
    tx: &mut Tx,
    batch: &mut Vec<Job>,
    clock: &Arc<dyn Clock>,
    commit_time: &mut Duration,
) -> Result<Answers, (Vec<oneshot::Sender<Answer>>, String)> {
    let mut answers: Answers = Vec::with_capacity(batch.len());
    // Who is alone needs no savepoint.
    let is_shared = batch.len() > 1;
    let mut result = control(tx, "BEGIN IMMEDIATE");
    if is_shared {
        result = result.and_then(|()| control(tx, "SAVEPOINT one"));
    }
    for job in batch.drain(..) {
        if result.is_ok() {
            tx.now = clock.now();
            match run_one(tx, job.work, is_shared) {
                Ok(answer) => {
                    answers.push((job.answer, answer));
                    continue;
                }
                Err(error) => result = Err(error),
            }
        }
        if let Err(error) = &result {
            let _ = job.answer.send(Err(StoreError::Commit(error.to_string())));
        }
    }
    if result.is_ok() {
        let start = Instant::now();
        result = control(tx, "COMMIT");
        *commit_time = start.elapsed();
    }
    match result {
        Ok(()) => Ok(answers),
        Err(error) => Err((answers.into_iter().map(|(answer, _)| answer).collect(), error.to_string())),
    }
}

/// Runs one closure; what it did is undone if it failed. The next one's savepoint is then in place.
fn run_one(tx: &mut Tx, work: Work, is_shared: bool) -> Result<Answer, StoreError> {
    let wakes = tx.wakes.len();
    tx.failed = false;
    let outcome = catch_unwind(AssertUnwindSafe(|| work(tx).now_or_never()));
    match outcome {
        Ok(Some(Ok(value))) if !tx.failed => {
            if is_shared {
                control(tx, "RELEASE one")?;
                control(tx, "SAVEPOINT one")?;
            }
            Ok(Ok(Ok(value)))
        }
        failed => {
            tx.wakes.truncate(wakes);
            if is_shared {
                control(tx, "ROLLBACK TO one")?;
            } else {
                control(tx, "ROLLBACK")?;
                control(tx, "BEGIN IMMEDIATE")?;
            }
            match failed {
                Ok(Some(Ok(_))) => Ok(Err(StoreError::statement_failed())),
                Ok(Some(outcome)) => Ok(Ok(outcome)),
                Ok(None) => Ok(Err(StoreError::Commit("it waited for something beside its transaction".to_owned()))),
                // The panic goes on where the waiter stands; the writer and the other waiters do not see it.
                Err(panic) => Ok(Ok(Err(Box::new(Panicked(panic))))),
            }
        }
    }
}

/// A panic on its way to the waiter.
pub(crate) struct Panicked(pub(crate) Box<dyn Any + Send>);

fn control(tx: &Tx, text: &'static str) -> Result<(), StoreError> {
    match &tx.connection {
        Connection::SqliteWriter(connection) => connection.control(text),
        Connection::SqliteReader(_) | Connection::PostgresTransaction(_) => Err(StoreError::OnlyReads),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::clock::SystemClock;
    use crate::sealing::Key;
    use crate::wake::Topic;

    const SCHEMA: &str = "CREATE TABLE parents (id INTEGER PRIMARY KEY); CREATE TABLE children \
        (parent_id INTEGER NOT NULL REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED)";
    const GOOD: &[&str] = &["INSERT INTO parents DEFAULT VALUES"];
    /// Passes as a statement and fails at the COMMIT.
    const ORPHAN: &[&str] = &["INSERT INTO children (parent_id) VALUES (999)"];
    /// What SQLite does by itself when the disk is full.
    const ROLLED_BACK: &[&str] = &["INSERT INTO parents DEFAULT VALUES", "ROLLBACK"];

    struct Bench {
        writer: Writer,
        wakes: Wakes,
        folder: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let connection = Sqlite::open(&folder.path().join("test.db")).unwrap();
        connection.batch(SCHEMA).unwrap();
        let wakes = Wakes::default();
        let state = State {
            keys: Arc::new(Keys::new(Key::generate())),
            clock: Arc::new(SystemClock),
            wakes: wakes.clone(),
            statements: Arc::default(),
        };
        Bench { writer: Writer::start(connection, state).unwrap(), wakes, folder }
    }

    impl Bench {
        async fn run(&self, texts: &'static [&'static str]) -> Answer {
            self.work(texts, false).await
        }

        async fn work(&self, texts: &'static [&'static str], fails: bool) -> Answer {
            let work: Work = Box::new(move |tx| {
                Box::pin(async move {
                    tx.wake(Topic::Jobs);
                    for text in texts {
                        control(tx, text).unwrap();
                    }
                    let value = Box::new(()) as Box<dyn Any + Send>;
                    if fails { Err(value) } else { Ok(value) }
                })
            });
            self.writer.submit(work).await
        }

        /// The answers to what comes while the writer is held up, and so shares one batch.
        async fn together(&self, batch: impl Iterator<Item = impl Future<Output = Answer>>) -> Vec<Answer> {
            let (release, released) = std::sync::mpsc::channel();
            let hold: Work = Box::new(move |_| {
                released.recv().unwrap();
                Box::pin(std::future::ready(Ok(Box::new(()) as Box<dyn Any + Send>)))
            });
            let release = async move { release.send(()).unwrap() };
            let (_, answers, ()) = tokio::join!(self.writer.submit(hold), join_all(batch), release);
            answers
        }

        fn parents(&self) -> i64 {
            let connection = rusqlite::Connection::open(self.folder.path().join("test.db")).unwrap();
            connection.query_row("SELECT COUNT(*) FROM parents", [], |row| row.get(0)).unwrap()
        }
    }

    #[tokio::test]
    async fn a_closure_that_waits_for_something_else_fails_and_holds_nobody_up() {
        let bench = bench();
        let waits: Work = Box::new(|tx| {
            Box::pin(async move {
                control(tx, GOOD[0]).unwrap();
                std::future::pending().await
            })
        });
        let (waited, good) = tokio::join!(bench.writer.submit(waits), bench.run(GOOD));
        assert!(matches!(waited, Err(StoreError::Commit(_))));
        assert!(good.is_ok());
        assert_eq!(bench.parents(), 1);
    }

    #[tokio::test]
    async fn a_failed_closure_leaves_nothing_and_spares_its_neighbours() {
        for (size, place) in [(1, 0), (3, 0), (3, 1), (3, 2)] {
            let bench = bench();
            let batch = (0..size).map(|number| bench.work(GOOD, number == place));
            for (number, answer) in join_all(batch).await.into_iter().enumerate() {
                assert_eq!(answer.unwrap().is_err(), number == place);
            }
            assert_eq!(bench.parents(), i64::try_from(size).unwrap() - 1);
            assert!(bench.run(GOOD).await.is_ok());
            assert_eq!(bench.parents(), i64::try_from(size).unwrap());
        }
    }

    #[test]
    fn only_a_crowd_before_a_slow_disk_waits() {
        let pause = |commit, last, now| Last { commit: Duration::from_micros(commit), size: last }.pause_before(now);
        for fast in [0, 300, 1_999] {
            assert_eq!(pause(fast, 1, 1), None);
            assert_eq!(pause(fast, 100, 100), None);
        }
        for slow in [2_000, 6_000, 1_000_000] {
            assert_eq!(pause(slow, 0, 1), None);
            assert_eq!(pause(slow, 1, 1), None, "one after the other");
            for (last, now) in [(1, 2), (8, 1), (8, 8)] {
                let pause = pause(slow, last, now).unwrap();
                assert!(pause <= LONGEST_PAUSE && pause.as_micros() <= u128::from(slow) / 4, "{pause:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_failed_commit_is_told_to_all_and_stores_nothing() {
        for bad in [ORPHAN, ROLLED_BACK] {
            for (size, place) in [(1, 0), (3, 0), (3, 1), (3, 2)] {
                let bench = bench();
                let waiter = bench.wakes.waiter(Topic::Jobs);
                let notified = waiter.notified();
                let batch = (0..size).map(|number| bench.run(if number == place { bad } else { GOOD }));
                for answer in bench.together(batch).await {
                    let error = answer.err();
                    assert!(matches!(error, Some(StoreError::Commit(_))), "{bad:?} at {place}: {error:?}");
                }
                assert_eq!(bench.parents(), 0);
                assert!(tokio::time::timeout(Duration::from_millis(5), notified).await.is_err());

                assert!(bench.run(GOOD).await.is_ok(), "the writer does not work on");
                assert_eq!(bench.parents(), 1);
            }
        }
    }
}
