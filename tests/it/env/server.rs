//! Real servers on loopback that carry git: OpenSSH's sshd, and lighttpd with TLS, a password and `git http-backend`.
//!
//! Each has keys, configuration and a port of its own, and ends with the test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Key, Ran, TestEnv};

/// A server that is running.
pub struct Server {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts sshd, which lets in who has `key` as the user that runs the tests.
    pub fn ssh(key: &Key) -> Self {
        let folder = folder();
        let host = Key::generate("").write(&folder.path().join("host_key"));
        fs::write(folder.path().join("authorized"), format!("{}\n", key.public)).expect("a file");
        // As root, sshd insists on this folder; a package makes it, and a container may not have it.
        let _ = fs::create_dir("/run/sshd");
        let port = free_port();
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\n\
             UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nSetEnv PATH={}\n",
            host.display(),
            folder.path().join("authorized").display(),
            path_with_program()
        );
        let file = folder.path().join("sshd_config");
        fs::write(&file, config).expect("a file");
        // sshd starts itself again for each connection, so it wants its whole path.
        let mut command = Command::new(find("sshd"));
        command.args(["-D", "-e", "-f"]).arg(file);
        Self::start(command, folder, port)
    }

    /// Starts lighttpd, which serves the repositories below `root` to `user` with `password`.
    pub fn https(root: &Path, user: &str, password: &str) -> Self {
        let folder = folder();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut command = Command::new("openssl");
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
        command.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]);
        command.args(["-keyout", &at("key.pem"), "-out", &at("cert.pem")]);
        let _ = Ran::of(command).ok();
        let pair = ["key.pem", "cert.pem"].map(|name| fs::read_to_string(at(name)).expect("a file"));
        fs::write(at("pair.pem"), pair.concat()).expect("a file");
        fs::write(at("users"), format!("{user}:{password}\n")).expect("a file");
        let exec_path = Ran::of({
            let mut git = Command::new("git");
            git.arg("--exec-path");
            git
        });
        let backend = format!("{}/git-http-backend", exec_path.ok().stdout.trim());
        let port = free_port();
        let config = format!(
            r#"
            server.document-root = "{empty}"
            server.bind = "127.0.0.1"
            server.port = {port}
            server.modules = ("mod_openssl", "mod_auth", "mod_authn_file", "mod_alias", "mod_redirect", "mod_setenv",
                "mod_cgi")
            ssl.engine = "enable"
            ssl.pemfile = "{pair}"
            auth.backend = "plain"
            auth.backend.plain.userfile = "{users}"
            auth.require = ("" => ("method" => "basic", "realm" => "vaults", "require" => "valid-user"))
            url.redirect = ("^/git/moved/(.*)$" => "/git/$1")
            alias.url = ("/git" => "{backend}")
            setenv.set-environment = ("GIT_PROJECT_ROOT" => "{root}", "GIT_HTTP_EXPORT_ALL" => "1", "HOME" => "{empty}",
                "PATH" => "{path}", "GIT_CONFIG_COUNT" => "1", "GIT_CONFIG_KEY_0" => "safe.directory", "GIT_CONFIG_VALUE_0" => "*")
            cgi.assign = ("" => "")
            "#,
            empty = at(""),
            pair = at("pair.pem"),
            users = at("users"),
            path = path_with_program(),
            root = root.display(),
        );
        fs::write(at("lighttpd.conf"), config).expect("a file");
        let mut command = Command::new(find("lighttpd"));
        command.args(["-D", "-f", &at("lighttpd.conf")]);
        Self::start(command, folder, port)
    }

    fn start(mut command: Command, folder: tempfile::TempDir, port: u16) -> Self {
        let log = fs::File::create(folder.path().join("log")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, folder, port };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let log = || fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < deadline, "it does not answer: {}", log());
            let ended = server.child.try_wait().expect("it can be asked");
            assert!(ended.is_none(), "it ended: {ended:?} {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    /// Returns the URL of a repository: an absolute path for ssh, one below the root for https.
    pub fn ssh_url(&self, path: &Path) -> String {
        format!("ssh://127.0.0.1:{}{}", self.port, path.display())
    }

    /// See [`Server::ssh_url`].
    pub fn https_url(&self, path: &str) -> String {
        format!("https://localhost:{}/git/{path}", self.port)
    }

    /// Lets `env` reach this ssh server with `key`, and believe its host key only if `knows_host`.
    pub fn configure_ssh(&self, env: &TestEnv, key: &Key, knows_host: bool) {
        let identity = key.write(&env.home().join("login_key"));
        let host = fs::read_to_string(self.folder.path().join("host_key.pub")).expect("a file");
        let known = if knows_host { format!("[127.0.0.1]:{} {host}", self.port) } else { String::new() };
        let known_hosts = env.home().join("known_hosts");
        fs::write(&known_hosts, known).expect("a file");
        let config = env.home().join("ssh_config");
        let text = format!(
            "IdentityFile {}\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {}\n\
             GlobalKnownHostsFile /dev/null\nStrictHostKeyChecking yes\n",
            identity.display(),
            known_hosts.display()
        );
        fs::write(&config, text).expect("a file");
        env.config("core.sshCommand", &format!("ssh -F '{}'", config.display()));
    }

    /// Lets `env` believe the certificate of this https server, and gives git a helper that knows a password.
    pub fn configure_https(&self, env: &TestEnv, user: &str, password: &str) {
        env.config("http.sslCAInfo", &self.certificate().display().to_string());
        // Unlike the helper `store` it forgets nothing that a server has refused.
        env.config("credential.helper", &format!("!echo username={user}; echo password={password}; :"));
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("skillmeat-server-").tempdir().expect("a folder")
}

/// Returns the path on which the servers' hooks find the program under test.
fn path_with_program() -> String {
    let folder = super::program().parent().expect("a folder").display().to_string();
    format!("{folder}:{}", std::env::var("PATH").expect("PATH"))
}

/// Returns a port that was free a moment ago.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port()
}

/// Finds a server program, which often stands in a folder that `PATH` does not have.
fn find(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let mut candidates = folders.map(|folder| folder.join(name));
    candidates.find(|path| path.is_file()).unwrap_or_else(|| panic!("'{name}' is not installed"))
}
