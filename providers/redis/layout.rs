//! Which keys lie in Redis. This is a stored format.
//!
//! | key | value |
//! |---|---|
//! | `PROJECT:tables` | set: ids of the tables that the project has here |
//! | `PROJECT:TABLE ID:table` | hash: `table` (our mark and what is said about the table, as JSON), and `schema/N`, the description of row schema N as JSON |
//! | `PROJECT:TABLE ID:live{PROJECT:TABLE ID:table}` | string: `1` while the table may be read and written |
//! | `PROJECT:TABLE ID:{ENTITY KEY}` | string: a packed row |
//!
//! A table whose deletion has begun has the field `retired` in the place of `table`: nobody reads or writes it, and it is
//! still ours to delete. What says that a table is live is a string of its own so that one `MGET` reads it together with rows,
//! and is named so that a cluster keeps it where the record is: they change together.
//!
//! A cluster places a key by what stands between the first `{` and the next `}`, so rows of one entity key lie together,
//! whatever their view. For that, `}` must not end the tag early (all keys with that beginning would lie on one node) and the
//! tag must not be empty (then the whole key counts): in an entity key `|` is written `||`, `}` is written `|]`, and the
//! empty key is a lone `|`. In names, which have none of these characters, `%`, `:`, `{` and `}` would be written as `%`
//! and two digits. So no two rows share a key.

use std::borrow::Cow;
use std::fmt::Write as _;

use provender_core::encoding::EntityKey;
use provender_core::registry::TableId;

/// Number of slots of every cluster.
pub(crate) const SLOTS: u16 = 16_384;

/// The field of a table's record.
pub(crate) const TABLE: &str = "table";
/// The same of a table that is being deleted.
pub(crate) const RETIRED: &str = "retired";

/// Keys of one table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TableKeys {
    prefix: String,
}

impl TableKeys {
    pub(crate) fn new(project: &str, table: &TableId) -> Self {
        Self { prefix: format!("{}:{}:", name(project), name(&table.to_string())) }
    }

    /// The hash that stands for the table.
    pub(crate) fn record(&self) -> Vec<u8> {
        format!("{}table", self.prefix).into_bytes()
    }

    /// What is there while the table may be read and written.
    pub(crate) fn live(&self) -> Vec<u8> {
        format!("{prefix}live{{{prefix}table}}", prefix = self.prefix).into_bytes()
    }

    pub(crate) fn row(&self, entity: &EntityKey) -> Vec<u8> {
        let entity = entity.as_bytes();
        let mut key = Vec::with_capacity(self.prefix.len() + entity.len() + 4);
        key.extend(self.prefix.as_bytes());
        key.push(b'{');
        for byte in entity {
            match byte {
                b'|' => key.extend(b"||"),
                b'}' => key.extend(b"|]"),
                byte => key.push(*byte),
            }
        }
        if entity.is_empty() {
            key.push(b'|');
        }
        key.push(b'}');
        key
    }

    /// The pattern that all keys of rows match, and no other key does.
    pub(crate) fn row_pattern(&self) -> String {
        let mut pattern = String::with_capacity(self.prefix.len() + 8);
        for character in self.prefix.chars() {
            if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
                pattern.push('\\');
            }
            pattern.push(character);
        }
        pattern + "{*"
    }
}

/// The set of a project's tables.
pub(crate) fn tables_key(project: &str) -> Vec<u8> {
    format!("{}:tables", name(project)).into_bytes()
}

/// The field that describes a row schema.
pub(crate) fn schema_field(schema_id: u32) -> String {
    format!("schema/{schema_id}")
}

fn name(text: &str) -> Cow<'_, str> {
    const WRITTEN_OTHERWISE: [char; 4] = ['%', ':', '{', '}'];
    if !text.contains(WRITTEN_OTHERWISE) {
        return Cow::Borrowed(text);
    }
    let mut name = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if WRITTEN_OTHERWISE.contains(&character) {
            let _ = write!(name, "%{:02X}", u32::from(character));
        } else {
            name.push(character);
        }
    }
    Cow::Owned(name)
}

