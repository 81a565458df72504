//! Runs a program that talks to a remote, and ends it when nothing comes any more, or too much.

use std::cell::Cell;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Most bytes of an answer that is text, such as the list of refs.
const MAX_TEXT_BYTES: u64 = 64 * 1024 * 1024;

/// Most bytes that one fetch may bring.
const MAX_FETCHED_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// Most memory of a git that is told a list, in bytes: a million refs are a third of it. git keeps the whole list.
const LIST_MEMORY: u64 = 1024 * 1024 * 1024;

/// Most memory of a git that is sent a pack or sends one, in bytes: it holds files of up to 512 MiB whole, and several at a time.
const PACK_MEMORY: u64 = 8 * 1024 * 1024 * 1024;

/// How often it is looked whether something still comes.
const LOOK: Duration = Duration::from_millis(250);

/// How long a program that was told to stop may take for it.
const GRACE: Duration = Duration::from_secs(2);

/// Why a program was not run to its end.
pub(super) enum Stopped {
    /// There is no such program.
    NotStarted,
    /// Nothing came for too long.
    Silent,
    /// More than so many bytes came.
    TooMuch(u64),
}

/// What a program does for us.
#[derive(Debug, Clone, Copy)]
pub(super) enum Task<'a> {
    /// It asks for a list.
    List,
    /// It fetches into the repository in this folder.
    Fetch(&'a Path),
    /// It pushes, and tells its progress.
    Push,
}

/// Returns how much memory a git may have, in bytes.
pub(super) fn memory(task: Task<'_>) -> u64 {
    if matches!(task, Task::List) { LIST_MEMORY } else { PACK_MEMORY }
}

/// Runs a program to its end. `silence` is how long nothing may come: neither text nor, for a fetch, anything in the packs.
pub(super) fn watch(mut command: Command, silence: Duration, task: Task<'_>) -> Result<Output, Stopped> {
    let not_started = |_| Stopped::NotStarted;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(not_started)?;
    limit_memory(&child, memory(task));
    let (stdout, stderr) = (Drain::of(child.stdout.take()), Drain::of(child.stderr.take()));
    let packs = match task {
        Task::Fetch(folder) => Some(folder.join("objects/pack")),
        Task::List | Task::Push => None,
    };
    let before = packs.as_deref().map_or(0, bytes_in);
    let (mut last, mut since) = (0, Instant::now());
    while !(stdout.ended(LOOK) && stderr.ended(LOOK)) {
        // It has ended, and a helper that it left holds the pipes: what was read is all there is.
        if matches!(child.try_wait(), Ok(Some(_))) {
            stdout.ended(LOOK);
            break;
        }
        let fetched = packs.as_deref().map_or(0, bytes_in).saturating_sub(before);
        let come = fetched + stdout.bytes() + stderr.bytes();
        if come != last {
            (last, since) = (come, Instant::now());
        }
        let stopped = match () {
            () if fetched > MAX_FETCHED_BYTES => Stopped::TooMuch(MAX_FETCHED_BYTES),
            () if stdout.bytes().max(stderr.bytes()) > MAX_TEXT_BYTES => Stopped::TooMuch(MAX_TEXT_BYTES),
            () if since.elapsed() > silence => Stopped::Silent,
            () => continue,
        };
        end(&mut child);
        packs.as_deref().iter().for_each(|packs| remove_unfinished(packs));
        return Err(stopped);
    }
    // What came in the last moment counts too: a list that was cut off must not pass for a whole one.
    if stdout.bytes() > MAX_TEXT_BYTES {
        end(&mut child);
        return Err(Stopped::TooMuch(MAX_TEXT_BYTES));
    }
    let status = child.wait().map_err(not_started)?;
    if !status.success() {
        packs.as_deref().iter().for_each(|packs| remove_unfinished(packs));
    }
    Ok(Output { status, stdout: stdout.taken(), stderr: stderr.taken() })
}

/// Returns the size of all packs, those that are not finished too.
fn bytes_in(packs: &Path) -> u64 {
    let files = std::fs::read_dir(packs).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|meta| meta.len()).sum()
}

/// Removes what git leaves of a pack that did not come whole. The store is ours and locked, so nobody else writes one.
fn remove_unfinished(packs: &Path) {
    let files = std::fs::read_dir(packs).into_iter().flatten().flatten();
    let unfinished = files.filter(|file| file.file_name().to_string_lossy().starts_with("tmp_"));
    let paths: Vec<PathBuf> = unfinished.map(|file| file.path()).collect();
    for path in paths {
        let _ = std::fs::remove_file(path);
    }
}

fn process(child: &Child) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(child.id().cast_signed())
}

/// Limits the memory of a program that has just been started, and of those that it will start.
#[cfg(target_os = "linux")]
fn limit_memory(child: &Child, bytes: u64) {
    use rustix::process::{Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
    let _ = process(child).map(|process| prlimit(Some(process), Resource::Data, limit));
}

/// Elsewhere nobody can limit another process; silence and size still end it.
#[cfg(not(target_os = "linux"))]
fn limit_memory(_child: &Child, _bytes: u64) {}

/// Ends git and all that it has started: it leaves its helpers, which would go on reading from the server.
fn end(child: &mut Child) {
    use rustix::process::{Signal, kill_process};
    if matches!(child.try_wait(), Ok(Some(_))) {
        return;
    }
    let helpers = helpers(child.id());
    for process in process(child).iter().chain(&helpers) {
        let _ = kill_process(*process, Signal::TERM);
    }
    let asked = Instant::now();
    while asked.elapsed() < GRACE && !matches!(child.try_wait(), Ok(Some(_))) {
        std::thread::sleep(Duration::from_millis(20));
    }
    for process in &helpers {
        let _ = kill_process(*process, Signal::KILL);
    }
    // Not by its number, which is another's once it has been waited for.
    let _ = child.kill();
    let _ = child.wait();
}

/// Returns the processes that a process has started, and those that they have; none where the system does not tell.
fn helpers(parent: u32) -> Vec<rustix::process::Pid> {
    let mut found = Vec::new();
    let mut pending = vec![parent];
    while let Some(parent) = pending.pop() {
        let listed = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let children: Vec<u32> = listed.split_whitespace().filter_map(|id| id.parse().ok()).collect();
        found.extend(children.iter().filter_map(|id| rustix::process::Pid::from_raw(id.cast_signed())));
        pending.extend(children);
    }
    found
}

/// A pipe that is read by a thread of its own.
struct Drain {
    count: Arc<AtomicU64>,
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
    has_ended: Cell<bool>,
}

impl Drain {
    fn of(pipe: Option<impl Read + Send + 'static>) -> Self {
        let (count, bytes, (sender, end)) = (Arc::new(AtomicU64::new(0)), Arc::default(), channel());
        let drain = Self { count: Arc::clone(&count), bytes: Arc::clone(&bytes), end, has_ended: Cell::new(false) };
        std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            if let Some(mut pipe) = pipe {
                while let Ok(got @ 1..) = pipe.read(&mut chunk) {
                    let total = count.fetch_add(got as u64, Ordering::Relaxed) + got as u64;
                    if total <= MAX_TEXT_BYTES {
                        bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&chunk[..got]);
                    }
                }
            }
            let _ = sender.send(());
        });
        drain
    }

    fn bytes(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits a moment for the end, and says whether it has come.
    fn ended(&self, moment: Duration) -> bool {
        if !self.has_ended.get() && self.end.recv_timeout(moment) != Err(RecvTimeoutError::Timeout) {
            self.has_ended.set(true);
        }
        self.has_ended.get()
    }

    /// Returns what was read so far.
    fn taken(self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
