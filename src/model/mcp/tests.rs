use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn bytes(value: &Value) -> Vec<u8> {
    crate::model::json::document(value)
}

fn package(package: Value) -> Value {
    json!({"name": "io.example/x", "description": "d", "version": "1.0.0", "packages": [package]})
}

fn launched(definition: &Value) -> Result<Value, McpError> {
    let definition = ServerDefinition::parse(&bytes(definition), Strictness::Lenient)?;
    definition.launch().map(|launch| launch.to_client_entry())
}

fn stdio(command: &str, args: &[&str]) -> Value {
    json!({"type": "stdio", "command": command, "args": args})
}

#[test]
fn each_registry_has_its_command_line() {
    let sha = "ghcr.io/example/x@sha256:0123";
    let rows = [
        (json!({"registryType": "npm", "identifier": "@a/b", "version": "1.2.3"}), stdio("npx", &["-y", "@a/b@1.2.3"])),
        (json!({"registryType": "npm", "identifier": "b"}), stdio("npx", &["-y", "b"])),
        (json!({"registryType": "pypi", "identifier": "b", "version": "1.2"}), stdio("uvx", &["b==1.2"])),
        (json!({"registryType": "oci", "identifier": sha}), stdio("docker", &["run", "-i", "--rm", sha])),
        (
            json!({"registryType": "nuget", "identifier": "A.B", "version": "1.0.0"}),
            stdio("dnx", &["A.B@1.0.0", "--yes"]),
        ),
    ];
    for (row, entry) in rows {
        let mut row = row;
        row["transport"] = json!({"type": "stdio"});
        assert_eq!(launched(&package(row)), Ok(entry));
    }
    for kind in ["cargo", "mcpb", "toString"] {
        let refused = launched(&package(json!({"registryType": kind, "identifier": "b"})));
        assert_eq!(refused, Err(McpError::PackageType(kind.to_owned())));
    }
    let serves =
        json!({"registryType": "npm", "identifier": "b", "transport": {"type": "streamable-http", "url": "x"}});
    assert_eq!(launched(&package(serves)), Err(McpError::Transport("streamable-http".to_owned())));
    assert_eq!(launched(&json!({"name": "a/b"})), Err(McpError::Empty));
}

#[test]
fn hints_arguments_and_variables_take_their_places() {
    let row = json!({
        "registryType": "oci", "identifier": "mcp/fs:1", "runtimeHint": "podman",
        "runtimeArguments": [{"type": "named", "name": "--mount", "value": "type=bind,src={source},dst=/project",
            "variables": {"source": {"isRequired": true}}}],
        "packageArguments": [
            {"type": "positional", "valueHint": "dir", "value": "/project"},
            {"type": "named", "name": "--mode", "default": "ro", "description": "how"},
            {"type": "named", "name": "--port", "description": "optional, without a value"},
            {"type": "named", "name": "--quiet"},
            {"type": "named", "name": "--key", "isSecret": true, "isRequired": true},
        ],
        "environmentVariables": [
            {"name": "LEVEL", "default": "info"},
            {"name": "API_KEY", "isSecret": true, "isRequired": true, "value": "must never be written"},
            {"name": "OTHER_KEY", "isSecret": true},
            {"name": "HOST", "isRequired": true},
            {"name": "OPTIONAL"},
        ],
    });
    let args = [
        "run",
        "-i",
        "--rm",
        "--mount",
        "type=bind,src=${SOURCE},dst=/project",
        "-e",
        "LEVEL",
        "-e",
        "API_KEY",
        "-e",
        "OTHER_KEY",
        "-e",
        "HOST",
        "mcp/fs:1",
        "/project",
        "--mode",
        "ro",
        "--quiet",
        "--key",
        "${KEY}",
    ];
    let mut entry = stdio("podman", &args);
    entry["env"] = json!({"LEVEL": "info", "API_KEY": "${API_KEY}", "OTHER_KEY": "${OTHER_KEY:-}", "HOST": "${HOST}"});
    assert_eq!(launched(&package(row)), Ok(entry));
    let own = json!({"registryType": "nuget", "identifier": "A", "packageArguments": [{"type": "positional", "value": "mcp"}]});
    assert_eq!(launched(&package(own)), Ok(stdio("dnx", &["A", "--yes", "--", "mcp"])));
    let twice =
        json!({"registryType": "npm", "identifier": "a", "runtimeArguments": [{"type": "positional", "value": "-y"}]});
    assert_eq!(launched(&package(twice)), Ok(stdio("npx", &["-y", "a"])));
    let missing = json!({"registryType": "npm", "identifier": "a",
        "packageArguments": [{"type": "positional", "valueHint": "dir", "isRequired": true}]});
    assert_eq!(launched(&package(missing)), Err(McpError::MissingArgument("dir".to_owned())));
}

