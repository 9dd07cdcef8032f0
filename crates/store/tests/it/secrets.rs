//! What must never lie about in clear.

use std::path::Path;

use terrane_domain::ids::{StateVersionId, StateVersionOutputId};
use terrane_domain::runner_protocol::Phase;
use terrane_domain::runs::{Run, RunStatus, RunVariable};
use terrane_domain::state_versions::{StateVersion, StateVersionOutput, StateVersionStatus};
use terrane_domain::tokens::{Token, TokenKind};
use terrane_store::{BlobKind, logs, runs, state_versions, tokens, variables};

use crate::databases::{Bench, each};
use crate::samples::{World, entropy, keep, moment, phase};

const SEALED: &str = "canary-that-must-not-sing";
const OPEN: &str = "canary-in-the-open";

fn files_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files
}

/// Everything that is stored, as bytes: all files, and PostgreSQL's rows as text.
async fn everything(bench: &Bench) -> Vec<Vec<u8>> {
    let mut found: Vec<_> =
        files_below(bench.folder.path()).into_iter().map(|path| std::fs::read(path).unwrap()).collect();
    if bench.is_postgres {
        let tables = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public'";
        for table in bench.texts(tables).await {
            let rows = bench.texts(&format!("SELECT CAST(t AS TEXT) FROM {table} t")).await;
            found.extend(rows.into_iter().map(String::into_bytes));
        }
    }
    found
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    let hex = terrane_store::hex(needle.as_bytes());
    [needle.as_bytes(), hex.as_bytes()]
        .iter()
        .any(|needle| haystack.windows(needle.len()).any(|window| window == *needle))
}

async fn plant(bench: &Bench) {
    let world = World::new(&bench.store).await;
    let run = keep(Run { message: OPEN.to_owned(), ..world.run(RunStatus::Pending, 0) });
    let plan = phase(run, Phase::Plan);
    let version = keep(StateVersion {
        id: StateVersionId::from_entropy(entropy()),
        organization_id: world.organization.id.clone(),
        workspace_id: world.workspace.id.clone(),
        run_id: None,
        created_by: None,
        status: StateVersionStatus::Finalized,
        serial: 1,
        lineage: String::new(),
        md5: String::new(),
        size: 0,
        terraform_version: None,
        blob: None,
        json_blob: None,
        resources: serde_json::json!([]),
        resources_processed: true,
        rollback_of: None,
        created_at: moment(0),
    });
    write!(bench.store, tx => {
        let own = [RunVariable { key: "key".to_owned(), value: SEALED.to_owned() }];
        runs::insert(tx, run, [&plan, &phase(run, Phase::Apply)], &own, "archive").await?;
        logs::append(tx, &world.organization.id, &mut plan.clone(), SEALED.as_bytes()).await?;
        state_versions::insert(tx, version).await?;
        for (name, sensitive) in [("hidden", true), ("shown", false)] {
            crate::samples::insert_output(tx, &world.organization.id, &StateVersionOutput {
                id: StateVersionOutputId::from_entropy(entropy()),
                state_version_id: version.id.clone(),
                name: name.to_owned(),
                sensitive,
                detailed_type: serde_json::json!("string"),
                value: SEALED.into(),
            }).await?;
            let mut variable = crate::records::variable(&world.organization.id, &world.workspace.id, name, SEALED);
            variable.sensitive = sensitive;
            variables::insert(tx, &variable).await?;
        }
        let token = Token {
            id: terrane_domain::ids::TokenId::from_entropy(entropy()),
            kind: TokenKind::User,
            user_id: None,
            run_id: None,
            organization_id: None,
            description: None,
            team_id: None,
            created_by: None,
            last_used_at: None,
            created_at: moment(0),
            expires_at: None,
        };
        tokens::insert(tx, &token, SEALED).await
    })
    .unwrap();
    for kind in [BlobKind::State, BlobKind::Plan, BlobKind::Configuration] {
        crate::blobs::put_blob(&bench.store, &world.organization.id, kind, "name", SEALED.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn sealed_values_never_appear_in_clear() {
    each(async |bench| {
        plant(bench).await;
        let everything = everything(bench).await;
        assert!(everything.iter().any(|bytes| holds(bytes, OPEN)), "the search finds nothing at all");
        assert!(!everything.iter().any(|bytes| holds(bytes, SEALED)));
        std::fs::write(bench.blob_folder().join("planted"), format!("..{SEALED}..")).unwrap();
        let found = files_below(&bench.blob_folder()).iter().any(|path| holds(&std::fs::read(path).unwrap(), SEALED));
        assert!(found, "the search does not find a blob in clear");
    })
    .await;
}

#[tokio::test]
async fn a_sealed_value_in_another_row_does_not_open() {
    each(async |bench| {
        plant(bench).await;
        let read = async || {
            let ids = bench.texts("SELECT id FROM workspaces").await;
            let id = keep(ids[0].parse().unwrap());
            read!(bench.store, tx => variables::of_workspace(tx, id).await).map(|found| found.len())
        };
        assert_eq!(read().await.unwrap(), 2);
        let moved = "UPDATE variables SET sealed_value = (SELECT sealed_value FROM variables WHERE key = 'hidden')";
        bench.raw(moved).await.unwrap();
        assert!(read().await.is_err());
    })
    .await;
}
