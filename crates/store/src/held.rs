//! Rows that are read to be written back.

use std::ops::{Deref, DerefMut};

use crate::error::StoreError;
use crate::statement::{Record, Statement};
use crate::transaction::{Connection, Tx};
use crate::value::Val;

/// A row that nobody else changes before the transaction ends that read it. What writes a row as a whole takes only such a
/// one: of one that was read without holding it, it would write back what another has changed since.
///
/// It is made only of what [`Tx::held`] reads.
pub struct Held<T>(pub(crate) T);

impl<T> Held<T> {
    /// The row, to be shown.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Held<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl Tx {
    /// The record that a `held` statement finds, as it is once everybody who was changing it has ended.
    pub(crate) async fn held<R: Record>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Val>,
    ) -> Result<Option<Held<R>>, StoreError> {
        // In a transaction that only reads, PostgreSQL refuses it by itself.
        if matches!(self.connection, Connection::SqliteReader(_)) {
            return Err(StoreError::OnlyReads);
        }
        Ok(self.one(statement, values).await?.map(Held))
    }
}
