//! Findings in SARIF 2.1.0 (OASIS), the form that forges show beside the lines of a change.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::ops::collection::{Judged, Validation};
use crate::scan::Severity;

/// Returns the log of one run.
pub(super) fn log(validation: &Validation) -> Value {
    let findings =
        || validation.artifacts.iter().flat_map(|item| item.findings.iter().map(move |judged| (item, judged)));
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    for (_, judged) in findings() {
        rules.entry(judged.finding.id).or_insert_with(|| {
            json!({
                "id": judged.finding.id,
                "defaultConfiguration": {"level": level(judged.finding.severity)},
            })
        });
    }
    let results: Vec<Value> = findings().map(|(item, judged)| result(&item.artifact.to_string(), judged)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "git-skillmeat",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_values().collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn result(artifact: &str, judged: &Judged) -> Value {
    let mut place = json!({"artifactLocation": {"uri": uri(judged.file.as_str())}});
    if let Some(line) = judged.finding.line {
        place["region"] = json!({"startLine": line});
    }
    let mut result = json!({
        "ruleId": judged.finding.id,
        "level": level(judged.finding.severity),
        "message": {"text": judged.finding.message},
        "locations": [{"physicalLocation": place, "logicalLocations": [{"fullyQualifiedName": artifact}]}],
    });
    if judged.accepted {
        result["suppressions"] = json!([{"kind": "external", "justification": "accepted in collection.toml"}]);
    }
    result
}

/// Returns a path as a relative reference (RFC 3986): all but unreserved characters and `/` escaped.
fn uri(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
