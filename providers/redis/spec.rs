//! The pure half of Redis: what identifies it and which prefixes of keys online tables need.

use std::collections::BTreeMap;

use provender_core::model::{StoreIdentity, StoreSettings};
use provender_core::provider::{InfraId, InfraObject, StoreSpec, UpdateKind, identity_of};
use provender_core::registry::OnlineTable;

/// Kind of the infrastructure objects: all keys that begin with `PROJECT:TABLE ID:`.
pub const REDIS_PREFIX: &str = "redis_prefix";

/// The pure half of Redis: one prefix for each online table.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisSpec;

impl StoreSpec for RedisSpec {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn identity(&self, settings: &StoreSettings) -> StoreIdentity {
        let mut identity = identity_of(settings, &["redis_type"]);
        if let Some(address) = settings.settings.get("connection_string") {
            identity.settings.insert("address".to_owned(), without_secrets(address));
        }
        identity
    }

    fn lower(&self, project: &str, tables: &[&OnlineTable]) -> Vec<InfraObject> {
        tables
            .iter()
            .map(|table| InfraObject {
                id: InfraId { kind: REDIS_PREFIX.to_owned(), name: format!("{project}.{}", table.id) },
                table: Some(table.id.clone()),
                attributes: BTreeMap::new(),
            })
            .collect()
    }

    fn update_kind(&self, _: &InfraObject, _: &InfraObject) -> UpdateKind {
        UpdateKind::InPlace
    }
}

/// The addresses and the number of the database in `host:6379,host:6380,db=1,ssl=true,password=…` or
/// `redis://user:password@host:6379/1`. What is not known to be harmless is left out.
fn without_secrets(connection: &str) -> String {
    if let Some((scheme, rest)) = connection.split_once("://") {
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        return format!("{scheme}://{place}");
    }
    // A password may hold a comma: behind the first setting, nothing but the number of the database is taken for what it says.
    let mut parts = connection.split(',').map(str::trim);
    let mut kept: Vec<&str> = Vec::new();
    let is_number =
        |part: &&str| part.strip_prefix("db=").is_some_and(|number| number.parse::<u32>().is_ok());
    for part in parts.by_ref() {
        if part.contains(['=', '@']) {
            kept.extend(Some(part).filter(is_number));
            break;
        }
        kept.push(part);
    }
    kept.extend(parts.filter(is_number));
    kept.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_no_secret() {
        for (written, kept) in [
            ("localhost:6379", "localhost:6379"),
            ("${REDIS_HOST}:6379", "${REDIS_HOST}:6379"),
            ("a:1,b:2,ssl=true,password=canary,db=3", "a:1,b:2,db=3"),
            ("a:1, username=canary, password=can,ary,db=x", "a:1"),
            ("redis://canary:canary@host:6379/1?password=canary", "redis://host:6379/1"),
            ("rediss://:can@ary@host:6379", "rediss://host:6379"),
            ("canary@host:1", ""),
        ] {
            assert_eq!(without_secrets(written), kept, "{written}");
        }
    }

    #[test]
    fn the_password_of_its_own_is_no_part_of_the_identity() {
        let pairs = [("connection_string", "h:1"), ("password", "canary"), ("redis_type", "redis_cluster")];
        let settings = StoreSettings {
            kind: "redis".to_owned(),
            settings: pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        let identity = RedisSpec.identity(&settings);
        assert_eq!(identity.settings["address"], "h:1");
        assert!(!format!("{identity:?}").contains("canary"));
    }
}
