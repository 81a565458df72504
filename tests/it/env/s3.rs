//! A small S3 server on loopback: it checks the signature of each request (AWS Signature Version 4) and the hash of its body,
//! heeds `If-Match` and `If-None-Match` under one lock, and fails at a request of the test's choice.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::BufReader;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::TestEnv;
use super::cloud::Cloud;
use super::sigv4::check_signature;
use super::wire::{Answer, Request, decoded, hex, listing, range, read_request, write_answer, xml};

/// The one bucket.
pub const BUCKET: &str = "team-bucket";

pub(super) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server fails, and has done nothing.
    Failed,
    /// The server does it, and the connection breaks off before the answer.
    AnswerLost,
    /// The server does it, and answers that it failed.
    FailedAndDone,
    /// The connection breaks off, and the server does it a while later.
    Late,
    /// It arrives twice, and the second answer is the one that comes.
    Twice,
    /// The answer takes its time.
    Slow,
    /// From here on nothing is allowed any more.
    Refused,
}

/// All of them.
pub const FAULTS: [Fault; 7] =
    [Fault::Failed, Fault::AnswerLost, Fault::FailedAndDone, Fault::Late, Fault::Twice, Fault::Slow, Fault::Refused];

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    log: Vec<String>,
    /// Number of the request that goes wrong, counted from when it was armed, and how.
    fault: Option<(usize, Fault)>,
    asked: usize,
}

/// A server that runs as long as the tests.
#[derive(Clone)]
pub struct S3 {
    port: u16,
    state: Arc<Mutex<State>>,
    is_deaf: Arc<AtomicBool>,
}

