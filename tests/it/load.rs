//! Many publish to one vault at once, and some of them are killed: each release that was acknowledged is there once, and the
//! ledger has no gap.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::env::{Cloud as _, Ran, S3, TestEnv, wait_until_nobody_works_in};
use crate::ledger::{address, export, public, vault_git};
use crate::{bucket, mirror, server};

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

/// What the vault of a team is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A bare repository.
    Bare,
    /// One whose server enforces the ledger.
    Guarded,
    /// A bucket alone.
    Bucket,
}

/// The owner of a vault, and people who may each publish a bundle of their own, of which they have some versions.
struct Team {
    ada: TestEnv,
    writers: Vec<TestEnv>,
    /// The bucket, where the vault is one.
    s3: Option<S3>,
}

impl Team {
    fn new(writers: usize, releases: usize, place: Place) -> Self {
        let s3 = (place == Place::Bucket).then(S3::start);
        let author = |name: &str| {
            let mut author = server::author(name);
            s3.iter().for_each(|s3| s3.configure(&mut author));
            author
        };
        let ada = author("ada");
        let url = if place == Place::Bucket { bucket::address() } else { address(&ada) };
        if place != Place::Bucket {
            server::bare(&ada);
        }
        if place == Place::Guarded {
            server::guard(&ada);
        }
        let id = ada.json(&["vault", "init", &url])["ledger"].as_str().expect("an id").to_owned();
        ada.run(["vault", "add", "team", &url, "--ledger", &id]).ok();
        let make = |index: usize| {
            let name = format!("w{index}");
            let writer = author(&name);
            (1..releases).for_each(|minor| export(&writer, &format!("{name}-kit"), &format!("1.{minor}.0")));
            writer.run(["vault", "add", "team", &url, "--ledger", &id]).ok();
            writer
        };
        let writers: Vec<TestEnv> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..writers).map(|index| scope.spawn(move || make(index))).collect();
            threads.into_iter().map(|thread| thread.join().expect("ends")).collect()
        });
        for (index, writer) in writers.iter().enumerate() {
            let (mail, bundles) = (format!("w{index}@example.invalid"), format!("w{index}-*"));
            let key = public(writer);
            ada.run(["vault", "role", "grant", "team", &mail, "publisher", "--bundles", &bundles, "--key", &key]).ok();
        }
        Self { ada, writers, s3 }
    }

    /// Lets the outside judges look at the vault, which holds exactly these releases; returns a repository for plain git to ask.
    fn judge(&self, tags: &[String], killed: u64) -> String {
        let Some(s3) = &self.s3 else {
            let mut found: Vec<_> = vault_git(&self.ada, &["tag", "--list"]).lines().map(str::to_owned).collect();
            found.sort();
            assert_eq!(found, tags, "exactly what was published");
            vault_git(&self.ada, &["fsck", "--strict", "--no-dangling"]);
            return address(&self.ada);
        };
        bucket::assert_complete(&s3.objects(), "after all");
        let file = |name: &str| s3.get(&format!("{}/{name}", bucket::PREFIX)).expect("is there");
        let head = bucket::payload(&file("head.json"))["head"].as_str().expect("an id").to_owned();
        if !String::from_utf8_lossy(&file("info/refs")).contains(&head) {
            // The last who wrote was killed before plain git was told; that is for the next who writes.
            assert!(killed > 0, "nobody was killed, and plain git is behind");
            self.ada.run(["vault", "checkpoint", "team"]).ok();
        }
        let tags: Vec<_> = tags.iter().map(String::as_str).collect();
        mirror::judge(&self.ada, &s3.public(bucket::PREFIX), &tags)
    }
}

/// Publishes all releases of a writer in order, one process for each. Some are killed, at random, and started again.
fn publish(writer: &TestEnv, index: usize, releases: usize, kills: u64) -> (Vec<Acknowledged>, u64) {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(index as u64 + 1));
    let (mut done, mut killed) = (Vec::new(), 0);
    // How long the fastest publish took here and now, in milliseconds: whoever is killed is in the midst of one.
    let mut fastest = None;
    for minor in 0..releases {
        let release = format!("w{index}-kit@1.{minor}.0");
        loop {
            let mut command = writer.program(["--json", "vault", "push", "team", &release]);
            let started = Instant::now();
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
            // Whoever came through so far is killed early in the last one.
            let is_last_chance = kills > 0 && killed == 0 && minor + 1 == releases;
            if dice.below(100) < kills || is_last_chance {
                let most = fastest.unwrap_or(100) / if is_last_chance { 4 } else { 1 };
                std::thread::sleep(Duration::from_millis(dice.below(most.max(1))));
                if child.try_wait().expect("is there").is_none() {
                    child.kill().expect("is killed");
                    child.wait().expect("is gone");
                    killed += 1;
                    continue;
                }
            }
            let ran = child.wait_with_output().expect("ends");
            let took = u64::try_from(started.elapsed().as_millis()).expect("not for ever").max(1);
            let data = Ran::from(ran).ok().value()["data"].take();
            let release = data["release"].as_str().expect("a release").to_owned();
            let tries = data["tries"].as_u64().expect("a number");
            if data["number"].is_u64() {
                fastest = Some(took.min(fastest.unwrap_or(u64::MAX)));
            }
            assert_eq!(data["number"].is_u64(), data["already_there"] == false, "{data}");
            done.push(Acknowledged { release, number: data["number"].as_u64(), tries });
            break;
        }
    }
    (done, killed)
}

