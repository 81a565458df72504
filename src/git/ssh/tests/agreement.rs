//! Our verdict against that of `git verify-tag`, which asks `ssh-keygen`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{KeySource, Prompt, public_key};
use super::bench::{Bench, Said};
use crate::model::Oid;
use crate::signature::{
    AllowedSigners, GIT_NAMESPACE, RawTag, RevokedKeys, Signers, Tagger, Verdict, attach, tag_payload, verify,
};

/// 2026-06-01T12:00:00Z, the date of the tags.
const DATE: u64 = 1_780_315_200;

/// How our verdict may stand to that of git.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Relation {
    /// The same class, principal and key.
    Same,
    /// Git takes what we refuse; it is said in the doc comments.
    GitTakesIt,
    /// Neither is good, for different reasons.
    NeitherGood,
    /// We do not read the list; git may.
    WeRefuse,
}

struct Case {
    name: String,
    tag: Vec<u8>,
    signers: String,
    revoked: Option<Vec<u8>>,
    relation: Relation,
}

/// A key with a tag signed by it.
struct Signer {
    path: PathBuf,
    line: String,
    tag: Vec<u8>,
}

struct Workshop {
    bench: Bench,
    commit: Oid,
}

impl Workshop {
    fn new() -> Self {
        let bench = Bench::new();
        assert!(bench.run("git", &["init", "-q", "--bare", "repo"], b"").success);
        let tree = bench.run("git", &["--git-dir=repo", "hash-object", "-w", "-t", "tree", "--stdin"], b"");
        let person = format!("A <a@example.com> {DATE} +0000");
        let raw = format!("tree {}\nauthor {person}\ncommitter {person}\n\nroot\n", tree.stdout.trim());
        let commit =
            bench.run("git", &["--git-dir=repo", "hash-object", "-w", "-t", "commit", "--stdin"], raw.as_bytes());
        let commit = commit.stdout.trim().parse().expect("an id");
        Self { bench, commit }
    }

    fn payload(&self, time_unix: u64) -> Vec<u8> {
        let tagger = Tagger { name: "A", mail: "a@example.com", time_unix, offset_minutes: -90 };
        tag_payload(&self.commit, "v1", tagger, "title\n\nskillmeat-tree: sha256:00\n").expect("a payload")
    }

    fn sign(&self, key: &Path, namespace: &str, payload: &[u8]) -> Vec<u8> {
        let ssh = self.bench.ssh_keygen();
        let armour =
            ssh.sign(&KeySource::File(key.to_owned()), namespace, payload, Prompt::Never).expect("a signature");
        attach(payload, &armour)
    }

    fn signer(&self, kind: &str, bits: &str) -> Signer {
        let path = self.bench.new_key(kind, bits, "");
        let line = public_key(&KeySource::File(path.clone())).expect("a key").key.to_line();
        let tag = self.sign(&path, GIT_NAMESPACE, &self.payload(DATE));
        Signer { path, line, tag }
    }

    /// Stores the tags and returns their ids, with one process for all.
    fn store(&self, cases: &[Case]) -> Vec<String> {
        let names: Vec<_> =
            cases.iter().enumerate().map(|(at, case)| self.bench.write(&format!("tag{at}"), &case.tag)).collect();
        let args = ["--git-dir=repo", "hash-object", "-w", "-t", "tag", "--literally", "--stdin-paths"];
        let said = self.bench.run("git", &args, names.join("\n").as_bytes());
        assert!(said.success, "{}", said.stderr);
        said.stdout.lines().map(str::to_owned).collect()
    }

    fn ask_git(&self, at: usize, id: &str, case: &Case) -> Said {
        let signers = self.bench.write(&format!("signers{at}"), case.signers.as_bytes());
        let mut args = vec!["--git-dir=repo".to_owned(), "-c".into(), "gpg.ssh.program=ssh-keygen".into()];
        args.extend(["-c".into(), format!("gpg.ssh.allowedSignersFile={signers}")]);
        if let Some(revoked) = &case.revoked {
            let revoked = self.bench.write(&format!("revoked{at}"), revoked);
            args.extend(["-c".into(), format!("gpg.ssh.revocationFile={revoked}")]);
        }
        args.extend(["verify-tag".into(), "--raw".into(), id.into()]);
        self.bench.run("git", &args.iter().map(String::as_str).collect::<Vec<_>>(), b"")
    }

