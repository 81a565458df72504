//! Servers that break off or send what is broken (rows 79 to 82 of `schema/threats.md`): nothing of it is kept, and the next run works.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::env::{Asked, Mode, TestEnv, skill};

/// What the server does to the answers, counted over all bytes that it sends.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// The connection ends after so many bytes.
    Cut(usize),
    /// This byte is another one.
    Flip(usize),
}

struct Broken {
    server: Asked,
    fault: Arc<Mutex<Fault>>,
    sent: Arc<AtomicUsize>,
}

impl Broken {
    fn new(env: &TestEnv) -> Self {
        let text = format!(
            "{}\n{}",
            skill("one", "text"),
            "words of a skill that are not all the same 0123456789\n".repeat(40)
        );
        let notes: String = (0..200).map(|number: u32| format!("{}\n", number.wrapping_mul(2_654_435_761))).collect();
        let git = env.source(
            "r",
            &[("skills/one/SKILL.md", &text, Mode::File), ("skills/one/notes.md", &notes, Mode::Executable)],
        );
        git.git(&["config", "uploadpack.allowFilter", "true"], b"");
        let fault = Arc::new(Mutex::new(Fault::None));
        let sent = Arc::new(AtomicUsize::new(0));
        let (of, so_far) = (Arc::clone(&fault), Arc::clone(&sent));
        let server = Asked::git(env.root(), move |body| {
            let before = so_far.fetch_add(body.len(), Ordering::SeqCst);
            match *of.lock().expect("nobody panics") {
                Fault::Cut(at) if at < before + body.len() => Some(at.saturating_sub(before)),
                Fault::Flip(at) if (before..before + body.len()).contains(&at) => {
                    body[at - before] ^= 0x20;
                    None
                }
                _ => None,
            }
        });
        Self { server, fault, sent }
    }

    fn set(&self, fault: Fault) {
        *self.fault.lock().expect("nobody panics") = fault;
        self.sent.store(0, Ordering::SeqCst);
    }
}

#[test]
fn what_breaks_off_or_is_broken_on_the_way_is_never_taken() {
    let env = TestEnv::with_collection();
    let broken = Broken::new(&env);
    let url = broken.server.url("r.git");
    let add = ["--collection", "../other", "add", &url, "--all", "--yes"];
    env.run(["init", "../other"]).ok();
    env.run(add).ok();
    let whole = broken.sent.load(Ordering::SeqCst);
    let (good, tree) = (env.root().join("other"), "HEAD:skills");
    let rev = |folder: &str| env.git(["-C", folder, "rev-parse", tree]);
    let expected = rev("../other");
    assert!(whole > 1_000 && good.exists(), "{whole} bytes");
    let sources = env.home().join(".skillmeat/sources");
    let faults = (0..whole).step_by(whole / 20).flat_map(|at| [Fault::Cut(at), Fault::Flip(at)]);
    let mut refused = 0;
    for fault in faults {
        std::fs::remove_dir_all(&sources).expect("a folder");
        broken.set(fault);
        let head = env.head();
        let ran = env.run(["add", &url, "--all", "--yes"]);
        if ran.code == Some(0) {
            // A byte of a message, or one that git does not use; or the answers were shorter, since git says how far it is.
            let reached = broken.sent.load(Ordering::SeqCst);
            assert!(matches!(fault, Fault::Flip(_)) || matches!(fault, Fault::Cut(at) if at >= reached), "{ran:#?}");
            assert_eq!(rev("."), expected);
            env.run(["undo"]).ok();
            continue;
        }
        refused += 1;
        ran.assert_message();
        assert_eq!(env.head(), head);
        // Every store is sound, holds no half of a pack, and is of use.
        for store in std::fs::read_dir(&sources).into_iter().flatten().flatten() {
            let path = store.path();
            if path.extension().is_some_and(|extension| extension == "git") {
                env.git(["-C", path.to_str().expect("UTF-8"), "fsck", "--no-dangling"]);
                for file in std::fs::read_dir(path.join("objects/pack")).into_iter().flatten().flatten() {
                    assert!(!file.file_name().to_string_lossy().starts_with("tmp_"), "{}", file.path().display());
                }
            }
        }
        broken.set(Fault::None);
        env.run(["add", &url, "--all", "--yes"]).ok();
        assert_eq!(rev("."), expected);
        env.run(["undo"]).ok();
    }
    assert!(refused > 20, "{refused}");
}
