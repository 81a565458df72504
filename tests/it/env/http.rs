//! Small servers on loopback that answer as a test likes, and one that carries git over http and breaks what it sends.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Something that is asked and counts.
pub struct Asked {
    port: u16,
    times: Arc<AtomicUsize>,
}

impl Asked {
    /// Answers each connection by `answer`, which gets what came first; the thread ends with the tests.
    pub fn by(answer: impl Fn(&mut TcpStream, &[u8]) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let times = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&times);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                counted.fetch_add(1, Ordering::SeqCst);
                let mut request = vec![0; 64 * 1024];
                let got = stream.read(&mut request).unwrap_or(0);
                answer(&mut stream, &request[..got]);
            }
        });
        Self { port, times }
    }

    /// Serves the repositories below `root` by git's own `upload-pack`; `spoil` may change each answer before it is sent, or
    /// say after how many bytes the connection breaks off.
    pub fn git(root: &Path, spoil: impl Fn(&mut Vec<u8>) -> Option<usize> + Send + 'static) -> Self {
        let root = root.to_owned();
        Self::by(move |stream, first| {
            let mut request = first.to_vec();
            let end = |request: &[u8]| request.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4);
            let more = |stream: &mut TcpStream, request: &mut Vec<u8>| {
                let mut chunk = [0; 4096];
                let got = stream.read(&mut chunk).unwrap_or(0);
                request.extend_from_slice(&chunk[..got]);
                got > 0
            };
            while end(&request).is_none() && more(stream, &mut request) {}
            let Some(head_bytes) = end(&request) else { return };
            let head = String::from_utf8_lossy(&request[..head_bytes]).into_owned();
            let header = |name: &str| {
                let of = |line: &str| {
                    Some(line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name))?.1.to_owned())
                };
                head.lines().find_map(of)
            };
            let length: usize = header("Content-Length").map_or(0, |text| text.parse().expect("a number"));
            while request.len() < head_bytes + length && more(stream, &mut request) {}
            let mut body = upload_pack(&root, &head, header("Git-Protocol").as_deref(), &request[head_bytes..]);
            let kind = if head.starts_with("GET") { "advertisement" } else { "result" };
            let cut = spoil(&mut body);
            let full = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-{kind}\r\nContent-Length: {full}\r\n\
                 Connection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.write_all(&body[..cut.unwrap_or(full).min(full)]);
        })
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    pub fn times(&self) -> usize {
        self.times.load(Ordering::SeqCst)
    }
}

/// Lets git answer one request.
fn upload_pack(root: &Path, head: &str, protocol: Option<&str>, body: &[u8]) -> Vec<u8> {
    let path = head.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let name = path.split("/info/refs").next().unwrap_or_default().trim_end_matches("/git-upload-pack");
    let folder: PathBuf = root.join(name);
    let mut command = Command::new("git");
    command.args(["upload-pack", "--stateless-rpc"]);
    if head.starts_with("GET") {
        command.arg("--advertise-refs");
    }
    command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env("GIT_CONFIG_GLOBAL", "/dev/null");
    if let Some(protocol) = protocol {
        command.env("GIT_PROTOCOL", protocol);
    }
    let mut child = command.spawn().expect("git runs");
    let _ = child.stdin.take().expect("a pipe").write_all(body);
    child.wait_with_output().expect("git ends").stdout
}
