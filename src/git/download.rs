//! Fetching one file by http(s), through the `curl` program: proxies and certificates are those of the machine.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::NamedTempFile;

use super::process::{escaped, find_program};
use super::{GitError, remote};

/// Variables that `curl` may see: where it is, and how this machine reaches the network.
const PASSED: [&str; 12] = [
    "PATH",
    "http_proxy",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "SYSTEMROOT",
];

/// Most times that a server may send on: hosts of releases do it once.
const MAX_REDIRECTS: u32 = 5;

/// Longest text taken from the program's stderr, in bytes.
const MAX_STDERR_BYTES: u64 = 64 * 1024;

/// Bytes copied at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// What to download, and within which bounds.
#[derive(Debug, Clone, Copy)]
pub struct Download<'a> {
    /// An `https://` or `http://` URL that was parsed as a source.
    pub url: &'a str,
    /// Most bytes taken.
    pub limit: u64,
    /// How long nothing may come.
    pub silence: Duration,
}

/// Downloads a file into `folder`; it is gone when the value is dropped.
///
/// Only the protocol of the URL is spoken, and https where it sends on: what comes is for the caller to check. No
/// configuration of `curl` is read and no credentials are sent.
///
/// # Errors
/// [`GitError::NoProgram`], [`GitError::Net`], [`GitError::TooMuch`].
pub fn download(
    wanted: Download<'_>,
    folder: &Path,
    path: &OsStr,
    environment: &[(OsString, OsString)],
) -> Result<NamedTempFile, GitError> {
    let program = find_program("curl", path)?;
    let net = |stderr: &[u8]| GitError::Net { url: remote::escaped_url(wanted.url), stderr: escaped(stderr) };
    let failed = |error: std::io::Error| net(error.to_string().as_bytes());
    let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
    let mut child = command(&program, wanted, environment).spawn().map_err(|_| GitError::NoProgram("curl"))?;
    let errors = child.stderr.take().map(|stderr| {
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            let mut stderr = stderr.take(MAX_STDERR_BYTES);
            // What cannot be read is not told: the exit status says that it failed.
            let _ = stderr.read_to_end(&mut kept);
            kept
        })
    });
    let copied = match child.stdout.take() {
        Some(stdout) => copy(stdout, file.as_file_mut(), wanted.limit),
        None => Ok(0),
    };
    if !matches!(copied, Ok(bytes) if bytes <= wanted.limit) {
        // It may have ended by itself meanwhile; either way the next line collects it.
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let stderr = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match copied {
        Ok(bytes) if bytes > wanted.limit => Err(GitError::TooMuch { what: "bytes in the file", limit: wanted.limit }),
        Ok(_) if status.success() => Ok(file),
        Ok(_) => Err(net(&stderr)),
        Err(error) => Err(failed(error)),
    }
}

fn command(program: &Path, wanted: Download<'_>, environment: &[(OsString, OsString)]) -> Command {
    let protocol = if wanted.url.starts_with("https://") { "=https" } else { "=http" };
    let seconds = wanted.silence.as_secs().max(1).to_string();
    let mut command = Command::new(program);
    let passed = environment.iter().filter(|(key, _)| PASSED.iter().any(|known| key == known));
    command.env_clear().envs(passed.map(|(key, value)| (key, value))).env("LC_ALL", "C");
    // Its own configuration could add headers and credentials: `-q` has to come first.
    command.args(["-q", "--silent", "--show-error", "--fail", "--globoff", "--location"]);
    command.args(["--max-redirs", &MAX_REDIRECTS.to_string(), "--proto", protocol, "--proto-redir", "=https"]);
    command.args(["--connect-timeout", "30", "--speed-limit", "1", "--speed-time", &seconds]);
    command.args(["--output", "-", "--url", wanted.url]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Copies at most one piece more than `limit` bytes, and says how many.
fn copy(mut from: impl Read, to: &mut impl Write, limit: u64) -> std::io::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut copied = 0;
    while copied <= limit {
        let got = from.read(&mut piece)?;
        if got == 0 {
            break;
        }
        to.write_all(&piece[..got])?;
        copied += got as u64;
    }
    to.flush()?;
    Ok(copied)
}
