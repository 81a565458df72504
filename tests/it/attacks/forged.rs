//! Rows 24 to 45: releases put together from good parts, and releases that a trusted key signed although they are wrong.

use skillmeat::model::Digest;

use super::packs::{assert_refused, reader};
use super::parts::{Parts, add_script, author, changed};
use crate::bundle::{accepted_flips, assert_no_cut_accepted};
use crate::env::{Depth, KEY, Mode, Ran, TestEnv};

#[test]
fn rows_24_and_25_files_that_are_not_those_signed_are_refused() {
    let (_author, good, _) = author();
    let env = reader();
    let run = "skills/one/run.sh";
    let crlf = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', "\r\n").into_bytes();
    let cases = [
        ("other content", changed(&good, |parts| parts.file(run).2 = b"#!/bin/sh\necho two\n".to_vec())),
        ("longer", changed(&good, |parts| parts.file(run).2.push(b'\n'))),
        ("line ends", changed(&good, |parts| parts.file(run).2 = crlf(&parts.file(run).2.clone()))),
        ("may not run", changed(&good, |parts| parts.file(run).1 = Mode::File)),
        ("may run", changed(&good, |parts| parts.file("skills/one/SKILL.md").1 = Mode::Executable)),
        ("one more", changed(&good, |parts| parts.files.push(("skills/one/x".into(), Mode::File, b"x".to_vec())))),
        ("one missing", changed(&good, |parts| parts.files.retain(|(path, ..)| path != run))),
        ("other letters", changed(&good, |parts| parts.file(run).0 = "skills/one/Run.sh".into())),
    ];
    for (what, parts) in cases {
        assert_refused(&env, "hash", &parts.pack(), what);
    }
}

/// Whoever may sign makes no release of files that its manifest does not name.
#[test]
fn rows_24_and_25_a_signed_manifest_must_fit_the_files() {
    let (author, good, _) = author();
    let env = reader();
    let run = "skills/one/run.sh";
    let plugin = good.files.iter().find(|(path, ..)| path == "plugin.json").expect("there").2.clone();
    let digest = Digest::of(&plugin).to_string();
    let other = Digest::of(b"other").to_string();
    let listed = |path: &str| {
        let text = good.manifest();
        let start = text.find(&format!("[[files]]\npath = \"{path}\"")).expect("listed");
        let end = text[start + 1..].find("\n\n[[").map_or(text.len(), |at| start + 1 + at + 2);
        text[start..end].to_owned()
    };
    let (entry, size) = (listed("plugin.json"), format!("size = {}", plugin.len()));
    let cases = [
        ("another digest", "hash", changed(&good, |parts| parts.edit_manifest(&digest, &other))),
        ("another size", "hash", {
            let wrong = entry.replace(&size, &format!("size = {}", plugin.len() + 1));
            changed(&good, |parts| parts.edit_manifest(&entry, &wrong))
        }),
        ("another mode", "hash", {
            let wrong = entry.replace("\"644\"", "\"755\"");
            changed(&good, |parts| parts.edit_manifest(&entry, &wrong))
        }),
        ("not listed", "hash", changed(&good, |parts| parts.edit_manifest(&entry, ""))),
        ("not there", "hash", changed(&good, |parts| parts.files.retain(|(path, ..)| path != "plugin.json"))),
        ("one more", "hash", changed(&good, |parts| parts.files.push(("z".into(), Mode::File, b"x".to_vec())))),
        ("other letters", "hash", changed(&good, |parts| parts.file("plugin.json").0 = "Plugin.json".into())),
        ("listed twice", "parse", changed(&good, |parts| parts.edit_manifest(&entry, &entry.repeat(2)))),
        ("an artifact's file", "parse", {
            let (listed, right) = (listed(run), Digest::of(&good.clone().file(run).2).to_string());
            changed(&good, |parts| parts.edit_manifest(&listed, &listed.replace(&right, &other)))
        }),
        ("another version", "hash", changed(&good, |parts| parts.edit_manifest("\"1.0.0\"", "\"1.0.1\""))),
    ];
    for (what, class, mut parts) in cases {
        parts.sign_well(&author);
        assert_refused(&env, class, &parts.pack(), what);
    }
    // The trap works: what is signed so and fits is taken.
    let mut fits = good.clone();
    fits.sign_well(&author);
    let pack = env.root().join("fits.skillmeat-pack");
    std::fs::write(&pack, fits.pack()).expect("a file");
    env.unchanged(&["verify", pack.to_str().expect("UTF-8")]);
}

