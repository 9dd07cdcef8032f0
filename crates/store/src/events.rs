//! Rows of events, their sealing into one chain an organization, and the check of that chain.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use terrane_domain::events::{Event, GENESIS};
use terrane_domain::ids::{EventId, OrganizationId};

use crate::error::StoreError;
use crate::sealing::hex;
use crate::statement::{Record as _, record, statements};
use crate::store::Store;
use crate::transaction::{Tx, values};
use crate::wake::Topic;

record!(Event, "events", "$1, $2, $3, $4, $5, $6, $7, $8", {
    id, organization_id, at, actor, action, subject, details, caused_by
});

struct Seal {
    seq: i64,
    prev: String,
    hash: String,
}

record!(Seal, "events", "$1, $2, $3", { seq, prev, hash });

struct Head {
    seq: i64,
    hash: String,
    signature: Vec<u8>,
}

record!(Head, "event_heads", "$1, $2, $3", { seq, hash, signature });

statements! {
    INSERT: Event = insert;
    UNSEALED: Event = select "WHERE seq IS NULL ORDER BY position LIMIT 500";
    WAITING = "SELECT DISTINCT organization_id FROM (SELECT organization_id FROM events WHERE seq IS NULL ORDER BY position LIMIT 500) AS waiting ORDER BY organization_id";
    COUNT_UNSEALED = "SELECT COUNT(*) FROM events WHERE organization_id = $1 AND seq IS NULL";
    SEAL = "UPDATE events SET seq = $2, prev = $3, hash = $4 WHERE id = $1 AND seq IS NULL";
    // Takes the row's lock: of two sealers, the second sees what the first sealed.
    HOLD_HEAD = "INSERT INTO event_heads (organization_id, seq, hash, signature) VALUES ($1, 0, $2, $3) ON CONFLICT (organization_id) DO UPDATE SET seq = event_heads.seq";
    HEAD: Head = select "WHERE organization_id = $1";
    SET_HEAD = "UPDATE event_heads SET seq = $2, hash = $3, signature = $4 WHERE organization_id = $1";
    SEALED_EVENTS: Event = select "WHERE organization_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    SEALS: Seal = select "WHERE organization_id = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    ORGANIZATIONS = "SELECT DISTINCT organization_id FROM events UNION SELECT organization_id FROM event_heads";
}

/// Writes an event in the transaction of its change.
pub async fn insert(tx: &mut Tx, event: &Event) -> Result<(), StoreError> {
    tx.execute(&INSERT, event.values()).await?;
    tx.wake(Topic::Events);
    Ok(())
}

fn hash(event: &Event, seq: i64, prev: &str) -> String {
    hex(&Sha256::digest(event.canonical(seq, prev)))
}

/// What the check of a chain found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Sealed events that were checked.
    pub sealed: i64,
    /// Events that wait for the sealer.
    pub unsealed: i64,
    /// The first thing that is wrong, in words.
    pub fault: Option<String>,
}

impl Store {
    fn sign_head(&self, organization_id: &OrganizationId, seq: i64, hash: &str) -> Vec<u8> {
        self.derive_key("event-heads")
            .authenticate(&[organization_id.as_str().as_bytes(), &seq.to_be_bytes(), hash.as_bytes()])
            .to_vec()
    }

    /// Seals what waits, at most one batch. Answers how many events it sealed.
    pub async fn seal_events(&self) -> Result<usize, StoreError> {
        let store = self.clone();
        self.write(move |tx| Box::pin(async move { seal_batch(&store, tx).await })).await
    }

    /// Checks every organization's chain: each event's hash, the order, and the signed head. What is changed before it
    /// is sealed is not found, nor is an organization whose events and head are gone, nor a chain that was cut back to
    /// an earlier head: that needs a head kept elsewhere.
    pub async fn verify_events(&self) -> Result<Vec<ChainReport>, StoreError> {
        let store = self.clone();
        self.read(move |tx| {
            Box::pin(async move {
                let rows = tx.rows(&ORGANIZATIONS, Vec::new()).await?;
                let mut reports = Vec::with_capacity(rows.len());
                for row in &rows {
                    let id: OrganizationId = crate::value::Col::get(row, 0)?;
                    reports.push(verify_chain(&store, tx, id).await?);
                }
                Ok(reports)
            })
        })
        .await
    }
}

