//! The environment of terraform. What the workspace says reaches it as it is, unless it would lead the run out of its
//! folder, keep the state from the server, or hide what is done.

use std::path::Path;

use terrane_domain::reasons::ReasonCode;
use terrane_domain::runner_protocol::JobVariable;

use crate::RunnerError;
use crate::child::Setting;

/// The longest `NAME=VALUE` that Linux hands to a program, with the byte that ends it.
const LONGEST_BYTES: usize = 128 * 1024;
/// All of them together: a quarter of the usual stack, less some room for arguments.
const MOST_BYTES: usize = (2 << 20) - LONGEST_BYTES;

/// Variables that are not handed on, and why.
const WITHHELD: &[(&str, &str)] = &[
    ("TF_DATA_DIR", "terraform keeps its own files in the run's folder"),
    ("TF_CLI_CONFIG_FILE", "that file is not on the runner; give credentials of a registry as TF_TOKEN_..."),
    ("TERRAFORM_CONFIG", "that file is not on the runner; give credentials of a registry as TF_TOKEN_..."),
    ("TF_LOG_PATH", "what TF_LOG asks for belongs into this log"),
    ("TF_PLUGIN_CACHE_DIR", "through a cache of its own a run could change what other runs start"),
    ("TF_REATTACH_PROVIDERS", "a run starts its providers itself"),
];

/// Options that `TF_CLI_ARGS...` must not add, and why.
const REFUSED: &[(&[&str], &str)] = &[
    (&["state", "state-out", "backup"], "the state would not reach the server; leave its place to the run"),
    (&["backend", "backend-config", "from-module"], "the run binds the configuration to the workspace's state itself"),
    (&["out"], "the run keeps its plan itself"),
    (&["destroy", "refresh-only"], "the run would do something else than it says; queue a run of that kind instead"),
    (&["json"], "the form of the log follows the client; use the workspace's structured-run-output-enabled"),
    (&["h", "help"], "terraform would show its help and do nothing"),
    (&[""], "what the run itself adds would not be taken for options"),
];

const ARGUMENTS: &str = "TF_CLI_ARGS";
/// Commands whose output the runner itself reads.
const OF_OUR_OWN: [&str; 2] = ["show", "providers"];

