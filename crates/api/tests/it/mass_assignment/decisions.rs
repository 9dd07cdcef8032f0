//! Of every attribute and relation that is shown of a resource: whether a request may write it, and then a value to write.

use serde_json::{Value, json};

use crate::world::{World, archive, text};

/// When something may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Always,
    Creation,
    Change,
}

/// Something that may be written.
pub(crate) struct Written {
    /// The attribute, or the relation after `@`.
    pub(crate) name: &'static str,
    /// A value that it does not have yet.
    pub(crate) value: Value,
    pub(crate) when: When,
    /// Under what name the value is shown then; `None` where it is not.
    pub(crate) shown: Option<&'static str>,
    /// What it takes for the value to be accepted.
    pub(crate) with: Value,
}

impl Written {
    fn shown_as(self, name: &'static str) -> Self {
        Self { shown: Some(name), ..self }
    }

    /// Is accepted beside these only.
    fn beside(self, with: Value) -> Self {
        Self { with, ..self }
    }

    /// Nothing shows it as it was sent.
    fn unseen(self) -> Self {
        Self { shown: None, ..self }
    }
}

fn always(name: &'static str, value: Value) -> Written {
    Written { name, value, when: When::Always, shown: Some(name), with: json!({}) }
}

fn at_creation(name: &'static str, value: Value) -> Written {
    Written { when: When::Creation, ..always(name, value) }
}

fn in_change(name: &'static str, value: Value) -> Written {
    Written { when: When::Change, ..always(name, value) }
}

/// The decisions on one type of resource.
pub(crate) struct Resource {
    pub(crate) kind: &'static str,
    pub(crate) written: Vec<Written>,
    /// Shown, or known elsewhere, and never written.
    pub(crate) fixed: Vec<&'static str>,
    /// Of those, what every write of something else moves as well.
    pub(crate) moves: &'static [&'static str],
}

fn resource(kind: &'static str, written: Vec<Written>, fixed: &[&'static str]) -> Resource {
    Resource { kind, written, fixed: fixed.to_vec(), moves: &[] }
}

/// All decisions, with values that stand for something in this world.
pub(crate) async fn resources(world: &World) -> Vec<Resource> {
    let project = world.make("/api/v2/organizations/demo/projects", &json!({"name": "elsewhere"})).await;
    let pool = world.id("agent-pools").to_owned();
    vec![
        access_to_projects(),
        access_to_workspaces(),
        account(),
        agent_pools(world),
        comments(),
        configuration_versions(),
        memberships(world),
        organizations(&pool),
        password(),
        projects(&pool),
        reserved_tag_keys(),
        runs(world),
        state_versions(&plan_only_run(world).await),
        subscriptions(),
        teams(),
        tokens(),
        unnamed_tokens(),
        variables(),
        workspaces(&project, &pool),
    ]
}

fn relation(kind: &str, id: &str) -> Value {
    json!({"data": {"type": kind, "id": id}})
}

fn account() -> Resource {
    let written = vec![
        in_change("username", json!("renamed")),
        // It has to be confirmed first.
        in_change("email", json!("renamed@example.org")).shown_as("unconfirmed-email"),
    ];
    let fixed = &[
        "unconfirmed-email",
        "is-service-account",
        "is-site-admin",
        "auth-method",
        "is-sso-login",
        "avatar-url",
        "two-factor",
        "v2-only",
        "permissions",
        "@authenticated-resource",
    ];
    resource("users", written, fixed)
}

/// What a new password leaves as it is: the whole account. The tests of accounts show that it is taken.
fn password() -> Resource {
    let account = account();
    let written = account.written.iter().map(|written| written.name);
    Resource {
        kind: "password",
        fixed: account.fixed.into_iter().chain(written).collect(),
        written: Vec::new(),
        moves: &[],
    }
}

fn subscriptions() -> Resource {
    let fixed = &[
        "is-active",
        "is-public-free-tier",
        "is-self-serve-trial",
        "start-at",
        "end-at",
        "runs-ceiling",
        "agents-ceiling",
        "contract-start-at",
        "contract-user-limit",
        "contract-apply-limit",
        "@organization",
    ];
    // Every organization has the one feature set that there is.
    let feature_set = at_creation("@feature-set", relation("feature-sets", "fs-terrane1111111111"));
    resource("subscriptions", vec![feature_set], fixed)
}

