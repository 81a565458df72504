//! Keys that are believed no longer.

use super::*;

/// Row 59, and that an older release outlives its key.
#[test]
fn row_59_a_stolen_key_is_believed_up_to_the_theft() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    // The thief.
    chain.add(&bob, publish("pdf-a--v1.0.1")).add(&bob, publish("pdf-b--v9.0.0"));
    chain.add(&ada, revoke(&bob, 2));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_ok());
    for release in ["pdf-a--v1.0.1", "pdf-b--v9.0.0"] {
        let refusal = vouch(&chain, release, &bob).expect_err("revoked");
        assert!(matches!(refusal, Refusal::Revoked { since: 2, .. }) && refusal.class() == Class::Untrusted);
    }
    let mut later = chain.clone();
    later.add(&bob, publish("pdf-c--v1.0.0"));
    assert_eq!(later.refused(), (5, Class::Untrusted));
    // From entry 0 on nothing is believed.
    chain.add(&ada, revoke(&bob, 0));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_err());
}

/// A thief with an admin's key revokes whoever could stop them; the root files have the last word.
#[test]
fn a_thief_cannot_revoke_the_owner_for_good() {
    let (root, ada, bob) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&root, &bob);
    roles.roles = vec![("ada", Role::Admin, ""), ("bob", Role::Admin, "")];
    roles.signers = vec![("ada", ada.line()), ("bob", bob.line())];
    let mut chain = Chain::start(&roles, &root);
    chain.add(&ada, publish("kit--v1.0.0"));
    // Bob's key is stolen and revokes ada's.
    chain.add(&bob, revoke(&ada, 0));
    assert!(vouch(&chain, "kit--v1.0.0", &ada).is_err());
    let mut barred = chain.clone();
    assert_eq!(barred.add(&ada, revoke(&bob, 2)).refused(), (3, Class::Untrusted));
    // The root says anew what is revoked: bob's key, from the theft on.
    (roles.version, roles.revoked) = (2, vec![(bob.line(), 2)]);
    chain.root(&roles, &root, &[&root]);
    assert!(vouch(&chain, "kit--v1.0.0", &ada).is_ok());
    chain.add(&ada, publish("kit--v1.1.0"));
    assert!(vouch(&chain, "kit--v1.1.0", &ada).is_ok());
    assert_eq!(chain.add(&bob, publish("kit--v1.2.0")).refused(), (5, Class::Untrusted));
}

#[test]
fn what_a_revoked_admin_revoked_later_is_void() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.roles.push(("eve", Role::Admin, ""));
    roles.signers.push(("eve", eve.line()));
    let mut chain = Chain::start(&roles, &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&eve, revoke(&bob, 0));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_err());
    chain.add(&ada, revoke(&eve, 2));
    assert!(vouch(&chain, "pdf-a--v1.0.0", &bob).is_ok());
}

/// Row 59, for what is not a release: a thief says neither that the ledger is fresh nor that a release is taken back.
#[test]
fn row_59_nothing_else_that_a_thief_said_is_believed_either() {
    let (ada, bob, cli) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.roles.push(("cli", Role::Checkpoint, ""));
    roles.signers.push(("cli", cli.line()));
    let mut chain = Chain::start(&roles, &ada);
    let release: Release = "pdf-a--v1.0.0".parse().expect("a release");
    let yank = || EntryBody::Yank { release: release.clone(), reason: "gone".to_owned() };
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&cli, EntryBody::Checkpoint { expires: 2_000_000_000 });
    chain.add(&cli, EntryBody::Checkpoint { expires: 250_000_000_000 }).add(&bob, yank());
    let before = chain.read().expect("holds");
    assert_eq!((before.checkpoint(), before.yanked(&release)), (Some((3, 250_000_000_000)), Some("gone")));
    chain.add(&ada, revoke(&cli, 3)).add(&ada, revoke(&bob, 4));
    let after = chain.read().expect("holds");
    assert_eq!((after.checkpoint(), after.yanked(&release)), (Some((2, 2_000_000_000)), None));
    assert_eq!(vouch(&chain, "pdf-a--v1.0.0", &bob).expect("vouched for").yanked, None);
    // The owner can still take it back.
    chain.add(&ada, yank());
    assert_eq!(chain.read().expect("holds").yanked(&release), Some("gone"));
}
