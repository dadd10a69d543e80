//! What `feature_store.yaml` says about a Redis, as far as connecting needs it.
//!
//! The forms of `connection_string` are those that `redis_place` of the core takes. The text is taken apart as it is
//! written and variables are replaced in its parts, so a password from a variable may hold any character.

use std::fmt;

use provender_core::config::environment::Environment;
use provender_core::model::{StoreIdentity, StoreSettings};
use provender_runtime::{Error, Result};

/// The port where none is written.
const DEFAULT_PORT: u16 = 6379;

/// How a server or a cluster is reached.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Hosts and ports; more than one only for a cluster.
    pub(crate) hosts: Vec<(String, u16)>,
    pub(crate) database: i64,
    pub(crate) is_cluster: bool,
    pub(crate) is_encrypted: bool,
    pub(crate) username: Option<String>,
    pub(crate) password: Option<String>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// The value of a variable of the environment.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Settings {
    /// Understands the settings of a store. What they say of user, password and encryption may be said by those of another.
    ///
    /// # Errors
    /// A variable is not set, or what it holds makes no connection. No error holds a secret.
    pub(crate) fn read(
        store: &StoreSettings,
        login: Option<&StoreSettings>,
        lookup: Lookup<'_>,
    ) -> Result<Self> {
        let mut parts = Written::of(store, lookup)?;
        if let Some(login) = login {
            let login = Written::of(login, lookup)?;
            if parts.password.is_none() {
                (parts.username, parts.password) = (login.username, login.password);
            }
            parts.is_encrypted |= login.is_encrypted;
        }
        let kind = store.settings.get("redis_type");
        let is_cluster = kind.is_some_and(|kind| kind.eq_ignore_ascii_case("redis_cluster"));
        let settings = Self {
            hosts: parts.hosts.iter().map(|host| host_and_port(host, lookup)).collect::<Result<_>>()?,
            database: number(parts.database.as_ref(), lookup)?,
            is_cluster,
            is_encrypted: parts.is_encrypted,
            username: parts.username.map(|part| part.expand(lookup)).transpose()?,
            password: parts.password.map(|part| part.expand(lookup)).transpose()?,
        };
        settings.check()
    }

    fn check(self) -> Result<Self> {
        if self.is_cluster && self.database != 0 {
            return Err(Error::invalid(format!(
                "database {} of a Redis cluster was asked for; a cluster has only database 0",
                self.database
            ))
            .with_hint("leave the database out of `online_store.connection_string`"));
        }
        if !self.is_cluster && self.hosts.len() > 1 {
            return Err(Error::invalid(
                "`online_store.connection_string` names several hosts of one Redis server",
            )
            .with_hint("name one of them, or set `redis_type: redis_cluster` where they are a cluster"));
        }
        Ok(self)
    }

    /// Hosts, ports and database, for messages.
    pub(crate) fn place(&self) -> String {
        let hosts: Vec<String> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        let database = if self.database == 0 { String::new() } else { format!("/{}", self.database) };
        hosts.join(",") + &database
    }

    /// Text of a server or a library, without what is secret here.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        // A server repeats the beginning of a command that it does not know, and a login is such a command.
        let text = text.split(", with args beginning with").next().unwrap_or_default();
        let secrets = [&self.password, &self.username].into_iter().flatten();
        secrets
            .filter(|secret| secret.len() > 1)
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }
}

/// Settings that have this identity: where the data is, and nothing about a login.
pub(crate) fn of_identity(identity: &StoreIdentity) -> StoreSettings {
    let mut settings = identity.settings.clone();
    if let Some(place) = settings.remove("place") {
        let connection = match place.rsplit_once('/') {
            Some((hosts, database)) => format!("{hosts},db={database}"),
            None => place,
        };
        settings.insert("connection_string".to_owned(), connection);
    }
    StoreSettings { kind: identity.kind.clone(), settings: settings.into_iter().collect() }
}

/// Part of a connection string: as written, and whether `%…` in it stands for a character.
#[derive(Clone)]
struct Part {
    text: String,
    is_encoded: bool,
}

impl Part {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), is_encoded: false }
    }

    fn encoded(text: &str) -> Self {
        Self { text: text.to_owned(), is_encoded: true }
    }

    /// What it means: characters first, then variables, whose values are taken as they are.
    fn expand(&self, lookup: Lookup<'_>) -> Result<String> {
        let text = if self.is_encoded { decode(&self.text)? } else { self.text.clone() };
        expand(&text, lookup)
    }
}

/// A connection string, taken apart.
#[derive(Default)]
struct Written {
    hosts: Vec<String>,
    database: Option<String>,
    is_encrypted: bool,
    username: Option<Part>,
    password: Option<Part>,
}

