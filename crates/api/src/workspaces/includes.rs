//! What is included beside workspaces. Source: `api-docs/workspaces.mdx`, "Available Related Resources".

use serde_json::json;
use terrane_app::App;
use terrane_app::workspaces::{Related, Wanted, WorkspaceView};
use terrane_domain::state_versions::StateVersionOutput;
use terrane_jsonapi::{Document, Relationship, Resource};

use crate::include::{Includes, Paths};
use crate::{account, configuration_versions, organizations, plans, projects, runs, state_versions, tag_bindings};

impl Includes for Wanted {
    /// What comes with version control is there nowhere yet.
    const KNOWN: &'static [&'static str] = &[
        "current_configuration_version",
        "current_configuration_version.ingress_attributes",
        "current_run",
        "current_run.configuration_version",
        "current_run.configuration_version.ingress_attributes",
        "current_run.plan",
        "current_state_version",
        "effective_tag_bindings",
        "latest_run",
        "latest_run.configuration_version",
        "latest_run.plan",
        "locked_by",
        "organization",
        "outputs",
        "project",
        "readme",
    ];

    fn of(paths: &Paths) -> Self {
        let has = |path: &str| paths.reach(path);
        Self {
            organization: has("organization"),
            project: has("project"),
            current_run: has("current_run") || has("latest_run"),
            current_run_plan: has("current_run.plan") || has("latest_run.plan"),
            current_run_configuration_version: has("current_run.configuration_version")
                || has("latest_run.configuration_version"),
            current_configuration_version: has("current_configuration_version"),
            current_state_version: has("current_state_version"),
            outputs: has("outputs"),
            locked_by: has("locked_by"),
            effective_tag_bindings: has("effective_tag_bindings"),
        }
    }
}

/// A workspace with the relations that only an include shows.
pub(super) fn resource(app: &App, view: &WorkspaceView, wanted: Wanted, related: &Related) -> Resource {
    let mut resource = super::resource(app, view);
    let id = &view.workspace.id;
    if wanted.outputs {
        let outputs = related.outputs.get(id).into_iter().flatten();
        resource = resource
            .relation("outputs", Relationship::to_many("workspace-outputs", outputs.map(|output| output.id.as_str())));
    }
    if wanted.effective_tag_bindings {
        let bindings = related.effective_tag_bindings.get(id).into_iter().flatten();
        resource = resource.relation(
            "effective-tag-bindings",
            Relationship::to_many(
                "effective-tag-bindings",
                bindings.map(|one| tag_bindings::effective_id(id.as_str(), one)),
            ),
        );
    }
    resource
}

/// An output as it is shown beside its workspace: what is sensitive stays hidden.
fn output(output: &StateVersionOutput) -> Resource {
    let value = if output.sensitive { &serde_json::Value::Null } else { &output.value };
    Resource::new("workspace-outputs", output.id.as_str()).attributes(&json!({
        "name": output.name,
        "sensitive": output.sensitive,
        "output-type": output.simple_type(),
        "value": value,
    }))
}

/// Adds what was found.
pub(super) fn add(app: &App, document: Document, wanted: Wanted, related: &Related) -> Document {
    let bindings = related.effective_tag_bindings.iter().flat_map(|(id, bindings)| {
        bindings.iter().map(move |binding| tag_bindings::effective(app, id.as_str(), binding))
    });
    let is_shown = wanted.current_run || wanted.locked_by;
    document
        .include_all(related.organization.iter().map(|view| organizations::resource(app, view)))
        .include_all(related.projects.iter().map(|view| projects::resource(app, view)))
        .include_all(related.runs.iter().filter(|_| is_shown).map(|view| runs::resource(app, view)))
        .include_all(related.plans.iter().map(|view| plans::plan(app, view)))
        .include_all(
            related.configuration_versions.iter().map(|version| configuration_versions::resource(app, version)),
        )
        .include_all(related.state_versions.iter().map(|view| state_versions::resource(app, view)))
        .include_all(related.outputs.values().flatten().map(output))
        .include_all(related.users.iter().map(account::resource))
        .include_all(bindings)
}
