//! Row 87: JSON that is taken is JSON for Python too, and says the same; what Python does not take is taken by nobody.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use skillmeat::scan::parse_json;

use crate::env::Ran;

/// Reads each line of hex as JSON and prints what it says, or `-`. Python alone is laxer than RFC 8259 in four things: `NaN`, keys that
/// occur twice, halves of characters, and numbers beyond all bounds.
const JUDGE: &str = r#"
import json, sys

def no(_):
    raise ValueError

def once(pairs):
    if len(dict(pairs)) < len(pairs):
        raise ValueError
    return dict(pairs)

def whole(text):
    float(int(text))
    return -0.0 if text == "-0" else int(text)

def bounded(text):
    if float(text) in (float("inf"), float("-inf")):
        raise ValueError
    return float(text)

for line in sys.stdin:
    try:
        text = bytes.fromhex(line).decode("utf-8").removeprefix("\ufeff")
        value = json.loads(text, object_pairs_hook=once, parse_constant=no, parse_int=whole, parse_float=bounded)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        print(json.dumps(value))
    except (ValueError, OverflowError, RecursionError):
        print("-")
"#;

/// What every byte of which is changed: all kinds of values, escapes, characters of two, three and four bytes, white space.
const GOOD: &str = "{\"a\": [0, -1, 2.5e+3, 10E-2, true, false, null],\r\n\t\"\u{e9}\u{20ac}\u{1f600}\": \"\\u00e9\\ud83d\\ude00\\n\\\"\\/\", \"\": {}}";

/// What is put in the place of a byte, or before it.
const BYTES: &[u8] = b"\0\x01\t\n\x0b\x0c\r \"'+,-./0123:;=\\]`[abeEnNtu{}/*#\x7f\x80\xa0\xc0\xc3\xed\xef\xf4\xf5\xff";

/// Texts that someone thought of.
fn by_hand() -> Vec<Vec<u8>> {
    let nested = |open: &str, close: &str, depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
    let texts = [
        // Numbers.
        "0",
        "-0",
        "-0.0",
        "0e1",
        "0E+1",
        "1e-400",
        "123456789012345678901234567890",
        "-9223372036854775809",
        "18446744073709551616",
        "1.7976931348623157e308",
        "01",
        "-01",
        "00",
        "+1",
        "1.",
        ".5",
        "1.e1",
        "1e",
        "1e+",
        "--1",
        "- 1",
        "0x10",
        "1_000",
        "1,5",
        "1e999",
        "-1e999",
        "2e308",
        "NaN",
        "Infinity",
        "-Infinity",
        "nan",
        "1d",
        "1f",
        // Words and white space.
        "true",
        "TRUE",
        "True",
        "nul",
        "nulls",
        "null null",
        " null ",
        "\u{a0}null",
        "\u{2028}null",
        "\u{c}null",
        "\u{b}1",
        "",
        " ",
        "\n",
        "undefined",
        "None",
        // Texts.
        r#""""#,
        r#"""#,
        r#""\""#,
        r#""\x41""#,
        r#""\u12""#,
        r#""\u12G4""#,
        r#""\U0041""#,
        r#""\u0000""#,
        r#""\'""#,
        r#""\a""#,
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\udc00\ud800""#,
        r#""\ud800\u0041""#,
        r#""\ud800x""#,
        r#""\ud800\ud800\udc00""#,
        r#""\ud83d\ude00""#,
        r#""\uD83D\uDE00""#,
        r#""\ud83d\\ude00""#,
        "\"a\tb\"",
        "\"a\nb\"",
        "\"a\u{7f}b\"",
        "\"\u{2028}\"",
        "'a'",
        "\"a\" \"b\"",
        "\"a\\\n\"",
        // Lists and objects.
        "[]",
        "[ ]",
        "[1,]",
        "[,1]",
        "[,]",
        "[1 2]",
        "[1,,2]",
        "[",
        "]",
        "[1",
        "[1}",
        "[[]",
        "[]]",
        "{",
        "}",
        "{}",
        "{ }",
        "{]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{:1}",
        "{\"a\" 1}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{1:1}",
        "{null:1}",
        "{\"a\":1 \"b\":2}",
        "{\"a\"::1}",
        "{\"a\":1}}",
        "{\"a\":1}{",
        "{\"a\":1}x",
        "{\"a\":1}\u{0}",
        "{\"a\":1};",
        "[1]\u{feff}",
        "[1]\n\n",
        // Keys that are one key.
        r#"{"a":1,"a":1}"#,
        r#"{"a":1,"b":{"a":1}}"#,
        r#"{"x":{"a":1,"a":2}}"#,
        r#"{"a":1,"\u0061":2}"#,
        r#"{"":1,"":2}"#,
        r#"{"a":1,"A":2}"#,
        "{\"\u{e9}\":1,\"e\u{301}\":2}",
        r#"[{"a":1},{"a":1}]"#,
        r#"{"a":1,"a":{"b":[{"c":1}]}}"#,
        // Remarks, marks, more than one.
        "/**/1",
        "1//x",
        "#x\n1",
        "\u{feff}1",
        "\u{feff}\u{feff}1",
        "\u{feff}",
        " \u{feff}1",
        "1 1",
        "[] []",
        "{}\n{}",
        "(1)",
        "<1>",
    ];
    let mut texts: Vec<_> = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
    for depth in [1, 100, 127, 2_000, 100_000] {
        texts.push(nested("[", "]", depth).into_bytes());
        texts.push(nested("{\"a\":", "}", depth).into_bytes());
        texts.push(nested("[", "", depth).into_bytes());
    }
    // No UTF-8: another encoding, too long, half, too large, halves of UTF-16.
    let bytes: [&[u8]; 9] = [
        b"\"\xff\"",
        b"\"\xe9\"",
        b"\"\xc0\x80\"",
        b"\"\xe0\x80\xaf\"",
        b"\"\xc3\"",
        b"\"\xf4\x90\x80\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\xff\xfe1\0",
        b"\xfe\xff\x00\x31",
    ];
    texts.extend(bytes.map(<[u8]>::to_vec));
    texts
}