impl Written {
    fn of(store: &StoreSettings, lookup: Lookup<'_>) -> Result<Self> {
        let written = |name: &str| store.settings.get(name).map(String::as_str);
        let mut parts = Self::parse(written("connection_string").unwrap_or_default(), lookup)?;
        parts.username = written("username").map(Part::plain).or(parts.username);
        parts.password = written("password").map(Part::plain).or(parts.password);
        parts.is_encrypted |= written("ssl") == Some("true");
        Ok(parts)
    }

    fn parse(text: &str, lookup: Lookup<'_>) -> Result<Self> {
        // A lone variable holds the whole string, in which nothing is replaced again.
        let whole;
        let text = match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if !name.contains(['{', '}']) => {
                whole = expand(text, lookup)?.replace("${", "$${");
                &whole
            }
            _ => text,
        };
        if provender_core::config::environment::redis_place(text).is_none() {
            return Err(Error::invalid("`online_store.connection_string` says no place of a Redis")
                .with_hint("write `HOST:PORT`, or `redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]`"));
        }
        if let Some(rest) = text.strip_prefix("redis://") {
            return Ok(Self::of_url(rest));
        }
        Ok(match text.strip_prefix("rediss://") {
            Some(rest) => Self { is_encrypted: true, ..Self::of_url(rest) },
            None => Self::of_list(text),
        })
    }

    /// `[USER[:PASSWORD]@]HOST[:PORT][/DB]`.
    fn of_url(rest: &str) -> Self {
        let (login, place) =
            rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let (host, database) = place.split_once('/').unwrap_or((place, ""));
        let (username, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((username, password)) => (Some(username), Some(password)),
            None => (None, None),
        };
        let part = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Part::encoded);
        Self {
            hosts: vec![host.to_owned()],
            database: Some(database.to_owned()).filter(|text| !text.is_empty()),
            is_encrypted: false,
            username: part(username),
            password: part(password),
        }
    }

    /// `HOST:PORT,…,ssl=true,password=…,db=…`, as Feast writes it.
    fn of_list(text: &str) -> Self {
        let mut written = Self::default();
        for part in text.split(',').map(str::trim) {
            match part.split_once('=') {
                None => written.hosts.push(part.to_owned()),
                Some(("db", number)) => written.database = Some(number.to_owned()),
                Some(("ssl", value)) => written.is_encrypted = value.eq_ignore_ascii_case("true"),
                Some(("username", value)) => written.username = Some(Part::plain(value)),
                Some((_, value)) => written.password = Some(Part::plain(value)),
            }
        }
        written
    }
}

fn host_and_port(written: &str, lookup: Lookup<'_>) -> Result<(String, u16)> {
    let place = expand(written, lookup)?;
    let (host, port) = match place.rsplit_once(':') {
        None => (place.as_str(), DEFAULT_PORT),
        Some((host, port)) => match port.parse() {
            Ok(port) => (host, port),
            // Not the value: nobody knows what a variable holds.
            Err(_) => {
                return Err(Error::invalid(format!(
                    "`{written}` in `online_store.connection_string` has no number of a port"
                )));
            }
        },
    };
    Ok((host.to_owned(), port))
}

fn number(written: Option<&String>, lookup: Lookup<'_>) -> Result<i64> {
    let Some(written) = written else { return Ok(0) };
    expand(written, lookup)?.parse::<u32>().map(i64::from).map_err(|_| {
        Error::invalid(format!("`{written}` in `online_store.connection_string` is no number of a database"))
    })
}

fn expand(text: &str, lookup: Lookup<'_>) -> Result<String> {
    Environment::expand(text, lookup).map_err(|unset| {
        // The text may be a password in part: only the name is said.
        let name = match unset {
            provender_core::config::environment::UnsetVariable::Unset { name, .. } => {
                format!("`{name}` is not set")
            }
            provender_core::config::environment::UnsetVariable::Malformed { .. } => {
                "`${` has no `NAME}`".to_owned()
            }
        };
        Error::invalid(format!("`online_store` cannot be used: the environment variable {name}"))
            .with_hint("set the variable, or write the value into the file if it is no secret")
    })
}

