//! The writer of SQLite: one task, one connection, many closures in one transaction.
//!
//! SQLite has one writer at a time, and a durable commit costs an fsync. So closures that wait together are run in
//! one transaction, a SAVEPOINT each, and share the fsync. Each answer is given only after the commit: what was
//! acknowledged is durable. A closure that fails is rolled back to its savepoint and spares its neighbours; a
//! commit that fails is told to every waiter of the batch.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

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

type Outcome = Result<Box<dyn Any + Send>, Box<dyn Any + Send>>;
type Work = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Outcome> + Send>;

/// What a waiter gets: the closure's own result, or the failure of the batch around it.
pub(crate) type Answer = Result<Outcome, StoreError>;

struct Job {
    work: Work,
    answer: oneshot::Sender<Answer>,
}

/// The way to the writer task.
#[derive(Clone)]
pub(crate) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    pub(crate) fn start(pool: SqlitePool, keys: Arc<Keys>, clock: Arc<dyn Clock>, wakes: Wakes) -> Self {
        let (jobs, receiver) = mpsc::channel(1024);
        tokio::spawn(run(pool, receiver, keys, clock, wakes));
        Self { jobs }
    }

    pub(crate) async fn submit(&self, work: Work) -> Answer {
        let (answer, receiver) = oneshot::channel();
        self.jobs.send(Job { work, answer }).await.map_err(|_| StoreError::Closed)?;
        receiver.await.map_err(|_| StoreError::Closed)?
    }
}

async fn run(
    pool: SqlitePool,
    mut receiver: mpsc::Receiver<Job>,
    keys: Arc<Keys>,
    clock: Arc<dyn Clock>,
    wakes: Wakes,
) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while receiver.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let connection = match pool.acquire().await {
            Ok(connection) => connection,
            Err(error) => {
                refuse(&mut batch, &error.to_string());
                continue;
            }
        };
        let mut tx = Tx::new(Connection::SqliteWriter(connection), keys.clone(), clock.now());
        match commit_batch(&mut tx, &mut batch, &clock).await {
            Ok(answers) => {
                for topic in &tx.wakes {
                    wakes.wake(topic);
                }
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
                refuse(&mut batch, &error);
            }
        }
    }
}

fn refuse(batch: &mut Vec<Job>, error: &str) {
    for job in batch.drain(..) {
        let _ = job.answer.send(Err(StoreError::Commit(error.to_owned())));
    }
}

type Answers = Vec<(oneshot::Sender<Answer>, Answer)>;

/// Runs the batch in one transaction. On an error, the waiters whose closures had run are handed back.
async fn commit_batch(
    tx: &mut Tx,
    batch: &mut Vec<Job>,
    clock: &Arc<dyn Clock>,
) -> Result<Answers, (Vec<oneshot::Sender<Answer>>, String)> {
    let mut answers: Answers = Vec::with_capacity(batch.len());
    let mut result = raw(tx, "BEGIN IMMEDIATE").await;
    if result.is_ok() {
        for job in batch.drain(..) {
            tx.now = clock.now();
            match run_one(tx, job.work).await {
                Ok(answer) => answers.push((job.answer, answer)),
                Err(error) => {
                    let _ = job.answer.send(Err(StoreError::Commit(error.to_string())));
                    result = Err(error);
                    break;
                }
            }
        }
    }
    if result.is_ok() {
        result = raw(tx, "COMMIT").await;
    }
    match result {
        Ok(()) => Ok(answers),
        Err(error) => Err((answers.into_iter().map(|(answer, _)| answer).collect(), error.to_string())),
    }
}

async fn run_one(tx: &mut Tx, work: Work) -> Result<Answer, sqlx::Error> {
    raw(tx, "SAVEPOINT one").await?;
    let wakes = tx.wakes.len();
    tx.failed = false;
    let outcome = AssertUnwindSafe(work(tx)).catch_unwind().await;
    match outcome {
        Ok(Ok(value)) if !tx.failed => {
            raw(tx, "RELEASE one").await?;
            Ok(Ok(Ok(value)))
        }
        failed => {
            tx.wakes.truncate(wakes);
            raw(tx, "ROLLBACK TO one").await?;
            raw(tx, "RELEASE one").await?;
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
