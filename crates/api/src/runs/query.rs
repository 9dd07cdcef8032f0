//! What a list of runs is narrowed by. Source: `api-docs/run.mdx`, "List Runs in a Workspace" and "in an Organization".

use std::str::FromStr;

use terrane_app::runs::RunFilter;
use terrane_domain::runs::{RunStatus, RunStatusGroup};
use terrane_domain::time::Timestamp;
use terrane_jsonapi::{Error, Query};

use crate::error::ApiResult;

/// The words of a list; those that do not exist match nothing.
fn words<T: FromStr>(query: &Query, name: &str) -> Option<Vec<T>> {
    let given = query.list(name);
    (!given.is_empty()).then(|| given.iter().filter_map(|word| word.parse().ok()).collect())
}

fn texts(query: &Query, name: &str) -> Option<Vec<String>> {
    let given = query.list(name);
    (!given.is_empty()).then(|| given.into_iter().map(str::to_owned).collect())
}

pub(super) fn filter(query: &Query) -> RunFilter {
    let mut statuses: Option<Vec<RunStatus>> = words(query, "filter[status]");
    if let Some(groups) = words::<RunStatusGroup>(query, "filter[status_group]") {
        let of_groups: Vec<_> = groups.into_iter().flat_map(RunStatusGroup::statuses).collect();
        statuses = Some(match statuses {
            Some(named) => named.into_iter().filter(|status| of_groups.contains(status)).collect(),
            None => of_groups,
        });
    }
    let (user, commit) = (query.first("search[user]"), query.first("search[commit]"));
    // No run comes from version control yet, so none has a commit.
    if commit.is_some() {
        statuses = Some(Vec::new());
    }
    RunFilter {
        operations: words(query, "filter[operation]"),
        statuses,
        sources: texts(query, "filter[source]"),
        agent_pool_names: texts(query, "filter[agent_pool_names]"),
        user: user.map(str::to_owned),
        basic: query.first("search[basic]").filter(|_| user.is_none() && commit.is_none()).map(str::to_owned),
        ..RunFilter::default()
    }
}

/// Without a timeframe it is the last year.
pub(super) fn filter_of_organization(query: &Query, now: Timestamp) -> ApiResult<RunFilter> {
    let (from, until) = match query.first("filter[timeframe]") {
        None | Some("year") => (now.plus_years(-1), None),
        Some(year) => {
            let start = |year: i16| format!("{year:04}-01-01T00:00:00Z").parse::<Timestamp>().ok();
            let given: Option<i16> = year.parse().ok().filter(|year| (1970..=9998).contains(year));
            let bounds = given.and_then(|year| Some((start(year)?, start(year + 1)?)));
            let (from, until) = bounds.ok_or_else(|| {
                Error::bad_parameter("filter[timeframe]", "filter[timeframe] must be year, or a year such as 2026.")
            })?;
            (from, Some(until))
        }
    };
    Ok(RunFilter { from: Some(from), until, workspace_names: texts(query, "filter[workspace_names]"), ..filter(query) })
}
