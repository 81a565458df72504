#!/usr/bin/env python3
"""Asks other readers of a pack what they make of it.

Usage: plugins.py PROGRAM ARTIFACTS CLAUDE AGENTSKILLS SKILLS

A bundle of ARTIFACTS, with every kind, is exported stored and deflated. Of both packs `unzip` makes a tree that `claude plugin
validate --strict` accepts and whose skills `agentskills validate` accepts; `claude plugin install` takes the pack as it is, as
an archive with its SHA-256, and `skills add` the skills in it. Both servers are on this machine. Ends with 1 at the first
thing that is not as it should be.
"""
import hashlib
import http.server
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import zipfile

program, artifacts, claude, agentskills, skills = map(os.path.abspath, sys.argv[1:])
work = tempfile.mkdtemp(prefix="skillmeat-judge-")
home, served = os.path.join(work, "home"), os.path.join(work, "served")
collection = os.path.join(work, "collection")
os.makedirs(home)
os.makedirs(served)
# A name that no network knows: the archive's URL may not lead to this machine, so a proxy of ours takes it there.
HOST = "packs.example.com"
# Limits of an archive source (Claude Code) and of a direct download (`npx skills`).
MAX_DOWNLOAD, MAX_ENTRIES, MAX_FILE, MAX_TOTAL, MAX_RATIO = 256 << 20, 100_000, 512 << 20, 1 << 30, 50
MAX_SKILLS_DOWNLOAD, MAX_SKILLS_TOTAL, MAX_SKILLS_FILES = 10 << 20, 25 << 20, 1_000

