use std::collections::BTreeMap;

use ssh_key::{HashAlg, LineEnding, PrivateKey};

mod broken;
mod entries;
mod kept;
mod revoked;
mod roots;

use super::*;
use crate::model::{Class, LedgerEntry, LedgerId, ROOT_FORMAT, RevokedKey, RoleOf, RootFile, RootKey};
use crate::signature::{GIT_NAMESPACE, attach_to_commit};

type Files = BTreeMap<String, Vec<u8>>;

/// A key that signs without a process.
struct Key(PrivateKey);

impl Key {
    fn new(seed: u8) -> Self {
        let pair = ssh_key::private::Ed25519Keypair::from_seed(&[seed; 32]);
        Self(PrivateKey::new(pair.into(), "").expect("a key"))
    }

    fn public(&self) -> PublicKey {
        PublicKey::from_blob(&self.0.public_key().to_bytes().expect("bytes")).expect("a key")
    }

    fn line(&self) -> String {
        self.public().to_line()
    }

    fn sign(&self, namespace: &str, payload: &[u8]) -> String {
        let signature = self.0.sign(namespace, HashAlg::Sha512, payload).expect("signs");
        signature.to_pem(LineEnding::LF).expect("armour")
    }
}

/// A ledger in memory, with the trust files that its next entry carries.
#[derive(Clone, Default)]
struct Chain {
    commits: BTreeMap<Oid, Vec<u8>>,
    trees: BTreeMap<Oid, Files>,
    head: Option<Oid>,
    raw: Vec<u8>,
    id: Option<Digest>,
    number: u64,
    tree: Option<Oid>,
}

impl LedgerStore for Chain {
    fn commit(&self, id: Oid) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        self.commits.get(&id).cloned().ok_or_else(|| "missing".into())
    }

    fn files(&self, tree: Oid) -> Result<Files, Box<dyn std::error::Error + Send + Sync>> {
        self.trees.get(&tree).cloned().ok_or_else(|| "missing".into())
    }
}

