//! Our verdict on more than five hundred signatures beside that of `ssh-keygen -Y`, asked as git asks it: good for one
//! if and only if good for the other, but for a list of cases in which we are stricter, each with its reason.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use skillmeat::signature::{AllowedSigners, RevokedKeys, Signers, Verdict, verify};
use ssh_key::encoding::base64::{Base64, Encoding as _};

use super::agent::{Agent, Hardware, armour, armoured, signed_data, string, unarmoured};

/// 2026-11-22T14:00:00Z, as seconds and as `ssh-keygen` reads it.
const TIME: u64 = 1_795_356_000;
const TIME_TEXT: &str = "20261122140000Z";

pub(super) const MESSAGE: &[u8] = b"object 1\ntag kit--v1.0.0\n\nkit 1.0.0\n";

/// Fewest cases.
const ENOUGH: usize = 500;

/// What we refuse and `ssh-keygen` takes: the start of the names of such cases, and why.
const STRICTER: [(&str, &str); 13] = [
    ("form: text behind", "a signature ends where it ends, or one payload has many spellings"),
    ("form: a line behind", "as above"),
    ("form: no line end", "as above"),
    ("form: twice", "as above"),
    ("form: one line", "lines have one length of at most 76"),
    ("form: a blank in the base64", "armour has one form"),
    ("form: version 0", "nobody makes it, and what it would mean is not said"),
    ("form: reserved", "OpenSSH passes over it; what nobody signed and nobody understands is not believed"),
    ("list: a broken line", "a list that is half understood may lack what limits a key"),
    ("list: an empty principal", "as above"),
    ("list: no such day", "a date that no calendar has is a slip, and not another date"),
    ("rsa-1024", "such keys are too weak"),
    ("untouched", "a program may have asked the hardware key without its owner"),
];

/// A signature, and by which list it is judged.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) list: String,
    pub(super) revoked: Option<String>,
    pub(super) namespace: &'static str,
    pub(super) message: Vec<u8>,
    pub(super) armour: String,
}

/// A key with its signature of [`MESSAGE`].
pub(super) struct Key {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) line: String,
    pub(super) blob: Vec<u8>,
    pub(super) armour: String,
}

impl Key {
    pub(super) fn case(&self, name: impl Into<String>) -> Case {
        Case {
            name: name.into(),
            list: format!("alice {}\n", self.line),
            revoked: None,
            namespace: "git",
            message: MESSAGE.to_vec(),
            armour: self.armour.clone(),
        }
    }

    /// One that other bytes may be looked for in: names are put in front of the kind.
    fn named(&self, what: &str) -> String {
        format!("{what} ({})", self.name)
    }
}

/// Makes a key with `ssh-keygen`, and its signature of [`MESSAGE`] for git.
pub(super) fn key(folder: &Path, kind: &str, bits: &str) -> Key {
    let name = format!("{kind}-{bits}");
    let path = folder.join(&name);
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-b", bits, "-N", "", "-C", "", "-f"]).arg(&path);
    assert!(command.stdin(Stdio::null()).status().expect("ssh-keygen runs").success(), "{name}");
    let line = fs::read_to_string(path.with_extension("pub")).expect("a key").trim().to_owned();
    let blob = Base64::decode_vec(line.split(' ').nth(1).expect("base64")).expect("base64");
    let message = folder.join(format!("{name}.message"));
    fs::write(&message, MESSAGE).expect("a file");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", "git", "-f"]).arg(&path).arg(&message).stdin(Stdio::null());
    assert!(command.status().expect("ssh-keygen runs").success(), "{name}");
    let armour = fs::read_to_string(folder.join(format!("{name}.message.sig"))).expect("a signature");
    Key { name, path, line, blob, armour }
}

fn we_say(case: &Case) -> Option<Verdict> {
    let allowed = AllowedSigners::parse(case.list.as_bytes()).ok()?;
    let revoked = case.revoked.as_ref().map(|text| RevokedKeys::parse(text.as_bytes())).transpose().ok()?;
    let signers = Signers { allowed: &allowed, revoked: revoked.as_ref() };
    Some(verify(&case.message, Some(case.armour.as_bytes()), case.namespace, TIME, &signers))
}

