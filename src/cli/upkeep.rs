//! `vault check`, `vault repair` and `vault export`: whether what is here holds, bringing back what does not, and copies.

use std::path::PathBuf;
use std::time::Instant;

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Serialize;

use super::failure::Failure;
use super::report::Report;
use super::session::Session;
use super::text::{NAME, WARNING, clean, count, size};
use crate::model::Class;
use crate::ops::vault::{self, Carried, Checked, Part, Reach, Remedy, Repaired, Trouble, VaultSide};

/// Most troubles that are listed for people; JSON has all of them.
const MAX_TROUBLES: usize = 50;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check what is here of vaults anew: the store, every signature of the ledger, every release
    #[command(after_help = "Examples:\n  git skillmeat vault check                             # all vaults\n  \
        git skillmeat vault check team --read-data --remote   # every file, and the vault itself")]
    Check {
        /// Your names for the vaults; all where none is given
        names: Vec<String>,
        /// Read every file of every release, and work out the digests of tree and pack anew
        #[arg(long)]
        read_data: bool,
        /// Ask the vault too whether it still offers what was seen of it
        #[arg(long)]
        remote: bool,
    },
    /// Bring back what is damaged here, from the vault or from copies
    #[command(after_help = "Examples:\n  git skillmeat vault repair team\n  \
        git skillmeat vault repair team --from /mnt/stick/team.bundle --from ./packs\n  \
        git skillmeat vault repair team --vault-side   # the vault has lost what is here")]
    Repair {
        /// Your name for the vault
        name: String,
        /// Look here first: a pack, a folder of packs, a copy of the vault, an address; may be given several times
        #[arg(long, value_name = "PACK|FOLDER|URL", conflicts_with = "vault_side")]
        from: Vec<String>,
        /// Put back into the vault itself what it has lost and what is whole here
        #[arg(long)]
        vault_side: bool,
    },
    /// Write a copy of a vault that travels: a file that git fetches from, or a folder
    #[command(after_help = "Examples:\n  git skillmeat vault export team /mnt/stick/team.bundle\n  \
        git skillmeat vault export team /mnt/stick/team.git\n\nOthers use it by `vault add NAME PATH`, or bring theirs up to date by \
        `vault pull NAME --from PATH`.")]
    Export {
        /// Your name for the vault
        name: String,
        /// Where to: a path that ends in `.bundle` is a file, any other is a folder
        path: PathBuf,
    },
}

/// What to do about everything that has a remedy.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Advice {
    /// The word that stands with the troubles.
    remedy: Remedy,
    /// What to do.
    hint: String,
}

/// A vault that was checked.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CheckedVault {
    /// What was found.
    #[serde(flatten)]
    checked: Checked,
    /// What to do, for each remedy that stands with a trouble.
    hints: Vec<Advice>,
    /// How long it took, in milliseconds.
    milliseconds: u64,
}

/// What was done for a vault's own repository.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct MendedVault {
    /// What was done.
    #[serde(flatten)]
    side: VaultSide,
    /// Commands for whoever runs it, where it is elsewhere.
    commands: Vec<String>,
}

impl Command {
    pub(super) fn run(self, session: &Session) -> Result<Report, Failure> {
        match self {
            Command::Check { names, read_data, remote } => check(session, names, Reach { data: read_data, remote }),
            Command::Repair { name, vault_side: true, .. } => {
                let side = vault::repair_vault_side(&session.context, &name)?;
                Ok(vault_side(side))
            }
            Command::Repair { name, from, .. } => Ok(repaired(&vault::repair(&session.context, &name, &from)?)),
            Command::Export { name, path } => {
                let done = vault::export(&session.context, &name, &session.environment.absolute(&path))?;
                Ok(exported(&done))
            }
        }
    }
}

fn check(session: &Session, mut names: Vec<String>, reach: Reach) -> Result<Report, Failure> {
    if names.is_empty() {
        names = vault::names(&session.context)?;
    }
    let (mut text, mut status, mut all) = (String::new(), 0, Vec::new());
    for name in names {
        let started = Instant::now();
        let checked = vault::check(&session.context, &name, reach)?;
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        status = status.max(checked.exit_status());
        text.push_str(&checked_text(&checked, milliseconds));
        let hints = advice(&checked.vault, &checked.troubles);
        all.push(CheckedVault { checked, hints, milliseconds });
    }
    let report = Report::new("vault-check", &all, text).status(status);
    Ok(if all.is_empty() { report.note("You know no vault: `git skillmeat vault add NAME URL`") } else { report })
}

