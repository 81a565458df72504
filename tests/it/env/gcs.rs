//! A small server on loopback that stands for Google Cloud Storage. It is ours, not Google's, and does what the documentation of
//! the XML API says of what is used here: tokens of service accounts, listings, uploads in parts, generations of objects, and
//! `x-goog-if-generation-match`. `If-Match` and `If-None-Match` do not count where something is written, so that nothing can
//! pass for a condition that is none. It notes what was written without one, and can hold back what changes the same object
//! more than once in a second, as Google may.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::TestEnv;
use super::account::Account;
use super::cloud::Cloud;
use super::wire::{Answer, Request, decoded, hex, listing, range, read_request, write_answer, xml};

/// The one bucket.
const BUCKET: &str = "google-bucket";

/// A token that someone got elsewhere, as `gcloud auth print-access-token` gives it.
pub const TOKEN: &str = "ya29.EXAMPLE-a0AfH6SMBx7_token";

/// All parts of an upload have at least so many bytes, but for the last.
const MIN_PART_BYTES: usize = 5 * 1024 * 1024;

/// The rate at which an object may change.
const ONE_CHANGE_EACH: Duration = Duration::from_secs(1);

/// What stands under a key.
struct Object {
    bytes: Vec<u8>,
    generation: u64,
    /// What was said of it when it was sent.
    headers: Vec<(String, String)>,
}

/// An upload in parts.
struct Upload {
    key: String,
    parts: BTreeMap<u32, (String, Vec<u8>)>,
    headers: Vec<(String, String)>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    uploads: BTreeMap<String, Upload>,
    /// How often something was written: each is a generation.
    written: u64,
    log: Vec<String>,
    unguarded: Vec<String>,
    is_deaf: bool,
    is_slow: bool,
    is_disturbed: bool,
    changed: BTreeMap<String, Instant>,
    account: Option<Account>,
    /// Tokens that were checked.
    known: BTreeSet<String>,
}

/// A server that runs as long as the tests.
#[derive(Clone)]
pub struct Gcs {
    port: u16,
    state: Arc<Mutex<State>>,
}