#[test]
fn row_27_a_signed_manifest_that_is_read_in_two_ways_is_refused() {
    let (author, good, _) = author();
    let env = reader();
    let deep = format!("format = 1\nx = {}1{}\n", "[".repeat(10_000), "]".repeat(10_000));
    let edits = [
        ("format = 1\n", "format = 1\nformat = 1\n"),
        ("format = 1\n", "format = 1\nextra = \"x\"\n"),
        ("format = 1\n", "format = \"1\"\n"),
        ("format = 1\n", "format = 2\n"),
        ("format = 1\n", "format = 01\n"),
        ("format = 1\n", "format = nan\n"),
        ("format = 1\n", "# a remark\nformat = 1\n"),
        ("format = 1\n", "format = 1\r\n"),
        ("format = 1\n", "\u{feff}format = 1\n"),
        ("format = 1\n", &deep),
        ("name = \"kit\"", "name = 'kit'"),
    ];
    for (from, to) in edits {
        let mut parts = changed(&good, |parts| parts.edit_manifest(from, to));
        parts.sign_well(&author);
        assert_refused(&env, "parse", &parts.pack(), &to.chars().take(40).collect::<String>());
    }
    for bytes in [&b""[..], b"\xff\xfe", b"\0", b"format = 1"] {
        let mut parts = changed(&good, |parts| parts.file("bundle.toml").2 = bytes.to_vec());
        parts.sign_well(&author);
        assert_refused(&env, "parse", &parts.pack(), "no manifest");
    }
}

/// Row 89 in what the release says of itself, which the files that are made for agents repeat.
#[test]
fn row_89_a_signed_manifest_with_a_hidden_message_is_refused() {
    let (author, good, _) = author();
    let env = reader();
    for (text, place) in
        [("\u{e0041}", "U+E0041"), ("\u{202e}", "U+202E"), ("\u{2069}", "U+2069"), ("\u{e0101}\u{e0102}", "U+E0101")]
    {
        let to = format!("description = \"x{text}");
        let mut parts = changed(&good, |parts| parts.edit_manifest("description = \"", &to));
        parts.sign_well(&author);
        let told = assert_refused(&env, "policy", &parts.pack(), place);
        assert!(told.contains(&format!("'description' has {place} in line 1, column 2")), "{told}");
    }
}

/// A digest has one algorithm and one spelling, in the manifest and in the trailers.
#[test]
fn row_28_a_digest_of_another_kind_is_refused() {
    let (author, good, _) = author();
    let env = reader();
    let (digest, repo) = (good.digest().to_string(), Digest::of(b"a repository").to_string());
    let hex = digest.strip_prefix("sha256:").expect("a digest");
    let wrong = [
        format!("md5:{}", &hex[..32]),
        format!("none:{hex}"),
        format!("SHA256:{hex}"),
        format!("sha256:{}", hex.to_uppercase()),
        format!("sha256:{}", &hex[..62]),
        format!("sha256:{hex}0"),
        hex.to_owned(),
        String::new(),
    ];
    for wrong in &wrong {
        for trailers in [
            format!("skillmeat-repo: {repo}\nskillmeat-tree: {wrong}\n"),
            format!("skillmeat-repo: {wrong}\nskillmeat-tree: {digest}\n"),
        ] {
            let parts = changed(&good, |parts| parts.sign(&author, &trailers));
            assert_refused(&env, "parse", &parts.pack(), &trailers);
        }
        let plugin = Digest::of(&good.clone().file("plugin.json").2).to_string();
        let mut parts = changed(&good, |parts| parts.edit_manifest(&plugin, wrong));
        parts.sign_well(&author);
        assert_refused(&env, "parse", &parts.pack(), wrong);
    }
}

