//! Processes that are killed, race, or meet a disk that is full or closed to them: afterwards there is the old state
//! or the new one, and the next command works.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use skillmeat::model::Digest;

use crate::env::{Depth, KEY, Ran, TestEnv, program, skill};

/// Kills of each command.
const KILLS: u32 = 15;

/// Skills of the source, so that a run takes long enough to be killed in the middle.
const SKILLS: usize = 40;

/// Writes a folder of many skills beside the collection.
fn many(env: &TestEnv) -> String {
    let folder = env.root().join("many");
    for index in 0..SKILLS {
        let name = format!("skill-{index}");
        let one = folder.join(&name);
        fs::create_dir_all(one.join("references")).expect("a folder");
        fs::write(one.join("SKILL.md"), skill(&name, "text")).expect("a file");
        fs::write(one.join("references/more.md"), format!("more of {name}\n").repeat(20)).expect("a file");
    }
    folder.to_str().expect("UTF-8").to_owned()
}

/// Starts the program and kills it after `delay`. Returns whether it was still running.
fn kill_after(env: &TestEnv, args: &[&str], delay: Duration) -> bool {
    let mut command = env.program(args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
    std::thread::sleep(delay);
    let running = child.try_wait().expect("is there").is_none();
    child.kill().expect("is killed");
    child.wait().expect("is gone");
    running
}

/// Kills `args` at many moments of a run from the state that `prepare` makes; each time there is the old state or the
/// new one, and `args` works again.
fn kill_often(prepare: impl Fn() -> TestEnv, args: &[&str]) {
    let env = prepare();
    let words = args;
    let (old, old_refs) = (env.head(), env.refs());
    let started = Instant::now();
    env.run(words).ok();
    let mut whole = started.elapsed();
    let (new_tree, new_refs) = (env.git(["rev-parse", "HEAD^{tree}"]), names_of(&env.refs()));
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut killed = 0;
    for round in 0..KILLS {
        // Spread over the run, with some chance in it.
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        let jitter = u32::try_from(seed % 100).expect("small");
        let delay = whole * (round * 100 + jitter) / (KILLS * 100);
        reset(&env, &old, &old_refs);
        killed += u32::from(kill_after(&env, words, delay));
        env.git(["fsck", "--strict", "--no-dangling"]);
        let head = env.head();
        let tree = env.git(["rev-parse", "HEAD^{tree}"]);
        assert!(head == old || tree == new_tree, "killed after {delay:?}: neither the old state nor the new one");
        // Refs that are files do not move as one: HEAD goes last and decides, those before it are not read until then.
        for name in names_of(&env.refs()).lines() {
            assert!(new_refs.lines().any(|new| new == name), "killed after {delay:?}: {name} is of neither state");
        }
        env.run(["list"]).ok();
        env.run(["status"]).ok();
        // Other tests take their share of the processors, so the shortest run tells most.
        whole = whole.min(run_again(&env, words));
        env.assert_sound();
        assert_eq!(env.git(["rev-parse", "HEAD^{tree}"]), new_tree);
        assert_eq!(names_of(&env.refs()), new_refs);
    }
    assert!(killed * 3 >= KILLS, "only {killed} of {KILLS} runs were killed in the middle");
}

/// Runs a command that must work, whatever a killed one has left, and returns how long it took.
fn run_again(env: &TestEnv, args: &[&str]) -> Duration {
    let started = Instant::now();
    env.run(args).ok();
    started.elapsed()
}

fn names_of(refs: &str) -> String {
    refs.lines().filter_map(|line| line.split(' ').next()).collect::<Vec<_>>().join("\n")
}

/// Takes refs, index and worktree back to a state.
fn reset(env: &TestEnv, head: &str, refs: &str) {
    for lock in ["index.lock", "HEAD.lock", "refs/heads/main.lock", "packed-refs.lock", "refs/tags/kit--v1.0.0.lock"] {
        let _ = fs::remove_file(env.path(".git").join(lock));
    }
    env.git(["reset", "--quiet", "--hard", head]);
    env.git(["clean", "-qfdx"]);
    let gone = env.refs().lines().fold(String::new(), |all, line| all + &format!("delete {}\n", names_of(line)));
    let kept = refs.lines().fold(String::new(), |all, line| all + &format!("update {line}\n"));
    for input in [gone.replace("delete refs/heads/main\n", ""), kept] {
        let path = env.root().join("update-refs");
        fs::write(&path, input).expect("a file");
        let mut command = env.command("git");
        command.args(["update-ref", "--stdin"]).stdin(fs::File::open(path).expect("a file"));
        let _ = Ran::of(command).ok();
    }
    for entry in fs::read_dir(env.root()).expect("lists") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if name.ends_with("-out") || name.starts_with(".skillmeat-") {
            fs::remove_file(path).expect("a file");
        }
    }
    let _ = fs::remove_file(env.path(".git/skillmeat/pending"));
}

