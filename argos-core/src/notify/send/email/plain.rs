//! The plain text of a page of HTML, for those who read no HTML. It is made from pages that Argos itself rendered, and
//! only has to be read by people: what is no tag that it knows ends no line.

/// Elements whose content is not shown.
const HIDDEN: &[&str] = &["head", "script", "style", "title"];
/// Elements that stand on lines of their own.
const BLOCKS: &[&str] = &[
    "address",
    "blockquote",
    "body",
    "br",
    "div",
    "dl",
    "dd",
    "dt",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "html",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// Bytes of the longest reference, with its `;`.
const LONGEST: usize = "#x10ffff;".len();

/// The text of `html`.
pub(super) fn text_of(html: &str) -> String {
    let mut lines = vec![String::new()];
    let mut rest = html;
    while !rest.is_empty() {
        let end = rest.find('<').unwrap_or(rest.len());
        add(&mut lines, &rest[..end]);
        rest = &rest[end..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |at| &comment[at + 3..]);
            continue;
        }
        let Some(close) = rest.find('>') else { break };
        let name = name(&rest[1..close]);
        let is_end = rest.starts_with("</");
        rest = &rest[close + 1..];
        if HIDDEN.contains(&name.as_str()) && !is_end {
            rest = after_end(rest, &name);
        } else if BLOCKS.contains(&name.as_str()) {
            lines.push(String::new());
        } else if name == "td" || name == "th" {
            add(&mut lines, " ");
        }
    }
    let lines = lines.iter().map(|line| line.trim()).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// The name of a tag in lower case.
fn name(tag: &str) -> String {
    let tag = tag.trim_start_matches('/');
    tag.chars().take_while(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// What stands behind the end of the element `name`.
fn after_end<'a>(html: &'a str, name: &str) -> &'a str {
    let is_end = |at: &usize| {
        let found = html.as_bytes().get(at + 2..at + 2 + name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
    };
    let Some(at) = html.match_indices("</").map(|(at, _)| at).find(is_end) else { return "" };
    let rest = &html[at..];
    rest.find('>').map_or("", |close| &rest[close + 1..])
}

/// Adds text to the last line: blanks in a row are one, and references are what they stand for.
fn add(lines: &mut [String], text: &str) {
    let Some(line) = lines.last_mut() else { return };
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_whitespace() {
            if !line.ends_with(' ') {
                line.push(' ');
            }
            rest = rest.trim_ascii_start();
            continue;
        }
        let reference = rest.strip_prefix('&').and_then(reference);
        match reference.and_then(|(name, behind)| Some((referred(name)?, behind))) {
            Some((c, behind)) => {
                line.push(c);
                rest = behind;
            }
            None => {
                line.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
}

/// The name of a reference and what stands behind it. Its end is looked for where it can be, so that a text of many `&`
/// is not read once for each.
fn reference(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().take(LONGEST).position(|byte| byte == b';')?;
    Some((&text[..end], &text[end + 1..]))
}

fn referred(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control())?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_people_would() {
        for (html, text) in [
            ("<html><body><h1>Down</h1><p>host  <b>a</b>\n&amp; b</p></body></html>", "Down\nhost a & b"),
            ("<html><head><title>t</title><style>p { }</style></head>x<br>y<BR/>z", "x\ny\nz"),
            ("<html><script>if (a < b) {}</SCRIPT>x<!-- <p>no</p> -->y", "xy"),
            ("<html>&lt;b&gt; &quot;&#39;&#x1F99A;&apos;&nbsp;&#0;&bogus; &", "<b> \"'🦚' &#0;&bogus; &"),
            ("<html><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
            ("<html>a <unfinished", "a"),
            ("<html><style>never ended", ""),
            ("<html><script></p></style></ScRiPt >x", "x"),
            ("<html>é<style>é</style", "é"),
            ("<html>&#x10FFFF;&#1114111;&#x0000041;", "\u{10ffff}\u{10ffff}&#x0000041;"),
        ] {
            assert_eq!(text_of(html), text, "{html}");
        }
    }

    #[test]
    fn a_reference_is_looked_for_no_further_than_it_can_reach() {
        let many = "&".repeat(250_000);
        assert_eq!(text_of(&format!("<html>{many};")), format!("{many};"));
        assert_eq!(reference(&("a".repeat(LONGEST) + ";")), None);
        assert_eq!(reference(&("a".repeat(LONGEST - 1) + ";b")), Some((&*"a".repeat(LONGEST - 1), "b")));
    }
}
