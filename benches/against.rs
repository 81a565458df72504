//! Whole commands against the tools people would use instead: `cargo bench`.
//!
//! Each pair runs in turn, A B A B …, on the same bytes; the median of each and the median ratio are printed.
//! Nothing is asserted: a machine is not a specification.
#![allow(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark runs programs and prints"
)]

mod vaults;

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skillmeat::signature::{AllowedSigners, GIT_NAMESPACE, RawTag, Signers, verify};

const RUNS: usize = 11;

struct Bench {
    folder: tempfile::TempDir,
    /// `$RUN` of the commands: each run has folders of its own, and none is deleted, because a file system such as ext4 looks
    /// for a minute at each creation whether an inode that was just freed may be used again.
    run: Cell<u32>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), run: Cell::new(0) };
        fs::create_dir(bench.path("home")).unwrap();
        for (key, value) in [("user.name", "Bench"), ("user.email", "bench@example.invalid")] {
            bench.sh(&format!("git config --global {key} '{value}'"));
        }
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, line: &str) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_git-skillmeat")).parent().unwrap();
        let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.folder.path()).env("PATH", path).env("HOME", self.path("home"));
        command.env("RUN", self.run.get().to_string());
        command.env_remove("GIT_CONFIG_GLOBAL").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn sh(&self, line: &str) {
        assert!(self.command(line).status().unwrap().success(), "{line}");
    }

    fn output(&self, line: &str) -> String {
        let output = self.command(line).stdout(Stdio::piped()).output().unwrap();
        assert!(output.status.success(), "{line}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn time(&self, before: &str, line: &str) -> Duration {
        self.run.set(self.run.get() + 1);
        self.sh(before);
        let started = Instant::now();
        self.sh(line);
        started.elapsed()
    }

    /// Times `ours` against `theirs`, each after `before` has cleaned up.
    fn pair(&self, name: &str, before: &str, ours: &str, theirs: &str) {
        let (mut a, mut b, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for run in 0..=RUNS {
            let (ours, theirs) = (self.time(before, ours), self.time(before, theirs));
            // The first pair only warms the caches.
            if run > 0 {
                ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
                a.push(ours.as_secs_f64());
                b.push(theirs.as_secs_f64());
            }
        }
        let (ours, theirs, ratio) = (median(a) * 1e3, median(b) * 1e3, median(ratios));
        println!("{name:58} {ours:9.1} ms {theirs:9.1} ms  ratio {ratio:.2}");
    }

    /// Times one command beside an empty process, whose start is not ours.
    fn alone(&self, name: &str, line: &str) {
        self.pair(name, "true", &format!("exec {line}"), "exec true");
    }
}

/// Verifies ten thousand different tags in this process, as `verify` does one, beside `git verify-tag` on a few of them.
fn many_tags(bench: &Bench) {
    const COUNT: usize = 10_000;
    const ASKED_GIT: usize = 100;
    bench.sh("git init -q --bare tags && ssh-keygen -q -t ed25519 -N '' -C '' -f tag-key");
    bench.sh("echo \"a namespaces=\\\"git\\\" $(cat tag-key.pub)\" >signers");
    let key = ssh_key::PrivateKey::read_openssh_file(bench.path("tag-key")).unwrap();
    let allowed = AllowedSigners::parse(&fs::read(bench.path("signers")).unwrap()).unwrap();
    let signers = Signers { allowed: &allowed, revoked: None };
    let tag = |number: usize| {
        let head = format!("object {number:040x}\ntype commit\ntag kit--v1.0.{number}\ntagger A <a@example.invalid>");
        let payload = format!("{head} 1795356000 +0000\n\nkit 1.0.{number}\n\nskillmeat-tree: sha256:{number:064x}\n");
        let signature = key.sign("git", ssh_key::HashAlg::Sha512, payload.as_bytes()).unwrap();
        format!("{payload}{}\n", signature.to_pem(ssh_key::LineEnding::LF).unwrap().trim_end())
    };
    let tags: Vec<_> = (0..COUNT).map(tag).collect();
    let ours: Vec<_> = (0..RUNS)
        .map(|_| {
            let started = Instant::now();
            for tag in &tags {
                let tag = RawTag::parse(tag.as_bytes()).unwrap();
                let verdict = verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &signers);
                assert!(verdict.is_good(), "{verdict}");
            }
            started.elapsed().as_secs_f64()
        })
        .collect();
    for (number, tag) in tags.iter().take(ASKED_GIT).enumerate() {
        fs::write(bench.path(&format!("tag{number}")), tag).unwrap();
    }
    let paths = "seq -f $PWD/tag%.0f 0 99 | git --git-dir=tags hash-object -t tag -w --literally --stdin-paths >ids";
    bench.sh(paths);
    let one_by_one =
        "while read id; do git --git-dir=tags -c gpg.ssh.allowedSignersFile=signers verify-tag $id || exit; done <ids";
    let theirs: Vec<_> = (0..RUNS).map(|_| bench.time("true", one_by_one).as_secs_f64()).collect();
    let (ours, theirs) = (median(ours) * 1e3, median(theirs) * 1e3 * (COUNT / ASKED_GIT) as f64);
    let name = "verify 10,000 tags | git verify-tag, from 100 of them";
    println!("{name:58} {ours:9.1} ms {theirs:9.1} ms  ratio {:.4}", ours / theirs);
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Text that compresses as prose does, different for every seed.
fn prose(seed: u64, bytes: usize) -> String {
    const WORDS: [&str; 16] = [
        "review", "commit", "the", "change", "before", "tests", "a", "release", "of", "files", "when", "server",
        "hooks", "and", "write", "every",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes + 64);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(WORDS[(state % 16) as usize]);
        text.push(if state.is_multiple_of(11) { '\n' } else { ' ' });
        if state.is_multiple_of(7) {
            text.push_str(&state.to_string());
        }
    }
    text
}

