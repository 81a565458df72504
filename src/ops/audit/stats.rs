//! Statistics: a fold over the trail. Nothing leaves the machine.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::entry::Entry;
use crate::signature::rfc3339;

/// A name and how often it occurs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counted {
    /// The name.
    pub name: String,
    /// How often.
    pub count: u64,
    /// When last, RFC 3339.
    pub last: String,
}

/// What the trail says of use.
#[derive(Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stats {
    /// Number of entries.
    pub entries: u64,
    /// Commands, most used first.
    pub actions: Vec<Counted>,
    /// Artifacts, those with most entries first.
    pub artifacts: Vec<Counted>,
    /// Entries of each month, `YYYY-MM`, oldest first.
    pub months: Vec<Counted>,
    /// Artifacts of the collection that were never deployed, sorted: candidates to be removed.
    pub never_deployed: Vec<String>,
}

/// Folds entries into statistics; `present` are the artifacts of the collection.
pub fn stats(entries: &[Entry], present: &[String]) -> Stats {
    let mut actions = BTreeMap::new();
    let mut artifacts = BTreeMap::new();
    let mut months = BTreeMap::new();
    let mut deployed = Vec::new();
    for entry in entries {
        count(&mut actions, &entry.action, &entry.time);
        count(&mut months, entry.time.get(..7).unwrap_or_default(), &entry.time);
        for artifact in &entry.artifacts {
            count(&mut artifacts, artifact, &entry.time);
            if entry.action == "deploy" {
                deployed.push(artifact);
            }
        }
    }
    let by_count = |counted: BTreeMap<String, Counted>| {
        let mut all: Vec<_> = counted.into_values().collect();
        all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        all
    };
    Stats {
        entries: entries.len() as u64,
        actions: by_count(actions),
        artifacts: by_count(artifacts),
        months: months.into_values().collect(),
        never_deployed: present.iter().filter(|artifact| !deployed.contains(artifact)).cloned().collect(),
    }
}

/// An artifact that nobody uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Idle {
    /// The artifact.
    pub artifact: String,
    /// When something was last done with it, RFC 3339; absent when the trail does not know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// Whether it was ever deployed.
    pub deployed: bool,
}

/// Returns those of `present` that were never deployed, or with which nothing was done since `before_seconds` (seconds since
/// 1970, UTC), longest idle first.
pub fn idle(entries: &[Entry], present: &[String], before_seconds: i64) -> Vec<Idle> {
    let before = rfc3339(u64::try_from(before_seconds).unwrap_or(0));
    let mut known: BTreeMap<&str, (&str, bool)> = BTreeMap::new();
    for entry in entries {
        for artifact in &entry.artifacts {
            let (last, deployed) = known.entry(artifact).or_default();
            *last = (*last).max(&entry.time);
            *deployed |= entry.action == "deploy";
        }
    }
    let one = |artifact: &String| {
        let (last, deployed) = known.get(artifact.as_str()).copied().unwrap_or_default();
        let last = Some(last.to_owned()).filter(|last| !last.is_empty());
        Idle { artifact: artifact.clone(), last, deployed }
    };
    let mut idle: Vec<Idle> = present.iter().map(one).collect();
    idle.retain(|idle| !idle.deployed || idle.last.as_ref().is_none_or(|last| *last < before));
    idle.sort_by(|a, b| (&a.last, &a.artifact).cmp(&(&b.last, &b.artifact)));
    idle
}

fn count(counted: &mut BTreeMap<String, Counted>, name: &str, time: &str) {
    let fresh = || Counted { name: name.to_owned(), count: 0, last: String::new() };
    let entry = counted.entry(name.to_owned()).or_insert_with(fresh);
    entry.count += 1;
    if entry.last.as_str() < time {
        time.clone_into(&mut entry.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_by_command_artifact_and_month() {
        let entry = |number, time: &str, action: &str, artifacts: &[&str]| Entry {
            number,
            prev: None,
            time: time.to_owned(),
            action: action.to_owned(),
            subject: String::new(),
            artifacts: artifacts.iter().map(|name| (*name).to_owned()).collect(),
        };
        let entries = [
            entry(0, "2026-10-01T00:00:00Z", "add", &["skill/a", "skill/b"]),
            entry(1, "2026-11-01T00:00:00Z", "deploy", &["skill/b"]),
            entry(2, "2026-11-02T00:00:00Z", "deploy", &["skill/b"]),
        ];
        let stats = stats(&entries, &["skill/a".to_owned(), "skill/b".to_owned()]);
        let pairs = |counted: &[Counted]| counted.iter().map(|c| (c.name.clone(), c.count)).collect::<Vec<_>>();
        assert_eq!(pairs(&stats.actions), [("deploy".to_owned(), 2), ("add".to_owned(), 1)]);
        assert_eq!(pairs(&stats.artifacts), [("skill/b".to_owned(), 3), ("skill/a".to_owned(), 1)]);
        assert_eq!(pairs(&stats.months), [("2026-10".to_owned(), 1), ("2026-11".to_owned(), 2)]);
        assert_eq!(stats.never_deployed, ["skill/a"]);
        assert_eq!(stats.artifacts[0].last, "2026-11-02T00:00:00Z");
        let present = ["skill/a", "skill/b", "skill/c"].map(str::to_owned);
        let idle_at =
            |before| idle(&entries, &present, before).into_iter().map(|idle| idle.artifact).collect::<Vec<_>>();
        assert_eq!(idle_at(0), ["skill/c", "skill/a"]);
        // 2026-12-01
        assert_eq!(idle_at(1_796_083_200), ["skill/c", "skill/a", "skill/b"]);
    }
}
