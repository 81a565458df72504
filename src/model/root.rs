//! `root.toml`: who may do what in a vault (`schema/ledger.md`).
//!
//! Keys are text here; whether they are keys is for `trust` to say.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::hidden::is_hidden;
use super::ledger::is_plain;
use super::{BundleName, Digest, shown};

/// Version of the format of `root.toml`.
pub const ROOT_FORMAT: u32 = 1;

/// Largest `root.toml`, in bytes: several hundred people with a role.
pub const MAX_ROOT_BYTES: usize = 256 * 1024;

/// Why a text is not a `root.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootError {
    /// More than [`MAX_ROOT_BYTES`], or not UTF-8.
    #[error("it is not text of at most {MAX_ROOT_BYTES} bytes")]
    Text,
    /// Not TOML of this shape.
    #[error("it is not TOML of the expected shape: {0}")]
    Syntax(String),
    /// Written by a newer program.
    #[error("it has format {0}, which needs a newer git skillmeat")]
    Format(u32),
    /// Valid, but not the one spelling.
    #[error("it is not written in the one way that it can be")]
    Spelling,
    /// A rule is broken.
    #[error("{0}")]
    Rule(String),
}

/// What someone may do in a vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything that needs no root key: publish, take back and revoke, for every bundle.
    Admin,
    /// Publish and take back, for bundles of certain names.
    Publisher,
    /// Say that the ledger is alive.
    Checkpoint,
    /// Nothing: it is written down who may read.
    Viewer,
}

/// Names of bundles: `*`, a name, or `prefix-*`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct BundlePattern(String);

impl BundlePattern {
    /// Says whether a name is one of these.
    pub fn matches(&self, name: &BundleName) -> bool {
        match self.0.strip_suffix('*') {
            // With the hyphen: `pdf-*` is neither `pdf` nor `pdfx`.
            Some(prefix) => name.as_str().starts_with(prefix),
            None => name.as_str() == self.0,
        }
    }
}

impl FromStr for BundlePattern {
    type Err = RootError;

    fn from_str(text: &str) -> Result<Self, RootError> {
        let name = text.strip_suffix("-*").unwrap_or(text);
        if text == "*" || name.parse::<BundleName>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        let text: String = text.chars().take(80).collect();
        Err(RootError::Rule(format!("'{}' is not '*', a name or 'name-*'", text.escape_debug())))
    }
}

impl TryFrom<String> for BundlePattern {
    type Error = RootError;

    fn try_from(text: String) -> Result<Self, RootError> {
        text.parse()
    }
}

impl From<BundlePattern> for String {
    fn from(pattern: BundlePattern) -> Self {
        pattern.0
    }
}

impl fmt::Display for BundlePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key that root files are signed with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// Whose it is; someone with several keys counts once.
    pub principal: String,
    /// The public key, as one line without a comment.
    pub key: String,
}

/// Someone with a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleOf {
    /// Who.
    pub principal: String,
    /// What they may do.
    pub role: Role,
    /// For bundles of which names; for a publisher only, and at least one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bundles: Vec<BundlePattern>,
}

/// A key that is believed no longer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokedKey {
    /// The public key, as one line without a comment.
    pub key: String,
    /// Entries from this number on that it signed are not believed.
    pub since: u64,
}

/// Content of `root.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootFile {
    /// Always 1.
    pub format: u32,
    /// 1 for the first; each has the number after the one before it.
    pub version: u64,
    /// Which ledger: absent in version 1, which is part of what gives the ledger its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<Digest>,
    /// How many people have to sign the next one.
    pub threshold: u64,
    /// SHA-256 of `allowed_signers`.
    pub allowed_signers: Digest,
    /// SHA-256 of `revoked_keys`.
    pub revoked_keys: Digest,
    /// Keys that sign root files, sorted.
    pub keys: Vec<RootKey>,
    /// Who may do what, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleOf>,
    /// Keys that are believed no longer, sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<RevokedKey>,
}

impl RootFile {
    /// Parses `root.toml`; only the text that [`RootFile::render`] writes is one.
    ///
    /// # Errors
    /// [`RootError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, RootError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let text =
            std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_ROOT_BYTES).ok_or(RootError::Text)?;
        // A message may quote what stands there.
        let syntax = |error: toml::de::Error| RootError::Syntax(shown(error.message()));
        let Head { format } = toml::from_str(text).map_err(syntax)?;
        if format != ROOT_FORMAT {
            return Err(RootError::Format(format));
        }
        let root: Self = toml::from_str(text).map_err(syntax)?;
        root.check()?;
        if root.render() == text { Ok(root) } else { Err(RootError::Spelling) }
    }

    /// Checks the rules that the types do not hold.
    ///
    /// # Errors
    /// [`RootError::Rule`].
    pub fn check(&self) -> Result<(), RootError> {
        let rule = |text: &str| Err(RootError::Rule(text.to_owned()));
        if self.version == 0 || (self.version == 1) != self.repo.is_none() {
            return rule("version 1 and no other has no 'repo'");
        }
        let mut holders: Vec<_> = self.keys.iter().map(|key| key.principal.as_str()).collect();
        holders.sort_unstable();
        holders.dedup();
        if self.threshold == 0 || self.threshold > holders.len() as u64 {
            return rule("'threshold' is not between 1 and the number of people who hold a root key");
        }
        let mut keys: Vec<_> = self.keys.iter().map(|key| key.key.as_str()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return rule("a root key stands there twice");
        }
        let names = self.keys.iter().map(|key| &key.principal).chain(self.roles.iter().map(|role| &role.principal));
        if let Some(name) = names.into_iter().find(|name| !is_principal(name)) {
            return rule(&format!("'{}' is not the name of a principal", name.escape_debug()));
        }
        let texts = self.keys.iter().map(|key| &key.key).chain(self.revoked.iter().map(|key| &key.key));
        if texts.into_iter().any(|key| !is_plain(key)) {
            return rule("a key is not one plain line");
        }
        if self.roles.iter().any(|role| (role.role == Role::Publisher) == role.bundles.is_empty()) {
            return rule("a publisher and no other has 'bundles'");
        }
        Ok(())
    }

    /// Returns the one text of this file; lists are sorted, whatever order they have here.
    pub fn render(&self) -> String {
        let mut sorted = self.clone();
        sorted.keys.sort();
        sorted.roles.sort();
        sorted.roles.iter_mut().for_each(|role| role.bundles.sort());
        sorted.revoked.sort();
        toml::to_string(&sorted).expect("texts, numbers and lists of them are always TOML")
    }

    /// Returns the roles of someone.
    pub fn roles_of<'a>(&'a self, principal: &'a str) -> impl Iterator<Item = &'a RoleOf> {
        self.roles.iter().filter(move |role| role.principal == principal)
    }
}

