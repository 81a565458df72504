//! Vaults with thousands of releases, each really signed, and what it costs to open one, to publish to it and to read from it.

use std::path::Path;

use ssh_key::{HashAlg, LineEnding, PrivateKey};

use super::Bench;
use skillmeat::git::{Expect, Identity, Person, RefChange, Repo};
use skillmeat::model::{
    Digest, EntryBody, FileMode, IndexedRelease, LedgerEntry, LedgerId, Oid, Release, TreePath, VAULT_FORMAT,
    VaultIndex,
};
use skillmeat::signature::attach_to_commit;

/// When everything in the fixtures was made, in seconds since 1970.
const TIME: u64 = 1_795_356_000;

/// Most releases of one bundle in a fixture.
const VERSIONS: usize = 100;

const SIGNED_BY: &str = "Bench <bench@example.invalid> 1795356000 +0000";

/// Makes an author with the release `kit` 1.0.0, and vaults with so many releases of others, to none of which it was published.
fn author(bench: &Bench) {
    bench.sh("git config --global skillmeat.durability lazy && git-skillmeat key generate");
    bench.sh("git-skillmeat init author && mkdir -p author/skills/small && cd author && \
        printf -- '---\\nname: small\\ndescription: Small\\n---\\nx\\n' >skills/small/SKILL.md && git add -A && git commit -qm x");
    for version in ["1.0.0", "1.1.0"] {
        bench.sh(&format!(
            "cd author && git-skillmeat export kit --version {version} --all --license MIT -o ../kit-{version}.skillmeat-pack"
        ));
    }
}

/// Makes the vault `v<count>.git` with so many releases of a hundred versions each, and one entry for each in its ledger.
fn vault(bench: &Bench, count: usize) {
    bench.sh(&format!("git-skillmeat vault init v{count}.git --name v{count}"));
    let key = bench.output("git config --global user.signingKey");
    let key = PrivateKey::read_openssh_file(Path::new(&key)).unwrap();
    let sign =
        |payload: &str| key.sign("git", HashAlg::Sha512, payload.as_bytes()).unwrap().to_pem(LineEnding::LF).unwrap();
    let path = bench.path(&format!("v{count}.git"));
    let mut repo = Repo::open(&path).unwrap();
    let first = repo.find_ref("refs/heads/skillmeat-ledger").unwrap().unwrap();
    let main = repo.find_ref("refs/heads/main").unwrap().unwrap();
    let (mut head, mut raw) = (first, repo.raw_commit(first).unwrap());
    let (tree, id) = (repo.commit(first).unwrap().tree, Digest::of(&raw));
    repo.gather();
    let mut index = VaultIndex { format: VAULT_FORMAT, releases: Vec::new() };
    let mut refs = Vec::new();
    for at in 0..count {
        let release: Release = format!("other-{:03}--v1.{}.0", at / VERSIONS, at % VERSIONS).parse().unwrap();
        let (tag, digest) = tag(&repo, &release, &sign);
        let body =
            EntryBody::Publish { release: release.clone(), tag, tree: digest, pack: None, license: "MIT".to_owned() };
        let number = at as u64 + 1;
        let entry = LedgerEntry { id: LedgerId::Repo(id), number, prev: Some(Digest::of(&raw)), body, time: TIME };
        let text = entry.render();
        let payload = format!("tree {tree}\nparent {head}\nauthor {SIGNED_BY}\ncommitter {SIGNED_BY}\n\n{text}");
        raw = attach_to_commit(payload.as_bytes(), &sign(&payload)).unwrap();
        head = repo.write_raw(gix::object::Kind::Commit, &raw).unwrap();
        refs.push(RefChange { name: release.ref_name(), new: Some(tag), expect: Expect::Absent });
        let Release { bundle, version } = release;
        let description = format!("What the bundle of place {at} is for");
        let (tag, license) = (tag.to_string(), "MIT".to_owned());
        index.releases.push(IndexedRelease { bundle, version, tag, tree: digest, license, description });
    }
    index.releases.sort_by_key(IndexedRelease::release);
    let files = [("index.toml", index.render()), ("README.md", index.readme(&format!("v{count}")))];
    let files = files.map(|(path, text)| (path.parse().unwrap(), repo.write_blob(text.as_bytes()).unwrap()));
    let published = repo.write_commit(files_tree(&repo, &files), &[main], "Publish\n", &identity()).unwrap();
    let moved = |name: &str, new, old| RefChange { name: name.to_owned(), new: Some(new), expect: Expect::At(old) };
    refs.extend([moved("refs/heads/main", published, main), moved("refs/heads/skillmeat-ledger", head, first)]);
    repo.flush().unwrap();
    refs.retain(|change| change.expect != change.new.map_or(Expect::Absent, Expect::At));
    repo.change_refs(&refs, "bench", &identity()).unwrap();
    bench.sh(&format!("git -C v{count}.git repack -adq && git -C v{count}.git pack-refs --all"));
}

