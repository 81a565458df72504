//! A bucket of Google Cloud Storage. No server of Google's can be had for tests, and those that others make in its place do not
//! speak this part of its XML API (`schema/mirror.md`, section 8). So the one that is asked here is ours, and stands for what the
//! documentation says (`tests/it/env/gcs.rs`).

use crate::bucket::{PREFIX, ada, assert_complete, payload, race};
use crate::env::{Cloud as _, Gcs, TOKEN, TestEnv, examples, skill};
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
