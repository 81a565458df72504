//! Row 31: signatures whose numbers are at the edge of what a scheme allows, or beyond it, made by calculation; judged beside
//! `ssh-keygen`, which has OpenSSL's arithmetic where we have another.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256, Sha512};
use ssh_key::PrivateKey;

use super::agent::{armour, signed_data, string, take, unarmoured};
use super::packs::{assert_refused, reader};
use super::parts::{Parts, author, changed};
use super::signatures::{Case, Key, MESSAGE, compare, key};
use crate::env::Ran;

/// What we refuse and `ssh-keygen` takes: the start of the names of such cases, and why.
const STRICTER: [(&str, &str); 2] = [
    (
        "spelling: ",
        "a number has one spelling, or one payload has many signatures (RFC 4251, section 5: no needless zeros)",
    ),
    ("malleable: ", "RFC 8032, section 5.1.7: S is below L; OpenSSH looks at its three highest bits only"),
];

/// Orders of the groups of P-256, P-384 and P-521 (SEC 2). That `n - s` in the place of `s` is good for `ssh-keygen` proves them.
const ORDERS: [(&str, &str); 3] = [
    ("ecdsa-256", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
    ("ecdsa-384", "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"),
    (
        "ecdsa-521",
        "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
        fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
    ),
];

/// Order of the group of Ed25519 (RFC 8032, section 5.1): 2^252 + 27742317777372353535851937790883648493.
const ED25519_ORDER: &str = "1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")).collect()
}

/// Adds two numbers, highest byte first.
fn sum(a: &[u8], b: &[u8]) -> Vec<u8> {
    let digit = |of: &[u8], at: usize| of.len().checked_sub(at + 1).map_or(0, |at| u16::from(of[at]));
    let mut carry = 0;
    let mut out: Vec<u8> = (0..=a.len().max(b.len()))
        .map(|at| {
            carry += digit(a, at) + digit(b, at);
            let low = carry as u8;
            carry >>= 8;
            low
        })
        .collect();
    out.reverse();
    trimmed(&out).to_vec()
}

/// Takes the smaller number `b` from `a`.
fn difference(a: &[u8], b: &[u8]) -> Vec<u8> {
    let inverse: Vec<u8> = std::iter::repeat_n(0xff, a.len() - b.len()).chain(b.iter().map(|byte| !byte)).collect();
    let sum = sum(&sum(a, &inverse), &[1]);
    // What went over is 2 to the power of the length of `a`.
    trimmed(&sum[sum.len() - a.len()..]).to_vec()
}

fn trimmed(number: &[u8]) -> &[u8] {
    &number[number.iter().take_while(|byte| **byte == 0).count()..]
}

/// A number as it is written (`mpint` of RFC 4251), without its length.
fn written(number: &[u8]) -> Vec<u8> {
    let number = trimmed(number);
    let sign: &[u8] = if number.first().is_some_and(|first| *first >= 0x80) { &[0] } else { &[] };
    [sign, number].concat()
}

/// A case with another signature inside.
fn with(key: &Key, name: &str, scheme: &[u8], signature: &[u8]) -> Case {
    let inside = [string(scheme), string(signature)].concat();
    Case { armour: armour(&key.blob, "git", "sha512", &inside), ..key.case(format!("{name} ({})", key.name)) }
}

/// Takes the scheme and the signature out of a whole one.
fn inside(key: &Key) -> (Vec<u8>, Vec<u8>) {
    let blob = unarmoured(&key.armour);
    let mut rest = &blob[10..];
    let parts: Vec<_> = (0..5).map(|_| take(&mut rest).to_vec()).collect();
    let mut rest = &parts[4][..];
    (take(&mut rest).to_vec(), take(&mut rest).to_vec())
}

