#!/usr/bin/env python3
"""Makes packs of the three old formats, as the programs that wrote them did (schema/old-packs.md).

Usage: old_packs.py FORMAT FOLDER OUT [OPTION=VALUE...]

FORMAT is manifest-json, bundle-toml or manifest-toml. FOLDER holds a folder for each kind, with a folder or a file for each
artifact. Options: signer=NAME adds a signature that names someone; unlisted=NAME leaves files of this name out of the lists
and digests, as the writer did with what it ignores; single=1 hashes an agent or command that is one file without its name; composite=1
lays manifest-json out as the export of a composite does.
"""
import base64
import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile

form, folder, out = sys.argv[1:4]
options = dict(text.split("=", 1) for text in sys.argv[4:])
plural = {"mcp": "mcp", "mcp_server": "mcp"}
made = "2025-11-16T09:30:00.123456"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read(path):
    with open(path, "rb") as file:
        return file.read()


def members():
    """Yields kind, name, and the files of each artifact: path below it and content, sorted by path."""
    for kind in sorted(os.listdir(folder)):
        for name in sorted(os.listdir(os.path.join(folder, kind))):
            top = os.path.join(folder, kind, name)
            if os.path.isfile(top):
                yield kind, name.removesuffix(".md"), [(name, read(top))], True
                continue
            found = []
            for place, _, names in os.walk(top):
                for entry in names:
                    path = os.path.join(place, entry)
                    found.append((os.path.relpath(path, top), read(path)))
            yield kind, name, sorted(found), False


def run_together(files):
    return sha256(b"".join(path.encode() + data for path, data in files))


def manifest_json():
    artifacts, content = [], {}
    for kind, name, files, is_file in members():
        place = f"artifacts/{plural.get(kind, kind + 's')}/{name}/" if "composite" in options else f"artifacts/{kind}/{name}/"
        content.update({place + path: data for path, data in files})
        listed = [(path, data) for path, data in files if os.path.basename(path) != options.get("unlisted")]
        digest = sha256(listed[0][1]) if is_file and "single" in options else run_together(listed)
        artifacts.append({
            "type": kind, "name": name, "version": "unknown", "scope": "user", "path": place,
            "files": [path for path, _ in listed], "hash": digest,
            "metadata": {"title": name, "description": "Größe", "author": "", "license": ""},
        })
    manifest = {
        "version": "1.0", "name": "old-kit", "description": "Old things", "author": "someone@example.org",
        "created_at": made, "license": "MIT", "tags": [], "artifacts": artifacts, "dependencies": [],
    }
    compact = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    parts = [sha256(compact.encode())] + sorted(artifact["hash"] for artifact in artifacts)
    manifest["bundle_hash"] = sha256("".join(parts).encode())
    if "signer" in options:
        manifest["signature"] = {
            "signature": base64.b64encode(bytes(64)).decode(), "signer_name": options["signer"],
            "signer_email": "someone@example.org", "key_fingerprint": "0" * 32, "signed_at": made, "algorithm": "Ed25519",
        }
    text = json.dumps(manifest, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    content["manifest.json"] = text.encode()
    if "composite" in options:
        content["composite.json"] = b'{"id": "composite:old-kit"}'
    with zipfile.ZipFile(out, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(content):
            info = zipfile.ZipInfo(name, date_time=(2020, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content[name])


def bundle_toml():
    text = '[bundle]\nname = "old-kit"\nversion = "0.9.0"\ncreated_at = "2025-11-16T00:00:00Z"\ncreator = "someone"\n'
    with zipfile.ZipFile(out, "w") as archive:
        for kind, name, files, is_file in members():
            place = f"{kind}s/{files[0][0]}" if is_file else f"{kind}s/{name}"
            text += f'\n[[artifacts]]\nname = "{name}"\ntype = "{kind}"\npath = "{place}"\norigin = "local"\n'
            text += f'[artifacts.metadata]\ntitle = "{name}"\n'
            for path, data in files:
                archive.writestr(place if is_file else f"{place}/{path}", data)
        archive.writestr("bundle.toml", text)


def manifest_toml():
    text = 'pack-format-version = "1"\n\n[bundle]\nname = "old-kit"\nversion = "0.9.0"\n'
    entries, bom = [], []
    for number, (kind, name, files, is_file) in enumerate(members()):
        place = f"artifacts/{kind}/{files[0][0] if is_file else name}"
        in_order = sorted(files, key=lambda file: file[0].split("/"))
        digest = hashlib.sha256(files[0][1]).hexdigest() if is_file else run_together(in_order)[len("sha256:"):]
        text += f'\n[[members]]\nuuid = "{number:032x}"\ntype = "{kind}"\ntier = 0\nname = "{name}"\n'
        text += f'path = "{place}"\ncontent_hash = "{digest}"\n'
        bom.append({"name": name, "type": kind, "content_hash": digest})
        entries += [(place if is_file else f"{place}/{path}", data) for path, data in files]
    entries = [("manifest.toml", text.encode()), ("bom.json", json.dumps({"artifacts": bom}).encode())] + entries
    with tarfile.open(out, "w:gz") as archive:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            # A time with a fraction, as of a file on disk: Python then writes a PAX header.
            info.size, info.mtime, info.mode = len(data), 1763284200.5, 0o644
            archive.addfile(info, io.BytesIO(data))


{"manifest-json": manifest_json, "bundle-toml": bundle_toml, "manifest-toml": manifest_toml}[form]()
