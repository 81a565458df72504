//! A bucket of Google Cloud Storage. No server of Google's can be had for tests, and those that others make in its place do not
//! speak this part of its XML API (`schema/mirror.md`, section 8). So the one that is asked here is ours, and stands for what the
//! documentation says (`tests/it/env/gcs.rs`).

use std::process::Stdio;

use crate::bucket::{PREFIX, ada, assert_complete, payload, reader};
use crate::env::{Cloud as _, Gcs, Ran, TOKEN, TestEnv, examples, skill};
use crate::ledger::{export, public, user};
use crate::mirror::judge;

/// Larger than what is sent at once, in bytes.
const LARGE_BYTES: usize = 9 * 1024 * 1024;

/// How often a head was written: each has the next number.
fn serial(gcs: &Gcs, below: &str) -> usize {
    let head = payload(&gcs.objects()[&format!("{below}/head.json")]);
    usize::try_from(head["serial"].as_u64().expect("a number")).expect("small")
}

fn count(gcs: &Gcs, line: &str) -> usize {
    gcs.log().iter().filter(|logged| *logged == line).count()
}

#[test]
fn a_bucket_of_google_is_a_vault_and_holds_a_mirror() {
    let gcs = Gcs::start();
    let (mut ada, id) = ada(&gcs);
    assert!(!gcs.objects().keys().any(|key| key.contains("probe")), "nothing is left of the probe");
    // Bob has a service account, and something that is sent in parts.
    let mut bob = user("bob");
    gcs.configure_account(&mut bob, "GOOGLE_SERVICE_ACCOUNT");
    bob.write("../large/SKILL.md", skill("large", "Has much to say."));
    bob.write("../large/data.bin", noise());
    bob.run(["add", "../large", "--yes"]).ok();
    bob.run(["vault", "add", "team", &gcs.address(PREFIX), "--ledger", &id]).ok();
    let grant = ["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "large-*", "--key"];
    ada.run(grant.iter().copied().chain([public(&bob).as_str()])).ok();
    export(&bob, "large-kit", "1.0.0");
    bob.run(["vault", "push", "team", "large-kit"]).ok();
    let parts = gcs.log().iter().filter(|line| line.starts_with("POST") && line.contains("/bundles/")).count();
    assert_eq!(parts, 2, "it was begun, and put together: {:#?}", gcs.log());
    // Somebody was quicker: the generation that was read is no more.
    export(&ada, "kit", "1.1.0");
    gcs.disturb();
    let pushed = ada.json(&["vault", "push", "team", "kit"]);
    assert_eq!(pushed["tries"], 2, "{pushed}");
    assert_eq!(count(&gcs, "PUT vault/head.json 412"), 1);
    // A mirror in another folder, and readers elsewhere, who have the account in the files that all of Google's programs read.
    ada.run(["vault", "mirror", "add", "team", &gcs.address("mirror")]).ok();
    ada.run(["vault", "mirror", "push", "team"]).ok();
    let releases = ["kit--v1.0.0", "kit--v1.1.0", "large-kit--v1.0.0"];
    for place in [PREFIX, "mirror"] {
        let mut reader = TestEnv::with_collection();
        match place {
            PREFIX => gcs.configure_account(&mut reader, "GOOGLE_APPLICATION_CREDENTIALS"),
            _ => {
                gcs.configure_base(&mut reader);
                let file = "../home/.config/gcloud/application_default_credentials.json";
                reader.write(file, std::fs::read(gcs.account()).expect("a file"));
            }
        }
        reader.run(["vault", "add", "copy", &gcs.address(place), "--ledger", &id]).ok();
        assert_eq!(reader.json(&["vault", "pull", "copy"])["releases"], 3);
        reader.run(["import", "copy:large-kit", "--yes"]).ok();
        assert!(std::fs::read(reader.path("skills/large/data.bin")).expect("a file") == noise(), "{place}");
        reader.run(["vault", "check", "copy", "--remote", "--read-data"]).ok();
        judge(&ada, &gcs.public(place), &releases);
        assert_eq!(count(&gcs, &format!("PUT {place}/head.json 200")), serial(&gcs, place), "none was written over");
    }
    assert_complete(&gcs.objects(), "the vault");
    assert_eq!(gcs.unguarded(), [""; 0], "nothing that several change is written without a condition");
    // Whoever has no good token gets nothing in, and the token is not told.
    let before = gcs.objects();
    for token in ["", "ya29.WRONG-a0AfH6SMBx7_token"] {
        ada.set("GOOGLE_BEARER_TOKEN", token);
        if token.is_empty() {
            // A key of somebody else's.
            Gcs::start().configure_account(&mut ada, "GOOGLE_SERVICE_ACCOUNT");
            gcs.configure_base(&mut ada);
        }
        let told = ada.run(["vault", "checkpoint", "team"]);
        assert_eq!(told.code, Some(1), "{told:?}");
        assert!(told.stderr.contains("refuses access") && !told.stderr.contains("WRONG"), "{told:?}");
    }
    assert_eq!(gcs.objects(), before);
    let mut grep = ada.command("grep");
    grep.args(["--recursive", "--files-with-matches", "--fixed-strings", TOKEN]).arg(ada.root());
    assert_eq!(crate::env::Ran::of(grep).stdout, "", "it is in no file");
}

/// The same bytes each time, which cannot be made smaller.
fn noise() -> Vec<u8> {
    let mut state = 1_u64;
    let next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The lower bits of such numbers repeat themselves soon.
        [32, 40, 48, 56].map(|shift| (state >> shift & 0xff) as u8)
    };
    std::iter::repeat_with(next).flatten().take(LARGE_BYTES).collect()
}