#[test]
fn remotes_and_kept_launches_are_used_when_there_is_no_package() {
    let remote = json!({"name": "a/b", "remotes": [
        {"type": "streamable-http", "url": "https://{tenant}.example.com/mcp", "variables": {"tenant": {"default": "eu"}},
         "headers": [{"name": "X-Api-Key", "isSecret": true, "isRequired": true},
                     {"name": "Authorization", "value": "Bearer {token}", "variables": {"token": {"isSecret": true}}, "isSecret": true}]},
        {"type": "sse", "url": "https://old.example.com"}]});
    let entry = json!({"type": "http", "url": "https://eu.example.com/mcp",
        "headers": {"X-Api-Key": "${X_API_KEY}", "Authorization": "Bearer ${TOKEN}"}});
    assert_eq!(launched(&remote), Ok(entry));
    let kept = json!({"name": "a/b", "_meta": {"dev.skillmeat/launch": {"command": "./run", "cwd": "${HOME}"}}});
    assert_eq!(launched(&kept), Ok(json!({"type": "stdio", "command": "./run", "cwd": "${HOME}"})));
    let launchable = json!({"name": "a/b", "packages": [{"registryType": "mcpb", "identifier": "https://x"}],
        "remotes": [{"type": "sse", "url": "https://a"}]});
    assert_eq!(launched(&launchable), Ok(json!({"type": "sse", "url": "https://a"})));
}

#[test]
fn a_name_cannot_become_an_option_or_a_header() {
    for (field, value) in
        [("identifier", "--node-options=x"), ("identifier", "a b"), ("version", "1\n2"), ("identifier", "")]
    {
        let mut row = json!({"registryType": "npm", "identifier": "a", "version": "1.0.0"});
        row[field] = value.into();
        let error = launched(&package(row)).expect_err(value);
        assert!(matches!(error, McpError::Unsafe { .. }), "{value}");
    }
    let row = json!({"registryType": "oci", "identifier": "a", "environmentVariables": [{"name": "A=B --privileged", "value": "1"}]});
    assert_eq!(launched(&package(row)), Err(McpError::Unsafe { field: "environmentVariables" }));
    let header = json!({"name": "a/b", "remotes": [{"type": "sse", "url": "https://a", "headers": [{"name": "A", "value": "x\r\nB: y"}]}]});
    assert_eq!(launched(&header), Err(McpError::Unsafe { field: "headers" }));
    // Metacharacters of a shell are data in an argument.
    let shell = json!({"registryType": "npm", "identifier": "a", "packageArguments": [{"type": "positional", "value": "; rm -rf $HOME\n"}]});
    assert_eq!(launched(&package(shell)), Ok(stdio("npx", &["-y", "a", "; rm -rf $HOME\n"])));
}

