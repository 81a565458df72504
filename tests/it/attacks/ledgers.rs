//! Ledgers that do not hold, made with git and `ssh-keygen` and offered by the server of a vault: to who has read it before, and to
//! who has not.

use std::collections::BTreeMap;

use skillmeat::model::Digest;
use skillmeat::signature::PublicKey;

use crate::env::{Git, Mode, Ran, TestEnv};
use crate::ledger::{ada, address, head, public, reader, user, vault_git};

/// Whose root keys there are, by name, with their line of the public key.
type People<'a> = [(&'a str, &'a TestEnv)];

/// A vault whose server shows what it likes.
struct Vault {
    ada: TestEnv,
    id: String,
    reader: TestEnv,
    git: Git,
    honest: String,
}

impl Vault {
    fn new() -> Self {
        let (ada, id) = ada();
        let reader = reader(&ada, &["--ledger", &id]);
        Self { git: Git::at(ada.root().join("vault.git")), honest: head(&ada), reader, id, ada }
    }

    /// Takes what the owner has published since as the ledger that holds.
    fn go_on(&mut self) {
        self.reader.run(["vault", "pull", "team"]).ok();
        self.honest = head(&self.ada);
    }

    /// Returns the number that the next entry has.
    fn next(&self) -> u64 {
        vault_git(&self.ada, &["rev-list", "--count", &self.honest]).parse().expect("a number")
    }

    /// Returns the text of an entry after `parent`.
    fn text(&self, parent: &str, number: impl std::fmt::Display, fields: &str) -> String {
        let raw = format!("{}\n", self.git.git(&["cat-file", "commit", parent], b""));
        let (id, prev) = (&self.id, Digest::of(raw.as_bytes()));
        format!(
            "skillmeat-ledger v1\n\nrepo: {id}\nnumber: {number}\nprev: {prev}\n{fields}time: 2026-11-22T14:00:00Z\n"
        )
    }

    /// Makes a commit, signed by `who` with their own git. Returns its id.
    fn commit(&self, who: &TestEnv, parents: &[&str], tree: &str, text: &str) -> String {
        let mut args = vec!["-C", self.git.text(), "commit-tree", "-S", "-m", text];
        args.extend(parents.iter().flat_map(|parent| ["-p", *parent]));
        args.push(tree);
        who.git(args)
    }

    /// As [`Vault::commit`], after the last entry that holds, with the tree of that.
    fn entry(&self, who: &TestEnv, fields: &str) -> String {
        let tree = format!("{}^{{tree}}", self.honest);
        self.commit(who, &[&self.honest], &tree, &self.text(&self.honest, self.next(), fields))
    }

    fn file(&self, path: &str) -> String {
        format!("{}\n", vault_git(&self.ada, &["show", &format!("{}:trust/{path}", self.honest)]))
    }

    /// Makes an entry by `who` with other trust files; all in `signed_by` sign the root file.
    fn root(&self, who: &TestEnv, version: u64, root: &str, signers: &str, signed_by: &[&TestEnv]) -> String {
        let revoked = self.file("revoked_keys");
        let vault = format!("{}\n", vault_git(&self.ada, &["show", &format!("{}:vault.toml", self.honest)]));
        let mut files = BTreeMap::from([
            ("vault.toml".to_owned(), vault),
            ("trust/allowed_signers".to_owned(), signers.to_owned()),
            ("trust/revoked_keys".to_owned(), revoked.trim_start().to_owned()),
            ("trust/root.toml".to_owned(), root.to_owned()),
        ]);
        for one in signed_by {
            let path = one.root().join("root.toml");
            std::fs::write(&path, root).expect("a file");
            let mut command = one.command("ssh-keygen");
            let key = one.home().join("signing_key");
            command.args(["-q", "-Y", "sign", "-n", "skillmeat-root@v1", "-f"]).arg(key).arg(&path);
            let _ = Ran::of(command).ok();
            let armour = one.root().join("root.toml.sig");
            let (key, _) = PublicKey::parse_line(&public(one)).expect("a key");
            let name = format!("trust/root.{}.sig", key.digest().hex());
            files.insert(name, std::fs::read_to_string(&armour).expect("a signature"));
            std::fs::remove_file(armour).expect("removes");
        }
        let files: Vec<_> = files.iter().map(|(path, text)| (&**path, text.as_bytes(), Mode::File)).collect();
        let text = self.text(&self.honest, self.next(), &format!("type: root\nversion: {version}\n"));
        self.commit(who, &[&self.honest], &self.git.tree_of(&files), &text)
    }

