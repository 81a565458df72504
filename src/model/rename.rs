//! Giving an artifact another name: what in its own files says the old one.
//!
//! Skills and agents say their name in their front matter, and clients hold it against the folder or take it for the name;
//! hooks name their scripts by the artifact's folder. Commands are called by their path, and the name in a server's
//! definition is the one that a registry knows it by, so those files stay as they are.

use super::hooks::renamed_hooks;
use super::{ArtifactName, ArtifactRef, BundleName, Document, Kind, NameError, TreePath};

/// Why an artifact cannot be given another name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenameError {
    /// Its front matter says the name in a way that cannot be replaced in place.
    #[error("the name in the front matter of '{0}' does not stand on one line of its own")]
    Name(TreePath),
}

impl ArtifactRef {
    /// Returns the name under which this artifact of a bundle comes in beside another of its name: always the same one.
    ///
    /// # Errors
    /// [`NameError::Form`] when it would be too long.
    pub fn forked(&self, bundle: &BundleName) -> Result<Self, NameError> {
        let name = ArtifactName::parse(self.kind, &format!("{}-from-{}", self.name, bundle.as_str()))?;
        Ok(Self::new(self.kind, name))
    }

    /// Returns the content of the main file when the artifact is called `to`; `None` when it does not change.
    ///
    /// `files` are its files, relative to its folder. What cannot be read as front matter or hooks says no name, and stays.
    ///
    /// # Errors
    /// [`RenameError::Name`].
    pub fn renamed(&self, to: &ArtifactName, files: &[TreePath], main: &[u8]) -> Result<Option<Vec<u8>>, RenameError> {
        match self.kind {
            Kind::Skill | Kind::Agent => in_front_matter(main, to).map_err(|()| RenameError::Name(self.main_path())),
            Kind::Hook => Ok(renamed_hooks(main, &self.name, to, files).filter(|new| new != main)),
            Kind::Command | Kind::Mcp => Ok(None),
        }
    }
}

/// Replaces the name and nothing else, so that a merge has one line to look at.
fn in_front_matter(main: &[u8], to: &ArtifactName) -> Result<Option<Vec<u8>>, ()> {
    let Ok(document) = Document::parse(main) else { return Ok(None) };
    let Some(front) = &document.front else { return Ok(None) };
    let (Some(field), Some(old)) = (front.map.field("name"), front.name()) else { return Ok(None) };
    if old == to.as_str() {
        return Ok(None);
    }
    let text = std::str::from_utf8(main).map_err(drop)?;
    let at = usize::try_from(field.line).map_err(drop)?.checked_sub(1).ok_or(())?;
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    let line = lines.get_mut(at).ok_or(())?;
    let value = line.find(':').ok_or(())? + 1;
    let new = line[value..].replacen(old, to.as_str(), 1);
    line.replace_range(value.., &new);
    let new = lines.concat();
    // The judge is the parser: the new name, and all else as it was.
    let again = Document::parse(new.as_bytes()).map_err(drop)?;
    let is_else_same = |again: &super::FrontMatter| {
        let others = |front: &super::FrontMatter| {
            front.map.fields().iter().filter(|field| field.key != "name").cloned().collect::<Vec<_>>()
        };
        again.name() == Some(to.as_str()) && others(again) == others(front)
    };
    let is_right = again.body == document.body && again.front.as_ref().is_some_and(is_else_same);
    if is_right { Ok(Some(new.into_bytes())) } else { Err(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(text: &str) -> ArtifactRef {
        text.parse().expect("a reference")
    }

    fn renamed(of: &str, files: &[&str], main: &str) -> Result<Option<String>, RenameError> {
        let artifact = artifact(of);
        let to = artifact.forked(&"kit".parse().expect("a name")).expect("a name");
        let files: Vec<TreePath> = files.iter().map(|file| file.parse().expect("a path")).collect();
        let new = artifact.renamed(&to.name, &files, main.as_bytes())?;
        Ok(new.map(|bytes| String::from_utf8(bytes).expect("text")))
    }

    #[test]
    fn a_fork_has_one_name_that_follows_from_artifact_and_bundle() {
        let bundle: BundleName = "kit".parse().expect("a name");
        let fork = |text: &str| artifact(text).forked(&bundle).map(|fork| fork.to_string());
        assert_eq!(fork("skill/pdf").as_deref(), Ok("skill/pdf-from-kit"));
        assert_eq!(fork("command/git/commit").as_deref(), Ok("command/git/commit-from-kit"));
        assert!(fork(&format!("skill/{}", "x".repeat(60))).is_err());
    }

    #[test]
    fn the_name_is_replaced_and_nothing_else() {
        for (old, new) in [
            ("---\nname: pdf\ndescription: x\n---\npdf\n", "---\nname: pdf-from-kit\ndescription: x\n---\npdf\n"),
            (
                "\u{feff}---\r\ndescription: x\r\nname: 'pdf' # pdf\r\n---\r\n",
                "\u{feff}---\r\ndescription: x\r\nname: 'pdf-from-kit' # pdf\r\n---\r\n",
            ),
            ("---\nname: other\n---\n", "---\nname: pdf-from-kit\n---\n"),
        ] {
            assert_eq!(renamed("skill/pdf", &[], old), Ok(Some(new.to_owned())), "{old}");
            assert_eq!(renamed("agent/pdf", &[], old), Ok(Some(new.to_owned())), "{old}");
            assert_eq!(renamed("command/pdf", &[], old), Ok(None));
        }
        for same in ["text", "---\ndescription: x\n---\n", "---\nname: pdf-from-kit\n---\n", "---\nname: pdf\n"] {
            assert_eq!(renamed("skill/pdf", &[], same), Ok(None), "{same}");
        }
        for bad in ["---\nname: >\n  pdf\n---\n", "---\nname:\n  pdf\n---\n", "---\nname: \"p\\x64f\"\n---\n"] {
            assert!(renamed("skill/pdf", &[], bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn hooks_name_their_scripts_by_the_new_folder() {
        let hooks = |folder: &str| {
            let root = "${CLAUDE_PLUGIN_ROOT}/hooks";
            format!(
                "{{\n  \"hooks\": {{\"Stop\": [{{\"hooks\": [{{\"type\": \"command\", \"command\": \"sh {root}/{folder}run.sh {root}/other/x\"}}]}}]}}\n}}\n"
            )
        };
        let new = hooks("guard-from-kit/");
        assert_eq!(renamed("hook/guard", &["hooks.json", "run.sh"], &hooks("guard/")), Ok(Some(new.clone())));
        assert_eq!(renamed("hook/guard", &["hooks.json", "run.sh"], &hooks("")), Ok(Some(new)));
        assert_eq!(renamed("hook/guard", &["hooks.json"], &hooks("guard/")), Ok(None), "no file of it");
        assert_eq!(renamed("hook/guard", &["hooks.json"], "{"), Ok(None));
        assert_eq!(renamed("mcp/guard", &["server.json"], "{\"name\": \"guard\"}"), Ok(None));
    }
}
