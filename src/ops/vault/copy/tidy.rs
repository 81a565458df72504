//! Keeping the packs of a copy few: many small ones become one, and what is not needed any more goes after a while.

use std::collections::BTreeSet;

use super::packs::over;
use super::{Copy, CopyError, Next, Seen, Written};
use crate::fsio::scratch_folder;
use crate::git::{Repo, Worktree};
use crate::model::{CopyHead, CopyPack, Holds, MAX_COPY_PACKS, Oid, RetiredPack};
use crate::ops::vault::Error;
use crate::store::Key;

/// So many packs of a kind are left as they are: each costs a reader of plain git two requests.
const MAX_PACKS: usize = 24;

/// Each pack that stays is at least so many times as large as all smaller ones together. With that, a byte is put together
/// anew as often as the copy doubles, and not with each write.
const FACTOR: u64 = 2;

/// Larger packs stay as they are, in bytes: putting them together would cost more than it spares.
const MAX_TOGETHER_BYTES: u64 = 256 * 1024 * 1024;

/// Returns those of the packs that should become one; none where they are few.
///
/// Sizes are looked at from the largest on: as soon as a pack is smaller than [`FACTOR`] times the sum of all that are smaller,
/// it and they go together.
fn together(packs: &[&CopyPack]) -> Vec<Oid> {
    if packs.len() <= MAX_PACKS {
        return Vec::new();
    }
    let mut sorted: Vec<_> = packs.iter().filter(|pack| pack.size <= MAX_TOGETHER_BYTES).collect();
    sorted.sort_by_key(|pack| std::cmp::Reverse((pack.size, pack.name)));
    let mut rest: u64 = sorted.iter().map(|pack| pack.size).sum();
    for (at, pack) in sorted.iter().enumerate() {
        rest -= pack.size;
        if rest.saturating_mul(FACTOR) > pack.size {
            return sorted[at..].iter().map(|pack| pack.name).collect();
        }
    }
    Vec::new()
}

