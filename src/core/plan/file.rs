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

impl Plan {
    /// SHA-256 over the canonical document without its checksum.
    fn checksum_of_rest(&self) -> Fingerprint {
        Fingerprint::of(&Self { checksum: None, ..self.clone() })
    }

    /// The saved plan: indented JSON with its checksum and a line feed at the end.
    ///
    /// # Panics
    /// Never: a plan always has a JSON form.
    #[expect(clippy::expect_used, reason = "a plan has string keys and finite numbers only; a test holds it")]
    pub fn to_json(&self) -> Vec<u8> {
        let sealed = Self { checksum: Some(self.checksum_of_rest()), ..self.clone() };
        let mut bytes = serde_json::to_vec_pretty(&sealed).expect("a plan has a JSON form");
        bytes.push(b'\n');
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
        let Versioned { format_version } = serde_json::from_slice(bytes).map_err(PlanFileError::NotAPlan)?;
        if format_version > FORMAT_VERSION {
            return Err(PlanFileError::NewerFormat { found: format_version });
        }
        let plan: Self = serde_json::from_slice(bytes).map_err(PlanFileError::NotAPlan)?;
        if plan.checksum.as_ref() != Some(&plan.checksum_of_rest()) {
            return Err(PlanFileError::Damaged);
        }
        Ok(plan)
    }
}