/// Each byte of [`GOOD`] gone, changed, with one before it, and each beginning and end.
fn changed() -> Vec<Vec<u8>> {
    let good = GOOD.as_bytes();
    let mut texts = vec![good.to_vec()];
    for at in 0..good.len() {
        let (before, after) = good.split_at(at);
        texts.extend([
            before.to_vec(),
            after.to_vec(),
            [before, &after[1..]].concat(),
            [before, &after[..1], after].concat(),
        ]);
        for byte in BYTES {
            texts.extend([[before, &[*byte], &after[1..]].concat(), [before, &[*byte], after].concat()]);
        }
    }
    texts
}

/// Returns what Python makes of each text, `None` where it takes it for no JSON.
fn python_says(texts: &[Vec<u8>]) -> Vec<Option<Value>> {
    let mut command = Command::new("python3");
    command.args(["-c", JUDGE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3 starts");
    let mut input = child.stdin.take().expect("a pipe");
    let hex = |text: &Vec<u8>| text.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + "\n";
    let lines: String = texts.iter().map(hex).collect();
    let said = std::thread::scope(|scope| {
        scope.spawn(move || input.write_all(lines.as_bytes()).expect("python3 reads"));
        Ran::from(child.wait_with_output().expect("python3 ends")).ok()
    });
    let one = |line: &str| (line != "-").then(|| serde_json::from_str(line).expect("python3 writes JSON"));
    let said: Vec<_> = said.stdout.lines().map(one).collect();
    assert_eq!(said.len(), texts.len());
    said
}

#[test]
fn row_87_json_says_what_it_says_to_python_or_nothing() {
    let (by_hand, changed) = (by_hand(), changed());
    let texts = [by_hand, changed].concat();
    let (mut taken, mut wrong) = (0, Vec::new());
    for (text, python) in texts.iter().zip(python_says(&texts)) {
        let ours = parse_json(text).ok();
        taken += usize::from(ours.is_some());
        if ours != python {
            let shown: String = String::from_utf8_lossy(text).chars().take(200).collect();
            wrong.push(format!("{shown:?}: python {python:?}, we {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), texts.len(), wrong.join("\n"));
    assert!(texts.len() > 9_000 && (300..texts.len() - 300).contains(&taken), "{taken} of {}", texts.len());
    // Ours is bounded on purpose: a reader that is deep in itself may end in nothing worse than an error.
    let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(parse_json(deep(127).as_bytes()).is_ok() && parse_json(deep(129).as_bytes()).is_err());
}
