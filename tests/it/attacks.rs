//! Attacks on packs and signatures, through the real program or against an outside judge; `tests/attacks/README.md`
//! is the table of all of them.

mod agent;
mod ambiguous;
mod families;
mod forged;
mod json;
mod ledgers;
mod numbers;
mod packs;
mod pages;
mod parts;
mod places;
#[path = "../../src/pack/tests/raw.rs"]
mod raw;
mod signatures;
mod table;
mod texts;

use std::path::Path;

use skillmeat::pack::{Fault, Limits, Pack, PackError};

pub use self::table::tests;

/// What stands for a tag where only the container is looked at.
const TAG: &[u8] = b"object 1\ntype commit\ntag kit--v1.0.0\n";
/// What stands for a commit there.
const COMMIT: &[u8] = b"tree 1\nauthor A <a@example.org> 0 +0000\n";

/// Reads a pack to its end and throws away what it says; `file` is overwritten.
fn read_all(file: &Path, bytes: &[u8]) -> Result<(), PackError> {
    std::fs::write(file, bytes).expect("a file");
    let pack = Pack::open(std::fs::File::open(file).expect("a file"), &Limits::default())?;
    pack.tag()?;
    pack.commit()?;
    (0..pack.files().len()).try_for_each(|index| pack.read(index, &mut |_| ()))
}

/// Returns why a pack is refused, `None` when it is not; the message must be fit for a terminal.
fn fault(file: &Path, bytes: &[u8]) -> Option<Fault> {
    let error = read_all(file, bytes).err()?;
    let message = error.to_string();
    assert!(message.len() < 4096 && !message.chars().any(char::is_control), "{message}");
    Some(error.fault())
}
