use std::collections::BTreeMap;

use ssh_key::{HashAlg, LineEnding, PrivateKey};

mod kept;

use super::*;
use crate::model::{Class, LedgerEntry, LedgerId, ROOT_FORMAT, RevokedKey, RoleOf, RootFile, RootKey};
use crate::signature::{GIT_NAMESPACE, SignedCommit, attach_to_commit};

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

#[test]
fn a_chain_that_follows_the_rules_holds() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&ada, publish("kit--v1.0.0"));
    chain.add(&ada, EntryBody::Checkpoint { expires: 2_000_000_000 });
    let ledger = chain.read().expect("holds");
    assert_eq!((ledger.number(), ledger.releases().count()), (3, 2));
    assert_eq!(ledger.checkpoint(), Some((3, 2_000_000_000)));
    assert_eq!(vouch(&chain, "pdf-a--v1.0.0", &bob).expect("vouched for").principal, "bob");
    // Verified before, so the signatures are not checked again, and the result is the same.
    let again = read_ledger(&chain, ledger.head(), Known::Checked(ledger.head())).expect("holds");
    assert_eq!(format!("{again:?}"), format!("{ledger:?}"));
}

/// Rows 37 and 58, and that every type has its role.
#[test]
fn row_37_nobody_does_what_their_role_does_not_say() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let start = Chain::start(&Roles::start(&ada, &bob), &ada);
    let cases: Vec<(&Key, EntryBody, Class)> = vec![
        (&bob, publish("kit--v1.0.0"), Class::Untrusted),
        (&bob, publish("pdf--v1.0.0"), Class::Untrusted),
        (&eve, publish("pdf-a--v1.0.0"), Class::Untrusted),
        (&bob, revoke(&ada, 1), Class::Untrusted),
        (&bob, EntryBody::Checkpoint { expires: 2_000_000_000 }, Class::Untrusted),
        (&ada, revoke(&bob, 7), Class::Untrusted),
        (&ada, EntryBody::Revoke { key: "no key".to_owned(), since: 0, reason: "x".to_owned() }, Class::Parse),
        (
            &ada,
            EntryBody::Yank { release: "kit--v1.0.0".parse().expect("a release"), reason: "x".to_owned() },
            Class::Policy,
        ),
    ];
    for (key, body, class) in cases {
        let mut chain = start.clone();
        chain.add(key, body.clone());
        assert_eq!(chain.refused(), (1, class), "{body:?}");
    }
}

#[test]
fn row_58_a_version_is_published_once_for_ever() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    let yank = EntryBody::Yank { release: "kit--v1.0.0".parse().expect("a release"), reason: "broken".to_owned() };
    chain.add(&ada, publish("kit--v1.0.0")).add(&ada, yank);
    assert_eq!(vouch(&chain, "kit--v1.0.0", &ada).expect("vouched for").yanked.as_deref(), Some("broken"));
    chain.add(&ada, publish("kit--v1.0.0"));
    assert_eq!(chain.refused(), (3, Class::Policy));
}

/// Rows 53 and 54: gaps, jumps, two parents, another order, no signature.
#[test]
fn row_54_a_chain_that_is_no_chain_is_refused() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut start = Chain::start(&Roles::start(&ada, &bob), &ada);
    start.add(&ada, publish("kit--v1.0.0"));
    let head = start.head.expect("a head");
    let changed = |change: &dyn Fn(&mut LedgerEntry)| {
        let mut entry = start.entry(publish("kit--v2.0.0"));
        change(&mut entry);
        let mut chain = start.clone();
        chain.commit_entry(&ada, &entry.render(), &[head]);
        chain.refused()
    };
    assert_eq!(changed(&|entry| entry.number = 1), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.number = 3), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.number = (1 << 53) - 1), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.prev = Some(Digest::of(b"other"))), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.id = LedgerId::Repo(Digest::of(b"other"))), (2, Class::Untrusted));
    // Row 60: no clock is used.
    let mut far = start.entry(publish("kit--v2.0.0"));
    far.time = 4_000_000_000;
    let mut chain = start.clone();
    assert!(chain.commit_entry(&ada, &far.render(), &[head]).read().is_ok());
    // Two parents; none.
    let text = start.entry(publish("kit--v2.0.0")).render();
    let mut chain = start.clone();
    assert_eq!(chain.commit_entry(&ada, &text, &[head, head]).refused(), (2, Class::Fork));
    let mut chain = start.clone();
    assert_eq!(chain.commit_entry(&ada, &text, &[]).refused(), (0, Class::Fork));
    // Not signed; signed over other bytes.
    let mut chain = start.clone();
    let payload = format!(
        "tree {}\nparent {head}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n{text}",
        start.tree.expect("a tree")
    );
    assert_eq!(chain.put(payload.clone().into_bytes()).refused(), (2, Class::Fork));
    let mut chain = start.clone();
    let raw = attach_to_commit(payload.as_bytes(), &ada.sign(GIT_NAMESPACE, b"other")).expect("a commit");
    assert_eq!(chain.put(raw).refused(), (2, Class::Signature));
    // Row 36: a good signature of another namespace.
    let mut chain = start.clone();
    let raw = attach_to_commit(payload.as_bytes(), &ada.sign(ROOT_NAMESPACE, payload.as_bytes())).expect("a commit");
    assert_eq!(chain.put(raw).refused(), (2, Class::Signature));
    // A second beginning.
    let mut chain = start.clone();
    let mut entry = start.entry(EntryBody::Root { version: 1 });
    (entry.id, entry.prev) = (LedgerId::Nonce("1".repeat(32)), None);
    assert_eq!(chain.commit_entry(&ada, &entry.render(), &[head]).refused(), (2, Class::Fork));
    // Files change in an entry that may not change them.
    let mut chain = start.clone();
    chain.tree = Some(tag_of("x"));
    assert_eq!(chain.commit_entry(&ada, &text, &[head]).refused(), (2, Class::Policy));
}