#[test]
fn a_killed_add_leaves_the_old_state_or_the_new_one() {
    kill_often(
        || {
            let env = TestEnv::with_collection();
            many(&env);
            env
        },
        &["add", "../many", "--all"],
    );
}

#[test]
fn a_killed_rollback_leaves_the_old_state_or_the_new_one() {
    let prepare = || {
        let env = TestEnv::with_collection();
        let from = many(&env);
        env.run(["add", &from, "--all"]).ok();
        env.run(["snapshot", "full"]).ok();
        env.run(["rollback", "HEAD~1"]).ok();
        env
    };
    kill_often(prepare, &["rollback", "full"]);
}

#[test]
fn a_killed_update_leaves_the_old_state_or_the_new_one() {
    let prepare = || {
        let env = TestEnv::with_collection();
        let from = many(&env);
        env.run(["add", &from, "--all"]).ok();
        env.write("skills/skill-1/SKILL.md", skill("skill-1", "text\n\nmine"));
        env.git(["commit", "--quiet", "-am", "Mine"]);
        for index in 0..SKILLS {
            let name = format!("skill-{index}");
            let file = env.root().join("many").join(&name).join("SKILL.md");
            fs::write(file, skill(&name, "first\n\ntext")).expect("a file");
        }
        env
    };
    kill_often(prepare, &["update"]);
}

/// A collection of many skills whose owner can sign.
fn publisher() -> TestEnv {
    let env = TestEnv::with_key();
    let from = many(&env);
    env.run(["add", &from, "--all"]).ok();
    env
}

#[test]
fn a_killed_import_leaves_the_old_state_or_the_new_one() {
    let publisher = publisher();
    let pack = publisher.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8").to_owned();
    publisher.run(["export", "kit", "--version", "1.0.0", "--all", "--output", &pack]).ok();
    let prepare = || {
        let env = TestEnv::with_collection();
        env.allow(&[("team@example.invalid", &KEY)]);
        env
    };
    kill_often(prepare, &["import", &pack, "--yes"]);
}

#[test]
fn a_killed_export_leaves_no_tag_without_objects_and_no_half_pack() {
    let args = ["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit-out"];
    kill_often(publisher, &args);
    // A pack under its name is whole.
    let env = publisher();
    for round in 0..KILLS {
        let _ = fs::remove_file(env.root().join("kit-out"));
        kill_after(&env, &args, Duration::from_millis(u64::from(round) * 15));
        if env.root().join("kit-out").exists() {
            env.run(["verify", "../kit-out"]).ok();
        }
    }
}

#[test]
fn two_processes_lose_no_update() {
    let env = TestEnv::with_collection();
    let names: Vec<String> = (0..4).map(|index| format!("skill-{index}")).collect();
    for name in &names {
        let folder = env.root().join("each").join(name);
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("SKILL.md"), skill(name, "text")).expect("a file");
    }
    let children: Vec<_> = names
        .iter()
        .map(|name| {
            let mut command = env.program(["add", &format!("../each/{name}")]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
        })
        .collect();
    let mut added = 0;
    for child in children {
        let ran = Ran::from(child.wait_with_output().expect("ends"));
        match ran.code {
            Some(0) => added += 1,
            Some(1) => ran.assert_message(),
            _ => panic!("{ran:?}"),
        }
    }
    env.assert_sound();
    assert_eq!(env.json(&["list"])["artifacts"].as_array().expect("a list").len(), added);
    assert_eq!(added, 4, "each waits for its turn");
    assert_eq!(env.git(["rev-list", "--count", "HEAD"]), "5");
}

