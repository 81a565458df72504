//! A terminal with somebody at it.

use super::{Ran, TestEnv, program};

/// Answers each question with the next line of its first argument, and with the end of the input after the last one.
const PERSON: &str = "import os, pty, sys\n\
    answers, words = sys.argv[1].split('|'), sys.argv[2:]\n\
    child, terminal = pty.fork()\n\
    if child == 0: os.execv(words[0], words)\n\
    seen, told = b'', 0\n\
    while True:\n\
    \x20   try: piece = os.read(terminal, 65536)\n\
    \x20   except OSError: break\n\
    \x20   if not piece: break\n\
    \x20   seen += piece\n\
    \x20   if seen[told:].endswith((b'? ', b'[y/N] ')):\n\
    \x20       told = len(seen)\n\
    \x20       os.write(terminal, (answers.pop(0) + '\\n').encode() if answers else b'\\x04')\n\
    sys.stdout.buffer.write(seen.replace(b'\\r\\n', b'\\n'))\n\
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n";

impl TestEnv {
    /// Runs the program on a terminal, and answers each question with the next of `answers`. Returns what is on the screen, and the
    /// exit status.
    pub fn on_terminal(&self, args: &[&str], answers: &[&str]) -> (String, Option<i32>) {
        let mut command = self.command("python3");
        command.args(["-c", PERSON, &answers.join("|")]).arg(program()).args(args).env("NO_COLOR", "1");
        let ran = Ran::of(command);
        assert!(!ran.stderr.contains("Traceback"), "{ran:?}");
        (ran.stdout.clone(), ran.code)
    }
}