/// Row 59, and that an older release outlives its key.
#[test]
fn row_59_a_stolen_key_is_believed_up_to_the_theft() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    // The thief.
    chain.add(&bob, publish("pdf-a--v1.0.1")).add(&bob, publish("pdf-b--v9.0.0"));
    chain.add(&ada, revoke(&bob, 2));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_ok());
    for release in ["pdf-a--v1.0.1", "pdf-b--v9.0.0"] {
        let refusal = vouch(&chain, release, &bob).expect_err("revoked");
        assert!(matches!(refusal, Refusal::Revoked { since: 2, .. }) && refusal.class() == Class::Untrusted);
    }
    let mut later = chain.clone();
    later.add(&bob, publish("pdf-c--v1.0.0"));
    assert_eq!(later.refused(), (5, Class::Untrusted));
    // From entry 0 on nothing is believed.
    chain.add(&ada, revoke(&bob, 0));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_err());
}

/// A thief with an admin's key revokes whoever could stop them; the root files have the last word.
#[test]
fn a_thief_cannot_revoke_the_owner_for_good() {
    let (root, ada, bob) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&root, &bob);
    roles.roles = vec![("ada", Role::Admin, ""), ("bob", Role::Admin, "")];
    roles.signers = vec![("ada", ada.line()), ("bob", bob.line())];
    let mut chain = Chain::start(&roles, &root);
    chain.add(&ada, publish("kit--v1.0.0"));
    // Bob's key is stolen and revokes ada's.
    chain.add(&bob, revoke(&ada, 0));
    assert!(vouch(&chain, "kit--v1.0.0", &ada).is_err());
    let mut barred = chain.clone();
    assert_eq!(barred.add(&ada, revoke(&bob, 2)).refused(), (3, Class::Untrusted));
    // The root says anew what is revoked: bob's key, from the theft on.
    (roles.version, roles.revoked) = (2, vec![(bob.line(), 2)]);
    chain.root(&roles, &root, &[&root]);
    assert!(vouch(&chain, "kit--v1.0.0", &ada).is_ok());
    chain.add(&ada, publish("kit--v1.1.0"));
    assert!(vouch(&chain, "kit--v1.1.0", &ada).is_ok());
    assert_eq!(chain.add(&bob, publish("kit--v1.2.0")).refused(), (5, Class::Untrusted));
}

#[test]
fn what_a_revoked_admin_revoked_later_is_void() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.roles.push(("eve", Role::Admin, ""));
    roles.signers.push(("eve", eve.line()));
    let mut chain = Chain::start(&roles, &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&eve, revoke(&bob, 0));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_err());
    chain.add(&ada, revoke(&eve, 2));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_ok());
}