async fn seal_batch(store: &Store, tx: &mut Tx) -> Result<usize, StoreError> {
    let mut heads: BTreeMap<OrganizationId, (i64, String)> = BTreeMap::new();
    for row in &tx.rows(&WAITING, Vec::new()).await? {
        let id: OrganizationId = crate::value::Col::get(row, 0)?;
        let signature = store.sign_head(&id, 0, GENESIS);
        tx.execute(&HOLD_HEAD, values![id, GENESIS.to_owned(), signature]).await?;
        let head: Option<Head> = tx.one(&HEAD, values![id]).await?;
        heads.insert(id, head.map_or((0, GENESIS.to_owned()), |head| (head.seq, head.hash)));
    }
    let events: Vec<Event> = tx.all(&UNSEALED, Vec::new()).await?;
    let mut sealed = 0;
    for event in &events {
        let Some((seq, prev)) = heads.get_mut(&event.organization_id) else { continue };
        let hash = hash(event, *seq + 1, prev);
        if tx.changed(&SEAL, values![event.id, *seq + 1, *prev, hash]).await? {
            *seq += 1;
            *prev = hash;
            sealed += 1;
        }
    }
    for (id, (seq, hash)) in heads {
        let signature = store.sign_head(&id, seq, &hash);
        tx.execute(&SET_HEAD, values![id, seq, hash, signature]).await?;
    }
    Ok(sealed)
}

const VERIFY_PAGE: i64 = 1000;

async fn verify_chain(store: &Store, tx: &mut Tx, id: OrganizationId) -> Result<ChainReport, StoreError> {
    let unsealed = tx.scalar(&COUNT_UNSEALED, values![id]).await?.unwrap_or(0);
    let (mut seq, mut prev) = (0, GENESIS.to_owned());
    let mut fault = None;
    'pages: loop {
        let Some((events, seals)) = page(tx, &id, seq).await? else {
            fault = Some(format!("one of the events {} to {} cannot be read", seq + 1, seq + VERIFY_PAGE));
            break;
        };
        if events.is_empty() {
            break;
        }
        for (event, seal) in events.iter().zip(&seals) {
            if seal.seq != seq + 1 {
                fault = Some(format!("event {} is missing: {} comes after {seq}", seq + 1, seal.seq));
                break 'pages;
            }
            if seal.prev != prev || seal.hash != hash(event, seal.seq, &prev) {
                fault = Some(format!("event {} ({}) was altered or moved", seal.seq, event.id));
                break 'pages;
            }
            seq = seal.seq;
            prev.clone_from(&seal.hash);
        }
    }
    let head: Option<Head> = tx.one(&HEAD, values![id]).await?;
    if fault.is_none() {
        fault = match head {
            None if seq == 0 => None,
            None => Some("the head of the chain is missing".to_owned()),
            Some(head) if head.signature != store.sign_head(&id, head.seq, &head.hash) => {
                Some("the head of the chain is forged".to_owned())
            }
            Some(head) if head.seq != seq || head.hash != prev => {
                Some(format!("the chain ends at event {seq}, but its signed head says {}", head.seq))
            }
            Some(_) => None,
        };
    }
    Ok(ChainReport { organization_id: id, sealed: seq, unsealed, fault })
}

/// One page of a chain; `None` if a column of it does not hold what it must.
async fn page(tx: &mut Tx, id: &OrganizationId, seq: i64) -> Result<Option<(Vec<Event>, Vec<Seal>)>, StoreError> {
    let events = tx.all(&SEALED_EVENTS, values![*id, seq, VERIFY_PAGE]).await;
    let seals = tx.all(&SEALS, values![*id, seq, VERIFY_PAGE]).await;
    match (events, seals) {
        (Ok(events), Ok(seals)) => Ok(Some((events, seals))),
        (Err(StoreError::Column(_)), _) | (_, Err(StoreError::Column(_))) => Ok(None),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// Makes an event of the present moment; the caller owns the id's randomness.
pub fn new_event(
    tx: &Tx,
    organization_id: &OrganizationId,
    actor: String,
    action: &str,
    subject: &str,
    details: serde_json::Value,
) -> Event {
    Event {
        id: EventId::from_entropy(u128::from_be_bytes(crate::sealing::random_bytes())),
        organization_id: organization_id.clone(),
        at: tx.now(),
        actor,
        action: action.to_owned(),
        subject: subject.to_owned(),
        details,
        caused_by: None,
    }
}