#[test]
fn a_lock_that_is_held_is_waited_for_and_then_busy() {
    let env = TestEnv::with_collection();
    env.add_skill("one", "text");
    env.config("skillmeat.lockTimeout", "1");
    let lock = env.path(".git/skillmeat/lock");
    let holder = fs::OpenOptions::new().create(true).append(true).open(&lock).expect("a file");
    holder.lock().expect("a lock");
    let started = Instant::now();
    let ran = env.refused("busy", &["remove", "one"]);
    assert!(started.elapsed() > Duration::from_secs(1), "it waits");
    assert!(ran.stderr.contains("wait for the other git skillmeat"), "{ran:?}");
    env.unchanged(&["list"]);
    drop(holder);
    env.run(["remove", "one"]).ok();
}

#[test]
fn locks_that_git_left_are_named_and_not_broken() {
    for lock in ["index.lock", "HEAD.lock", "refs/heads/main.lock"] {
        let env = TestEnv::with_collection();
        env.add_skill("one", "text");
        let path = env.path(".git").join(lock);
        fs::write(&path, "").expect("a file");
        let ran = env.run(["remove", "one"]);
        assert_eq!(ran.code, Some(1), "{lock}: {ran:?}");
        ran.assert_message();
        assert!(path.exists(), "{lock} is another's");
        fs::remove_file(&path).expect("a file");
        // Old or new: the next command repairs what is left.
        let _ = env.run(["remove", "one"]);
        env.assert_sound();
        assert!(!env.path("skills/one").exists(), "{lock}");
    }
}

/// Runs a command as a user without rights, when this is root: modes do not bind root.
fn as_nobody(command: &Command) -> Command {
    let mut wrapped = Command::new("setpriv");
    wrapped.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    wrapped.arg(command.get_program()).args(command.get_args()).env_clear();
    wrapped.envs(command.get_envs().filter_map(|(name, value)| value.map(|value| (name, value))));
    wrapped.current_dir(command.get_current_dir().expect("a folder")).stdin(Stdio::null());
    wrapped
}

fn is_root() -> bool {
    let ran = Ran::from(Command::new("id").arg("-u").output().expect("id runs"));
    ran.stdout.trim() == "0"
}

/// Gives everything of the user to nobody, when this is root.
fn give_away(env: &TestEnv) {
    let mut command = Command::new("chown");
    command.args(["-R", "65534:65534"]).arg(env.root());
    let _ = Ran::of(command).ok();
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("a mode");
}

#[test]
fn a_folder_closed_to_writing_is_an_error_and_nothing_changes() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let other = env.root().join("other");
    fs::create_dir(&other).expect("a folder");
    fs::write(other.join("SKILL.md"), skill("other", "text")).expect("a file");
    env.run(["snapshot", "here"]).ok();
    let root = is_root();
    if root {
        give_away(&env);
    }
    for closed in [".git/objects", ".git/refs/heads", ".git", ".git/skillmeat", "skills", "."] {
        let path = env.path(closed);
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).expect("a folder").permissions());
        chmod(&path, 0o555);
        let before = env.snapshot(Depth::Refs);
        for args in [&["add", "../other"][..], &["remove", "one"], &["rollback", "HEAD~1"]] {
            let command = env.program(args);
            let ran = Ran::of(if root { as_nobody(&command) } else { command });
            if ran.code == Some(0) {
                panic!("{closed} is closed, but {args:?} succeeded: {ran:?}");
            }
            assert_eq!(ran.code, Some(1), "{closed}, {args:?}: {ran:?}");
            assert_eq!(ran.stdout, "");
            ran.assert_message();
            let after = env.snapshot(Depth::Refs);
            if matches!(closed, "." | "skills") {
                // The worktree follows the commit, so that the commit may be there: then the next command finishes.
                continue;
            }
            before.assert_same(&after, &format!("{closed} is closed to {args:?}"));
        }
        chmod(&path, mode & 0o777);
        let command = env.program(["remove", "one"]);
        let _ = Ran::of(if root { as_nobody(&command) } else { command });
        let command = env.program(["rollback", "here"]);
        let _ = Ran::of(if root { as_nobody(&command) } else { command }).ok();
        env.config("safe.directory", "*");
        env.assert_sound();
        if root {
            give_away(&env);
        }
    }
}

