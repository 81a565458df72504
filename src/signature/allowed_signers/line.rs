//! One line of the list: `PRINCIPALS [OPTIONS] TYPE BASE64 [COMMENT]` (`parse_principals_key_and_options`).

use super::super::date::Moment;
use super::super::key::PublicKey;
use super::super::pattern::MAX_PATTERN_BYTES;
use super::{AllowedSigner, LineError};
use crate::model::hidden::is_hidden;

/// Parses one line without its LF; `None` for a comment or an empty line.
pub(super) fn parse(line: &[u8], number: usize) -> Result<Option<AllowedSigner>, LineError> {
    const BLANK: [char; 2] = [' ', '\t'];
    let text = std::str::from_utf8(line).map_err(|_| LineError::Text)?;
    let text = text.strip_suffix('\r').unwrap_or(text).trim_start_matches(BLANK);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(LineError::Text);
    }
    let (principals, rest) = split_principals(text)?;
    check_patterns(&principals)?;
    let is_key = PublicKey::is_type_name(rest.split(BLANK).next().unwrap_or_default());
    let (options, rest) = if is_key { ("", rest) } else { split_options(rest)? };
    let Options { namespaces, valid_after, valid_before, cert_authority } = parse_options(options)?;
    let (key, _) = PublicKey::parse_line(rest.trim_start_matches(BLANK)).map_err(LineError::Key)?;
    Ok(Some(AllowedSigner { line: number, principals, namespaces, valid_after, valid_before, cert_authority, key }))
}

/// Splits off the first word; a quoted part may stand in it and ends it (`strdelimw` of OpenSSH).
fn split_principals(text: &str) -> Result<(String, &str), LineError> {
    let end = text.find([' ', '\t', '"']).ok_or(LineError::Form)?;
    let (word, rest) = text.split_at(end);
    let (word, rest) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (inside, rest) = quoted.split_once('"').ok_or(LineError::Form)?;
            (format!("{word}{inside}"), rest)
        }
        None => (word.to_owned(), rest),
    };
    Ok((word, rest.trim_start_matches([' ', '\t'])))
}

fn check_patterns(list: &str) -> Result<(), LineError> {
    let fits = |element: &str| {
        let pattern = element.strip_prefix('!').unwrap_or(element);
        (1..=MAX_PATTERN_BYTES).contains(&pattern.len())
    };
    if let Some(hidden) = list.chars().find(|c| is_hidden(*c)) {
        return Err(LineError::Hidden(list.to_owned(), hidden));
    }
    if list.split(',').all(fits) { Ok(()) } else { Err(LineError::Pattern) }
}

/// Splits off the options, which end at the first blank outside quotes (`sshkey_advance_past_options`).
fn split_options(text: &str) -> Result<(&str, &str), LineError> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !escaped => quoted = !quoted,
            b' ' | b'\t' if !quoted => return Ok(text.split_at(at)),
            _ => {}
        }
        escaped = byte == b'\\' && !escaped && text.as_bytes().get(at + 1) == Some(&b'"');
    }
    Err(LineError::Form)
}

#[derive(Default)]
struct Options {
    namespaces: Option<String>,
    valid_after: Option<Moment>,
    valid_before: Option<Moment>,
    cert_authority: bool,
}

/// Reads the options (`sshsigopt_parse` of OpenSSH).
fn parse_options(text: &str) -> Result<Options, LineError> {
    let mut options = Options::default();
    let mut rest = text;
    while !rest.is_empty() {
        let bad = || LineError::Option(rest.to_owned());
        let name_end = rest.find(['=', ',']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let after = match after.strip_prefix('=') {
            None if name.eq_ignore_ascii_case("cert-authority") => {
                options.cert_authority = true;
                after
            }
            None => return Err(bad()),
            Some(value) => {
                let (value, after) = dequote(value).ok_or_else(bad)?;
                set_option(&mut options, &name.to_ascii_lowercase(), value).ok_or_else(bad)?;
                after
            }
        };
        rest = match after.strip_prefix(',') {
            Some("") => return Err(bad()),
            Some(next) => next,
            None if after.is_empty() => after,
            None => return Err(bad()),
        };
    }
    options.namespaces.as_deref().map_or(Ok(()), check_patterns)?;
    match (options.valid_before, options.valid_after) {
        (Some(before), Some(after)) if before.not_after(after) => Err(LineError::Period),
        _ => Ok(options),
    }
}

/// Sets an option that has a value; `None` when it is unknown, set already, or the value is broken.
fn set_option(options: &mut Options, name: &str, value: String) -> Option<()> {
    fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
        slot.replace(value).is_none().then_some(())
    }
    match name {
        "namespaces" => once(&mut options.namespaces, value),
        "valid-after" => once(&mut options.valid_after, Moment::parse(&value)?),
        "valid-before" => once(&mut options.valid_before, Moment::parse(&value)?),
        _ => None,
    }
}

/// Reads a quoted value, in which `\"` is a quote, and returns it with what follows (`opt_dequote`).
fn dequote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' if chars.as_str().starts_with('"') => value.extend(chars.next()),
            other => value.push(other),
        }
    }
}