fn skills(folder: &Path, count: u64, files: u64, bytes: usize) {
    for skill in 0..count {
        let place = folder.join(format!("skills/skill-{skill:04}"));
        fs::create_dir_all(place.join("references")).unwrap();
        let head = format!("---\nname: skill-{skill:04}\ndescription: Bench skill {skill}\nlicense: MIT\n---\n");
        fs::write(place.join("SKILL.md"), head + &prose(skill, bytes)).unwrap();
        for file in 1..files {
            fs::write(place.join(format!("references/r{file}.md")), prose(skill * 1000 + file, bytes)).unwrap();
        }
    }
}

/// Some of the rows.
type Group = fn(&Bench);

/// All groups, or those that are named: `cargo bench -- vaults`.
fn main() {
    let named: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let groups: [(&str, Group); 5] = [
        ("start", |bench| bench.alone("start: --version | true", "git-skillmeat --version")),
        ("tags", many_tags),
        ("vaults", vaults::run),
        ("collections", collections),
        ("packs", packs),
    ];
    println!("{:58} {:>12} {:>12}", "", "git skillmeat", "the other");
    for (_, run) in groups.iter().filter(|(name, _)| named.is_empty() || named.iter().any(|one| one == name)) {
        run(&Bench::new());
    }
}

fn collections(bench: &Bench) {
    bench.sh("git init -q source");
    skills(&bench.path("source"), 200, 3, 5 * 1024);
    bench.sh("cd source && git add -A && git commit -qm skills && git gc -q");
    bench.sh("git-skillmeat init base && git-skillmeat key generate");
    let clean = "cp -r base c$RUN && sync -f .";
    let clone = "git clone -q --depth 1 file://$PWD/source clone$RUN && cp -r clone$RUN/skills copy$RUN";
    bench.pair(
        "add 200 skills | git clone --depth 1 + cp -r",
        clean,
        "cd c$RUN && git-skillmeat add ../source --all",
        clone,
    );
    let lazy = "cd c$RUN && GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=skillmeat.durability GIT_CONFIG_VALUE_0=lazy";
    bench.pair(
        "the same without waiting for the disk | the same",
        clean,
        &format!("{lazy} git-skillmeat add ../source --all"),
        clone,
    );
    bench.pair(
        "what waiting for the disk costs: with it | without",
        clean,
        "cd c$RUN && git-skillmeat add ../source --all",
        &format!("{lazy} git-skillmeat add ../source --all"),
    );
    bench.pair(
        "add 1 of 200 skills | git clone --depth 1 + cp -r",
        clean,
        "cd c$RUN && git-skillmeat add ../source --only skill-0042",
        clone,
    );
    bench.sh("cp -r base c && cd c && git-skillmeat add ../source --all");
    bench.alone("list 200 | true", "git-skillmeat --collection ./c list");
    bench.alone("status of 200 | true", "git-skillmeat --collection ./c status");
    bench.pair(
        "deploy 200 skills | cp -r + sync",
        "mkdir p$RUN && sync -f .",
        "git-skillmeat --collection ./c deploy --all --project p$RUN --yes",
        "mkdir -p q$RUN/.claude && cp -r c/skills q$RUN/.claude/skills && sync -f q$RUN",
    );
}