fn identity() -> Identity {
    let person = || Person { name: "Bench".to_owned(), email: "bench@example.invalid".to_owned() };
    Identity { author: person(), committer: person(), seconds: TIME as i64, offset_seconds: 0 }
}

fn files_tree(repo: &Repo, files: &[(TreePath, Oid)]) -> Oid {
    repo.edit_tree(None, files.iter().map(|(path, id)| (path, Some((FileMode::Regular, *id))))).unwrap()
}

/// Writes a release with one small skill; returns its tag object and what stands for the digest of its tree.
fn tag(repo: &Repo, release: &Release, sign: &dyn Fn(&str) -> String) -> (Oid, Digest) {
    let text = format!("---\nname: small\ndescription: Of {release}\n---\n{}", super::prose(TIME, 2000));
    let blob = repo.write_blob(text.as_bytes()).unwrap();
    let tree = files_tree(repo, &[("skills/small/SKILL.md".parse().unwrap(), blob)]);
    let commit = repo.write_commit(tree, &[], &format!("{release}\n"), &identity()).unwrap();
    let digest = Digest::of(text.as_bytes());
    let head = format!("object {commit}\ntype commit\ntag {release}\ntagger {SIGNED_BY}");
    let payload = format!("{head}\n\n{release}\n\nskillmeat-repo: {digest}\nskillmeat-tree: {digest}\n");
    let raw = format!("{payload}{}\n", sign(&payload).trim_end());
    (repo.write_raw(gix::object::Kind::Tag, raw.as_bytes()).unwrap(), digest)
}

/// Opening, publishing and reading, with few and many entries.
pub(super) fn run(bench: &Bench) {
    author(bench);
    for count in [0, 1_000, 10_000] {
        vault(bench, count);
    }
    // What is asked for last is a whole release, and the others are there to be passed over.
    bench.sh("cp -r v10000.git with.git && cd author && git-skillmeat vault add with ../with.git --first-use && \
        git-skillmeat vault push with kit@1.0.0 && git-skillmeat vault remove with && \
        git-skillmeat vault add open ../with.git --first-use");
    opening(bench);
    publishing(bench);
    reading(bench);
}

fn opening(bench: &Bench) {
    // A first opening by someone who has seen the ledger, and from whom what was kept of it is gone.
    let forgotten = "rm -f home/.skillmeat/vaults/open.git/skillmeat/ledger-*";
    let show = "exec git-skillmeat vault show open";
    bench.pair("vault show, 10,000 entries, nothing kept | true", forgotten, show, "exec true");
    bench.sh("git-skillmeat vault show open");
    bench.alone("vault show, 10,000 entries | true", "git-skillmeat vault show open");
    bench.alone("vault ls, 10,000 releases, none fetched | true", "git-skillmeat vault ls open");
    let count = "git -C with.git rev-list --count skillmeat-ledger";
    bench.pair("vault show, 10,000 entries | git rev-list --count", "true", "git-skillmeat vault show open", count);
    let verified = "git-skillmeat vault add n$RUN ../with.git --first-use";
    bench.pair(
        "vault add: fetch and check 10,000 entries | git fetch",
        "git init -q --bare l$RUN.git",
        &format!("cd author && {verified}"),
        "git -C l$RUN.git fetch -q file://$PWD/with.git skillmeat-ledger",
    );
}

fn publishing(bench: &Bench) {
    for count in [0, 1_000, 10_000] {
        let fresh = format!(
            "cp -r v{count}.git p$RUN.git && cp -r v{count}.git q$RUN.git && cd author && \
             git-skillmeat vault add p$RUN ../p$RUN.git --first-use"
        );
        let name = format!("vault push to {count} entries | git push of the tag");
        let ours = "cd author && git-skillmeat vault push p$RUN kit@1.1.0";
        bench.pair(&name, &fresh, ours, "cd author && git push -q ../q$RUN.git refs/tags/kit--v1.1.0");
    }
}

fn reading(bench: &Bench) {
    let fresh = "cd author && git-skillmeat vault add r$RUN ../with.git --first-use && git init -q --bare ../r$RUN.git";
    let ours = "cd author && git-skillmeat vault pull r$RUN kit";
    let one = "git -C r$RUN.git fetch -q file://$PWD/with.git refs/tags/kit--v1.0.0:refs/tags/kit--v1.0.0";
    bench.pair("vault pull of 1 of 10,000 | git fetch of its tag", fresh, ours, one);
    bench.pair(
        "vault pull of 1 of 10,000 | git clone",
        fresh,
        ours,
        "git clone -q --bare file://$PWD/with.git c$RUN.git",
    );
    let import = "cd author && git-skillmeat import r$RUN:kit --dry-run";
    bench.pair("import --dry-run of 1 of 10,000 | git fetch of its tag", fresh, import, one);
}
