//! HTTP as the servers of these tests speak it: one request after the other on a connection, with its length said before.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

#[derive(Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) raw_query: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The value of a part of the query, decoded.
    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

pub(super) fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.get("expect").is_some_and(|value| value.starts_with("100")) {
        reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length: usize = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, raw_query) = target.split_once('?').unwrap_or((&target, ""));
    let query = raw_query.split('&').filter(|part| !part.is_empty()).map(|part| {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        (decoded(key), decoded(value))
    });
    let query = query.collect();
    Some(Request { method, path: path.to_owned(), query, raw_query: raw_query.to_owned(), headers, body })
}

pub(super) fn write_answer(stream: &mut TcpStream, method: &str, answer: Answer) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
    for (name, value) in &answer.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if method == "HEAD" { Ok(()) } else { stream.write_all(&answer.body) }
}

pub(super) fn xml(text: &str) -> Answer {
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}").into_bytes();
    Answer { status: 200, headers: vec![("Content-Type".into(), "application/xml".into())], body }
}

/// Lists what a bucket has below a prefix, as S3 does it and Google for `list-type=2`: its key, its tag, its size in bytes.
pub(super) fn listing<'a>(bucket: &str, prefix: &str, files: impl Iterator<Item = (&'a str, String, usize)>) -> Answer {
    let mut text =
        format!("<ListBucketResult><Name>{bucket}</Name><Prefix>{prefix}</Prefix><IsTruncated>false</IsTruncated>");
    for (key, tag, size) in files.filter(|(key, _, _)| key.starts_with(prefix)) {
        let _ = write!(
            text,
            "<Contents><Key>{key}</Key><LastModified>2026-11-22T14:00:00.000Z</LastModified><ETag>{tag}</ETag>\
             <Size>{size}</Size></Contents>"
        );
    }
    xml(&(text + "</ListBucketResult>"))
}

/// Answers with a part where one was asked for: `bytes=FIRST-LAST`.
pub(super) fn range(answer: &mut Answer, header: Option<&String>) {
    let Some((first, last)) = header.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else { return };
    let total = answer.body.len();
    let first: usize = first.parse().unwrap_or(0);
    let last = last.parse().unwrap_or(total.saturating_sub(1)).min(total.saturating_sub(1));
    if first < total {
        answer.body = answer.body[first..=last].to_vec();
        answer.status = 206;
        answer.headers.push(("Content-Range".into(), format!("bytes {first}-{last}/{total}")));
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let pair = text.get(at + 1..at + 3).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[at], pair) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).expect("keys are ASCII")
}
