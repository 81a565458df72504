//! Git URLs, the `user@host:path` form, `owner/repo`, and the pages that forges show for a folder.

use super::{Location, Source, SourceError, TreePath, check_ref_name, shown, version_range};

/// Parses a text that holds `://`.
pub(super) fn parse(text: &str, forge_base: &str) -> Result<Source, SourceError> {
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    let (rest, reference) = split_reference(rest);
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let authority = match scheme.as_str() {
        "https" | "http" => host(text, refuse_user(authority)?)?,
        "ssh" => with_user(text, authority)?,
        "file" if authority.is_empty() || authority.eq_ignore_ascii_case("localhost") => String::new(),
        "file" => return Err(SourceError::Host(shown(text))),
        _ if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => return Err(SourceError::Scheme(scheme)),
        _ => return Err(SourceError::Unknown(shown(text))),
    };
    let (path, subpath) = path.split_once("//").map_or((path, None), |(path, sub)| (path, Some(sub)));
    let base = format!("{scheme}://{authority}");
    let is_forge = authority == "github.com" || base.eq_ignore_ascii_case(forge_base.trim_end_matches('/'));
    if let (Some(page), None, None) = (Page::of(path, is_forge), subpath, &reference) {
        return page.source(text, &base);
    }
    check_path(text, path)?;
    let subpath = subpath.map(|sub| folder(text, sub)).transpose()?;
    // Checked last: a password with a `#` in it must not be taken, and shown, as a reference.
    let reference = checked(reference)?;
    Ok(Source { location: git(format!("{base}{}", path.trim_end_matches('/'))), reference, subpath })
}

/// Parses `[user@]host:path[//sub/path][#ref]`, the form of scp that git knows.
pub(super) fn parse_scp(text: &str) -> Result<Source, SourceError> {
    let (rest, reference) = split_reference(text);
    let (authority, path) = rest.split_once(':').ok_or_else(|| SourceError::Unknown(shown(text)))?;
    // `user:password@host/path` without a scheme looks like a host called `user`.
    if path.contains('@') {
        return Err(SourceError::Credentials);
    }
    let authority = with_user(text, authority)?;
    let (path, subpath) = path.split_once("//").map_or((path, None), |(path, sub)| (path, Some(sub)));
    if path.starts_with('-') {
        return Err(SourceError::Dash { part: "the path" });
    }
    check_path(text, &format!("/{}", path.trim_start_matches('/')))?;
    let subpath = subpath.map(|sub| folder(text, sub)).transpose()?;
    let reference = match checked(reference) {
        Err(SourceError::Reference(error)) if error.name.contains('@') => return Err(SourceError::Credentials),
        other => other?,
    };
    Ok(Source { location: git(format!("{authority}:{}", path.trim_end_matches('/'))), reference, subpath })
}

/// Parses `owner/repo[/sub/path][@ref]`; `#ref` is understood too.
pub(super) fn parse_shorthand(text: &str, forge_base: &str) -> Result<Source, SourceError> {
    let unknown = || SourceError::Unknown(shown(text));
    let (rest, reference) = match text.split_once(['@', '#']) {
        Some((rest, reference)) => (rest, Some(reference)),
        None => (text, None),
    };
    let mut parts = rest.splitn(3, '/');
    let (owner, repo) = (parts.next().unwrap_or_default(), parts.next().ok_or_else(unknown)?);
    if repo.starts_with('-') {
        return Err(SourceError::Dash { part: "the name" });
    }
    if !is_forge_name(owner) || !is_forge_name(repo) || owner.starts_with('.') {
        return Err(unknown());
    }
    let reference = checked(reference)?;
    let subpath = parts.next().map(|sub| plain_folder(text, sub)).transpose()?;
    let url = format!("{}/{owner}/{repo}", forge_base.trim_end_matches('/'));
    Ok(Source { location: git(url), reference, subpath })
}

/// Writes a path so that it can stand in a URL.
pub(super) fn percent_encoded(path: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:".contains(&b);
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        match plain(byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'%' {
            out.push(*first);
            continue;
        }
        let digit = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        out.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
        rest = &tail[2..];
    }
    String::from_utf8(out).ok()
}

fn git(url: String) -> Location {
    Location::Git { url }
}

fn is_forge_name(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(plain) && !text.starts_with('-') && !matches!(text, "." | "..")
}

/// Cuts at the first `#`: a URL has none before its fragment.
fn split_reference(text: &str) -> (&str, Option<&str>) {
    text.split_once('#').map_or((text, None), |(rest, reference)| (rest, Some(reference)))
}

fn checked(reference: Option<&str>) -> Result<Option<String>, SourceError> {
    reference.map_or(Ok(None), |name| {
        if version_range(name).is_none() {
            check_ref_name(name)?;
        }
        Ok(Some(name.to_owned()))
    })
}

