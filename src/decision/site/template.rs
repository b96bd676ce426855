//! Templates of a site's file, to fill in: all of it, or what one purpose needs.

/// All of a template. A line that begins with `#?` names the purposes that the lines up to the next
/// one are for.
const TEMPLATE: &str = include_str!("template.toml");

/// What a site is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// Everything.
    All,
    /// Mining, curtailing and selling: no AI.
    Mine,
    /// Renting machines of its own out for AI: no mining.
    Rent,
    /// Giving power that mines today to tenants.
    Host,
}

/// Returns a commented template of a site's file for a purpose, to fill in; read unfilled, it gives an
/// error for each missing key.
#[must_use]
pub fn template(purpose: Purpose) -> String {
    let word = match purpose {
        Purpose::All => "all",
        Purpose::Mine => "mine",
        Purpose::Rent => "rent",
        Purpose::Host => "host",
    };
    let mut is_meant = true;
    let mut text = String::new();
    for line in TEMPLATE.lines() {
        if let Some(purposes) = line.strip_prefix("#?") {
            is_meant = purposes.split_whitespace().any(|it| it == word || it == "every");
        } else if is_meant {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