fn ed25519(key: &Key, cases: &mut Vec<Case>) {
    let (scheme, good) = inside(key);
    let (r, s) = good.split_at(32);
    let reversed = |number: &[u8]| number.iter().rev().copied().collect::<Vec<_>>();
    let mut add = |name: &str, signature: &[u8]| cases.push(with(key, name, &scheme, signature));
    add("as it is", &good);
    // S and every number below 2^256 that is the same modulo the order of the group.
    let (order, mut number) = (bytes(ED25519_ORDER), reversed(s));
    for times in 1..16 {
        number = sum(&number, &order);
        if number.len() <= 32 {
            let padded = [vec![0; 32 - number.len()], number.clone()].concat();
            // Below 2^253, as far as OpenSSH looks.
            let kind = if times == 1 { "malleable: " } else { "" };
            add(&format!("{kind}S + {times} L"), &[r, &reversed(&padded)].concat());
        }
    }
    let zero = [0; 32];
    for (name, s) in [("S = 0", zero.to_vec()), ("S = L", reversed(&order)), ("S = 2^256 - 1", vec![0xff; 32])] {
        add(name, &[r, &s].concat());
    }
    let mut other_sign = good.clone();
    other_sign[31] ^= 0x80;
    add("R with another sign", &other_sign);
    add("R = 0", &[&zero, s].concat());
    add("R and S exchanged", &[s, r].concat());
    for length in [0, 1, 32, 63] {
        add(&format!("{length} bytes"), &good[..length]);
    }
    add("65 bytes", &[&good[..], &[0]].concat());
    add("twice", &good.repeat(2));
    add("as two strings", &[string(r), string(s)].concat());
}

fn ecdsa(key: &Key, order: &[u8], cases: &mut Vec<Case>) {
    let (scheme, good) = inside(key);
    let mut rest = &good[..];
    let (r, s) = (take(&mut rest).to_vec(), take(&mut rest).to_vec());
    let pair = |r: &[u8], s: &[u8]| [string(r), string(s)].concat();
    let mut add = |name: &str, signature: &[u8]| cases.push(with(key, name, &scheme, signature));
    add("as it is", &good);
    add("n - s", &pair(&r, &written(&difference(order, trimmed(&s)))));
    add("s + n", &pair(&r, &written(&sum(&s, order))));
    add("r + n", &pair(&written(&sum(&r, order)), &s));
    add("r and s exchanged", &pair(&s, &r));
    let n = written(order);
    let edges: [(&str, &[u8]); 5] =
        [("no byte", b""), ("0", b"\0"), ("1", b"\x01"), ("n", &n), ("n - 1", &written(&difference(order, &[1])))];
    for (name, edge) in edges {
        add(&format!("r is {name}"), &pair(edge, &s));
        add(&format!("s is {name}"), &pair(&r, edge));
        add(&format!("both are {name}"), &pair(edge, edge));
    }
    for (name, zeros) in [("a zero", 1), ("twenty zeros", 20)] {
        let longer = |number: &[u8]| [vec![0; zeros], written(number)].concat();
        add(&format!("spelling: {name} before r"), &pair(&longer(&r), &s));
        add(&format!("spelling: {name} before s"), &pair(&r, &longer(&s)));
    }
    let negative = |number: &[u8]| [&[0x80][..], trimmed(number)].concat();
    add("r is negative", &pair(&negative(&r), &s));
    add("s is negative", &pair(&r, &negative(&s)));
    add("r is too long", &pair(&[&[1][..], &[0; 80]].concat(), &s));
    add("s is much too long", &pair(&r, &[&[1][..], &[0; 4000]].concat()));
    add("r is cut", &pair(&r[..r.len() - 1], &s));
    add("s is cut", &pair(&r, &s[..s.len() - 1]));
    add("only r", &string(&r));
    add("nothing", b"");
    add("a third number", &[&good[..], &string(&r)].concat());
    add("a byte behind", &[&good[..], &[0]].concat());
    add("a length that is wrong", &[&(r.len() as u32 + 1).to_be_bytes()[..], &good[4..]].concat());
    // As in certificates: a sequence of two integers.
    let integer = |number: &[u8]| [&[2, number.len() as u8][..], number].concat();
    let sequence = [integer(&r), integer(&s)].concat();
    add("in DER", &[&[0x30, sequence.len() as u8][..], &sequence].concat());
}