    /// Compares all cases, on all processors; panics with a list of those that differ.
    fn compare(&self, cases: &[Case]) {
        let ids = self.store(cases);
        assert_eq!(ids.len(), cases.len());
        let next = AtomicUsize::new(0);
        let work = || {
            let mut wrong = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(case) = cases.get(at) else { return wrong };
                wrong.extend(difference(case, &self.ask_git(at, &ids[at], case)));
            }
        };
        let wrong: Vec<_> = std::thread::scope(|scope| {
            let threads = [scope.spawn(work), scope.spawn(work)];
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    }
}

/// Class of a verdict in the words of its JSON, and for a good one principal and key.
#[derive(Debug, PartialEq)]
struct Answer {
    class: String,
    by: Option<(String, String)>,
}

/// Reads what git says, in the letters of `%G?` (git-log(1)).
fn git_says(said: &Said) -> Answer {
    let text = &said.stderr;
    let class = match () {
        () if said.success => "good",
        () if text.contains("no signature found") => "unsigned",
        () if text.contains("key is not permitted for use in signature namespace") => "wrong-namespace",
        () if text.contains("key has expired") => "expired",
        () if text.contains("key is not yet valid") => "not-yet-valid",
        () if text.contains("Good \"git\" signature with ") => "unknown-key",
        () if text.contains("Signature verification failed") => "bad",
        () if text.contains("Couldn't ") => "bad",
        // For a revoked key, and when a line has the key but none of its own principals.
        () => "refused",
    };
    let by = said.success.then(|| {
        let line = text.lines().next().expect("a line");
        let line = line.strip_prefix("Good \"git\" signature for ").expect(line);
        let (principal, key) = line.rsplit_once(" with ").expect(line);
        (principal.to_owned(), key.rsplit(' ').next().expect("a fingerprint").to_owned())
    });
    Answer { class: class.to_owned(), by }
}

fn we_say(case: &Case) -> Answer {
    let verdict = our_verdict(case);
    let class = serde_json::to_value(&verdict).expect("JSON")["verdict"].as_str().expect("a word").to_owned();
    let by = match verdict {
        Verdict::Good { principal, fingerprint } => Some((principal, fingerprint)),
        _ => None,
    };
    Answer { class, by }
}

fn our_verdict(case: &Case) -> Verdict {
    let cannot = |error: &dyn std::error::Error| Verdict::CannotCheck { reason: error.to_string() };
    let tag = match RawTag::parse(&case.tag) {
        Ok(tag) => tag,
        Err(error) => return Verdict::Bad { reason: error.to_string() },
    };
    let allowed = match AllowedSigners::parse(case.signers.as_bytes()) {
        Ok(allowed) => allowed,
        Err(error) => return cannot(&error),
    };
    let revoked = match case.revoked.as_deref().map(RevokedKeys::parse).transpose() {
        Ok(revoked) => revoked,
        Err(error) => return cannot(&error),
    };
    let signers = Signers { allowed: &allowed, revoked: revoked.as_ref() };
    verify(tag.payload(), tag.signature(), GIT_NAMESPACE, tag.time_unix(), &signers)
}

fn difference(case: &Case, said: &Said) -> Option<String> {
    let (git, we) = (git_says(said), we_say(case));
    let same_class = git == we || (git.class == "refused" && we.class == "revoked");
    let right = match case.relation {
        Relation::Same => same_class,
        Relation::GitTakesIt => git.class == "good" && we.class != "good",
        Relation::WeRefuse => we.class == "cannot-check",
        Relation::NeitherGood => git.class != "good" && we.class != "good",
    };
    (!right).then(|| format!("{}: git {git:?}, we {we:?}\n  {}", case.name, said.stderr.trim()))
}

fn case(name: impl Into<String>, tag: &[u8], signers: impl Into<String>) -> Case {
    Case { name: name.into(), tag: tag.to_vec(), signers: signers.into(), revoked: None, relation: Relation::Same }
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    assert!(text.contains(from));
    text.replacen(from, to, 1).into_bytes()
}

// git-log(1), `%G?`; the cases without a list of signers are not for `verify`.
#[test]
fn every_row_of_the_table_agrees() {
    let shop = Workshop::new();
    let (a, b) = (shop.signer("ed25519", "256"), shop.signer("ed25519", "256"));
    let (tag, key, other) = (&a.tag, &a.line, &b.line);
    let good = format!("alice {key}\n");
    let payload = shop.payload(DATE);
    let revoked = |list: &[u8]| Case { revoked: Some(list.to_vec()), ..case("revoked", tag, &good) };
    let expired = format!("alice valid-before=\"20260601115959Z\" {key}");
    let backdated = shop.sign(&a.path, GIT_NAMESPACE, &shop.payload(DATE - 86_400));
    let krl = krl_of(&shop.bench, &a);
    let cases = [
        case("good", tag, &good),
        case("not listed", tag, format!("bob {other}")),
        case("empty list", tag, ""),
        case("expired", tag, &expired),
        case("back-dated (finding 1)", &backdated, &expired),
        case("not yet valid", tag, format!("alice valid-after=\"20260601120001Z\" {key}")),
        case("namespace", tag, format!("alice namespaces=\"file\" {key}")),
        case("tampered", &replaced(tag, "title", "tItle"), &good),
        case("unsigned", &payload, &good),
        case("signed for another namespace", &shop.sign(&a.path, "file", &payload), &good),
        case("signature of another payload", &[&payload, &backdated[payload.len()..]].concat(), &good),
        revoked(key.as_bytes()),
        revoked(format!("# stolen\n\n{other}\n{key} laptop\n").as_bytes()),
        revoked(other.as_bytes()),
        revoked(b""),
        Case { relation: Relation::NeitherGood, ..revoked(&krl) },
        Case { relation: Relation::NeitherGood, ..revoked(b"nonsense\n") },
        Case { relation: Relation::NeitherGood, ..revoked(a_hash(key).as_bytes()) },
        Case { relation: Relation::NeitherGood, ..revoked(format!("\r\n{other}\n").as_bytes()) },
        Case { signers: String::new(), relation: Relation::NeitherGood, ..revoked(key.as_bytes()) },
    ];
    assert!(our_verdict(&cases[0]).is_good());
    assert!(matches!(our_verdict(&cases[11]), Verdict::Revoked { .. }));
    assert!(matches!(our_verdict(&cases[15]), Verdict::CannotCheck { .. }));
    shop.compare(&cases);
    // A lightweight tag is a commit to both.
    let id = shop.commit.to_string();
    let said = shop.bench.run("git", &["--git-dir=repo", "verify-tag", &id], b"");
    assert!(said.stderr.contains("cannot verify a non-tag object of type commit"));
    let raw = shop.bench.run("git", &["--git-dir=repo", "cat-file", "commit", &id], b"");
    assert!(RawTag::parse(raw.stdout.as_bytes()).is_err());
}

fn krl_of(bench: &Bench, signer: &Signer) -> Vec<u8> {
    let list = bench.write("to-revoke.pub", signer.line.as_bytes());
    assert!(bench.run("ssh-keygen", &["-q", "-k", "-f", "krl", &list], b"").success);
    std::fs::read(bench.path("krl")).expect("a KRL")
}

fn a_hash(key: &str) -> String {
    format!("{}\n", key.parse::<crate::signature::PublicKey>().expect("a key").fingerprint())
}

/// Lines for the signer's key `%` and another key `@`.
fn lists() -> Vec<String> {
    let principals =
        ["alice", "a,b", "*@x.org", "!a,b*", "*,!b", "\"q r\"", "q\"r s\"", "*", "a?c,**", "-I", "\"é with x\""];
    let options = [
        "",
        "namespaces=\"git\" ",
        "namespaces=\"file,g?t\" ",
        "NAMESPACES=\"*,!git\" ",
        "namespaces=\"file\",valid-after=\"20250101Z\" ",
        "valid-after=\"20260601120000Z\" ",
        "valid-after=\"202606011201Z\" ",
        "valid-before=\"20260601120000UTC\" ",
        "valid-before=\"202606011159z\" ",
        "valid-after=\"20250101Z\",valid-before=\"20270101Z\" ",
        "cert-authority ",
        "cert-authority,namespaces=\"git\" ",
    ];
    let mut lists: Vec<_> =
        principals.iter().flat_map(|who| options.iter().map(move |option| format!("{who} {option}%"))).collect();
    lists.extend(
        [
            "# %\n\n \t\n\talice\t \t%\tcomment with \"quotes\n",
            "alice %\r\nbob @\r\n",
            "bob @\nalice %",
            "bob @\n",
            "a namespaces=\"file\" %\nb %",
            "a namespaces=\"file\" %\na %",
            "a,b namespaces=\"file\" %\nb %",
            "a valid-before=\"20200101Z\" %\nb %",
            "a cert-authority %\nb %",
            "a valid-before=\"20200101Z\" %\na valid-after=\"20300101Z\" %",
            "*@x.org namespaces=\"file\" %\nb@x.org,*@x.org %",
            "alice valid-before=\"20200101\" %",
            "alice valid-before=\"20300101\" %",
            "alice valid-after=\"20300101\" %",
        ]
        .map(str::to_owned),
    );
    lists
}

/// Lists of two lines put together from pieces, always the same ones.
fn mixed_lists(count: usize) -> Vec<String> {
    let pieces = ["a", "b", "*", "?", "@x.org", "!", ","];
    let options = ["", "namespaces=\"git\" ", "namespaces=\"g*,!gi\" ", "namespaces=\"?\" ", "valid-before=\"2020Z\" "];
    let mut state = 1u64;
    let mut pick = move |below: usize| {
        // Knuth's MMIX generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let mut line = || {
        let words: String = (0..=pick(5)).map(|_| pieces[pick(pieces.len())]).collect();
        let option = options[pick(options.len())].replace("2020Z", "20200101Z");
        format!("{words} {option}%\n")
    };
    (0..count).map(|_| format!("{}{}", line(), line())).collect()
}

#[test]
fn mixed_lists_are_never_good_without_git() {
    let shop = Workshop::new();
    let signer = shop.signer("ed25519", "256");
    let lists = mixed_lists(100);
    let mut cases = Vec::new();
    for list in lists {
        let mut case = case(list.clone(), &signer.tag, list.replace('%', &signer.line));
        let answer = we_say(&case);
        // Which reason git gives depends on the line it happens to fail at; whether it is good does not.
        case.relation = if answer.class == "good" { Relation::Same } else { Relation::NeitherGood };
        if answer.class == "cannot-check" {
            case.relation = Relation::WeRefuse;
        }
        cases.push(case);
    }
    let good = cases.iter().filter(|case| case.relation == Relation::Same).count();
    assert!((20..80).contains(&good), "{good}");
    shop.compare(&cases);
}

#[test]
fn lists_of_signers_are_read_as_ssh_keygen_reads_them() {
    let shop = Workshop::new();
    let signers = [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "3072")].map(|(kind, bits)| shop.signer(kind, bits));
    let mut cases = Vec::new();
    for (at, list) in lists().into_iter().enumerate() {
        // Every list with one kind of key; which one does not matter to the list.
        let (signer, other) = (&signers[at % 3], &signers[(at + 1) % 3]);
        let text = list.replace('%', &signer.line).replace('@', if list.contains("@x") { "@" } else { &other.line });
        cases.push(case(list, &signer.tag, text));
    }
    shop.compare(&cases);
}