#[test]
fn publishing_asks_for_more_than_reading() {
    let good =
        package(json!({"registryType": "npm", "identifier": "a", "version": "1.0.0", "transport": {"type": "stdio"}}));
    let check = |change: &dyn Fn(&mut Value)| {
        let mut value = good.clone();
        change(&mut value);
        assert!(ServerDefinition::parse(&bytes(&value), Strictness::Lenient).is_ok());
        match ServerDefinition::parse(&bytes(&value), Strictness::Publish) {
            Ok(_) => None,
            Err(McpError::Field { field, .. }) => Some(field),
            Err(other) => panic!("{other}"),
        }
    };
    assert_eq!(check(&|_| {}), None);
    for name in ["a", "a/b/c", "/b", "a/", "a b/c", "a/é", &format!("a/{}", "b".repeat(199))] {
        assert_eq!(check(&|value| value["name"] = name.into()), Some("name"), "{name}");
    }
    for version in ["", "latest", "^1.0.0", "~1", ">=1", "1.x", "1.*", "1 - 2", "1 || 2", &"1".repeat(256)] {
        assert_eq!(check(&|value| value["version"] = version.into()), Some("version"), "{version}");
        assert_eq!(check(&|value| value["packages"][0]["version"] = version.into()), Some("packages"), "{version}");
    }
    for version in ["1", "2025.8.21", "1.0.0-alpha.1+b", "v2"] {
        assert_eq!(check(&|value| value["version"] = version.into()), None, "{version}");
    }
    for url in ["", "https://", "ftp://x", "https://a b", "javascript:x"] {
        let remotes = json!([{"type": "sse", "url": url}]);
        assert_eq!(check(&|value| value["remotes"] = remotes.clone()), Some("remotes"), "{url}");
    }
    assert_eq!(check(&|value| value["description"] = "x".repeat(101).into()), Some("description"));
    assert_eq!(check(&|value| value["description"] = "é".repeat(100).into()), None);
}

#[test]
fn hostile_definitions_are_refused_without_their_values() {
    for wrong in ["\"canary\"", "\"a\\\"canary\"", "[{\"identifier\": 1, \"version\": {\"canary\": 1}}]", "90210"] {
        let text = format!("{{\"name\": \"a/b\", \"packages\": {wrong}}}");
        let error = ServerDefinition::parse(text.as_bytes(), Strictness::Lenient).expect_err("wrong type");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("canary") && !shown.contains("90210"), "{shown}");
    }
    let large = vec![b' '; MAX_SERVER_JSON_BYTES + 1];
    assert!(matches!(ServerDefinition::parse(&large, Strictness::Lenient), Err(McpError::TooLarge { .. })));
    assert!(matches!(ServerDefinition::parse(b"[", Strictness::Lenient), Err(McpError::Json(_))));
}

#[test]
fn entries_become_packages_where_a_package_says_them_exactly() {
    let kind = |entry: Value| {
        let made = from_entry("demo", &entry).expect("a definition");
        let parsed = ServerDefinition::parse(&bytes(&made), Strictness::Publish).expect("fit to be published");
        assert_eq!(parsed.launch(), Launch::from_client_entry(&entry));
        let package =
            parsed.packages.first().map(|p| (p.registry_type.clone(), p.identifier.clone(), p.version.clone()));
        (package, parsed.version)
    };
    let is = |registry: &str, name: &str, version: Option<&str>| {
        Some((registry.to_owned(), name.to_owned(), version.map(str::to_owned)))
    };
    assert_eq!(
        kind(stdio("npx", &["-y", "@a/b@1.2.3", "--x", "y"])),
        (is("npm", "@a/b", Some("1.2.3")), "1.2.3".to_owned())
    );
    assert_eq!(kind(stdio("npx", &["-y", "b"])), (is("npm", "b", None), "0.0.0".to_owned()));
    assert_eq!(kind(stdio("uvx", &["b==1.0a1"])), (is("pypi", "b", Some("1.0a1")), "1.0a1".to_owned()));
    assert_eq!(kind(stdio("dnx", &["A.B@1.0.0", "--yes", "--", "mcp"])).0, is("nuget", "A.B", Some("1.0.0")));
    let run = ["run", "-i", "--rm", "-v", "/a:/b", "--init=true", "-e", "B", "-e", "A", "ghcr.io/a/b:1.2", "x"];
    let mut entry = stdio("docker", &run);
    entry["env"] = json!({"A": "1", "B": "${B}"});
    assert_eq!(kind(entry), (is("oci", "ghcr.io/a/b:1.2", None), "1.2".to_owned()));
    for other in [
        stdio("npx", &["b"]),
        stdio("npx", &["-y", "b@latest"]),
        stdio("npx", &["-y", "b@^1.0.0"]),
        stdio("npx", &["-y", "./b"]),
        stdio("npx", &["-y", "git+https://example.com/x"]),
        stdio("uvx", &["--from", "git+https://x", "b"]),
        stdio("docker", &["run", "-i", "--rm", "--privileged", "b"]),
        stdio("docker", &["run", "-i", "--rm", "-e", "A", "b"]),
        stdio("cmd", &["/c", "npx", "-y", "b"]),
        stdio("${HOME}/bin/x", &[]),
        json!({"command": "npx", "args": ["-y", "b"], "cwd": "/x"}),
    ] {
        assert_eq!(kind(other.clone()), (None, "0.0.0".to_owned()), "{other}");
    }
    assert_eq!(
        kind(json!({"type": "sse", "url": "https://x/${A}", "headers": {"Authorization": "Bearer ${TOKEN}"}})).0,
        None
    );
    assert_eq!(
        kind(json!({"command": "npx", "args": ["-y", "b"], "timeout": 5, "alwaysLoad": true})).0,
        is("npm", "b", None)
    );
}