fn agent_pools(world: &World) -> Resource {
    let workspaces = json!({"data": [{"type": "workspaces", "id": world.id("workspaces")}]});
    let written = vec![
        always("organization-scoped", json!(false)),
        always("@allowed-workspaces", workspaces.clone()),
        always("@allowed-projects", json!({"data": [{"type": "projects", "id": world.id("projects")}]})),
        always("@excluded-workspaces", workspaces),
        always("name", json!("renamed")),
    ];
    resource("agent-pools", written, &["agent-count", "created-at", "@organization", "@workspaces"])
}

fn organizations(pool: &str) -> Resource {
    let written = vec![
        always("email", json!("others@example.org")),
        always("session-timeout", json!(60)),
        always("session-remember", json!(600)),
        always("collaborator-auth-policy", json!("two_factor_mandatory")),
        always("cost-estimation-enabled", json!(true)),
        always("aggregated-commit-status-enabled", json!(false)),
        always("send-passing-statuses-for-untriggered-speculative-plans", json!(true))
            .beside(json!({"aggregated-commit-status-enabled": false})),
        always("speculative-plan-management-enabled", json!(false)),
        always("assessments-enforced", json!(true)),
        always("allow-force-delete-workspaces", json!(true)),
        always("owners-team-saml-role-id", json!("role")),
        always("default-execution-mode", json!("local")),
        // A new organization has no pools yet.
        in_change("@default-agent-pool", relation("agent-pools", pool))
            .beside(json!({"default-execution-mode": "agent"})),
        in_change("default-agent-pool-id", json!(pool))
            .beside(json!({"default-execution-mode": "agent"}))
            .shown_as("@default-agent-pool"),
        // To write false shuts the writer out; the tests of organizations do.
        always("user-tokens-enabled", json!(true)),
        always("name", json!("renamed")),
    ];
    let fixed = &[
        "enforce-hyok",
        "fair-run-queuing-enabled",
        "is-unified",
        "max-ttl-enabled",
        "plan-expired",
        "plan-expires-at",
        "plan-identifier",
        "plan-is-enterprise",
        "plan-is-trial",
        "registry-monorepo-support-enabled",
        "remaining-testable-count",
        "saml-enabled",
        "stacks-enabled",
        "trial-expires-at",
        "two-factor-conformant",
        "external-id",
        "created-at",
        "permissions",
        "default-project-id",
        "@default-project",
        "@entitlement-set",
        "@subscription",
    ];
    resource("organizations", written, fixed)
}

fn tokens() -> Resource {
    let written = vec![
        at_creation("description", json!("described")),
        at_creation("expired-at", json!("2099-01-01T00:00:00.000Z")),
    ];
    resource("authentication-tokens", written, &["created-at", "last-used-at", "token", "@created-by", "@team"])
}

/// The one token of an organization, or of a team, that has no name.
fn unnamed_tokens() -> Resource {
    let named = tokens();
    let written = named.written.into_iter().filter(|written| written.name != "description").collect();
    let fixed = &["description", "created-at", "last-used-at", "token", "@created-by", "@team"];
    resource("authentication-token", written, fixed)
}

fn memberships(world: &World) -> Resource {
    let teams = json!({"data": [{"type": "teams", "id": world.id("teams")}]});
    let written = vec![at_creation("email", json!("written@example.org")), at_creation("@teams", teams)];
    let fixed = &["status", "created-at", "invitation-url", "username", "@organization", "@user"];
    resource("organization-memberships", written, fixed)
}

fn projects(pool: &str) -> Resource {
    let written = vec![
        always("description", json!("described")),
        always("auto-destroy-activity-duration", json!("14d")),
        always("default-execution-mode", json!("local")),
        in_change("setting-overwrites", json!({"default-execution-mode": false})),
        always("@default-agent-pool", relation("agent-pools", pool)).beside(json!({"default-execution-mode": "agent"})),
        always("default-agent-pool-id", json!(pool))
            .beside(json!({"default-execution-mode": "agent"}))
            .shown_as("@default-agent-pool"),
        always("@tag-bindings", json!({"data": [{"type": "tag-bindings", "attributes": {"key": "a", "value": "b"}}]}))
            .unseen(),
        always("name", json!("renamed")),
    ];
    let fixed = &[
        "is-unified",
        "created-at",
        "workspace-count",
        "team-count",
        "stack-count",
        "permissions",
        "@organization",
        "@effective-tag-bindings",
    ];
    resource("projects", written, fixed)
}

