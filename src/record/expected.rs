//! Texts as they were, in the folder of this name under tests. Where a change is meant, this writes them anew:
//!
//! ```sh
//! PERJOULE_WRITE_EXPECTED=1 cargo test --lib
//! ```

use std::path::Path;
use std::{env, fs};

/// Fails unless a text is that of the file.
pub(crate) fn is(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expected").join(name);
    if env::var_os("PERJOULE_WRITE_EXPECTED").is_some() {
        return fs::write(file, text).expect("the sources can be written");
    }
    let before = fs::read_to_string(&file).unwrap_or_default();
    // Git may have given it other ends of lines.
    let before = before.replace("\r\n", "\n");
    pretty_assertions::assert_str_eq!(
        before,
        text,
        "{} is out of date; if the change is meant: PERJOULE_WRITE_EXPECTED=1 cargo test --lib",
        file.display()
    );
}
