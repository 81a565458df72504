//! Looking at every file of a repository without believing any of it: what a disk has spoilt is found here.
//!
//! git's own sums are worked out anew: of each pack and index, and of each object that has a file of its own. Nothing that
//! does not hold is handed to a library that would have to cope with it.

mod packs;
mod refs;
mod salvage;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::{GitError, Store};
use crate::model::Oid;
use packs::Pack;

/// Bytes read at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// It has to be there.
    #[error("is missing")]
    Gone,
    /// It has no content.
    #[error("is empty")]
    Empty,
    /// Its bytes are not those that its sum, or its name, was made of.
    #[error("does not have the bytes that it was written with")]
    Sum,
    /// An index is gone, and with it where the objects of its pack are.
    #[error("is missing, and without it the objects of its pack cannot be found")]
    NoIndex,
    /// An index whose pack is gone.
    #[error("is an index whose pack is missing")]
    NoPack,
    /// It is an index of another pack.
    #[error("is the index of another pack than the one beside it")]
    OtherPack,
    /// It holds no ref, or a line of it does.
    #[error("names no object{}", .0.map(|line| format!(" in line {line}")).unwrap_or_default())]
    Ref(Option<usize>),
    /// It is not what a store of ours has there.
    #[error("is not as this program writes it")]
    Altered,
    /// It changes what git sees of a store, and no store of ours has it.
    #[error("does not belong into a store of a vault")]
    Stray,
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
}

/// A file that is damaged.
#[derive(Debug, Clone)]
pub struct Damage {
    /// Where, from the folder of the repository.
    pub path: String,
    /// What is wrong with it.
    pub flaw: Flaw,
    /// The objects in it that are lost, as far as they can be named.
    pub objects: Vec<Oid>,
}

/// What was found in a repository.
#[derive(Debug)]
pub struct Examined {
    folder: PathBuf,
    hash: gix::hash::Kind,
    damage: Vec<Damage>,
    refs: Vec<(String, Oid)>,
    bytes: u64,
    packs: Vec<Pack>,
    loose: Vec<Oid>,
}

