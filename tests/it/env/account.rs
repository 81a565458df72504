//! A service account as Google's: a private key in a file, with which its holder signs tokens (JSON Web Tokens, RFC 7519, by
//! RSA with SHA-256). They are checked as "Service account authorization without OAuth" says, the signature by openssl.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const MAIL: &str = "publisher@project.example.invalid";
const KEY_ID: &str = "key-1";

/// Longest life of a token, in seconds.
const MAX_LIFE: u64 = 3600;

/// The account, whose files are gone with it.
pub(super) struct Account {
    folder: tempfile::TempDir,
}

impl Account {
    /// Makes the key and the file with it.
    pub(super) fn generate() -> Self {
        let account = Self { folder: tempfile::tempdir().expect("a folder") };
        let (private, public) = (account.at("private.pem"), account.at("public.pem"));
        let openssl = |args: &[&str]| {
            let run = Command::new("openssl").args(args).stdin(Stdio::null()).stderr(Stdio::null()).status();
            assert!(run.expect("openssl runs").success(), "{args:?}");
        };
        let (private, public) = (private.to_str().expect("UTF-8"), public.to_str().expect("UTF-8"));
        openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", private]);
        openssl(&["pkey", "-in", private, "-pubout", "-out", public]);
        let file = serde_json::json!({
            "type": "service_account",
            "client_email": MAIL,
            "private_key_id": KEY_ID,
            "private_key": std::fs::read_to_string(private).expect("a key"),
        });
        std::fs::write(account.file(), file.to_string()).expect("a file");
        account
    }

    /// The file that its holder has.
    pub(super) fn file(&self) -> PathBuf {
        self.at("account.json")
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Says whether a token is one of this account's, for now and for storage.
    pub(super) fn has_signed(&self, token: &str) -> bool {
        let Some((signed, signature)) = token.rsplit_once('.') else { return false };
        let Some((header, claims)) = signed.split_once('.') else { return false };
        let part = |text: &str| {
            let bytes = decoded_64(text)?;
            serde_json::from_slice::<serde_json::Value>(&bytes).ok()
        };
        let (Some(header), Some(claims), Some(signature)) = (part(header), part(claims), decoded_64(signature)) else {
            return false;
        };
        let number = |name: &str| claims[name].as_u64().unwrap_or(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let is_now = number("iat") <= now + 1 && now < number("exp") && number("exp") <= number("iat") + MAX_LIFE;
        let is_ours = claims["iss"] == MAIL && claims["sub"] == MAIL && header["kid"] == KEY_ID;
        let scope = claims["scope"].as_str().unwrap_or("");
        let is_enough = ["cloud-platform", "devstorage.full_control", "devstorage.read_write"]
            .iter()
            .any(|name| scope == format!("https://www.googleapis.com/auth/{name}"));
        if header["alg"] != "RS256" || !is_now || !is_ours || !is_enough {
            return false;
        }
        let (text, by) = (self.at("signed"), self.at("signature"));
        std::fs::write(&text, signed).expect("a file");
        std::fs::write(&by, signature).expect("a file");
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-verify"]).arg(self.at("public.pem")).arg("-signature").args([by, text]);
        openssl.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        openssl.status().expect("openssl runs").success()
    }
}

/// Decodes base64 as tokens have it: `-` and `_` in place of `+` and `/`, and nothing at its end (RFC 4648, section 5).
fn decoded_64(text: &str) -> Option<Vec<u8>> {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes() {
        let value = alphabet.iter().position(|one| *one == byte)?;
        bits = bits << 6 | u32::try_from(value).ok()?;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(out)
}