fn reserved_tag_keys() -> Resource {
    let written = vec![always("disable-overrides", json!(true)), always("key", json!("renamed"))];
    let fixed = &["created-at", "created_at", "updated-at", "updated_at"];
    Resource { moves: &["updated-at", "updated_at"], ..resource("reserved-tag-keys", written, fixed) }
}

fn teams() -> Resource {
    let written = vec![
        always("visibility", json!("secret")),
        always("sso-team-id", json!("sso")),
        always("organization-access", json!({"manage-workspaces": true})),
        always("allow-member-token-management", json!(false)),
        always("name", json!("renamed")),
    ];
    let fixed = &[
        "is-unified",
        "created-at",
        "users-count",
        "permissions",
        "@organization",
        "@users",
        "@organization-memberships",
        "@authentication-token",
    ];
    resource("teams", written, fixed)
}

fn access_to_projects() -> Resource {
    let written = vec![
        always("access", json!("custom")),
        always("project-access", json!({"settings": "update", "teams": "manage", "variable-sets": "read"})),
        always("workspace-access", json!({"runs": "apply", "create": true, "move": true})),
        at_creation("@team", Value::Null).unseen(),
        at_creation("@project", Value::Null).unseen(),
    ];
    resource("team-projects", written, &["@organization"])
}

fn access_to_workspaces() -> Resource {
    let written = vec![
        always("access", json!("custom")),
        always("runs", json!("plan")),
        always("variables", json!("write")),
        always("state-versions", json!("write")),
        always("sentinel-mocks", json!("read")),
        always("workspace-locking", json!(true)),
        always("run-tasks", json!(true)),
        at_creation("@team", Value::Null).unseen(),
        at_creation("@workspace", Value::Null).unseen(),
    ];
    resource("team-workspaces", written, &["@organization"])
}

fn variables() -> Resource {
    let written = vec![
        always("value", json!("written")),
        always("description", json!("described")),
        always("hcl", json!(true)),
        in_change("category", json!("env")),
        always("key", json!("renamed")),
        always("sensitive", json!(true)),
    ];
    let fixed = &["version-id", "created-at", "workspace-id", "@configurable"];
    Resource { moves: &["version-id"], ..resource("vars", written, fixed) }
}

fn workspaces(project: &str, pool: &str) -> Resource {
    let written = vec![
        always("description", json!("described")),
        always("execution-mode", json!("local")),
        in_change("setting-overwrites", json!({"execution-mode": false})),
        always("operations", json!(false)),
        always("agent-pool-id", json!(pool)).beside(json!({"execution-mode": "agent"})).shown_as("@agent-pool"),
        always("allow-destroy-plan", json!(false)),
        always("assessments-enabled", json!(true)),
        always("auto-apply", json!(true)),
        always("auto-apply-run-trigger", json!(true)),
        always("auto-destroy-at", json!("2099-01-01T00:00:00.000Z")),
        always("auto-destroy-activity-duration", json!("14d")),
        always("inherits-project-auto-destroy", json!(false)),
        always("file-triggers-enabled", json!(false)),
        always("trigger-prefixes", json!(["a"])),
        always("trigger-patterns", json!(["b"])),
        always("global-remote-state", json!(true)),
        always("project-remote-state", json!(true)),
        always("queue-all-runs", json!(true)),
        at_creation("source-name", json!("source")),
        at_creation("source-url", json!("https://example.org")),
        always("speculative-enabled", json!(false)),
        always("structured-run-output-enabled", json!(false)),
        always("terraform-version", json!("1.5.7")),
        always("engine", json!("opentofu")).beside(json!({"terraform-version": "latest"})),
        always("working-directory", json!("below")),
        // Nothing but its absence can be written yet.
        always("vcs-repo", Value::Null),
        always("@project", relation("projects", project)),
        at_creation("@tags", json!({"data": [{"type": "tags", "attributes": {"name": "green"}}]})).unseen(),
        always("@tag-bindings", json!({"data": [{"type": "tag-bindings", "attributes": {"key": "a", "value": "b"}}]}))
            .unseen(),
        always("name", json!("renamed")),
    ];
    let fixed = &[
        "source",
        "tag-names",
        "environment",
        "can-queue-destroy-plan",
        "last-assessment-result-at",
        "auto-destroy-status",
        "source-module-id",
        "no-code-upgrade-available",
        "vcs-repo-identifier",
        "oauth-client-name",
        "locked",
        "locked-reason",
        "resource-count",
        "apply-duration-average",
        "plan-duration-average",
        "policy-check-failures",
        "run-failures",
        "workspace-kpis-runs-count",
        "unarchived-workspace-change-requests-count",
        "latest-change-at",
        "created-at",
        "updated-at",
        "permissions",
        "actions",
        "@organization",
        "@current-run",
        "@latest-run",
        "@current-state-version",
        "@current-configuration-version",
        "@agent-pool",
        "@readme",
        "@outputs",
        "@vars",
        "@remote-state-consumers",
        "@effective-tag-bindings",
        "@locked-by",
    ];
    Resource { moves: &["latest-change-at", "updated-at"], ..resource("workspaces", written, fixed) }
}

