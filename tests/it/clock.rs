//! Row 60: the reader's clock is wrong, or jumps while the program runs. What it decides of a release does not change by it; only a
//! checkpoint is worth nothing any more.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::env::{Ran, TestEnv};
use crate::ledger::{ada, address, public, reader, user};

/// Two years, in seconds.
const TWO_YEARS: i64 = 2 * 365 * 24 * 60 * 60;

/// A library that stands before the system's clock: it adds so many seconds to the time of day, at every second call only where it
/// is told to jump.
const SHIFTED: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t which, struct timespec *time) {
    static unsigned calls;
    long failed = syscall(SYS_clock_gettime, which, time);
    const char *shift = getenv("CLOCK_SHIFT");
    if (failed || which != CLOCK_REALTIME || !shift) return (int)failed;
    if (!getenv("CLOCK_JUMPS") || calls++ % 2) time->tv_sec += atol(shift);
    return 0;
}
"#;

/// Builds that library with the C compiler that every Rust toolchain for Linux links with.
fn library(folder: &Path) -> PathBuf {
    let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
    fs::write(&source, SHIFTED).expect("a file");
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).stdin(Stdio::null());
    let _ = Ran::of(command).ok();
    library
}

/// Runs the program by a clock that is wrong by so many seconds.
fn at(env: &TestEnv, library: &Path, seconds: i64, jumps: bool, args: &[&str]) -> Ran {
    let mut command = env.program(args);
    command.env("LD_PRELOAD", library).env("CLOCK_SHIFT", seconds.to_string());
    if jumps {
        command.env("CLOCK_JUMPS", "1");
    }
    Ran::of(command)
}

#[test]
fn row_60_another_clock_changes_what_is_fresh_and_nothing_else() {
    let (ada, id) = ada();
    let library = library(ada.root());
    ada.run(["vault", "checkpoint", "team"]).ok();
    let witness = user("walt");
    witness.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
    witness.run(["vault", "witness", "team", "--output", "../seen.txt"]).ok();
    let reader = reader(&ada, &["--ledger", &id]);
    reader.config("skillmeat.witness", witness.root().join("seen.txt").to_str().expect("UTF-8"));
    reader.run(["trust", "add", "walt@example.invalid", "--key", &public(&witness)]).ok();
    let pack = ada.root().join("kit-1.0.0.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8");
    let clocks = [(0, false), (-TWO_YEARS, false), (TWO_YEARS, false), (TWO_YEARS, true), (-TWO_YEARS, true)];
    for (seconds, jumps) in clocks {
        let by = |args: &[&str]| at(&reader, &library, seconds, jumps, args);
        let level = by(&["--format", "json", "verify", pack]).ok().value()["data"]["level"].as_u64();
        // By a clock that is behind, what has expired seems fresh: that is all that a wrong one costs.
        let expected: &[u64] = if seconds > 0 && jumps {
            &[3, 4]
        } else if seconds > 0 {
            &[3]
        } else {
            &[4]
        };
        assert!(level.is_some_and(|level| expected.contains(&level)), "{seconds} s, {jumps}: {level:?}");
        by(&["vault", "pull", "team"]).ok();
        by(&["import", "team:kit", "--dry-run"]).ok();
        reader.config("skillmeat.policy", "strict");
        let strict = by(&["--format", "json", "verify", pack]);
        reader.config("skillmeat.policy", "team");
        by(&["verify", pack]).ok();
        let class = strict.value()["error"]["class"].as_str().map(str::to_owned);
        // One that jumps shows either of the two times.
        let expected: &[Option<&str>] = match (seconds > 0, jumps) {
            (false, _) => &[None],
            (true, false) => &[Some("stale")],
            (true, true) => &[None, Some("stale")],
        };
        assert!(expected.contains(&class.as_deref()), "{seconds} s, {jumps}: {class:?}");
    }
}

/// Without a ledger the date that counts is the tag's, not the reader's.
#[test]
fn row_60_a_key_is_judged_at_the_time_of_its_tag() {
    let env = TestEnv::with_key();
    let library = library(env.root());
    let key = public(&env);
    env.allow_text(&format!("tester@example.invalid valid-after=\"20260101Z\",valid-before=\"20270101Z\" {key}\n"));
    env.add_skill("one", "text");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit"]).ok();
    for (seconds, jumps) in [(-TWO_YEARS, false), (TWO_YEARS, false), (TWO_YEARS, true)] {
        at(&env, &library, seconds, jumps, &["verify", "../kit"]).ok();
        at(&env, &library, seconds, jumps, &["import", "../kit", "--dry-run"]).ok();
    }
    // The clock did turn: what is written down has the time that it showed.
    let year = |seconds: i64| {
        let version = format!("2.0.{seconds}");
        let export = ["export", "kit", "--version", &version, "--all", "--output", "../other"];
        at(&env, &library, seconds, false, &export).ok();
        let entry = env.git(["log", "-1", "--format=%B", "refs/skillmeat/audit"]);
        let time = entry.lines().find_map(|line| line.strip_prefix("time: ")).expect("a time").to_owned();
        time[..4].parse::<i64>().expect("a year")
    };
    assert!((1..=2).contains(&(year(TWO_YEARS) - year(0))));
}