/// Row 59, for what is not a release: a thief says neither that the ledger is fresh nor that a release is taken back.
#[test]
fn row_59_nothing_else_that_a_thief_said_is_believed_either() {
    let (ada, bob, cli) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.roles.push(("cli", Role::Checkpoint, ""));
    roles.signers.push(("cli", cli.line()));
    let mut chain = Chain::start(&roles, &ada);
    let release: Release = "pdf-a--v1.0.0".parse().expect("a release");
    let yank = || EntryBody::Yank { release: release.clone(), reason: "gone".to_owned() };
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&cli, EntryBody::Checkpoint { expires: 2_000_000_000 });
    chain.add(&cli, EntryBody::Checkpoint { expires: 250_000_000_000 }).add(&bob, yank());
    let before = chain.read().expect("holds");
    assert_eq!((before.checkpoint(), before.yanked(&release)), (Some((3, 250_000_000_000)), Some("gone")));
    chain.add(&ada, revoke(&cli, 3)).add(&ada, revoke(&bob, 4));
    let after = chain.read().expect("holds");
    assert_eq!((after.checkpoint(), after.yanked(&release)), (Some((2, 2_000_000_000)), None));
    assert_eq!(vouch(&chain, "pdf-a--v1.0.0", &bob).expect("vouched for").yanked, None);
    // The owner can still take it back.
    chain.add(&ada, yank());
    assert_eq!(chain.read().expect("holds").yanked(&release), Some("gone"));
}

/// A server makes no second head out of a signature that it has: the same one in lines of another length.
#[test]
fn row_49_a_signature_has_one_spelling() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    let before = chain.clone();
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    assert!(chain.read().is_ok());
    let signed = SignedCommit::parse(&chain.raw).expect("a commit").expect("a signature");
    let base64: String =
        String::from_utf8_lossy(&signed.armour).lines().filter(|line| !line.starts_with('-')).collect();
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let armour = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"));
    let mut twin = before;
    twin.put(attach_to_commit(&signed.payload, &armour).expect("a commit"));
    assert_eq!(twin.refused(), (1, Class::Signature));
}

/// Rows 56 and 57: versions go up by one, and both the old and the new people sign.
#[test]
fn row_56_and_57_root_files_follow_each_other() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.threshold = 2;
    roles.keys = vec![("ada", ada.line()), ("bob", bob.line())];
    let mut start = Chain::default();
    start.root(&roles, &ada, &[&ada, &bob]);
    assert!(start.read().is_ok());
    let mut next = roles.clone();
    next.version = 2;
    next.keys = vec![("ada", ada.line()), ("eve", eve.line())];
    let with = |roles: &Roles, by: &Key, signed_by: &[&Key]| {
        let mut chain = start.clone();
        chain.root(roles, by, signed_by).clone()
    };
    assert!(with(&next, &ada, &[&ada, &bob, &eve]).read().is_ok());
    // Only the new, only the old, only one of two.
    for signed_by in [&[&ada, &eve][..], &[&ada, &bob], &[&ada], &[&eve], &[]] {
        assert_eq!(with(&next, &ada, signed_by).refused(), (1, Class::Untrusted), "{}", signed_by.len());
    }
    // Versions 1, 1 and 3 after 1.
    for version in [1, 3] {
        let mut skipped = next.clone();
        skipped.version = version;
        if version == 1 {
            let files = skipped.files(None, &[&ada, &bob, &eve]);
            let mut chain = start.clone();
            assert_eq!(chain.root_files(files, 1, &ada).refused(), (1, Class::Untrusted));
        } else {
            assert_eq!(with(&skipped, &ada, &[&ada, &bob, &eve]).refused(), (1, Class::Untrusted));
        }
    }
    // The entry names another version than the file has.
    let files = next.files(start.id, &[&ada, &bob, &eve]);
    let mut chain = start.clone();
    assert_eq!(chain.root_files(files, 3, &ada).refused(), (1, Class::Untrusted));
    // An entry by someone without a root key.
    let mut outsider = next.clone();
    outsider.keys.push(("dan", Key::new(9).line()));
    assert_eq!(with(&outsider, &eve, &[&ada, &bob, &eve]).refused(), (1, Class::Untrusted));
}

/// Row 39: people are counted, not signatures.
#[test]
fn row_39_someone_with_two_keys_counts_once() {
    let (ada, spare, bob) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.threshold = 2;
    roles.keys = vec![("ada", ada.line()), ("ada", spare.line()), ("bob", bob.line())];
    let mut alone = Chain::default();
    assert_eq!(alone.root(&roles, &ada, &[&ada, &spare]).refused(), (0, Class::Untrusted));
    let mut both = Chain::default();
    assert!(both.root(&roles, &ada, &[&spare, &bob]).read().is_ok());
}