/// Looks at all files of the repository in a folder. `store` says what has to stand in its configuration, where it is a store of
/// ours; `told` is told how many files are through, and of how many.
///
/// # Errors
/// [`GitError::NotARepository`] when the folder is not there.
pub fn examine(folder: &Path, store: Option<Store>, told: &dyn Fn(u64, u64)) -> Result<Examined, GitError> {
    if !folder.is_dir() {
        return Err(GitError::NotARepository(folder.to_owned()));
    }
    let mut damage = Vec::new();
    let config = refs::check_config(folder, store, &mut damage);
    let hash = if config.contains("objectformat = sha256") { gix::hash::Kind::Sha256 } else { gix::hash::Kind::Sha1 };
    refs::check_strays(folder, store, &mut damage);
    let refs = refs::read(folder, &mut damage);
    let mut found =
        Examined { folder: folder.to_owned(), hash, damage, refs, bytes: 0, packs: Vec::new(), loose: Vec::new() };
    let (loose, packs) = (found.list_loose(), packs::list(folder, &mut found.damage));
    let total = (loose.len() + packs.len()) as u64;
    let mut done = 0;
    let step = rayon::current_num_threads().max(1);
    for some in packs.chunks(step) {
        told(done, total);
        let looked: Vec<_> = some.par_iter().map(|files| packs::look(folder, files, hash)).collect();
        for (pack, damage, bytes) in looked {
            found.packs.extend(pack);
            found.damage.extend(damage);
            found.bytes += bytes;
        }
        done += some.len() as u64;
    }
    for some in loose.chunks(step * 64) {
        told(done, total);
        let looked: Vec<_> = some.par_iter().map(|id| (*id, look_loose(&loose_path(folder, *id), *id))).collect();
        for (id, looked) in looked {
            match looked {
                Ok(bytes) => {
                    found.bytes += bytes;
                    found.loose.push(id);
                }
                Err(flaw) => found.damage.push(Damage { path: loose_name(id), flaw, objects: vec![id] }),
            }
        }
        done += some.len() as u64;
    }
    found.damage.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

impl Examined {
    /// Returns the files that are damaged, by their paths.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Returns the refs that can be read, by name. What they point to may be lost.
    pub fn refs(&self) -> &[(String, Oid)] {
        &self.refs
    }

    /// Returns what a ref points to.
    pub fn at(&self, name: &str) -> Option<Oid> {
        self.refs.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }

    /// Returns how many bytes of objects were read.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the ids of the objects that have a file of their own.
    fn list_loose(&self) -> Vec<Oid> {
        let hex_len = self.hash.len_in_hex();
        let mut found = Vec::new();
        for fan in names(&self.folder.join("objects")).into_iter().filter(|name| name.len() == 2) {
            for rest in names(&self.folder.join("objects").join(&fan)) {
                let hex = format!("{fan}{rest}");
                if hex.len() == hex_len
                    && let Ok(id) = Oid::from_hex(hex.as_bytes())
                {
                    found.push(id);
                }
            }
        }
        found.sort();
        found
    }
}

/// Returns the names in a folder, sorted; none where it cannot be listed.
pub(super) fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn loose_name(id: Oid) -> String {
    let hex = id.to_string();
    format!("objects/{}/{}", &hex[..2], &hex[2..])
}

fn loose_path(folder: &Path, id: Oid) -> PathBuf {
    folder.join(loose_name(id))
}

fn unreadable(error: &std::io::Error) -> Flaw {
    match error.kind() {
        std::io::ErrorKind::NotFound => Flaw::Gone,
        _ => Flaw::Unreadable(error.to_string()),
    }
}

/// Inflates an object that has a file of its own, a piece at a time, and compares its hash with its name. Returns the size of the
/// file in bytes.
fn look_loose(path: &Path, id: Oid) -> Result<u64, Flaw> {
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let size = file.metadata().map_err(|error| unreadable(&error))?.len();
    if size == 0 {
        return Err(Flaw::Empty);
    }
    let mut decoder = flate2::bufread::ZlibDecoder::new(BufReader::with_capacity(PIECE_BYTES, file));
    let mut hasher = gix::hash::hasher(id.kind());
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => break,
            Ok(got) => hasher.update(&piece[..got]),
            // What cannot be inflated is damaged; what the disk does not give may come another time.
            Err(error) if error.raw_os_error().is_some() => return Err(unreadable(&error)),
            Err(_) => return Err(Flaw::Sum),
        }
    }
    let is_whole = decoder.total_in() == size && hasher.try_finalize().is_ok_and(|found| found == id);
    if is_whole { Ok(size) } else { Err(Flaw::Sum) }
}

/// Compares a file with the hash of all of it that stands at its end. Returns that hash and the size of the file in bytes.
fn look_summed(path: &Path, hash: gix::hash::Kind) -> Result<(Oid, u64), Flaw> {
    let mut file = File::open(path).map_err(|error| unreadable(&error))?;
    let size = file.metadata().map_err(|error| unreadable(&error))?.len();
    let end = hash.len_in_bytes();
    match size {
        0 => return Err(Flaw::Empty),
        _ if size <= end as u64 => return Err(Flaw::Sum),
        _ => {}
    }
    let mut hasher = gix::hash::hasher(hash);
    let mut rest = size - end as u64;
    let mut piece = vec![0; PIECE_BYTES];
    while rest > 0 {
        let want = usize::try_from(rest).unwrap_or(usize::MAX).min(PIECE_BYTES);
        let got = file.read(&mut piece[..want]).map_err(|error| unreadable(&error))?;
        if got == 0 {
            return Err(Flaw::Sum);
        }
        hasher.update(&piece[..got]);
        rest -= got as u64;
    }
    let mut sum = vec![0; end];
    file.read_exact(&mut sum).map_err(|error| unreadable(&error))?;
    match hasher.try_finalize() {
        Ok(found) if found.as_slice() == sum => Ok((found, size)),
        _ => Err(Flaw::Sum),
    }
}
