//! Commands and options of Terraform and Feast that this program does not have, and what does their work here.

use std::ffi::OsString;

use clap::error::ErrorKind;

/// What to write for a word that was not understood, where it is one of these.
pub(crate) fn hint(error: &clap::Error, typed: &[OsString]) -> Option<&'static str> {
    let words = || typed.iter().skip(1).filter_map(|word| word.to_str());
    match error.kind() {
        ErrorKind::InvalidSubcommand => words().find(|word| !word.starts_with('-')).and_then(command),
        ErrorKind::UnknownArgument => words().filter(|word| word.starts_with('-')).find_map(|word| {
            let name = word.trim_start_matches('-');
            option(name.split('=').next().unwrap_or(name))
        }),
        _ => None,
    }
}

fn command(name: &str) -> Option<&'static str> {
    Some(match name {
        "state" => "`provender list` shows what is registered, `provender describe ADDRESS` one object of it",
        "registry-dump" => "`provender registry export` prints all of the registry",
        "force-unlock" => "`provender unlock APPLY_ID` ends an apply whose process is gone",
        "refresh" => {
            "`provender plan` looks at the real infrastructure; `provender apply` mends what drifted"
        }
        "taint" | "untaint" => "`provender materialize` loads values again",
        "workspace" | "env" => {
            "an environment is a folder with a feature_store.yaml of its own: `provender -C FOLDER plan`"
        }
        "output" => "`provender describe ADDRESS` shows an object, `provender graph` what needs what",
        "get" | "providers" | "login" | "configuration" => {
            "modules are folders of this repository, and providers are built in: nothing is downloaded"
        }
        "entities" => "write `provender list entities`, or `provender describe entity.NAME`",
        "feature-views" => "write `provender list feature-views`, or `provender describe feature_view.NAME`",
        "on-demand-feature-views" => "write `provender list on-demand-feature-views`",
        "feature-services" => {
            "write `provender list feature-services`, or `provender describe feature_service.NAME`"
        }
        "data-sources" => "write `provender list data-sources`, or `provender describe data_source.NAME`",
        "listen" => "`provender serve` answers over HTTP and gRPC",
        "ui" => {
            "`provender list` and `provender graph` show what is registered, `provender plan --format html` makes a page of a plan"
        }
        _ => return None,
    })
}

fn option(name: &str) -> Option<&'static str> {
    Some(match name {
        "no-color" => "write `--color never`",
        "json" => {
            "this command has no JSON form; `plan --out FILE` and `show --format json FILE` give one of a plan"
        }
        "destroy" => "write `provender destroy`",
        "lock" => "a plan takes no lock, and an apply always does; `--lock-timeout` says how long it waits",
        "input" => "nothing is asked where nobody can answer: leave it out",
        "recursive" => "folders are gone through anyway: leave it out",
        "upgrade" | "backend-config" | "reconfigure" | "migrate-state" => {
            "nothing is downloaded, and the registry is named in feature_store.yaml: leave it out"
        }
        "replace" => {
            "`provender materialize` loads values again; a change of the definition replaces a table"
        }
        "version" | "v" => "write `provender version`",
        "feature-store-yaml" | "f" => "write `-C FOLDER_OR_FILE`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::hint;
    use crate::arguments;

    #[test]
    fn words_of_other_programs_are_understood() {
        let said = |line: &str| {
            let typed: Vec<std::ffi::OsString> = line.split(' ').map(Into::into).collect();
            let error = arguments::parse(typed.iter().cloned()).unwrap_err();
            hint(&error, &typed)
        };
        assert!(said("provender plan -no-color").unwrap().contains("--color never"));
        assert!(said("provender graph --json").unwrap().contains("show --format json"));
        assert!(said("provender feature-views list").unwrap().contains("list feature-views"));
        assert!(said("provender -q state list").unwrap().contains("provender list"));
        assert!(said("provender listen").unwrap().contains("provender serve"));
        assert_eq!(said("provender paln"), None);
        assert_eq!(said("provender plan --xyz"), None);
    }
}
