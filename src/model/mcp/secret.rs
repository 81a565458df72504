//! Literals that look like secrets, told by the name they stand under or by their form.
//!
//! This is the check that keeps a secret from being written into a collection at all; the scan of a whole
//! tree is elsewhere and knows more forms. When in doubt it refuses, because a reference always works.

use super::{Launch, McpError, Part, Template};

/// Last words of a name that holds a secret.
const LAST_WORDS: [&str; 14] = [
    "token",
    "tokens",
    "secret",
    "secrets",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "pat",
    "credential",
    "credentials",
    "apikey",
    "authorization",
    "cookie",
];

/// Words that make a following `key` a secret one.
const KEY_WORDS: [&str; 10] =
    ["api", "access", "private", "secret", "auth", "encryption", "signing", "service", "master", "account"];

/// Beginnings of well-known kinds of tokens.
const PREFIXES: [&str; 22] = [
    "sk-",
    "sk_",
    "rk_",
    "pk_live_",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "npm_",
    "hf_",
    "eyJ",
    "-----BEGIN",
];

/// Shortest literal that a prefix makes a secret, in bytes: shorter ones are examples or words.
const MIN_TOKEN_BYTES: usize = 16;

/// Returns whether a variable, header, flag or query parameter of this name holds a secret.
pub(crate) fn looks_secret_name(name: &str) -> bool {
    let words: Vec<String> = words(name);
    match words.as_slice() {
        [.., before, last] if last == "key" => KEY_WORDS.contains(&before.as_str()),
        [.., last] => LAST_WORDS.contains(&last.as_str()) || last.ends_with("apikey") || last.ends_with("password"),
        [] => false,
    }
}

/// Splits `X-Api-Key`, `API_KEY` and `apiKey` into lower-case words.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut lower_before = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && lower_before) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        lower_before = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Returns whether a literal has the form of a token.
fn looks_secret_value(text: &str) -> bool {
    let text = text.trim();
    let token = ["Bearer ", "bearer ", "Basic ", "token "].iter().find_map(|scheme| text.strip_prefix(scheme));
    let known = |text: &str| text.len() >= MIN_TOKEN_BYTES && PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    token.is_some_and(|token| token.trim().len() >= 8) || known(text) || has_password(text)
}

/// Returns whether a URL in `text` carries a password: `scheme://user:password@host`.
fn has_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#', ' ']).next().unwrap_or_default();
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, secret)| !secret.is_empty())
    })
}

/// Returns whether the text of `template`, references left out, is a secret when it stands under `name`.
fn holds_secret(name: &str, template: &Template) -> bool {
    let literal = template.literal().is_some_and(|text| !text.is_empty() && looks_secret_name(name));
    literal || has_secret_text(template)
}

fn has_secret_text(template: &Template) -> bool {
    let mut text = String::new();
    for part in template.parts() {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Variable { name, default: Some(default) } if holds_secret(name, &Template::parse(default)) => {
                return true;
            }
            Part::Variable { .. } => {}
        }
    }
    looks_secret_value(&text)
}

/// Refuses literals that look like secrets.
///
/// # Errors
/// [`McpError::SecretLiteral`], which names the place and never the value.
pub(super) fn refuse_secrets(launch: &Launch) -> Result<(), McpError> {
    let refuse = |place: String, bad: bool| if bad { Err(McpError::SecretLiteral { place }) } else { Ok(()) };
    match launch {
        Launch::Stdio { command, args, env, cwd: _, extra } => {
            refuse("command".to_owned(), has_secret_text(command))?;
            for (name, value) in env {
                refuse(format!("env.{name}"), holds_secret(name, value))?;
            }
            let mut flag: Option<String> = None;
            for (index, arg) in args.iter().enumerate() {
                let text = arg.to_string();
                let (name, value) = match text.split_once('=') {
                    Some((name, value)) => (Some(name.to_owned()), Template::parse(value)),
                    None => (flag.take().filter(|_| !text.starts_with('-')), arg.clone()),
                };
                let bad = holds_secret(name.as_deref().unwrap_or_default(), &value) || has_secret_text(arg);
                refuse(format!("args[{index}]"), bad)?;
                flag = Some(text).filter(|text| text.starts_with("--") && !text.contains('='));
            }
            refuse_in_extra(extra)
        }
        Launch::Remote { url, headers, extra, .. } => {
            refuse("url".to_owned(), url_holds_secret(url))?;
            for (name, value) in headers {
                refuse(format!("headers.{name}"), holds_secret(name, value))?;
            }
            refuse_in_extra(extra)
        }
    }
}

fn url_holds_secret(url: &Template) -> bool {
    let text = url.to_string();
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let parameter =
        |pair: &str| pair.split_once('=').is_some_and(|(name, value)| holds_secret(name, &Template::parse(value)));
    has_secret_text(url) || query.split(['&', '#']).any(parameter)
}

fn refuse_in_extra(extra: &super::launch::Extra) -> Result<(), McpError> {
    fn bad(name: &str, value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::String(text) => holds_secret(name, &Template::parse(text)),
            serde_json::Value::Array(items) => items.iter().any(|item| bad(name, item)),
            serde_json::Value::Object(map) => map.iter().any(|(key, value)| bad(key, value)),
            _ => false,
        }
    }
    match extra.iter().find(|(name, value)| bad(name, value)) {
        Some((name, _)) => Err(McpError::SecretLiteral { place: name.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in [
            "GITHUB_TOKEN",
            "API_KEY",
            "apiKey",
            "X-Api-Key",
            "Authorization",
            "DB_PASSWORD",
            "--api-key",
            "OPENAI_APIKEY",
        ] {
            assert!(looks_secret_name(name), "{name}");
        }
        for name in ["TOKEN_LIMIT", "LOG_LEVEL", "PORT", "KEYBOARD", "SORT_KEY", "PASSWORD_FILE", "AUTH_TYPE", ""] {
            assert!(!looks_secret_name(name), "{name}");
        }
    }

    #[test]
    fn values_of_secrets_are_told_from_others() {
        for value in [
            "ghp_0123456789abcdef",
            "Bearer 0123456789",
            "postgres://user:hunter2@host/db",
            "-----BEGIN OPENSSH PRIVATE KEY-----",
        ] {
            assert!(looks_secret_value(value), "{value}");
        }
        for value in ["sk-", "Bearer", "https://host/a:b@c", "postgres://user@host", "skills-are-many-things"] {
            assert!(!looks_secret_value(value), "{value}");
        }
    }
}
