//! Reading the archives of old packs: ZIP and gzip tar, made by other programs (`schema/old-packs.md`, section 2).
//!
//! These have many encodings, so nothing is compared with what a writer would make. Instead everything is refused that two
//! readers could take in two ways, and everything that no writer of old packs makes. Nothing is written: the files are
//! given back in memory, all of them checked, or none. What they mean is not known here.

mod budget;
mod gzipped;
mod pax;
mod zipped;

use std::fs::File;

use super::error::{LimitKind, PackError, at_most};
use super::limits::{Limits, MAX_OLD_UNPACKED_BYTES};
use super::positioned::read_exact_at;
use super::read::hash;
use crate::model::foreign::pack::{MAX_OLD_MANIFEST_BYTES, OldFormat};
use crate::model::{Digest, FileMode, PathError, TreePath, check_set};

/// Start of a ZIP, and of a gzip stream with deflate in it.
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";
const GZIP_MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// One file of an old pack: its path in the archive, its mode, its content.
pub type OldFile = (TreePath, FileMode, Vec<u8>);

/// An archive that has a manifest of an old pack. Nothing else of it was looked at.
#[derive(Debug)]
pub struct OldArchive {
    file: File,
    format: OldFormat,
}

impl OldArchive {
    /// Looks for the manifest of an old pack; `None` for every other file, whatever it is called.
    ///
    /// What has a file below `.skillmeat` is a pack of today, or was one before it was damaged: it is never taken for an old
    /// one, because an old one needs no signature.
    ///
    /// # Errors
    /// [`PackError::Io`], [`PackError::Limit`], [`PackError::Archive`] for a ZIP with the manifests of two formats.
    pub fn find(file: File, limits: &Limits) -> Result<Option<Self>, PackError> {
        let size = file.metadata().map_err(PackError::read)?.len();
        let mut start = [0; ZIP_MAGIC.len()];
        if size < start.len() as u64 {
            return Ok(None);
        }
        read_exact_at(&file, &mut start, 0).map_err(PackError::read)?;
        let format = if start == ZIP_MAGIC {
            at_most(LimitKind::Pack, size, limits.pack_bytes)?;
            zipped::format(&file, size, limits)?
        } else if start.starts_with(&GZIP_MAGIC) {
            at_most(LimitKind::Pack, size, limits.pack_bytes)?;
            gzipped::format(&file, size, limits)?
        } else {
            None
        };
        Ok(format.map(|format| Self { file, format }))
    }

    /// Returns the length of the archive, in bytes, and its SHA-256; reads all of it.
    ///
    /// # Errors
    /// [`PackError::Io`].
    pub fn facts(&self) -> Result<(u64, Digest), PackError> {
        let size = self.file.metadata().map_err(PackError::read)?.len();
        Ok((size, hash(&self.file, 0, size)?))
    }

    /// Returns which of the formats it has.
    pub fn format(&self) -> OldFormat {
        self.format
    }

    /// Reads all files, in byte order of their paths, the manifest among them.
    ///
    /// Holds all of them at once, at most [`MAX_OLD_UNPACKED_BYTES`], whatever the limits say.
    ///
    /// # Errors
    /// [`PackError`]: for a path or link that no pack may hold, for more than a limit allows, for content that does not match
    /// its checksum, and for an archive that another reader could take in another way.
    pub fn read(&self, limits: &Limits) -> Result<Vec<OldFile>, PackError> {
        let limits = &Limits { unpacked_bytes: limits.unpacked_bytes.min(MAX_OLD_UNPACKED_BYTES), ..*limits };
        let size = self.file.metadata().map_err(PackError::read)?.len();
        let Tree { mut files, folders } = match self.format {
            OldFormat::ManifestJson | OldFormat::BundleToml => zipped::read(&self.file, size, limits)?,
            OldFormat::ManifestToml => gzipped::read(&self.file, size, limits)?,
        };
        check_set(files.iter().map(|(path, _, _)| path))?;
        if let Some(path) = folders.iter().find(|folder| files.iter().any(|(path, _, _)| path == *folder)) {
            return Err(PathError::FileAndFolder { path: path.to_string() }.into());
        }
        files.sort_by(|(a, _, _), (b, _, _)| a.cmp(b));
        let manifest = files.iter().find(|(path, _, _)| path.as_str() == self.format.manifest_name());
        let bytes = manifest.map_or(0, |(_, _, bytes)| bytes.len() as u64);
        at_most(LimitKind::File(self.format.manifest_name().to_owned()), bytes, MAX_OLD_MANIFEST_BYTES)?;
        Ok(files)
    }
}

/// What an archive holds.
#[derive(Default)]
struct Tree {
    files: Vec<OldFile>,
    /// Folders that have an entry of their own.
    folders: Vec<TreePath>,
}

/// Returns the mode of a file with these bits of POSIX; the predecessor writes 600, and tools for archives 644 and 755.
fn mode_of(name: &str, bits: u32) -> Result<FileMode, PackError> {
    if bits & 0o7000 != 0 {
        return Err(PackError::Archive { name: name.to_owned(), reason: "runs as another user, or has a sticky bit" });
    }
    Ok(if bits & 0o100 == 0 { FileMode::Regular } else { FileMode::Executable })
}
