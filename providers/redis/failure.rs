//! What went wrong with Redis, in the words of somebody who runs a feature store. Names the place, never a secret.

use provender_runtime::{Error, ErrorKind};
use redis::{ErrorKind as RedisKind, RedisError, ServerErrorKind};

use crate::settings::Settings;

/// What is said, and what to do.
type Meaning = (ErrorKind, &'static str, Option<&'static str>);

/// The error of a command, or of connecting.
pub(crate) fn of_redis(error: &RedisError, settings: &Settings) -> Error {
    let (kind, what, hint) = meaning(error, settings);
    let cause = settings.without_secrets(&error.to_string());
    let failed = Error::new(kind, format!("{what} Redis at `{}`", settings.place())).with_source(cause);
    match hint {
        Some(hint) => failed.with_hint(hint),
        None => failed,
    }
}

fn meaning(error: &RedisError, settings: &Settings) -> Meaning {
    match error.kind() {
        RedisKind::Server(kind) => of_server(kind, error),
        RedisKind::AuthenticationFailed => LOGIN,
        RedisKind::Extension => of_code(error.code().unwrap_or_default()),
        _ if error.is_timeout() => {
            (ErrorKind::Unavailable, "no answer in time from", Some(silence(settings)))
        }
        RedisKind::Io | RedisKind::ClusterConnectionNotFound => of_connection(error, settings),
        RedisKind::Parse => (
            ErrorKind::Unavailable,
            "no sense in the answer of",
            Some("is it a Redis, and is `ssl` as it should be?"),
        ),
        _ => (ErrorKind::Unavailable, "cannot work with", None),
    }
}

fn silence(settings: &Settings) -> &'static str {
    if settings.is_encrypted {
        "it is stopped, overloaded, behind a network that loses packets, or does not speak TLS, which `ssl` asks for"
    } else {
        "it is stopped, overloaded, or behind a network that loses packets"
    }
}

const LOGIN: Meaning = (
    ErrorKind::Invalid,
    "cannot log in to",
    Some("check `username` and `password` under `online_store`, and the variables that they come from"),
);

fn of_server(kind: ServerErrorKind, error: &RedisError) -> Meaning {
    let detail = error.detail().unwrap_or_default();
    match kind {
        ServerErrorKind::NoPerm => (
            ErrorKind::Invalid,
            "no permission for a command on",
            Some("give the user the commands on this project's keys that docs/reference/stores.md lists"),
        ),
        ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown | ServerErrorKind::TryAgain => {
            (ErrorKind::Unavailable, "not ready yet:", Some("run the same again when it is up"))
        }
        ServerErrorKind::ClusterDown => (
            ErrorKind::Unavailable,
            "the cluster is down:",
            Some("`redis-cli cluster info` says which slots are not served"),
        ),
        ServerErrorKind::Moved | ServerErrorKind::Ask | ServerErrorKind::CrossSlot => (
            ErrorKind::Invalid,
            "a part of a cluster answers as",
            Some("set `redis_type: redis_cluster` under `online_store`"),
        ),
        ServerErrorKind::ReadOnly => (
            ErrorKind::Unavailable,
            "a replica cannot be written:",
            Some("name the master in `online_store.connection_string`"),
        ),
        _ if detail.contains("cluster support disabled") => (
            ErrorKind::Invalid,
            "no cluster is",
            Some("leave out `redis_type: redis_cluster` under `online_store`"),
        ),
        _ if detail.contains("DB index is out of range") => (
            ErrorKind::Invalid,
            "no such database in",
            Some("`databases` of its configuration says how many it has"),
        ),
        // A command of more than ten parts is not even read before a login.
        _ if detail.contains("AUTH") || detail.contains("unauthenticated") => LOGIN,
        _ => (ErrorKind::Unavailable, "a command was refused by", None),
    }
}

/// Errors that the library has no name for.
fn of_code(code: &str) -> Meaning {
    match code {
        "NOAUTH" | "WRONGPASS" => LOGIN,
        "OOM" => (
            ErrorKind::Unavailable,
            "no memory left in",
            Some("raise its `maxmemory`, or delete tables that are not needed"),
        ),
        "MISCONF" => (
            ErrorKind::Unavailable,
            "nothing is written any more by",
            Some("it cannot save to its disk; its log says why"),
        ),
        "WRONGTYPE" => (
            ErrorKind::Corrupt,
            "a key of ours was made by somebody else in",
            Some("give each project a database or a server of its own"),
        ),
        _ => (ErrorKind::Unavailable, "a command was refused by", None),
    }
}

fn of_connection(error: &RedisError, settings: &Settings) -> Meaning {
    let text = error.to_string();
    let is_of_encryption =
        ["certificate", "PEM", "TLS", "tls", "handshake"].iter().any(|word| text.contains(word));
    let hint = if is_of_encryption {
        "the server's certificate must be for this host and from an authority that this machine trusts; `SSL_CERT_FILE` names another"
    } else if error.is_connection_refusal() {
        "nothing listens there: is it running, and are host and port right?"
    } else if settings.is_encrypted {
        "is it running, and does it speak TLS? `ssl: true` is set"
    } else {
        "is it running, and reached from here? Where it takes only TLS, set `ssl: true`"
    };
    (ErrorKind::Unavailable, "cannot reach", Some(hint))
}
