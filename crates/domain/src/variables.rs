//! Variables of workspaces. Source: `api-docs/workspace-variables.mdx`, `workspaces/variables/index.mdx`.

use crate::ids::{OrganizationId, VariableId, WorkspaceId};
use crate::invalid::Invalid;
use crate::runner_protocol::JobVariable;
use crate::time::Timestamp;

words! {
    /// What a variable is for.
    pub enum VariableCategory {
        /// An input variable of the configuration.
        Terraform = "terraform",
        /// An environment variable of the run.
        Env = "env",
    }
}

words! {
    /// Where a run's variable comes from. The order is the precedence: of two with the same key and category, the run
    /// gets the one whose source stands first.
    pub enum VariableSource {
        /// `-var`, `-var-file` and `TF_VAR_...` of the command line, and what the request says that made the run.
        Run = "run",
        /// The workspace.
        Workspace = "workspace",
    }
}

/// A variable; its value is sealed in the store.
#[derive(Clone, PartialEq, Eq)]
pub struct Variable {
    /// Identifier.
    pub id: VariableId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The workspace.
    pub workspace_id: WorkspaceId,
    /// Its name, unique in the workspace and category.
    pub key: String,
    /// Its value.
    pub value: String,
    /// For people.
    pub description: String,
    /// What it is for.
    pub category: VariableCategory,
    /// Whether the value is an HCL expression.
    pub hcl: bool,
    /// Whether the value is never shown again.
    pub sensitive: bool,
    /// New with each change.
    pub version_id: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a request names of a variable; `None` keeps what is.
#[derive(Clone, Default)]
#[expect(missing_docs, reason = "the variable's fields say it all")]
pub struct VariableChange {
    pub key: Option<String>,
    pub value: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub hcl: Option<bool>,
    pub sensitive: Option<bool>,
}

const LONGEST_KEY: usize = 128;
const LONGEST_VALUE_BYTES: usize = 256 * 1024;
const LONGEST_DESCRIPTION: usize = 512;

impl Variable {
    /// Takes over what `change` names. Of a sensitive variable only value and description can change: anything else
    /// could bring its value to light.
    pub fn change(&mut self, change: VariableChange) -> Result<(), Invalid> {
        let before = self.clone();
        if let Some(category) = change.category {
            self.category = parse_category(&category)?;
        }
        self.key = change.key.unwrap_or_else(|| before.key.clone());
        self.hcl = change.hcl.unwrap_or(before.hcl);
        self.sensitive = change.sensitive.unwrap_or(before.sensitive);
        if before.sensitive {
            for (attribute, is_same) in [
                ("key", self.key == before.key),
                ("category", self.category == before.category),
                ("hcl", self.hcl == before.hcl),
                ("sensitive", self.sensitive),
            ] {
                if !is_same {
                    let detail = "cannot be changed for a sensitive variable; delete it and create a new one";
                    return Err(Invalid::new(attribute, format!("{} {detail}", capitalized(attribute))));
                }
            }
        }
        self.value = change.value.unwrap_or(before.value);
        self.description = change.description.unwrap_or(before.description);
        self.check()
    }

    /// Whether the variable can be kept, and given to a run.
    pub fn check(&self) -> Result<(), Invalid> {
        if self.key.is_empty() {
            return Err(Invalid::new("key", "Key can't be blank"));
        }
        if self.key.chars().count() > LONGEST_KEY {
            return Err(Invalid::new("key", format!("Key is too long (maximum is {LONGEST_KEY} characters)")));
        }
        match self.category {
            VariableCategory::Env if !is_env_key(&self.key) => {
                return Err(Invalid::new(
                    "key",
                    "Key must begin with a letter, digit or underscore, and contain only these, dashes and dots",
                ));
            }
            VariableCategory::Terraform if !self.key.chars().all(|one| one.is_alphanumeric() || "_-".contains(one)) => {
                return Err(Invalid::new("key", "Key may only contain letters, numbers, underscores and dashes"));
            }
            _ => {}
        }
        if self.value.len() > LONGEST_VALUE_BYTES {
            return Err(Invalid::new("value", "Value is too long (maximum is 256 KB)"));
        }
        if self.value.contains('\0') {
            return Err(Invalid::new("value", "Value must not contain a NUL character"));
        }
        if self.description.chars().count() > LONGEST_DESCRIPTION {
            let detail = format!("Description is too long (maximum is {LONGEST_DESCRIPTION} characters)");
            return Err(Invalid::new("description", detail));
        }
        Ok(())
    }
}

/// The category of this name.
pub fn parse_category(name: &str) -> Result<VariableCategory, Invalid> {
    name.parse().map_err(|_| Invalid::new("category", "Category must be terraform or env"))
}

fn is_env_key(key: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    key.bytes().next().is_some_and(is_word) && key.bytes().all(|byte| is_word(byte) || byte == b'-' || byte == b'.')
}

fn capitalized(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + characters.as_str())
}

/// A variable that a run could get.
pub struct Candidate {
    /// Where it comes from.
    pub source: VariableSource,
    /// What it is for.
    pub category: VariableCategory,
    /// Its key.
    pub key: String,
    /// What it is.
    pub variable: JobVariable,
}