/// What was fetched of a vault can be read where nothing can be written, and a pull says what it cannot write.
#[test]
fn a_home_closed_to_writing_can_be_read_and_a_pull_names_it() {
    let env = TestEnv::with_key();
    env.run(["vault", "init", "../vault.git"]).ok();
    env.run(["vault", "add", "team", "../vault.git", "--first-use"]).ok();
    let root = is_root();
    if root {
        give_away(&env);
    }
    let _ = Ran::of({
        let mut command = Command::new("chmod");
        command.args(["-R", "a-w"]).arg(env.home().join(".skillmeat"));
        command
    })
    .ok();
    let before = env.snapshot(Depth::Objects);
    let run = |args: &[&str]| {
        let command = env.program(args);
        Ran::of(if root { as_nobody(&command) } else { command })
    };
    let told = run(&["vault", "pull", "team"]).refused("io");
    assert!(told.stderr.contains(".skillmeat/vaults/team.lock"), "{}", told.stderr);
    let _ = run(&["vault", "ls", "team"]).ok();
    let _ = run(&["vault", "show", "team"]).ok();
    before.assert_same(&env.snapshot(Depth::Objects), "the home is closed");
}

#[test]
fn a_key_or_list_that_cannot_be_read_is_an_error() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let root = is_root();
    if root {
        give_away(&env);
    }
    chmod(&env.home().join("signing_key"), 0);
    let run = |args: &[&str]| {
        let command = env.program(args);
        Ran::of(if root { as_nobody(&command) } else { command })
    };
    let _ = run(&["export", "kit", "--version", "1.0.0", "--all", "--output", "../out"]).refused("io");
    assert!(!env.root().join("out").exists());
    chmod(&env.home().join("signing_key"), 0o600);
    let _ = run(&["export", "kit", "--version", "1.0.0", "--all", "--output", "../out"]).ok();
    chmod(&env.home().join("allowed_signers"), 0);
    let _ = run(&["verify", "../out"]).refused("io");
    let _ = run(&["import", "../out", "--yes"]).refused("io");
}

/// A small file system of its own, gone when dropped.
struct Small(PathBuf);

impl Small {
    fn mount(at: &Path, kilobytes: usize) -> Self {
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k"), "tmpfs"]).arg(at);
        let _ = Ran::of(command).ok();
        Self(at.to_owned())
    }

    /// Leaves as much room as this.
    fn leave(&self, kilobytes: u64) {
        let mut command = Command::new("df");
        command.args(["--block-size=1k", "--output=used"]).arg(&self.0);
        let told = Ran::of(command).ok();
        let used: u64 = told.stdout.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number");
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,size={}k", used + kilobytes)]).arg(&self.0);
        let _ = Ran::of(command).ok();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
#[ignore = "needs root to mount a tmpfs"]
fn a_full_disk_is_an_error_at_every_step_and_leaves_every_ref_as_it_was() {
    let publisher = publisher();
    let pack = publisher.root().join("kit.skillmeat-pack");
    let pack = pack.to_str().expect("UTF-8").to_owned();
    publisher.run(["export", "kit", "--version", "1.0.0", "--all", "--output", &pack]).ok();
    let mut failed = 0;
    let mut succeeded = 0;
    for kilobytes in (96..1024).step_by(32) {
        let env = TestEnv::new();
        env.allow(&[("team@example.invalid", &KEY)]);
        let _small = Small::mount(&env.folder(), kilobytes);
        if env.run(["init", ".", "--name", "mine"]).code != Some(0) {
            failed += 1;
            continue;
        }
        let (head, refs) = (env.head(), env.refs());
        let ran = env.run(["import", &pack, "--yes"]);
        if ran.code == Some(0) {
            succeeded += 1;
            env.assert_sound();
            continue;
        }
        failed += 1;
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""), "{kilobytes}k: {ran:?}");
        ran.assert_message();
        env.git(["fsck", "--strict", "--no-dangling"]);
        if env.head() == head {
            assert_eq!(env.refs(), refs, "{kilobytes}k");
            assert_eq!(env.git(["--no-optional-locks", "status", "--porcelain"]), "", "{kilobytes}k");
        } else {
            // The commit was made and the disk was full for the worktree: said, and finished by the next command.
            assert_eq!(env.json(&["status"])["interrupted"], true, "{kilobytes}k");
        }
    }
    assert!(failed > 3 && succeeded > 3, "{failed} failed, {succeeded} succeeded");
}