/// The slot of a key: CRC16 (XMODEM) of its tag, as the specification of Redis Cluster says.
pub(crate) fn slot(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    crc16::State::<crc16::XMODEM>::calculate(tag.unwrap_or(key)) % SLOTS
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use provender_core::model::Value;

    use super::*;

    fn keys(project: &str, view: &str) -> TableKeys {
        TableKeys::new(project, &TableId { view: view.to_owned(), revision: Some(1) })
    }

    fn bytes_key(bytes: &[u8]) -> EntityKey {
        EntityKey::encode(&[Value::Bytes(bytes.to_vec())]).unwrap()
    }

    #[test]
    fn keys_are_as_they_are_written_down() {
        let table = keys("shop", "sales");
        assert_eq!(table.record(), b"shop:sales.r1:table");
        assert_eq!(table.live(), b"shop:sales.r1:live{shop:sales.r1:table}");
        assert_eq!(slot(&table.live()), slot(&table.record()));
        assert_eq!(table.row(&EntityKey::empty()), b"shop:sales.r1:{|}");
        assert_eq!(table.row(&bytes_key(b"a|}{")), b"shop:sales.r1:{\x31a|||]{\0}");
        assert_eq!(table.row_pattern(), "shop:sales.r1:{*");
        assert_eq!(keys("a*[b", "c").row_pattern(), "a\\*\\[b:c.r1:{*");
        assert_eq!(keys("a:b", "c").record(), b"a%3Ab:c.r1:table");
        assert_eq!(tables_key("shop"), b"shop:tables");
    }

    #[test]
    fn slots_are_those_of_the_specification() {
        // `CLUSTER KEYSLOT` of a server says the same.
        for (key, expected) in
            [(&b"123456789"[..], 12_739), (b"foo", 12_182), (b"{user1000}.following", 3_443)]
        {
            assert_eq!(slot(key), expected);
        }
        assert_eq!(slot(b"foo{}{bar}"), 8_363);
    }

    proptest! {
        #[test]
        fn views_share_the_slot_of_a_key_and_no_keys_are_equal(
            one in proptest::collection::vec(prop_oneof![Just(b'}'), Just(b'|'), Just(b']'), Just(b'{'), any::<u8>()], 0..6),
            two in proptest::collection::vec(prop_oneof![Just(b'}'), Just(b'|'), Just(b']'), Just(b'{'), any::<u8>()], 0..6),
        ) {
            let (first, second) = (keys("p", "a"), keys("p", "b"));
            let (one, two) = (bytes_key(&one), bytes_key(&two));
            prop_assert_eq!(slot(&first.row(&one)), slot(&second.row(&one)));
            prop_assert_eq!(first.row(&one) == first.row(&two), one == two);
            prop_assert_ne!(first.row(&one), second.row(&one));
        }

        #[test]
        fn no_names_run_into_each_other(names in proptest::collection::vec("[a:{}%]{1,3}", 4)) {
            let key = |project: &str, view: &str| keys(project, view).row(&EntityKey::empty());
            let is_same = names[0] == names[2] && names[1] == names[3];
            prop_assert_eq!(key(&names[0], &names[1]) == key(&names[2], &names[3]), is_same);
        }
    }

    #[test]
    fn neighbouring_numbers_spread_over_the_slots() {
        // Bytes of these numbers hold `}` near the beginning; with a tag that ends there all of them would lie in one slot.
        let table = keys("p", "a");
        let key = |number: i64| EntityKey::encode(&[Value::Int64(number)]).unwrap();
        let slots: std::collections::BTreeSet<u16> =
            (0..1_000).map(|number| slot(&table.row(&key(0x7d00_0000 + number)))).collect();
        assert!(slots.len() > 900, "{} slots", slots.len());
    }
}
