//! Archives that two readers of ZIP read in two ways, in the fourteen families of the paper "My ZIP isn't your ZIP"
//! (USENIX Security 2025), built on our own packs: other tools open many of them, and we open none.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::Path;

use skillmeat::model::{Compression, FileMode, TreePath};
use skillmeat::pack::{Contents, Fault, Limits, write_pack};

use super::raw::{Archive, deflated, stored};
use super::{COMMIT, TAG, families, fault, read_all};
use crate::env::{Ran, TestEnv};

/// Fewest different archives.
const ENOUGH: usize = 300;

type File = (&'static str, bool, &'static [u8]);

/// The files of the pack: one that gets smaller, one that may run, one whose name is not ASCII, one without content.
const FILES: [File; 4] = [
    ("LICENSE", false, b"MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT MIT\n"),
    ("skills/pdf/Größe.md", false, b"abcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabcabc"),
    ("skills/pdf/empty", false, b""),
    ("skills/pdf/run.sh", true, b"#!/bin/sh\necho echo echo echo echo echo echo echo echo echo\n"),
];

struct Texts;

impl Contents for Texts {
    fn size(&self, index: usize) -> u64 {
        FILES[index].2.len() as u64
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(FILES[index].2.to_vec())
    }
}

/// A pack that is right in every field, as fields.
fn good(compression: Compression) -> Archive {
    Archive::of(FILES.map(|(name, may_run, content)| {
        let small = content.is_empty() || compression == Compression::Store;
        let entry = if small { stored(name, content) } else { deflated(name, content) };
        entry.with(|entry| entry.attributes = if may_run { 0o100_755 << 16 } else { 0o100_644 << 16 })
    }))
}

/// The same as our writer makes it: what the archives are built on are packs.
#[test]
fn what_they_are_built_on_are_packs() {
    let files: Vec<(TreePath, FileMode)> = FILES
        .iter()
        .map(|(path, may_run, _)| {
            (path.parse().expect("a path"), if *may_run { FileMode::Executable } else { FileMode::Regular })
        })
        .collect();
    let env = TestEnv::new();
    for compression in [Compression::Store, Compression::Deflate] {
        let mut out = Vec::new();
        write_pack(TAG, COMMIT, &files, &Texts, compression, &Limits::default(), &mut out).expect("written");
        assert_eq!(good(compression).bytes(), out, "{compression:?}");
        read_all(&env.root().join("pack"), &out).expect("a pack");
        // What fuzzing starts from, as it is made by this version: `UPDATE_SEEDS=1` writes it.
        let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/pack").join(compression.word());
        if std::env::var_os("UPDATE_SEEDS").is_some() {
            fs::write(&seed, &out).expect("a file");
        }
        assert!(fs::read(&seed).expect("a seed") == out, "{} is of another version", seed.display());
    }
}

#[test]
fn archives_with_two_readings_are_refused_and_others_open_many() {
    let env = TestEnv::new();
    let folder = env.root().join("archives");
    fs::create_dir(&folder).expect("a folder");
    let (mut seen, mut counts) = (BTreeSet::new(), BTreeMap::<&str, usize>::new());
    for compression in [Compression::Store, Compression::Deflate] {
        let good = good(compression);
        for (family, make) in families::ALL {
            for (at, bytes) in make(&good).into_iter().enumerate() {
                let file = folder.join(format!("{family}-{}-{at}", compression.word()));
                let fault = fault(&file, &bytes);
                assert!(
                    matches!(fault, Some(Fault::Pack | Fault::Path | Fault::Limit | Fault::Hash)),
                    "{}: {fault:?}",
                    file.display()
                );
                match seen.insert(bytes) {
                    true => *counts.entry(family).or_default() += 1,
                    false => fs::remove_file(file).expect("a file"),
                }
            }
        }
    }
    assert_eq!(counts.len(), 14);
    assert!(seen.len() >= ENOUGH, "{}", seen.len());
    let by_python = opened_by_python(&env, &folder);
    let by_unzip = opened_by_unzip(&env, &folder);
    let told = format!("{} archives: {counts:?}, by zipfile: {by_python:?}, by unzip: {by_unzip:?}", seen.len());
    // They are archives, not noise: each family has some that another reader takes.
    let all = |counts: &BTreeMap<String, usize>| counts.values().sum::<usize>();
    assert!(all(&by_python) > seen.len() / 2 && all(&by_unzip) > 100, "{told}");
    for family in counts.keys() {
        assert!(
            by_python.contains_key(*family) || by_unzip.contains_key(*family),
            "{family}: nobody opens any: {told}"
        );
    }
}

/// Counts file names by what stands before the first dash.
fn by_family(names: &str) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names.lines() {
        *counts.entry(name.split('-').next().unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

/// Which archives Python opens and lists.
fn opened_by_python(env: &TestEnv, folder: &Path) -> BTreeMap<String, usize> {
    let script = "import os, sys, zipfile\nfor name in sorted(os.listdir(sys.argv[1])):\n try:\n  \
        if zipfile.ZipFile(os.path.join(sys.argv[1], name)).namelist(): print(name)\n except Exception: pass\n";
    let mut command = env.command("python3");
    command.args(["-c", script]).arg(folder);
    by_family(&Ran::of(command).ok().stdout)
}

/// Of the first twenty archives of each family, which `unzip` tests without a complaint.
fn opened_by_unzip(env: &TestEnv, folder: &Path) -> BTreeMap<String, usize> {
    let script = "cd \"$1\" && for f in *-[0-9] *-1[0-9]; do unzip -P x -tqq \"$f\" </dev/null >/dev/null 2>&1 && echo \"$f\"; done; true";
    let mut command = env.command("sh");
    command.args(["-c", script, "sh"]).arg(folder);
    by_family(&Ran::of(command).ok().stdout)
}
