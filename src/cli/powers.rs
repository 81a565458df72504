//! What an import would change in what a client runs by itself, in words.

use super::text::{WARNING, clean, short};
use crate::ops::collection::{Powers, Run};

/// Most characters of one argument list or value that are shown for people; JSON has all of it.
const MAX_SHOWN: usize = 1_000;

/// Returns what an artifact would make a client run, and what it would be allowed, as argument lists before and after.
pub(super) fn powers_text(powers: &Powers) -> String {
    let mut text = String::new();
    for change in &powers.runs {
        let verb = match (&change.before, &change.after) {
            (None, _) => "new",
            (_, None) => "gone",
            _ => "changed",
        };
        text.push_str(&format!("  {WARNING}{verb:7} runs at{WARNING:#} {}\n", short(&change.when, 200)));
        let lines = [("was ", &change.before), ("runs", &change.after)];
        for (word, run) in lines.into_iter().filter_map(|(word, run)| Some((word, run.as_ref()?))) {
            text.push_str(&format!("    {word} {}\n", run_text(run)));
        }
        if !change.values.is_empty() {
            text.push_str(&format!("    other values of {}\n", short(&change.values.join(", "), MAX_SHOWN)));
        }
    }
    for path in &powers.executable {
        text.push_str(&format!("  {WARNING}becomes executable{WARNING:#} {path}\n"));
    }
    for change in &powers.fields {
        let side = |value: &Option<String>| {
            value.as_ref().map_or_else(|| "not said".to_owned(), |value| format!("'{}'", short(value, MAX_SHOWN)))
        };
        let (before, after) = (side(&change.before), side(&change.after));
        text.push_str(&format!("  {WARNING}{}{WARNING:#} {after}, was {before}\n", clean(&change.field)));
    }
    if let Some(problem) = &powers.problem {
        text.push_str(&format!("  {WARNING}not known what it runs{WARNING:#}: {}\n", short(problem, MAX_SHOWN)));
    }
    text
}

/// As a list of JSON, so that nobody takes two arguments for one.
fn run_text(run: &Run) -> String {
    let words = short(&serde_json::json!(run.words).to_string(), MAX_SHOWN);
    let names = short(&run.names.join(", "), MAX_SHOWN);
    if names.is_empty() { words } else { format!("{words} with {names}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::collection::RunChange;

    #[test]
    fn arguments_stay_apart_and_steer_nothing() {
        let run =
            Run { words: vec!["sh".to_owned(), "a b\u{1b}[2J\u{202e}".to_owned()], names: vec!["A\n".to_owned()] };
        let change = RunChange { when: "Stop\u{7}".to_owned(), before: None, after: Some(run), values: Vec::new() };
        let text = powers_text(&Powers { runs: vec![change], ..Powers::default() });
        let plain = anstream::adapter::strip_str(&text).to_string();
        assert!(plain.contains(r#"runs ["sh","a b"#), "{plain}");
        assert!(!plain.contains(|c: char| c != '\n' && (c.is_control() || c == '\u{202e}')), "{plain:?}");
    }
}