#[test]
fn rows_40_and_51_parts_of_two_releases_make_none() {
    let (_author, old, new) = author();
    let env = reader();
    let armour = |parts: &Parts| {
        let text = String::from_utf8(parts.tag.clone()).expect("text");
        text.find("-----BEGIN").map(|at| (text[..at].to_owned(), text[at..].to_owned())).expect("a signature")
    };
    let ((payload, _), (_, other)) = (armour(&new), armour(&old));
    let cases = [
        ("the tag of another", "hash", Parts { tag: old.tag.clone(), ..new.clone() }),
        ("the commit of another", "hash", Parts { commit: old.commit.clone(), ..new.clone() }),
        ("the files of another", "hash", Parts { files: old.files.clone(), ..new.clone() }),
        ("tag and commit of another", "hash", Parts { files: old.files.clone(), ..new.clone() }),
        ("the manifest of another", "hash", {
            changed(&new, |parts| parts.file("bundle.toml").2 = old.manifest().into_bytes())
        }),
        ("the signature of another", "signature", Parts { tag: (payload + &other).into_bytes(), ..new.clone() }),
    ];
    for (what, class, parts) in cases {
        assert_refused(&env, class, &parts.pack(), what);
    }
}

#[test]
fn row_45_a_signed_tree_digest_that_is_another_is_refused() {
    let (author, good, new) = author();
    let env = reader();
    let repo = Digest::of(b"a repository");
    let of = |digest: Digest| format!("skillmeat-repo: {repo}\nskillmeat-tree: {digest}\n");
    let parts = changed(&good, |parts| parts.sign(&author, &of(new.digest())));
    assert_refused(&env, "hash", &parts.pack(), "of another release");
    // Each of the two there is once, also where nothing else is wrong.
    let (repo, tree) = (format!("skillmeat-repo: {repo}\n"), format!("skillmeat-tree: {}\n", good.digest()));
    let both = format!("{repo}{tree}");
    let others = format!("skillmeat-repo: {}\n", Digest::of(b"another repository"));
    for trailers in [
        "",
        &both.repeat(2),
        &both.replace("tree:", "tree :"),
        &both.replace("repo:", "repo :"),
        "skillmeat-tree:\n",
        &tree,
        &repo,
        &format!("{repo}{both}"),
        &format!("{both}{repo}"),
        &format!("{both}{others}"),
        &format!("{both}{tree}"),
        &format!("{}{both}", repo.to_uppercase()),
    ] {
        let parts = changed(&good, |parts| parts.sign(&author, trailers));
        assert_refused(&env, "parse", &parts.pack(), trailers);
    }
}

/// Rows 29, 30 and 43: the block at the end of the tag has one form.
#[test]
fn row_29_armour_of_another_form_is_refused() {
    let (_author, good, _) = author();
    let env = reader();
    let tag = String::from_utf8(good.tag.clone()).expect("text");
    let at = tag.find("-----BEGIN").expect("a signature");
    let (payload, armour) = tag.split_at(at);
    let (begin, end) = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----");
    let body = armour.trim_start_matches(begin).split("-----END").next().expect("base64").trim();
    let forms = [
        ("none", payload.to_owned()),
        ("empty", format!("{payload}{begin}\n{end}\n")),
        ("empty line", format!("{payload}{begin}\n\n{end}\n")),
        ("two", format!("{payload}{armour}{armour}")),
        ("CRLF", format!("{payload}{}", armour.replace('\n', "\r\n"))),
        ("no footer", format!("{payload}{}", armour.replace(end, ""))),
        ("text in front", format!("{payload}x{armour}")),
        ("text behind", format!("{tag}x\n")),
        ("a line behind", format!("{tag}\n")),
        ("no line end", tag.trim_end().to_owned()),
        ("one line", format!("{payload}{begin}\n{}\n{end}\n", body.replace('\n', ""))),
        ("half", format!("{payload}{begin}\n{}\n{end}\n", &body[..68])),
        ("other case", format!("{payload}{}", armour.replace("SSH", "ssh"))),
        ("changed", tag.replacen("kit 1.0.0", "kit 1.0.1", 1)),
    ];
    for (what, tag) in forms {
        assert_ne!(tag.as_bytes(), good.tag, "{what}");
        assert_refused(&env, "signature", &Parts { tag: tag.into_bytes(), ..good.clone() }.pack(), what);
    }
}