/// Returns what to do, once for each remedy.
fn advice(vault: &str, troubles: &[Trouble]) -> Vec<Advice> {
    let mut remedies: Vec<Remedy> = troubles.iter().map(|trouble| trouble.remedy).collect();
    remedies.sort();
    remedies.dedup();
    let hint = |remedy| {
        match remedy {
        Remedy::Repair => format!(
            "`git skillmeat vault repair {vault}` brings it back from the vault; `--from PATH` names a pack or a copy to take it from"
        ),
        Remedy::Pull => format!(
            "`git skillmeat vault repair {vault}` fetches the ledger; it is a first contact again, so compare its id with one that \
             came another way, and say so with `git skillmeat vault pin {vault} --ledger ID`"
        ),
        Remedy::Add => format!("`git skillmeat vault repair {vault}` says what is left of it"),
        Remedy::Owners => {
            "ask the vault's owners what happened; what is here is kept and can be used with `--offline`".to_owned()
        }
        Remedy::VaultSide => format!(
            "`git skillmeat vault repair {vault} --vault-side` puts back what is whole here, or says what whoever runs it can do"
        ),
        Remedy::Network => {
            "check the address, the network and your credentials: `git ls-remote` on the same address shows git's own view".to_owned()
        }
    }
    };
    remedies.into_iter().map(|remedy| Advice { remedy, hint: hint(remedy) }).collect()
}

fn checked_text(checked: &Checked, milliseconds: u64) -> String {
    let name = clean(&checked.vault);
    let mut text = match checked.troubles.len() {
        0 => format!("{NAME}{name}{NAME:#}: all is well\n"),
        1 => format!("{NAME}{name}{NAME:#}: {WARNING}1 thing is wrong{WARNING:#}\n"),
        several => format!("{NAME}{name}{NAME:#}: {WARNING}{several} things are wrong{WARNING:#}\n"),
    };
    text.push_str(&troubles_text(&checked.troubles));
    for advice in advice(&checked.vault, &checked.troubles) {
        text.push_str(&format!("  hint: {}\n", advice.hint));
    }
    let seconds = format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100);
    text.push_str(&format!(
        "  {} of the ledger hold, {} of {} here and hold, {} read in {seconds}\n",
        count(usize::try_from(checked.entries).unwrap_or(usize::MAX), "entrie").replace("1 entrie", "1 entry"),
        checked.whole,
        count(checked.listed, "release"),
        size(checked.bytes),
    ));
    if checked.data_bytes > 0 {
        text.push_str(&format!("  {} of files have the digests that the ledger names\n", size(checked.data_bytes)));
    }
    if checked.not_fetched > 0 {
        text.push_str(&format!("  {} not fetched\n", count(checked.not_fetched, "release")));
    }
    for one in &checked.not_believed {
        text.push_str(&format!("  not believed: {}: {}\n", clean(&one.release), clean(&one.reason)));
    }
    if checked.unlisted > 0 {
        text.push_str(&format!(
            "  {} that the ledger does not list, which nobody believes\n",
            count(checked.unlisted, "tag")
        ));
    }
    if checked.has_evidence {
        text.push_str("  heads that contradict each other are kept in refs/skillmeat/evidence/\n");
    }
    if let Some(offered) = &checked.offered {
        let ahead = match offered.ahead {
            0 => "as seen here".to_owned(),
            ahead => format!("{ahead} ahead of what was seen here"),
        };
        text.push_str(&format!(
            "  the vault offers entry {}, {ahead}, and {} of {} as listed\n",
            offered.number,
            offered.whole,
            count(offered.listed, "release")
        ));
    }
    text
}

fn troubles_text(troubles: &[Trouble]) -> String {
    let line = |trouble: &Trouble| {
        let part = match trouble.part {
            Part::Record => "record",
            Part::Store => "store",
            Part::Ledger => "ledger",
            Part::Release => "release",
            Part::Vault => "vault",
        };
        let mut place = String::new();
        if let Some(object) = trouble.object.as_ref().filter(|object| !trouble.what.contains(object.as_str())) {
            place.push_str(&format!(", object {}", clean(object)));
        }
        if let Some(entry) = trouble.entry.filter(|entry| !trouble.what.contains(&format!("entry {entry}"))) {
            place.push_str(&format!(", entry {entry}"));
        }
        format!("  {WARNING}{}{WARNING:#} {part}: {}{place}\n", word(trouble.class), clean(&trouble.what))
    };
    let mut text: String = troubles.iter().take(MAX_TROUBLES).map(line).collect();
    if troubles.len() > MAX_TROUBLES {
        text.push_str(&format!("  and {} more, see `--format json`\n", troubles.len() - MAX_TROUBLES));
    }
    text
}

