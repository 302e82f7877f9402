//! The modules of this crate form layers, and none of them use each other in a circle.
#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the lowest layer up. The modules of one layer do not use each other.
const LAYERS: [&[&str]; 4] = [&["transport"], &["websocket"], &["sockets"], &["compat", "v1"]];

type Uses = BTreeMap<String, BTreeSet<String>>;

#[test]
fn layers_use_only_lower_ones() {
    let uses = uses(&[]);

    for (height, layer) in LAYERS.iter().enumerate() {
        for module in *layer {
            let others =
                LAYERS[height..].iter().copied().flatten().filter(|other| *other != module);
            let wrong: Vec<_> = others.filter(|other| uses[*module].contains(**other)).collect();
            assert!(wrong.is_empty(), "{module} uses {wrong:?}");
        }
    }
}

#[test]
fn modules_do_not_use_each_other_in_a_circle() {
    for scope in [&[][..], &["compat"], &["v1"]] {
        let mut rest = uses(scope);
        assert!(rest.len() > 10, "only {} modules were found in {scope:?}", rest.len());

        // A module that uses none of the rest is in no circle.
        while let Some(free) = rest.keys().find(|module| rest[*module].is_empty()).cloned() {
            rest.remove(&free);
            for used in rest.values_mut() {
                used.remove(&free);
            }
        }

        assert!(rest.is_empty(), "circles in {scope:?}: {rest:#?}");
    }
}

/// The direct submodules of a module, and the siblings that each of them uses.
fn uses(scope: &[&str]) -> Uses {
    let folder = scope.iter().fold(source(), |folder, name| folder.join(name));
    let root = if scope.is_empty() { folder.join("lib.rs") } else { folder.with_extension("rs") };
    let root = fs::read_to_string(root).unwrap();
    let modules = root.lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    let modules: BTreeSet<String> = modules.map(str::to_owned).collect();
    let used_by = |module: &String| {
        let mut used = BTreeSet::new();
        read(&folder, &mut vec![module.clone()], &mut |depth, code| {
            let absolute = scope.iter().fold("crate::".to_owned(), |path, name| path + name + "::");
            for prefix in [absolute, "super::".repeat(depth)] {
                used.extend(names(code, &prefix));
            }
        });
        used.retain(|name| name != module && modules.contains(name));
        used
    };
    modules.iter().map(|module| (module.clone(), used_by(module))).collect()
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Calls `visit` with the code of a module and of those inside it, and their depth below `folder`.
fn read(folder: &Path, path: &mut Vec<String>, visit: &mut impl FnMut(usize, &str)) {
    let place = path.iter().fold(folder.to_owned(), |place, name| place.join(name));
    visit(path.len(), &code(&place.with_extension("rs")));
    for entry in fs::read_dir(&place).into_iter().flatten() {
        let file = entry.unwrap().path();
        if file.extension().is_some_and(|extension| extension == "rs") {
            path.push(file.file_stem().unwrap().to_str().unwrap().to_owned());
            read(folder, path, visit);
            path.pop();
        }
    }
}

/// A file without its comments and unit tests.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The names that follow `prefix`, also those in braces: `crate::{compat, v1::problem}`.
fn names(code: &str, prefix: &str) -> Vec<String> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word = |text: &str| text.trim_start().split(|c| !is_word(c)).next().unwrap().to_owned();
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        if code[..at].ends_with(|c| is_word(c) || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.push(word(rest));
            continue;
        };
        let mut nesting = 0;
        let mut begins = true;
        for (i, c) in list.char_indices() {
            match c {
                '{' => nesting += 1,
                '}' if nesting == 0 => break,
                '}' => nesting -= 1,
                ',' if nesting == 0 => begins = true,
                _ if begins && is_word(c) => {
                    found.push(word(&list[i..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    found
}