/// `%…` replaced by the characters that they stand for.
fn decode(text: &str) -> Result<String> {
    let bad = || {
        Error::invalid(
            "user or password in `online_store.connection_string` has a `%` without two digits behind it",
        )
        .with_hint("write `%25` for `%`, or set `username` and `password` apart")
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = rest.split_at_checked(2).ok_or_else(bad)?;
        let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
        let byte = u8::from_str_radix(digits, 16).map_err(|_| bad())?;
        bytes.push(byte);
        rest = after;
        // `${` that was written so is no variable.
        if byte == b'$' && (rest.starts_with(b"{") || rest.starts_with(b"%7B") || rest.starts_with(b"%7b")) {
            bytes.push(b'$');
        }
    }
    String::from_utf8(bytes).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use provender_core::provider::StoreSpec as _;

    use super::*;
    use crate::RedisSpec;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings> {
        let settings = StoreSettings {
            kind: "redis".to_owned(),
            settings: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let lookup = |name: &str| match name {
            "HOST" => Some("h".to_owned()),
            "PORT" => Some("7".to_owned()),
            "PASSWORD" => Some("p@,:%41${HOST}".to_owned()),
            "WHOLE" => Some("redis://u:${HOST}@h:8/3".to_owned()),
            _ => None,
        };
        Settings::read(&settings, None, &lookup)
    }

    fn of(connection: &str) -> Settings {
        read(&[("connection_string", connection)]).unwrap()
    }

    #[test]
    fn every_form_says_the_same() {
        let plain = of("h:7,password=secret,username=user,ssl=true,db=2");
        assert_eq!(plain, of("rediss://user:secret@h:7/2"));
        assert_eq!(plain, of("rediss://us%65r:se%63ret@${HOST}:${PORT}/2"));
        let apart =
            [("connection_string", "h:7/2"), ("username", "user"), ("password", "secret"), ("ssl", "true")];
        assert!(read(&apart).is_err(), "a database stands behind a host only in a URL");
        let apart = [
            ("connection_string", "h:7,db=2"),
            ("username", "user"),
            ("password", "secret"),
            ("ssl", "true"),
        ];
        assert_eq!(plain, read(&apart).unwrap());
        assert_eq!(plain.place(), "h:7/2");
        assert_eq!(of("h").hosts, [("h".to_owned(), 6379)]);
    }

    #[test]
    fn a_variable_holds_any_character() {
        for connection in ["h:1,password=${PASSWORD}", "redis://:${PASSWORD}@h:1"] {
            assert_eq!(of(connection).password.as_deref(), Some("p@,:%41${HOST}"), "{connection}");
        }
        assert_eq!(of("redis://:a%24%7BHOST%7D@h").password.as_deref(), Some("a${HOST}"));
        let whole = of("${WHOLE}");
        assert_eq!((whole.password.as_deref(), whole.place().as_str()), (Some("${HOST}"), "h:8/3"));
    }

    #[test]
    fn what_cannot_be_is_refused_without_a_secret() {
        let cluster = ("redis_type", "redis_cluster");
        for (pairs, expected) in [
            (&[("connection_string", "a:1,b:2")][..], "several hosts"),
            (&[("connection_string", "a:1,db=1"), cluster], "only database 0"),
            (&[("connection_string", "redis://:%zz@h:1"), cluster], "without two digits"),
            (&[("connection_string", "h:1,password=canary${NONE}")], "`NONE` is not set"),
            (&[("connection_string", "${PASSWORD}")], "no place"),
            (&[("connection_string", "h:${PASSWORD}")], "no number of a port"),
        ] {
            let error = read(pairs).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(
                !format!("{error:?}").contains("canary") && !format!("{error:?}").contains("p@,"),
                "{error:?}"
            );
        }
        let two = read(&[("connection_string", "a:1,b:2"), cluster]).unwrap();
        assert_eq!((two.place().as_str(), two.is_cluster), ("a:1,b:2", true));
    }

    #[test]
    fn another_place_has_the_same_login() {
        let store = |connection: &str| StoreSettings {
            kind: "redis".to_owned(),
            settings: [("connection_string".to_owned(), connection.to_owned())].into_iter().collect(),
        };
        let lookup = |name: &str| (name == "OLD").then(|| "redis://:older@old:2".to_owned());
        let here = store("rediss://user:secret@new:1");
        for (written, expected) in [
            ("old:1,db=3,password=gone", "rediss://user:secret@old:1/3"),
            ("redis://old", "rediss://user:secret@old"),
            ("${OLD}", "rediss://:older@old:2"),
        ] {
            let identity = RedisSpec.identity(&store(written));
            let there = Settings::read(&of_identity(&identity), Some(&here), &lookup).unwrap();
            assert_eq!(there, Settings::read(&store(expected), None, &lookup).unwrap(), "{written}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let settings = of("redis://someone:canary@h:1");
        assert!(!format!("{settings:?}").contains("canary"));
        assert_eq!(settings.without_secrets("for someone: canary"), "for ***: ***");
        assert_eq!(settings.without_secrets("no `AUTH`, with args beginning with: `can`"), "no `AUTH`");
    }
}