#[test]
#[ignore = "needs root to mount a tmpfs"]
fn a_full_disk_for_the_pack_leaves_no_tag() {
    let env = publisher();
    let out = env.root().join("out");
    fs::create_dir(&out).expect("a folder");
    let refs = env.refs();
    for kilobytes in [4, 8, 12] {
        let _small = Small::mount(&out, kilobytes);
        let ran = env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../out/kit"]);
        ran.assert_message();
        assert!(ran.stderr.contains("hint: free some space"), "{ran:?}");
        let _ = ran.refused("io");
        assert_eq!(env.refs(), refs);
        assert_eq!(fs::read_dir(&out).expect("lists").count(), 0, "{kilobytes}k: no file is left");
    }
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../out/kit"]).ok();
}

#[test]
#[ignore = "needs root to mount a tmpfs"]
fn a_disk_with_room_for_the_pack_and_no_more_is_enough() {
    let env = TestEnv::with_key();
    fs::remove_dir_all(env.folder()).expect("removed");
    fs::create_dir(env.folder()).expect("a folder");
    let small = Small::mount(&env.folder(), 128 << 10);
    env.run(["init", ".", "--name", "mine"]).ok();
    let mut digest = Digest::of(b"");
    for at in 0..10 {
        let mut file = Vec::new();
        while file.len() < 2 << 20 {
            digest = Digest::of(digest.bytes());
            file.extend(digest.bytes());
        }
        env.write(&format!("skills/one/{at}.bin"), file);
    }
    env.write("skills/one/SKILL.md", skill("one", "text"));
    env.git(["add", "."]);
    env.git(["commit", "--quiet", "-m", "One"]);
    let export = ["export", "kit", "--version", "1.0.0", "--all", "--license", "MIT", "--output", "kit.pack"];
    // Of 20 MiB, 12 are kept on the same disk as long as there is room: then the pack has not enough.
    small.leave(30 << 10);
    env.run(export).ok();
    env.run(["inspect", "kit.pack"]).ok();
    fs::remove_file(env.path("kit.pack")).expect("removed");
    small.leave(19 << 10);
    env.refused_leaving("io", &export, Depth::Refs);
    assert_eq!(env.git(["status", "--porcelain"]), "", "nothing is left");
}

#[test]
#[ignore = "needs strace"]
fn a_kill_at_every_change_of_add_is_survived() {
    sweep(&one, &["add", "../one"], &skill("one", "text"));
}

#[test]
#[ignore = "needs strace"]
fn a_kill_at_every_change_of_update_is_survived() {
    sweep(&updatable, &["update"], &skill("one", "first\n\ntext\n\nmine"));
}

#[test]
#[ignore = "needs strace"]
fn a_kill_at_every_change_of_rollback_is_survived() {
    let rollable = || {
        let env = updatable();
        env.run(["update"]).ok();
        env
    };
    sweep(&rollable, &["rollback", "HEAD~1"], &skill("one", "text\n\nmine"));
}

/// A collection with the skill `one`, which was edited here and at its source.
fn updatable() -> TestEnv {
    let env = one();
    env.run(["add", "../one"]).ok();
    env.write("skills/one/SKILL.md", skill("one", "text\n\nmine"));
    env.git(["commit", "--quiet", "-am", "Mine"]);
    fs::write(env.root().join("one/SKILL.md"), skill("one", "first\n\ntext")).expect("a file");
    env
}