fn comments() -> Resource {
    resource("comments", vec![at_creation("body", json!("said"))], &["created-at", "@run-event"])
}

fn configuration_versions() -> Resource {
    let written = vec![
        at_creation("auto-queue-runs", json!(false)),
        at_creation("speculative", json!(true)),
        at_creation("provisional", json!(true)),
    ];
    let fixed = &[
        "status",
        "status-timestamps",
        "source",
        "error",
        "error-message",
        "changed-files",
        "upload-url",
        "@ingress-attributes",
    ];
    resource("configuration-versions", written, fixed)
}

fn runs(world: &World) -> Resource {
    let version = world.id("configuration-versions");
    let written = vec![
        at_creation("message", json!("said")),
        at_creation("auto-apply", json!(true)),
        at_creation("plan-only", json!(true)),
        at_creation("save-plan", json!(true)),
        at_creation("allow-empty-apply", json!(true)),
        at_creation("is-destroy", json!(true)),
        at_creation("refresh", json!(false)),
        at_creation("refresh-only", json!(true)),
        at_creation("target-addrs", json!(["a.b"])),
        at_creation("replace-addrs", json!(["a.b"])),
        at_creation("allow-config-generation", json!(true)),
        at_creation("debugging-mode", json!(true)),
        at_creation("invoke-action-addrs", json!(["action.a.b"])),
        at_creation("terraform-version", json!("1.11.4")).beside(json!({"plan-only": true})),
        at_creation("variables", json!([{"key": "a", "value": "\"b\""}])),
        at_creation("@workspace", Value::Null).unseen(),
        at_creation("@configuration-version", relation("configuration-versions", version)),
    ];
    let fixed = &[
        "status",
        "status-timestamps",
        "created-at",
        "canceled-at",
        "force-cancel-available-at",
        "source",
        "trigger-reason",
        "has-changes",
        "position-in-queue",
        "reason-code",
        "reason",
        "actions",
        "permissions",
        "engine",
        "@plan",
        "@apply",
        "@created-by",
        "@confirmed-by",
        "@cost-estimate",
        "@policy-checks",
        "@task-stages",
        "@run-events",
        "@comments",
        "@input-state-version",
    ];
    resource("runs", written, fixed)
}

/// A run in a workspace of its own, `states`, which it does not lock.
async fn plan_only_run(world: &World) -> String {
    let workspace = world.make("/api/v2/organizations/demo/workspaces", &json!({"name": "states"})).await;
    let path = format!("/api/v2/workspaces/{workspace}/configuration-versions");
    let version = json!({"data": {"attributes": {"auto-queue-runs": false}}});
    let version = world.owner_json("POST", &path, &version).await;
    let upload = text(&version["data"]["attributes"]["upload-url"]).replace("http://localhost", "");
    assert!(world.send("PUT", &upload, None, archive()).await.status.is_success());
    let run = json!({"data": {
        "attributes": {"plan-only": true}, "relationships": {"workspace": relation("workspaces", &workspace)},
    }});
    text(&world.owner_json("POST", "/api/v2/runs", &run).await["data"]["id"])
}

fn state_versions(run: &str) -> Resource {
    let written = vec![
        at_creation("serial", json!(7)),
        at_creation("lineage", json!("another")),
        at_creation("md5", json!("00000000000000000000000000000000")),
        // The client says which run makes the state.
        at_creation("@run", relation("runs", run)),
    ];
    let fixed = &[
        "status",
        "size",
        "state-version",
        "terraform-version",
        "intermediate",
        "created-at",
        "hosted-state-download-url",
        "hosted-json-state-download-url",
        "hosted-state-upload-url",
        "hosted-json-state-upload-url",
        "resources",
        "resources-processed",
        "modules",
        "providers",
        "vcs-commit-sha",
        "vcs-commit-url",
        "@workspace",
        "@created-by",
        "@outputs",
        "@rollback-state-version",
    ];
    resource("state-versions", written, fixed)
}