impl S3 {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = Self { port, state: Arc::default(), is_deaf: Arc::default() };
        let own = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                std::thread::spawn(move || own.serve(stream));
            }
        });
        server
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn variables(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ]
    }

    /// Takes no notice of conditions from now on, as some stores do.
    pub fn ignore_conditions(&self) {
        self.is_deaf.store(true, Ordering::SeqCst);
    }

    /// Makes the request of a number, from 0, go wrong.
    pub fn arm(&self, at: usize, fault: Fault) {
        let mut state = self.state.lock().expect("no panic");
        (state.asked, state.fault) = (0, Some((at, fault)));
        state.log.clear();
    }

    pub fn disarm(&self) {
        let mut state = self.state.lock().expect("no panic");
        state.fault = None;
        state.log.clear();
    }

    /// What was asked since it was armed or disarmed last, with the status of the answer: `PUT head.json 200`.
    pub fn log(&self) -> Vec<String> {
        self.state.lock().expect("no panic").log.clone()
    }

    pub fn set_objects(&self, objects: BTreeMap<String, Vec<u8>>) {
        self.state.lock().expect("no panic").objects = objects;
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.state.lock().expect("no panic").objects.get(key).cloned()
    }

    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        self.state.lock().expect("no panic").objects.insert(key.to_owned(), bytes);
    }

    pub fn remove(&self, key: &str) {
        self.state.lock().expect("no panic").objects.remove(key);
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            let fault = {
                let mut state = self.state.lock().expect("no panic");
                let at = state.asked;
                state.asked += 1;
                match state.fault {
                    Some((from, Fault::Refused)) if at >= from => Some(Fault::Refused),
                    Some((exactly, fault)) if at == exactly => Some(fault),
                    _ => None,
                }
            };
            let answer = match fault {
                None => Some(self.handle(&request)),
                Some(Fault::Failed) => Some(error(500, "InternalError")),
                Some(Fault::Refused) => Some(error(403, "AccessDenied")),
                Some(Fault::AnswerLost) => {
                    self.handle(&request);
                    None
                }
                Some(Fault::FailedAndDone) => {
                    self.handle(&request);
                    Some(error(500, "InternalError"))
                }
                Some(Fault::Late) => {
                    let own = self.clone();
                    let request = request.clone();
                    std::thread::spawn(move || {
                        std::thread::sleep(Duration::from_millis(150));
                        own.handle(&request);
                    });
                    None
                }
                Some(Fault::Twice) => {
                    self.handle(&request);
                    Some(self.handle(&request))
                }
                Some(Fault::Slow) => {
                    std::thread::sleep(Duration::from_millis(300));
                    Some(self.handle(&request))
                }
            };
            let status = answer.as_ref().map_or("lost".to_owned(), |answer| answer.status.to_string());
            let line =
                format!("{} {} {status}", request.method, request.path.trim_start_matches(&format!("/{BUCKET}/")));
            self.state.lock().expect("no panic").log.push(line);
            let Some(answer) = answer else { return };
            if write_answer(reader.get_mut(), &request.method, answer).is_err() {
                return;
            }
        }
    }

    fn handle(&self, request: &Request) -> Answer {
        let is_signed = request.headers.contains_key("authorization");
        if is_signed && let Err(code) = check_signature(request) {
            return error(403, code);
        }
        // The bucket is one that everyone may read, and only who has a key may list and change.
        let is_public = request.method == "GET" || request.method == "HEAD";
        let Some(rest) = request.path.strip_prefix(&format!("/{BUCKET}")) else { return error(404, "NoSuchBucket") };
        let key = decoded(rest.trim_start_matches('/'));
        if !is_signed && (!is_public || key.is_empty()) {
            return error(403, "AccessDenied");
        }
        let query = |name: &str| request.query(name);
        let mut state = self.state.lock().expect("no panic");
        match request.method.as_str() {
            "GET" if key.is_empty() => {
                let files = state.objects.iter().map(|(key, bytes)| (key.as_str(), etag(bytes).1, bytes.len()));
                listing(BUCKET, query("prefix").unwrap_or(""), files)
            }
            "GET" | "HEAD" => match state.objects.get(&key) {
                None => error(404, "NoSuchKey"),
                Some(bytes) => {
                    let mut answer = Answer { status: 200, headers: vec![etag(bytes)], body: bytes.clone() };
                    answer.headers.push(("Last-Modified".into(), "Sun, 22 Nov 2026 14:00:00 GMT".into()));
                    range(&mut answer, request.headers.get("range"));
                    answer
                }
            },
            "PUT" if query("uploadId").is_some() => {
                let number = query("partNumber").and_then(|number| number.parse().ok()).expect("a number");
                let Some(parts) = state.uploads.get_mut(query("uploadId").unwrap_or("")) else {
                    return error(404, "NoSuchUpload");
                };
                parts.insert(number, request.body.clone());
                Answer { status: 200, headers: vec![etag(&request.body)], body: Vec::new() }
            }
            "PUT" => {
                let there = state.objects.get(&key).map(|bytes| etag(bytes).1);
                let is_deaf = self.is_deaf.load(Ordering::SeqCst);
                let (none, matching) = (request.headers.get("if-none-match"), request.headers.get("if-match"));
                if !is_deaf && none.is_some() && there.is_some() {
                    return error(412, "PreconditionFailed");
                }
                match (matching.filter(|_| !is_deaf), &there) {
                    (Some(_), None) => return error(404, "NoSuchKey"),
                    (Some(wanted), Some(there)) if wanted != there => return error(412, "PreconditionFailed"),
                    _ => {}
                }
                state.objects.insert(key, request.body.clone());
                Answer { status: 200, headers: vec![etag(&request.body)], body: Vec::new() }
            }
            "POST" if query("uploads").is_some() => {
                let id = format!("upload-{}", state.uploads.len());
                state.uploads.insert(id.clone(), BTreeMap::new());
                xml(&format!(
                    "<InitiateMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>\
                     </InitiateMultipartUploadResult>"
                ))
            }
            "POST" if query("uploadId").is_some() => {
                let Some(parts) = state.uploads.remove(query("uploadId").unwrap_or("")) else {
                    return error(404, "NoSuchUpload");
                };
                let bytes: Vec<u8> = parts.into_values().flatten().collect();
                let (_, tag) = etag(&bytes);
                state.objects.insert(key.clone(), bytes);
                xml(&format!(
                    "<CompleteMultipartUploadResult><Bucket>{BUCKET}</Bucket><Key>{key}</Key><ETag>{tag}</ETag>\
                     </CompleteMultipartUploadResult>"
                ))
            }
            "POST" if query("delete").is_some() => {
                let text = String::from_utf8_lossy(&request.body).into_owned();
                let mut deleted = String::new();
                for part in text.split("<Key>").skip(1) {
                    let key = part.split("</Key>").next().unwrap_or("");
                    state.objects.remove(key);
                    let _ = write!(deleted, "<Deleted><Key>{key}</Key></Deleted>");
                }
                xml(&format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            "DELETE" => {
                match query("uploadId") {
                    Some(id) => drop(state.uploads.remove(id)),
                    None => drop(state.objects.remove(&key)),
                }
                Answer { status: 204, headers: Vec::new(), body: Vec::new() }
            }
            _ => error(405, "MethodNotAllowed"),
        }
    }
}

impl Cloud for S3 {
    fn address(&self, below: &str) -> String {
        format!("s3://{BUCKET}/{below}")
    }

    fn public(&self, below: &str) -> String {
        format!("{}/{BUCKET}/{below}", self.endpoint())
    }

    fn configure(&self, env: &mut TestEnv) {
        for (name, value) in self.variables() {
            env.set(name, &value);
        }
    }

    fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.state.lock().expect("no panic").objects.clone()
    }
}

fn error(status: u16, code: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><AWSAccessKeyId>{ACCESS_KEY}</AWSAccessKeyId></Error>"
    );
    Answer { status, headers: vec![("Content-Type".into(), "application/xml".into())], body: body.into_bytes() }
}

fn etag(bytes: &[u8]) -> (String, String) {
    ("ETag".to_owned(), format!("\"{}\"", &hex(&Sha256::digest(bytes))[..32]))
}
