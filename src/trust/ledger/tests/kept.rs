//! A ledger that was kept, and one that is read on from what is known, are the ledger that is read whole.

use proptest::prelude::*;

use super::*;

/// What the next entry is, in small numbers: who signs, what it says, about which of a few releases and keys.
type Draw = (u8, u8, u8, u8);

/// Adds entries, leaving out those that no reader would take; returns how the chain stood after each.
fn grow(draws: &[Draw]) -> Vec<Chain> {
    let keys: Vec<Key> = (1..=4).map(Key::new).collect();
    let mut roles = Roles::start(&keys[0], &keys[1]);
    roles.roles.extend([("cat", Role::Admin, ""), ("dan", Role::Checkpoint, "")]);
    roles.signers.extend([("cat", keys[2].line()), ("dan", keys[3].line())]);
    let mut steps = vec![Chain::start(&roles, &keys[0])];
    for (who, what, about, since) in draws {
        let now = steps.last().expect("a start").clone();
        let (by, release) = (&keys[usize::from(who % 4)], format!("pdf-{}--v1.{}.0", about % 3, about / 3 % 4));
        let named = || release.parse::<Release>().expect("a release");
        let mut next = now.clone();
        match what % 7 {
            0..=2 => next.add(by, publish(&release)),
            3 => next.add(by, EntryBody::Yank { release: named(), reason: format!("reason {since} — ü") }),
            4 => next.add(by, revoke(&keys[usize::from(about % 4)], u64::from(*since) % (now.number + 2))),
            5 => next.add(by, EntryBody::Checkpoint { expires: 1_795_356_000 + u64::from(*since) }),
            _ => {
                let mut changed = roles.clone();
                changed.version += 1;
                changed.revoked = if since % 2 == 0 { Vec::new() } else { vec![(keys[2].line(), now.number)] };
                next.root(&changed, &keys[0], &[&keys[0]]);
                if next.read().is_ok() {
                    roles = changed;
                }
                &mut next
            }
        };
        if next.read().is_ok() {
            steps.push(next);
        }
    }
    steps
}

fn same(a: &Ledger, b: &Ledger) -> bool {
    format!("{a:?}") == format!("{b:?}")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Cut anywhere, kept there and read on, also over several cuts: the result is that of one who reads it whole.
    #[test]
    fn a_ledger_is_the_same_however_it_was_read(
        draws in proptest::collection::vec(any::<Draw>(), 0..24),
        cuts in proptest::collection::vec(any::<usize>(), 1..4),
    ) {
        let steps = grow(&draws);
        let last = steps.last().expect("a start");
        let whole = last.read().expect("holds");
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % steps.len()).collect();
        cuts.sort_unstable();
        let mut known = steps[cuts[0]].read().expect("holds");
        for cut in cuts.into_iter().chain([steps.len() - 1]) {
            let kept = Ledger::from_bytes(&known.to_bytes().expect("small")).expect("was kept");
            prop_assert!(same(&kept, &known));
            known = read_ledger(last, steps[cut].head.expect("a head"), Known::Read(&kept)).expect("holds");
        }
        prop_assert!(same(&known, &whole));
        // Its bytes depend on nothing but what it says.
        prop_assert_eq!(known.to_bytes(), whole.to_bytes());
    }
}

/// A thief takes a release back; that their key is revoked is learnt only after the cut.
#[test]
fn what_was_taken_back_by_a_thief_is_there_again_also_for_who_has_kept_it() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    let release: Release = "pdf-a--v1.0.0".parse().expect("a release");
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    chain.add(&bob, EntryBody::Yank { release: release.clone(), reason: "gone".to_owned() });
    let kept = Ledger::from_bytes(&chain.read().expect("holds").to_bytes().expect("small")).expect("was kept");
    assert_eq!(kept.yanked(&release), Some("gone"));
    chain.add(&ada, revoke(&bob, 2));
    let after = read_ledger(&chain, chain.head.expect("a head"), Known::Read(&kept)).expect("holds");
    assert_eq!(after.yanked(&release), None);
    assert!(same(&after, &chain.read().expect("holds")));
}