/// Asks for the principals and then for each of them, as git's `gpg-interface.c` does.
fn ssh_keygen_says(folder: &Path, at: usize, case: &Case) -> bool {
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.join(format!("{at}.{name}"));
        fs::write(&path, bytes).expect("a file");
        path
    };
    let (list, signature) = (file("list", case.list.as_bytes()), file("sig", case.armour.as_bytes()));
    let message = file("message", &case.message);
    let time = format!("-Overify-time={TIME_TEXT}");
    let mut command = Command::new("ssh-keygen");
    command.args(["-Y", "find-principals", &time, "-f"]).arg(&list).arg("-s").arg(&signature).stdin(Stdio::null());
    let found = command.env("TZ", "UTC").output().expect("ssh-keygen runs");
    if !found.status.success() {
        return false;
    }
    let principals = String::from_utf8(found.stdout).expect("UTF-8");
    principals.lines().any(|principal| {
        let mut command = Command::new("ssh-keygen");
        command.args(["-Y", "verify", &time, "-n", case.namespace, "-I", principal, "-f"]).arg(&list);
        command.arg("-s").arg(&signature).stdin(fs::File::open(&message).expect("a file"));
        if let Some(revoked) = &case.revoked {
            command.arg("-r").arg(file("revoked", revoked.as_bytes()));
        }
        command.env("TZ", "UTC").output().expect("ssh-keygen runs").status.success()
    })
}

/// Compares all cases, but for those in which we are `stricter`. Returns the names of those that are good for both, sorted.
pub(super) fn compare(folder: &Path, cases: &[Case], stricter: &[(&str, &str)]) -> Vec<String> {
    for (name, _) in stricter {
        assert!(cases.iter().any(|case| case.name.starts_with(name)), "no case '{name}'");
    }
    let (next, good) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        let mut wrong = Vec::new();
        while let Some((at, case)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, cases.get(at)?)))
        {
            let (we, they) = (we_say(case), ssh_keygen_says(folder, at, case));
            let is_good = we.as_ref().is_some_and(Verdict::is_good);
            let stricter = stricter.iter().any(|(name, _)| case.name.starts_with(name));
            if is_good && they {
                good.lock().expect("no panic").push(case.name.clone());
            }
            let right = if stricter { they && !is_good } else { they == is_good };
            if !right {
                wrong.push(format!("{}: ssh-keygen {they}, we {we:?}\n  {}", case.name, case.list.trim()));
            }
        }
        wrong
    };
    let wrong: Vec<_> = std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let mut good = good.into_inner().expect("no panic");
    good.sort();
    good
}

/// Every key with every form of a line.
fn lists(keys: &[Key], cases: &mut Vec<Case>) {
    let principals = ["alice", "alice,bob", "\"alice b\"", "*", "a?ice*", "!bob,alice", "bob,!alice"];
    let options = [
        "",
        "namespaces=\"git\" ",
        "namespaces=\"file,skillmeat-*\" ",
        "valid-after=\"20200101Z\",valid-before=\"20300101Z\" ",
        "valid-after=\"20261122140001Z\" ",
        "valid-before=\"20261122140000Z\",namespaces=\"g*\" ",
        "valid-before=\"20261122135959Z\" ",
        "cert-authority ",
    ];
    for (at, key) in keys.iter().enumerate() {
        for (who_at, who) in principals.iter().enumerate() {
            for (option_at, option) in options.iter().enumerate() {
                // A comment and a second line, now and then.
                let comment = if (at + who_at + option_at) % 3 == 0 { " a comment, \"with\" * in it" } else { "" };
                let other = &keys[(at + 1) % keys.len()].line;
                let more = if (who_at + option_at) % 4 == 0 { format!("\n# more\nbob {other}") } else { String::new() };
                let list = format!("{who} {option}{}{comment}{more}\n", key.line);
                cases.push(Case { list, ..key.case(key.named(&format!("{who} {option}"))) });
            }
        }
    }
}

/// Every key with changed signatures, messages, namespaces and lists of revoked keys.
fn mutations(keys: &[Key], cases: &mut Vec<Case>) {
    for (at, key) in keys.iter().enumerate() {
        let other = &keys[(at + 1) % keys.len()];
        let blob = unarmoured(&key.armour);
        for place in 0..16 {
            let mut flipped = blob.clone();
            let byte = place * (blob.len() - 1) / 15;
            flipped[byte] ^= 1 << (place % 8);
            cases.push(Case { armour: armoured(&flipped), ..key.case(key.named(&format!("byte {byte} flipped"))) });
        }
        for cut in [1, 4, 64, blob.len() / 2, blob.len() - 10] {
            let cut_off = armoured(&blob[..blob.len() - cut]);
            cases.push(Case { armour: cut_off, ..key.case(key.named(&format!("cut by {cut}"))) });
        }
        let with = |name: &str, change: &dyn Fn(&mut Case)| {
            let mut case = key.case(key.named(name));
            change(&mut case);
            case
        };
        cases.extend([
            with("another namespace", &|case| case.namespace = "file"),
            with("another message", &|case| case.message.push(b'\n')),
            with("no message", &|case| case.message.clear()),
            with("the signature of another", &|case| case.armour = other.armour.clone()),
            with("not listed", &|case| case.list = format!("bob {}\n", other.line)),
            with("an empty list", &|case| case.list = String::new()),
            with("revoked", &|case| case.revoked = Some(format!("# lost\n{} a laptop\n", key.line))),
            with("another revoked", &|case| case.revoked = Some(format!("{}\n", other.line))),
            with("nothing revoked", &|case| case.revoked = Some(String::new())),
        ]);
        forms(key, cases);
    }
}

