//! An `ssh-agent` that signs any bytes: what `ssh-keygen -Y sign` cannot be told to make, such as SHA-1 or a hardware key
//! without hardware.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest as _, Sha256, Sha512};
use ssh_key::encoding::base64::{Base64, Encoding as _};

/// A running agent; ends with this value.
pub struct Agent {
    child: Child,
    socket: PathBuf,
}

impl Agent {
    /// Starts an agent in `folder` that holds these private keys.
    pub fn start(folder: &Path, keys: &[PathBuf]) -> Self {
        let socket = folder.join("agent");
        let mut command = Command::new("ssh-agent");
        command.args(["-D", "-a"]).arg(&socket).stdout(Stdio::null()).stdin(Stdio::null());
        let agent = Self { child: command.spawn().expect("ssh-agent starts"), socket };
        let listening = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            agent.socket.exists()
        });
        assert!(listening, "ssh-agent listens");
        let mut command = Command::new("ssh-add");
        command.arg("-q").args(keys).env("SSH_AUTH_SOCK", &agent.socket).stdin(Stdio::null());
        assert!(command.status().expect("ssh-add runs").success());
        agent
    }

    /// Signs bytes with a key; `flags` as in the protocol: 0 is SHA-1 for RSA, 2 SHA-256, 4 SHA-512.
    ///
    /// Returns the signature blob, `None` if the agent refuses.
    pub fn sign(&self, key: &[u8], data: &[u8], flags: u32) -> Option<Vec<u8>> {
        let request = [&[13][..], &string(key), &string(data), &flags.to_be_bytes()].concat();
        let mut stream = UnixStream::connect(&self.socket).expect("the agent answers");
        stream.write_all(&string(&request)).expect("written");
        let mut length = [0; 4];
        stream.read_exact(&mut length).expect("an answer");
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut answer).expect("an answer");
        (answer[0] == 14).then(|| take(&mut &answer[1..]).to_vec())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Bytes with their length in front (RFC 4251, section 5).
pub fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).expect("short").to_be_bytes()[..], bytes].concat()
}

/// Takes such bytes off.
pub fn take<'a>(from: &mut &'a [u8]) -> &'a [u8] {
    let (length, rest) = from.split_first_chunk::<4>().expect("a length");
    let (taken, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
    *from = rest;
    taken
}

/// What a key signs (`PROTOCOL.sshsig`).
pub fn signed_data(namespace: &str, hash: &str, message: &[u8]) -> Vec<u8> {
    let digest = if hash == "sha256" { Sha256::digest(message).to_vec() } else { Sha512::digest(message).to_vec() };
    let parts = [namespace.as_bytes(), b"", hash.as_bytes(), &digest];
    [&b"SSHSIG"[..], &parts.map(string).concat()].concat()
}

/// The whole signature, in armour.
pub fn armour(key: &[u8], namespace: &str, hash: &str, signature: &[u8]) -> String {
    let parts = [key, namespace.as_bytes(), b"", hash.as_bytes(), signature];
    armoured(&[&b"SSHSIG\0\0\0\x01"[..], &parts.map(string).concat()].concat())
}

/// Bytes in the armour of `ssh-keygen`.
pub fn armoured(blob: &[u8]) -> String {
    let base64 = Base64::encode_string(blob);
    let lines: Vec<_> = base64.as_bytes().chunks(70).map(|line| String::from_utf8_lossy(line)).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// The bytes in an armour.
pub fn unarmoured(armour: &str) -> Vec<u8> {
    let lines: Vec<_> = armour.lines().filter(|line| !line.starts_with("-----")).collect();
    Base64::decode_vec(&lines.concat()).expect("base64")
}

/// A hardware key in software: its public key, and signatures as the hardware would make them (`PROTOCOL.u2f`).
pub struct Hardware {
    /// The key that signs for it.
    software: Vec<u8>,
    /// The public key of the hardware key.
    pub blob: Vec<u8>,
    name: &'static str,
}

/// What hardware keys are for when they are made by `ssh-keygen`.
const APPLICATION: &[u8] = b"ssh:";

impl Hardware {
    /// Makes one from the public key of an Ed25519 or ECDSA key that the agent holds.
    pub fn of(software: &[u8]) -> Self {
        let mut rest = software;
        let name = match take(&mut rest) {
            b"ssh-ed25519" => "sk-ssh-ed25519@openssh.com",
            _ => "sk-ecdsa-sha2-nistp256@openssh.com",
        };
        let blob = [&string(name.as_bytes()), rest, &string(APPLICATION)].concat();
        Self { software: software.to_vec(), blob, name }
    }

    /// Signs with these flags (1: touched, 4: the user was verified) and counter, for `application`.
    pub fn sign(&self, agent: &Agent, data: &[u8], flags: u8, counter: u32, application: &[u8]) -> Vec<u8> {
        let counter = counter.to_be_bytes();
        let told = [&Sha256::digest(application)[..], &[flags], &counter, &Sha256::digest(data)].concat();
        let made = agent.sign(&self.software, &told, 0).expect("a signature");
        let mut rest = &made[..];
        take(&mut rest);
        [&string(self.name.as_bytes())[..], &string(take(&mut rest)), &[flags], &counter].concat()
    }

    /// As [`Hardware::sign`], in armour, for a namespace and a message.
    pub fn armour(&self, agent: &Agent, namespace: &str, message: &[u8], flags: u8, counter: u32) -> String {
        let data = signed_data(namespace, "sha512", message);
        armour(&self.blob, namespace, "sha512", &self.sign(agent, &data, flags, counter, APPLICATION))
    }
}
