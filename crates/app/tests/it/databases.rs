//! Cases in a fresh world on each kind of database.

use crate::postgres;
use crate::world::World;

/// Runs `case` in a fresh world on each kind of database that is at hand.
pub(crate) async fn each(case: impl AsyncFn(&World)) {
    postgres::each(async |url| case(&World::new(url).await).await).await;
}