/// Every key with other forms of the armour.
fn forms(key: &Key, cases: &mut Vec<Case>) {
    let good = &key.armour;
    let (begin, end) = ("-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----");
    let body: String = good.lines().filter(|line| !line.starts_with("-----")).collect();
    let blob = unarmoured(good);
    let version = |number: u8| armoured(&[&blob[..9], &[number], &blob[10..]].concat());
    let mut forms = vec![
        ("form: text behind", format!("{good}x\n")),
        ("form: a line behind", format!("{good}\n")),
        ("form: no line end", good.trim_end().to_owned()),
        ("form: a blank in the base64", good.replacen("\nU1NI", "\n U1NI", 1)),
        ("form: twice", format!("{good}{good}")),
        ("CRLF", good.replace('\n', "\r\n")),
        ("no footer", good.replace(end, "")),
        ("text in front", format!("x\n{good}")),
        ("no body", format!("{begin}\n{end}\n")),
        ("other case", good.replace("SSH", "Ssh")),
        ("version 2", version(2)),
    ];
    if body.len() > 76 {
        forms.push(("form: one line", format!("{begin}\n{body}\n{end}\n")));
    }
    cases.extend(forms.into_iter().map(|(name, armour)| Case { armour, ..key.case(key.named(name)) }));
}

/// Signatures for each of five purposes, asked for as each of them.
fn namespaces(agent: &Agent, key: &Key, cases: &mut Vec<Case>) {
    let all = ["git", "file", "skillmeat-root@v1", "skillmeat-pack@v1", "skillmeat-witness@v1"];
    for made in all {
        let signature = agent.sign(&key.blob, &signed_data(made, "sha512", MESSAGE), 0).expect("a signature");
        let armour = armour(&key.blob, made, "sha512", &signature);
        for asked in all {
            let name = format!("made for {made}, asked as {asked}");
            cases.push(Case { namespace: asked, armour: armour.clone(), ..key.case(name) });
        }
    }
}

/// What `ssh-keygen -Y sign` does not make: other hashes, other versions, used fields.
fn made_by_hand(agent: &Agent, keys: &[Key], cases: &mut Vec<Case>) {
    for key in keys {
        let flags = if key.name.starts_with("rsa") { vec![0, 2, 4] } else { vec![0] };
        for hash in ["sha256", "sha512"] {
            for flag in &flags {
                let Some(signature) = agent.sign(&key.blob, &signed_data("git", hash, MESSAGE), *flag) else {
                    continue;
                };
                let name = key.named(&format!("message hash {hash}, agent flag {flag}"));
                cases.push(Case { armour: armour(&key.blob, "git", hash, &signature), ..key.case(name) });
            }
        }
    }
    let key = &keys[0];
    let sign = |data: &[u8]| agent.sign(&key.blob, data, 0).expect("a signature");
    let digest = signed_data("git", "sha512", MESSAGE);
    let reserved = [&digest[..13], &string(b"x")[..], &digest[17..]].concat();
    let fields = |version: u8, reserved: &[u8], hash: &[u8], signature: &[u8]| {
        let parts = [&key.blob, &b"git"[..], reserved, hash, signature].map(string).concat();
        armoured(&[&b"SSHSIG\0\0\0"[..], &[version], &parts].concat())
    };
    let good = sign(&digest);
    for (name, armour) in [
        ("form: version 0", fields(0, b"", b"sha512", &good)),
        ("reserved and signed", fields(1, b"x", b"sha512", &sign(&reserved))),
        ("form: reserved", fields(1, b"x", b"sha512", &good)),
        ("version 3", fields(3, b"", b"sha512", &good)),
        ("hash SHA512", fields(1, b"", b"SHA512", &good)),
        ("hash sha1", fields(1, b"", b"sha1", &good)),
        ("hash sha384", fields(1, b"", b"sha384", &good)),
        ("bytes behind", armoured(&[unarmoured(&key.armour), vec![0]].concat())),
    ] {
        cases.push(Case { armour, ..key.case(name) });
    }
    for (name, list) in [
        ("list: a broken line", format!("alice {}\nbroken\n", key.line)),
        ("list: an empty principal", format!("alice,,bob {}\n", key.line)),
        ("list: no such day", format!("alice valid-before=\"20270231Z\" {}\n", key.line)),
        ("an unknown option", format!("alice touch {}\n", key.line)),
        ("an option twice", format!("alice namespaces=\"git\",namespaces=\"git\" {}\n", key.line)),
        ("an open quote", format!("\"alice {}\n", key.line)),
    ] {
        cases.push(Case { list, ..key.case(name) });
    }
}