/// A lock of git is removed only when a dead process of ours had written down that it takes it, and when nobody works on it.
#[test]
fn only_locks_that_we_have_left_are_removed() {
    let env = one();
    let lock = env.path(".git/refs/heads/main.lock");
    fs::write(&lock, "").expect("a lock");
    env.refused("conflict", &["add", "../one"]);
    let claim = env.path(".git/skillmeat/claim-0999999");
    fs::write(&claim, "packed-refs.lock\nHEAD.lock\nrefs/heads/main.lock\n../../x\n").expect("a claim");
    // Someone writes into it.
    let (done, writer) = (std::sync::atomic::AtomicBool::new(false), lock.clone());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut size = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                size += 1;
                fs::write(&writer, "x".repeat(size)).expect("a lock");
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let ran = env.run(["add", "../one"]);
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.stderr.contains(".lock"), "{ran:?}");
    });
    assert!(lock.exists() && !claim.exists());
    fs::write(&claim, "refs/heads/main.lock\n").expect("a claim");
    // Its owner lives: this test.
    let owner = fs::File::open(&claim).expect("a claim");
    owner.lock().expect("a lock of the kernel");
    env.refused("conflict", &["add", "../one"]);
    assert!(lock.exists() && claim.exists());
    drop(owner);
    env.run(["add", "../one"]).ok();
    assert!(!lock.exists() && !claim.exists());
    env.assert_sound();
}

/// A collection beside the skill `one`.
fn one() -> TestEnv {
    let env = TestEnv::with_collection();
    let one = env.root().join("one");
    fs::create_dir(&one).expect("a folder");
    fs::write(one.join("SKILL.md"), skill("one", "text")).expect("a file");
    env
}

/// What changes a file system, and what waits for it.
const CHANGES: &str = "rename,renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,write,pwrite64,ftruncate,fchmod,chmod,fsync,fdatasync,syncfs";

/// Kills `args` at each change of the file system: each time there is the old state or the new one, and then `args` works
/// and the skill `one` has the text `expected`.
fn sweep(make: &dyn Fn() -> TestEnv, args: &[&str], expected: &str) {
    for number in 1.. {
        let env = make();
        env.config("skillmeat.durability", "full");
        let (old, old_count) = (env.head(), env.git(["rev-list", "--count", "HEAD"]));
        let mut command = env.command("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CHANGES}")]);
        command.args(["-e", &format!("inject={CHANGES}:signal=KILL:when={number}")]);
        command.arg(program()).args(args);
        let ran = Ran::of(command);
        if ran.code == Some(0) {
            assert!(number > 40, "{args:?}: only {number} calls were met");
            break;
        }
        let at = format!("{args:?}, call {number}");
        assert_eq!(ran.code, None, "{at}: not killed");
        env.git(["fsck", "--strict", "--no-dangling"]);
        let count = env.git(["rev-list", "--count", "HEAD"]);
        let next = old_count.parse::<u32>().expect("a number") + 1;
        assert!(env.head() == old || count == next.to_string(), "{at}");
        // What is done already is not done again: a rollback by a relative name would go elsewhere.
        let again = if env.head() == old { env.run(args) } else { env.run(["tag", "one", "--add", "later"]) };
        assert_eq!(again.code, Some(0), "{at}: {again:?}");
        env.assert_sound();
        assert_eq!(env.read("skills/one/SKILL.md"), expected, "{at}");
        let left = fs::read_dir(env.path(".git/skillmeat"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name());
        let left: Vec<_> = left.filter(|name| name != "lock" && name != "search").collect();
        assert_eq!(left, Vec::<std::ffi::OsString>::new(), "{at}");
    }
}

#[test]
#[ignore = "needs strace"]
fn an_error_of_any_write_is_no_success() {
    let mut fired = 0;
    for (call, error) in [
        ("renameat", "EIO"),
        ("rename", "ENOSPC"),
        ("linkat", "EIO"),
        ("mkdir", "EROFS"),
        ("mkdirat", "ENOSPC"),
        ("write", "ENOSPC"),
        ("fsync", "EIO"),
        ("syncfs", "EIO"),
        ("fchmod", "EPERM"),
    ] {
        for number in 1..40 {
            let env = TestEnv::with_collection();
            env.config("skillmeat.durability", "full");
            let one = env.root().join("one");
            fs::create_dir(&one).expect("a folder");
            fs::write(one.join("SKILL.md"), skill("one", "text")).expect("a file");
            let mut command = env.command("strace");
            command.args(["-f", "-qq", "-o", "../trace", "-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:error={error}:when={number}")]);
            command.arg(program()).args(["add", "../one"]);
            let ran = Ran::of(command);
            let trace = fs::read_to_string(env.root().join("trace")).expect("a trace");
            if !trace.contains("INJECTED") {
                break;
            }
            fired += 1;
            env.git(["fsck", "--strict", "--no-dangling"]);
            if ran.code == Some(0) {
                // The failure did no harm, as when another way was taken.
                env.assert_sound();
                assert!(env.path("skills/one/SKILL.md").exists(), "{call} {number}: {trace}");
            } else {
                assert_eq!(ran.code, Some(1), "{call} {number}: {ran:?}");
                assert_eq!(ran.stdout.matches("Commit").count(), 0, "{call} {number}: {ran:?}");
                env.run(["add", "../one"]).ok();
                env.assert_sound();
            }
        }
    }
    assert!(fired > 10, "only {fired} calls were met");
}

