//! Every text by which the CLI refuses a person in a day's work, provoked and written down: read the snapshot as a stranger
//! would, who wants to know what happened, why, and what to do. What terraform itself says before the server is asked is
//! left out; what it says around the server's words is kept, for it is what people read.

use std::fmt::Write as _;

use serde_json::json;

use crate::bench::Terrane;
use crate::terraform::workspace::{Ended, Workspace};

const ONE: &str = r#"resource "terraform_data" "one" { input = 1 }"#;

/// Takes what is of chance out of a text.
fn steady(text: &str, terrane: &Terrane) -> String {
    let text = text.replace(&terrane.port().to_string(), "PORT");
    let is_uuid = |word: &str| word.len() == 36 && word.matches('-').count() == 4;
    let words = text.split(' ').map(|word| {
        let bare = word.trim_matches('"');
        match word.split_once("run-") {
            _ if is_uuid(bare) => word.replace(bare, "…"),
            Some((before, id)) if id.len() >= 16 => format!("{before}run-…{}", &id[16..]),
            _ => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What was wrong, without the frames that terraform draws, what goes well before it, and what it always says in the end.
fn complaint(ended: &Ended) -> String {
    // A run's log follows its address.
    let shown = ended.stdout.split_once("/runs/").map_or("", |(_, rest)| rest);
    let is_head = |line: &&str| {
        ["Terraform v", "on linux_", "Initializing plugins", "Waiting for"].iter().any(|head| line.starts_with(head))
    };
    let shown = shown.lines().skip(1).filter(|line| !is_head(line)).collect::<Vec<_>>().join("\n");
    let shown = shown.split('─').next().unwrap_or_default();
    let shown = shown.find("Error: ").map_or(shown, |error| &shown[error..]);
    let all = if ended.stderr.trim().is_empty() { shown } else { &ended.stderr };
    let is_of_chance =
        |line: &str| ["ID: ", "Who: ", "Version: ", "Created: "].iter().any(|name| line.starts_with(name));
    let lines = all.lines().map(|line| line.trim_matches(['│', '╷', '╵', ' ']));
    lines.filter(|line| !line.is_empty() && !is_of_chance(line)).collect::<Vec<_>>().join("\n    ")
}

/// The reason that the newest run carries, for who looks there.
fn reason(workspace: &Workspace<'_>) -> String {
    let run = &workspace.runs()[0]["attributes"];
    format!("{}: {}", run["reason-code"].as_str().unwrap_or("none"), run["reason"].as_str().unwrap_or("none"))
}

#[test]
fn every_error_of_a_day_says_what_happened_why_and_what_to_do() {
    let terrane = &Terrane::start();
    let mut texts = String::new();
    let mut note = |what: &str, ended: &Ended, more: &str| {
        assert_eq!(ended.code, 1, "{what}: {}\n{}", ended.stdout, ended.stderr);
        writeln!(texts, "{what}\n    {}", steady(&complaint(ended), terrane)).unwrap();
        if !more.is_empty() {
            writeln!(texts, "  run: {}", steady(more, terrane)).unwrap();
        }
    };
    let workspace = Workspace::initialized(terrane, ONE);
    let act = |action: &str| {
        let path = format!("workspaces/{}/actions/{action}", workspace.id());
        assert_eq!(terrane.post(&path, &json!({ "reason": "Maintenance" })).status, 200);
    };

    workspace.terraform(&["plan", "-out=saved"]).with(0);
    workspace.terraform(&["apply", "-auto-approve"]).with(0);
    note("apply of a saved plan after another apply", &workspace.terraform(&["apply", "saved"]), "");
    workspace.write("resource \"terraform_data\" \"one\" { input = 2 }");
    workspace.terraform(&["plan", "-out=saved"]).with(0);
    workspace.terraform(&["apply", "saved"]).with(0);
    note("apply of a saved plan for the second time", &workspace.terraform(&["apply", "saved"]), "");

    act("lock");
    note("state rm in a locked workspace", &workspace.terraform(&["state", "rm", "terraform_data.one"]), "");
    note("force-unlock by a wrong name", &workspace.terraform(&["force-unlock", "-force", "demo/other"]), "");
    act("unlock");
    note("force-unlock of what is not locked", &workspace.terraform(&["force-unlock", "-force", "demo/app"]), "");

    let mut state = workspace.state();
    state["lineage"] = "another".into();
    std::fs::write(workspace.path().join("pushed.json"), state.to_string()).unwrap();
    note("state push of another lineage", &workspace.terraform(&["state", "push", "pushed.json"]), "");

    for (setting, value, back) in [("terraform-version", "1.5.0", "1.11.4"), ("working-directory", "infra/missing", "")]
    {
        workspace.set(setting, value);
        let ended = workspace.terraform(&["plan"]);
        workspace.set(setting, back);
        note(&format!("plan with {setting} {value}"), &ended, "");
    }
    let var = json!({ "data": { "type": "vars", "attributes": {
        "key": "TF_CLI_ARGS_plan", "value": "-out=elsewhere", "category": "env" } } });
    let made = terrane.post(&format!("workspaces/{}/vars", workspace.id()), &var).json();
    note("plan with an option of the run's own", &workspace.terraform(&["plan"]), "");
    let variable = format!("workspaces/{}/vars/{}", workspace.id(), made["data"]["id"].as_str().unwrap());
    assert_eq!(terrane.call("DELETE", &variable, b"").status, 204);

    workspace.write("terraform {\n  required_providers {\n    it = { source = \"localhost:1/demo/it\" }\n  }\n}\n");
    note("plan with a provider that cannot be had", &workspace.terraform(&["plan"]), "");
    workspace.write("variable \"needed\" {}\noutput \"needed\" { value = var.needed }\n");
    note("plan without a value for a variable", &workspace.terraform(&["plan"]), "");
    workspace
        .write("resource \"terraform_data\" \"one\" {\n  provisioner \"local-exec\" { command = \"exit 3\" }\n}\n");
    let replaced = workspace.terraform(&["apply", "-auto-approve", "-replace=terraform_data.one"]);
    note("apply that fails", &replaced, &reason(&workspace));
    workspace.write(ONE);
    let waiting = workspace.terraform(&["apply", "-input=false"]);
    note("apply that may not ask", &waiting, "");
    terrane.post(&format!("runs/{}/actions/discard", workspace.runs()[0]["id"].as_str().unwrap()), &json!({}));

    let other = Workspace::unbound(terrane, "", "", ONE);
    other.bind("cloud", "name = \"a b\"");
    note("init in a workspace with an impossible name", &other.terraform(&["init"]), "");
    let reading = format!(
        "data \"terraform_remote_state\" \"it\" {{\n  backend = \"remote\"\n  config = {{\n    \
         hostname = \"localhost:{}\"\n    organization = \"demo\"\n    workspaces = {{ name = \"secret\" }}\n  }}\n}}\n",
        terrane.port()
    );
    terrane.create_workspace("secret");
    workspace.write(&reading);
    note("plan that reads a state that is not shared", &workspace.terraform(&["plan"]), "");
    terrane.execute("DELETE FROM tokens");
    // Longer than a caller is remembered.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    note("plan with a token that was deleted", &workspace.terraform(&["plan"]), "");
    insta::assert_snapshot!(texts);
}