/// Google lets an object change once in a second. Whoever is held back comes again: one who tries what a store heeds, which is
/// several changes of one file, and those who publish at once.
#[test]
fn those_who_publish_to_a_bucket_of_google_at_once_all_get_in() {
    let gcs = Gcs::start();
    gcs.hold_back();
    let tries = race(&gcs, 3, 1);
    assert!(tries >= 3, "{tries}");
    assert!(gcs.log().iter().any(|line| line.ends_with(" 429")), "somebody was held back");
    assert_eq!(count(&gcs, "PUT vault/head.json 200"), serial(&gcs, PREFIX), "none was written over");
    assert_eq!(gcs.unguarded(), [""; 0], "nothing that several change is written without a condition");
}

#[test]
fn a_bucket_of_google_that_heeds_no_generations_is_found_out() {
    let gcs = Gcs::start();
    let mut ada = user("ada");
    gcs.configure(&mut ada);
    ada.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
    gcs.ignore_conditions();
    ada.refused("policy", &["vault", "init", &gcs.address(PREFIX)]);
    assert!(gcs.objects().is_empty(), "nothing is left");
}

/// So many users publish so many releases each, all at once. Returns how many tries that took.
fn race(cloud: &Gcs, users: usize, releases: usize) -> u64 {
    let (ada, id) = ada(cloud);
    let all: Vec<TestEnv> = (0..users)
        .map(|number| {
            let mut one = user(&format!("user{number}"));
            cloud.configure(&mut one);
            one.run(["add", examples().to_str().expect("a path"), "--all", "--yes"]).ok();
            one.run(["vault", "add", "team", &cloud.address(PREFIX), "--ledger", &id]).ok();
            let (mail, key) = (format!("user{number}@example.invalid"), public(&one));
            let bundles = format!("kit-{number}");
            ada.run(["vault", "role", "grant", "team", &mail, "publisher", "--bundles", &bundles, "--key", &key]).ok();
            (0..releases).for_each(|release| export(&one, &bundles, &format!("1.{release}.0")));
            one
        })
        .collect();
    let first = assert_complete(&cloud.objects(), "before");
    let tries = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for (number, one) in all.iter().enumerate() {
            let tries = &tries;
            scope.spawn(move || {
                for release in 0..releases {
                    let name = format!("kit-{number}@1.{release}.0");
                    let mut command = one.program(["--format", "json", "vault", "push", "team", &name]);
                    command.stdin(Stdio::null());
                    let pushed = Ran::of(command).ok();
                    let tried = pushed.value()["data"]["tries"].as_u64().expect("a number");
                    tries.fetch_add(tried, std::sync::atomic::Ordering::SeqCst);
                }
            });
        }
    });
    let last = assert_complete(&cloud.objects(), "after");
    assert_eq!(last, first + (users * releases) as u64, "each is there once, and no number twice");
    let mut names = vec!["kit--v1.0.0".to_owned()];
    for number in 0..users {
        names.extend((0..releases).map(|release| format!("kit-{number}--v1.{release}.0")));
    }
    judge(&ada, &cloud.public(PREFIX), &names.iter().map(String::as_str).collect::<Vec<_>>());
    let reader = reader(cloud, &id);
    assert_eq!(reader.json(&["vault", "ls", "team"]).as_array().expect("a list").len(), names.len());
    tries.into_inner()
}