/// The words of a line, as terraform takes them apart.
fn split(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (character, quote) {
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(characters.next()),
            ('"' | '\'', None) => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (_, Some(open)) if open == character => quote = None,
            (_, None) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Why an option of `TF_CLI_ARGS...` is refused, with its name.
fn refused_option(line: &str) -> Option<(String, &'static str)> {
    split(line).into_iter().find_map(|word| {
        let option = word.strip_prefix("--").or_else(|| word.strip_prefix('-'))?;
        let name = option.split_once('=').map_or(option, |(name, _)| name);
        let (_, why) = REFUSED.iter().find(|(names, _)| names.contains(&name))?;
        Some((word.split('=').next().unwrap_or_default().to_owned(), *why))
    })
}

fn invalid(message: String) -> RunnerError {
    RunnerError::job(ReasonCode::EnvironmentInvalid, message)
}

/// Whether the variables can be handed to terraform.
fn check(variables: &[JobVariable]) -> Result<(), RunnerError> {
    let size = |variable: &JobVariable| variable.key.len() + variable.value.len() + "=\0".len();
    for variable in variables {
        let key = &variable.key;
        if let Some((option, why)) = refused_option(&variable.value).filter(|_| key.starts_with(ARGUMENTS)) {
            return Err(invalid(format!(
                "The environment variable {key} must not contain {option}: {why}. Take it out, then queue a new run."
            )));
        }
        if size(variable) > LONGEST_BYTES {
            return Err(invalid(format!(
                "The environment variable {key} is too long: Linux takes at most {LONGEST_BYTES} bytes of one with its name, and it has {}. Make it a variable of category terraform, or put what it holds into a file of the configuration, then queue a new run.",
                size(variable)
            )));
        }
    }
    let total: usize = variables.iter().map(size).sum();
    match variables.iter().max_by_key(|variable| size(variable)) {
        Some(longest) if total > MOST_BYTES => Err(invalid(format!(
            "The environment variables are too long together: Linux takes about {MOST_BYTES} bytes, and they have {total}. The longest is {}. Make some of them variables of category terraform, then queue a new run.",
            longest.key
        ))),
        _ => Ok(()),
    }
}

impl Setting {
    /// What the run sets itself, above what the workspace says.
    fn own_environment(&self) -> Vec<(&'static str, String)> {
        let job = &self.job;
        let folder = |name: &str| self.folder.root.join(name).display().to_string();
        // Short where it can be: providers put sockets there, whose names must not be long.
        let has_own = self.runner.protection.guard.namespaces && Path::new("/tmp").is_dir();
        vec![
            ("HOME", folder("home")),
            ("TMPDIR", if has_own { "/tmp".to_owned() } else { folder("tmp") }),
            ("CHECKPOINT_DISABLE", "1".to_owned()),
            ("TF_IN_AUTOMATION", "1".to_owned()),
            ("TF_INPUT", "0".to_owned()),
            ("TF_PLUGIN_CACHE_DIR", folder("plugins")),
            ("TF_WORKSPACE", job.workspace_name.clone()),
            ("TFC_RUN_ID", job.run_id.to_string()),
            ("TFC_WORKSPACE_NAME", job.workspace_name.clone()),
            ("TFC_WORKSPACE_SLUG", format!("{}/{}", job.organization_name, job.workspace_name)),
            ("TFC_PROJECT_NAME", job.project_name.clone()),
        ]
    }

    /// Whether terraform can be started with the workspace's variables, with a sentence for each that does not reach it.
    pub(crate) fn check_environment(&self) -> (Vec<String>, Result<(), RunnerError>) {
        let own = self.own_environment();
        let why = |variable: &JobVariable| {
            let (key, value) = (variable.key.as_str(), &variable.value);
            let is_set = own.iter().any(|(name, ours)| *name == key && ours != value);
            let withheld = WITHHELD.iter().find(|(name, _)| *name == key).map(|(_, why)| *why);
            withheld.or(is_set.then_some("the run sets it itself"))
        };
        let told = self.job.environment.iter().filter_map(|variable| {
            let why = why(variable)?;
            Some(format!("The environment variable {} does not reach terraform: {why}.", variable.key))
        });
        (told.collect(), check(&self.job.environment))
    }

    /// Nothing of the runner's environment is inherited but the PATH.
    pub(crate) fn environment(&self, command: &str) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let mut all: Vec<(String, String)> = vec![("PATH".to_owned(), path), ("LANG".to_owned(), "C.UTF-8".to_owned())];
        let is_handed_on = |key: &str| {
            let is_for_others = key.starts_with(ARGUMENTS) && OF_OUR_OWN.contains(&command);
            !is_for_others && WITHHELD.iter().all(|(name, _)| *name != key)
        };
        let theirs = self.job.environment.iter().filter(|variable| is_handed_on(&variable.key));
        all.extend(theirs.map(|variable| (variable.key.clone(), variable.value.clone())));
        all.extend(self.own_environment().into_iter().map(|(name, value)| (name.to_owned(), value)));
        if self.job.options.debugging_mode {
            all.push(("TF_LOG".to_owned(), "TRACE".to_owned()));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(key: &str, value: &str) -> Result<(), String> {
        let variable = JobVariable { key: key.to_owned(), value: value.to_owned(), hcl: false, sensitive: false };
        check(&[variable]).map_err(|error| {
            assert_eq!(error.reason(), ReasonCode::EnvironmentInvalid);
            error.to_string()
        })
    }

    #[test]
    fn options_that_lead_a_run_astray_are_refused_however_they_are_written() {
        for (key, value, option) in [
            ("TF_CLI_ARGS_apply", "-state=../elsewhere", "-state"),
            ("TF_CLI_ARGS_apply", "-parallelism=5 --state-out elsewhere", "--state-out"),
            ("TF_CLI_ARGS", r#"-no-color "-backup=x y""#, "-backup"),
            ("TF_CLI_ARGS_plan", r"-o\ut=plan", "-out"),
            ("TF_CLI_ARGS_plan", "'-'destroy", "-destroy"),
            ("TF_CLI_ARGS_plan", "-refresh-only", "-refresh-only"),
            ("TF_CLI_ARGS_plan", "-json=false", "-json"),
            ("TF_CLI_ARGS_init", "-backend-config path=x", "-backend-config"),
            ("TF_CLI_ARGS_init", "-backend=false", "-backend"),
            ("TF_CLI_ARGS_plan", "-help", "-help"),
            ("TF_CLI_ARGS_plan", "x -- y", "--"),
        ] {
            let message = checked(key, value).unwrap_err();
            let expected = format!("The environment variable {key} must not contain {option}: ");
            assert!(message.starts_with(&expected), "{value}: {message}");
        }
    }

    #[test]
    fn other_options_and_variables_are_let_through() {
        for (key, value) in [
            ("TF_CLI_ARGS_plan", "-parallelism=20 -lock-timeout=5m -var-file=prod.tfvars -var 'a=-state'"),
            ("TF_CLI_ARGS_init", "-upgrade -lockfile=readonly"),
            ("TF_CLI_ARGS_plan", "-target=module.out -replace 'a.b[\"out\"]'"),
            ("GREETING", "-state=x"),
            ("LD_PRELOAD", "/lib/x.so"),
        ] {
            assert_eq!(checked(key, value), Ok(()), "{key}={value}");
        }
    }

    #[test]
    fn a_value_that_linux_would_not_take_is_refused_by_its_name() {
        let fits = LONGEST_BYTES - "BIG=\0".len();
        assert_eq!(checked("BIG", &"x".repeat(fits)), Ok(()));
        let message = checked("BIG", &"x".repeat(fits + 1)).unwrap_err();
        assert!(
            message.starts_with("The environment variable BIG is too long: Linux takes at most 131072"),
            "{message}"
        );
        let many = |count| {
            let variable = |number| JobVariable {
                key: format!("BIG_{number}"),
                value: "x".repeat(100_000),
                hcl: false,
                sensitive: false,
            };
            check(&(0..count).map(variable).collect::<Vec<_>>())
        };
        assert!(many(19).is_ok());
        assert!(many(20).unwrap_err().to_string().contains("too long together"));
    }
}
