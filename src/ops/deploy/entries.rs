//! Entries of an artifact in configuration files: how they stand, and what happens to them.

use super::configs::{Configs, Standing};
use super::items::Action;
use super::site::Site;
use super::wanted::WantedEntry;
use super::{Error, Obstacle};
use crate::model::{Deployed, DeployedEntry, Deployment};

/// What happens to one entry.
pub(super) struct EntryWork {
    pub config: String,
    pub place: String,
    pub action: Action,
    pub obstacle: Option<Obstacle>,
}

impl EntryWork {
    fn of(config: &str, place: String, action: Action, obstacle: Option<Obstacle>) -> Self {
        Self { config: config.to_owned(), place, action, obstacle }
    }
}

/// Edits the files in memory so that they hold the entries wanted in place of those of `old`.
///
/// The entries that there are then are put into the deployment at `index` of `record`, which must hold none of the
/// old ones any more.
pub(super) fn exchange(
    site: &Site,
    configs: &mut Configs,
    record: &mut Deployed,
    index: usize,
    wanted: &[WantedEntry],
    old: &[DeployedEntry],
    marker: Option<&str>,
) -> Result<Vec<EntryWork>, Error> {
    let standings = configs.standings(site, old, marker)?;
    let mut old: Vec<Option<(DeployedEntry, Standing)>> = old.iter().cloned().zip(standings).map(Some).collect();
    let mut works = Vec::new();
    let mut put = Vec::new();
    for entry in wanted {
        let same = |(known, standing): &(DeployedEntry, Standing)| {
            is_same_place(known, entry) && known.value == entry.value && *standing == Standing::Same
        };
        match old.iter_mut().find(|slot| slot.as_ref().is_some_and(same)).and_then(Option::take) {
            Some((known, _)) => {
                works.push(EntryWork::of(&entry.config, known.place(), Action::Same, None));
                record.deployments[index].entries.push(known);
            }
            None => put.push(entry),
        }
    }
    let mut obsolete = Vec::new();
    for (known, standing) in old.into_iter().flatten() {
        let named = put.iter().position(|entry| known.key.is_some() && is_same_place(&known, entry));
        match (named, standing) {
            (_, Standing::Missing) => {}
            (Some(at), standing) => {
                let entry = put.remove(at);
                works.push(replace(site, configs, record, index, entry, known, &standing)?);
            }
            (None, _) if known.adopted => {
                works.push(EntryWork::of(&known.config, known.place(), Action::Keep, None));
            }
            (None, Standing::Edited(now)) => obsolete.push((known, now, Some(Obstacle::Edited))),
            (None, Standing::Same) => {
                let now = known.value.clone();
                obsolete.push((known, now, None));
            }
        }
    }
    let mut left = None;
    for at in 0..obsolete.len() {
        // Those that go later may take over what was made for this one.
        let kept = record.deployments[index].entries.len();
        let later: Vec<_> = obsolete[at + 1..].iter().map(|(known, ..)| known.clone()).collect();
        record.deployments[index].entries.extend(later);
        let (known, now, obstacle) = &obsolete[at];
        let rest = configs.take(site, known, now, record)?;
        left = if rest.is_nothing() { left } else { Some((rest, known.existed)) };
        works.push(EntryWork::of(&known.config, known.place(), Action::Remove, *obstacle));
        let later = record.deployments[index].entries.split_off(kept);
        obsolete[at + 1..].iter_mut().zip(later).for_each(|((known, ..), changed)| *known = changed);
    }
    for entry in put {
        let (mut new, work) = add(site, configs, record, entry)?;
        if !new.adopted
            && let Some((rest, existed)) = left.take()
        {
            new.existed = if rest.is_whole_file() { existed } else { new.existed };
            new.created = std::mem::take(&mut new.created).taking_over(rest);
        }
        record.deployments[index].entries.push(new);
        works.push(work);
    }
    Ok(works)
}

fn is_same_place(known: &DeployedEntry, entry: &WantedEntry) -> bool {
    (&known.config, &known.pointer, &known.key, &known.event)
        == (&entry.config, &entry.pointer, &entry.key, &entry.event)
}

/// Gives a named entry of ours its new value.
fn replace(
    site: &Site,
    configs: &mut Configs,
    record: &mut Deployed,
    index: usize,
    entry: &WantedEntry,
    known: DeployedEntry,
    standing: &Standing,
) -> Result<EntryWork, Error> {
    let (action, obstacle) = match standing {
        Standing::Edited(now) if *now == entry.value => (Action::Same, None),
        Standing::Edited(_) => (Action::Replace, Some(Obstacle::Edited)),
        _ => (Action::Replace, None),
    };
    let work = EntryWork::of(&entry.config, known.place(), action, obstacle);
    configs.put(site, entry)?;
    record.deployments[index].entries.push(DeployedEntry { value: entry.value.clone(), ..known });
    Ok(work)
}

/// Puts in an entry that is not recorded.
fn add(
    site: &Site,
    configs: &mut Configs,
    record: &Deployed,
    entry: &WantedEntry,
) -> Result<(DeployedEntry, EntryWork), Error> {
    let now = match (&entry.key, &entry.event) {
        (Some(key), _) => configs.entry(site, &entry.config, &entry.pointer, key)?,
        (None, event) => {
            let event = event.as_deref().unwrap_or_default();
            let here = configs.groups(site, &entry.config, &entry.pointer, event)?;
            let ours = |deployment: &Deployment| {
                deployment.entries.iter().any(|known| is_same_place(known, entry) && known.value == entry.value)
            };
            here.into_iter().find(|group| *group == entry.value && !site.own(record).any(ours))
        }
    };
    let (action, obstacle) = match &now {
        None => (Action::Create, None),
        Some(now) if *now == entry.value => (Action::Same, None),
        Some(_) => (Action::Replace, Some(Obstacle::InTheWay)),
    };
    let new = match action {
        Action::Same => DeployedEntry {
            config: entry.config.clone(),
            pointer: entry.pointer.clone(),
            key: entry.key.clone(),
            event: entry.event.clone(),
            value: entry.value.clone(),
            created: crate::client::Created::default(),
            existed: true,
            adopted: true,
        },
        _ => configs.put(site, entry)?,
    };
    let work = EntryWork::of(&entry.config, new.place(), action, obstacle);
    Ok((new, work))
}

/// Returns the text by which the commands of a hook name its scripts.
pub(super) fn marker(site: &Site, unit: Option<&crate::model::TreePath>) -> Option<String> {
    let unit = unit?;
    Some(match site.base_text() {
        Some(base) => format!("{base}/{unit}"),
        None => unit.to_string(),
    })
}