    /// The root file with the next version, these people's root keys, and a threshold.
    fn next_root(&self, people: &People, threshold: u64) -> String {
        let text = self.file("root.toml");
        let value: toml::Table = text.parse().expect("TOML");
        let version = value["version"].as_integer().expect("a number");
        let (start, roles) = text.split_once("[[roles]]").expect("roles");
        let (start, _) = start.split_once("[[keys]]").expect("keys");
        let start = start
            .replace(&format!("version = {version}\n"), &format!("version = {}\n", version + 1))
            .replace(&format!("threshold = {}\n", value["threshold"]), &format!("threshold = {threshold}\n"));
        let start = match value.contains_key("repo") {
            true => start,
            false => start.replace("threshold", &format!("repo = \"{}\"\nthreshold", self.id)),
        };
        let mut keys: Vec<_> =
            people.iter().map(|(name, who)| (format!("{name}@example.invalid"), public(who))).collect();
        keys.sort();
        let keys = keys.iter().map(|(name, key)| format!("[[keys]]\nprincipal = \"{name}\"\nkey = \"{key}\"\n\n"));
        format!("{start}{}[[roles]]{roles}", keys.collect::<String>())
    }

    /// Checks that a ledger with this head is refused, by who sees it for the first time and by who has seen the one before it.
    fn refused(&self, class: &str, head: &str, what: &str) {
        vault_git(&self.ada, &["update-ref", "refs/heads/skillmeat-ledger", head]);
        // A failure names the vault, so the vault says what it is.
        let words: Vec<_> = what.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let name: String = format!("x-{}", words.join("-").to_lowercase()).chars().take(40).collect();
        let name = name.trim_end_matches('-');
        let (stranger, address) = (TestEnv::new(), address(&self.ada));
        let new = stranger.refused(class, &["vault", "add", name, &address, "--first-use"]);
        stranger.refused(class, &["vault", "add", name, &address, "--ledger", &self.id]);
        let known = self.reader.refused(class, &["vault", "pull", "team"]);
        self.reader.refused(class, &["import", "team:kit", "--yes"]);
        for told in [known, new] {
            assert!(told.stderr.contains("ledger"), "{what}: {}", told.stderr);
        }
        vault_git(&self.ada, &["update-ref", "refs/heads/skillmeat-ledger", &self.honest]);
    }

    /// Checks that a ledger with this head is taken: what else is refused is so for its own reason.
    fn taken(&self, head: &str) {
        vault_git(&self.ada, &["update-ref", "refs/heads/skillmeat-ledger", head]);
        let stranger = TestEnv::new();
        stranger.run(["vault", "add", "x", &address(&self.ada), "--first-use"]).ok();
        vault_git(&self.ada, &["update-ref", "refs/heads/skillmeat-ledger", &self.honest]);
    }
}

const CHECKPOINT: &str = "type: checkpoint\nexpires: 2026-12-22T14:00:00Z\n";