/// Rows 35, 38 and 41, and files that were exchanged.
#[test]
fn row_38_trust_files_give_away_no_more_than_they_may() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let roles = Roles::start(&ada, &bob);
    let good = roles.files(None, &[&ada]);
    let with = |change: &dyn Fn(&mut Files)| {
        let mut files = good.clone();
        change(&mut files);
        let mut chain = Chain::default();
        chain.root_files(files, 1, &ada).refused().1
    };
    // A list with another line in it, signed as it should be.
    let signers = |line: String| {
        let list = format!("ada namespaces=\"{SIGNER_NAMESPACES}\" {}\n{line}\n", ada.line());
        let mut root = RootFile::parse(&good["trust/root.toml"]).expect("parses");
        root.allowed_signers = Digest::of(list.as_bytes());
        let text = root.render();
        let mut files = good.clone();
        files.insert(root_signature_path(&ada.public()), ada.sign(ROOT_NAMESPACE, text.as_bytes()).into_bytes());
        files.insert("trust/root.toml".to_owned(), text.into_bytes());
        files.insert("trust/allowed_signers".to_owned(), list.into_bytes());
        let mut chain = Chain::default();
        chain.root_files(files, 1, &ada).refused().1
    };
    let (key, ours) = (bob.line(), format!("namespaces=\"{SIGNER_NAMESPACES}\""));
    for line in [
        format!("* {ours} {key}"),
        format!("bob,eve {ours} {key}"),
        format!("!bob {ours} {key}"),
        format!("bob {key}"),
        format!("bob namespaces=\"*\" {key}"),
        format!("bob cert-authority,{ours} {key}"),
        format!("bob {ours} {}", ada.line()),
    ] {
        assert_eq!(signers(line.clone()), Class::Policy, "{line}");
    }
    assert_eq!(with(&|files| drop(files.remove("trust/revoked_keys"))), Class::Untrusted);
    assert_eq!(with(&|files| drop(files.insert("trust/revoked_keys".to_owned(), b"x".to_vec()))), Class::Untrusted);
    assert_eq!(with(&|files| drop(files.insert("trust/allowed_signers".to_owned(), Vec::new()))), Class::Untrusted);
    assert_eq!(with(&|files| drop(files.insert("trust/extra".to_owned(), Vec::new()))), Class::Policy);
    // A signature under the name of another key; one of nobody.
    let name = root_signature_path(&ada.public());
    assert_eq!(
        with(&|files| {
            let armour = files.remove(&name).expect("a signature");
            files.insert(root_signature_path(&bob.public()), armour);
        }),
        Class::Untrusted
    );
    let text = good["trust/root.toml"].clone();
    assert_eq!(
        with(&|files| {
            files.insert(root_signature_path(&bob.public()), bob.sign(ROOT_NAMESPACE, &text).into_bytes());
        }),
        Class::Untrusted
    );
}

/// Row 41: everything is valid, but of another ledger.
#[test]
fn row_41_root_files_of_another_ledger_are_refused() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut roles = Roles::start(&ada, &bob);
    let mut chain = Chain::start(&roles, &ada);
    roles.version = 2;
    let files = roles.files(Some(Digest::of(b"other")), &[&ada]);
    assert_eq!(chain.root_files(files, 2, &ada).refused(), (1, Class::Untrusted));
}

/// Row 51: a tag of one time with the ledger of another, files of a third.
#[test]
fn row_51_what_is_listed_is_exactly_that() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&ada, publish("kit--v1.0.0"));
    let ledger = chain.read().expect("holds");
    let release: Release = "kit--v1.0.0".parse().expect("a release");
    let refusal = ledger.vouch(&release, tag_of("other"), &ada.public()).expect_err("another tag");
    assert_eq!(refusal.class(), Class::Hash);
    let refusal = ledger.check_content(&release, Digest::of(b"other"), None).expect_err("another tree");
    assert_eq!(refusal.class(), Class::Hash);
    assert!(ledger.check_content(&release, Digest::of(b"kit--v1.0.0"), None).is_ok());
    let unknown: Release = "kit--v2.0.0".parse().expect("a release");
    assert_eq!(ledger.vouch(&unknown, tag_of("x"), &ada.public()).expect_err("unknown").class(), Class::Untrusted);
    // Signed by someone else than may publish it, whoever made the entry.
    assert!(matches!(ledger.vouch(&release, tag_of("kit--v1.0.0"), &bob.public()), Err(Refusal::NotAllowed { .. })));
}

/// No byte of a ledger can be changed.
#[test]
fn no_byte_of_a_ledger_can_be_changed() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    let raw = chain.raw.clone();
    let head = chain.head.expect("a head");
    for at in 0..raw.len() {
        let mut changed = chain.clone();
        let mut bytes = raw.clone();
        bytes[at] ^= 1;
        // Under the old id, as a store would that gives other bytes than were asked for.
        changed.commits.insert(head, bytes);
        assert!(changed.read().is_err(), "byte {at} of {}", String::from_utf8_lossy(&raw));
    }
}
