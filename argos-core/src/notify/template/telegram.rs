//! Whether Telegram takes a text: it refuses a message whose marks it can't read. Source: Bot API, "Formatting options".

/// Where a text is wrong, in bytes, and how.
pub(super) type Wrong = (usize, String);

/// Tags that stand alone.
const TAGS: &[&str] =
    &["b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "tg-spoiler", "code", "pre", "blockquote"];
/// Tags that need an attribute, or may have one, and the value that it must have, if any.
const ATTRIBUTES: &[(&str, &str, Option<&str>)] = &[
    ("a", "href", None),
    ("span", "class", Some("tg-spoiler")),
    ("tg-emoji", "emoji-id", None),
    ("code", "class", None),
    ("blockquote", "expandable", Some("")),
];

/// HTML of allowed tags, each closed in its turn.
pub(super) fn check_html(text: &str) -> Result<(), Wrong> {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(found) = text[at..].find(['<', '&']) {
        let start = at + found;
        if text[start..].starts_with('&') {
            check_entity(&text[start..]).map_err(|e| (start, e))?;
            at = start + 1;
            continue;
        }
        let end = text[start..].find('>').ok_or_else(|| (start, "`<` begins no tag: write &lt;".to_owned()))?;
        let tag = &text[start + 1..start + end];
        at = start + end + 1;
        match tag.strip_prefix('/') {
            Some(name) if open.last().is_some_and(|open| open.eq_ignore_ascii_case(name.trim_end())) => {
                open.pop();
            }
            Some(name) => return Err((start, format!("</{name}> closes a tag that is not open"))),
            None => open.push(check_tag(tag).map_err(|e| (start, e))?),
        }
    }
    match open.last() {
        Some(name) => Err((text.len(), format!("<{name}> is not closed"))),
        None => Ok(()),
    }
}

fn check_entity(text: &str) -> Result<(), String> {
    let name = text[1..].split_once(';').map_or("", |(name, _)| name);
    let known = match name.strip_prefix('#') {
        Some(number) => match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).is_ok(),
            None => number.parse::<u32>().is_ok(),
        },
        None => ["lt", "gt", "amp", "quot"].contains(&name),
    };
    if known { Ok(()) } else { Err("`&` begins none of &lt; &gt; &amp; &quot; or a number: write &amp;".into()) }
}

/// The name of a tag that Telegram knows, with attributes that it knows.
fn check_tag(tag: &str) -> Result<&str, String> {
    let (name, mut rest) = tag.split_once([' ', '\n']).map_or((tag, ""), |(name, rest)| (name, rest.trim()));
    let lower = name.to_ascii_lowercase();
    let needs = ["a", "span", "tg-emoji"].contains(&&*lower);
    if !needs && !TAGS.contains(&&*lower) {
        return Err(format!("<{name}> is no tag that Telegram knows"));
    }
    if needs && rest.is_empty() {
        return Err(format!("<{name}> lacks its attribute"));
    }
    while !rest.is_empty() {
        let end = rest.find(['=', ' ', '\n']).unwrap_or(rest.len());
        let (attribute, after) = rest.split_at(end);
        let (value, after) = match after.strip_prefix('=') {
            None => ("", after),
            Some(after) => {
                let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
                let quoted = quote.and_then(|quote| after[1..].split_once(quote));
                quoted.ok_or_else(|| format!("the value of {attribute} stands in no quotes"))?
            }
        };
        let allowed = ATTRIBUTES.iter().find(|(tag, known, _)| lower == *tag && attribute.eq_ignore_ascii_case(known));
        match allowed {
            Some((_, _, Some(only))) if value != *only => return Err(format!("{attribute} can't be {value:?}")),
            Some(_) => rest = after.trim(),
            None => return Err(format!("<{name}> has no attribute {attribute} that Telegram knows")),
        }
    }
    Ok(name)
}

/// What is open in a text of MarkdownV2.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Bold,
    Italic,
    Underline,
    Strike,
    Spoiler,
    Code,
    Pre,
    Link,
    Emoji,
    Quote,
}

impl Mark {
    const fn text(self) -> &'static str {
        match self {
            Self::Bold => "*",
            Self::Italic => "_",
            Self::Underline => "__",
            Self::Strike => "~",
            Self::Spoiler => "||",
            Self::Code => "`",
            Self::Pre => "```",
            Self::Link | Self::Emoji => "]",
            Self::Quote => "\n",
        }
    }
}