impl Gcs {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, state: Arc::default() };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        server
    }

    fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().expect("no panic"))
    }

    /// Tells a user where the server is.
    pub fn configure_base(&self, env: &mut TestEnv) {
        env.set("GOOGLE_BASE_URL", &self.endpoint());
        env.set("GOOGLE_ALLOW_HTTP", "true");
    }

    /// The file of a service account, which may change the bucket.
    pub fn account(&self) -> PathBuf {
        self.with(|state| state.account.get_or_insert_with(Account::generate).file())
    }

    /// Gives a user that file, under this variable.
    pub fn configure_account(&self, env: &mut TestEnv, variable: &str) {
        self.configure_base(env);
        env.set(variable, self.account().to_str().expect("UTF-8"));
    }

    /// Takes no notice of conditions from now on.
    pub fn ignore_conditions(&self) {
        self.with(|state| state.is_deaf = true);
    }

    /// Holds back what changes the same object more than once in a second, from now on.
    pub fn hold_back(&self) {
        self.with(|state| state.is_slow = true);
    }

    /// Somebody writes `head.json` just before the next who wants to.
    pub fn disturb(&self) {
        self.with(|state| state.is_disturbed = true);
    }

    /// What was asked, with the status of the answer: `PUT vault/head.json 200`.
    pub fn log(&self) -> Vec<String> {
        self.with(|state| state.log.clone())
    }

    /// Keys of small files that were written, or put together from parts, without a condition.
    pub fn unguarded(&self) -> Vec<String> {
        self.with(|state| state.unguarded.clone())
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            let path = decoded(&request.path);
            let key = path.trim_start_matches(&format!("/{BUCKET}")).trim_start_matches('/');
            let answer = if path.starts_with(&format!("/{BUCKET}")) {
                self.handle(&request, key)
            } else {
                error(404, "NoSuchBucket")
            };
            self.with(|state| state.log.push(format!("{} {key} {}", request.method, answer.status)));
            if write_answer(reader.get_mut(), &request.method, answer).is_err() {
                return;
            }
        }
    }

    fn handle(&self, request: &Request, key: &str) -> Answer {
        let is_public = !key.is_empty() && matches!(request.method.as_str(), "GET" | "HEAD");
        let is_allowed = match request.headers.get("authorization") {
            Some(header) => header.strip_prefix("Bearer ").is_some_and(|token| self.with(|state| state.knows(token))),
            None => is_public,
        };
        if !is_allowed {
            return error(401, "AuthenticationRequired");
        }
        let upload = request.query("uploadId");
        self.with(|state| match (request.method.as_str(), upload) {
            ("GET", _) if key.is_empty() => {
                if request.query("list-type") != Some("2") {
                    return error(400, "InvalidArgument");
                }
                let files = state.objects.iter();
                let files = files.map(|(key, object)| (key.as_str(), object.tag(), object.bytes.len()));
                listing(BUCKET, request.query("prefix").unwrap_or(""), files)
            }
            ("GET" | "HEAD", _) => match state.objects.get(key) {
                None => error(404, "NoSuchKey"),
                Some(object) => {
                    let mut answer = Answer { status: 200, headers: object.answer(), body: object.bytes.clone() };
                    answer.headers.extend(object.headers.iter().cloned());
                    range(&mut answer, request.headers.get("range"));
                    answer
                }
            },
            ("PUT", Some(id)) => state.put_part(id, request),
            ("PUT", None) => state.put(key, request),
            ("POST", Some(id)) => state.put_together(key, id, request),
            ("POST", None) if request.query("uploads").is_some() => {
                let id = format!("upload-{}", state.uploads.len());
                let upload = Upload { key: key.to_owned(), parts: BTreeMap::new(), headers: said(request) };
                state.uploads.insert(id.clone(), upload);
                xml(&format!(
                    "<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                ))
            }
            ("DELETE", Some(id)) => match state.uploads.remove(id) {
                None => error(404, "NoSuchUpload"),
                Some(_) => Answer { status: 204, headers: Vec::new(), body: Vec::new() },
            },
            ("DELETE", None) if state.is_too_early(key) => error(429, "SlowDown"),
            ("DELETE", None) => match state.objects.remove(key) {
                None => error(404, "NoSuchKey"),
                Some(_) => Answer { status: 204, headers: Vec::new(), body: Vec::new() },
            },
            _ => error(405, "MethodNotAllowed"),
        })
    }
}

impl Cloud for Gcs {
    fn address(&self, below: &str) -> String {
        format!("gs://{BUCKET}/{below}")
    }

    fn public(&self, below: &str) -> String {
        format!("{}/{BUCKET}/{below}", self.endpoint())
    }

    fn configure(&self, env: &mut TestEnv) {
        self.configure_base(env);
        env.set("GOOGLE_BEARER_TOKEN", TOKEN);
    }

    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.with(|state| state.objects.iter().map(|(key, object)| (key.clone(), object.bytes.clone())).collect())
    }
}

impl State {
    fn knows(&mut self, token: &str) -> bool {
        let is_known = token == TOKEN || self.known.contains(token);
        let is_good = is_known || self.account.as_ref().is_some_and(|account| account.has_signed(token));
        if is_good && !is_known {
            self.known.insert(token.to_owned());
        }
        is_good
    }

    /// Says whether an object may not change again yet; else this is a change of it.
    fn is_too_early(&mut self, key: &str) -> bool {
        let is_early = self.changed.get(key).is_some_and(|last| last.elapsed() < ONE_CHANGE_EACH);
        if self.is_slow && is_early {
            return true;
        }
        self.changed.insert(key.to_owned(), Instant::now());
        false
    }

    fn put(&mut self, key: &str, request: &Request) -> Answer {
        let wanted = request.headers.get("x-goog-if-generation-match");
        let wanted = wanted.map(|text| text.parse::<u64>().expect("a number"));
        if wanted.is_none() && is_small(key) {
            self.unguarded.push(key.to_owned());
        }
        if self.is_disturbed && key.ends_with("/head.json") {
            self.is_disturbed = false;
            self.written += 1;
            self.objects.get_mut(key).expect("there is a head").generation = self.written;
        }
        // Whether a rate or a condition is looked at first is said nowhere; this is the harder one.
        let changed = self.changed.get(key).copied();
        if self.is_too_early(key) {
            return error(429, "SlowDown");
        }
        let there = self.objects.get(key).map_or(0, |object| object.generation);
        if wanted.is_some_and(|wanted| wanted != there) && !self.is_deaf {
            // What is refused is no change.
            match changed {
                Some(last) => drop(self.changed.insert(key.to_owned(), last)),
                None => drop(self.changed.remove(key)),
            }
            return error(412, "PreconditionFailed");
        }
        self.keep(key, request.body.clone(), said(request))
    }

