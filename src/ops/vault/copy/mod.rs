//! Copies of a vault in object storage: what is there, read and written (`schema/mirror.md`).
//!
//! One small file, `head.json`, says all of it, signed. Everything that it names is there before it is, and it changes only
//! where it is what its writer has read, so that a reader sees the old state or the new, whatever ends a writer.

mod error;
mod head;
mod lost;
mod packs;
mod plain;
mod read;
mod tidy;
mod write;

use super::Error;
use crate::git::ssh::random_hex;
use crate::ops::Context;
use crate::store::{Bucket, Replaced, StoreAddress, Version};

pub use error::CopyError;
pub(super) use head::{Seen, carry_notes, noted_number, noted_serial};
pub(super) use write::{Next, Written};

/// A place in object storage that holds a copy of a vault, or will.
pub(super) struct Copy<'a> {
    context: &'a Context,
    bucket: Bucket,
}

impl<'a> Copy<'a> {
    /// Opens a place; nothing is asked of it yet.
    ///
    /// # Errors
    /// [`Error::Git`] without the network, [`CopyError::Store`].
    pub(super) fn open(context: &'a Context, address: &StoreAddress) -> Result<Self, Error> {
        if !matches!(address, StoreAddress::Folder(_)) {
            context.network()?;
        }
        let bucket = Bucket::open(address, &context.environment, context.silence).map_err(CopyError::from)?;
        Ok(Self { context, bucket })
    }

    /// Returns the address, which holds no secret.
    pub(super) fn address(&self) -> &str {
        self.bucket.address()
    }

    /// Returns the place itself.
    pub(super) fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Finds out whether the store heeds conditions.
    ///
    /// # Errors
    /// [`CopyError::Store`] with `NoConditions` if it does not, and what else fails.
    pub(super) fn probe(&self) -> Result<(), Error> {
        let random = random_hex().map_err(|error| Error::Random(error.to_string()))?;
        Ok(self.bucket.probe(&random).map_err(CopyError::from)?)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.context.now_seconds).unwrap_or(0)
    }

    /// Replaces a file under a condition; where the store heeds none, after looking at it, which is no protection against
    /// another writer: its owners have said that there is none.
    fn replace(
        &self,
        key: &crate::store::Key,
        bytes: &[u8],
        expected: Option<&Version>,
        writers: crate::model::Writers,
    ) -> Result<Replaced, CopyError> {
        if writers == crate::model::Writers::Many {
            return Ok(self.bucket.replace(key, bytes, expected)?);
        }
        let there = self.bucket.get(key, crate::model::MAX_INFO_REFS_BYTES)?.map(|(_, version)| version);
        if there.as_ref() != expected {
            return Ok(Replaced::Lost);
        }
        self.bucket.write(key, bytes)?;
        Ok(Replaced::Done)
    }
}
