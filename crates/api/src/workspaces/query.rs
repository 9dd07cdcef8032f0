//! What a list of workspaces is narrowed by, and its order. Source: `api-docs/workspaces.mdx`, "List workspaces".

use terrane_app::workspaces::WorkspaceFilter;
use terrane_domain::runs::RunStatus;
use terrane_domain::workspaces::WorkspaceSort;
use terrane_jsonapi::{Error, Query};

use crate::error::ApiResult;
use crate::tag_bindings::tagged;

/// The filter, or `None` where nothing can be found.
pub(super) fn filter(query: &Query) -> ApiResult<Option<WorkspaceFilter>> {
    let project_id = match query.first("filter[project][id]").map(str::parse) {
        Some(Err(_)) => return Ok(None),
        other => other.and_then(Result::ok),
    };
    let statuses = query.list("filter[current-run][status]");
    let run_statuses: Vec<RunStatus> = statuses.iter().filter_map(|word| word.parse().ok()).collect();
    if run_statuses.is_empty() && !statuses.is_empty() {
        return Ok(None);
    }
    let sort = match query.first("sort") {
        None => WorkspaceSort::default(),
        Some(word) => word.parse().map_err(|_| {
            Error::bad_parameter(
                "sort",
                "sort must be name, current-run.created-at or latest-change-at, or one of them after a hyphen.",
            )
        })?,
    };
    let texts = |name| query.list(name).into_iter().map(str::to_owned).collect();
    Ok(Some(WorkspaceFilter {
        name_part: query.first("search[name]").map(str::to_owned),
        wildcard_name: query.first("search[wildcard-name]").map(str::to_owned),
        project_id,
        run_statuses,
        tags: texts("search[tags]"),
        exclude_tags: texts("search[exclude-tags]"),
        tagged: tagged(query),
        sort,
        ..WorkspaceFilter::default()
    }))
}
