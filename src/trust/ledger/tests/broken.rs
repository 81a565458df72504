//! What is no chain, or is written another way.

use super::*;
use crate::signature::SignedCommit;

/// Rows 53 and 54: gaps, jumps, two parents, another order, no signature.
#[test]
fn row_54_a_chain_that_is_no_chain_is_refused() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut start = Chain::start(&Roles::start(&ada, &bob), &ada);
    start.add(&ada, publish("kit--v1.0.0"));
    let head = start.head.expect("a head");
    let changed = |change: &dyn Fn(&mut LedgerEntry)| {
        let mut entry = start.entry(publish("kit--v2.0.0"));
        change(&mut entry);
        let mut chain = start.clone();
        chain.commit_entry(&ada, &entry.render(), &[head]);
        chain.refused()
    };
    assert_eq!(changed(&|entry| entry.number = 1), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.number = 3), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.number = (1 << 53) - 1), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.prev = Some(Digest::of(b"other"))), (2, Class::Fork));
    assert_eq!(changed(&|entry| entry.id = LedgerId::Repo(Digest::of(b"other"))), (2, Class::Untrusted));
    // Row 60: no clock is used.
    let mut far = start.entry(publish("kit--v2.0.0"));
    far.time = 4_000_000_000;
    let mut chain = start.clone();
    assert!(chain.commit_entry(&ada, &far.render(), &[head]).read().is_ok());
    // Two parents; none.
    let text = start.entry(publish("kit--v2.0.0")).render();
    let mut chain = start.clone();
    assert_eq!(chain.commit_entry(&ada, &text, &[head, head]).refused(), (2, Class::Fork));
    let mut chain = start.clone();
    assert_eq!(chain.commit_entry(&ada, &text, &[]).refused(), (0, Class::Fork));
    // Not signed; signed over other bytes.
    let mut chain = start.clone();
    let payload = format!(
        "tree {}\nparent {head}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n{text}",
        start.tree.expect("a tree")
    );
    assert_eq!(chain.put(payload.clone().into_bytes()).refused(), (2, Class::Fork));
    let mut chain = start.clone();
    let raw = attach_to_commit(payload.as_bytes(), &ada.sign(GIT_NAMESPACE, b"other")).expect("a commit");
    assert_eq!(chain.put(raw).refused(), (2, Class::Signature));
    // Row 36: a good signature of another namespace.
    let mut chain = start.clone();
    let raw = attach_to_commit(payload.as_bytes(), &ada.sign(ROOT_NAMESPACE, payload.as_bytes())).expect("a commit");
    assert_eq!(chain.put(raw).refused(), (2, Class::Signature));
    // A second beginning.
    let mut chain = start.clone();
    let mut entry = start.entry(EntryBody::Root { version: 1 });
    (entry.id, entry.prev) = (LedgerId::Nonce("1".repeat(32)), None);
    assert_eq!(chain.commit_entry(&ada, &entry.render(), &[head]).refused(), (2, Class::Fork));
    // Files change in an entry that may not change them.
    let mut chain = start.clone();
    chain.tree = Some(tag_of("x"));
    assert_eq!(chain.commit_entry(&ada, &text, &[head]).refused(), (2, Class::Policy));
}

/// A server makes no second head out of a signature that it has: the same one in lines of another length.
#[test]
fn row_49_a_signature_has_one_spelling() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    let before = chain.clone();
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    assert!(chain.read().is_ok());
    let signed = SignedCommit::parse(&chain.raw).expect("a commit").expect("a signature");
    let base64: String =
        String::from_utf8_lossy(&signed.armour).lines().filter(|line| !line.starts_with('-')).collect();
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let armour = format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"));
    let mut twin = before;
    twin.put(attach_to_commit(&signed.payload, &armour).expect("a commit"));
    assert_eq!(twin.refused(), (1, Class::Signature));
}

/// No byte of a ledger can be changed.
#[test]
fn no_byte_of_a_ledger_can_be_changed() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    let raw = chain.raw.clone();
    let head = chain.head.expect("a head");
    for at in 0..raw.len() {
        let mut changed = chain.clone();
        let mut bytes = raw.clone();
        bytes[at] ^= 1;
        // Under the old id, as a store would that gives other bytes than were asked for.
        changed.commits.insert(head, bytes);
        assert!(changed.read().is_err(), "byte {at} of {}", String::from_utf8_lossy(&raw));
    }
}