/// Raises numbers to the power of the private exponent, in Python; the first `until` answers, or until one is shorter than 256 bytes.
fn raised(key: &Path, numbers: &[Vec<u8>], until_short: bool) -> Vec<Vec<u8>> {
    let text = std::fs::read(key).expect("a private key");
    let key = PrivateKey::from_openssh(text).expect("a private key");
    let pair = key.key_data().rsa().expect("an RSA key");
    let parts = [pair.private().p(), pair.private().q(), pair.private().d(), pair.private().iqmp()];
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut lines: Vec<_> = parts.iter().map(|part| hex(part.as_positive_bytes().expect("positive"))).collect();
    lines.push(u8::from(until_short).to_string());
    lines.extend(numbers.iter().map(|number| hex(number)));
    let script = "import sys\np, q, d, u, short, *all = [int(line, 16) for line in sys.stdin]\nfor m in all:\n    \
        a, b = pow(m % p, d % (p - 1), p), pow(m % q, d % (q - 1), q)\n    s = b + q * ((a - b) * u % p)\n    \
        assert pow(s, 65537, p * q) == m % (p * q)\n    print('%0512x' % s)\n    if short and s >> 2040 == 0: break";
    let mut command = Command::new("python3");
    command.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("python3 starts");
    let mut input = child.stdin.take().expect("a pipe");
    let answers = std::thread::scope(|scope| {
        // It ends at the first short one and leaves the rest.
        scope.spawn(move || drop(input.write_all(lines.join("\n").as_bytes())));
        Ran::from(child.wait_with_output().expect("python3 ends")).ok()
    });
    answers.stdout.lines().map(bytes).collect()
}

/// What a digest stands behind in a signature of PKCS #1 (RFC 8017, section 9.2).
const SHA256: &str = "3031300d060960864801650304020105000420";
const SHA512: &str = "3051300d060960864801650304020305000440";

/// A block of 256 bytes: `0`, the kind, padding, `0`, and these bytes.
fn block(kind: u8, padding: u8, rest: &[u8]) -> Vec<u8> {
    [&[0, kind][..], &vec![padding; 253 - rest.len()], &[0], rest].concat()
}

fn rsa(key: &Key, cases: &mut Vec<Case>) {
    let data = |message: &[u8]| signed_data("git", "sha512", message);
    let (hash, short) = (Sha512::digest(data(MESSAGE)), Sha256::digest(data(MESSAGE)));
    let info = |head: &str, hash: &[u8]| [bytes(head), hash.to_vec()].concat();
    let good = info(SHA512, &hash);
    let right = block(1, 0xff, &good);
    let mut hole = right.clone();
    hole[100] = 0;
    let mut few = [&[0, 1][..], &[0xff; 8], &[0], &good].concat();
    few.resize(256, 0);
    let mut first = right.clone();
    first[0] = 1;
    let blocks: [(&str, Vec<u8>); 15] = [
        ("right", right.clone()),
        ("kind 0", block(0, 0xff, &good)),
        ("kind 2", block(2, 0xff, &good)),
        ("other padding", block(1, 0xfe, &good)),
        ("padding of zeros", block(1, 0, &good)),
        ("a hole in the padding", hole),
        ("little padding and zeros behind", few),
        ("not zero first", first),
        ("a byte behind the digest", block(1, 0xff, &[&good[..], &[0]].concat())),
        ("no digest", block(1, 0xff, &bytes(SHA512))),
        ("the digest alone", block(1, 0xff, &hash)),
        // RFC 8017, section 9.2: the parameters of a hash are NULL.
        ("no NULL", block(1, 0xff, &info("304f300b06096086480165030402030440", &hash))),
        ("a longer length", block(1, 0xff, &info("308151300d060960864801650304020305000440", &hash))),
        ("another hash", block(1, 0xff, &info(SHA256, &short))),
        ("another hash by its name", block(1, 0xff, &info("3051300d060960864801650304020205000440", &hash))),
    ];
    let scheme = b"rsa-sha2-512";
    let numbers: Vec<_> = blocks.iter().map(|(_, block)| block.clone()).collect();
    let made = raised(&key.path, &numbers, false);
    assert_eq!(made.len(), blocks.len());
    let mut add = |name: &str, signature: &[u8]| cases.push(with(key, name, scheme, signature));
    for ((name, _), signature) in blocks.iter().zip(&made) {
        add(&format!("block: {name}"), signature);
    }
    let signature = &made[0];
    let modulus = take_modulus(&key.blob);
    add("the block itself", &right);
    add("s + n", &sum(signature, &modulus));
    add("n", &modulus);
    add("n - s", &difference(&modulus, trimmed(signature)));
    for edge in [0, 1] {
        add(&format!("s is {edge}"), &[&[0; 255][..], &[edge]].concat());
    }
    add("no byte", b"");
    add("a zero in front", &[&[0][..], signature].concat());
    add("cut", &signature[..255]);
    add("a byte behind", &[&signature[..], &[0]].concat());
    // The digest of the other scheme, under the name of this one, and the reverse.
    cases.push(with(key, "by the name of the other hash", b"rsa-sha2-256", signature));
    cases.push(with(key, "right for the other hash", b"rsa-sha2-256", &{
        raised(&key.path, &[block(1, 0xff, &info(SHA256, &short))], false).remove(0)
    }));
    // One signature of 256 begins with a zero.
    let message = |at: usize| format!("message {at}\n").into_bytes();
    let blocks: Vec<_> =
        (0..6000).map(|at| block(1, 0xff, &info(SHA512, &Sha512::digest(data(&message(at)))))).collect();
    let made = raised(&key.path, &blocks, true);
    let (at, last) = (made.len() - 1, made.last().expect("some"));
    assert_eq!(last[0], 0, "none of {} is short", blocks.len());
    let whole = with(key, "a zero first", scheme, last);
    cases.push(Case { message: message(at), ..whole });
    let cut = with(key, "without the zero that it begins with", scheme, &last[1..]);
    cases.push(Case { message: message(at), ..cut });
}

