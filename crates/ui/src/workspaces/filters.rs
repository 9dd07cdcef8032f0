//! What a list of workspaces is narrowed by. All of it stands in the address.

use maud::{Markup, html};
use terrane_app::projects::{self, ProjectFilter};
use terrane_app::tags::{self, TagFilter};
use terrane_app::workspaces::WorkspaceFilter;
use terrane_app::{App, AppError};
use terrane_domain::access::Caller;

use crate::error::PageResult;
use crate::forms::Parameters;
use crate::progress::Progress;

/// More than a list to choose from can have; who has more types the name.
const MOST_CHOICES: i64 = 100;

const LOCKS: [(&str, &str); 2] = [("true", "Locked"), ("false", "Not locked")];

/// What the address says, without what makes no sense.
#[derive(Default)]
pub(super) struct Filters {
    pub(super) search: String,
    status: Option<Progress>,
    /// Name of the project.
    project: String,
    /// A tag, or a key and a value with `=` between them.
    tag: String,
    is_locked: Option<bool>,
}

impl Filters {
    pub(super) fn new(query: &Parameters) -> Self {
        let text = |name| query.get(name).unwrap_or_default().trim().replace('\0', "");
        Self {
            search: text("search"),
            status: text("status").parse().ok(),
            project: text("project"),
            tag: text("tag"),
            is_locked: text("locked").parse().ok(),
        }
    }

    /// What stands in the address.
    pub(super) fn pairs(&self) -> Vec<(&'static str, &str)> {
        let locked = self.is_locked.map(|is_locked| if is_locked { "true" } else { "false" });
        let all = [
            ("search", self.search.as_str()),
            ("status", self.status.map(Progress::as_str).unwrap_or_default()),
            ("project", &self.project),
            ("tag", &self.tag),
            ("locked", locked.unwrap_or_default()),
        ];
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }

    /// What the service is asked for; none if there is no such project.
    pub(super) async fn resolve(
        &self,
        app: &App,
        caller: &Caller,
        organization: &str,
    ) -> PageResult<Option<WorkspaceFilter>> {
        let mut filter = WorkspaceFilter {
            name_part: Some(self.search.clone()),
            run_statuses: self.status.map(Progress::statuses).unwrap_or_default(),
            is_locked: self.is_locked,
            ..WorkspaceFilter::default()
        };
        if !self.project.is_empty() {
            let named = ProjectFilter { names: vec![self.project.clone()], ..ProjectFilter::default() };
            let mut found = projects::list(app, caller, organization, named, Vec::new(), (1, 0)).await?;
            let Some(view) = found.views.pop() else { return Ok(None) };
            filter.project_id = Some(view.project.id);
        }
        match self.tag.split_once('=') {
            Some((key, value)) => filter.tagged = vec![(key.trim().to_owned(), Some(value.trim().to_owned()))],
            None if !self.tag.is_empty() => filter.tags = vec![self.tag.clone()],
            None => {}
        }
        Ok(Some(filter))
    }
}

/// What there is to choose from.
pub(super) struct Choices {
    projects: Vec<String>,
    tags: Vec<String>,
    /// Whether all projects are among them.
    are_all_projects: bool,
}

impl Choices {
    pub(super) async fn read(app: &App, caller: &Caller, organization: &str) -> PageResult<Self> {
        let rows = (MOST_CHOICES, 0);
        let found = projects::list(app, caller, organization, ProjectFilter::default(), Vec::new(), rows).await?;
        let tags = match tags::list(app, caller, organization, TagFilter::default(), MOST_CHOICES, 0).await {
            Ok((tags, _)) => tags,
            Err(AppError::NotFound) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            are_all_projects: usize::try_from(found.matching) == Ok(found.views.len()),
            projects: found.views.into_iter().map(|view| view.project.name).collect(),
            tags: tags.into_iter().map(|view| view.tag.name).collect(),
        })
    }
}

fn choice(name: &str, label: &str, options: &[(&str, &str)], chosen: &str) -> Markup {
    html! {
        div {
            label for=(name) { (label) }
            select id=(name) name=(name) {
                option value="" { "Any" }
                @for (value, text) in options { option value=(value) selected[*value == chosen] { (text) } }
            }
        }
    }
}

fn line(name: &str, label: &str, options: &[String], value: &str) -> Markup {
    html! {
        div {
            label for=(name) { (label) }
            input id=(name) name=(name) type="text" value=(value) list={ (name) "-names" } autocomplete="off" spellcheck="false";
            datalist id={ (name) "-names" } { @for option in options { option value=(option) {} } }
        }
    }
}

/// The form, which is sent as an address.
pub(super) fn render(filters: &Filters, choices: &Choices, here: &str) -> Markup {
    let statuses: Vec<_> = Progress::ALL.iter().map(|progress| (progress.as_str(), progress.label())).collect();
    let mut projects: Vec<_> = choices.projects.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let chosen = choices.projects.iter().find(|name| name.eq_ignore_ascii_case(&filters.project));
    let chosen = chosen.unwrap_or(&filters.project).as_str();
    if !chosen.is_empty() && !projects.iter().any(|(name, _)| *name == chosen) {
        projects.push((chosen, chosen));
    }
    let locked = filters.is_locked.map(|is_locked| LOCKS[usize::from(!is_locked)].0);
    html! {
        form method="get" action=(here) class="filters" role="search" aria-label="Workspaces" {
            div class="wide" {
                label for="search" { "Name contains" }
                input id="search" name="search" type="search" value=(filters.search) autocomplete="off" spellcheck="false";
            }
            (choice("status", "Latest run", &statuses, filters.status.map(Progress::as_str).unwrap_or_default()))
            @if choices.are_all_projects {
                (choice("project", "Project", &projects, chosen))
            } @else {
                (line("project", "Project", &choices.projects, chosen))
            }
            (line("tag", "Tag, or key=value", &choices.tags, &filters.tag))
            (choice("locked", "Lock", &LOCKS, locked.unwrap_or_default()))
            div class="actions" {
                button { "Filter" }
                @if !filters.is_empty() { a href=(here) { "Show all" } }
            }
        }
    }
}