/// The variables that win, by category and key. What takes a sensitive one's place is sensitive too: it is another value
/// of the same secret.
pub fn effective(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    candidates
        .sort_by(|one, other| (one.category, &one.key, one.source).cmp(&(other.category, &other.key, other.source)));
    candidates.dedup_by(|later, first| {
        let is_same = later.category == first.category && later.key == first.key;
        first.variable.sensitive |= is_same && later.variable.sensitive;
        is_same
    });
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(sensitive: bool) -> Variable {
        Variable {
            id: VariableId::from_entropy(1),
            organization_id: OrganizationId::from_entropy(2),
            workspace_id: WorkspaceId::from_entropy(3),
            key: "region".to_owned(),
            value: "north".to_owned(),
            description: String::new(),
            category: VariableCategory::Terraform,
            hcl: false,
            sensitive,
            version_id: String::new(),
            created_at: Timestamp::from_micros(0),
        }
    }

    fn refused(sensitive: bool, change: VariableChange) -> Option<&'static str> {
        variable(sensitive).change(change).err().map(|error| error.attribute)
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_attribute() {
        let base = VariableChange::default;
        let key = |key: &str, category: &str| VariableChange {
            key: Some(key.to_owned()),
            category: Some(category.to_owned()),
            ..base()
        };
        for (change, attribute) in [
            (key("", "terraform"), Some("key")),
            (key(&"k".repeat(128), "terraform"), None),
            (key(&"k".repeat(129), "terraform"), Some("key")),
            (key("a = 1\nb", "terraform"), Some("key")),
            (key("größe", "terraform"), None),
            (key("3f2a-77", "terraform"), None),
            (key("A_B", "env"), None),
            (key("A=B", "env"), Some("key")),
            (key("A\nB", "env"), Some("key")),
            (key("-A", "env"), Some("key")),
            (key("Ä", "env"), Some("key")),
            (key("a", "policy-set"), Some("category")),
            (VariableChange { value: Some("v".repeat(256 * 1024)), ..base() }, None),
            (VariableChange { value: Some("v".repeat(256 * 1024 + 1)), ..base() }, Some("value")),
            (VariableChange { value: Some("a\0b".to_owned()), ..base() }, Some("value")),
            (VariableChange { description: Some("ä".repeat(512)), ..base() }, None),
            (VariableChange { description: Some("d".repeat(513)), ..base() }, Some("description")),
        ] {
            let what = format!("{:?} {:?}", change.key, change.category);
            assert_eq!(refused(false, change), attribute, "{what}");
        }
    }

    #[test]
    fn a_sensitive_variable_takes_only_a_new_value_and_description() {
        let base = VariableChange::default;
        for (change, attribute) in [
            (VariableChange { key: Some("zone".to_owned()), ..base() }, Some("key")),
            (VariableChange { category: Some("env".to_owned()), ..base() }, Some("category")),
            (VariableChange { hcl: Some(true), ..base() }, Some("hcl")),
            (VariableChange { sensitive: Some(false), ..base() }, Some("sensitive")),
            (
                VariableChange {
                    key: Some("region".to_owned()),
                    value: Some("south".to_owned()),
                    description: Some("Where".to_owned()),
                    category: Some("terraform".to_owned()),
                    hcl: Some(false),
                    sensitive: Some(true),
                },
                None,
            ),
        ] {
            assert_eq!(refused(true, change.clone()), attribute);
            assert_eq!(refused(false, change), None);
        }
    }

    /// Key, category, value and sensitivity of what wins.
    fn winners(
        given: &[(VariableSource, VariableCategory, &str, &str, bool)],
    ) -> Vec<(String, VariableCategory, String, bool)> {
        let candidate = |&(source, category, key, value, sensitive): &(_, _, &str, &str, _)| {
            let (key, value) = (key.to_owned(), value.to_owned());
            Candidate {
                source,
                category,
                key: key.clone(),
                variable: JobVariable { key, value, hcl: false, sensitive },
            }
        };
        let won = effective(given.iter().map(candidate).collect()).into_iter();
        won.map(|one| (one.key, one.category, one.variable.value, one.variable.sensitive)).collect()
    }

    #[test]
    fn of_one_key_and_category_the_first_source_wins() {
        use VariableCategory::{Env, Terraform};
        use VariableSource::{Run, Workspace};
        let winners = winners(&[
            (Workspace, Terraform, "b", "1", false),
            (Workspace, Env, "b", "2", false),
            (Run, Terraform, "b", "3", false),
            (Workspace, Terraform, "a", "4", false),
        ]);
        let expected = [("a", Terraform, "4", false), ("b", Terraform, "3", false), ("b", Env, "2", false)];
        assert_eq!(
            winners,
            expected.map(|(key, category, value, sensitive)| (key.into(), category, value.into(), sensitive))
        );
    }

    #[test]
    fn what_takes_a_sensitive_variables_place_is_sensitive() {
        use VariableCategory::{Env, Terraform};
        use VariableSource::{Run, Workspace};
        for (instead, other, is_sensitive) in [
            ((Terraform, "a", false), (Terraform, "a", true), true),
            ((Terraform, "a", true), (Terraform, "a", false), true),
            ((Terraform, "a", false), (Terraform, "a", false), false),
            ((Terraform, "a", false), (Env, "a", true), false),
            ((Terraform, "a", false), (Terraform, "b", true), false),
        ] {
            let source = |source, (category, key, sensitive)| (source, category, key, "", sensitive);
            let given = [source(Workspace, other), source(Run, instead)];
            let (category, key, _) = instead;
            let won = winners(&given).into_iter().find(|won| (won.0.as_str(), won.1) == (key, category)).unwrap();
            assert_eq!(won.3, is_sensitive, "{instead:?} {other:?}");
        }
    }
}
