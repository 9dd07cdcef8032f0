-- COLLATE "C": names sort and compare byte by byte, as in SQLite.
CREATE TABLE organizations (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    email TEXT COLLATE "C" NOT NULL,
    default_project_id TEXT COLLATE "C" NOT NULL,
    session_timeout BIGINT,
    session_remember BIGINT,
    collaborator_auth_policy TEXT COLLATE "C" NOT NULL,
    cost_estimation_enabled BOOLEAN NOT NULL,
    send_passing_statuses_for_untriggered_speculative_plans BOOLEAN NOT NULL,
    aggregated_commit_status_enabled BOOLEAN NOT NULL,
    speculative_plan_management_enabled BOOLEAN NOT NULL,
    assessments_enforced BOOLEAN NOT NULL,
    allow_force_delete_workspaces BOOLEAN NOT NULL,
    default_execution_mode TEXT COLLATE "C" NOT NULL,
    default_agent_pool_id TEXT COLLATE "C",
    owners_team_saml_role_id TEXT COLLATE "C",
    user_tokens_enabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE organization_keys (
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    wrapped BYTEA NOT NULL,
    PRIMARY KEY (organization_id, version)
);

CREATE TABLE users (
    id TEXT COLLATE "C" PRIMARY KEY,
    -- Empty for who was invited and has not chosen one yet.
    username TEXT COLLATE "C" NOT NULL,
    email TEXT COLLATE "C" NOT NULL,
    is_site_admin BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    -- Argon2id in its own text form; none until the person has set a password.
    password_hash TEXT COLLATE "C",
    -- What the person wants instead of the address, until it is confirmed.
    unconfirmed_email TEXT COLLATE "C"
);
CREATE UNIQUE INDEX users_by_username ON users (username) WHERE username <> '';

CREATE TABLE organization_memberships (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (organization_id, user_id)
);
CREATE INDEX organization_memberships_by_user ON organization_memberships (user_id);
CREATE INDEX organization_memberships_by_age ON organization_memberships (organization_id, created_at, id);
CREATE INDEX organization_memberships_by_email ON organization_memberships (email);
-- Nobody is invited twice.
CREATE UNIQUE INDEX organization_memberships_invited ON organization_memberships (organization_id, LOWER(email))
    WHERE status = 'invited';

CREATE TABLE teams (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    visibility TEXT COLLATE "C" NOT NULL,
    sso_team_id TEXT COLLATE "C",
    organization_access TEXT COLLATE "C" NOT NULL,
    allow_member_token_management BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE team_members (
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (team_id, user_id)
);
CREATE INDEX team_members_by_user ON team_members (user_id);

CREATE TABLE projects (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    auto_destroy_activity_duration TEXT COLLATE "C",
    default_execution_mode TEXT COLLATE "C",
    default_agent_pool_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
-- Only ASCII: that is what names consist of, and what LOWER knows on both databases.
CREATE UNIQUE INDEX projects_by_name ON projects (organization_id, LOWER(name));

CREATE TABLE team_projects (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    access TEXT COLLATE "C" NOT NULL,
    custom TEXT COLLATE "C",
    UNIQUE (project_id, team_id)
);
CREATE INDEX team_projects_by_team ON team_projects (team_id);

CREATE TABLE tokens (
    id TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" REFERENCES users (id) ON DELETE CASCADE,
    team_id TEXT COLLATE "C" REFERENCES teams (id) ON DELETE CASCADE,
    run_id TEXT COLLATE "C",
    organization_id TEXT COLLATE "C" REFERENCES organizations (id) ON DELETE CASCADE,
    created_by TEXT COLLATE "C",
    description TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    last_used_at BIGINT,
    expires_at BIGINT,
    hash BYTEA NOT NULL UNIQUE
);
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
    hash BYTEA PRIMARY KEY,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id TEXT COLLATE "C" NOT NULL REFERENCES tokens (id) ON DELETE CASCADE,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    code_challenge TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    token_expires_at BIGINT
);
CREATE INDEX authorization_codes_by_session ON authorization_codes (session_id);

CREATE TABLE workspaces (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id),
    name TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    execution_mode TEXT COLLATE "C",
    agent_pool_id TEXT COLLATE "C",
    assessments_enabled BOOLEAN NOT NULL,
    auto_apply BOOLEAN NOT NULL,
    auto_apply_run_trigger BOOLEAN NOT NULL,
    auto_destroy_at BIGINT,
    auto_destroy_activity_duration TEXT COLLATE "C",
    inherits_project_auto_destroy BOOLEAN NOT NULL,
    allow_destroy_plan BOOLEAN NOT NULL,
    file_triggers_enabled BOOLEAN NOT NULL,
    trigger_prefixes TEXT COLLATE "C" NOT NULL,
    trigger_patterns TEXT COLLATE "C" NOT NULL,
    global_remote_state BOOLEAN NOT NULL,
    project_remote_state BOOLEAN NOT NULL,
    queue_all_runs BOOLEAN NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    source_name TEXT COLLATE "C",
    source_url TEXT COLLATE "C",
    speculative_enabled BOOLEAN NOT NULL,
    engine TEXT COLLATE "C" NOT NULL,
    terraform_version TEXT COLLATE "C" NOT NULL,
    working_directory TEXT COLLATE "C" NOT NULL,
    structured_run_output_enabled BOOLEAN NOT NULL,
    lock_holder TEXT COLLATE "C",
    lock_reason TEXT COLLATE "C",
    current_run_id TEXT COLLATE "C",
    current_state_version_id TEXT COLLATE "C",
    current_configuration_version_id TEXT COLLATE "C",
    resource_count BIGINT NOT NULL,
    statistics TEXT COLLATE "C" NOT NULL,
    latest_change_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);
CREATE INDEX workspaces_by_age ON workspaces (organization_id, created_at, id);
CREATE INDEX workspaces_by_project ON workspaces (project_id);
CREATE INDEX workspaces_by_agent_pool ON workspaces (agent_pool_id) WHERE agent_pool_id IS NOT NULL;

-- Every page of workspaces tells how many there are; counting 100,000 takes a hundred times as long as their first page.
CREATE TABLE workspace_counts (
    organization_id TEXT PRIMARY KEY REFERENCES organizations (id) ON DELETE CASCADE,
    count BIGINT NOT NULL
);
CREATE FUNCTION count_workspace() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO workspace_counts (organization_id, count) VALUES (NEW.organization_id, 1)
            ON CONFLICT (organization_id) DO UPDATE SET count = workspace_counts.count + 1;
    ELSE
        UPDATE workspace_counts SET count = count - 1 WHERE organization_id = OLD.organization_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER workspaces_counted AFTER INSERT OR DELETE ON workspaces
    FOR EACH ROW EXECUTE FUNCTION count_workspace();

CREATE TABLE team_workspaces (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    team_id TEXT COLLATE "C" NOT NULL REFERENCES teams (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    access TEXT COLLATE "C" NOT NULL,
    custom TEXT COLLATE "C",
    UNIQUE (workspace_id, team_id)
);
CREATE INDEX team_workspaces_by_team ON team_workspaces (team_id);

CREATE TABLE tags (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE workspace_tags (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    tag_id TEXT COLLATE "C" NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, tag_id)
);
CREATE INDEX workspace_tags_by_tag ON workspace_tags (tag_id);

-- Each is bound to a workspace or to a project.
CREATE TABLE tag_bindings (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" REFERENCES workspaces (id) ON DELETE CASCADE,
    project_id TEXT COLLATE "C" REFERENCES projects (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    value TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    position BIGINT NOT NULL,
    UNIQUE (workspace_id, key),
    UNIQUE (project_id, key)
);

CREATE TABLE remote_state_consumers (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    consumer_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    PRIMARY KEY (workspace_id, consumer_id)
);
CREATE INDEX remote_state_consumers_by_consumer ON remote_state_consumers (consumer_id);

CREATE TABLE configuration_versions (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    status TEXT COLLATE "C" NOT NULL,
    status_timestamps TEXT NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    auto_queue_runs BOOLEAN NOT NULL,
    speculative BOOLEAN NOT NULL,
    provisional BOOLEAN NOT NULL,
    error_message TEXT COLLATE "C",
    blob TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
CREATE INDEX configuration_versions_by_workspace ON configuration_versions (workspace_id, created_at);

CREATE TABLE runs (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    workspace_name TEXT COLLATE "C" NOT NULL,
    working_directory TEXT COLLATE "C" NOT NULL,
    configuration_version_id TEXT COLLATE "C" NOT NULL,
    plan_id TEXT COLLATE "C" NOT NULL,
    apply_id TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    status_timestamps TEXT COLLATE "C" NOT NULL,
    message TEXT COLLATE "C" NOT NULL,
    source TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C",
    confirmed_by TEXT COLLATE "C",
    auto_apply BOOLEAN NOT NULL,
    plan_only BOOLEAN NOT NULL,
    save_plan BOOLEAN NOT NULL,
    allow_empty_apply BOOLEAN NOT NULL,
    operation TEXT COLLATE "C" NOT NULL,
    options TEXT COLLATE "C" NOT NULL,
    log_format TEXT COLLATE "C" NOT NULL,
    engine TEXT COLLATE "C" NOT NULL,
    terraform_version TEXT COLLATE "C" NOT NULL,
    input_state_version_id TEXT COLLATE "C",
    has_changes BOOLEAN NOT NULL,
    reason TEXT COLLATE "C",
    reason_message TEXT COLLATE "C",
    canceled_at BIGINT,
    created_at BIGINT NOT NULL,
    sealed_variables BYTEA,
    configuration_blob TEXT COLLATE "C"
);
CREATE INDEX runs_by_workspace ON runs (workspace_id, created_at);
CREATE INDEX runs_by_organization ON runs (organization_id, created_at, id);
-- Final runs are many and never looked for by status; the queue is what is left.
CREATE INDEX runs_open ON runs (workspace_id, created_at, id)
    WHERE status NOT IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled');
CREATE INDEX runs_open_of_organization ON runs (organization_id, created_at, id)
    WHERE status NOT IN ('applied', 'planned_and_finished', 'policy_soft_failed', 'discarded', 'errored', 'canceled', 'force_canceled');

CREATE TABLE run_phases (
    id TEXT COLLATE "C" PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    phase TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    status_timestamps TEXT COLLATE "C" NOT NULL,
    counts TEXT COLLATE "C" NOT NULL,
    log_length BIGINT NOT NULL,
    log_ended BOOLEAN NOT NULL,
    log_blob TEXT COLLATE "C",
    plan_blob TEXT COLLATE "C",
    json_blob TEXT COLLATE "C",
    redacted_blob TEXT COLLATE "C",
    generated_configuration BOOLEAN NOT NULL,
    sandbox_level TEXT COLLATE "C",
    UNIQUE (run_id, phase)
);
CREATE INDEX run_phases_uncompacted ON run_phases (id) WHERE log_ended = TRUE AND log_blob IS NULL;

CREATE TABLE log_chunks (
    phase_id TEXT COLLATE "C" NOT NULL,
    start BIGINT NOT NULL,
    length BIGINT NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (phase_id, start)
);

CREATE TABLE run_events (
    id TEXT COLLATE "C" PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    action TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C",
    actor_id TEXT COLLATE "C",
    comment_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
CREATE INDEX run_events_by_run ON run_events (run_id, created_at);

CREATE TABLE comments (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX comments_by_run ON comments (run_id, created_at);

CREATE TABLE jobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    phase TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    runner_id TEXT COLLATE "C",
    fence BIGINT NOT NULL,
    lease_until BIGINT,
    attempts BIGINT NOT NULL,
    admitted_at BIGINT,
    -- The fencing number of the claim that was admitted: only that one may ask again, if the answer was lost.
    admitted_fence BIGINT,
    stop TEXT COLLATE "C" NOT NULL,
    preferred_runner_id TEXT COLLATE "C",
    preferred_until BIGINT,
    created_at BIGINT NOT NULL,
    -- One apply for each run, whatever happens: the second cannot be inserted.
    UNIQUE (run_id, phase)
);
CREATE INDEX jobs_open ON jobs (status, created_at) WHERE status <> 'done';

CREATE TABLE errored_states (
    run_id TEXT COLLATE "C" PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    serial BIGINT,
    lineage TEXT COLLATE "C" NOT NULL,
    md5 TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    blob TEXT COLLATE "C" NOT NULL,
    resolution TEXT COLLATE "C",
    resolved_at BIGINT,
    created_at BIGINT NOT NULL
);

CREATE TABLE state_versions (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    run_id TEXT COLLATE "C",
    created_by TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    serial BIGINT NOT NULL,
    lineage TEXT COLLATE "C" NOT NULL,
    md5 TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    terraform_version TEXT COLLATE "C",
    blob TEXT COLLATE "C",
    json_blob TEXT COLLATE "C",
    resources TEXT COLLATE "C" NOT NULL,
    resources_processed BOOLEAN NOT NULL,
    rollback_of TEXT COLLATE "C",
    created_at BIGINT NOT NULL
);
CREATE INDEX state_versions_by_workspace ON state_versions (workspace_id, created_at);
CREATE INDEX state_versions_unprocessed ON state_versions (created_at) WHERE status = 'finalized' AND resources_processed = FALSE;

CREATE TABLE state_version_outputs (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    state_version_id TEXT COLLATE "C" NOT NULL REFERENCES state_versions (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    sensitive BOOLEAN NOT NULL,
    detailed_type TEXT COLLATE "C" NOT NULL,
    sealed_value BYTEA NOT NULL,
    UNIQUE (state_version_id, name)
);

CREATE TABLE workspace_resources (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    address TEXT COLLATE "C" NOT NULL,
    module TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    provider TEXT COLLATE "C" NOT NULL,
    provider_type TEXT COLLATE "C" NOT NULL,
    name_index TEXT COLLATE "C",
    fingerprint BIGINT NOT NULL,
    modified_by_state_version_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (workspace_id, address)
);

CREATE TABLE variables (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    sealed_value BYTEA NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    category TEXT COLLATE "C" NOT NULL,
    hcl BOOLEAN NOT NULL,
    sensitive BOOLEAN NOT NULL,
    version_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (workspace_id, category, key)
);

CREATE TABLE agent_pools (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    organization_scoped BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (organization_id, name)
);

CREATE TABLE agent_pool_workspaces (
    agent_pool_id TEXT COLLATE "C" NOT NULL REFERENCES agent_pools (id) ON DELETE CASCADE,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
    is_excluded BOOLEAN NOT NULL,
    PRIMARY KEY (agent_pool_id, workspace_id, is_excluded)
);
CREATE INDEX agent_pool_workspaces_by_workspace ON agent_pool_workspaces (workspace_id);

CREATE TABLE agent_pool_projects (
    agent_pool_id TEXT COLLATE "C" NOT NULL REFERENCES agent_pools (id) ON DELETE CASCADE,
    project_id TEXT COLLATE "C" NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    PRIMARY KEY (agent_pool_id, project_id)
);
CREATE INDEX agent_pool_projects_by_project ON agent_pool_projects (project_id);

CREATE TABLE reserved_tag_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    organization_id TEXT COLLATE "C" NOT NULL REFERENCES organizations (id) ON DELETE CASCADE,
    key TEXT COLLATE "C" NOT NULL,
    disable_overrides BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (organization_id, key)
);

-- No foreign keys: an event outlives what it tells of.
CREATE TABLE events (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id TEXT COLLATE "C" NOT NULL UNIQUE,
    organization_id TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    actor TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    details TEXT COLLATE "C" NOT NULL,
    caused_by TEXT COLLATE "C",
    seq BIGINT,
    prev TEXT COLLATE "C",
    hash TEXT COLLATE "C"
);
CREATE UNIQUE INDEX events_sealed ON events (organization_id, seq);
CREATE INDEX events_unsealed ON events (position) WHERE seq IS NULL;

CREATE TABLE event_heads (
    organization_id TEXT COLLATE "C" PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    signature BYTEA NOT NULL
);