/// Who may do what, for tests.
#[derive(Clone)]
struct Roles {
    version: u64,
    threshold: u64,
    keys: Vec<(&'static str, String)>,
    roles: Vec<(&'static str, Role, &'static str)>,
    signers: Vec<(&'static str, String)>,
    revoked: Vec<(String, u64)>,
}

impl Roles {
    /// `ada` is root and admin, `bob` publishes `pdf-*`.
    fn start(ada: &Key, bob: &Key) -> Self {
        Self {
            version: 1,
            threshold: 1,
            keys: vec![("ada", ada.line())],
            roles: vec![("ada", Role::Admin, ""), ("bob", Role::Publisher, "pdf-*")],
            signers: vec![("ada", ada.line()), ("bob", bob.line())],
            revoked: Vec::new(),
        }
    }

    fn files(&self, repo: Option<Digest>, signed_by: &[&Key]) -> Files {
        let signers: String =
            self.signers.iter().map(|(who, key)| format!("{who} namespaces=\"{SIGNER_NAMESPACES}\" {key}\n")).collect();
        let root = RootFile {
            format: ROOT_FORMAT,
            version: self.version,
            repo,
            threshold: self.threshold,
            allowed_signers: Digest::of(signers.as_bytes()),
            revoked_keys: Digest::of(b""),
            keys: self
                .keys
                .iter()
                .map(|(who, key)| RootKey { principal: (*who).to_owned(), key: key.clone() })
                .collect(),
            roles: self
                .roles
                .iter()
                .map(|(who, role, bundles)| RoleOf {
                    principal: (*who).to_owned(),
                    role: *role,
                    bundles: bundles.split_whitespace().map(|text| text.parse().expect("a pattern")).collect(),
                })
                .collect(),
            revoked: self.revoked.iter().map(|(key, since)| RevokedKey { key: key.clone(), since: *since }).collect(),
        };
        let text = root.render();
        let mut files = BTreeMap::from([
            ("vault.toml".to_owned(), b"format = 1\n".to_vec()),
            ("trust/allowed_signers".to_owned(), signers.into_bytes()),
            ("trust/revoked_keys".to_owned(), Vec::new()),
        ]);
        for key in signed_by {
            let armour = key.sign(ROOT_NAMESPACE, text.as_bytes());
            files.insert(root_signature_path(&key.public()), armour.into_bytes());
        }
        files.insert("trust/root.toml".to_owned(), text.into_bytes());
        files
    }
}

impl Chain {
    fn start(roles: &Roles, by: &Key) -> Self {
        let mut chain = Self::default();
        chain.root(roles, by, &[by]);
        chain
    }

    /// Adds an entry that follows as it should.
    fn add(&mut self, by: &Key, body: EntryBody) -> &mut Self {
        let entry = self.entry(body);
        let parents: Vec<Oid> = self.head.into_iter().collect();
        self.commit_entry(by, &entry.render(), &parents)
    }

    fn entry(&self, body: EntryBody) -> LedgerEntry {
        let id = self.id.map_or(LedgerId::Nonce("0".repeat(32)), LedgerId::Repo);
        let prev = self.id.map(|_| Digest::of(&self.raw));
        let number = if self.id.is_some() { self.number + 1 } else { 0 };
        LedgerEntry { id, number, prev, body, time: 1_795_356_000 }
    }

    fn commit_entry(&mut self, by: &Key, text: &str, parents: &[Oid]) -> &mut Self {
        let parents: String = parents.iter().map(|parent| format!("parent {parent}\n")).collect();
        let tree = self.tree.expect("a tree");
        let payload =
            format!("tree {tree}\n{parents}author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n{text}").into_bytes();
        let raw = attach_to_commit(&payload, &by.sign(GIT_NAMESPACE, &payload)).expect("a commit");
        self.put(raw)
    }

    fn put(&mut self, raw: Vec<u8>) -> &mut Self {
        let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::object::Kind::Commit, &raw).expect("hashes");
        if self.id.is_none() {
            self.id = Some(Digest::of(&raw));
        } else {
            self.number += 1;
        }
        self.commits.insert(id, raw.clone());
        (self.head, self.raw) = (Some(id), raw);
        self
    }

    fn root(&mut self, roles: &Roles, by: &Key, signed_by: &[&Key]) -> &mut Self {
        let files = roles.files(self.id, signed_by);
        self.root_files(files, roles.version, by)
    }

    fn root_files(&mut self, files: Files, version: u64, by: &Key) -> &mut Self {
        let bytes: Vec<u8> = files.iter().flat_map(|(path, bytes)| [path.as_bytes(), bytes].concat()).collect();
        let tree = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::object::Kind::Blob, &bytes).expect("hashes");
        self.trees.insert(tree, files);
        self.tree = Some(tree);
        self.add(by, EntryBody::Root { version })
    }

    fn read(&self) -> Result<Ledger, LedgerError> {
        read_ledger(self, self.head.expect("a head"), Known::Nothing)
    }

    /// Returns the number and class of the entry that is refused.
    fn refused(&self) -> (u64, Class) {
        match self.read().expect_err("is refused") {
            error @ LedgerError::Entry { number, .. } => (number, error.class()),
            error => panic!("{error:?}"),
        }
    }
}

fn publish(release: &str) -> EntryBody {
    EntryBody::Publish {
        release: release.parse().expect("a release"),
        tag: tag_of(release),
        tree: Digest::of(release.as_bytes()),
        pack: None,
        license: "MIT".to_owned(),
    }
}

fn tag_of(release: &str) -> Oid {
    gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::object::Kind::Tag, release.as_bytes()).expect("hashes")
}

fn revoke(key: &Key, since: u64) -> EntryBody {
    EntryBody::Revoke { key: key.line(), since, reason: "stolen".to_owned() }
}

fn vouch(chain: &Chain, release: &str, key: &Key) -> Result<Listed, Refusal> {
    let ledger = chain.read().expect("holds");
    ledger.vouch(&release.parse().expect("a release"), tag_of(release), &key.public())
}
