//! Which entries hold, and what follows from them.

use super::*;
use crate::trust::ledger::chain::commits;

#[test]
fn a_chain_that_follows_the_rules_holds() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&ada, publish("kit--v1.0.0"));
    chain.add(&ada, EntryBody::Checkpoint { expires: 2_000_000_000 });
    let ledger = chain.read().expect("holds");
    assert_eq!((ledger.number(), ledger.releases().count()), (3, 2));
    assert_eq!(ledger.checkpoint(), Some((3, 2_000_000_000)));
    assert_eq!(vouch(&chain, "pdf-a--v1.0.0", &bob).expect("vouched for").principal, "bob");
    // Verified before, so the signatures are not checked again, and the result is the same.
    let again = read_ledger(&chain, ledger.head(), Known::Checked(ledger.head())).expect("holds");
    assert_eq!(format!("{again:?}"), format!("{ledger:?}"));
}

/// Rows 37 and 58, and that every type has its role.
#[test]
fn row_37_nobody_does_what_their_role_does_not_say() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let start = Chain::start(&Roles::start(&ada, &bob), &ada);
    let cases: Vec<(&Key, EntryBody, Class)> = vec![
        (&bob, publish("kit--v1.0.0"), Class::Untrusted),
        (&bob, publish("pdf--v1.0.0"), Class::Untrusted),
        (&eve, publish("pdf-a--v1.0.0"), Class::Untrusted),
        (&bob, revoke(&ada, 1), Class::Untrusted),
        (&bob, EntryBody::Checkpoint { expires: 2_000_000_000 }, Class::Untrusted),
        (&ada, revoke(&bob, 7), Class::Untrusted),
        (&ada, EntryBody::Revoke { key: "no key".to_owned(), since: 0, reason: "x".to_owned() }, Class::Parse),
        (
            &ada,
            EntryBody::Yank { release: "kit--v1.0.0".parse().expect("a release"), reason: "x".to_owned() },
            Class::Policy,
        ),
    ];
    for (key, body, class) in cases {
        let mut chain = start.clone();
        chain.add(key, body.clone());
        assert_eq!(chain.refused(), (1, class), "{body:?}");
    }
}

#[test]
fn row_58_a_version_is_published_once_for_ever() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    let yank = EntryBody::Yank { release: "kit--v1.0.0".parse().expect("a release"), reason: "broken".to_owned() };
    chain.add(&ada, publish("kit--v1.0.0")).add(&ada, yank);
    assert_eq!(vouch(&chain, "kit--v1.0.0", &ada).expect("vouched for").yanked.as_deref(), Some("broken"));
    chain.add(&ada, publish("kit--v1.0.0"));
    assert_eq!(chain.refused(), (3, Class::Policy));
}

/// Row 51: a tag of one time with the ledger of another, files of a third.
#[test]
fn row_51_what_is_listed_is_exactly_that() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&ada, publish("kit--v1.0.0"));
    let ledger = chain.read().expect("holds");
    let release: Release = "kit--v1.0.0".parse().expect("a release");
    let refusal = ledger.vouch(&release, tag_of("other"), &ada.public()).expect_err("another tag");
    assert_eq!(refusal.class(), Class::Hash);
    let refusal = ledger.check_content(&release, Digest::of(b"other"), None).expect_err("another tree");
    assert_eq!(refusal.class(), Class::Hash);
    assert!(ledger.check_content(&release, Digest::of(b"kit--v1.0.0"), None).is_ok());
    let unknown: Release = "kit--v2.0.0".parse().expect("a release");
    assert_eq!(ledger.vouch(&unknown, tag_of("x"), &ada.public()).expect_err("unknown").class(), Class::Untrusted);
    // Signed by someone else than may publish it, whoever made the entry.
    assert!(matches!(ledger.vouch(&release, tag_of("kit--v1.0.0"), &bob.public()), Err(Refusal::NotAllowed { .. })));
}

/// A server that sends ever more is stopped, in words of its own. What is known is not read, and does not count.
#[test]
fn entries_of_too_many_bytes_are_refused_as_such() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    let (known, first) = (chain.read().expect("holds"), chain.raw.len());
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&bob, publish("pdf-b--v1.0.0"));
    let all: usize = chain.commits.values().map(Vec::len).sum();
    for (base, bytes, count) in [(None, all, 3), (Some(&known), all - first, 2)] {
        let read = |max_bytes| commits(&chain, chain.head.expect("a head"), base, max_bytes);
        assert_eq!(read(bytes).expect("as much as may be").0.len(), count);
        let error = read(bytes - 1).expect_err("one byte too many");
        assert!(matches!(error, LedgerError::TooLarge(most) if most == bytes - 1), "{error}");
        assert_eq!(error.class(), Class::Limit);
    }
}