/// MarkdownV2: each mark closed in its turn, everything else that could be one escaped.
pub(super) fn check_markdown(text: &str) -> Result<(), Wrong> {
    let mut open: Vec<(Mark, usize)> = Vec::new();
    let mut at = 0;
    // Whether nothing but empty marks stands on the line before `at`.
    let mut fresh = true;
    while let Some(c) = text[at..].chars().next() {
        let (rest, here) = (&text[at..], at);
        at += c.len_utf8();
        if c == '\\' && rest[1..].starts_with(|c: char| ('\u{1}'..='\u{7e}').contains(&c)) {
            at += 1;
            fresh = false;
            continue;
        }
        let top = open.last().map(|(mark, _)| *mark);
        let verbatim = matches!(top, Some(Mark::Code | Mark::Pre));
        if !"_*[]()~`>#+-=|{}.!\n".contains(c) || (verbatim && c != '`') {
            fresh = verbatim && fresh || c == '\n';
            continue;
        }
        if let Some(mark) = top.filter(|mark| ends(*mark, rest)) {
            open.pop();
            at = match mark {
                Mark::Link | Mark::Emoji => here + 1 + target(&rest[1..], mark).map_err(|e| (here, e))?,
                Mark::Quote => {
                    // The quote goes on where the next line is one too.
                    if rest[1..].starts_with('>') {
                        open.push((mark, here));
                        here + 2
                    } else {
                        here + 1
                    }
                }
                mark => here + mark.text().len(),
            };
            fresh = mark == Mark::Quote || fresh;
            continue;
        }
        let (mark, length) = match c {
            '\n' => {
                fresh = true;
                continue;
            }
            '_' if rest.starts_with("__") => (Mark::Underline, 2),
            '_' => (Mark::Italic, 1),
            '*' => (Mark::Bold, 1),
            '~' => (Mark::Strike, 1),
            '`' if rest.starts_with("```") => (Mark::Pre, 3),
            '`' => (Mark::Code, 1),
            '[' => (Mark::Link, 1),
            '!' if rest.starts_with("![") => (Mark::Emoji, 2),
            // An expandable quote ends so.
            '|' if rest.starts_with("||") && top == Some(Mark::Quote) && ends_line(&rest[2..]) => {
                at = here + 2;
                continue;
            }
            '|' if rest.starts_with("||") => (Mark::Spoiler, 2),
            '>' if fresh && !open.iter().any(|(mark, _)| *mark == Mark::Quote) => (Mark::Quote, 1),
            c => return Err((here, format!("`{c}` must be escaped: write \\{c}"))),
        };
        open.push((mark, here));
        at = here + length;
        fresh = fresh && mark == Mark::Bold;
    }
    match open.iter().rfind(|(mark, _)| *mark != Mark::Quote) {
        Some((mark, start)) => Err((*start, format!("the mark that begins here is not ended by {}", mark.text()))),
        None => Ok(()),
    }
}

fn ends_line(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with('\n')
}

fn ends(mark: Mark, rest: &str) -> bool {
    match mark {
        Mark::Italic => rest.starts_with('_') && !rest.starts_with("__"),
        mark => rest.starts_with(mark.text()),
    }
}

/// How long the address in parentheses behind a text is; a link may lack it.
fn target(rest: &str, mark: Mark) -> Result<usize, String> {
    if !rest.starts_with('(') {
        return if mark == Mark::Link { Ok(0) } else { Err("an emoji needs its address in parentheses".into()) };
    }
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        match c {
            ')' if !escaped => return Ok(at + 1),
            '\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    Err("the address that begins here is not ended by )".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(found: Result<(), Wrong>) -> Option<usize> {
        found.err().map(|(at, _)| at)
    }

    #[test]
    fn html_is_balanced_and_of_allowed_tags() {
        for good in [
            "",
            "plain > text",
            "<b>a<i>b</i></b>",
            "<B>a</b>",
            "&lt;&#39;&#x1F600;&quot;&amp;",
            "<a href=\"https://a.test/?a=1\">x</a>",
            "<a href='x'>x</a>",
            "<span class=\"tg-spoiler\">x</span>",
            "<pre><code class=\"language-rust\">x</code></pre>",
            "<blockquote expandable>x</blockquote>",
            "<tg-emoji emoji-id=\"1\">x</tg-emoji>",
        ] {
            assert_eq!(check_html(good), Ok(()), "{good}");
        }
        for (bad, at) in [
            ("a<b>", 4),
            ("a</b>", 1),
            ("<b><i></b></i>", 6),
            ("<p>x</p>", 0),
            ("1 < 2", 2),
            ("a & b", 2),
            ("&nbsp;", 0),
            ("<b class=\"x\">x</b>", 0),
            ("<a>x</a>", 0),
            ("<a href=x>x</a>", 0),
            ("<br>", 0),
            ("<a onclick=\"x\">x</a>", 0),
            ("<span class=\"x\">x</span>", 0),
            ("<", 0),
            ("<b", 0),
            ("</>", 0),
            ("<script>x</script>", 0),
            ("&#xZZ;", 0),
            ("&", 0),
            ("<>", 0),
        ] {
            assert_eq!(place(check_html(bad)), Some(at), "{bad}");
        }
    }

    #[test]
    fn markdown_is_ended_and_escaped() {
        for good in [
            "",
            "plain",
            "*b*",
            "_i_",
            "__u__",
            "~s~",
            "||x||",
            "`c_*[`",
            "```rust\nx.y(-1)\n```",
            "*b _i_ b*",
            "___i_**__ x",
            "[a](https://a.test/a_b-c.d?e=f#g)",
            "[a\\]b](x\\)y)",
            "![x](tg://emoji?id=5)",
            ">quote\n>more\nplain",
            "**>quote\n>more||\nplain",
            "a\\.b\\-c\\\\",
            "\\_\\*\\[\\]\\(\\)\\~\\`\\>\\#\\+\\-\\=\\|\\{\\}\\.\\!",
        ] {
            assert_eq!(check_markdown(good), Ok(()), "{good}");
        }
        for (bad, at) in [
            ("a.b", 1),
            ("a-b", 1),
            ("1 + 1", 2),
            ("*b", 0),
            ("_i", 0),
            ("a_b", 1),
            ("`c", 0),
            ("```c``", 0),
            ("[a", 0),
            ("[a](b", 2),
            ("a!", 1),
            ("a > b", 2),
            ("a|b", 1),
            ("(x)", 0),
            ("*b_i*_", 5),
            ("#", 0),
            ("=", 0),
            ("{", 0),
            ("![x]", 3),
            ("]", 0),
            ("___i___", 6),
            (">a\n*b", 3),
            ("\\é.", 3),
        ] {
            assert_eq!(place(check_markdown(bad)), Some(at), "{bad}");
        }
        assert_eq!(check_markdown("a\\"), Ok(()), "a backslash at the end stands for itself");
    }
}
