//! Every committed file that is made from the registry. `UPDATE=1` rewrites them.
#![allow(clippy::unwrap_used, unreachable_pub, reason = "a test that unwraps fails with the position")]

#[path = "generated/model.rs"]
mod model;
#[path = "generated/openapi.rs"]
mod openapi;
#[path = "generated/python.rs"]
mod python;
#[path = "generated/reference.rs"]
mod reference;
#[path = "generated/typescript.rs"]
mod typescript;

use std::path::Path;

#[test]
fn committed_files_are_what_the_registry_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let model = model::Model::new();
    let files = [
        ("docs/reference/openapi.json", openapi::render()),
        ("docs/reference/operations.md", reference::render(&model)),
        ("argos-py/argos/operations.py", python::render(&model)),
        ("argos-node/operations.js", typescript::render(&model)),
        ("argos-node/operations.d.ts", typescript::render_types(&model)),
    ];
    let mut stale = Vec::new();
    for (path, text) in files {
        let file = root.join(path);
        if std::fs::read_to_string(&file).unwrap_or_default() == text {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, text).unwrap();
        } else {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "stale, rewrite with UPDATE=1: {stale:?}");
}
