//! Clients' configuration files while a run is planned: read once, edited in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde_json::Value;

use super::Error;
use super::site::Site;
use super::wanted::WantedEntry;
use crate::client::{
    Created, EditError, Edited, append_group, get_entry, groups, remove_entry, remove_group, set_entry,
};
use crate::model::{Deployed, DeployedEntry, EntrySlot};

/// The files looked at, by the name they have in the record.
#[derive(Default)]
pub(super) struct Configs(BTreeMap<String, ConfigFile>);

/// One file.
pub(super) struct ConfigFile {
    /// What was read; `None` when there is no file.
    pub before: Option<Vec<u8>>,
    text: Vec<u8>,
    /// Whether the file goes when nothing is left in it: it was made for an entry.
    goes: bool,
}

impl ConfigFile {
    /// Returns the content after the run; `None` when the file goes.
    pub fn after(&self) -> Option<&[u8]> {
        let gone = self.text.is_empty() && (self.goes || self.before.is_none());
        (!gone).then_some(self.text.as_slice())
    }
}

/// Configuration file, pointer and event of groups of hooks.
type Place<'a> = (&'a str, &'a [String], &'a str);

/// How an entry of the record stands in its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Standing {
    /// As written.
    Same,
    /// With another value.
    Edited(Value),
    /// Not there.
    Missing,
}

impl Configs {
    pub fn files(&self) -> impl Iterator<Item = (&str, &ConfigFile)> {
        self.0.iter().map(|(name, file)| (name.as_str(), file))
    }

    pub fn changed(&self) -> impl Iterator<Item = (&str, &ConfigFile)> {
        self.files().filter(|(_, file)| file.after() != file.before.as_deref())
    }

    fn file(&mut self, site: &Site, config: &str) -> Result<&mut ConfigFile, Error> {
        Ok(match self.0.entry(config.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                let before = site.read_config(config)?;
                let text = before.clone().unwrap_or_default();
                free.insert(ConfigFile { before, text, goes: false })
            }
        })
    }

    /// Returns the groups of hooks of an event.
    pub fn groups(&mut self, site: &Site, config: &str, pointer: &[String], event: &str) -> Result<Vec<Value>, Error> {
        let text = &self.file(site, config)?.text;
        groups(text, &strs(pointer), event).map_err(failed(config))
    }

    /// Returns the value of a named entry.
    pub fn entry(&mut self, site: &Site, config: &str, pointer: &[String], key: &str) -> Result<Option<Value>, Error> {
        let text = &self.file(site, config)?.text;
        get_entry(text, &strs(pointer), key).map_err(failed(config))
    }

    /// Says how each entry of a deployment stands.
    ///
    /// A group of hooks has no name: one that is not there as written counts as edited when a group that nobody
    /// wrote mentions `marker`, the folder of the artifact's scripts.
    pub fn standings(
        &mut self,
        site: &Site,
        entries: &[DeployedEntry],
        marker: Option<&str>,
    ) -> Result<Vec<Standing>, Error> {
        let mut found = vec![Standing::Missing; entries.len()];
        let mut groups: BTreeMap<Place<'_>, Vec<Option<Value>>> = BTreeMap::new();
        for (standing, entry) in found.iter_mut().zip(entries) {
            match entry.slot() {
                EntrySlot::Key(key) => {
                    *standing = match self.entry(site, &entry.config, &entry.pointer, key)? {
                        Some(value) if value == entry.value => Standing::Same,
                        Some(value) => Standing::Edited(value),
                        None => Standing::Missing,
                    };
                }
                EntrySlot::Event(event) => {
                    let at = (entry.config.as_str(), entry.pointer.as_slice(), event);
                    let here = match groups.entry(at) {
                        Entry::Occupied(known) => known.into_mut(),
                        Entry::Vacant(free) => {
                            let all = self.groups(site, &entry.config, &entry.pointer, event)?;
                            free.insert(all.into_iter().map(Some).collect())
                        }
                    };
                    if let Some(group) = here.iter_mut().find(|group| group.as_ref() == Some(&entry.value)) {
                        *group = None;
                        *standing = Standing::Same;
                    }
                }
            }
        }
        for (standing, entry) in found.iter_mut().zip(entries).filter(|(standing, _)| **standing == Standing::Missing) {
            let (EntrySlot::Event(event), Some(marker)) = (entry.slot(), marker) else { continue };
            let here = groups.get_mut(&(entry.config.as_str(), entry.pointer.as_slice(), event));
            let ours = |group: &&mut Option<Value>| group.as_ref().is_some_and(|group| mentions(group, marker));
            if let Some(group) = here.and_then(|here| here.iter_mut().find(ours)) {
                *standing = group.take().map_or(Standing::Missing, Standing::Edited);
            }
        }
        Ok(found)
    }

    /// Puts an entry in, or gives a named one another value.
    pub fn put(&mut self, site: &Site, entry: &WantedEntry) -> Result<DeployedEntry, Error> {
        let file = self.file(site, &entry.config)?;
        let pointer = strs(&entry.pointer);
        let edited = match (&entry.key, &entry.event) {
            (Some(key), _) => set_entry(&file.text, &pointer, key, &entry.value),
            (None, event) => append_group(&file.text, &pointer, event.as_deref().unwrap_or_default(), &entry.value),
        };
        let Edited { text, created } = edited.map_err(failed(&entry.config))?;
        file.text = text;
        let existed = file.before.is_some() && !std::mem::take(&mut file.goes);
        Ok(DeployedEntry {
            config: entry.config.clone(),
            pointer: entry.pointer.clone(),
            key: entry.key.clone(),
            event: entry.event.clone(),
            value: entry.value.clone(),
            created,
            existed,
            adopted: false,
        })
    }

    /// Takes out `entry`, which has the value `now` in the file.
    ///
    /// What other entries of ours still need of what was made for it goes over to one of them in `record`.
    pub fn take(
        &mut self,
        site: &Site,
        entry: &DeployedEntry,
        now: &Value,
        record: &mut Deployed,
    ) -> Result<Created, Error> {
        let file = self.file(site, &entry.config)?;
        let pointer = strs(&entry.pointer);
        let edited = match entry.slot() {
            EntrySlot::Key(key) => remove_entry(&file.text, &pointer, key, &entry.created),
            EntrySlot::Event(event) => remove_group(&file.text, &pointer, event, now, &entry.created),
        };
        let Edited { text, created: left } = edited.map_err(failed(&entry.config))?;
        file.text = text;
        file.goes = file.text.is_empty() && !entry.existed;
        if left.is_nothing() || hand_over(site, entry, &left, record) {
            return Ok(Created::default());
        }
        Ok(left)
    }
}

