//! Any bytes as a pack: no panic, no more than declared, and what is taken and stored has no other spelling.
#![no_main]

use std::error::Error;
use std::io::Write as _;

use git_skillmeat_fuzz::plain;
use libfuzzer_sys::fuzz_target;
use skillmeat::model::{Compression, FileMode, TreePath};
use skillmeat::pack::{Contents, Limits, Pack, PackError, write_pack};

/// Small, so that no run takes long.
const LIMITS: Limits = Limits { pack_bytes: 1 << 20, unpacked_bytes: 4 << 20, file_bytes: 1 << 20, files: 1000 };

struct Texts(Vec<Vec<u8>>);

impl Contents for Texts {
    fn size(&self, index: usize) -> u64 {
        self.0[index].len() as u64
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        Ok(self.0[index].clone())
    }
}

fn read(bytes: &[u8]) -> Result<(), PackError> {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("written");
    let pack = Pack::open(file, &LIMITS)?;
    let (tag, commit) = (pack.tag()?, pack.commit()?);
    let (mut files, mut texts): (Vec<(TreePath, FileMode)>, _) = (Vec::new(), Vec::new());
    for (index, file) in pack.files().iter().enumerate() {
        let mut text = Vec::new();
        let done = pack.read(index, &mut |piece| text.extend_from_slice(piece));
        assert!(text.len() as u64 <= file.size, "'{}' is longer than declared", file.path);
        done?;
        assert_eq!(text.len() as u64, file.size);
        files.push((file.path.clone(), file.mode));
        texts.push(text);
    }
    if pack.check_packed(None).is_ok() {
        let mut again = Vec::new();
        let limits = Limits::default();
        write_pack(&tag, &commit, &files, &Texts(texts), Compression::Store, &limits, &mut again).expect("written");
        assert_eq!(again, bytes, "another spelling of the same was accepted");
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    if let Err(error) = read(bytes) {
        plain(&error);
    }
});