base = {"PATH": os.environ["PATH"], "HOME": home, "LC_ALL": "C.UTF-8", "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.path.join(home, "gitconfig"), "CLAUDE_CONFIG_DIR": os.path.join(home, "claude"),
        "DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "DISABLE_AUTOUPDATER": "1"}


def run(*args, folder=work, expected=0, **more):
    ran = subprocess.run(args, cwd=folder, env=dict(base, **more), stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    if expected is not None and ran.returncode != expected:
        raise SystemExit(f"{args}: exit status {ran.returncode}\n{ran.stdout.decode()}\n{ran.stderr.decode()}")
    return ran.stdout.decode() + (ran.stderr.decode() if expected else "")


def check(what, holds):
    print("ok  " if holds else "FAIL", what)
    if not holds:
        raise SystemExit(1)


def files(folder, without=()):
    """Returns the digests of all files by their places."""
    found = {}
    for place, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(place, name)
            key = os.path.relpath(path, folder)
            if key not in without:
                with open(path, "rb") as file:
                    found[key] = hashlib.sha256(file.read()).hexdigest()
    return found


class Quiet(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, *args):
        super().__init__(*args, directory=served)

    def log_message(self, *args):
        pass


def serve(wrap=lambda server: None):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    wrap(server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def tls(server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(work, "cert.pem"), os.path.join(work, "key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)


def pump(source, sink):
    try:
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def tunnel(client, port):
    request = b""
    while b"\r\n\r\n" not in request:
        piece = client.recv(4096)
        if not piece:
            return
        request += piece
    # Nothing else leaves this machine.
    if not request.startswith(f"CONNECT {HOST}:443 ".encode()):
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
        client.close()
        return
    server = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)


def proxy(port):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            client, _ = listener.accept()
            threading.Thread(target=tunnel, args=(client, port), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def make_collection():
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", os.path.join(home, "key"))
    with open(os.path.join(home, "key.pub")) as file, open(os.path.join(home, "signers"), "w") as signers:
        signers.write(f'judge@example.invalid namespaces="git" {file.read()}')
    for key, value in [("user.name", "Judge"), ("user.email", "judge@example.invalid"), ("skillmeat.durability", "lazy"),
                       ("gpg.format", "ssh"), ("user.signingKey", os.path.join(home, "key")),
                       ("gpg.ssh.allowedSignersFile", os.path.join(home, "signers"))]:
        run("git", "config", "--global", key, value)
    run(program, "init", collection, "--name", "judged")
    run(program, "add", artifacts, "--all", "--yes", folder=collection)
    listed = json.loads(run(program, "--format", "json", "list", folder=collection))["data"]["artifacts"]
    names = [entry["artifact"] for entry in listed]
    kinds = {name.split("/")[0] for name in names}
    check(f"every kind is there: {sorted(kinds)}", kinds == {"skill", "agent", "command", "hook", "mcp"})
    return names


def too_small(port):
    """What we refuse to make without being told to is what they refuse to take."""
    path = os.path.join(collection, "skills", sorted(os.listdir(os.path.join(collection, "skills")))[0], "table.txt")
    with open(path, "w") as file:
        file.write("the same line again\n" * 300_000)
    run("git", "add", "-A", folder=collection)
    run("git", "commit", "-q", "-m", "A table", folder=collection)
    pack = os.path.join(work, "kit-1.0.2.skillmeat-pack")
    export = [program, "export", "kit", "--version", "1.0.2", "--all", "--compression", "deflate", "--output", pack]
    run(*export, folder=collection, expected=3)
    run(*export, "--allow", "bundle.ratio", folder=collection)
    said = install(pack, "1.0.2", None, port)
    check("what deflates too well is refused by both", "Suspicious compression ratio" in said)


def validate(tree, names):
    found = json.loads(run(claude, "plugin", "validate", "--strict", "--json", tree))
    check("claude plugin validate --strict accepts it", found["success"] is True)
    provides = found["provides"]
    for kind, key in [("skill", "skills"), ("command", "commands"), ("agent", "agents")]:
        expected = sorted("kit:" + name.split("/", 1)[1].replace("/", ":") for name in names if name.startswith(kind + "/"))
        check(f"it sees the {key}: {', '.join(expected)}", sorted(provides[key]) == expected)
    expected = sorted(name.split("/", 1)[1] for name in names if name.startswith("mcp/"))
    check("it sees the servers", sorted(server["name"] for server in provides["mcpServers"]) == expected)
    check("it sees the hooks", len(provides["hooks"]) >= 1)
    for name in os.listdir(os.path.join(tree, "skills")):
        run(agentskills, "validate", os.path.join(tree, "skills", name))
    check("agentskills validate accepts each skill", True)


def limits(pack):
    entries = zipfile.ZipFile(pack).infolist()
    size, total = os.path.getsize(pack), sum(entry.file_size for entry in entries)
    check("it is within the limits of an archive source",
          size <= MAX_DOWNLOAD and len(entries) <= MAX_ENTRIES and max(entry.file_size for entry in entries) <= MAX_FILE
          and total <= MAX_TOTAL)
    check(f"its ratio of {total / size:.1f}:1 is, too", total <= MAX_RATIO * size)
    check("it is within those of a direct download",
          size <= MAX_SKILLS_DOWNLOAD and total <= MAX_SKILLS_TOTAL and len(entries) <= MAX_SKILLS_FILES)


def install(pack, version, tree, port):
    """Installs a pack as an archive source; another digest must be refused, and without a tree the pack too."""
    name = os.path.basename(pack)
    shutil.copy(pack, os.path.join(served, name))
    with open(pack, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    market = os.path.join(work, "market")
    os.makedirs(os.path.join(market, ".claude-plugin"), exist_ok=True)
    more = {"NODE_EXTRA_CA_CERTS": os.path.join(work, "cert.pem"), "HTTPS_PROXY": f"http://127.0.0.1:{port}"}
    for sha256, expected in [(digest[::-1], 1), (digest, 0 if tree else 1)]:
        source = {"source": "archive", "url": f"https://{HOST}/{name}", "sha256": sha256}
        entry = {"name": "kit", "description": "A bundle", "source": source}
        with open(os.path.join(market, ".claude-plugin", "marketplace.json"), "w") as file:
            json.dump({"name": "judged", "owner": {"name": "Judge"}, "plugins": [entry]}, file)
        run(claude, "plugin", "marketplace", "add", market, expected=None, **more)
        run(claude, "plugin", "marketplace", "update", "judged", **more)
        said = run(claude, "plugin", "install", "kit@judged", expected=expected, **more)
    if not tree:
        return said
    installed = os.path.join(home, "claude", "plugins", "cache", "judged", "kit", version)
    check("claude plugin install takes the pack by its SHA-256, and no other", files(installed) == files(tree))
    run(claude, "plugin", "uninstall", "kit@judged", **more)


def add_skills(pack, tree, port):
    """Installs the skills of a pack by its address."""
    project = os.path.join(work, "project-" + os.path.basename(pack))
    os.makedirs(project)
    url = f"http://127.0.0.1:{port}/{os.path.basename(pack)}"
    run(skills, "add", url, "--skill", "*", "-a", "claude-code", "-y", "--copy", folder=project)
    expected = files(os.path.join(tree, "skills"))
    check("skills add takes the skills in it", files(os.path.join(project, ".claude", "skills")) == expected)


def discover(names, port):
    """A pack of one skill is an archive of the discovery index; the same server offers both."""
    name = next(name.split("/")[1] for name in names if name.startswith("skill/"))
    pack = os.path.join(served, "one.skillmeat-pack")
    run(program, "export", "one", "--version", "1.0.0", "--artifact", f"skill/{name}", "--discovery", "--output", pack,
        folder=collection)
    tree = os.path.join(work, "one")
    run("unzip", "-qq", pack, "-d", tree)
    found = json.loads(run(claude, "plugin", "validate", "--strict", "--json", tree))
    check("claude plugin validate --strict accepts a pack for discovery", found["success"] is True)
    own = files(os.path.join(tree, "skills", name))
    check("its root has the files of the skill", own.items() <= files(tree).items())
    with open(pack, "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    place = os.path.join(served, ".well-known", "agent-skills")
    os.makedirs(place)
    index = f"http://127.0.0.1:{port}"
    for sha256, expected in [(digest[::-1], 1), (digest, 0)]:
        project = os.path.join(work, f"discovered-{expected}")
        os.makedirs(project)
        entry = {"name": name, "type": "archive", "description": "A skill", "url": "/one.skillmeat-pack", "digest": "sha256:" + sha256}
        with open(os.path.join(place, "index.json"), "w") as file:
            json.dump({"$schema": "https://schemas.agentskills.io/discovery/0.2.0/schema.json", "skills": [entry]}, file)
        run(skills, "add", index, "--skill", "*", "-a", "claude-code", "-y", "--copy", folder=project, expected=None)
        taken = os.path.join(project, ".claude", "skills", name)
        if expected:
            check("skills add refuses an archive with another digest", not os.path.exists(taken))
        else:
            check("skills add takes the skill by the discovery index", own.items() <= files(taken).items())


def refused(tree):
    """What is broken must be refused, or the checks above say nothing."""
    broken = os.path.join(work, "broken")
    shutil.copytree(tree, broken)
    path = os.path.join(broken, ".claude-plugin", "plugin.json")
    with open(path) as file:
        manifest = json.load(file)
    with open(path, "w") as file:
        json.dump(dict(manifest, nonsense=1), file)
    run(claude, "plugin", "validate", "--strict", broken, expected=1)
    name = os.listdir(os.path.join(broken, "skills"))[0]
    os.rename(os.path.join(broken, "skills", name), os.path.join(broken, "skills", name + "-x"))
    run(agentskills, "validate", os.path.join(broken, "skills", name + "-x"), expected=1)
    check("both refuse what is broken", True)


names = make_collection()
run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={HOST}",
    "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2", "-keyout", "key.pem", "-out", "cert.pem")
plain, proxied = serve(), proxy(serve(tls))
for version, compression in [("1.0.0", "store"), ("1.0.1", "deflate")]:
    print(f"--- {compression}")
    pack = os.path.join(work, f"kit-{version}.skillmeat-pack")
    run(program, "export", "kit", "--version", version, "--all", "--compression", compression, "--output", pack,
        "--description", "What the judges look at", "--license", "MIT", folder=collection)
    tree = os.path.join(work, compression)
    run("unzip", "-qq", pack, "-d", tree)
    validate(tree, names)
    limits(pack)
    install(pack, version, tree, proxied)
    add_skills(pack, tree, plain)
discover(names, plain)
refused(os.path.join(work, "store"))
too_small(proxied)
shutil.rmtree(work)
print("Every reader takes both packs.")
