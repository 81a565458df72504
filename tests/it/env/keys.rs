//! Signing keys, made once for all tests of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use ssh_key::private::Ed25519Keypair;
use ssh_key::{LineEnding, PrivateKey};

use super::TestEnv;

/// The key of the tester.
pub static KEY: LazyLock<Key> = LazyLock::new(|| Key::generate(""));

/// The key of someone else.
pub static STRANGER: LazyLock<Key> = LazyLock::new(|| Key::generate(""));

/// A key pair, as text so that no folder has to outlive the tests.
pub struct Key {
    private: Vec<u8>,
    /// `ssh-ed25519 AAAA…`, without a comment.
    pub public: String,
}

impl Key {
    /// Makes an Ed25519 key with ssh-keygen.
    pub fn generate(passphrase: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-t", "ed25519", "-C", "", "-N", passphrase, "-f"]).arg(&path).stdin(Stdio::null());
        assert!(command.status().expect("ssh-keygen runs").success());
        let public = fs::read_to_string(path.with_extension("pub")).expect("a public key");
        Self { private: fs::read(&path).expect("a private key"), public: public.trim().to_owned() }
    }

    /// Returns the Ed25519 key whose 32 secret bytes are all `byte`: the same on every machine.
    pub fn of_seed(byte: u8) -> Self {
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&[byte; 32]));
        let private = key.to_openssh(LineEnding::LF).expect("a private key").as_bytes().to_vec();
        Self { private, public: key.public_key().to_openssh().expect("a public key") }
    }

    /// Writes the private key and, as `.pub`, the public one. Returns the path of the private key.
    pub fn write(&self, path: &Path) -> PathBuf {
        fs::write(path, &self.private).expect("a file");
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
        fs::write(path.with_extension("pub"), format!("{}\n", self.public)).expect("a file");
        path.to_owned()
    }
}

impl TestEnv {
    /// Tells git to sign with `key`.
    pub fn use_key(&self, key: &Key) {
        let path = key.write(&self.home().join("signing_key"));
        self.config("gpg.format", "ssh");
        self.config("user.signingKey", path.to_str().expect("UTF-8"));
    }

    /// Writes the list of allowed signers anew and tells git where it is.
    pub fn allow(&self, signers: &[(&str, &Key)]) {
        let lines = signers.iter().map(|(who, key)| format!("{who} namespaces=\"git\" {}\n", key.public));
        self.allow_text(&lines.collect::<String>());
    }

    /// As [`TestEnv::allow`], with the text of the file.
    pub fn allow_text(&self, text: &str) {
        let path = self.home().join("allowed_signers");
        fs::write(&path, text).expect("a file");
        self.config("gpg.ssh.allowedSignersFile", path.to_str().expect("UTF-8"));
    }
}
