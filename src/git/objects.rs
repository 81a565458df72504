//! Reading and writing single objects, and commits.

use gix::object::Kind;
use gix::objs::{Find as _, Write as _};

use super::{EntryKind, GitError, Identity, Repo};
use crate::model::Oid;

/// What a commit says.
#[derive(Debug, Clone)]
pub struct CommitInfo {
    /// Its id.
    pub id: Oid,
    /// Its tree.
    pub tree: Oid,
    /// Its parents, first parent first.
    pub parents: Vec<Oid>,
    /// The whole message.
    pub message: String,
    /// `name <email>` of the author.
    pub author: String,
    /// When it was recorded: seconds since 1970, UTC.
    pub seconds: i64,
}

impl CommitInfo {
    /// Returns the first line of the message.
    pub fn subject(&self) -> &str {
        self.message.lines().next().unwrap_or("")
    }

    /// Returns the values of a trailer such as `Skillmeat-Action`, from the last paragraph of the message.
    pub fn trailers<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let last = self.message.trim_end().rsplit("\n\n").next().unwrap_or("");
        last.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix(": "))
    }
}

impl Repo {
    /// Reads a blob of at most `limit` bytes.
    ///
    /// # Errors
    /// [`GitError::Missing`], [`GitError::TooMuch`].
    pub fn blob(&self, id: Oid, limit: u64) -> Result<Vec<u8>, GitError> {
        let mut bytes = Vec::new();
        self.blob_into(id, limit, &mut bytes)?;
        Ok(bytes)
    }

    /// As [`Repo::blob`], in the place of what `bytes` holds, so that its room is used again.
    ///
    /// # Errors
    /// As [`Repo::blob`]; `bytes` holds nothing of use then.
    pub fn blob_into(&self, id: Oid, limit: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        let missing = || GitError::Missing { kind: "blob", id };
        if let Some(flushed) = self.flushed_blob(id, limit) {
            *bytes = flushed;
            return Ok(());
        }
        let header = self.inner.find_header(id).map_err(|_| missing())?;
        if header.size() > limit {
            return Err(GitError::TooMuch { what: "bytes in one file", limit });
        }
        self.sized_blob_into(id, header.size(), bytes)
    }

    /// As [`Repo::blob_into`], for a blob of which the size is known, so that nobody looks for it.
    pub(super) fn sized_blob_into(&self, id: Oid, size: u64, bytes: &mut Vec<u8>) -> Result<(), GitError> {
        if self.large_loose_blob(id, size, bytes) {
            return Ok(());
        }
        let found = self.inner.objects.try_find(&id, bytes).ok().flatten();
        let blob = found.filter(|object| object.kind == Kind::Blob && object.data.len() as u64 == size);
        blob.map(drop).ok_or(GitError::Missing { kind: "blob", id })
    }

    /// Returns the size of an object, in bytes, without reading all of it.
    ///
    /// # Errors
    /// [`GitError::Missing`].
    pub fn size(&self, id: Oid) -> Result<u64, GitError> {
        Ok(self.inner.find_header(id).map_err(|_| GitError::Missing { kind: "object", id })?.size())
    }

    /// Reads the raw bytes of a commit.
    ///
    /// # Errors
    /// [`GitError::Missing`].
    pub fn raw_commit(&self, id: Oid) -> Result<Vec<u8>, GitError> {
        self.raw(id, Kind::Commit, "commit")
    }

    /// Reads the raw bytes of an annotated tag object.
    ///
    /// # Errors
    /// [`GitError::Missing`] when there is none, or the object is of another type (a lightweight tag).
    pub fn raw_tag(&self, id: Oid) -> Result<Vec<u8>, GitError> {
        self.raw(id, Kind::Tag, "annotated tag")
    }

    pub(super) fn raw(&self, id: Oid, kind: Kind, word: &'static str) -> Result<Vec<u8>, GitError> {
        let object = self.inner.find_object(id).map_err(|_| GitError::Missing { kind: word, id })?;
        if object.kind != kind {
            return Err(GitError::Missing { kind: word, id });
        }
        Ok(object.detach().data)
    }

