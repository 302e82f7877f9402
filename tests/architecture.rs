//! The maps are true: every file that they name exists, and every fuzz target has its inputs.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders at the top whose files the documents name by path.
const ROOTS: &[&str] = &["crates/", "migrations/", "config/", "tests/", "docs/", "docker/", ".ci/"];

#[test]
fn every_file_that_a_document_names_exists() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let mut documents = vec![top.join("README.md"), top.join("ARCHITECTURE.md")];
    documents.extend(fs::read_dir(top.join("docs")).unwrap().map(|entry| entry.unwrap().path()));

    let mut named = 0;
    let mut missing = Vec::new();
    for document in documents.iter().filter(|path| path.extension().is_some_and(|e| e == "md")) {
        for name in names(&fs::read_to_string(document).unwrap()) {
            named += 1;
            if !top.join(&name).exists() {
                missing.push(format!("{}: {}", document.display(), name.display()));
            }
        }
    }

    assert!(missing.is_empty(), "{missing:#?}");
    assert!(named > 20, "only {named} names were found: is the search broken?");
}

/// Everything in code quotes that looks like a path from the top folder.
fn names(text: &str) -> Vec<PathBuf> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |name: &&str| {
        ROOTS.iter().any(|root| name.starts_with(root)) && !name.contains(['*', ' ', '{', '<'])
    };
    quoted.filter(is_path).map(PathBuf::from).collect()
}

/// A fuzz target whose folder has another name would run without its inputs.
#[test]
fn every_fuzz_target_has_a_corpus_and_every_corpus_a_target() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    let (mut of_targets, mut of_folders) = (BTreeSet::new(), BTreeSet::new());
    for path in files(&crates) {
        let folder = path.parent().unwrap();
        if folder.ends_with("corpus")
            && folder.components().any(|part| part.as_os_str() == "__fuzz__")
        {
            of_folders.insert(folder.to_owned());
        }
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            for target in source.split("check!(name = \"").skip(1) {
                let name = target.split('"').next().unwrap();
                of_targets.insert(folder.join("__fuzz__").join(name).join("corpus"));
            }
        }
    }

    assert_eq!(of_folders, of_targets);
    assert!(of_targets.len() > 10, "only {} targets were found", of_targets.len());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
