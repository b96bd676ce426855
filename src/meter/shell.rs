//! What in a command line is meant for a shell, where none runs it.

/// Signs of a shell in a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Signs {
    /// A word that joins commands or redirects them: it is never meant as an argument.
    pub(super) operator: Option<String>,
    /// Something that a shell would replace or split at; it may be meant as it is.
    pub(super) other: Option<String>,
}

/// Looks for signs of a shell outside of the quotes that protect them.
pub(super) fn signs(line: &str) -> Signs {
    let mut signs = Signs::default();
    let mut word = Word::default();
    let (mut quote, mut is_escaped) = (None, false);
    for c in line.chars().chain([' ']) {
        let is_quoted = quote.is_some() || is_escaped;
        if !is_quoted && c.is_whitespace() {
            signs.take(std::mem::take(&mut word));
            continue;
        }
        word.text.push(c);
        word.is_quoted |= is_quoted;
        match (quote, c) {
            _ if is_escaped => is_escaped = false,
            (None | Some('"'), '\\') => is_escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None | Some('"'), '$' | '`') | (None, '|' | '<' | '>' | ';' | '&' | '*' | '~') => {
                word.has_sign = true;
            }
            _ => {}
        }
        word.ends_command = quote.is_none() && !is_quoted && c == ';';
    }
    signs.take(word);
    signs
}

#[derive(Debug, Default)]
struct Word {
    text: String,
    is_quoted: bool,
    has_sign: bool,
    ends_command: bool,
}

impl Signs {
    fn take(&mut self, word: Word) {
        let begin = word.text.trim_start_matches(|c: char| c.is_ascii_digit());
        let joins = ["|", "||", "|&", "&", "&&"].contains(&word.text.as_str());
        let redirects = begin.starts_with(['<', '>']) || word.text.starts_with("&>");
        if (!word.is_quoted && (joins || redirects)) || word.ends_command {
            self.operator.get_or_insert(word.text);
        } else if word.has_sign {
            self.other.get_or_insert(word.text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_act_on_is_found() {
        for (line, operator, other) in [
            ("ipmitool dcmi power reading", "", ""),
            ("ipmitool sdr | awk '{print $2}'", "|", ""),
            ("cat a && cat b", "&&", ""),
            ("cat a; cat b", "a;", ""),
            ("cat a ; cat b", ";", ""),
            ("cat a > b", ">", ""),
            ("cat a 2>/dev/null", "2>/dev/null", ""),
            ("cat <a", "<a", ""),
            ("watts &", "&", ""),
            ("cat a|tail", "", "a|tail"),
            ("curl http://x/?a=1&b=2", "", "http://x/?a=1&b=2"),
            ("$HOME/watts", "", "$HOME/watts"),
            ("echo \"$HOME\"", "", "\"$HOME\""),
            ("~/watts", "", "~/watts"),
            ("cat /sys/*/power", "", "/sys/*/power"),
            ("sh -c 'a | b > c; d && $e'", "", ""),
            ("grep '|' a", "", ""),
            ("grep \\| a", "", ""),
            ("grep \"a;\" b", "", ""),
            ("grep 'a;' \"b>\"", "", ""),
            ("echo '5", "", ""),
            ("", "", ""),
        ] {
            let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let expected = Signs { operator: text(operator), other: text(other) };
            assert_eq!(signs(line), expected, "{line}");
        }
    }
}
