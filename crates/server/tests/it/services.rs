//! The services that terraform is told of.

use serde_json::Value;

use crate::bench::Terrane;

/// The addresses in a service, whether it is one or has some.
fn addresses(service: &Value) -> Vec<&str> {
    match service {
        Value::String(address) => vec![address],
        Value::Object(members) => ["authz", "token"].map(|name| members[name].as_str().unwrap()).into(),
        other => panic!("{other}"),
    }
}

fn answers(terrane: &Terrane, address: &str) -> bool {
    let address = if address.ends_with("/v2/") { format!("{address}ping") } else { address.to_owned() };
    ["GET", "POST"].iter().any(|method| ![404, 405].contains(&terrane.ask(method, &address, b"").status))
}

#[test]
fn every_service_of_the_discovery_document_answers_and_is_in_the_cli_configuration() {
    let terrane = Terrane::without_runner();
    let answer = terrane.ask("GET", "/.well-known/terraform.json", b"");
    assert!(answer.head.contains("content-type: application/json\r\n"), "{}", answer.head);
    let document = answer.json();
    let cli_configuration = std::fs::read_to_string(terrane.cli_config()).unwrap();
    let services = document.as_object().unwrap();
    for (id, service) in services {
        assert!(cli_configuration.contains(&format!("    \"{id}\" = ")), "{id} is not in\n{cli_configuration}");
        for address in addresses(service) {
            assert!(answers(&terrane, address), "{id}: nothing at {address}");
            let whole = format!("\"http://localhost:{}{address}\"", terrane.port());
            assert!(cli_configuration.contains(&whole), "{whole} is not in\n{cli_configuration}");
        }
    }
    let told = cli_configuration.lines().filter(|line| line.starts_with("    \"")).count();
    assert_eq!(told, services.len(), "{cli_configuration}");
    assert!(!answers(&terrane, "/api/registry/v1/modules/"));
}
