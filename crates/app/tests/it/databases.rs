//! The databases that the cases run on.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

use crate::world::World;

/// Names a PostgreSQL server whose user may make databases.
const POSTGRES: &str = "TERRANE_TEST_POSTGRES_URL";

/// Runs `case` in a fresh world on each kind of database that is at hand.
pub(crate) async fn each(case: impl AsyncFn(&World)) {
    case(&World::new(None).await).await;
    let Ok(server) = std::env::var(POSTGRES) else { return };
    let name = database_name();
    administer(&server, &format!("CREATE DATABASE {name}")).await;
    let url = server.rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).unwrap();
    let outcome = AssertUnwindSafe(async { case(&World::new(Some(url)).await).await }).catch_unwind().await;
    administer(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn database_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("terrane_app_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

async fn administer(server: &str, sql: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
}