#[test]
fn references_in_the_environment_become_variables_without_a_value() {
    let entry = json!({"command": "npx", "args": ["-y", "b"], "env": {"API_KEY": "${API_KEY}", "HOST": "${HOST}", "LEVEL": "info"}});
    let made = from_entry("demo", &entry).expect("a definition");
    assert_eq!(made["name"], "local.skillmeat/demo");
    let variables = json!([
        {"name": "API_KEY", "isRequired": true, "isSecret": true},
        {"name": "HOST", "isRequired": true},
        {"name": "LEVEL", "value": "info"},
    ]);
    assert_eq!(made["packages"][0]["environmentVariables"], variables);
}

#[test]
fn a_literal_secret_is_refused_and_never_shown() {
    let canary = "canary0123456789abcdef";
    let entries = [
        (json!({"command": "x", "env": {"GITHUB_TOKEN": canary}}), "env.GITHUB_TOKEN"),
        (json!({"command": "x", "env": {"PLAIN": format!("ghp_{canary}")}}), "env.PLAIN"),
        (json!({"command": "x", "args": ["--api-key", canary]}), "args[1]"),
        (json!({"command": "x", "args": [format!("--api-key={canary}")]}), "args[0]"),
        (json!({"command": "x", "args": ["-e", format!("DB_PASSWORD={canary}")]}), "args[1]"),
        (json!({"command": "x", "args": [format!("postgres://u:{canary}@h/db")]}), "args[0]"),
        (json!({"type": "http", "url": format!("https://h/?api_key={canary}")}), "url"),
        (json!({"type": "http", "url": format!("https://u:{canary}@h/")}), "url"),
        (
            json!({"type": "http", "url": "https://h", "headers": {"Authorization": format!("Bearer {canary}")}}),
            "headers.Authorization",
        ),
        (json!({"command": "x", "env": {"A": format!("${{A_TOKEN:-{canary}}}")}}), "env.A"),
        (json!({"type": "http", "url": "https://h", "oauth": {"clientSecret": canary}}), "oauth"),
    ];
    for (entry, place) in entries {
        let error = from_entry("x", &entry).expect_err(place);
        assert_eq!(error, McpError::SecretLiteral { place: place.to_owned() });
        assert!(!format!("{error} {error:?}").contains("canary"));
    }
    let old = bytes(
        &from_entry("x", &json!({"command": "npx", "args": ["-y", "b"], "env": {"A_TOKEN": "${A_TOKEN}"}}))
            .expect("made"),
    );
    let edited = json!({"command": "npx", "args": ["-y", "b"], "env": {"A_TOKEN": canary}});
    assert_eq!(updated_from_entry(&old, &edited), Err(McpError::SecretLiteral { place: "env.A_TOKEN".to_owned() }));
    // The definition may know of a secret that its name does not show.
    let known = package(json!({"registryType": "npm", "identifier": "b",
        "environmentVariables": [{"name": "CONNECTION", "isSecret": true, "isRequired": true}]}));
    let edited = json!({"command": "npx", "args": ["-y", "b"], "env": {"CONNECTION": canary}});
    assert!(matches!(updated_from_entry(&bytes(&known), &edited), Err(McpError::SecretLiteral { .. })));
}

