//! Trust files, and who signs them.

use super::*;

/// Rows 56 and 57: versions go up by one, and both the old and the new people sign.
#[test]
fn row_56_and_57_root_files_follow_each_other() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.threshold = 2;
    roles.keys = vec![("ada", ada.line()), ("bob", bob.line())];
    let mut start = Chain::default();
    start.root(&roles, &ada, &[&ada, &bob]);
    assert!(start.read().is_ok());
    let mut next = roles.clone();
    next.version = 2;
    next.keys = vec![("ada", ada.line()), ("eve", eve.line())];
    let with = |roles: &Roles, by: &Key, signed_by: &[&Key]| {
        let mut chain = start.clone();
        chain.root(roles, by, signed_by).clone()
    };
    assert!(with(&next, &ada, &[&ada, &bob, &eve]).read().is_ok());
    // Only the new, only the old, only one of two.
    for signed_by in [&[&ada, &eve][..], &[&ada, &bob], &[&ada], &[&eve], &[]] {
        assert_eq!(with(&next, &ada, signed_by).refused(), (1, Class::Untrusted), "{}", signed_by.len());
    }
    // Versions 1, 1 and 3 after 1.
    for version in [1, 3] {
        let mut skipped = next.clone();
        skipped.version = version;
        if version == 1 {
            let files = skipped.files(None, &[&ada, &bob, &eve]);
            let mut chain = start.clone();
            assert_eq!(chain.root_files(files, 1, &ada).refused(), (1, Class::Untrusted));
        } else {
            assert_eq!(with(&skipped, &ada, &[&ada, &bob, &eve]).refused(), (1, Class::Untrusted));
        }
    }
    // The entry names another version than the file has.
    let files = next.files(start.id, &[&ada, &bob, &eve]);
    let mut chain = start.clone();
    assert_eq!(chain.root_files(files, 3, &ada).refused(), (1, Class::Untrusted));
    // An entry by someone without a root key.
    let mut outsider = next.clone();
    outsider.keys.push(("dan", Key::new(9).line()));
    assert_eq!(with(&outsider, &eve, &[&ada, &bob, &eve]).refused(), (1, Class::Untrusted));
}

/// Row 39: people are counted, not signatures.
#[test]
fn row_39_someone_with_two_keys_counts_once() {
    let (ada, spare, bob) = (Key::new(1), Key::new(2), Key::new(3));
    let mut roles = Roles::start(&ada, &bob);
    roles.threshold = 2;
    roles.keys = vec![("ada", ada.line()), ("ada", spare.line()), ("bob", bob.line())];
    let mut alone = Chain::default();
    assert_eq!(alone.root(&roles, &ada, &[&ada, &spare]).refused(), (0, Class::Untrusted));
    let mut both = Chain::default();
    assert!(both.root(&roles, &ada, &[&spare, &bob]).read().is_ok());
}

/// Rows 35, 38 and 41, and files that were exchanged.
#[test]
fn row_38_trust_files_give_away_no_more_than_they_may() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let roles = Roles::start(&ada, &bob);
    let good = roles.files(None, &[&ada]);
    let with = |change: &dyn Fn(&mut Files)| {
        let mut files = good.clone();
        change(&mut files);
        let mut chain = Chain::default();
        chain.root_files(files, 1, &ada).refused().1
    };
    // A list with another line in it, signed as it should be.
    let signers = |line: String| {
        let list = format!("ada namespaces=\"{SIGNER_NAMESPACES}\" {}\n{line}\n", ada.line());
        let mut root = RootFile::parse(&good["trust/root.toml"]).expect("parses");
        root.allowed_signers = Digest::of(list.as_bytes());
        let text = root.render();
        let mut files = good.clone();
        files.insert(root_signature_path(&ada.public()), ada.sign(ROOT_NAMESPACE, text.as_bytes()).into_bytes());
        files.insert("trust/root.toml".to_owned(), text.into_bytes());
        files.insert("trust/allowed_signers".to_owned(), list.into_bytes());
        let mut chain = Chain::default();
        chain.root_files(files, 1, &ada).refused().1
    };
    let (key, ours) = (bob.line(), format!("namespaces=\"{SIGNER_NAMESPACES}\""));
    for line in [
        format!("* {ours} {key}"),
        format!("bob,eve {ours} {key}"),
        format!("!bob {ours} {key}"),
        format!("bob {key}"),
        format!("bob namespaces=\"*\" {key}"),
        format!("bob cert-authority,{ours} {key}"),
        format!("bob {ours} {}", ada.line()),
    ] {
        assert_eq!(signers(line.clone()), Class::Policy, "{line}");
    }
    assert_eq!(with(&|files| drop(files.remove("trust/revoked_keys"))), Class::Untrusted);
    assert_eq!(with(&|files| drop(files.insert("trust/revoked_keys".to_owned(), b"x".to_vec()))), Class::Untrusted);
    assert_eq!(with(&|files| drop(files.insert("trust/allowed_signers".to_owned(), Vec::new()))), Class::Untrusted);
    assert_eq!(with(&|files| drop(files.insert("trust/extra".to_owned(), Vec::new()))), Class::Policy);
    // A signature under the name of another key; one of nobody.
    let name = root_signature_path(&ada.public());
    assert_eq!(
        with(&|files| {
            let armour = files.remove(&name).expect("a signature");
            files.insert(root_signature_path(&bob.public()), armour);
        }),
        Class::Untrusted
    );
    let text = good["trust/root.toml"].clone();
    assert_eq!(
        with(&|files| {
            files.insert(root_signature_path(&bob.public()), bob.sign(ROOT_NAMESPACE, &text).into_bytes());
        }),
        Class::Untrusted
    );
}

/// Row 41: everything is valid, but of another ledger.
#[test]
fn row_41_root_files_of_another_ledger_are_refused() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut roles = Roles::start(&ada, &bob);
    let mut chain = Chain::start(&roles, &ada);
    roles.version = 2;
    let files = roles.files(Some(Digest::of(b"other")), &[&ada]);
    assert_eq!(chain.root_files(files, 2, &ada).refused(), (1, Class::Untrusted));
}