    /// Reads the raw bytes of any object, with its type.
    ///
    /// # Errors
    /// [`GitError::Missing`].
    pub fn raw_object(&self, id: Oid) -> Result<(Kind, Vec<u8>), GitError> {
        let object = self.inner.find_object(id).map_err(|_| GitError::Missing { kind: "object", id })?.detach();
        Ok((object.kind, object.data))
    }

    /// Returns all objects that tags and commits lead to, without the parents of commits; each once, by id.
    ///
    /// # Errors
    /// [`GitError::Missing`] for a tag, commit or tree that is not here.
    pub fn reached(&self, from: impl IntoIterator<Item = Oid>) -> Result<Vec<(Kind, Oid)>, GitError> {
        let mut found = std::collections::BTreeMap::new();
        let mut pending: Vec<(Kind, Oid)> = Vec::new();
        let missing = |id| GitError::Missing { kind: "object", id };
        for id in from {
            pending.push((self.inner.find_header(id).map_err(|_| missing(id))?.kind(), id));
        }
        while let Some((kind, id)) = pending.pop() {
            if found.insert(id, kind).is_some() {
                continue;
            }
            match kind {
                Kind::Blob => {}
                Kind::Tree => {
                    for entry in self.entries(id)? {
                        match entry.kind {
                            EntryKind::Folder => pending.push((Kind::Tree, entry.id)),
                            EntryKind::Submodule => {}
                            EntryKind::File(_) | EntryKind::Symlink => pending.push((Kind::Blob, entry.id)),
                        }
                    }
                }
                Kind::Commit => pending.push((Kind::Tree, self.commit(id)?.tree)),
                Kind::Tag => {
                    let tag = self.inner.find_tag(id).map_err(|_| missing(id))?;
                    let target = tag.target_id().map_err(|_| missing(id))?.detach();
                    pending.push((self.inner.find_header(target).map_err(|_| missing(target))?.kind(), target));
                }
            }
        }
        Ok(found.into_iter().map(|(id, kind)| (kind, id)).collect())
    }

    /// Says whether an object is here.
    pub fn has(&self, id: Oid) -> bool {
        self.inner.has_object(id)
    }

    /// Returns those of the objects that are not here.
    pub fn missing(&self, ids: impl IntoIterator<Item = Oid>) -> Vec<Oid> {
        let mut inner = self.inner.clone();
        let mut missing = Vec::new();
        for id in ids {
            if !inner.has_object(id) {
                missing.push(id);
                // The first miss has made gix look at the disk again; each further one would as well.
                inner.objects.refresh_never();
            }
        }
        missing
    }