/// A key that may sign for every namespace, and a signature for another one.
#[test]
fn row_36_a_signature_for_another_purpose_is_refused() {
    let (author, good, _) = author();
    let env = reader();
    env.allow_text(&format!("team@example.invalid {}\n", KEY.public));
    let tag = String::from_utf8(good.tag.clone()).expect("text");
    let payload = &tag[..tag.find("-----BEGIN").expect("a signature")];
    let key = KEY.write(&author.root().join("key"));
    let sign = |namespace: &str| {
        let file = author.root().join("payload");
        let _ = std::fs::remove_file(author.root().join("payload.sig"));
        std::fs::write(&file, payload).expect("a file");
        let mut command = author.command("ssh-keygen");
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(&key).arg(&file);
        let _ = Ran::of(command).ok();
        let armour = std::fs::read_to_string(author.root().join("payload.sig")).expect("a signature");
        Parts { tag: format!("{payload}{armour}").into_bytes(), ..good.clone() }
    };
    for namespace in ["skillmeat-pack@v1", "skillmeat-root@v1", "skillmeat-witness@v1", "file", "Git", "git "] {
        assert_refused(&env, "signature", &sign(namespace).pack(), namespace);
    }
    let pack = env.root().join("good.skillmeat-pack");
    std::fs::write(&pack, sign("git").pack()).expect("a file");
    env.unchanged(&["verify", pack.to_str().expect("UTF-8")]);
}

/// A key that is revoked is revoked, whatever date its thief writes.
#[test]
fn row_34_a_revoked_key_cannot_sign_as_of_an_earlier_day() {
    let (mut author, good, _) = author();
    author.set("GIT_COMMITTER_DATE", "1000000000 +0000");
    let parts = changed(&good, |parts| parts.sign_well(&author));
    assert!(String::from_utf8_lossy(&parts.tag).contains("> 1000000000 +0000"));
    let env = reader();
    let pack = env.root().join("good.skillmeat-pack");
    std::fs::write(&pack, parts.pack()).expect("a file");
    env.unchanged(&["verify", pack.to_str().expect("UTF-8")]);
    let list = env.home().join("revoked");
    std::fs::write(&list, format!("{}\n", KEY.public)).expect("a file");
    env.config("gpg.ssh.revocationFile", list.to_str().expect("UTF-8"));
    assert!(assert_refused(&env, "untrusted", &parts.pack(), "back-dated").contains("revoked"));
    // And one that is not yet valid at the date that it writes.
    env.config("gpg.ssh.revocationFile", "/dev/null");
    env.allow_text(&format!("team@example.invalid valid-after=\"20200101Z\" {}\n", KEY.public));
    assert_refused(&env, "untrusted", &parts.pack(), "before its time");
}

/// The third of the golden packs (the others are in `bundle.rs`): a repository of SHA-256, and files that may run.
#[test]
fn row_17_no_byte_of_a_pack_of_a_sha256_repository_can_be_changed() {
    let env = TestEnv::new();
    env.git(["init", "--quiet", "--object-format=sha256"]);
    env.run(["init", ".", "--name", "mine"]).ok();
    env.use_key(&KEY);
    env.allow(&[("tester@example.invalid", &KEY)]);
    add_script(&env);
    let out = env.root().join("out.skillmeat-pack");
    let export = ["export", "kit", "--version", "1.0.0", "--all", "--output"];
    env.run(export.iter().copied().chain([out.to_str().expect("UTF-8")])).ok();
    assert_eq!(env.git(["rev-parse", "kit--v1.0.0"]).len(), 64);
    assert!(env.git(["ls-tree", "-r", "kit--v1.0.0"]).contains("100755 "), "a file that may run");
    assert_eq!(accepted_flips(&env, &out), Vec::<usize>::new());
    assert_no_cut_accepted(&env, &out);
    // And the program takes it as it is.
    let before = env.snapshot(Depth::Objects);
    env.run(["verify", out.to_str().expect("UTF-8")]).ok();
    before.assert_same(&env.snapshot(Depth::Objects), "verify writes nothing");
}

