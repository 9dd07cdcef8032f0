//! The levels of access and the single rights, with what people read of them.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use terrane_app::AppError;
use terrane_domain::access::{
    RunsAccess, SentinelMocksAccess, SettingsAccess, StateVersionsAccess, TeamsAccess, VariablesAccess,
};

use crate::forms::Submitted;

/// The level whose rights are set one by one.
pub(super) const CUSTOM: &str = "custom";

/// A right that is set by itself.
pub(super) struct Right {
    /// The API's name.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    words: Vec<&'static str>,
}

impl Right {
    fn new(name: &'static str, label: &'static str, words: Vec<&'static str>) -> Self {
        Self { name, label, words }
    }

    fn yes_or_no(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, vec!["false", "true"])
    }

    /// The values, and how people read them.
    pub(super) fn options(&self) -> Vec<(&'static str, &'static str)> {
        let text = |word: &'static str| match word {
            "false" => "no",
            "true" => "yes",
            "read-outputs" => "read outputs",
            other => other,
        };
        self.words.iter().map(|word| (*word, text(word))).collect()
    }

    /// The value among what an access comes to; the least, if nothing is known.
    pub(super) fn value(&self, permissions: &Value) -> String {
        match permissions.get(self.name).or_else(|| permissions.get("workspaces")?.get(self.name)) {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Bool(is_given)) => is_given.to_string(),
            _ => self.words.first().copied().unwrap_or_default().to_owned(),
        }
    }
}

/// What access to workspaces and access to projects differ in.
pub(crate) struct Kind {
    pub(super) levels: &'static [(&'static str, &'static str)],
    pub(super) rights: fn() -> Vec<Right>,
}

impl Kind {
    /// Rights that were set one by one, in a line.
    pub(super) fn in_words(&self, permissions: &Value) -> String {
        let given = (self.rights)().into_iter().map(|right| (right.label, right.value(permissions)));
        let given = given.filter(|(_, value)| value != "none" && value != "false");
        given
            .map(|(label, value)| if value == "true" { label.to_owned() } else { format!("{label}: {value}") })
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The rights that a form sets, in the shape of the API; none for a fixed level.
    pub(super) fn sent<T: DeserializeOwned + Default>(&self, form: &Submitted) -> Result<T, AppError> {
        if form.get("access") != Some(CUSTOM) {
            return Ok(T::default());
        }
        let value = |word: &str| match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            word => Value::String(word.to_owned()),
        };
        let rights = (self.rights)();
        let is_right = |name: &str| rights.iter().any(|right| right.name == name);
        let fields = form.fields().filter(|(name, _)| is_right(name));
        let fields: Map<_, _> = fields.map(|(name, word)| (name.to_owned(), value(word))).collect();
        let wrong = |_| AppError::BadRequest("choose each right from its list".to_owned());
        serde_json::from_value(Value::Object(fields)).map_err(wrong)
    }
}

/// The level that a form names.
pub(super) fn level<T: std::str::FromStr>(form: &Submitted) -> Result<Option<T>, AppError> {
    let wrong = || AppError::invalid("access", "Choose the access from the list");
    form.get("access").map(|word| word.parse().map_err(|_| wrong())).transpose()
}

fn workspace_rights() -> Vec<Right> {
    vec![
        Right::new("runs", "Runs", RunsAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::new("variables", "Variables", VariablesAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::new("state-versions", "States", StateVersionsAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::new("sentinel-mocks", "Sentinel mocks", SentinelMocksAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::yes_or_no("locking", "Lock and unlock"),
        Right::yes_or_no("run-tasks", "Attach run tasks"),
    ]
}

fn project_rights() -> Vec<Right> {
    let mut rights = vec![
        Right::new("settings", "The project's settings", SettingsAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::new("teams", "The project's teams", TeamsAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::new("variable-sets", "Variable sets", VariablesAccess::ALL.iter().map(|it| it.as_str()).collect()),
        Right::yes_or_no("create", "Make workspaces"),
        Right::yes_or_no("move", "Move workspaces"),
        Right::yes_or_no("delete", "Delete workspaces"),
    ];
    rights.extend(workspace_rights());
    rights
}

pub(super) const WORKSPACE: Kind = Kind {
    levels: &[
        ("read", "Read: see runs, variables and states"),
        ("plan", "Plan: queue plans too"),
        ("write", "Write: apply runs, write variables and states, lock"),
        ("admin", "Admin: everything, settings and team access too"),
        (CUSTOM, "Custom: rights one by one"),
    ],
    rights: workspace_rights,
};

pub(super) const PROJECT: Kind = Kind {
    levels: &[
        ("read", "Read: see the project and its workspaces"),
        ("write", "Write: apply runs, write variables and states, lock"),
        ("maintain", "Maintain: make, administer, delete workspaces"),
        ("admin", "Admin: everything, settings and team access too"),
        (CUSTOM, "Custom: rights one by one"),
    ],
    rights: project_rights,
};

#[cfg(test)]
mod tests {
    use terrane_domain::access::{ProjectAccessLevel, ProjectPermissions, WorkspaceAccessLevel, WorkspacePermissions};

    use super::*;

    #[test]
    fn every_level_can_be_chosen() {
        let words = |kind: &Kind| kind.levels.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        assert_eq!(words(&WORKSPACE), WorkspaceAccessLevel::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>());
        assert_eq!(words(&PROJECT), ProjectAccessLevel::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>());
    }

    /// All that the API knows but `admin`, which comes with a level only.
    #[test]
    fn every_right_of_custom_can_be_set() {
        let names = |kind: &Kind| {
            let mut names: Vec<_> = (kind.rights)().iter().map(|right| right.name.to_owned()).collect();
            names.sort_unstable();
            names
        };
        let known = |value: Value| {
            let value = value.as_object().unwrap().clone();
            let mut names: Vec<_> =
                value.keys().filter(|name| *name != "admin" && *name != "workspaces").cloned().collect();
            names.sort_unstable();
            names
        };
        let of_workspace = known(serde_json::to_value(WorkspacePermissions::CUSTOM).unwrap());
        assert_eq!(names(&WORKSPACE), of_workspace);
        let mut of_project = known(serde_json::to_value(ProjectPermissions::CUSTOM).unwrap());
        of_project.extend(of_workspace);
        of_project.sort_unstable();
        assert_eq!(names(&PROJECT), of_project);
    }
}
