//! The JSON Schemas in `schema/json/` are those that the program prints.

use std::path::Path;
use std::process::Command;

fn printed(args: &[&str]) -> String {
    let output =
        Command::new(env!("CARGO_BIN_EXE_git-skillmeat")).arg("schema").args(args).output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// `UPDATE_SCHEMAS=1 cargo test schema` writes the files anew after a type has changed.
#[test]
fn the_files_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/json");
    let update = std::env::var_os("UPDATE_SCHEMAS").is_some();
    let names = printed(&[]);
    for name in names.lines() {
        let path = folder.join(format!("{name}.schema.json"));
        let now = printed(&[name]);
        if update {
            std::fs::create_dir_all(&folder).expect("a folder");
            std::fs::write(&path, &now).expect("writes");
        }
        let file = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(file == now, "{} is not current: run `UPDATE_SCHEMAS=1 cargo test schema`", path.display());
    }
    let files = std::fs::read_dir(&folder).expect("the folder").count();
    assert_eq!(files, names.lines().count(), "schema/json/ has files that no command prints");
}