/// Rows 53 and 54: numbers that jump, gaps, two parents, another order, no signature, another spelling.
#[test]
fn rows_53_and_54_ledgers_that_are_no_chain_are_refused_by_the_program() {
    let vault = Vault::new();
    let (ada, next, honest) = (&vault.ada, vault.next(), &*vault.honest);
    let tree = format!("{honest}^{{tree}}");
    let text = |number: u64| vault.text(honest, number, CHECKPOINT);
    let good = vault.entry(ada, CHECKPOINT);
    vault.taken(&good);
    for number in [next - 1, next + 1, (1 << 53) - 1] {
        let commit = vault.commit(ada, &[honest], &tree, &text(number));
        vault.refused("fork", &commit, &format!("number {number}"));
    }
    for (from, to) in [
        (format!("number: {next}\n"), format!("number: {}\n", 1_u64 << 63)),
        (format!("number: {next}\n"), format!("number: 0{next}\n")),
        ("prev: sha256:".to_owned(), "prev: sha256:0".to_owned()),
        ("time: 2026".to_owned(), "time: 12026".to_owned()),
        ("type: checkpoint".to_owned(), "type: other".to_owned()),
        ("skillmeat-ledger v1".to_owned(), "skillmeat-ledger v2".to_owned()),
        ("time: ".to_owned(), "more: 1\ntime: ".to_owned()),
    ] {
        let changed = text(next).replacen(&from, &to, 1);
        vault.refused("parse", &vault.commit(ada, &[honest], &tree, &changed), &to);
    }
    let first = vault_git(ada, &["rev-list", "--max-parents=0", honest]);
    let prev = vault.text(&first, next, CHECKPOINT);
    vault.refused("fork", &vault.commit(ada, &[honest], &tree, &prev), "what comes before is another entry");
    vault.refused("fork", &vault.commit(ada, &[honest, &first], &tree, &text(next)), "two parents");
    vault.refused("fork", &vault.commit(ada, &[honest, &good], &tree, &text(next)), "two parents");
    vault.refused("fork", &vault.commit(ada, &[], &tree, &text(next)), "no parent");
    // Out of order: the entry of number 2 comes before that of number 1.
    let early = vault.commit(ada, &[&first], &tree, &vault.text(&first, 2, CHECKPOINT));
    let late = vault.commit(ada, &[&early], &tree, &vault.text(&early, 1, CHECKPOINT));
    vault.refused("fork", &late, "out of order");
    // The same entry twice.
    let twice = vault.commit(ada, &[&good], &tree, &text(next));
    vault.refused("fork", &twice, "twice");
    // A second beginning.
    let start = vault_git(ada, &["show", "-s", "--format=%B", &first]);
    vault.refused("fork", &vault.commit(ada, &[honest], &tree, &format!("{start}\n")), "a second beginning");
    // Of another ledger.
    let other = text(next).replacen(&vault.id, &Digest::of(b"other").to_string(), 1);
    vault.refused("untrusted", &vault.commit(ada, &[honest], &tree, &other), "of another ledger");
    // Nobody signed it; someone did, and then it was changed.
    let unsigned = vault.git.git(&["commit-tree", "-p", honest, "-m", &text(next), &tree], b"");
    vault.refused("fork", &unsigned, "not signed");
    let raw =
        format!("{}\n", vault.git.git(&["cat-file", "commit", &good], b"")).replacen("2026-12-22", "2036-12-22", 1);
    let changed = vault.git.git(&["hash-object", "-t", "commit", "-w", "--stdin"], raw.as_bytes());
    vault.refused("signature", &changed, "changed behind its signature");
    // Its files changed in an entry that may not.
    vault.refused("policy", &vault.commit(ada, &[honest], &vault.git.tree_of(&[]), &text(next)), "other files");
    vault.taken(&good);
}

/// Rows 51 and 58: entries that list what is not there, or once more.
#[test]
fn rows_51_and_58_entries_that_list_something_else_are_refused_by_the_program() {
    let mut vault = Vault::new();
    let listed = |vault: &Vault| {
        let text = vault_git(&vault.ada, &["show", "-s", "--format=%B", &vault.honest]);
        let (_, fields) = text.split_once("type: ").expect("a type");
        format!("type: {}", fields.split_once("time: ").expect("a time").0)
    };
    let kit = listed(&vault);
    // Another tag under a name that is taken, also when it was taken back.
    let other = kit.replacen("license: ", "license: MIT OR ", 1);
    vault.refused("policy", &vault.entry(&vault.ada, &kit), "published twice");
    vault.refused("policy", &vault.entry(&vault.ada, &other), "published anew with something else");
    vault.ada.run(["vault", "yank", "team", "kit@1.0.0", "--reason", "x"]).ok();
    vault.go_on();
    vault.refused("policy", &vault.entry(&vault.ada, &kit), "published again after it was taken back");
    let absent = "type: yank\nname: kit\nversion: 9.0.0\nreason: x\n";
    vault.refused("policy", &vault.entry(&vault.ada, absent), "what was never published is taken back");
    // The tag of one release under the version of another.
    let next = vault.entry(&vault.ada, &kit.replacen("version: 1.0.0", "version: 1.1.0", 1));
    vault_git(&vault.ada, &["update-ref", "refs/tags/kit--v1.1.0", "refs/tags/kit--v1.0.0"]);
    vault_git(&vault.ada, &["update-ref", "refs/heads/skillmeat-ledger", &next]);
    vault.reader.run(["vault", "pull", "team"]).ok();
    vault.reader.refused("signature", &["import", "team:kit@1.1.0", "--yes"]);
    vault.reader.refused("signature", &["import", "team:kit@1.1.0", "--yes", "--offline"]);
}

