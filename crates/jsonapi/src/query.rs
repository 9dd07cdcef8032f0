//! The query of a request's address.

use crate::error::Error;

/// The decoded pairs of a query, in order. Parameters that nobody asks for are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes the part of an address after `?`.
    pub fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// Refuses a query with a NUL in it: nothing has a name with one, and databases cannot look for it.
    pub fn without_nul(self) -> Result<Self, Error> {
        match self.0.iter().find(|(name, value)| name.contains('\0') || value.contains('\0')) {
            Some((name, _)) => Err(Error::bad_parameter(name, Error::NUL)),
            None => Ok(self),
        }
    }

    /// All pairs, in order.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first value given under this name, unless it is empty.
    pub fn first(&self, name: &str) -> Option<&str> {
        self.values(name).next().filter(|value| !value.is_empty())
    }

    /// The first value given under this name, which must be there.
    pub fn required(&self, name: &str) -> Result<&str, Error> {
        let missing = || Error::bad_parameter(name, format!("{name} is required: add it to the query of the address."));
        self.first(name).ok_or_else(missing)
    }

    /// Whether the parameter was given at all, even without a value.
    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// Every member of the comma lists given under this name or `name[]`, without blanks around and without empty ones.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let given = |key: &str| key == name || key.strip_suffix("[]") == Some(name);
        let values = self.0.iter().filter(|(key, _)| given(key)).flat_map(|(_, value)| value.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// Whether the parameter is `true`, `false` or absent; anything else is an error.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.first(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(other) => Err(Error::bad_parameter(name, format!("{name} must be true or false, not {other:?}"))),
        }
    }

    /// The paths to include, each once and with `_` between words. Paths that are not among `known` are an error;
    /// `known` is written with `_`, and lists dotted paths in full.
    pub fn include(&self, known: &[&str]) -> Result<Vec<String>, Error> {
        let mut paths: Vec<String> = Vec::new();
        for path in self.list("include") {
            let path = path.replace('-', "_");
            if !known.contains(&path.as_str()) {
                return Err(unknown_include(&path, known));
            }
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    fn values<'query>(&'query self, name: &str) -> impl Iterator<Item = &'query str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn unknown_include(path: &str, known: &[&str]) -> Error {
    let choice = match known {
        [] => "nothing can be included here".to_owned(),
        known => format!("known here: {}", known.join(", ")),
    };
    Error::bad_parameter("include", format!("Invalid include parameter: {path:?} is unknown; {choice}."))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "its own tests")]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded_in_order() {
        let query = Query::parse("search%5Bname%5D=a%20b+c&search[name]=second&q=%C3%A9&TagBindings={ env dev}");
        assert_eq!(query.first("search[name]"), Some("a b c"));
        assert_eq!(query.first("q"), Some("é"));
        assert_eq!(query.first("absent"), None);
        assert!(!query.has("absent"));
        assert_eq!(query.pairs().len(), 4);
    }

    #[test]
    fn broken_escapes_do_no_harm() {
        assert_eq!(Query::parse("a=%zz&b=%ff&&=&c").pairs().len(), 4);
    }

    #[test]
    fn lists_join_commas_and_repeated_names() {
        let query = Query::parse("filter[status]=pending,%20planned,&filter[status]=applied&filter[status][]=errored");
        assert_eq!(query.list("filter[status]"), ["pending", "planned", "applied", "errored"]);
        assert_eq!(query.list("filter[source]"), Vec::<&str>::new());
    }

    #[test]
    fn a_nul_anywhere_names_its_parameter() {
        assert!(Query::parse("q=a%2500").without_nul().is_ok());
        let error = Query::parse("q=a&sort=%00").without_nul().unwrap_err();
        assert_eq!((error.status, error.place), (400, Some(crate::Place::Parameter("sort".to_owned()))));
    }

    #[test]
    fn flags_are_true_or_false() {
        assert_eq!(Query::parse("force=true").flag("force"), Ok(Some(true)));
        assert_eq!(Query::parse("force=").flag("force"), Ok(None));
        assert_eq!(Query::parse("force=maybe").flag("force").unwrap_err().status, 400);
    }

    #[test]
    fn include_folds_hyphens_and_repeats() {
        let query = Query::parse("include=current-run,current_run.plan&include=current_run");
        assert_eq!(
            query.include(&["current_run", "current_run.plan"]),
            Ok(vec!["current_run".to_owned(), "current_run.plan".to_owned()])
        );
        assert_eq!(Query::parse("include=").include(&[]), Ok(Vec::new()));
    }

    #[test]
    fn an_unknown_include_names_itself_and_the_known_ones() {
        let error = Query::parse("include=nonsense").include(&["plan", "apply"]).unwrap_err();
        assert_eq!(error.status, 400);
        assert_eq!(error.detail, r#"Invalid include parameter: "nonsense" is unknown; known here: plan, apply."#);
    }

    #[test]
    fn a_dotted_path_must_be_known_as_a_whole() {
        assert!(Query::parse("include=plan.secret").include(&["plan"]).is_err());
    }
}
