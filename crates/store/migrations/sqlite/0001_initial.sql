CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    default_project_id TEXT NOT NULL,
    session_timeout INTEGER,
    session_remember INTEGER,
    collaborator_auth_policy TEXT NOT NULL,
    cost_estimation_enabled INTEGER NOT NULL,
    send_passing_statuses_for_untriggered_speculative_plans INTEGER NOT NULL,
    aggregated_commit_status_enabled INTEGER NOT NULL,
    speculative_plan_management_enabled INTEGER NOT NULL,
    assessments_enforced INTEGER NOT NULL,
    allow_force_delete_workspaces INTEGER NOT NULL,
    default_execution_mode TEXT NOT NULL,
    default_agent_pool_id TEXT,
    owners_team_saml_role_id TEXT,
    user_tokens_enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE organization_keys (
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (organization_id, version)
) STRICT;

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    -- Empty for who was invited and has not chosen one yet.
    username TEXT NOT NULL,
    email TEXT NOT NULL,
    is_site_admin INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    -- Argon2id in its own text form; none until the person has set a password.
    password_hash TEXT,
    -- What the person wants instead of the address, until it is confirmed.
    unconfirmed_email TEXT
) STRICT;
CREATE UNIQUE INDEX users_by_username ON users (username) WHERE username <> '';

CREATE TABLE organization_memberships (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (organization_id, user_id)
) STRICT;
CREATE INDEX organization_memberships_by_user ON organization_memberships (user_id);
CREATE INDEX organization_memberships_by_age ON organization_memberships (organization_id, created_at, id);
CREATE INDEX organization_memberships_by_email ON organization_memberships (email);
-- Nobody is invited twice.
CREATE UNIQUE INDEX organization_memberships_invited ON organization_memberships (organization_id, LOWER(email))
    WHERE status = 'invited';

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    visibility TEXT NOT NULL,
    sso_team_id TEXT,
    organization_access TEXT NOT NULL,
    allow_member_token_management INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE team_members (
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (team_id, user_id)
) STRICT;
CREATE INDEX team_members_by_user ON team_members (user_id);

CREATE TABLE projects (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    description TEXT,
    auto_destroy_activity_duration TEXT,
    default_execution_mode TEXT,
    default_agent_pool_id TEXT,
    created_at INTEGER NOT NULL
) STRICT;
-- Only ASCII: that is what names consist of, and what LOWER knows on both databases.
CREATE UNIQUE INDEX projects_by_name ON projects (organization_id, LOWER(name));

CREATE TABLE team_projects (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    access TEXT NOT NULL,
    custom TEXT,
    UNIQUE (project_id, team_id)
) STRICT;
CREATE INDEX team_projects_by_team ON team_projects (team_id);

CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT REFERENCES teams (id) ON DELETE CASCADE,
    run_id TEXT,
    organization_id TEXT REFERENCES organizations (id) ON DELETE CASCADE,
    created_by TEXT,
    description TEXT,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER,
    hash BLOB NOT NULL UNIQUE
) STRICT;
CREATE INDEX tokens_by_run ON tokens (run_id) WHERE run_id IS NOT NULL;
CREATE INDEX tokens_by_user ON tokens (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX tokens_by_team ON tokens (team_id) WHERE team_id IS NOT NULL;
CREATE INDEX tokens_by_organization ON tokens (organization_id, kind) WHERE organization_id IS NOT NULL;
-- A team has one token without a description, and of those with one no two alike.
CREATE UNIQUE INDEX tokens_of_team ON tokens (team_id) WHERE kind = 'team' AND description IS NULL;
CREATE UNIQUE INDEX tokens_of_team_described ON tokens (team_id, description) WHERE kind = 'team';
-- A new one takes the place of the old.
CREATE UNIQUE INDEX tokens_of_organization ON tokens (organization_id, kind)
    WHERE kind IN ('organization', 'audit-trails');

CREATE TABLE authorization_codes (
    hash BLOB PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    token_expires_at INTEGER
) STRICT;
CREATE INDEX authorization_codes_by_session ON authorization_codes (session_id);

CREATE TABLE workspaces (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id),
    name TEXT NOT NULL,
    description TEXT,
    execution_mode TEXT,
    agent_pool_id TEXT,
    assessments_enabled INTEGER NOT NULL,
    auto_apply INTEGER NOT NULL,
    auto_apply_run_trigger INTEGER NOT NULL,
    auto_destroy_at INTEGER,
    auto_destroy_activity_duration TEXT,
    inherits_project_auto_destroy INTEGER NOT NULL,
    allow_destroy_plan INTEGER NOT NULL,
    file_triggers_enabled INTEGER NOT NULL,
    trigger_prefixes TEXT NOT NULL,
    trigger_patterns TEXT NOT NULL,
    global_remote_state INTEGER NOT NULL,
    project_remote_state INTEGER NOT NULL,
    queue_all_runs INTEGER NOT NULL,
    source TEXT NOT NULL,
    source_name TEXT,
    source_url TEXT,
    speculative_enabled INTEGER NOT NULL,
    engine TEXT NOT NULL,
    terraform_version TEXT NOT NULL,
    working_directory TEXT NOT NULL,
    structured_run_output_enabled INTEGER NOT NULL,
    lock_holder TEXT,
    lock_reason TEXT,
    current_run_id TEXT,
    current_state_version_id TEXT,
    current_configuration_version_id TEXT,
    resource_count INTEGER NOT NULL,
    statistics TEXT NOT NULL,
    latest_change_at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;
CREATE INDEX workspaces_by_age ON workspaces (organization_id, created_at, id);
CREATE INDEX workspaces_by_project ON workspaces (project_id);
CREATE INDEX workspaces_by_agent_pool ON workspaces (agent_pool_id) WHERE agent_pool_id IS NOT NULL;

-- Every page of workspaces tells how many there are; counting 100,000 takes a hundred times as long as their first page.
CREATE TABLE workspace_counts (
    organization_id TEXT PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    count INTEGER NOT NULL
) STRICT;
CREATE TRIGGER workspaces_counted AFTER INSERT ON workspaces BEGIN
    INSERT INTO workspace_counts (organization_id, count) VALUES (NEW.organization_id, 1)
        ON CONFLICT (organization_id) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER workspaces_discounted AFTER DELETE ON workspaces BEGIN
    UPDATE workspace_counts SET count = count - 1 WHERE organization_id = OLD.organization_id;
END;

CREATE TABLE team_workspaces (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    team_id TEXT NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    access TEXT NOT NULL,
    custom TEXT,
    UNIQUE (workspace_id, team_id)
) STRICT;
CREATE INDEX team_workspaces_by_team ON team_workspaces (team_id);

CREATE TABLE tags (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE workspace_tags (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, tag_id)
) STRICT;
CREATE INDEX workspace_tags_by_tag ON workspace_tags (tag_id);

-- Each is bound to a workspace or to a project.
CREATE TABLE tag_bindings (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT REFERENCES workspaces (id) ON DELETE CASCADE,
    project_id TEXT REFERENCES projects (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (workspace_id, key),
    UNIQUE (project_id, key)
) STRICT;

CREATE TABLE remote_state_consumers (
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    consumer_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, consumer_id)
) STRICT;
CREATE INDEX remote_state_consumers_by_consumer ON remote_state_consumers (consumer_id);

CREATE TABLE configuration_versions (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    status_timestamps TEXT NOT NULL,
    source TEXT NOT NULL,
    auto_queue_runs INTEGER NOT NULL,
    speculative INTEGER NOT NULL,
    provisional INTEGER NOT NULL,
    error_message TEXT,
    blob TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX configuration_versions_by_workspace ON configuration_versions (workspace_id, created_at);

CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    workspace_name TEXT NOT NULL,
    working_directory TEXT NOT NULL,
    configuration_version_id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    apply_id TEXT NOT NULL,
    status TEXT NOT NULL,
    status_timestamps TEXT NOT NULL,
    message TEXT NOT NULL,
    source TEXT NOT NULL,
    created_by TEXT,
    confirmed_by TEXT,
    auto_apply INTEGER NOT NULL,
    plan_only INTEGER NOT NULL,
    save_plan INTEGER NOT NULL,
    allow_empty_apply INTEGER NOT NULL,
    operation TEXT NOT NULL,
    options TEXT NOT NULL,
    log_format TEXT NOT NULL,
    engine TEXT NOT NULL,
    terraform_version TEXT NOT NULL,
    input_state_version_id TEXT,
    has_changes INTEGER NOT NULL,
    reason TEXT,
    reason_message TEXT,
    canceled_at INTEGER,
    created_at INTEGER NOT NULL,
    sealed_variables BLOB,
    configuration_blob TEXT
) STRICT;
CREATE INDEX runs_by_workspace ON runs (workspace_id, created_at);
CREATE INDEX runs_by_organization ON runs (organization_id, created_at, id);
-- Final runs are many and never looked for by status; the queue is what is left.
CREATE INDEX runs_open ON runs (workspace_id, created_at, id)
    WHERE status NOT IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled');
CREATE INDEX runs_open_of_organization ON runs (organization_id, created_at, id)
    WHERE status NOT IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled');

CREATE TABLE run_phases (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    phase TEXT NOT NULL,
    status TEXT NOT NULL,
    status_timestamps TEXT NOT NULL,
    counts TEXT NOT NULL,
    log_length INTEGER NOT NULL,
    log_ended INTEGER NOT NULL,
    log_blob TEXT,
    plan_blob TEXT,
    json_blob TEXT,
    redacted_blob TEXT,
    generated_configuration INTEGER NOT NULL,
    sandbox_level TEXT,
    UNIQUE (run_id, phase)
) STRICT;
CREATE INDEX run_phases_uncompacted ON run_phases (id) WHERE log_ended = TRUE AND log_blob IS NULL;

CREATE TABLE log_chunks (
    phase_id TEXT NOT NULL,
    start INTEGER NOT NULL,
    length INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (phase_id, start)
) STRICT;

CREATE TABLE run_events (
    id TEXT PRIMARY KEY,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    description TEXT,
    actor_id TEXT,
    comment_id TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX run_events_by_run ON run_events (run_id, created_at);

CREATE TABLE comments (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_by_run ON comments (run_id, created_at);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    phase TEXT NOT NULL,
    status TEXT NOT NULL,
    runner_id TEXT,
    fence INTEGER NOT NULL,
    lease_until INTEGER,
    attempts INTEGER NOT NULL,
    admitted_at INTEGER,
    -- The fencing number of the claim that was admitted: only that one may ask again, if the answer was lost.
    admitted_fence INTEGER,
    stop TEXT NOT NULL,
    preferred_runner_id TEXT,
    preferred_until INTEGER,
    created_at INTEGER NOT NULL,
    -- One apply for each run, whatever happens: the second cannot be inserted.
    UNIQUE (run_id, phase)
) STRICT;
CREATE INDEX jobs_open ON jobs (status, created_at) WHERE status <> 'done';

CREATE TABLE errored_states (
    run_id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    serial INTEGER,
    lineage TEXT NOT NULL,
    md5 TEXT NOT NULL,
    size INTEGER NOT NULL,
    blob TEXT NOT NULL,
    resolution TEXT,
    resolved_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE state_versions (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    run_id TEXT,
    created_by TEXT,
    status TEXT NOT NULL,
    serial INTEGER NOT NULL,
    lineage TEXT NOT NULL,
    md5 TEXT NOT NULL,
    size INTEGER NOT NULL,
    terraform_version TEXT,
    blob TEXT,
    json_blob TEXT,
    resources TEXT NOT NULL,
    resources_processed INTEGER NOT NULL,
    rollback_of TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX state_versions_by_workspace ON state_versions (workspace_id, created_at);
CREATE INDEX state_versions_unprocessed ON state_versions (created_at) WHERE status = 'finalized' AND resources_processed = FALSE;

CREATE TABLE state_version_outputs (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    state_version_id TEXT NOT NULL REFERENCES state_versions (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    sensitive INTEGER NOT NULL,
    detailed_type TEXT NOT NULL,
    sealed_value BLOB NOT NULL,
    UNIQUE (state_version_id, name)
) STRICT;

CREATE TABLE workspace_resources (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    module TEXT NOT NULL,
    name TEXT NOT NULL,
    provider TEXT NOT NULL,
    provider_type TEXT NOT NULL,
    name_index TEXT,
    fingerprint INTEGER NOT NULL,
    modified_by_state_version_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (workspace_id, address)
) STRICT;

CREATE TABLE variables (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    sealed_value BLOB NOT NULL,
    description TEXT NOT NULL,
    category TEXT NOT NULL,
    hcl INTEGER NOT NULL,
    sensitive INTEGER NOT NULL,
    version_id TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (workspace_id, category, key)
) STRICT;

CREATE TABLE agent_pools (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    organization_scoped INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (organization_id, name)
) STRICT;

CREATE TABLE agent_pool_workspaces (
    agent_pool_id TEXT NOT NULL REFERENCES agent_pools (id) ON DELETE CASCADE,
    workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    is_excluded INTEGER NOT NULL,
    PRIMARY KEY (agent_pool_id, workspace_id, is_excluded)
) STRICT;
CREATE INDEX agent_pool_workspaces_by_workspace ON agent_pool_workspaces (workspace_id);

CREATE TABLE agent_pool_projects (
    agent_pool_id TEXT NOT NULL REFERENCES agent_pools (id) ON DELETE CASCADE,
    project_id TEXT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    PRIMARY KEY (agent_pool_id, project_id)
) STRICT;
CREATE INDEX agent_pool_projects_by_project ON agent_pool_projects (project_id);

CREATE TABLE reserved_tag_keys (
    id TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    disable_overrides INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (organization_id, key)
) STRICT;

-- No foreign keys: an event outlives what it tells of.
CREATE TABLE events (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    organization_id TEXT NOT NULL,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    details TEXT NOT NULL,
    caused_by TEXT,
    seq INTEGER,
    prev TEXT,
    hash TEXT
) STRICT;
CREATE UNIQUE INDEX events_sealed ON events (organization_id, seq);
CREATE INDEX events_unsealed ON events (position) WHERE seq IS NULL;

CREATE TABLE event_heads (
    organization_id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    signature BLOB NOT NULL
) STRICT;
