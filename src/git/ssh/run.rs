//! Running `ssh-keygen` in a closed environment, so that it cannot wait for somebody who is not there.

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use super::{SshError, SshKeygen};

/// Whether somebody may be asked for a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// On the terminal of the process, or by the program in `SSH_ASKPASS`.
    Allow,
    /// Nobody is asked.
    Never,
}

/// Most bytes kept of each output stream (`schema/threats.md`, section 3); the longest armour has 6 KiB.
const MAX_OUTPUT_BYTES: u64 = 64 * 1024;

/// What the program said.
pub(super) struct Output {
    pub(super) success: bool,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

impl SshKeygen {
    /// Runs the program with `stdin` as its input.
    pub(super) fn run(&self, args: &[OsString], stdin: &[u8], prompt: Prompt) -> Result<Output, SshError> {
        let mut child = self.command(args, prompt).spawn().map_err(|source| match source.kind() {
            ErrorKind::NotFound => SshError::NoProgram(self.program.clone()),
            _ => self.run_error(source),
        })?;
        feed(&mut child, stdin);
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());
        let outputs = self.wait_for(&stdout, prompt).and_then(|out| Ok((out, self.wait_for(&stderr, prompt)?)));
        if outputs.is_err() {
            // It may have ended by itself meanwhile; either way the next line collects it.
            let _ = child.kill();
        }
        let status = child.wait().map_err(|source| self.run_error(source))?;
        let (stdout, stderr) = outputs?;
        Ok(Output { success: status.success(), stdout, stderr })
    }

    /// Measured with OpenSSH 9.2: its standard input is no terminal, so an encrypted key makes it look for
    /// `SSH_ASKPASS` if there is a display, else open `/dev/tty`, else take the passphrase from standard input,
    /// which here is what is to be signed. `SSH_ASKPASS_REQUIRE=never` takes away only the first of the three and
    /// so would wait at a terminal for ever; a new session would need `unsafe`. `force` with a program that cannot
    /// start takes away all three: the passphrase is then empty, and wrong, at once.
    fn command(&self, args: &[OsString], prompt: Prompt) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value))).env("LC_ALL", "C");
        let has = |wanted: &str| self.env.iter().any(|(name, _)| name == wanted);
        match prompt {
            Prompt::Never => {
                command.env("SSH_ASKPASS_REQUIRE", "force").env("SSH_ASKPASS", "/dev/null");
            }
            // With a display and no such program set, it would try a default one that is often not installed.
            Prompt::Allow if !has("SSH_ASKPASS") && !has("SSH_ASKPASS_REQUIRE") => {
                command.env("SSH_ASKPASS_REQUIRE", "never");
            }
            Prompt::Allow => {}
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn wait_for(&self, output: &Receiver<std::io::Result<Vec<u8>>>, prompt: Prompt) -> Result<Vec<u8>, SshError> {
        let received = match prompt {
            Prompt::Allow => output.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Prompt::Never => output.recv_timeout(self.timeout),
        };
        match received {
            Ok(result) => result.map_err(|source| self.run_error(source)),
            Err(RecvTimeoutError::Timeout) => {
                Err(SshError::Timeout { program: self.program.clone(), seconds: self.timeout.as_secs() })
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.run_error(ErrorKind::BrokenPipe.into())),
        }
    }

    fn run_error(&self, source: std::io::Error) -> SshError {
        SshError::Run { program: self.program.clone(), source }
    }
}

/// Writes the input from another thread, since both pipes could fill up.
fn feed(child: &mut Child, input: &[u8]) {
    if let Some(mut pipe) = child.stdin.take() {
        let input = input.to_vec();
        // The program may end without reading: then its own words say why, and not the broken pipe.
        std::thread::spawn(move || drop(pipe.write_all(&input)));
    }
}

/// Reads a stream to its end from another thread, and keeps the first part of it.
fn collect(stream: Option<impl Read + Send + 'static>) -> Receiver<std::io::Result<Vec<u8>>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let Some(mut stream) = stream else { return };
        let mut kept = Vec::new();
        let read = (&mut stream).take(MAX_OUTPUT_BYTES).read_to_end(&mut kept);
        let read = read.and_then(|_| std::io::copy(&mut stream, &mut std::io::sink()));
        // Nobody listens any more after a time-out.
        let _ = sender.send(read.map(|_| kept));
    });
    receiver
}