impl Copy<'_> {
    /// Puts small packs together where there are many, and removes what has been out of use for long enough.
    ///
    /// # Errors
    /// As [`Copy::write`]. A lost race is none: another keeps the copy then.
    pub(in crate::ops::vault) fn tidy(&self, next: &Next<'_>) -> Result<(), Error> {
        let Some(seen) = self.head()?.filter(|seen| seen.head.number == next.ledger.number()) else { return Ok(()) };
        self.check(&seen, next.ledger)?;
        self.remove_old(&seen.head)?;
        let groups: Vec<(Holds, Vec<Oid>)> = [Holds::Ledger, Holds::Releases]
            .into_iter()
            .map(|holds| {
                let all: Vec<_> = seen.head.packs.iter().filter(|pack| pack.holds == holds).collect();
                (holds, together(&all))
            })
            .filter(|(_, names)| names.len() > 1)
            .collect();
        if groups.is_empty() {
            return Ok(());
        }
        self.put_together(next, &seen, &groups)
    }

    fn put_together(&self, next: &Next<'_>, seen: &Seen, groups: &[(Holds, Vec<Oid>)]) -> Result<(), Error> {
        let scratch = scratch_folder(&self.context.scratch)?;
        let folder = scratch.path().join("packs.git");
        let repo = Repo::init(&folder, Worktree::None)?;
        let git = self.context.git()?;
        let mut packs = seen.head.packs.clone();
        let mut retired = seen.head.retired.clone();
        let mut uploads = Vec::new();
        for (holds, names) in groups {
            for pack in seen.head.packs.iter().filter(|pack| names.contains(&pack.name)) {
                self.fetch_pack(&repo, pack, scratch.path())?;
            }
            let made =
                self.make(*holds, &retired, |level| Ok(repo.pack_together(git, names, scratch.path(), level)?))?;
            let Some(made) = made else { continue };
            let old = |name: &Oid| names.contains(name) && *name != made.pack.name;
            retired.extend(names.iter().filter(|name| old(name)).map(|name| self.retire(*name)));
            // In the place of the oldest of them: what is newest stays last.
            let at = packs.iter().position(|pack| names.contains(&pack.name)).unwrap_or(packs.len());
            packs.retain(|pack| !names.contains(&pack.name));
            packs.insert(at.min(packs.len()), made.pack.clone());
            uploads.extend(made.uploads());
        }
        self.send(&uploads)?;
        retired.extend(self.strays(&packs, &retired, next)?);
        retired.sort_by_key(|one| one.name);
        retired.dedup_by_key(|one| one.name);
        match self.commit(next, Some(seen), packs, retired)? {
            Written::Done | Written::Lost => Ok(()),
        }
    }

    fn retire(&self, name: Oid) -> RetiredPack {
        RetiredPack { name, since: self.now() }
    }

    /// Returns packs that are listed for plain git and that `head.json` does not know: of writers that were ended, or lost.
    fn strays(&self, packs: &[CopyPack], retired: &[RetiredPack], next: &Next<'_>) -> Result<Vec<RetiredPack>, Error> {
        let listed = self.list_packs(&BTreeSet::new(), &BTreeSet::new(), next.writers)?;
        let is_known =
            |name: &Oid| packs.iter().any(|pack| pack.name == *name) || retired.iter().any(|one| one.name == *name);
        // The list is not signed, and may name anything; the rest is for another time.
        let room = MAX_COPY_PACKS.saturating_sub(packs.len() + retired.len() + 1);
        Ok(listed.iter().filter(|name| !is_known(name)).take(room).map(|name| self.retire(*name)).collect())
    }

    /// Removes packs whose time is over: from the list first, so that nobody is sent to what is gone.
    fn remove_old(&self, head: &CopyHead) -> Result<(), CopyError> {
        let over = over(&head.retired, self.now());
        if over.is_empty() {
            return Ok(());
        }
        self.list_packs(&BTreeSet::new(), &over, head.writers)?;
        for name in over {
            self.bucket.delete(&Key::Index(name))?;
            self.bucket.delete(&Key::Pack(name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    fn pack(byte: u8, size: u64) -> CopyPack {
        let (sha256, index_sha256) = (Digest::of(&[byte]), Digest::of(b"i"));
        CopyPack {
            name: Oid::from_bytes_or_panic(&[byte; 20]),
            holds: Holds::Ledger,
            sha256,
            size,
            index_sha256,
            index_size: 1,
        }
    }

    /// Adds a pack of 1,000 bytes a thousand times, and puts together what should be.
    #[test]
    fn packs_stay_few_and_a_byte_is_seldom_put_together_anew() {
        let (mut packs, mut moved, mut most) = (Vec::<CopyPack>::new(), 0_u64, 0);
        for count in 0..1000_u32 {
            let mut one = pack(0, 1000);
            one.name = Oid::from_hex(format!("{count:040x}").as_bytes()).expect("hex");
            packs.push(one);
            let names = together(&packs.iter().collect::<Vec<_>>());
            if !names.is_empty() {
                let size = packs.iter().filter(|pack| names.contains(&pack.name)).map(|pack| pack.size).sum();
                moved += size;
                packs.retain(|pack| !names.contains(&pack.name));
                let mut all = pack(1, size);
                all.name = Oid::from_hex(format!("{:040x}", count + 1_000_000).as_bytes()).expect("hex");
                packs.push(all);
            }
            most = most.max(packs.len());
        }
        assert!(most <= MAX_PACKS + 1, "{most} packs");
        assert_eq!(packs.iter().map(|pack| pack.size).sum::<u64>(), 1_000_000);
        assert!(moved < 6 * 1_000_000, "{moved} bytes moved for a million");
    }

    #[test]
    fn large_packs_stay_as_they_are() {
        let mut packs: Vec<CopyPack> = (0..30).map(|byte| pack(byte, 10)).collect();
        packs.push(pack(99, MAX_TOGETHER_BYTES + 1));
        let names = together(&packs.iter().collect::<Vec<_>>());
        assert!(names.len() == 30 && !names.contains(&packs[30].name));
    }
}