/// Only what is new is read: nothing before the head that is known is asked for.
#[test]
fn one_new_entry_is_one_commit() {
    struct Counted<'a>(&'a Chain, std::cell::RefCell<Vec<Oid>>);
    impl LedgerStore for Counted<'_> {
        fn commit(&self, id: Oid) -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
            self.1.borrow_mut().push(id);
            self.0.commit(id)
        }
        fn files(&self, tree: Oid) -> Result<Files, Box<dyn std::error::Error + Send + Sync>> {
            self.0.files(tree)
        }
    }
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    for version in 0..20 {
        chain.add(&bob, publish(&format!("pdf-a--v1.{version}.0")));
    }
    let known = chain.read().expect("holds");
    chain.add(&bob, publish("pdf-b--v1.0.0"));
    let counted = Counted(&chain, Default::default());
    let head = chain.head.expect("a head");
    assert_eq!(read_ledger(&counted, head, Known::Read(&known)).expect("holds").number(), 21);
    assert_eq!(*counted.1.borrow(), [head]);
}

/// The rules hold for what comes after what is known, and one that does not go on from there is judged whole.
#[test]
fn what_is_known_lets_nothing_else_in() {
    let (ada, bob, eve) = (Key::new(1), Key::new(2), Key::new(3));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    let known = chain.read().expect("holds");
    let read = |chain: &Chain| read_ledger(chain, chain.head.expect("a head"), Known::Read(&known));
    for (by, body) in [(&eve, publish("pdf-b--v1.0.0")), (&bob, publish("pdf-a--v1.0.0"))] {
        let mut next = chain.clone();
        next.add(by, body);
        let Err(LedgerError::Entry { number: 2, .. }) = read(&next) else { panic!("entry 2 is refused") };
    }
    // Beside it, and before it: read whole, for its caller to compare.
    let mut before = Chain::start(&Roles::start(&ada, &bob), &ada);
    let back = read(&before).expect("holds");
    assert_eq!((back.number(), back.id()), (0, known.id()));
    before.add(&bob, publish("pdf-a--v9.0.0"));
    let beside = read(&before).expect("holds");
    assert!(same(&beside, &before.read().expect("holds")));
    // A chain beside it whose older entries are not signed is not believed for what is known.
    let mut unsigned = Chain::start(&Roles::start(&ada, &bob), &ada);
    unsigned.add(&eve, publish("pdf-a--v1.0.0"));
    let Err(LedgerError::Entry { number: 1, .. }) = read(&unsigned) else { panic!("entry 1 is refused") };
}

/// Any change of what was kept is noticed, and so are ends that are missing or too much.
#[test]
fn no_byte_of_what_was_kept_can_be_changed() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0")).add(&ada, revoke(&bob, 2));
    let bytes = chain.read().expect("holds").to_bytes().expect("small");
    assert!(Ledger::from_bytes(&bytes).is_some());
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Ledger::from_bytes(&changed).is_none(), "byte {at}");
        assert!(Ledger::from_bytes(&bytes[..at]).is_none(), "cut at {at}");
    }
    assert!(Ledger::from_bytes(&[&bytes[..], b"x"].concat()).is_none());
}

/// Bytes that carry their own SHA-256 and are no ledger: nothing breaks on them.
#[test]
fn what_is_no_ledger_is_passed_over_whatever_its_sum_says() {
    let (ada, bob) = (Key::new(1), Key::new(2));
    let mut chain = Chain::start(&Roles::start(&ada, &bob), &ada);
    chain.add(&bob, publish("pdf-a--v1.0.0"));
    let bytes = chain.read().expect("holds").to_bytes().expect("small");
    let start = bytes.iter().position(|byte| *byte == b'\n').expect("a title") + 1;
    let sealed = |body: &[u8]| [&bytes[..start], &Digest::of(body).bytes()[..], body].concat();
    let body = &bytes[start + 32..];
    assert!(Ledger::from_bytes(&sealed(body)).is_some());
    for at in 0..body.len() {
        assert!(Ledger::from_bytes(&sealed(&body[..at])).is_none(), "cut at {at}");
        for value in [0, 1, 0x7f, 0xff] {
            let mut changed = body.to_vec();
            changed[at] = value;
            // Some are another ledger; none is a panic.
            let _ = Ledger::from_bytes(&sealed(&changed)).map(|ledger| ledger.to_bytes());
        }
    }
}