/// Makes a text of another.
type Edit<'a> = &'a dyn Fn(&str) -> String;

/// As above in an artifact: whoever signed it, it is taken only where the user says so.
#[test]
fn row_89_a_signed_artifact_with_a_hidden_message_is_refused() {
    let (author, good, _) = author();
    let (path, folder) = ("skills/one/SKILL.md", "skills/one/");
    let digest_of = |parts: &Parts| {
        let files = parts.files.iter().filter(|(name, ..)| name.starts_with(folder)).cloned().collect();
        Parts { files, ..parts.clone() }.digest().to_string()
    };
    let with = |change: Edit<'_>| {
        let mut parts = good.clone();
        let before = parts.file(path).2.clone();
        let (file, artifact) = (Digest::of(&before).to_string(), digest_of(&parts));
        let after = change(&String::from_utf8(before.clone()).expect("text")).into_bytes();
        parts.file(path).2 = after.clone();
        let (new_file, new_artifact) = (Digest::of(&after).to_string(), digest_of(&parts));
        let listed = |size: usize, digest: &str| {
            format!("[[files]]\npath = \"{path}\"\nmode = \"644\"\nsize = {size}\nsha256 = \"{digest}\"")
        };
        parts.edit_manifest(&listed(before.len(), &file), &listed(after.len(), &new_file));
        parts.edit_manifest(&artifact, &new_artifact);
        parts.sign_well(&author);
        parts.pack()
    };
    let more = |text: &'static str| move |before: &str| format!("{before}{text}\n");
    let behind_others = |before: &str| format!("{before}{}\u{e0041}\n", "\u{200b}".repeat(30));
    let cases: [(&str, Edit<'_>); 5] = [
        ("U+E0041 in column 2", &more("a\u{e0041}b")),
        ("U+E0041 in column 31", &behind_others),
        ("U+202E in column 2", &more("a\u{202e}b")),
        ("U+E0150 in column 2", &more("a\u{e0150}b")),
        ("U+E0041, written as an escape", &|before| {
            before.replacen("description: ", "description: \"a\\U000E0041\" #", 1)
        }),
    ];
    for (place, change) in cases {
        let env = reader();
        let pack = env.root().join("hidden.skillmeat-pack");
        std::fs::write(&pack, with(change)).expect("a file");
        let pack = pack.to_str().expect("UTF-8");
        // Who signed it is who signed it.
        env.unchanged(&["verify", pack]);
        let shown = env.unchanged(&["import", pack, "--dry-run"]);
        assert!(
            shown.stdout.contains("an import would be refused") && shown.stdout.contains(place),
            "{}",
            shown.stdout
        );
        let digest = env.json(&["verify", pack])["digest"].as_str().expect("a digest").to_owned();
        for agreed in [&["--yes"][..], &["--accept", &digest], &[], &["--yes", "--existing", "merge"]] {
            let told = env.refused_leaving("policy", &[&["import", pack], agreed].concat(), Depth::Objects);
            assert!(told.stderr.contains(place) && told.stderr.contains("SKILL.md"), "{}", told.stderr);
        }
        env.run(["import", pack, "--yes", "--allow-hidden"]).ok();
        assert!(
            env.git(["log", "-1", "--format=%B"]).contains(&format!("skill/one: 'SKILL.md' line 7: {place}"))
                || place.contains("escape")
        );
        let said = env.git(["log", "-1", "--format=%B"]);
        assert!(said.contains("With text that nobody sees: skill/one: 'SKILL.md'") && said.contains(place), "{said}");
        // Once taken it is not asked again.
        env.unchanged(&["import", pack, "--yes"]);
        env.assert_sound();
    }
}
