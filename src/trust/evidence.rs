//! Where the bytes of a release come from.

use crate::model::Digest;
use crate::pack::{Pack, PackError, PackFile};

/// Why bytes could not be had.
#[derive(Debug)]
pub enum EvidenceError {
    /// From a pack.
    Pack(PackError),
    /// From anywhere else.
    Other(Box<dyn std::error::Error + Send + Sync>),
}

/// A release as it is stored somewhere. Nothing of it is believed.
///
/// A pack and a repository give the same release through this, so that both get the same verdict from the same code.
pub trait Evidence: Sync {
    /// Returns the raw tag object.
    ///
    /// # Errors
    /// [`EvidenceError`].
    fn tag(&self) -> Result<Vec<u8>, EvidenceError>;

    /// Returns the raw commit object.
    ///
    /// # Errors
    /// [`EvidenceError`].
    fn commit(&self) -> Result<Vec<u8>, EvidenceError>;

    /// Returns the files of the tree, in byte order of their paths, within the limits of a pack.
    fn files(&self) -> &[PackFile];

    /// Gives the content of one file to `sink`, in pieces. It must be believed only after `Ok`.
    ///
    /// # Errors
    /// [`EvidenceError`].
    fn read(&self, index: usize, sink: &mut dyn FnMut(&[u8])) -> Result<(), EvidenceError>;

    /// Checks that the files are held in the way the manifest says, where there is more than one: all stored, or in
    /// bytes of the digest `packed`.
    ///
    /// # Errors
    /// [`EvidenceError`].
    fn check_packed(&self, packed: Option<Digest>) -> Result<(), EvidenceError>;
}

impl Evidence for Pack {
    fn tag(&self) -> Result<Vec<u8>, EvidenceError> {
        Pack::tag(self).map_err(EvidenceError::Pack)
    }

    fn commit(&self) -> Result<Vec<u8>, EvidenceError> {
        Pack::commit(self).map_err(EvidenceError::Pack)
    }

    fn files(&self) -> &[PackFile] {
        Pack::files(self)
    }

    fn read(&self, index: usize, sink: &mut dyn FnMut(&[u8])) -> Result<(), EvidenceError> {
        Pack::read(self, index, sink).map_err(EvidenceError::Pack)
    }

    fn check_packed(&self, packed: Option<Digest>) -> Result<(), EvidenceError> {
        Pack::check_packed(self, packed).map_err(EvidenceError::Pack)
    }
}
