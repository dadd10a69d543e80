//! Where a server's API keys and certificate lie: files, and a variable that may hold keys instead.

use std::path::{Path, PathBuf};

use provender_runtime::{Error, Result};
use provender_server::{ApiKeys, CredentialSource, Credentials, Tls};

use crate::workspace::read_text;

/// Variable that may hold API keys instead of a file.
const KEYS_VARIABLE: &str = "PROVENDER_API_KEYS";

/// Files that are read when the server starts and again while it runs.
#[derive(Clone, Debug)]
pub(crate) struct CredentialFiles {
    pub(crate) api_keys: Option<PathBuf>,
    /// Certificate chain and private key.
    pub(crate) tls: Option<(PathBuf, PathBuf)>,
}

impl CredentialSource for CredentialFiles {
    fn read(&self) -> Result<Credentials> {
        Ok(Credentials { keys: self.keys()?, tls: self.tls()? })
    }
}

impl CredentialFiles {
    /// Keys from a file, else from the environment.
    fn keys(&self) -> Result<Option<ApiKeys>> {
        let (text, place) = match &self.api_keys {
            Some(file) => {
                let shown = format!("`{}`", file.display());
                let failed = |error| {
                    Error::invalid(format!("could not read the API keys in {shown}")).with_source(error)
                };
                refuse_pipe(file)?;
                (read_text(file).map_err(failed)?, shown)
            }
            None => match std::env::var(KEYS_VARIABLE) {
                Ok(text) => (text, format!("the variable {KEYS_VARIABLE}")),
                Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(error) => {
                    return Err(Error::invalid(format!("could not read {KEYS_VARIABLE}")).with_source(error));
                }
            },
        };
        text.parse().map(Some).map_err(|error: provender_server::KeysError| {
            Error::invalid(format!("the API keys in {place} cannot be used")).with_source(error).with_hint(
                "a key is a line such as `model read DIGEST`; `printf %s KEY | sha256sum` makes the digest",
            )
        })
    }

    fn tls(&self) -> Result<Option<Tls>> {
        let Some((certificate, key)) = &self.tls else { return Ok(None) };
        let read = |file: &Path| {
            refuse_pipe(file)?;
            std::fs::read(file).map_err(|error| {
                Error::invalid(format!("could not read `{}`", file.display())).with_source(error)
            })
        };
        Tls::of_pem(&read(certificate)?, &read(key)?).map(Some).map_err(|error| {
            Error::invalid("TLS cannot be used").with_source(error).with_hint("both files must be PEM")
        })
    }
}

/// A pipe would be waited for, perhaps for ever, and could be read only once.
fn refuse_pipe(file: &Path) -> Result<()> {
    match std::fs::metadata(file) {
        Ok(there) if !there.is_file() => {
            Err(Error::invalid(format!("`{}` is no regular file", file.display()))
                .with_hint("it is read again while the server runs: write it to a file"))
        }
        _ => Ok(()),
    }
}
