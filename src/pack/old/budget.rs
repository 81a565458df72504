//! What an archive may still hold, counted while it is read.

use crate::pack::error::{LimitKind, PackError, at_most};
use crate::pack::limits::Limits;

/// Most bytes that one compressed byte may become, once there are enough to matter. Text becomes ten times as long; deflate
/// can reach a thousand, and only with what says nothing.
pub(super) const MAX_RATIO: u64 = 100;

/// Below this, in bytes, no ratio is looked at: a file of zeros is small enough.
pub(super) const FREE_BYTES: u64 = 1024 * 1024;

/// Counts files and bytes.
pub(super) struct Budget<'a> {
    limits: &'a Limits,
    entries: u64,
    unpacked: u64,
}

impl<'a> Budget<'a> {
    pub(super) fn new(limits: &'a Limits) -> Self {
        Self { limits, entries: 0, unpacked: 0 }
    }

    /// Counts one more file or folder.
    pub(super) fn entry(&mut self) -> Result<(), PackError> {
        self.entries += 1;
        at_most(LimitKind::Files, self.entries, self.limits.files as u64)
    }

    /// Checks what an entry declares, before anything of it is read. Readers give no more than that.
    pub(super) fn declared(&self, name: &str, size: u64) -> Result<(), PackError> {
        at_most(LimitKind::File(name.to_owned()), size, self.limits.file_bytes)?;
        at_most(LimitKind::Unpacked, self.unpacked.saturating_add(size), self.limits.unpacked_bytes)
    }

    /// Counts bytes that were read.
    pub(super) fn spend(&mut self, bytes: u64) {
        self.unpacked += bytes;
    }
}

/// Refuses what is compressed beyond any text.
pub(super) fn check_ratio(name: &str, packed: u64, unpacked: u64) -> Result<(), PackError> {
    if unpacked <= FREE_BYTES {
        return Ok(());
    }
    at_most(LimitKind::Ratio(name.to_owned()), unpacked.div_ceil(packed.max(1)), MAX_RATIO)
}
