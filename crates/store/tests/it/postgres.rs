//! The databases that cases run on: SQLite, and a PostgreSQL database of their own if a server is at hand. The tests of
//! services and front doors share this file.

use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::FutureExt as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};

/// Names a PostgreSQL server whose user may make databases.
const POSTGRES: &str = "TERRANE_TEST_POSTGRES_URL";

/// Runs `case` on SQLite (`None`), and with the address of a new PostgreSQL database if there is a server.
pub(crate) async fn each(case: impl AsyncFn(Option<String>)) {
    case(None).await;
    let Ok(server) = std::env::var(POSTGRES) else {
        static TOLD: Once = Once::new();
        // Not `eprintln!`: the test runner would keep it to itself.
        let note = format!("PostgreSQL not given: set {POSTGRES}\n");
        TOLD.call_once(|| std::io::stderr().write_all(note.as_bytes()).unwrap());
        return;
    };
    let name = database_name();
    administer(&server, &format!("CREATE DATABASE {name}")).await;
    let url = server.rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).unwrap();
    let outcome = AssertUnwindSafe(async { case(Some(url)).await }).catch_unwind().await;
    administer(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

fn database_name() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("terrane_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

async fn administer(server: &str, sql: &str) {
    let mut connection = PgConnection::connect(server).await.unwrap();
    connection.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
}
