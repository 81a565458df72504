//! `GIT_CONFIG_PARAMETERS`: how git hands `-c key=value` to the programs it starts.
//!
//! Two forms, both of shell-quoted words: `'key=value'` (before git 2.31) and `'key'='value'`.

/// Returns the settings as `key=value`; text that is in neither form ends the list.
pub(super) fn parse(text: &str) -> Vec<String> {
    let mut settings = Vec::new();
    let mut rest = text.trim_start();
    while let Some((word, after)) = unquote(rest) {
        let (setting, after) = match after.strip_prefix('=') {
            None => (word, after),
            Some(value) => match unquote(value) {
                Some((value, after)) => (format!("{word}={value}"), after),
                None => (word, value),
            },
        };
        settings.push(setting);
        rest = after.trim_start();
    }
    settings
}

/// Takes one shell-quoted word off the front: `'…'`, with `'\''` and `'\!'` inside.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut word = String::new();
    let mut rest = text.strip_prefix('\'')?;
    loop {
        let (part, after) = rest.split_once('\'')?;
        word.push_str(part);
        let escaped =
            ["\\'", "\\!"].iter().find_map(|escape| after.strip_prefix(escape).map(|after| (&escape[1..], after)));
        match escaped {
            Some((character, after)) => {
                word.push_str(character);
                rest = after.strip_prefix('\'')?;
            }
            None => return Some((word, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn both_forms_and_quotes_are_read() {
        assert_eq!(parse("'user.name'='A B' 'x.y=1'"), ["user.name=A B", "x.y=1"]);
        assert_eq!(parse(r"'user.name'='O'\''Neil'"), ["user.name=O'Neil"]);
        assert!(parse("no quotes").is_empty());
    }
}
