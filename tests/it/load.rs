//! Many publish to one vault at once, and some of them are killed: each release that was acknowledged is there once, and the
//! ledger has no gap.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::env::{Ran, TestEnv};
use crate::ledger::{address, export, public, vault_git};
use crate::server;

/// One publish that was acknowledged.
struct Acknowledged {
    release: String,
    /// Its entry; `None` where a run that was killed had made it.
    number: Option<u64>,
    tries: u64,
}

/// Numbers that look random and are the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// The owner of a vault, and people who may each publish a bundle of their own, of which they have `releases` versions.
fn team(writers: usize, releases: usize, guarded: bool) -> (TestEnv, Vec<TestEnv>) {
    let ada = server::author("ada");
    server::bare(&ada);
    if guarded {
        server::guard(&ada);
    }
    let id = ada.json(&["vault", "init", "../vault.git"])["ledger"].as_str().expect("an id").to_owned();
    ada.run(["vault", "add", "team", "../vault.git", "--ledger", &id]).ok();
    let make = |index: usize| {
        let name = format!("w{index}");
        let writer = server::author(&name);
        (1..releases).for_each(|minor| export(&writer, &format!("{name}-kit"), &format!("1.{minor}.0")));
        writer.run(["vault", "add", "team", &address(&ada), "--ledger", &id]).ok();
        writer
    };
    let team: Vec<TestEnv> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers).map(|index| scope.spawn(move || make(index))).collect();
        threads.into_iter().map(|thread| thread.join().expect("ends")).collect()
    });
    for (index, writer) in team.iter().enumerate() {
        let (mail, bundles) = (format!("w{index}@example.invalid"), format!("w{index}-*"));
        let key = public(writer);
        ada.run(["vault", "role", "grant", "team", &mail, "publisher", "--bundles", &bundles, "--key", &key]).ok();
    }
    (ada, team)
}

/// Publishes all releases of a writer in order, one process for each. Some are killed, at random, and started again.
fn publish(writer: &TestEnv, index: usize, releases: usize, kills: u64) -> (Vec<Acknowledged>, u64) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ (index as u64 + 1));
    let (mut done, mut killed) = (Vec::new(), 0);
    for minor in 0..releases {
        let release = format!("w{index}-kit@1.{minor}.0");
        loop {
            let mut command = writer.program(["--json", "vault", "push", "team", &release]);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
            if dice.below(100) < kills {
                std::thread::sleep(Duration::from_millis(dice.below(1_500)));
                if child.try_wait().expect("is there").is_none() {
                    child.kill().expect("is killed");
                    child.wait().expect("is gone");
                    killed += 1;
                    continue;
                }
            }
            let data = Ran::from(child.wait_with_output().expect("ends")).ok().value()["data"].take();
            let release = data["release"].as_str().expect("a release").to_owned();
            let tries = data["tries"].as_u64().expect("a number");
            assert_eq!(data["number"].is_u64(), data["already_there"] == false, "{data}");
            done.push(Acknowledged { release, number: data["number"].as_u64(), tries });
            break;
        }
    }
    (done, killed)
}

/// Runs the load; returns how many pushes were rejected for each that was accepted.
fn load(writers: usize, releases: usize, guarded: bool, kills: u64) -> f64 {
    let (ada, team) = team(writers, releases, guarded);
    let started = Instant::now();
    let all: Vec<_> = std::thread::scope(|scope| {
        let run = |(index, writer)| scope.spawn(move || publish(writer, index, releases, kills));
        let threads: Vec<_> = team.iter().enumerate().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("each writer gets through")).collect()
    });
    let took = started.elapsed();
    // What a killed process had started may still be at work.
    crate::env::wait_until_nobody_works_in(ada.root());
    let killed: u64 = all.iter().map(|(_, killed)| killed).sum();
    vault_git(&ada, &["fsck", "--strict", "--no-dangling"]);
    ada.run(["vault", "pull", "team"]).ok();
    let log = ada.json(&["vault", "log", "team", "--limit", "100000"]);
    let mut entries: Vec<_> = log.as_array().expect("a list").clone();
    entries.reverse();
    let numbers: Vec<_> = entries.iter().map(|entry| entry["number"].as_u64().expect("a number")).collect();
    let expected = 1 + writers + writers * releases;
    assert_eq!(numbers, (0..expected as u64).collect::<Vec<_>>(), "no gap, and nothing twice");
    assert_eq!(vault_git(&ada, &["rev-list", "--count", "skillmeat-ledger"]), expected.to_string());
    assert_eq!(vault_git(&ada, &["rev-list", "--count", "main"]), (1 + writers * releases).to_string());
    let published = entries.iter().filter(|entry| entry["type"] == "publish");
    let place = |entry: &serde_json::Value| (entry["subject"].to_string(), entry["number"].as_u64());
    let at: BTreeMap<_, _> = published.map(place).collect();
    assert_eq!(at.len(), writers * releases);
    let (mut accepted, mut tries) = (0, 0);
    for (done, _) in &all {
        let mut last = None;
        for one in done {
            let number = at[&format!("\"{}\"", one.release)];
            assert!(one.number.is_none() || one.number == number, "{} is where it was said to be", one.release);
            assert!(number > last, "{}: each writer's releases stand in the order of their publishing", one.release);
            last = number;
            vault_git(&ada, &["rev-parse", "--verify", "--quiet", &format!("refs/tags/{}", one.release)]);
            accepted += u64::from(one.number.is_some());
            tries += if one.number.is_some() { one.tries } else { 0 };
        }
    }
    let most = all.iter().flat_map(|(done, _)| done).map(|one| one.tries).max().unwrap_or(0);
    let rejected = (tries - accepted) as f64 / accepted as f64;
    #[allow(clippy::print_stderr, clippy::disallowed_macros, reason = "these numbers are what the run is for")]
    {
        eprintln!(
            "{writers} writers of {releases} releases, {}: {accepted} accepted and {} made by runs that were killed ({killed}), \
             {rejected:.2} rejections for each accepted, at most {most} tries, {:.1} s",
            if guarded { "guarded" } else { "no hooks" },
            (writers * releases) as u64 - accepted,
            took.as_secs_f64()
        );
    }
    rejected
}

#[test]
fn a_few_who_publish_at_once_and_are_killed_lose_nothing() {
    load(4, 3, true, 15);
}

#[test]
#[ignore = "takes a minute and both processors; .ci/run runs it"]
fn eight_writers_of_fifteen_releases_lose_nothing() {
    assert!(load(8, 15, false, 8) < 2.0, "too many rejections");
}

#[test]
#[ignore = "takes a minute and both processors; .ci/run runs it"]
fn eight_writers_of_fifteen_releases_lose_nothing_on_a_guarded_server() {
    assert!(load(8, 15, true, 8) < 2.0, "too many rejections");
}
