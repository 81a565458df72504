//! `completions`, `man` and `schema`: what installs and describes the program itself.

use std::path::PathBuf;

use clap::Subcommand;
use clap_complete::Shell;

use super::failure::Failure;
use super::report::Report;
use super::schemas;
use crate::fsio;
use crate::model::Class;
use crate::ops::collection::merge_file;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print the completion script of a shell
    #[command(
        after_help = "Example: git skillmeat completions bash > ~/.local/share/bash-completion/completions/git-skillmeat"
    )]
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the man page, or install it so that `git skillmeat --help` works
    #[command(after_help = "Example: git skillmeat man --install ~/.local/share/man")]
    Man {
        /// Write all pages below this folder, in `man1`
        #[arg(long, value_name = "DIR")]
        install: Option<PathBuf>,
    },
    /// Merge collection.toml or collection.lock; git calls it (gitattributes(5))
    #[command(hide = true)]
    MergeDriver {
        /// The common state
        base: PathBuf,
        /// Our state, which is replaced by the result
        ours: PathBuf,
        /// Their state
        theirs: PathBuf,
        /// The path in the repository
        path: String,
    },
    /// Print the JSON Schema of a command's `--format json` output, or the list of them
    #[command(after_help = "Example: git skillmeat schema vault-check")]
    Schema {
        /// Name of the schema, such as `list`
        name: Option<String>,
    },
}

/// What `man` did.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct Pages {
    files: Vec<PathBuf>,
}

/// What `merge-driver` could not merge.
#[derive(serde::Serialize, schemars::JsonSchema)]
pub(super) struct Conflicts {
    conflicts: Vec<String>,
}

impl Command {
    pub(super) fn run(self, cli: clap::Command) -> Result<Report, Failure> {
        match self {
            Command::Completions { shell } => Ok(completions(shell, cli)),
            Command::Man { install: None } => Ok(Report::new("man", &Pages { files: Vec::new() }, page(cli)?)),
            Command::Man { install: Some(folder) } => install(cli, &folder),
            Command::MergeDriver { base, ours, theirs, path } => {
                let conflicts = merge_file(&base, &ours, &theirs, &path)?;
                let text =
                    conflicts.iter().map(|name| format!("both sides changed '{name}' in {path}; ours is kept\n"));
                let text: String = text.collect();
                let report = Report::new("merge-driver", &Conflicts { conflicts }, text.clone());
                // Git takes status 1 for a conflict.
                Ok(if text.is_empty() { report } else { report.status(1) })
            }
            Command::Schema { name } => schema(name.as_deref()),
        }
    }
}

/// git's own completion calls `_git_skillmeat`; registering for `git` itself would replace it.
const BASH_BRIDGE: &str = r#"
_git_skillmeat() {
    local IFS=$'\013'
    COMPREPLY=($(_CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX=$((COMP_CWORD - 1)) _CLAP_COMPLETE_COMP_TYPE=$COMP_TYPE \
        _CLAP_COMPLETE_SPACE=true COMPLETE=bash git-skillmeat -- git-skillmeat "${COMP_WORDS[@]:2}"))
}
"#;

fn completions(shell: Shell, mut cli: clap::Command) -> Report {
    let mut script = Vec::new();
    cli = cli.bin_name("git-skillmeat");
    clap_complete::generate(shell, &mut cli, "git-skillmeat", &mut script);
    let mut text = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Bash {
        text.push_str(BASH_BRIDGE);
    }
    Report::new("completions", &serde_json::json!({"shell": shell.to_string(), "script": text}), text.clone())
}

fn page(cli: clap::Command) -> Result<String, Failure> {
    let mut out = Vec::new();
    clap_mangen::Man::new(cli).render(&mut out).map_err(|error| Failure::of(&error, Class::Io, None))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

fn install(mut cli: clap::Command, folder: &std::path::Path) -> Result<Report, Failure> {
    let section = folder.join("man1");
    fsio::ensure_folder(&section)?;
    cli.build();
    let mut files = vec![section.join("git-skillmeat.1")];
    fsio::write_atomic(&files[0], page(cli.clone())?.as_bytes(), fsio::Access::Shared)?;
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        let name = format!("git-skillmeat-{}", command.get_name());
        let path = section.join(format!("{name}.1"));
        // clap keeps names for the life of the program; there is one for each command.
        let name: &'static str = name.leak();
        fsio::write_atomic(&path, page(command.clone().name(name))?.as_bytes(), fsio::Access::Shared)?;
        files.push(path);
    }
    let text = format!("Installed {} pages in {}\n", files.len(), section.display());
    Ok(Report::new("man", &Pages { files }, text))
}

fn schema(name: Option<&str>) -> Result<Report, Failure> {
    let all = schemas::all();
    let Some(name) = name else {
        let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
        return Ok(Report::new("schema", &names, names.join("\n") + "\n"));
    };
    let Some((_, schema)) = all.into_iter().find(|(known, _)| *known == name) else {
        return Err(Failure::new(
            Class::Name,
            format!("there is no schema '{}'", name.escape_debug()),
            "`git skillmeat schema` lists them",
        ));
    };
    Ok(Report::new("schema", &schema, schemas::render(&schema)))
}