#[test]
fn hostile_entries_are_refused() {
    for name in ["", "__proto__", "constructor", "a.b", "a/b", "a b", "é", &"a".repeat(65)] {
        assert_eq!(from_entry(name, &json!({"command": "x"})), Err(McpError::Name(name.to_owned())));
    }
    for entry in [
        json!(1),
        json!({}),
        json!({"command": ""}),
        json!({"command": 1}),
        json!({"command": "x", "url": "y"}),
        json!({"command": "x", "args": "y"}),
        json!({"command": "x", "args": [1]}),
        json!({"command": "x", "env": {"A": null}}),
        json!({"url": "x", "headers": []}),
    ] {
        assert!(matches!(from_entry("x", &entry), Err(McpError::Entry { .. })), "{entry}");
    }
    assert_eq!(from_entry("x", &json!({"type": "ws", "url": "wss://x"})), Err(McpError::Transport("ws".to_owned())));
    assert_eq!(from_entry("x", &json!({"type": "http", "command": "x"})), Err(McpError::Transport("http".to_owned())));
}

/// A definition as a person writes it: comments are not JSON, but order and spacing are theirs.
const WRITTEN: &str = r#"{
    "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
    "version": "1.0.2",
    "name": "io.example/search",
    "description": "Search",
    "packages": [
        { "registryType": "npm", "identifier": "@example/search", "version": "1.0.2", "transport": { "type": "stdio" },
          "packageArguments": [
              { "type": "positional", "valueHint": "dir", "description": "Folder", "value": "/data" },
              { "type": "named", "name": "--limit", "description": "Results", "default": "10" }
          ],
          "environmentVariables": [
              { "name": "SEARCH_KEY", "description": "The key", "isRequired": true, "isSecret": true },
              { "name": "LEVEL", "description": "Log level", "default": "info" },
              { "name": "PROXY", "description": "Not set by default" }
          ] }
    ],
    "x-unknown": [1, 2]
}"#;

fn written_entry() -> Value {
    let mut entry = stdio("npx", &["-y", "@example/search@1.0.2", "/data", "--limit", "10"]);
    entry["env"] = json!({"SEARCH_KEY": "${SEARCH_KEY}", "LEVEL": "info"});
    entry
}

fn edited(change: impl Fn(&mut Value)) -> Result<String, McpError> {
    let mut entry = written_entry();
    change(&mut entry);
    let out = updated_from_entry(WRITTEN.as_bytes(), &entry)?;
    let launch = ServerDefinition::parse(&out, Strictness::Publish).expect("well formed").launch();
    assert_eq!(launch.map(|launch| launch.to_client_entry()), Ok(entry));
    Ok(String::from_utf8(out).expect("UTF-8"))
}

#[test]
fn edits_of_an_entry_change_only_what_they_mean() {
    assert_eq!(launched(&serde_json::from_str(WRITTEN).expect("JSON")), Ok(written_entry()));
    assert_eq!(edited(|_| {}), Ok(WRITTEN.to_owned()));
    let mut without_type = written_entry();
    without_type.as_object_mut().expect("object").remove("type");
    assert_eq!(updated_from_entry(WRITTEN.as_bytes(), &without_type), Ok(WRITTEN.as_bytes().to_vec()));

    let folder = edited(|entry| entry["args"][2] = "/other".into());
    assert_eq!(folder, Ok(WRITTEN.replace("\"/data\"", "\"/other\"")));
    let pin = edited(|entry| entry["args"][1] = "@example/search@2.0.0".into());
    assert_eq!(
        pin,
        Ok(WRITTEN.replace("\"version\": \"1.0.2\", \"transport\"", "\"version\": \"2.0.0\", \"transport\""))
    );
    let level = edited(|entry| entry["env"]["LEVEL"] = "debug".into()).expect("expressible");
    assert!(level.contains("\"Log level\"") && level.contains("\"value\": \"debug\"") && !level.contains("\"info\""));
    let limit = edited(|entry| entry["args"][4] = "20".into()).expect("expressible");
    assert!(limit.contains("\"Results\"") && limit.contains("\"value\": \"20\""));
    let proxy = edited(|entry| entry["env"]["PROXY"] = "${HTTP_PROXY:-none}".into()).expect("expressible");
    assert!(proxy.contains("Not set by default") && proxy.contains("${HTTP_PROXY:-none}"));
    let gone =
        edited(|entry| drop(entry["env"].as_object_mut().expect("object").remove("LEVEL"))).expect("expressible");
    assert!(!gone.contains("LEVEL") && gone.contains("\"Folder\""));
    let more = edited(|entry| entry["args"].as_array_mut().expect("array").push("--all".into())).expect("expressible");
    assert!(more.contains("\"Results\"") && more.contains("\"--all\""));
    let runtime = edited(|entry| entry["command"] = "bunx".into());
    assert!(runtime.expect("expressible").contains("\"runtimeHint\": \"bunx\""));
    let timeout = edited(|entry| entry["timeout"] = 5.into()).expect("expressible");
    assert!(timeout.contains("dev.skillmeat/entry"));
    for untouched in [&level, &limit, &proxy, &gone, &more, &timeout] {
        assert!(
            untouched.contains("\"x-unknown\": [1, 2]") && untouched.contains("\"version\": \"1.0.2\",\n    \"name\"")
        );
    }
}