fn packs(bench: &Bench) {
    bench.sh("git-skillmeat key generate && git-skillmeat init big && mkdir -p big/skills");
    skills(&bench.path("big"), 100, 10, 100 * 1024);
    bench.sh("cd big && git add -A && git commit -qm big && git gc -q");
    let export = |packing: &str| {
        format!(
            "cd big && git-skillmeat export big --version 1.0.0 --all --license MIT --compression {packing} -o ../big.skillmeat-pack"
        )
    };
    let fresh = "rm -f big.skillmeat-pack big.zip && git -C big tag -l | xargs -r git -C big tag -d && sync -f .";
    bench.pair(
        "export 100 MB, deflate | zip -6",
        fresh,
        &export("deflate"),
        "cd big && zip -q -r -6 ../big.zip skills",
    );
    bench.sh(&format!("{fresh} && {}", export("deflate")));
    bench.pair(
        "verify that pack | sha256sum of the files",
        "true",
        "git-skillmeat verify big.skillmeat-pack",
        "find big/skills -type f | xargs sha256sum",
    );
    let zip = "cd big && zip -q -r -0 ../big.zip skills";
    let lazily = format!(
        "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=skillmeat.durability GIT_CONFIG_VALUE_0=lazy; {}",
        export("store")
    );
    bench.pair("export 100 MB, store | zip -0, neither waiting for the disk", fresh, &lazily, zip);
    let synced = format!("{zip} && sync ../big.zip");
    bench.pair("export 100 MB, store | zip -0 + sync, both on disk", fresh, &export("store"), &synced);
    bench.sh(&format!("{fresh} && {}", export("store")));
    bench.pair(
        "verify that pack | sha256sum of the files",
        "true",
        "git-skillmeat verify big.skillmeat-pack",
        "find big/skills -type f | xargs sha256sum",
    );
    large_files(bench);
}

/// A gigabyte in twelve files that do not get smaller.
fn large_files(bench: &Bench) {
    bench.sh("for limit in maxUnpacked maxPack; do git config --global skillmeat.$limit 1500; done");
    bench.sh("git-skillmeat init large && mkdir -p movie && cd movie && for n in $(seq 12); do head -c 90M /dev/urandom >$n.bin; done");
    fs::write(bench.path("movie/SKILL.md"), "---\nname: movie\ndescription: Large\nlicense: MIT\n---\n").unwrap();
    bench.sh("git-skillmeat --collection ./large add ./movie --yes");
    let fresh =
        "rm -f large.skillmeat-pack large.zip && git -C large tag -l | xargs -r git -C large tag -d && sync -f .";
    let export = "export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=skillmeat.durability GIT_CONFIG_VALUE_0=lazy; cd large && \
                  git-skillmeat export large --version 1.0.0 --all -o ../large.skillmeat-pack";
    bench.pair("export 1 GB of large files | zip -0", fresh, export, "zip -q -r -0 large.zip movie");
    bench.sh(&format!("{fresh} && {export}"));
    let verify = "git-skillmeat verify large.skillmeat-pack";
    bench.pair("verify that pack | sha256sum of it", "true", verify, "sha256sum large.skillmeat-pack");
}
