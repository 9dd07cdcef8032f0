//! The writer of SQLite: one task, one connection, many closures in one transaction.
//!
//! SQLite has one writer at a time, and a durable commit costs an fsync. So closures that wait together are run in
//! one transaction, a SAVEPOINT each, and share the fsync. Each answer is given only after the commit: what was
//! acknowledged is durable. A closure that fails is rolled back to its savepoint and spares its neighbours; a
//! commit that fails is told to every waiter of the batch.
//!
//! Where the disk is slow, clients fall into two groups: while one's commit runs the other waits for it, and each
//! commit serves half of them. A short pause before the next batch lets both into the same one.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::{Executor as _, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::error::StoreError;
use crate::keys::Keys;
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

/// What the writer task shares with its store.
pub(crate) struct State {
    pub(crate) keys: Arc<Keys>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) wakes: Wakes,
    pub(crate) statements: Arc<AtomicU64>,
}

/// The way to the writer task.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(crate) fn start(pool: SqlitePool, state: State) -> Self {
        let (jobs, receiver) = mpsc::channel(1024);
        tokio::spawn(run(pool, receiver, state));
        Self { jobs }
    }

    pub(crate) async fn submit(&self, work: Work) -> Answer {
        let (answer, receiver) = oneshot::channel();
        self.jobs.send(Job { work, answer }).await.map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }
}

