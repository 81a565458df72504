//! What is written is read back; what may not be written is not.

use std::io;

use proptest::prelude::*;

use super::*;

fn write(samples: &[Sample], limits: &Limits) -> Result<Written, PackError> {
    let (files, contents) = list(samples);
    write_pack(TAG, COMMIT, &files, &contents, Compression::Deflate, limits, &mut io::sink())
}

#[test]
fn a_pack_is_read_back_in_path_order() {
    let bytes = pack(&SAMPLES, Compression::Deflate);
    let pack = open(&bytes).expect("good");
    let mut sorted = SAMPLES.to_vec();
    sorted.sort_by_key(|(path, ..)| *path);
    assert_eq!((pack.size(), pack.digest().expect("read")), (bytes.len() as u64, Digest::of(&bytes)));
    assert_eq!((pack.tag().expect("good"), pack.commit().expect("good")), (TAG.to_vec(), COMMIT.to_vec()));
    for (index, (path, mode, bytes)) in sorted.into_iter().enumerate() {
        let size = bytes.len() as u64;
        assert_eq!(pack.files()[index], PackFile { path: path.parse().expect("a path"), mode, size });
        assert_eq!(content(&pack, index).expect("good"), bytes);
    }
}

#[test]
fn several_threads_read_one_pack() {
    let text = b"some text, some text, some text\n".repeat(5000);
    let names: Vec<_> = (0..20).map(|index| format!("f{index:02}")).collect();
    let samples: Vec<Sample> = names.iter().map(|name| (&**name, FileMode::Regular, &*text)).collect();
    let pack = open(&super::pack(&samples, Compression::Deflate)).expect("good");
    std::thread::scope(|scope| {
        for index in 0..20 {
            let (pack, text) = (&pack, &text);
            scope.spawn(move || assert_eq!(&content(pack, index).expect("good"), text));
        }
    });
}

#[test]
fn a_pack_without_files_is_a_pack() {
    let pack = open(&pack(&[], Compression::Store)).expect("good");
    assert!(pack.files().is_empty());
}

#[test]
fn what_may_not_be_read_is_not_written() {
    let file = |path| (path, FileMode::Regular, &b"x"[..]);
    let limits = Limits::default();
    let fault = |samples: &[Sample]| write(samples, &limits).expect_err("refused").fault();
    assert_eq!(fault(&[file("a"), file("A")]), Fault::Path);
    assert_eq!(fault(&[file("a"), file("a")]), Fault::Pack);
    assert_eq!(fault(&[file("a"), file("a/b")]), Fault::Pack);
    for path in [".skillmeat/tag", ".skillmeat/x", ".SkillMeat/x", ".skillmeat"] {
        assert_eq!(fault(&[file(path)]), Fault::Pack, "{path}");
    }
}

#[test]
fn limits_hold_for_the_writer() {
    let limits = Limits { pack_bytes: 2_000, unpacked_bytes: 300, file_bytes: 50, files: 5 };
    let text = [b'x'; 51];
    let names = ["a", "b", "c", "d", "e", "f"];
    let samples = |count: usize, bytes: usize| {
        names[..count].iter().map(|name| (*name, FileMode::Regular, &text[..bytes])).collect::<Vec<_>>()
    };
    assert!(write(&samples(4, 50), &limits).is_ok());
    let what = |samples: &[Sample], limits: &Limits| match write(samples, limits) {
        Err(PackError::Limit { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(what(&samples(6, 1), &limits), LimitKind::Files);
    assert_eq!(what(&samples(1, 51), &limits), LimitKind::File("a".into()));
    assert_eq!(what(&samples(5, 50), &limits), LimitKind::Unpacked);
    assert_eq!(what(&samples(4, 50), &Limits { pack_bytes: 500, ..limits }), LimitKind::Pack);
    let long = vec![0; 65_537];
    let error =
        write_pack(&long, COMMIT, &[], &Vec::<Vec<u8>>::new(), Compression::Store, &Limits::default(), &mut io::sink());
    assert_eq!(error.expect_err("refused").fault(), Fault::Limit);
}

/// Fails from the third file on.
struct Failing;

impl Contents for Failing {
    fn size(&self, _index: usize) -> u64 {
        20_000
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        if index < 2 { Ok(vec![1; 20_000]) } else { Err(format!("no content {index}").into()) }
    }
}

#[test]
fn the_first_content_that_fails_is_named() {
    let files: Vec<_> = (0..9).map(|index| (format!("f{index}").parse().expect("a path"), FileMode::Regular)).collect();
    let limits = Limits::default();
    for _ in 0..20 {
        let result = write_pack(TAG, COMMIT, &files, &Failing, Compression::Store, &limits, &mut io::sink());
        let error = result.expect_err("fails");
        assert!(matches!(&error, PackError::Contents { path, .. } if path == "f2"), "{error}");
        assert_eq!(error.fault(), Fault::Io);
        assert_eq!(error.source().expect("a cause").to_string(), "no content 2");
    }
}

/// Takes so many bytes and then no more.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error_wherever_it_happens() {
    let (files, contents) = list(&SAMPLES);
    let write =
        |most| write_pack(TAG, COMMIT, &files, &contents, Compression::Store, &Limits::default(), &mut Full(most));
    let size = write(1_000_000).expect("fits").size as usize;
    for most in (0..size).step_by(7) {
        assert_eq!(write(most).expect_err("full").fault(), Fault::Io);
    }
    assert!(write(size).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_written_is_read_back(
        files in proptest::collection::btree_map(
            "[a-d]{1,3}(/[a-dé.]{1,4}x){0,3}",
            (any::<bool>(), proptest::collection::vec(0_u8..9, 0..3000)),
            0..20,
        ),
        deflate in any::<bool>(),
        tag in proptest::collection::vec(any::<u8>(), 0..100),
    ) {
        let list: Vec<(TreePath, FileMode)> = files.iter().map(|(path, (executable, _))| {
            let mode = if *executable { FileMode::Executable } else { FileMode::Regular };
            (path.parse().expect("a path"), mode)
        }).collect();
        let contents: Vec<_> = files.values().map(|(_, content)| content.clone()).collect();
        let compression = if deflate { Compression::Deflate } else { Compression::Store };
        let mut out = Vec::new();
        let written = write_pack(&tag, COMMIT, &list, &contents, compression, &Limits::default(), &mut out);
        if crate::model::check_set(list.iter().map(|(path, _)| path)).is_err() {
            prop_assert!(written.is_err());
            return Ok(());
        }
        let pack = open(&out).expect("good");
        prop_assert_eq!(pack.tag().expect("good"), tag);
        prop_assert_eq!(pack.digest().expect("read"), written.expect("written").digest);
        for (index, file) in pack.files().iter().enumerate() {
            prop_assert_eq!((&file.path, file.mode), (&list[index].0, list[index].1));
            prop_assert_eq!(&content(&pack, index).expect("good"), &contents[index]);
        }
        prop_assert_eq!(pack.files().len(), list.len());
    }

    #[test]
    fn any_bytes_are_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(open(&bytes).is_err());
    }

    /// Several bytes overwritten: what is still taken has at least the tag and commit that it had.
    #[test]
    fn mutated_packs_never_panic(changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = pack(&SAMPLES, Compression::Deflate);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(all) = read_all(&bytes) {
            prop_assert_eq!((&*all.tag, &*all.commit), (TAG, COMMIT));
        }
    }
}
