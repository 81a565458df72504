//! A folder with keys in it, and programs that see nothing else.

use std::ffi::OsString;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::SshKeygen;

pub(super) struct Bench {
    dir: tempfile::TempDir,
    keys: AtomicU32,
}

pub(super) struct Said {
    pub(super) success: bool,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder"), keys: AtomicU32::new(0) }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    }

    pub(super) fn private(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.write(name, bytes);
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("permissions");
        path
    }

    pub(super) fn open_to_all(&self, path: &Path) {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o644)).expect("permissions");
    }

    pub(super) fn script(&self, name: &str, body: &str) -> String {
        // Written by another process: a child of another thread could inherit our descriptor of a file that is
        // still open for writing, and Linux does not start such a file.
        let path = self.path(name).to_str().expect("UTF-8").to_owned();
        let args = ["-c", "cat >\"$1\" && chmod 700 \"$1\"", "sh", &path];
        assert!(self.run("sh", &args, format!("#!/bin/sh\n{body}\n").as_bytes()).success);
        path
    }

    pub(super) fn files(&self) -> Vec<OsString> {
        let mut names: Vec<_> = std::fs::read_dir(self.dir.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        names
    }

    pub(super) fn env(&self) -> Vec<(OsString, OsString)> {
        let path = std::env::var_os("PATH").expect("a PATH");
        vec![("PATH".into(), path), ("HOME".into(), self.dir.path().into())]
    }

    pub(super) fn ssh_keygen(&self) -> SshKeygen {
        self.ssh_keygen_with(&[])
    }

    pub(super) fn ssh_keygen_with(&self, env: &[(&str, &str)]) -> SshKeygen {
        let env = env.iter().map(|(name, value)| (name.into(), value.into()));
        SshKeygen::new("ssh-keygen", self.dir.path(), self.env().into_iter().chain(env))
    }

    pub(super) fn new_key(&self, kind: &str, bits: &str, passphrase: &str) -> PathBuf {
        let path = self.path(&format!("key{}", self.keys.fetch_add(1, Ordering::Relaxed)));
        let name = path.to_str().expect("UTF-8");
        let args = ["-q", "-t", kind, "-b", bits, "-N", passphrase, "-C", "a comment", "-f", name];
        let said = self.run("ssh-keygen", &args, b"");
        assert!(said.success, "{}", said.stderr);
        path
    }

    pub(super) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(self.env()).env("LC_ALL", "C").env("TZ", "UTC");
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.current_dir(self.dir.path());
        command
    }

    pub(super) fn run(&self, program: &str, args: &[&str], stdin: &[u8]) -> Said {
        let mut command = self.command(program, args);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = piped.unwrap_or_else(|error| panic!("this test needs {program}: {error}"));
        let _ = child.stdin.take().expect("a pipe").write_all(stdin);
        let output = child.wait_with_output().expect("it ends");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Said { success: output.status.success(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// An agent of our own, which ends with the value.
pub(super) struct Agent {
    child: Child,
    socket: String,
}

impl Agent {
    pub(super) fn start(bench: &Bench) -> Self {
        let socket = bench.path("agent").to_str().expect("UTF-8").to_owned();
        let refuse = bench.script("refuse", "exit 1");
        let mut command = bench.command("ssh-agent", &["-D", "-a", &socket]);
        command.env("SSH_ASKPASS", refuse).env("SSH_ASKPASS_REQUIRE", "force");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("this test needs ssh-agent");
        for _ in 0..500 {
            if Path::new(&socket).exists() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        Self { child, socket }
    }

    pub(super) fn socket(&self) -> &str {
        &self.socket
    }

    pub(super) fn add(&self, bench: &Bench, key: &Path, options: &[&str]) {
        let mut command = bench.command("ssh-add", options);
        let status = command.arg("-q").arg(key).env("SSH_AUTH_SOCK", &self.socket).stdin(Stdio::null()).status();
        assert!(status.expect("this test needs ssh-add").success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