/// Says whether a text can name one person in a list of allowed signers: no pattern, no list, no quotes, and nothing that
/// is not seen, so that two who are not the same do not look the same.
pub fn is_principal(text: &str) -> bool {
    let special =
        |c: char| c.is_whitespace() || is_hidden(c) || matches!(c, '"' | '\'' | ',' | '*' | '?' | '!' | '#' | '\\');
    !text.is_empty() && text.len() <= 200 && !text.chars().any(special)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> RootFile {
        let key = |principal: &str, key: &str| RootKey { principal: principal.to_owned(), key: key.to_owned() };
        let role = |principal: &str, role, bundles: &[&str]| RoleOf {
            principal: principal.to_owned(),
            role,
            bundles: bundles.iter().map(|text| text.parse().expect("a pattern")).collect(),
        };
        RootFile {
            format: 1,
            version: 2,
            repo: Some(Digest::of(b"r")),
            threshold: 2,
            allowed_signers: Digest::of(b"a"),
            revoked_keys: Digest::of(b""),
            keys: vec![key("a@x", "ssh-ed25519 AAAA"), key("a@x", "ssh-ed25519 BBBB"), key("b@x", "ssh-ed25519 CCCC")],
            roles: vec![role("a@x", Role::Admin, &[]), role("b@x", Role::Publisher, &["pdf-*", "kit"])],
            revoked: vec![RevokedKey { key: "ssh-ed25519 DDDD".to_owned(), since: 7 }],
        }
    }

    #[test]
    fn it_is_read_as_it_is_written_and_in_no_other_spelling() {
        let text = root().render();
        let back = RootFile::parse(text.as_bytes()).expect("parses");
        assert_eq!(back.render(), text);
        assert_eq!(back.roles_of("b@x").count(), 1);
        for changed in [
            text.replacen("version = 2", "version = 0x2", 1),
            format!("{text}\n"),
            format!("# c\n{text}"),
            text.replacen("format = 1", "format = 2", 1),
            text.replacen("threshold = 2", "threshold = 2\nthresholds = 1", 1),
            text.replacen("\"kit\", \"pdf-*\"", "\"pdf-*\", \"kit\"", 1),
        ] {
            assert_ne!(changed, text);
            assert!(RootFile::parse(changed.as_bytes()).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_message_about_broken_text_steers_no_terminal() {
        let text = root().render().replacen("sha256:", "sha2\\u001b\\t56:", 1);
        let error = RootFile::parse(text.as_bytes()).expect_err("is refused");
        assert!(!error.to_string().chars().any(char::is_control), "{error:?}");
    }

    #[test]
    fn rules_are_kept() {
        let broken: [fn(&mut RootFile); 11] = [
            |root| root.threshold = 0,
            // Three keys of two people.
            |root| root.threshold = 3,
            |root| root.version = 1,
            |root| root.repo = None,
            |root| root.keys[1].key = root.keys[0].key.clone(),
            |root| root.keys[0].principal = "*".to_owned(),
            |root| root.roles[0].principal = "a@x,b@x".to_owned(),
            |root| root.roles[0].principal = "a@x\u{3164}".to_owned(),
            |root| root.roles[1].bundles.clear(),
            |root| root.roles[0].bundles = vec!["*".parse().expect("a pattern")],
            |root| root.revoked[0].key = "a\nb".to_owned(),
        ];
        assert!(root().check().is_ok());
        for (at, change) in broken.iter().enumerate() {
            let mut root = root();
            change(&mut root);
            assert!(root.check().is_err(), "{at}");
            assert!(RootFile::parse(root.render().as_bytes()).is_err(), "{at}");
        }
    }

    /// Row 37: a pattern is what it says and no more.
    #[test]
    fn patterns_end_at_a_hyphen() {
        let pattern = |text: &str| text.parse::<BundlePattern>();
        for text in ["", "**", "pdf*", "*-pdf", "pdf-**", "PDF-*", "pdf-?", "a/*", "-*", "pdf-*-*", "[a]-*"] {
            assert!(pattern(text).is_err(), "{text}");
        }
        let name = |text: &str| text.parse::<BundleName>().expect("a name");
        let pdf = pattern("pdf-*").expect("a pattern");
        assert!(pdf.matches(&name("pdf-a")) && pdf.matches(&name("pdf-a-b")));
        assert!(!pdf.matches(&name("pdf")) && !pdf.matches(&name("pdfx")) && !pdf.matches(&name("x-pdf-a")));
        let one = pattern("kit").expect("a pattern");
        assert!(one.matches(&name("kit")) && !one.matches(&name("kit-a")));
        assert!(pattern("*").expect("a pattern").matches(&name("kit")));
    }
}