/// Lines that `ssh-keygen` skips or repairs. We refuse the list, and say which line.
#[test]
fn where_we_are_stricter_about_lists_is_known() {
    let shop = Workshop::new();
    let (a, b) = (shop.signer("ed25519", "256"), shop.signer("rsa", "2048"));
    let (key, other) = (&a.line, &b.line);
    let base64 = key.split(' ').nth(1).expect("base64");
    let taken = [
        format!("alice {key}\nbroken line\n"),
        format!("bob touch-required {other}\nalice {key}"),
        format!("alice,,bob {key}"),
        format!("alice ,namespaces=\"git\" {key}"),
        format!("alice valid-before=\"20270231Z\" {key}"),
        format!("alice {key}\n# \u{7}\u{1b}\nbob\u{1} {other}"),
    ];
    let neither = [
        format!("alice ED25519 {base64}"),
        format!("a,!a {key}"),
        format!("!a {key}\nb {key}"),
        format!("\"alice {key}"),
        format!("alice {}", &key[..key.len() - 4]),
        format!("alice namespaces=\"\" {key}"),
        format!("alice valid-before=\"20261301Z\" {key}"),
        format!("alice valid-before=\"19700101Z\" {key}"),
        format!("alice namespaces=\"git\",namespaces=\"git\" {key}"),
        format!("alice valid-after=\"20250101Z\",valid-before=\"20240101Z\" {key}"),
        format!("alice cert-authority, {key}"),
        format!("\"\" {key}\nalice {key}"),
        format!(",alice {key}"),
        format!("{} {key}", "a".repeat(1023)),
    ];
    let with = |relation| move |list: String| Case { relation, ..case(list.clone(), &[], list) };
    let cases = taken.map(with(Relation::GitTakesIt)).into_iter().chain(neither.map(with(Relation::NeitherGood)));
    let mut cases: Vec<_> = cases.map(|case| Case { tag: a.tag.clone(), ..case }).collect();
    // Git gives no time for a date of 0, and `ssh-keygen` takes the clock.
    let undated = shop.sign(&a.path, GIT_NAMESPACE, &shop.payload(0));
    cases.push(case("date 0", &undated, format!("alice {key}")));
    let bounded = case("date 0, bounded", &undated, format!("alice valid-after=\"20200101Z\" {key}"));
    cases.push(Case { relation: Relation::GitTakesIt, ..bounded });
    let outdated = case("date 0, expired", &undated, format!("alice valid-before=\"20200101Z\" {key}"));
    cases.push(Case { relation: Relation::NeitherGood, ..outdated });
    shop.compare(&cases);
}