    /// Writes a blob.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn write_blob(&self, bytes: &[u8]) -> Result<Oid, GitError> {
        let id = self.inner.write_blob(bytes).map_err(GitError::doing("write a blob"))?.detach();
        self.flush_if_large(bytes.len())?;
        Ok(id)
    }

    /// Writes an object from its raw bytes.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn write_raw(&self, kind: Kind, bytes: &[u8]) -> Result<Oid, GitError> {
        self.inner.objects.write_buf(kind, bytes).map_err(GitError::doing(format!("write a {kind}")))
    }

    /// As [`Repo::write_raw`], and makes sure that what is here under its id already is the same: git believes what its store
    /// says, and so does whoever reads the object later.
    ///
    /// # Errors
    /// [`GitError::Gix`], [`GitError::Forged`].
    pub fn write_exact(&self, kind: Kind, bytes: &[u8]) -> Result<Oid, GitError> {
        let hashed = gix::objs::compute_hash(self.hash_kind(), kind, bytes);
        let id = hashed.map_err(GitError::doing(format!("hash a {kind}")))?;
        if self.has(id) {
            let here = self.raw_object(id).ok();
            let is_same = here.is_some_and(|(there, content)| there == kind && content == bytes);
            return if is_same { Ok(id) } else { Err(GitError::Forged { kind: kind.to_string(), id }) };
        }
        if kind == Kind::Blob { self.write_blob(bytes) } else { self.write_raw(kind, bytes) }
    }

    /// Writes a commit without moving any ref.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn write_commit(&self, tree: Oid, parents: &[Oid], message: &str, who: &Identity) -> Result<Oid, GitError> {
        let commit = gix::objs::Commit {
            tree,
            parents: parents.iter().copied().collect(),
            author: who.author_signature(),
            committer: who.committer_signature(),
            encoding: None,
            message: message.into(),
            extra_headers: Vec::new(),
        };
        Ok(self.inner.write_object(&commit).map_err(GitError::doing("write a commit"))?.detach())
    }

    /// Returns the raw bytes of a commit without writing it, to be signed.
    ///
    /// # Errors
    /// [`GitError::Gix`].
    pub fn commit_bytes(&self, tree: Oid, parents: &[Oid], message: &str, who: &Identity) -> Result<Vec<u8>, GitError> {
        let memory = self.in_memory();
        memory.raw_commit(memory.write_commit(tree, parents, message, who)?)
    }

    /// Reads a commit.
    ///
    /// # Errors
    /// [`GitError::Missing`], [`GitError::Gix`] for a damaged one.
    pub fn commit(&self, id: Oid) -> Result<CommitInfo, GitError> {
        let missing = || GitError::Missing { kind: "commit", id };
        let commit = self.inner.find_commit(id).map_err(|_| missing())?;
        let decoded = commit.decode().map_err(|_| missing())?;
        let author = decoded.author().map_err(|_| missing())?;
        let committer = decoded.committer().map_err(|_| missing())?;
        Ok(CommitInfo {
            id,
            tree: decoded.tree(),
            parents: decoded.parents().collect(),
            message: decoded.message.to_string(),
            author: format!("{} <{}>", author.name, author.email),
            seconds: committer.seconds(),
        })
    }

    /// Resolves a name such as a commit id, a branch, a tag or `HEAD~2` to a commit.
    ///
    /// # Errors
    /// [`GitError::NoCommit`].
    pub fn resolve(&self, name: &str) -> Result<Oid, GitError> {
        let wrong = || GitError::NoCommit(name.chars().take(100).flat_map(char::escape_debug).collect());
        let id = self.inner.rev_parse_single(name).map_err(|_| wrong())?;
        let object = id.object().map_err(|_| wrong())?;
        Ok(object.peel_to_kind(Kind::Commit).map_err(|_| wrong())?.id)
    }

    /// Returns the first commit of the history that `start` ends, along first parents.
    ///
    /// # Errors
    /// As [`Repo::commit`].
    pub fn root_commit(&self, start: Oid) -> Result<Oid, GitError> {
        let mut id = start;
        loop {
            let missing = || GitError::Missing { kind: "commit", id };
            let commit = self.inner.find_commit(id).map_err(|_| missing())?;
            match commit.parent_ids().next() {
                Some(parent) => id = parent.detach(),
                None => return Ok(id),
            }
        }
    }

    /// Returns the commits that `new` has and `old` has not, newest first, at most `limit`.
    ///
    /// # Errors
    /// [`GitError::Gix`] when history is missing.
    pub fn commits_since(&self, old: Oid, new: Oid, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        let doing = || GitError::doing("walk the history");
        let newest_first = gix::revision::walk::Sorting::ByCommitTime(Default::default());
        let walk = self.inner.rev_walk([new]).with_hidden([old]).sorting(newest_first).all().map_err(doing())?;
        walk.take(limit).map(|info| self.commit(info.map_err(doing())?.id)).collect()
    }

    /// Returns whether `old` is `new` or one of its ancestors, as far as history is here: it may be shallow.
    ///
    /// # Errors
    /// [`GitError::Gix`] when a commit is missing that the history promises.
    pub fn is_ancestor(&self, old: Oid, new: Oid) -> Result<bool, GitError> {
        let doing = || GitError::doing("walk the history");
        for info in self.inner.rev_walk([new]).all().map_err(doing())? {
            if info.map_err(doing())?.id == old {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the commits from `start` along first parents, newest first, at most `limit`.
    ///
    /// # Errors
    /// As [`Repo::commit`].
    pub fn first_parents(&self, start: Oid, limit: usize) -> Result<Vec<CommitInfo>, GitError> {
        let mut commits = Vec::new();
        let mut next = Some(start);
        while let Some(id) = next.filter(|_| commits.len() < limit) {
            let commit = self.commit(id)?;
            next = commit.parents.first().copied();
            commits.push(commit);
        }
        Ok(commits)
    }
}
