//! Statements and migrations.

use crate::databases::each;

#[tokio::test]
async fn every_statement_prepares() {
    each(async |bench| {
        let count = bench.store.prepare_all().await.unwrap();
        assert!(count > 50, "{count}");
    })
    .await;
}

#[tokio::test]
async fn migrating_again_changes_nothing() {
    each(async |bench| {
        let before = bench.texts("SELECT CAST(number AS TEXT) || applied_at FROM schema_migrations").await;
        bench.open().await.unwrap();
        assert_eq!(bench.texts("SELECT CAST(number AS TEXT) || applied_at FROM schema_migrations").await, before);
        assert!(!before.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_sentence() {
    each(async |bench| {
        bench.raw("INSERT INTO schema_migrations (number) VALUES (999)").await.unwrap();
        let error = bench.open().await.map(drop).unwrap_err().to_string();
        assert!(error.contains("the schema 999, newer than this program's"), "{error}");
    })
    .await;
}

/// What both databases must have, told by each in its own words: `table.column` in order.
const SQLITE_COLUMNS: &str = "SELECT t.name || '.' || c.name || CASE WHEN c.\"notnull\" = 1 OR c.pk > 0 THEN '!' ELSE '' END FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' ORDER BY t.name, c.cid";
const POSTGRES_COLUMNS: &str = "SELECT table_name || '.' || column_name || CASE WHEN is_nullable = 'NO' THEN '!' ELSE '' END FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name COLLATE \"C\", ordinal_position";
const SQLITE_INDEXES: &str = "SELECT t.name || '.' || i.name FROM sqlite_schema t JOIN sqlite_schema i ON i.tbl_name = t.name WHERE t.type = 'table' AND i.type = 'index' AND i.sql IS NOT NULL ORDER BY 1";
const POSTGRES_INDEXES: &str = "SELECT tablename || '.' || indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT LIKE '%\\_pkey' AND indexname NOT LIKE '%\\_key' ORDER BY (tablename || '.' || indexname) COLLATE \"C\"";

#[tokio::test]
async fn both_databases_have_the_same_columns_and_indexes() {
    let columns = std::sync::Mutex::new(Vec::new());
    each(async |bench| {
        let (of_columns, of_indexes) =
            if bench.is_postgres { (POSTGRES_COLUMNS, POSTGRES_INDEXES) } else { (SQLITE_COLUMNS, SQLITE_INDEXES) };
        let found = (bench.texts(of_columns).await, bench.texts(of_indexes).await);
        assert!(found.0.len() > 100 && found.1.len() > 5);
        columns.lock().unwrap().push(found);
    })
    .await;
    let columns = columns.into_inner().unwrap();
    for other in &columns[1..] {
        assert_eq!(columns[0], *other);
    }
}
