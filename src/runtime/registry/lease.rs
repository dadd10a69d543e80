//! Leases: a running apply renews a file, so that others can tell that it lives.

use std::time::Duration;

use provender_core::registry::{Author, FORMAT_VERSION, OpenApply};
use provender_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::documents::{Stored, parse};
use super::log::RegistryLog;
use crate::Result;

/// How long a lease counts after it was renewed.
pub const LEASE_TIME: Duration = Duration::from_secs(60);
/// How often the owner renews it.
pub const LEASE_RENEWAL: Duration = Duration::from_secs(20);

/// The document `lease/<apply id>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Version of this document's format.
    pub format_version: u32,
    /// The apply.
    pub apply_id: String,
    /// When it was renewed last, by the owner's clock.
    pub renewed_at: Timestamp,
    /// The owner.
    pub by: Author,
    /// The owner's process on that host.
    pub process: u32,
    /// When that process started, as the host counts; tells a process from a later one with its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_start: Option<String>,
}

impl Stored for Lease {
    fn format_version(&self) -> u32 {
        self.format_version
    }
}

impl Lease {
    /// A lease of this process, renewed now.
    pub fn of_this_process(apply_id: &str, by: &Author, now: Timestamp) -> Self {
        let process = std::process::id();
        Self {
            format_version: FORMAT_VERSION,
            apply_id: apply_id.to_owned(),
            renewed_at: now,
            by: by.clone(),
            process,
            process_start: process_start(process),
        }
    }

    /// Whether its owner may still be at work: renewed in time, and not known dead on this very machine.
    fn is_live(&self, here: &Author, now: Timestamp) -> bool {
        let age = now.as_nanos().saturating_sub(self.renewed_at.as_nanos());
        let in_time = u128::try_from(age).unwrap_or(0) < LEASE_TIME.as_nanos();
        let dead = self.by.host == here.host
            && self.process_start.is_some()
            && process_start(self.process) != self.process_start;
        in_time && !dead
    }
}

/// Boot of the machine and start of the process in it; `None` where the machine does not tell or has no such process.
fn process_start(process: u32) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The command name stands in parentheses and may hold anything; field 22 counts from after it.
    let ticks = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?;
    Some(format!("{} {ticks}", boot.trim()))
}

fn name(apply_id: &str) -> String {
    format!("lease/{apply_id}")
}

impl RegistryLog {
    /// Writes or renews a lease.
    ///
    /// # Errors
    /// The store failed.
    pub async fn renew_lease(&self, lease: &Lease) -> Result<()> {
        self.documents().overwrite(&name(&lease.apply_id), lease).await
    }

    /// Takes a lease away; one that is not there is fine.
    ///
    /// # Errors
    /// The store failed.
    pub async fn drop_lease(&self, apply_id: &str) -> Result<()> {
        self.documents().delete(&name(apply_id)).await
    }

    /// Whether an open apply may still be at work. One without a lease is not: it is written before the apply begins.
    ///
    /// # Errors
    /// The store failed, or the lease is of a newer format.
    pub async fn is_live(&self, open: &OpenApply, here: &Author, now: Timestamp) -> Result<bool> {
        let name = name(&open.apply_id);
        let Some(bytes) = self.documents().read(&name).await? else { return Ok(false) };
        let lease: Lease = parse(&name, &bytes)?;
        Ok(lease.is_live(here, now))
    }
}