/// Returns the stable word of a class.
fn word(class: Class) -> String {
    serde_json::to_value(class).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn repaired(done: &Repaired) -> Report {
    let name = clean(&done.vault);
    if done.found.is_empty() && done.restored.is_empty() {
        let mut text = format!("{NAME}{name}{NAME:#}: nothing is damaged\n");
        text.push_str(&refused_text(done));
        return Report::new("vault-repair", done, text).status(done.exit_status());
    }
    let mut text = format!("{NAME}{name}{NAME:#}: {} found\n", count(done.found.len(), "trouble"));
    text.push_str(&troubles_text(&done.found));
    if done.record {
        text.push_str("  the record was written anew from the copy in the store\n");
    }
    if let Some(from) = &done.ledger_from {
        text.push_str(&format!("  the ledger came from {}\n", clean(from)));
    }
    for one in done.restored.iter().take(MAX_TROUBLES) {
        text.push_str(&format!("  {} came back from {}\n", clean(&one.release), clean(&one.from)));
    }
    if done.restored.len() > MAX_TROUBLES {
        text.push_str(&format!("  and {} more\n", done.restored.len() - MAX_TROUBLES));
    }
    if let Some(folder) = &done.damaged {
        let files = count(done.damaged_files.len(), "damaged file");
        text.push_str(&format!("  {files} kept in {}\n", clean(&folder.display().to_string())));
    }
    text.push_str(&refused_text(done));
    let what = match (done.left.len(), done.replaced || done.record) {
        (0, _) => "repaired".to_owned(),
        (left, true) => format!("repaired in part, {WARNING}{} left{WARNING:#}", count(left, "trouble")),
        (_, false) => format!("{WARNING}not repaired{WARNING:#}: nothing was changed"),
    };
    text.push_str(&format!("{NAME}{name}{NAME:#}: {what}\n"));
    if !done.left.is_empty() {
        text.push_str(&troubles_text(&done.left));
    }
    let report = Report::new("vault-repair", done, text).status(done.exit_status());
    match done.left.is_empty() {
        true => report,
        false => report.note(format!(
            "What is left may still be in a pack, in a copy of the vault or in someone's store: `git skillmeat vault repair {name} --from PATH`"
        )),
    }
}

fn refused_text(done: &Repaired) -> String {
    let line = |one: &vault::NotTaken| format!("  not taken from {}: {}\n", clean(&one.from), clean(&one.what));
    done.refused.iter().take(MAX_TROUBLES).map(line).collect()
}

fn vault_side(side: VaultSide) -> Report {
    let name = clean(&side.vault);
    let mut text = match side.found.len() {
        0 => format!("{NAME}{name}{NAME:#}: the vault has lost nothing that is here\n"),
        found => format!("{NAME}{name}{NAME:#}: {} found in the vault\n", count(found, "trouble")),
    };
    text.push_str(&troubles_text(&side.found));
    if side.objects > 0 || !side.tags.is_empty() {
        text.push_str(&format!(
            "  {} and {} were put back\n",
            count(side.objects, "object"),
            count(side.tags.len(), "tag")
        ));
    }
    if let Some(folder) = &side.damaged {
        let files = count(side.damaged_files.len(), "damaged file");
        text.push_str(&format!("  {files} kept in {}\n", clean(&folder.display().to_string())));
    }
    let commands = if side.is_elsewhere { admin_commands(&name) } else { Vec::new() };
    if !commands.is_empty() {
        text.push_str("  it is elsewhere, and a push sends nothing that the other side says it has. Whoever runs it can do this:\n");
        commands.iter().for_each(|command| text.push_str(&format!("    {command}\n")));
    }
    if !side.left.is_empty() && !side.is_elsewhere {
        text.push_str(&format!("  {WARNING}{} left{WARNING:#}\n", count(side.left.len(), "trouble")));
        text.push_str(&troubles_text(&side.left));
    }
    let status = side.exit_status();
    Report::new("vault-repair-vault-side", &MendedVault { side, commands }, text).status(status)
}

/// What works with stock git in the repository of a vault: `bundle unbundle` puts objects there whatever the refs say, but stops at
/// a damaged file of the same object.
fn admin_commands(name: &str) -> Vec<String> {
    vec![
        format!("git skillmeat vault export {name} {name}.bundle   # here; then bring the file to the server"),
        "git fsck --full                                     # there, in the repository: names what is damaged"
            .to_owned(),
        "mkdir damaged && mv OBJECT-FILE damaged/            # each file that it calls corrupt".to_owned(),
        format!("git bundle unbundle {name}.bundle"),
        "git fsck --full".to_owned(),
    ]
}

fn exported(done: &Carried) -> Report {
    let bytes = done.bytes.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
    let path = done.path.display().to_string();
    let text = format!(
        "Wrote {NAME}{}{NAME:#} up to entry {} with {} to {}{bytes}\n",
        done.vault.name,
        done.number,
        count(done.releases, "release"),
        clean(&path)
    );
    let report = Report::new("vault-export", done, text).note(format!(
        "Tell whoever gets it the id of the ledger another way: `git skillmeat vault add NAME PATH --ledger {}`",
        done.vault.ledger
    ));
    match done.index {
        true => report,
        false => report.note("The branch for people is not in it: the vault could not be asked for it"),
    }
}
