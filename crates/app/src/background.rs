//! Work of the server itself: sealing events, compacting logs, reading the resources of states, noticing lost runners,
//! forgetting expired tokens, discarding old saved plans. Each loop is woken, and polls all
//! the same; a failure is logged and tried again.

use std::time::Duration;

use terrane_domain::runner_protocol::RENEW_SECONDS;
use terrane_domain::time::Timestamp;
use terrane_store::{StoreError, Topic};

use crate::{App, AppError, AppResult, callers, jobs, queue, tokens, workspace_resources};

/// Starts the loops; they end with the process.
pub async fn start(app: &App) -> AppResult<()> {
    jobs::renew_overdue(app).await?;
    tokio::spawn(seal_events(app.clone()));
    tokio::spawn(compact_logs(app.clone()));
    tokio::spawn(read_resources(app.clone()));
    tokio::spawn(sweep(app.clone()));
    tokio::spawn(remove_expired_tokens(app.clone()));
    tokio::spawn(expire_saved_plans(app.clone()));
    tokio::spawn(store_token_uses(app.clone()));
    Ok(())
}

async fn seal_events(app: App) {
    let waiter = app.store.waiter(Topic::Events);
    loop {
        let notified = waiter.notified();
        match app.store.seal_events().await {
            Ok(0) => {
                tokio::select! {
                    () = notified => {}
                    () = tokio::time::sleep(Duration::from_secs(10)) => {}
                }
                // Events come in bursts: one seal for each burst.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "events could not be sealed");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn compact_logs(app: App) {
    loop {
        let pause = match app.store.compact_logs().await {
            Ok(compacted) => {
                for (phase, error) in &compacted.failed {
                    tracing::error!(phase, error = error as &dyn std::error::Error, "a log could not be compacted");
                }
                Duration::from_secs(if compacted.failed.is_empty() { 2 } else { 60 })
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "logs could not be compacted");
                Duration::from_secs(10)
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn read_resources(app: App) {
    let waiter = app.store.waiter(Topic::States);
    loop {
        let notified = waiter.notified();
        match workspace_resources::process_next(&app).await {
            Ok(true) => {}
            Ok(false) => tokio::select! {
                () = notified => {}
                () = tokio::time::sleep(Duration::from_secs(10)) => {}
            },
            Err(AppError::Store(StoreError::Closed)) => return,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the resources of a state could not be read");
                tokio::time::sleep(Duration::from_secs(10)).await;
            }
        }
    }
}

/// Looks for lost runners, time and again.
pub struct Sweep {
    looked_at: Timestamp,
}

impl Sweep {
    /// Longer without a look, and it was we who were away: twice the time in which a renewal comes.
    const JUMP: Duration = Duration::from_secs(2 * RENEW_SECONDS);

    /// The first look is due soon.
    pub fn new(app: &App) -> Self {
        Self { looked_at: app.store.now() }
    }

    /// Deals with jobs whose runner is lost, and answers how many there were. If the clock has jumped since the last look,
    /// because the machine slept or the clock was set, runners get a lease's time to say that they are there.
    pub async fn look(&mut self, app: &App) -> AppResult<usize> {
        let now = app.store.now();
        let count = if now.since(self.looked_at) > Self::JUMP {
            tracing::warn!("the clock has jumped; no runner is taken for lost because of it");
            jobs::renew_overdue(app).await?;
            0
        } else {
            jobs::sweep_lost(app).await?
        };
        self.looked_at = now;
        Ok(count)
    }
}

async fn sweep(app: App) {
    let mut sweep = Sweep::new(&app);
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        if let Err(error) = sweep.look(&app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "lost runners could not be looked for");
        }
    }
}

async fn remove_expired_tokens(app: App) {
    loop {
        if let Err(error) = callers::remove_expired(&app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "expired tokens could not be removed");
        }
        tokio::time::sleep(Duration::from_mins(10)).await;
    }
}

async fn expire_saved_plans(app: App) {
    loop {
        match queue::expire_saved_plans(&app).await {
            Ok(0) => tokio::time::sleep(Duration::from_hours(1)).await,
            Ok(_) => {}
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "old saved plans could not be discarded");
                tokio::time::sleep(Duration::from_mins(1)).await;
            }
        }
    }
}

async fn store_token_uses(app: App) {
    loop {
        tokio::time::sleep(Duration::from_secs(30)).await;
        if let Err(error) = tokens::store_uses(&app).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the last uses of tokens could not be stored");
        }
    }
}
