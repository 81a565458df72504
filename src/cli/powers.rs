//! What an import would change in what a client runs by itself, in words.

use super::text::{WARNING, clean};
use crate::ops::collection::{Powers, Run};
use crate::scan::{both_ends, count_blanks};

/// Most characters of one argument list or value that are shown for people, half from its start and half from its end.
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
        text.push_str(&format!("  {WARNING}{verb:7} runs at{WARNING:#} {}\n", ends(&change.when)));
        let lines = [("was ", &change.before), ("runs", &change.after)];
        for (word, run) in lines.into_iter().filter_map(|(word, run)| Some((word, run.as_ref()?))) {
            text.push_str(&format!("    {word} {}\n", run_text(run)));
        }
        if !change.values.is_empty() {
            text.push_str(&format!("    other values of {}\n", ends(&change.values.join(", "))));
        }
    }
    for path in &powers.executable {
        text.push_str(&format!("  {WARNING}becomes executable{WARNING:#} {path}\n"));
    }
    for change in &powers.fields {
        let side = |value: &Option<String>| {
            value.as_ref().map_or_else(|| "not said".to_owned(), |value| format!("'{}'", ends(value)))
        };
        let (before, after) = (side(&change.before), side(&change.after));
        text.push_str(&format!("  {WARNING}{}{WARNING:#} {after}, was {before}\n", clean(&change.field)));
    }
    if let Some(problem) = &powers.problem {
        text.push_str(&format!("  {WARNING}not known what it runs{WARNING:#}: {}\n", ends(problem)));
    }
    if text.contains(" characters⟧") {
        text.push_str("    all of it: `--diff`, or `git skillmeat inspect --format json`\n");
    }
    text
}

/// Returns the start and the end of a text, with blanks and what is between them counted.
fn ends(text: &str) -> String {
    both_ends(&count_blanks(text, clean), MAX_SHOWN)
}

/// As a list of JSON, so that nobody takes two arguments for one.
fn run_text(run: &Run) -> String {
    let quoted = |word: &String| {
        // Counts stand between what is quoted; in a text of JSON a line end is no white space any more.
        let inside = |piece: &str| {
            let text = serde_json::json!(piece).to_string();
            clean(&text[1..text.len() - 1])
        };
        format!("\"{}\"", count_blanks(word, inside))
    };
    let words: Vec<_> = run.words.iter().map(quoted).collect();
    let words = both_ends(&format!("[{}]", words.join(",")), MAX_SHOWN);
    let names = ends(&run.names.join(", "));
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
        assert!(!plain.contains("all of it"), "nothing was left out: {plain}");
    }

    #[test]
    fn the_end_of_a_command_is_shown_whatever_stands_before_it() {
        for filler in [" ", "\n", "\t", "\u{3000}", "\u{2800}", "#", "; true "] {
            let command = format!("true{}; rm -rf ~/\"work\"", filler.repeat(5_000));
            let run = Run { words: vec!["sh".to_owned(), command], names: Vec::new() };
            let change = RunChange { when: "Stop".to_owned(), before: None, after: Some(run), values: Vec::new() };
            let text = powers_text(&Powers { runs: vec![change], ..Powers::default() });
            assert!(text.contains(r#"["sh","true"#) && text.contains(r#"; rm -rf ~/\"work\""]"#), "{filler:?}: {text}");
            assert!(text.len() < 5_000, "{filler:?}: {}", text.len());
            let left_out = !filler.trim().is_empty();
            assert_eq!(text.contains(" characters⟧"), left_out, "{filler:?}: {text}");
            assert_eq!(text.contains("⟦5000 blanks⟧"), !left_out, "{filler:?}: {text}");
            assert_eq!(text.contains("all of it: `--diff`, or"), left_out, "{filler:?}: {text}");
        }
    }
}
