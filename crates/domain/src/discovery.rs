//! The services that terraform looks for, and the CLI configuration that names them where it cannot discover them.
//! Source: `svchost/disco/disco.go`, `internal/command/cliconfig` of terraform.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::authorization_codes::{CLIENT_ID, PORTS};

/// The services of this server by the ids under which terraform looks for them, with addresses below `base`: nothing, where
/// terraform resolves them against the document, or `https://HOST`, where no document is asked for.
pub fn services(base: &str) -> Map<String, Value> {
    let api = format!("{base}/api/v2/");
    let login = json!({
        "client": CLIENT_ID,
        "grant_types": ["authz_code"],
        "authz": format!("{base}/oauth/authorization"),
        "token": format!("{base}/oauth/token"),
        "ports": [PORTS.start(), PORTS.end()],
    });
    let services = ["state.v2", "tfe.v2", "tfe.v2.1", "tfe.v2.2"].map(|id| (id.to_owned(), json!(api)));
    services.into_iter().chain([("login.v1".to_owned(), login)]).collect()
}

/// A CLI configuration with which an unchanged terraform finds the services at `address` without asking there, and shows
/// `token`. They are found under the address's own host and under `names`.
pub fn cli_configuration(address: &str, names: &[&str], token: &str) -> String {
    let mut text = String::new();
    for name in [host_of(address)].iter().chain(names) {
        let host = quote(name);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "host {host} {{\n  services = {{");
        for (id, service) in services(address) {
            let _ = writeln!(text, "    {} = {}", quote(&id), expression(&service));
        }
        let _ = write!(text, "  }}\n}}\n\ncredentials {host} {{\n  token = {}\n}}\n", quote(token));
    }
    text
}

/// The host of an address, with its port.
pub fn host_of(address: &str) -> &str {
    address.split_once("://").map_or(address, |(_, host)| host)
}

/// A value in HCL, as the CLI configuration knows it.
fn expression(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(items) => format!("[{}]", items.iter().map(expression).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name} = {}", expression(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// A string of HCL, as the CLI configuration knows it.
fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace("${", "$${"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cli_configuration_names_the_host_with_its_port() {
        let text = cli_configuration("http://localhost:8080", &[], "secret");
        assert!(text.starts_with("host \"localhost:8080\" {\n"), "{text}");
        assert!(text.contains("    \"tfe.v2.1\" = \"http://localhost:8080/api/v2/\"\n"), "{text}");
        assert!(text.ends_with("credentials \"localhost:8080\" {\n  token = \"secret\"\n}\n"), "{text}");
    }

    #[test]
    fn other_names_lead_to_the_same_services() {
        let text = cli_configuration("https://terrane.example.com", &["localterraform.com"], "secret");
        assert_eq!(text.matches("\"tfe.v2\" = \"https://terrane.example.com/api/v2/\"").count(), 2, "{text}");
        assert!(text.contains("credentials \"localterraform.com\" {\n  token = \"secret\"\n}"), "{text}");
    }

    #[test]
    fn a_service_may_have_members() {
        let text = cli_configuration("http://localhost:8080", &[], "secret");
        let login = "    \"login.v1\" = { authz = \"http://localhost:8080/oauth/authorization\", client = \"terraform-cli\", \
                     grant_types = [\"authz_code\"], ports = [10000, 10010], token = \"http://localhost:8080/oauth/token\" }\n";
        assert!(text.contains(login), "{text}");
    }

    #[test]
    fn quoting_leaves_no_way_out() {
        assert_eq!(quote(r#"a"b\c${d}"#), r#""a\"b\\c$${d}""#);
    }
}