#[test]
fn changed_tags_and_signatures_are_judged_alike() {
    let shop = Workshop::new();
    let mut cases = Vec::new();
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256"), ("rsa", "3072")] {
        let signer = shop.signer(kind, bits);
        let list = format!("alice {}", signer.line);
        let armour_at = shop.payload(DATE).len();
        let (payload, armour) = signer.tag.split_at(armour_at);
        let mut add = |name: &str, tag: &[u8], relation| {
            cases.push(Case { relation, ..case(format!("{kind}: {name}"), tag, &list) });
        };
        for (from, to) in [("title", "Title"), ("tag v1", "tag v2"), ("A <a@", "B <a@"), ("\n\ntitle", "\n\n\ntitle")] {
            add(to, &replaced(&signer.tag, from, to), Relation::Same);
        }
        // One base64 digit, in the header, the key, the namespace and through the signature.
        for at in [40, 80, 120, 160, 200, 220, 240, 260] {
            let mut tag = signer.tag.clone();
            let digit = &mut tag[armour_at + at];
            if *digit != b'\n' {
                *digit = if *digit == b'A' { b'B' } else { b'A' };
            }
            add(&format!("digit {at}"), &tag, Relation::NeitherGood);
        }
        let text = std::str::from_utf8(armour).expect("text");
        let with = |armour: &str| [payload, armour.as_bytes()].concat();
        let narrow = text.replace('\n', "").replace("-----", "\n");
        let body = narrow.split('\n').nth(2).expect("base64");
        let narrow: String = body.as_bytes().chunks(64).map(|l| format!("{}\n", String::from_utf8_lossy(l))).collect();
        let (begin, end) = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----");
        add("64 columns", &with(&format!("{begin}\n{narrow}{end}\n")), Relation::Same);
        add("one line", &with(&format!("{begin}\n{body}\n{end}\n")), Relation::GitTakesIt);
        add("text after (finding 4)", &with(&format!("{text}x\n")), Relation::GitTakesIt);
        add("empty line after", &with(&format!("{text}\n")), Relation::GitTakesIt);
        add("no last line end", &with(text.trim_end()), Relation::GitTakesIt);
        add("blanks in base64", &with(&text.replacen("\nU1NI", "\n U1NI", 1)), Relation::GitTakesIt);
        add("signed twice", &with(&format!("{text}{text}")), Relation::NeitherGood);
        add("CRLF", &with(&text.replace('\n', "\r\n")), Relation::NeitherGood);
        add("no footer", &with(&text.replace(end, "")), Relation::NeitherGood);
        add("no body", &with(&format!("{begin}\n{end}\n")), Relation::NeitherGood);
        add("PGP", &with(&text.replace(" SSH ", " PGP ")), Relation::NeitherGood);
        add("no signature", payload, Relation::Same);
    }
    shop.compare(&cases);
}

#[test]
fn payloads_are_those_of_git_tag() {
    let shop = Workshop::new();
    let message = "title\n\nbody é\n\nskillmeat-tree: sha256:00\n";
    let id = shop.commit.to_string();
    let mut command = shop.bench.command("git", &["--git-dir=repo", "tag", "-a", "-F", "message", "v1", &id]);
    shop.bench.write("message", message.as_bytes());
    command.env("GIT_COMMITTER_NAME", "A B").env("GIT_COMMITTER_EMAIL", "a@example.com");
    command.env("GIT_COMMITTER_DATE", format!("{DATE} -0130"));
    assert!(command.status().expect("this test needs git").success());
    let raw = shop.bench.run("git", &["--git-dir=repo", "cat-file", "tag", "v1"], b"").stdout;
    let tagger = Tagger { name: "A B", mail: "a@example.com", time_unix: DATE, offset_minutes: -90 };
    let ours = tag_payload(&shop.commit, "v1", tagger, message).expect("a payload");
    assert_eq!(String::from_utf8(ours).expect("UTF-8"), raw);
}
