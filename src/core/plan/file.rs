//! The saved plan: one JSON document with a checksum. Reading and writing the file itself is the caller's.

use serde::Deserialize;

use super::{FORMAT_VERSION, Plan};
use crate::model::Fingerprint;

/// Why a file is no plan that can be used.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// It is no JSON document of a plan's shape.
    #[error("the file is not a saved plan")]
    NotAPlan(#[source] serde_json::Error),
    /// A newer version wrote it.
    #[error("the plan has format version {found}; this version of provender reads up to {FORMAT_VERSION}")]
    NewerFormat {
        /// The version in the file.
        found: u32,
    },
    /// Its checksum is missing or does not fit.
    #[error("the plan is damaged or was edited: its checksum does not fit; make it again with `plan --out`")]
    Damaged,
}

/// What stands before the checksum, the last field of the document, and after it.
const BEFORE: &str = ",\n  \"checksum\": \"";
const AFTER: &str = "\"\n}\n";

impl Plan {
    /// The saved plan: indented JSON, with a line feed at the end, whose last field is the SHA-256 of everything else.
    ///
    /// # Panics
    /// Never: a plan always has a JSON form.
    #[expect(clippy::expect_used, reason = "a plan has string keys and finite numbers only; a test holds it")]
    pub fn to_json(&self) -> Vec<u8> {
        let sealed;
        let open = match self.checksum {
            None => self,
            Some(_) => {
                sealed = Self { checksum: None, ..self.clone() };
                &sealed
            }
        };
        let mut bytes = serde_json::to_vec_pretty(open).expect("a plan has a JSON form");
        let checksum = Fingerprint::of_bytes(&bytes);
        bytes.truncate(bytes.len() - "\n}".len());
        bytes.extend([BEFORE, checksum.as_str(), AFTER].iter().flat_map(|part| part.bytes()));
        bytes
    }

    /// Reads a saved plan.
    ///
    /// # Errors
    /// The bytes are no plan, of a newer format, or not as they were written.
    pub fn from_json(bytes: &[u8]) -> Result<Self, PlanFileError> {
        #[derive(Deserialize)]
        struct Versioned {
            format_version: u32,
        }
        // Reading and summing take about the same time.
        let (plan, checksum) = std::thread::scope(|threads| {
            let sum = threads.spawn(|| checksum(bytes));
            (serde_json::from_slice::<Self>(bytes), sum.join().unwrap_or_default())
        });
        let version = match &plan {
            Ok(plan) => plan.format_version,
            Err(_) => serde_json::from_slice(bytes).map_or(0, |Versioned { format_version }| format_version),
        };
        if version > FORMAT_VERSION {
            return Err(PlanFileError::NewerFormat { found: version });
        }
        let plan = plan.map_err(PlanFileError::NotAPlan)?;
        if checksum.is_none() || plan.checksum != checksum { Err(PlanFileError::Damaged) } else { Ok(plan) }
    }
}

/// The sum that the document should hold; none where it does not end as one that was written here.
fn checksum(bytes: &[u8]) -> Option<Fingerprint> {
    let rest = bytes.strip_suffix(AFTER.as_bytes())?;
    let (rest, _) = rest.split_at_checked(rest.len().checked_sub(Fingerprint::DIGITS)?)?;
    let open = rest.strip_suffix(BEFORE.as_bytes())?;
    Some(Fingerprint::of_parts(&[open, b"\n}"]))
}