fn refuse_user(authority: &str) -> Result<&str, SourceError> {
    if authority.contains('@') { Err(SourceError::Credentials) } else { Ok(authority) }
}

/// Checks `[user@]host[:port]` of ssh, where a user name is no secret but a password is.
fn with_user(text: &str, authority: &str) -> Result<String, SourceError> {
    let Some((user, rest)) = authority.rsplit_once('@') else {
        return host(text, authority);
    };
    if user.starts_with('-') {
        return Err(SourceError::Dash { part: "the user" });
    }
    if !is_forge_name(user) {
        return Err(SourceError::Credentials);
    }
    Ok(format!("{user}@{}", host(text, rest)?))
}

/// Checks `host[:port]` and returns it in lower case.
fn host(text: &str, authority: &str) -> Result<String, SourceError> {
    if authority.starts_with('-') {
        return Err(SourceError::Dash { part: "the host" });
    }
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (authority, None),
    };
    let is_name =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    let is_address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .is_some_and(|name| name.parse::<std::net::Ipv6Addr>().is_ok());
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok() && !port.starts_with('+'));
    if (is_name || is_address) && is_port {
        Ok(authority.to_ascii_lowercase())
    } else {
        Err(SourceError::Host(shown(text)))
    }
}

/// Checks the path of a repository, which starts with `/`.
fn check_path(text: &str, path: &str) -> Result<(), SourceError> {
    if path.contains('@') {
        return Err(SourceError::Credentials);
    }
    let plain = |b: u8| {
        b.is_ascii_graphic() && !matches!(b, b'?' | b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
    };
    let decoded = percent_decoded(path).unwrap_or_default();
    let bad_part = |part: &str| matches!(part, "." | "..") || part.starts_with('-');
    if decoded.split('/').any(|part| part.starts_with('-')) {
        return Err(SourceError::Dash { part: "the path" });
    }
    let usable =
        path.len() > 1 && path.bytes().all(plain) && !decoded.is_empty() && !decoded.contains(char::is_control);
    if usable && !decoded.split('/').any(bad_part) { Ok(()) } else { Err(SourceError::Path(shown(text))) }
}

/// Reads a folder within a repository as it is written in a URL.
fn folder(text: &str, sub: &str) -> Result<TreePath, SourceError> {
    let decoded = percent_decoded(sub).ok_or_else(|| SourceError::Path(shown(text)))?;
    plain_folder(text, &decoded)
}

fn plain_folder(text: &str, sub: &str) -> Result<TreePath, SourceError> {
    if sub.starts_with('-') {
        return Err(SourceError::Dash { part: "the folder" });
    }
    super::check_characters(sub)?;
    let parsed = sub.strip_suffix('/').unwrap_or(sub).parse();
    parsed.map_err(|source| SourceError::Subpath { text: shown(text), source })
}

/// The page of a folder or file: `/o/r/tree/REF/path` on GitHub, `/group/r/-/tree/REF/path` on GitLab.
///
/// A reference with a slash cannot be told from the path in such a page: its first part is taken.
struct Page<'a> {
    repository: &'a str,
    is_file: bool,
    reference: &'a str,
    path: &'a str,
}

impl<'a> Page<'a> {
    fn of(path: &'a str, is_forge: bool) -> Option<Self> {
        let (repository, view) = match path.find("/-/") {
            Some(at) => (&path[..at], &path[at + 3..]),
            None if is_forge => {
                let at = path.match_indices('/').nth(2)?.0;
                (&path[..at], &path[at + 1..])
            }
            None => return None,
        };
        let (is_file, rest) = match view.split_once('/')? {
            ("tree", rest) => (false, rest),
            ("blob", rest) => (true, rest),
            _ => return None,
        };
        let (reference, path) = rest.split_once('/').unwrap_or((rest, ""));
        Some(Self { repository, is_file, reference, path })
    }

    fn source(&self, text: &str, base: &str) -> Result<Source, SourceError> {
        let reference = percent_decoded(self.reference).ok_or_else(|| SourceError::Path(shown(text)))?;
        check_ref_name(&reference)?;
        // People copy the page of the SKILL.md; what they mean is the skill, which is its folder.
        let path = match self.path.strip_suffix("SKILL.md") {
            Some(skill) if self.is_file && (skill.is_empty() || skill.ends_with('/')) => skill,
            _ => self.path,
        };
        check_path(text, self.repository)?;
        let path = path.trim_end_matches('/');
        let subpath = if path.is_empty() { None } else { Some(folder(text, path)?) };
        Ok(Source { location: git(format!("{base}{}", self.repository)), reference: Some(reference), subpath })
    }
}
