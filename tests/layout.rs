//! The folders of `src` know each other in one direction only, and files of a folder not in circles.
//!
//! What follows `crate::`, `super::` and `self::` is read from the sources, tests left out. A file that
//! is a folder's table of contents, `mod.rs`, may know what is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms of the crate: each may know those before it. Lines that begin alike are the drawing at the
/// top of `src/lib.rs`.
const ORDER: [&str; 18] = [
    "units",
    "input",
    "machine",
    "block",
    "lanes",
    "gpu",
    "sha256",
    "job",
    "engine",
    "search",
    "workload",
    "meter",
    "dial",
    "record",
    "score",
    "criterion",
    "decision",
    "report",
];

/// A module and what it names.
struct Module {
    file: String,
    /// Absolute paths, and whether each is only passed on (`pub use`).
    uses: Vec<(Vec<String>, bool)>,
}

impl Module {
    fn is_contents(&self) -> bool {
        self.file.ends_with("mod.rs")
    }
}

type Modules = BTreeMap<String, Module>;

#[test]
fn arrows_between_folders_point_down() {
    let modules = modules();
    let place = |name: &str| ORDER.iter().position(|known| *known == name);
    let mut up = BTreeSet::new();
    for (name, module) in &modules {
        let room = name.split("::").next().expect("a first part");
        let from = place(room).unwrap_or_else(|| panic!("{room} is not in the order of rooms"));
        for (path, _) in &module.uses {
            if place(&path[0]).is_some_and(|to| to > from) {
                up.insert(format!("{} uses {}", module.file, path.join("::")));
            }
        }
    }
    assert!(up.is_empty(), "arrows that point up: {up:#?}");
}

#[test]
fn files_know_each_other_in_no_circle() {
    let modules = modules();
    let mut arrows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, module) in modules.iter().filter(|(_, module)| !module.is_contents()) {
        let known = module.uses.iter().filter_map(|(path, _)| file_of(path, &modules, 0));
        let others = known.filter(|it| it != name && !modules[it].is_contents());
        arrows.insert(name, others.collect());
    }
    // What knows nobody, or is known by nobody, is in no circle, and neither is what is left so then.
    let mut open: BTreeSet<&str> = arrows.keys().copied().collect();
    loop {
        let knows = |name: &str| arrows[name].iter().any(|other| open.contains(other.as_str()));
        let is_known = |name: &str| open.iter().any(|other| arrows[other].contains(name));
        let free = open.iter().copied().find(|name| !knows(name) || !is_known(name));
        let Some(free) = free else { break };
        open.remove(free);
    }
    let circles: Vec<String> = open
        .iter()
        .map(|&name| {
            let others = arrows[name].iter().filter(|other| open.contains(other.as_str()));
            let others: Vec<_> = others.map(|other| &*modules[other].file).collect();
            format!("{} knows {}", modules[name].file, others.join(", "))
        })
        .collect();
    assert!(circles.is_empty(), "circles: {circles:#?}");
}

/// The drawing is what the test above enforces.
#[test]
fn the_drawing_has_all_rooms() {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let text = fs::read_to_string(lib).expect("the sources are there");
    // Rooms that not every build has are no links.
    let place = |room| {
        let link = text.find(&format!("//! - [`{room}`]: "));
        link.or_else(|| text.find(&format!("//! - `{room}`: ")))
    };
    let places: Vec<_> = ORDER.iter().map(|room| (place(room), room)).collect();
    assert!(places.iter().all(|(place, _)| place.is_some()), "not all rooms are there: {places:?}");
    assert!(places.is_sorted(), "rooms in another order than {ORDER:?}: {places:?}");
}

/// All modules of the library by their paths, without tests.
fn modules() -> Modules {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = Modules::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("the sources are there") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(&root).expect("inside").with_extension("");
            let name = name.to_str().expect("UTF-8").replace(std::path::MAIN_SEPARATOR, "::");
            let last = name.rsplit("::").next().expect("a last part");
            // The command is another crate.
            if ["tests", "example", "expected"].contains(&last)
                || ["cli", "main", "lib"].contains(&&*name)
            {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            let name = name.strip_suffix("::mod").unwrap_or(&name).to_owned();
            let text = without_tests(&fs::read_to_string(&path).expect("UTF-8"));
            let uses = uses(&text, &name, path.ends_with("mod.rs"));
            let file = path.strip_prefix(&root).expect("inside").display();
            modules.insert(name, Module { file: format!("src/{file}"), uses });
        }
    }
    modules
}