/// Takes the modulus out of a public key.
fn take_modulus(blob: &[u8]) -> Vec<u8> {
    let mut rest = blob;
    let parts: Vec<_> = (0..3).map(|_| take(&mut rest)).collect();
    trimmed(parts[2]).to_vec()
}

#[test]
fn row_31_numbers_at_the_edge_are_judged_as_ssh_keygen_judges_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let mut cases = Vec::new();
    ed25519(&key(folder, "ed25519", "256"), &mut cases);
    for (name, order) in ORDERS {
        let (kind, bits) = name.split_once('-').expect("two words");
        ecdsa(&key(folder, kind, bits), &bytes(order), &mut cases);
    }
    rsa(&key(folder, "rsa", "2048"), &mut cases);
    assert!(cases.len() > 150, "{}", cases.len());
    let good = compare(folder, &cases, &STRICTER);
    let curves = ["256", "384", "521"].map(|bits| format!("(ecdsa-{bits})"));
    let mut expected = vec!["as it is (ed25519-256)".to_owned()];
    // Of ECDSA `n - s` is good with `r` where `s` is: that is so for all who verify it.
    expected.extend(curves.iter().flat_map(|curve| [format!("as it is {curve}"), format!("n - s {curve}")]));
    let rsa = ["a zero first", "block: right", "right for the other hash", "without the zero that it begins with"];
    expected.extend(rsa.map(|name| format!("{name} (rsa-2048)")));
    expected.sort();
    assert_eq!(good, expected);
}

/// The same from tag to verdict: releases whose tags are signed so, given to the program.
#[test]
fn row_31_releases_with_numbers_at_the_edge_are_refused_by_the_program() {
    let (author, good, _) = author();
    let folder = tempfile::tempdir().expect("a folder");
    for (kind, bits) in [("ed25519", "256"), ("ecdsa", "256")] {
        let key = key(folder.path(), kind, bits);
        author.config("user.signingKey", key.path.to_str().expect("UTF-8"));
        let parts = changed(&good, |parts| parts.sign_well(&author));
        let env = reader();
        env.allow_text(&format!("team@example.invalid {}\n", key.line));
        let tag = String::from_utf8(parts.tag.clone()).expect("text");
        let (payload, armour) = tag.split_at(tag.find("-----BEGIN").expect("a signature"));
        let key = Key { armour: armour.to_owned(), ..key };
        let mut cases = Vec::new();
        match kind {
            "ed25519" => ed25519(&key, &mut cases),
            _ => ecdsa(&key, &bytes(ORDERS[0].1), &mut cases),
        }
        for case in cases {
            let pack = Parts { tag: format!("{payload}{}", case.armour).into_bytes(), ..parts.clone() }.pack();
            // What is good for everybody who verifies it; the rest is refused.
            if case.name.starts_with("as it is") || case.name.starts_with("n - s") {
                let file = env.root().join("good.skillmeat-pack");
                std::fs::write(&file, pack).expect("a file");
                env.unchanged(&["verify", file.to_str().expect("UTF-8")]);
            } else {
                assert_refused(&env, "signature", &pack, &case.name);
            }
        }
    }
}

#[test]
fn numbers_are_added_and_taken_away() {
    assert_eq!(sum(&[0xff, 0xff], &[1]), [1, 0, 0]);
    assert_eq!(difference(&[1, 0, 0], &[1]), [0xff, 0xff]);
    assert_eq!(difference(&[2, 0], &[1, 0xff]), [1]);
    assert_eq!((written(&[0, 0x80]), written(&[0]), written(&[0, 0x7f])), (vec![0, 0x80], vec![], vec![0x7f]));
}
