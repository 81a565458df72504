//! Text with references to environment variables.

use std::fmt;

/// One part of a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Text as it is.
    Text(String),
    /// The value of an environment variable, or the default when it is not set.
    Variable {
        /// Name of the variable.
        name: String,
        /// Text used when it is not set.
        default: Option<String>,
    },
}

/// Text in which `${NAME}` and `${NAME:-default}` stand for environment variables.
///
/// The written form is the one of Claude Code and of shells; other clients' forms are made from the parts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template(Vec<Part>);

impl Template {
    /// Reads the written form; what is not a reference is text. Every string is a template.
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            match reference(&rest[start..]) {
                Some((part, length)) => {
                    out.push_text(&rest[..start]);
                    out.0.push(part);
                    rest = &rest[start + length..];
                }
                None => {
                    out.push_text(&rest[..start + 2]);
                    rest = &rest[start + 2..];
                }
            }
        }
        out.push_text(rest);
        out
    }

    /// Returns a reference to one variable.
    pub fn variable(name: &str, default: Option<&str>) -> Self {
        Self(vec![Part::Variable { name: name.to_owned(), default: default.map(str::to_owned) }])
    }

    /// Returns the parts; two texts never follow each other and no text is empty.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Returns the text when there is no reference in it.
    pub fn literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns the names of the variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable { name, .. } => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Returns whether this is exactly a reference to `name` without a default.
    pub(super) fn is_variable(&self, name: &str) -> bool {
        *self == Self::variable(name, None)
    }

    pub(super) fn append(&mut self, other: Self) {
        for part in other.0 {
            match part {
                Part::Text(text) => self.push_text(&text),
                variable @ Part::Variable { .. } => self.0.push(variable),
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.0.last_mut() {
            Some(Part::Text(last)) => last.push_str(text),
            _ => self.0.push(Part::Text(text.to_owned())),
        }
    }
}

/// Reads the reference that `text` starts with; also returns its length.
fn reference(text: &str) -> Option<(Part, usize)> {
    let end = text.find('}')?;
    let inner = text.get(2..end)?;
    let (name, default) = inner.split_once(":-").map_or((inner, None), |(name, default)| (name, Some(default)));
    let named = is_variable_name(name) && default.is_none_or(|default| !default.contains("${"));
    let part = Part::Variable { name: name.to_owned(), default: default.map(str::to_owned) };
    named.then_some((part, end + 1))
}

/// Returns whether `name` is `[A-Za-z_][A-Za-z0-9_]*`.
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Makes a variable's name from the name of a header or input: `X-Api-Key` gives `X_API_KEY`.
pub(super) fn variable_name(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Variable { name, default: None } => write!(f, "${{{name}}}"),
            Part::Variable { name, default: Some(default) } => write!(f, "${{{name}:-{default}}}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn references_and_text_are_told_apart() {
        let parts = |text: &str| Template::parse(text).parts().to_vec();
        let var = |name: &str, default: Option<&str>| Template::variable(name, default).parts()[0].clone();
        assert_eq!(parts("Bearer ${A_1}"), [Part::Text("Bearer ".to_owned()), var("A_1", None)]);
        assert_eq!(parts("${A:-x:-y}${B:-}"), [var("A", Some("x:-y")), var("B", Some(""))]);
        for text in ["$A", "${}", "${1A}", "${A B}", "${A", "$${", "{A}", "${user_config.key}", "${A:-${B}}"] {
            let template = Template::parse(text);
            let outer = template.variables().any(|name| name == "A");
            assert!(!outer, "{text}");
        }
        assert_eq!(Template::parse("").literal(), Some(""));
        assert_eq!(variable_name("X-Api-Key"), "X_API_KEY");
        assert_eq!(variable_name("9"), "_9");
    }

    proptest! {
        #[test]
        fn the_written_form_is_exact(text in "[${}AB:\\- ]{0,20}|.{0,20}") {
            let template = Template::parse(&text);
            prop_assert_eq!(template.to_string(), text.as_str());
            prop_assert_eq!(Template::parse(&template.to_string()), template);
        }
    }
}