fn without_tests(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut text = lines.collect::<Vec<_>>().join("\n");
    // Whatever is for tests alone goes: to its `;`, or with the block that it opens.
    while let Some(at) = text.find("#[cfg(test)]") {
        let mut depth = 0_usize;
        let end = text[at..].char_indices().find_map(|(offset, character)| {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            let is_end = depth == 0 && matches!(character, ';' | '}');
            is_end.then_some(at + offset + 1)
        });
        text.replace_range(at..end.unwrap_or(text.len()), "");
    }
    text
}

/// All paths of a text, as seen from the root of the crate.
fn uses(text: &str, module: &str, is_contents: bool) -> Vec<(Vec<String>, bool)> {
    let mut uses = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].trim_end();
            // `super::super::` is read from its first part on.
            if text[..at].ends_with("::") || text[..at].ends_with(|c: char| c.is_alphanumeric()) {
                continue;
            }
            // What a table of contents uses its children see, whether others do or not.
            let line = before.rsplit(['\n', ';']).next().unwrap_or_default().trim_start();
            let passed_on = before.ends_with("use")
                && (line.starts_with("pub") || is_contents && line == "use");
            let mut paths = Vec::new();
            tree(&text[at..], &mut Vec::new(), &mut paths);
            let absolute = paths.into_iter().map(|path| (absolute(path, module), passed_on));
            uses.extend(absolute.filter(|(path, _)| !path.is_empty()));
        }
    }
    uses
}

/// Reads `a::b` or `a::{b, c::d}`, and returns how long it was.
fn tree(text: &str, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let depth = prefix.len();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        prefix.push(rest[..name].to_owned());
        at += name;
        let Some(next) = text[at..].strip_prefix("::") else {
            paths.push(prefix.clone());
            break;
        };
        at += 2;
        if let Some(list) = next.strip_prefix('{') {
            at += 1;
            let mut inner = list;
            loop {
                let skipped = inner.len() - inner.trim_start_matches([' ', '\n', ',']).len();
                (at, inner) = (at + skipped, &inner[skipped..]);
                if inner.is_empty() || inner.starts_with('}') {
                    break;
                }
                let length = tree(inner, prefix, paths).max(1);
                (at, inner) = (at + length, &inner[length..]);
                // What it is called here does not matter.
                let alias = inner.find([',', '}']).unwrap_or(inner.len());
                (at, inner) = (at + alias, &inner[alias..]);
            }
            at += 1;
            break;
        }
    }
    prefix.truncate(depth);
    at
}

fn absolute(path: Vec<String>, module: &str) -> Vec<String> {
    let mut base: Vec<String> = module.split("::").map(str::to_owned).collect();
    let mut parts = path.into_iter().peekable();
    match parts.next().as_deref() {
        Some("crate") => base.clear(),
        Some("super") => {
            base.pop();
            while parts.next_if(|part| part == "super").is_some() {
                base.pop();
            }
        }
        _ => {}
    }
    base.extend(parts.filter(|part| part != "self"));
    base
}

/// The module whose file has what a path names, looked for behind what others pass on.
fn file_of(path: &[String], modules: &Modules, depth: usize) -> Option<String> {
    let known = (1..=path.len()).rev().map(|end| (end, path[..end].join("::")));
    let (end, name) = known.into_iter().find(|(_, name)| modules.contains_key(name))?;
    let passed_on = path.get(end).and_then(|item| {
        let uses = &modules[&name].uses;
        uses.iter().find(|(path, passed_on)| *passed_on && path.last() == Some(item))
    });
    match passed_on {
        Some((target, _)) if depth < 8 && target.as_slice() != path => {
            file_of(&[target, &path[end + 1..]].concat(), modules, depth + 1)
        }
        _ => Some(name),
    }
}