/// Rows 56, 57, 39 and 41: who signs the next root file, and which it is.
#[test]
fn rows_56_and_57_root_files_that_do_not_follow_are_refused_by_the_program() {
    let mut vault = Vault::new();
    let (bob, eve) = (user("bob"), user("eve"));
    let (bobs, id) = (public(&bob), vault.id.clone());
    vault.ada.run(["vault", "root", "add-key", "team", "bob@example.invalid", "--key", &bobs]).ok();
    vault.ada.run(["vault", "root", "threshold", "team", "2", "--draft", "../draft"]).ok();
    bob.run(["vault", "add", "team", &address(&vault.ada), "--ledger", &id]).ok();
    let draft = vault.ada.root().join("draft");
    let draft = draft.to_str().expect("a path").to_owned();
    bob.run(["vault", "root", "sign", "team", &draft]).ok();
    vault.ada.run(["vault", "root", "publish", "team", &draft]).ok();
    vault.go_on();
    let (ada, signers) = (&vault.ada, vault.file("allowed_signers"));
    // Eve in the place of Bob, two of two: Ada, Bob and Eve have to agree.
    let changed = vault.next_root(&[("ada", ada), ("eve", &eve)], 2);
    vault.taken(&vault.root(ada, 4, &changed, &signers, &[ada, &bob, &eve]));
    for (signed_by, what) in [
        (&[ada, &eve][..], "the new ones alone"),
        (&[ada, &bob], "the old ones alone"),
        (&[ada], "one of each"),
        (&[&eve], "the new one alone"),
        (&[], "nobody"),
    ] {
        vault.refused("untrusted", &vault.root(ada, 4, &changed, &signers, signed_by), what);
    }
    // One of two, whose key is stolen, for themselves alone.
    let alone = vault.next_root(&[("ada", ada)], 1);
    vault.refused("untrusted", &vault.root(ada, 4, &alone, &signers, &[ada]), "one of two");
    let none = vault.next_root(&[("ada", ada)], 2);
    vault.refused("parse", &vault.root(ada, 4, &none, &signers, &[ada, &bob]), "more than there are people");
    // Someone with two keys is one person.
    let spare = user("spare");
    let twice = vault.next_root(&[("ada", ada), ("ada", &spare), ("bob", &bob)], 2);
    vault.taken(&vault.root(ada, 4, &twice, &signers, &[ada, &bob]));
    vault.refused("untrusted", &vault.root(ada, 4, &twice, &signers, &[ada, &spare]), "two keys of one person");
    // Versions that are left out, or stay.
    let kept = vault.next_root(&[("ada", ada), ("bob", &bob)], 2);
    for version in [3, 5, 6] {
        let text = kept.replacen("version = 4\n", &format!("version = {version}\n"), 1);
        let commit = vault.root(ada, version, &text, &signers, &[ada, &bob]);
        vault.refused("untrusted", &commit, &format!("version {version} after 3"));
    }
    vault.refused("untrusted", &vault.root(ada, 5, &kept, &signers, &[ada, &bob]), "another version in the entry");
    vault.refused("untrusted", &vault.root(&eve, 4, &kept, &signers, &[ada, &bob]), "an entry by someone else");
    let other = kept.replacen(&id, &Digest::of(b"other").to_string(), 1);
    vault.refused("untrusted", &vault.root(ada, 4, &other, &signers, &[ada, &bob]), "of another ledger");
    vault.taken(&vault.root(ada, 4, &kept, &signers, &[ada, &bob]));
}

/// Row 38: a list of signers that gives away more than one key of one person for what is ours.
#[test]
fn row_38_lists_that_give_away_too_much_are_refused_by_the_program() {
    let vault = Vault::new();
    let (ada, list, bob) = (&vault.ada, vault.file("allowed_signers"), public(&user("bob")));
    let root = vault.next_root(&[("ada", ada)], 1);
    let with = |list: &str| {
        let before = Digest::of(vault.file("allowed_signers").as_bytes()).to_string();
        assert!(root.contains(&before), "{root}");
        let root = root.replacen(&before, &Digest::of(list.as_bytes()).to_string(), 1);
        vault.root(ada, 2, &root, list, &[ada])
    };
    let ours = "namespaces=\"git,skillmeat-*\"";
    vault.taken(&with(&format!("{list}bob@example.invalid {ours} {bob}\n")));
    for line in [
        format!("* {ours} {bob}"),
        format!("*@example.invalid {ours} {bob}"),
        format!("bob@example.invalid,eve@example.invalid {ours} {bob}"),
        format!("!bob@example.invalid {ours} {bob}"),
        format!("bob@example.invalid {bob}"),
        format!("bob@example.invalid namespaces=\"*\" {bob}"),
        format!("bob@example.invalid cert-authority,{ours} {bob}"),
        format!("bob@example.invalid {ours} {}", public(ada)),
    ] {
        vault.refused("policy", &with(&format!("{list}{line}\n")), &line);
    }
    // Another list than the one that was signed for.
    let more = format!("{list}bob@example.invalid {ours} {bob}\n");
    vault.refused("untrusted", &vault.root(ada, 2, &root, &more, &[ada]), "a line that nobody signed for");
}