#[test]
fn edits_that_the_form_cannot_say_are_refused() {
    assert_eq!(edited(|entry| entry["args"] = json!(["./local.js"])), Err(McpError::NotExpressible));
    assert_eq!(edited(|entry| *entry = json!({"type": "http", "url": "https://x"})), Err(McpError::NotExpressible));
    assert_eq!(edited(|entry| entry["cwd"] = "/x".into()), Err(McpError::NotExpressible));
    assert_eq!(edited(|entry| entry["args"][1] = "@example/search@latest".into()), Err(McpError::NotExpressible));
    assert!(matches!(updated_from_entry(WRITTEN.as_bytes(), &json!([])), Err(McpError::Entry { .. })));
}

fn word() -> impl Strategy<Value = String> {
    let known = [
        "-y", "b@1.0.0", "--mode", "x", "${A}", "${B:-c}", "{A}", "", "a b", "-e", "B", "run", "-i", "--rm", "img:1",
        "--",
    ];
    prop::sample::select(known.to_vec()).prop_map(str::to_owned)
}

fn any_entry() -> impl Strategy<Value = Value> {
    let env = || prop::collection::btree_map("[AB]", word(), 0..3);
    let stdio = (
        prop::sample::select(vec!["npx", "uvx", "docker", "dnx", "sh"]),
        prop::collection::vec(word(), 0..7),
        env(),
        any::<bool>(),
    )
        .prop_map(|(command, args, env, canonical)| {
            let front: &[&str] = match command {
                "npx" => &["-y", "b@1.0.0"],
                "uvx" => &["b==1.0"],
                "docker" => &["run", "-i", "--rm", "-v", "x:y", "img:1"],
                "dnx" => &["b@1.0.0", "--yes", "--"],
                _ => &[],
            };
            let mut all: Vec<String> =
                if canonical { front.iter().map(|w| (*w).to_owned()).collect() } else { Vec::new() };
            all.extend(args);
            json!({"type": "stdio", "command": command, "args": all, "env": env})
        });
    let remote = (prop::sample::select(vec!["http", "sse"]), "https://[ab]\\.example", env())
        .prop_map(|(kind, url, headers)| json!({"type": kind, "url": url, "headers": headers}));
    prop_oneof![4 => stdio, 1 => remote]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_definition_launches_as_the_entry_it_was_made_from(entry in any_entry()) {
        let made = bytes(&from_entry("x", &entry).expect("no secrets in it"));
        let definition = ServerDefinition::parse(&made, Strictness::Publish).expect("well formed");
        prop_assert_eq!(definition.launch(), Launch::from_client_entry(&entry));
        prop_assert_eq!(updated_from_entry(&made, &entry), Ok(made));
    }

    #[test]
    fn an_edit_comes_home_exactly_or_not_at_all(before in any_entry(), after in any_entry()) {
        let old = bytes(&from_entry("x", &before).expect("no secrets in it"));
        match updated_from_entry(&old, &after) {
            Ok(new) => {
                let definition = ServerDefinition::parse(&new, Strictness::Publish).expect("well formed");
                prop_assert_eq!(definition.launch(), Launch::from_client_entry(&after));
            }
            Err(error) => prop_assert_eq!(error, McpError::NotExpressible),
        }
    }
}