/// Gives what is left of `removed.created` to an entry that stands directly in it; returns whether there is one.
fn hand_over(site: &Site, removed: &DeployedEntry, left: &Created, record: &mut Deployed) -> bool {
    let path = path_of(removed);
    let levels = |created: &Created| created.levels() as usize;
    let container = (path.len() + levels(left)).saturating_sub(levels(&removed.created));
    let (target, base) = (site.target.id.to_string(), site.base_text());
    let own = record.deployments.iter_mut().filter(|d| d.target == target && d.base == base);
    for entry in own.flat_map(|deployment| deployment.entries.iter_mut()) {
        let there = path_of(entry);
        let inside = there.len() >= container && there[..container] == path[..container];
        if entry.config == removed.config && inside && there.len() - container == levels(&entry.created) {
            entry.existed = if left.is_whole_file() { removed.existed } else { entry.existed };
            entry.created = std::mem::take(&mut entry.created).taking_over(left.clone());
            return true;
        }
    }
    false
}

/// Returns the keys from the root of the file to the object or array that holds the entry.
fn path_of(entry: &DeployedEntry) -> Vec<String> {
    let mut path = entry.pointer.clone();
    path.extend(entry.event.clone());
    path
}

fn mentions(group: &Value, marker: &str) -> bool {
    match group {
        Value::String(text) => text.match_indices(marker).any(|(at, _)| {
            let next = text[at + marker.len()..].chars().next();
            next.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '-')
        }),
        Value::Array(items) => items.iter().any(|item| mentions(item, marker)),
        Value::Object(map) => map.values().any(|value| mentions(value, marker)),
        _ => false,
    }
}

fn strs(pointer: &[String]) -> Vec<&str> {
    pointer.iter().map(String::as_str).collect()
}

fn failed(config: &str) -> impl FnOnce(EditError) -> Error {
    let config = config.to_owned();
    move |source| Error::Config { config, source }
}