    fn keep(&mut self, key: &str, bytes: Vec<u8>, headers: Vec<(String, String)>) -> Answer {
        self.written += 1;
        let object = Object { bytes, generation: self.written, headers };
        let answer = Answer { status: 200, headers: object.answer(), body: Vec::new() };
        self.objects.insert(key.to_owned(), object);
        answer
    }

    fn put_part(&mut self, id: &str, request: &Request) -> Answer {
        let number = request.query("partNumber").and_then(|number| number.parse().ok()).expect("a number");
        let Some(upload) = self.uploads.get_mut(id) else { return error(404, "NoSuchUpload") };
        let tag = format!("\"part-{number}-{}\"", request.body.len());
        upload.parts.insert(number, (tag.clone(), request.body.clone()));
        Answer { status: 200, headers: vec![("ETag".into(), tag)], body: Vec::new() }
    }

    /// Puts the parts together that are named, in their order; all that were sent must be.
    fn put_together(&mut self, key: &str, id: &str, request: &Request) -> Answer {
        let Some(upload) = self.uploads.remove(id).filter(|upload| upload.key == key) else {
            return error(404, "NoSuchUpload");
        };
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let between = |text: &str, start: &str, end: &str| {
            text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(found, _)| found.to_owned())
        };
        let named: Vec<_> = text
            .split("<Part>")
            .skip(1)
            .map(|part| (between(part, "<PartNumber>", "<"), between(part, "<ETag>", "</ETag>")))
            .collect();
        let sent: Vec<_> =
            upload.parts.iter().map(|(number, (tag, _))| (Some(number.to_string()), Some(tag.clone()))).collect();
        if named != sent || sent.is_empty() {
            return error(400, "InvalidPart");
        }
        let mut sizes = upload.parts.values().rev().skip(1).map(|(_, bytes)| bytes.len());
        if sizes.any(|size| size < MIN_PART_BYTES) {
            return error(400, "EntityTooSmall");
        }
        if is_small(key) {
            self.unguarded.push(key.to_owned());
        }
        let bytes = upload.parts.into_values().flat_map(|(_, bytes)| bytes).collect();
        let kept = self.keep(key, bytes, upload.headers);
        let tag = self.objects[key].tag();
        let mut answer = xml(&format!(
            "<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><ETag>{tag}</ETag>\
             </CompleteMultipartUploadResult>"
        ));
        answer.headers.extend(kept.headers.into_iter().filter(|(name, _)| name.starts_with("x-goog-")));
        answer
    }
}

impl Object {
    /// A tag of the content, which says nothing of the generation.
    fn tag(&self) -> String {
        format!("\"{}\"", &hex(&Sha256::digest(&self.bytes))[..32])
    }

    fn answer(&self) -> Vec<(String, String)> {
        let header = |name: &str, value: String| (name.to_owned(), value);
        vec![
            header("ETag", self.tag()),
            header("Last-Modified", "Sun, 22 Nov 2026 14:00:00 GMT".to_owned()),
            header("x-goog-generation", self.generation.to_string()),
            header("x-goog-metageneration", "1".to_owned()),
        ]
    }
}

/// Says whether it is one of the files that several writers change.
fn is_small(key: &str) -> bool {
    ["/head.json", "/info/refs", "/info/packs"].iter().any(|end| key.ends_with(end))
}

/// What a request says of the object that it sends.
fn said(request: &Request) -> Vec<(String, String)> {
    let of = |name: &str| Some((name.to_owned(), request.headers.get(name)?.clone()));
    ["content-type", "cache-control"].into_iter().filter_map(of).collect()
}

fn error(status: u16, code: &str) -> Answer {
    Answer { status, ..xml(&format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>")) }
}
