//! What other readers of a pack refuse although it is within the limits of the format (`schema/pack.md`, section 7).

use schemars::JsonSchema;
use serde::Serialize;

use crate::pack::{PORTABLE_FILES, PORTABLE_PACK_BYTES, PORTABLE_UNPACKED_BYTES};

/// Something of a pack that is above what other readers take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TooMuchForSome {
    /// What it is.
    pub what: Measure,
    /// How much there is of it.
    pub found: u64,
    /// How much some readers take at most.
    pub limit: u64,
}

/// What is measured of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// Its size, in bytes.
    PackBytes,
    /// The size of all its files, in bytes.
    UnpackedBytes,
    /// The number of its files.
    Files,
}

/// Returns what is above what other readers take.
pub(super) fn too_much_for_some(pack_bytes: u64, unpacked_bytes: u64, files: usize) -> Vec<TooMuchForSome> {
    let all = [
        (Measure::PackBytes, pack_bytes, PORTABLE_PACK_BYTES),
        (Measure::UnpackedBytes, unpacked_bytes, PORTABLE_UNPACKED_BYTES),
        (Measure::Files, files as u64, PORTABLE_FILES as u64),
    ];
    let above = all.into_iter().filter(|(_, found, limit)| found > limit);
    above.map(|(what, found, limit)| TooMuchForSome { what, found, limit }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_at_a_limit_is_taken_by_all() {
        let (pack, unpacked, files) = (PORTABLE_PACK_BYTES, PORTABLE_UNPACKED_BYTES, PORTABLE_FILES);
        assert_eq!(too_much_for_some(pack, unpacked, files), []);
        let all: Vec<_> = too_much_for_some(pack + 1, unpacked + 1, files + 1).iter().map(|one| one.what).collect();
        assert_eq!(all, [Measure::PackBytes, Measure::UnpackedBytes, Measure::Files]);
    }
}
