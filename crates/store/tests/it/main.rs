//! The store as its callers see it, on SQLite and on PostgreSQL.
//!
//! Each case runs on SQLite and, if `TERRANE_TEST_POSTGRES_URL` names a server, on a database of its own there.

#![expect(clippy::unwrap_used, reason = "the lint knows tests by their attribute only, not their helpers")]

/// Writes in one transaction: `write!(store, tx => result)`; what it uses must be `'static`.
macro_rules! write {
    ($store:expr, $tx:ident => $body:expr) => {
        $store.write::<_, terrane_store::StoreError, _>(move |$tx| Box::pin(async move { $body })).await
    };
}

/// Reads in one transaction.
macro_rules! read {
    ($store:expr, $tx:ident => $body:expr) => {
        $store.read::<_, terrane_store::StoreError, _>(move |$tx| Box::pin(async move { $body })).await
    };
}

/// Holds a row and writes another in its place: `overwrite!(tx, teams::held, &id, teams::update, &row)`.
macro_rules! overwrite {
    ($tx:ident, $held:path, $key:expr, $update:path, $row:expr) => {{
        let mut held = $held($tx, $key).await?.unwrap();
        (*$row).clone_into(&mut held);
        $update($tx, &held).await
    }};
}

mod accounts;
mod agent_pools;
mod blobs;
mod databases;
mod errored_states;
mod events;
mod jobs;
mod lists;
mod logs;
mod organizations;
mod postgres;
mod reads;
mod records;
mod runs;
mod samples;
mod schema;
mod searches;
mod secrets;
mod standings;
mod state_versions;
mod teams;
mod variables;
mod workspaces;
mod writes;
