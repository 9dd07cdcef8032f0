//! What a caller may not see looks exactly like what is not there: status, headers and body.

use std::collections::BTreeSet;

use terrane_api::Access;

use crate::matrix::placed;
use crate::world::{Answer, World};

/// What stands in an address for a thing that exists nowhere: of the same form.
fn missing(id: &str) -> String {
    match id.rsplit_once('-') {
        Some((prefix, suffix)) if suffix.len() == 16 => format!("{prefix}-1111111111111111"),
        _ => "nothing".to_owned(),
    }
}

/// The address with each one of its things missing, and with all of them.
fn without(world: &World, address: &str) -> BTreeSet<String> {
    let is_end = |character: char| matches!(character, '/' | '?' | '&' | '=');
    let known: Vec<&str> = world.ids.iter().map(|(_, id)| id.as_str()).chain(["app"]).collect();
    let mut things = Vec::new();
    let mut start = 0;
    for part in address.split_inclusive(is_end) {
        let thing = part.trim_end_matches(is_end);
        if known.contains(&thing) {
            things.push((start, thing));
        }
        start += part.len();
    }
    let replace = |text: &str, (at, thing): (usize, &str)| {
        format!("{}{}{}", &text[..at], missing(thing), &text[at + thing.len()..])
    };
    let mut addresses: BTreeSet<String> = things.iter().map(|thing| replace(address, *thing)).collect();
    addresses.insert(things.iter().rev().fold(address.to_owned(), |text, thing| replace(&text, *thing)));
    addresses.remove(address);
    addresses
}

#[tokio::test]
async fn what_may_not_be_seen_looks_exactly_like_what_is_not_there() {
    let world = World::new().await;
    let actors = world.actors().await;
    let (mut hidden, mut seen, mut faults) = (0, 0, Vec::new());
    for route in terrane_api::routes() {
        if route.method != "GET" || matches!(route.access, Access::Public | Access::SignedAddress) {
            continue;
        }
        let address = placed(&world, &route);
        let without = without(&world, &address);
        assert!(!route.path.contains('{') || !without.is_empty(), "{address} names nothing");
        for actor in &actors {
            let get = async |address: &str| -> Answer {
                world.send("GET", address, actor.secret.as_deref(), Vec::new()).await
            };
            let there = get(&address).await;
            let is_hidden = matches!(there.status.as_u16(), 401 | 404);
            for address in &without {
                // Headers are compared whole: in process none is of chance or of the moment.
                let is_same = get(address).await == there;
                if is_hidden && !is_same {
                    faults.push(format!("{address} as {}:\n{there:?}\nbut\n{:?}", actor.name, get(address).await));
                }
                hidden += usize::from(is_hidden);
                seen += usize::from(!is_hidden && !is_same);
            }
        }
    }
    assert!(faults.is_empty(), "{} of {hidden}, the first:\n{}", faults.len(), faults[0]);
    assert!(hidden > 1000 && seen > 200, "{hidden} hidden, {seen} seen");
}
