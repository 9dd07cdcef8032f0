//! When tokens were last shown: kept in memory, and stored now and then, so that a request costs no write.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use terrane_domain::access::{Caller, CredentialKind};
use terrane_domain::ids::TokenId;
use terrane_domain::time::Timestamp;

use crate::{App, AppResult};

/// Uses that are not stored yet.
#[derive(Default)]
pub(crate) struct TokenUses(Mutex<HashMap<TokenId, Timestamp>>);

impl TokenUses {
    /// Notes that a caller showed his token. Those of runs and runners are not listed anywhere.
    pub(crate) fn note(&self, caller: &Caller, at: Timestamp) {
        if matches!(caller.kind, CredentialKind::Run | CredentialKind::RunnerPool) {
            return;
        }
        if let Some(id) = &caller.token_id {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), at);
        }
    }

    fn take(&self) -> HashMap<TokenId, Timestamp> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Stores what is not stored yet, in one transaction.
pub async fn store(app: &App) -> AppResult<()> {
    let uses = app.token_uses.take();
    if uses.is_empty() {
        return Ok(());
    }
    app.store
        .write(move |tx| {
            Box::pin(async move {
                for (id, at) in &uses {
                    terrane_store::tokens::set_used(tx, id, *at).await?;
                }
                Ok(())
            })
        })
        .await
}