/// Runs the load; returns how many pushes were rejected for each that was accepted.
fn load(writers: usize, releases: usize, place: Place, kills: u64) -> f64 {
    let team = Team::new(writers, releases, place);
    let started = Instant::now();
    let all: Vec<_> = std::thread::scope(|scope| {
        let run = |(index, writer)| scope.spawn(move || publish(writer, index, releases, kills));
        let threads: Vec<_> = team.writers.iter().enumerate().map(run).collect();
        threads.into_iter().map(|thread| thread.join().expect("each writer gets through")).collect()
    });
    let took = started.elapsed();
    let (ada, killed) = (&team.ada, all.iter().map(|(_, killed)| killed).sum::<u64>());
    assert!(kills == 0 || killed > 0, "nobody was killed");
    // What a killed process had started may still be at work.
    [ada].into_iter().chain(&team.writers).for_each(|user| wait_until_nobody_works_in(user.root()));
    let tag = |(index, minor)| format!("w{index}-kit--v1.{minor}.0");
    let mut tags: Vec<_> =
        (0..writers).flat_map(|index| (0..releases).map(move |minor| (index, minor))).map(tag).collect();
    tags.sort();
    let plain = team.judge(&tags, killed);
    ada.run(["vault", "pull", "team"]).ok();
    ada.run(["vault", "check", "team"]).ok();
    let log = ada.json(&["vault", "log", "team", "--limit", "100000"]);
    let mut entries: Vec<_> = log.as_array().expect("a list").clone();
    entries.reverse();
    let count = |branch: &str| ada.git(["-C", &plain, "rev-list", "--count", branch]);
    assert_eq!(count("skillmeat-ledger"), entries.len().to_string());
    assert_eq!(count("main"), (1 + writers * releases).to_string());
    // That of the judge.
    entries.pop_if(|last| last["type"] == "checkpoint");
    let numbers: Vec<_> = entries.iter().map(|entry| entry["number"].as_u64().expect("a number")).collect();
    let expected = 1 + writers + writers * releases;
    assert_eq!(numbers, (0..expected as u64).collect::<Vec<_>>(), "no gap, and nothing twice");
    let published = entries.iter().filter(|entry| entry["type"] == "publish");
    let at = |entry: &serde_json::Value| (entry["subject"].to_string(), entry["number"].as_u64());
    let at: BTreeMap<_, _> = published.map(at).collect();
    assert_eq!(at.len(), writers * releases);
    let (mut accepted, mut tries) = (0, 0);
    for (done, _) in &all {
        let mut last = None;
        for one in done {
            let number = at[&format!("\"{}\"", one.release)];
            assert!(one.number.is_none() || one.number == number, "{} is where it was said to be", one.release);
            assert!(number > last, "{}: each writer's releases stand in the order of their publishing", one.release);
            last = number;
            assert!(tags.contains(&one.release), "{} is there", one.release);
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
            format!("{place:?}").to_lowercase(),
            (writers * releases) as u64 - accepted,
            took.as_secs_f64()
        );
    }
    rejected
}

#[test]
fn a_few_who_publish_at_once_and_are_killed_lose_nothing() {
    load(4, 3, Place::Guarded, 50);
}

#[test]
fn those_who_publish_to_a_bucket_at_once_and_are_killed_lose_nothing() {
    load(2, 3, Place::Bucket, 50);
}

#[test]
#[ignore = "takes a minute and both processors; .ci/run runs it"]
fn eight_writers_of_fifteen_releases_lose_nothing() {
    assert!(load(8, 15, Place::Bare, 8) < 2.0, "too many rejections");
}

#[test]
#[ignore = "takes a minute and both processors; .ci/run runs it"]
fn eight_writers_of_fifteen_releases_lose_nothing_on_a_guarded_server() {
    assert!(load(8, 15, Place::Guarded, 8) < 2.0, "too many rejections");
}

#[test]
#[ignore = "takes a minute and both processors; .ci/run runs it"]
fn eight_writers_of_fifteen_releases_lose_nothing_in_a_bucket() {
    assert!(load(8, 15, Place::Bucket, 12) < 2.0, "too many rejections");
}