/// Ed25519 keys of small order, of which some "sign" everything, in all spellings (row 31).
fn small_order(cases: &mut Vec<Case>) {
    let ff = |first: u8, last: u8| [&[first][..], &[0xff; 30], &[last]].concat();
    let zeros = |first: u8, last: u8| [&[first][..], &[0; 30], &[last]].concat();
    // The coordinate y of the points of order 1, 2 and 4, with and without the sign of x, and not reduced.
    let points = [
        zeros(1, 0),
        zeros(1, 0x80),
        zeros(0, 0),
        zeros(0, 0x80),
        ff(0xec, 0x7f),
        ff(0xec, 0xff),
        ff(0xed, 0x7f),
        ff(0xed, 0xff),
        ff(0xee, 0x7f),
        ff(0xee, 0xff),
    ];
    for (at, key) in points.iter().enumerate() {
        let blob = [string(b"ssh-ed25519"), string(key)].concat();
        for (of, r) in points.iter().enumerate() {
            let signature = [string(b"ssh-ed25519"), string(&[&r[..], &[0; 32]].concat())].concat();
            cases.push(Case {
                name: format!("point {at} as the key, point {of} in the signature"),
                list: format!("alice ssh-ed25519 {}\n", Base64::encode_string(&blob)),
                revoked: None,
                namespace: "git",
                message: MESSAGE.to_vec(),
                armour: armour(&blob, "git", "sha512", &signature),
            });
        }
    }
}

/// Hardware keys, touched and not, and the options that servers have for them: lists of signers have none.
fn hardware(agent: &Agent, keys: &[Key], cases: &mut Vec<Case>) {
    for software in &keys[..2] {
        let hardware = Hardware::of(&software.blob);
        let kind = String::from_utf8_lossy(&hardware.blob[4..]).split('@').next().expect("a name").to_owned();
        let line = format!("{kind}@openssh.com {}", Base64::encode_string(&hardware.blob));
        let key = Key { name: kind, line, blob: hardware.blob.clone(), armour: String::new(), path: PathBuf::new() };
        let made = |flags, counter| hardware.armour(agent, "git", MESSAGE, flags, counter);
        let mut add = |name: &str, option: &str, armour: String| {
            let list = format!("alice {option}{}\n", key.line);
            cases.push(Case { list, armour, ..key.case(key.named(name)) });
        };
        for counter in [0, 7, u32::MAX] {
            add("touched", "", made(1, counter));
            add("touched and verified", "", made(5, counter));
            add("untouched", "", made(0, counter));
            add("untouched and verified", "", made(4, counter));
        }
        for option in ["verify-required ", "no-touch-required ", "namespaces=\"git\",no-touch-required "] {
            for flags in [0, 1, 4, 5] {
                add(&format!("option {option}, flags {flags}"), option, made(flags, 1));
            }
        }
        add("touched, for git", "namespaces=\"git\" ", made(1, 1));
        add("touched, not for git", "namespaces=\"file\" ", made(1, 1));
        // Flags and counter are signed: another touch is no touch.
        for (at, name) in [(5, "flags"), (1, "counter")] {
            let mut blob = unarmoured(&made(0, 1));
            let place = blob.len() - at;
            blob[place] ^= 1;
            add(&format!("another {name}"), "", armoured(&blob));
        }
        let data = signed_data("git", "sha512", MESSAGE);
        let elsewhere = hardware.sign(agent, &data, 1, 1, b"ssh:elsewhere");
        add("for another application", "", armour(&key.blob, "git", "sha512", &elsewhere));
        add("by the software key", "", software.armour.clone());
        let plain = agent.sign(&software.blob, &data, 0).expect("a signature");
        add("with a plain signature", "", armour(&key.blob, "git", "sha512", &plain));
    }
}

#[test]
fn our_verdict_is_that_of_ssh_keygen() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let kinds =
        [("ed25519", "256"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"), ("rsa", "2048"), ("rsa", "3072")];
    let keys = kinds.map(|(kind, bits)| key(folder, kind, bits));
    let weak = key(folder, "rsa", "1024");
    let paths: Vec<_> = keys.iter().map(|key| key.path.clone()).collect();
    let agent = Agent::start(folder, &paths);
    let mut cases = vec![weak.case("rsa-1024")];
    lists(&keys, &mut cases);
    mutations(&keys, &mut cases);
    namespaces(&agent, &keys[0], &mut cases);
    made_by_hand(&agent, &keys, &mut cases);
    hardware(&agent, &keys, &mut cases);
    small_order(&mut cases);
    assert!(cases.len() >= ENOUGH, "{}", cases.len());
    let good = compare(folder, &cases, &STRICTER).len();
    assert!((100..cases.len() - 100).contains(&good), "{good} of {}", cases.len());
}