/// Locks that a killed command left of a tag and of the trail are in no command's way.
#[test]
fn locks_that_a_killed_export_left_are_not_in_the_way() {
    let env = TestEnv::with_key();
    env.add_skill("one", "text");
    let locks = ["refs/skillmeat/audit.lock", "refs/tags/kit--v1.0.0.lock"];
    for lock in locks {
        fs::write(env.path(".git").join(lock), "").expect("a file");
    }
    fs::write(env.path(".git/skillmeat/claim-0999999"), locks.join("\n")).expect("a file");
    env.run(["export", "kit", "--version", "1.0.0", "--all", "--output", "../kit-out"]).ok();
    assert!(!locks.iter().any(|lock| env.path(".git").join(lock).exists()));
    env.assert_sound();
}

/// An edit in the moment in which a command has written a file, and not yet the index, is an edit that git sees.
#[test]
#[ignore = "needs strace"]
fn an_edit_while_a_command_writes_is_not_hidden() {
    let env = updatable();
    let mut command = env.command("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat"]);
    // Each file has its name, and the command goes on a moment later.
    command.args(["-e", "inject=renameat:delay_exit=250000"]);
    command.arg(program()).arg("update");
    let mut child = command.spawn().expect("strace");
    let path = env.path("skills/one/SKILL.md");
    let waited = Instant::now();
    while !fs::read_to_string(&path).expect("a file").contains("first") {
        assert!(waited.elapsed() < Duration::from_secs(30), "the file is never written");
        std::thread::sleep(Duration::from_millis(5));
    }
    fs::write(&path, fs::read_to_string(&path).expect("a file") + "an edit\n").expect("a file");
    assert!(child.wait().expect("ends").success());
    assert!(env.git(["status", "--porcelain"]).contains("skills/one/SKILL.md"), "git sees the edit");
    assert_eq!(env.json(&["status"])["artifacts"][0]["uncommitted"][0]["state"], "modified");
}

/// Another worktree of the repository has a `HEAD` and an index of its own, and what was left there stays until it is its turn.
#[test]
#[ignore = "needs strace"]
fn what_was_killed_in_another_worktree_is_finished_there() {
    let env = one();
    env.git(["worktree", "add", "--quiet", "-b", "second", "../second"]);
    let add = ["--collection", "../second", "add", "../one"];
    for number in 1.. {
        let mut command = env.command("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=rename,renameat,linkat,unlink"]);
        command.args(["-e", &format!("inject=rename,renameat,linkat,unlink:signal=KILL:when={number}")]);
        command.arg(program()).args(add);
        if Ran::of(command).code == Some(0) {
            assert!(number > 8, "only {number} calls were met");
            break;
        }
        // The other one goes on, and throws nothing of it away.
        env.run(["tag", "--add", &format!("w{number}"), "main"]).code.expect("an exit status");
        env.add_skill(&format!("other-{number}"), "text");
        env.run(["--collection", "../second", "validate"]).code.expect("an exit status");
        env.run(add).ok();
        for folder in [".", "../second"] {
            assert_eq!(env.git(["-C", folder, "status", "--porcelain"]), "", "{number} in {folder}");
            env.git(["-C", folder, "fsck", "--strict", "--no-dangling"]);
        }
        env.run(["--collection", "../second", "remove", "one"]).ok();
    }
}
