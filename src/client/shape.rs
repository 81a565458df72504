//! The shape of a server's entry in a client's file, as data.

use std::collections::BTreeMap;

use crate::model::mcp::{Part, Template};

/// How a client writes the program and its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandForm {
    /// `"command": "x", "args": ["a"]`.
    Split,
    /// `"command": ["x", "a"]`.
    List,
}

/// Names of the members of an entry, and how it refers to variables. A member without a name does not exist.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EntryShape {
    /// Member that names the transport.
    pub type_key: Option<String>,
    /// Words for `stdio`, `streamable-http` and `sse`; a transport without a word cannot be deployed.
    pub types: BTreeMap<String, String>,
    /// How program and arguments are written.
    pub command_form: CommandForm,
    /// Member for variables.
    pub env_key: String,
    /// Member for the folder that the server starts in; `None` when the client has none.
    pub cwd_key: Option<String>,
    /// Member for the address, by transport.
    pub url_keys: BTreeMap<String, String>,
    /// Member for headers; `None` when the client has none.
    pub headers_key: Option<String>,
    /// How a variable is written, with `%` for its name; `None` when the client expands nothing.
    pub variable: Option<String>,
    /// How a variable with a default is written, with `%` for its name and `@` for the default.
    pub variable_default: Option<String>,
    /// Members of an entry that only this client knows and that are written as they are.
    #[serde(default)]
    pub extras: Vec<String>,
}

impl EntryShape {
    /// Returns the text in the client's own syntax; `None` when it cannot say a variable or its default.
    pub(super) fn text(&self, template: &Template) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Variable { name, default: None } => Some(self.variable.as_ref()?.replace('%', name)),
            Part::Variable { name, default: Some(default) } => {
                let form = self.variable_default.as_ref()?;
                let (before, after) = form.split_once('@')?;
                Some(format!("{}{default}{}", before.replace('%', name), after.replace('%', name)))
            }
        };
        template.parts().iter().map(part).collect()
    }
}
