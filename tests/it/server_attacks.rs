//! Pushes to the server of a vault that enforces its ledger, by people who may push and mean harm.

use crate::env::Ran;
use crate::ledger::{address, export, public, vault_git};
use crate::server::{LEDGER, NEXT, author, by_hand, copy, declined, fields, guarded, next, taken};

/// Ada may publish, and lists what Bob's key has signed after it was revoked. With one more entry behind it, that is not what a
/// later entry revokes.
#[test]
fn a_key_that_was_revoked_before_brings_no_release_behind_another_entry() {
    let (ada, bob) = (guarded(), author("bob"));
    let bobs = public(&bob);
    let grant =
        ["vault", "role", "grant", "team", "bob@example.invalid", "publisher", "--bundles", "bob-*", "--key", &bobs];
    ada.run(grant).ok();
    ada.run(["trust", "revoke", &bobs, "--vault", "team", "--since", "3", "--reason", "stolen"]).ok();
    let copy = copy(&ada);
    bob.git(["push", "--quiet", &copy, "bob-kit--v1.0.0"]);
    let tag = bob.git(["rev-parse", "bob-kit--v1.0.0"]);
    by_hand(&ada, &copy, &fields(&bob, "bob-kit--v1.0.0", &tag));
    let push = [LEDGER, "refs/tags/bob-kit--v1.0.0"];
    declined(&ada, &copy, &push, "a key that is revoked since entry 3");
    for _ in 0..2 {
        by_hand(&ada, &copy, "type: checkpoint\nexpires: 2026-12-22T00:00:00Z\n");
        declined(&ada, &copy, &push, "a key that is revoked since entry 3");
    }
}

/// A tag that is there, that was lost, and that a push without its entry has left, each with another tag object in its place.
#[test]
fn a_tag_moves_only_to_where_the_ledger_lists_it() {
    let ada = guarded();
    let copy = next(&ada);
    let (first, right) = ("refs/tags/ada-kit--v1.0.0", ada.git(["rev-parse", "ada-kit--v2.0.0"]));
    // The same release in all but the date of its tag, and so in another tag object.
    let other = |name: &str, day: u64| {
        let text = ada.git(["-C", &copy, "tag", "--list", "--format=%(contents:subject)%0a%0a%(contents:body)", name]);
        let mut tag = ada.command("git");
        tag.env("GIT_COMMITTER_DATE", format!("{} +0000", 1_795_356_000 + day * 86_400));
        tag.args(["-C", &copy, "tag", "-s", "-f", "-m", &text, name, &format!("{name}^{{}}")]);
        Ran::of(tag).ok();
        ada.git(["-C", &copy, "rev-parse", &format!("refs/tags/{name}")])
    };
    // Another beside an entry that is good by itself.
    other("ada-kit--v1.0.0", 1);
    declined(&ada, &copy, &[LEDGER, NEXT, first], "the release 'ada-kit--v1.0.0' would be replaced");
    // The server has lost it, and anyone offers another.
    let listed = vault_git(&ada, &["rev-parse", first]);
    vault_git(&ada, &["update-ref", "-d", first]);
    declined(&ada, &copy, &[first], "error: the tag of 'ada-kit--v1.0.0' is");
    declined(&ada, &copy, &[LEDGER, NEXT, first], "error: the tag of 'ada-kit--v1.0.0' is");
    ada.git(["-C", &copy, "update-ref", first, &listed]);
    taken(&ada, &copy, &[first]);
    // One that the ledger does not list stands in its place. It gives way to what is listed, and to nothing else.
    let left = other("ada-kit--v2.0.0", 1);
    ada.git(["-C", &address(&ada), "fetch", "--quiet", &copy, &format!("{NEXT}:{NEXT}")]);
    assert_eq!(vault_git(&ada, &["rev-parse", NEXT]), left);
    other("ada-kit--v2.0.0", 2);
    declined(&ada, &copy, &[NEXT], "the release 'ada-kit--v2.0.0' would be replaced");
    declined(&ada, &copy, &[LEDGER, NEXT], "the release 'ada-kit--v2.0.0' would be replaced");
    declined(&ada, &copy, &[LEDGER], "the tag of 'ada-kit--v2.0.0' is");
    ada.git(["-C", &copy, "update-ref", NEXT, &right]);
    ada.git(["-C", &copy, "push", "--quiet", "--atomic", "--force", &address(&ada), LEDGER, NEXT]);
    assert_eq!(vault_git(&ada, &["rev-parse", NEXT]), right);
}

#[test]
fn what_stands_in_the_way_of_a_vault_is_refused_whatever_its_owner_wants() {
    let ada = guarded();
    let copy = copy(&ada);
    vault_git(&ada, &["config", "skillmeat.allowOtherRefs", "true"]);
    // Below the name of a release that may come, and of the branches; what git's short names would take for one of them; and
    // below a release that is there, in words of ours.
    for name in [
        "refs/tags/ada-kit--v2.0.0/x",
        "refs/tags/ada-kit--v2.0.0/x/y",
        "refs/heads/skillmeat-ledger/x",
        "refs/heads/main/x",
        "refs/heads/refs/tags/ada-kit--v2.0.0",
        "refs/tags/refs/heads/skillmeat-ledger",
        "refs/tags/origin/skillmeat-ledger",
        "refs/tags/ada-kit--v1.0.0/x",
    ] {
        declined(
            &ada,
            &copy,
            &[&format!("refs/heads/main:{name}")],
            "in the way of what a vault is made of; give it another",
        );
    }
    for name in
        ["refs/tags/ada-kit/x", "refs/heads/ada-kit--v2.0.0/x", "refs/heads/origin/x", "refs/heads/skillmeat-ledger-x"]
    {
        taken(&ada, &copy, &[&format!("refs/heads/main:{name}")]);
    }
    export(&ada, "ada-kit", "2.0.0");
    ada.run(["vault", "push", "team", "ada-kit"]).ok();
}