async fn run(pool: SqlitePool, mut receiver: mpsc::Receiver<Job>, state: State) {
    let State { keys, clock, wakes, statements } = state;
    let mut batch = Vec::with_capacity(MAX_BATCH);
    let mut idle = None;
    let mut last = Last::default();
    while receiver.recv_many(&mut batch, MAX_BATCH).await > 0 {
        if let Some(pause) = last.pause_before(batch.len()) {
            tokio::time::sleep(pause).await;
            while batch.len() < MAX_BATCH
                && let Ok(job) = receiver.try_recv()
            {
                batch.push(job);
            }
        }
        last.size = batch.len();
        // Kept from one batch to the next: a pool would ask it each time whether it still lives.
        let connection = match idle.take() {
            Some(connection) => connection,
            None => match pool.acquire().await {
                Ok(connection) => Connection::SqliteWriter(connection),
                Err(error) => {
                    for job in batch.drain(..) {
                        let _ = job.answer.send(Err(StoreError::Commit(error.to_string())));
                    }
                    continue;
                }
            },
        };
        let mut tx = Tx::new(connection, keys.clone(), clock.now(), statements.clone());
        match commit_batch(&mut tx, &mut batch, &clock, &mut last.commit).await {
            Ok(answers) => {
                for topic in &tx.wakes {
                    wakes.wake(topic);
                }
                idle = Some(tx.connection);
                for (waiter, answer) in answers {
                    // A waiter that has gone away does not undo what is committed.
                    let _ = waiter.send(answer);
                }
            }
            Err((waiters, error)) => {
                tracing::error!(error, "a batch of writes was not committed");
                let _ = raw(&mut tx, "ROLLBACK").await;
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
async fn commit_batch(
    tx: &mut Tx,
    batch: &mut Vec<Job>,
    clock: &Arc<dyn Clock>,
    commit_time: &mut Duration,
) -> Result<Answers, (Vec<oneshot::Sender<Answer>>, String)> {
    let mut answers: Answers = Vec::with_capacity(batch.len());
    // Who is alone needs no savepoint.
    let is_shared = batch.len() > 1;
    let mut result = raw(tx, if is_shared { "BEGIN IMMEDIATE; SAVEPOINT one" } else { "BEGIN IMMEDIATE" }).await;
    for job in batch.drain(..) {
        if result.is_ok() {
            tx.now = clock.now();
            match run_one(tx, job.work, is_shared).await {
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
        result = raw(tx, "COMMIT").await;
        *commit_time = start.elapsed();
    }
    match result {
        Ok(()) => Ok(answers),
        Err(error) => Err((answers.into_iter().map(|(answer, _)| answer).collect(), error.to_string())),
    }
}

/// Runs one closure; what it did is undone if it failed. The next one's savepoint is then in place.
async fn run_one(tx: &mut Tx, work: Work, is_shared: bool) -> Result<Answer, sqlx::Error> {
    let wakes = tx.wakes.len();
    tx.failed = false;
    let outcome = AssertUnwindSafe(work(tx)).catch_unwind().await;
    match outcome {
        Ok(Ok(value)) if !tx.failed => {
            if is_shared {
                raw(tx, "RELEASE one; SAVEPOINT one").await?;
            }
            Ok(Ok(Ok(value)))
        }
        failed => {
            tx.wakes.truncate(wakes);
            raw(tx, if is_shared { "ROLLBACK TO one" } else { "ROLLBACK; BEGIN" }).await?;
            match failed {
                Ok(Ok(_)) => Ok(Err(StoreError::statement_failed())),
                Ok(outcome) => Ok(Ok(outcome)),
                // The panic goes on where the waiter stands; the writer and the other waiters do not see it.
                Err(panic) => Ok(Ok(Err(Box::new(Panicked(panic))))),
            }
        }
    }
}

/// A panic on its way to the waiter.
pub(crate) struct Panicked(pub(crate) Box<dyn Any + Send>);

async fn raw(tx: &mut Tx, text: &'static str) -> Result<(), sqlx::Error> {
    match &mut tx.connection {
        Connection::SqliteWriter(connection) => connection.execute(sqlx::query(text)).await.map(drop),
        _ => Err(sqlx::Error::Protocol("the writer works on its own connection only".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;
    use crate::clock::SystemClock;
    use crate::database::Database;
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
        url: String,
        _folder: tempfile::TempDir,
    }

    async fn bench() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("test.db").display());
        let Database::Sqlite { writer, .. } = Database::open(&url).await.unwrap() else {
            unreachable!("the URL is SQLite's")
        };
        writer.execute(sqlx::raw_sql(SCHEMA)).await.unwrap();
        let wakes = Wakes::default();
        let state = State {
            keys: Arc::new(Keys::new(Key::generate())),
            clock: Arc::new(SystemClock),
            wakes: wakes.clone(),
            statements: Arc::default(),
        };
        let writer = Writer::start(writer, state);
        Bench { writer, wakes, url, _folder: folder }
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
                        raw(tx, text).await.unwrap();
                    }
                    let value = Box::new(()) as Box<dyn Any + Send>;
                    if fails { Err(value) } else { Ok(value) }
                })
            });
            self.writer.submit(work).await
        }

        async fn parents(&self) -> i64 {
            let mut connection = SqliteConnection::connect(&self.url).await.unwrap();
            sqlx::query_scalar("SELECT COUNT(*) FROM parents").fetch_one(&mut connection).await.unwrap()
        }
    }

    #[tokio::test]
    async fn a_failed_closure_leaves_nothing_and_spares_its_neighbours() {
        for (size, place) in [(1, 0), (3, 0), (3, 1), (3, 2)] {
            let bench = bench().await;
            let batch = (0..size).map(|number| bench.work(GOOD, number == place));
            for (number, answer) in join_all(batch).await.into_iter().enumerate() {
                assert_eq!(answer.unwrap().is_err(), number == place);
            }
            assert_eq!(bench.parents().await, i64::try_from(size).unwrap() - 1);
            assert!(bench.run(GOOD).await.is_ok());
            assert_eq!(bench.parents().await, i64::try_from(size).unwrap());
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
                let bench = bench().await;
                let waiter = bench.wakes.waiter(Topic::Jobs);
                let notified = waiter.notified();
                let batch = (0..size).map(|number| bench.run(if number == place { bad } else { GOOD }));
                for answer in join_all(batch).await {
                    assert!(matches!(answer, Err(StoreError::Commit(_))), "{bad:?} at {place}");
                }
                assert_eq!(bench.parents().await, 0);
                assert!(tokio::time::timeout(Duration::from_millis(5), notified).await.is_err());

                assert!(bench.run(GOOD).await.is_ok(), "the writer does not work on");
                assert_eq!(bench.parents().await, 1);
            }
        }
    }
}
