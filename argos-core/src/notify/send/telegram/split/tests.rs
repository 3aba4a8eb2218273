use super::*;

/// The parts, each of which must be short enough.
fn split(text: &str, mode: ParseMode) -> Vec<String> {
    let parts = parts(text, mode);
    for part in &parts {
        assert!(length(part) <= MOST && !part.trim().is_empty(), "{} units: {part:?}", length(part));
    }
    parts
}

#[test]
fn a_text_is_cut_only_when_it_is_too_long() {
    for (unit, most) in [("a", MOST), ("é", MOST), ("🦀", MOST / 2)] {
        assert_eq!(split(&unit.repeat(most), ParseMode::None).len(), 1, "{unit}");
        let parts = split(&unit.repeat(most + 1), ParseMode::None);
        assert_eq!((parts.len(), &*parts[1]), (2, unit));
    }
    for blank in ["", " \n ", &"\n ".repeat(9000)] {
        assert_eq!(parts(blank, ParseMode::Html), Vec::<String>::new());
    }
}

#[test]
fn cuts_are_at_line_ends_then_at_blanks() {
    let line = "word ".repeat(300);
    let text = [&*line; 8].join("\n");
    let parts = split(&text, ParseMode::None);
    assert_eq!(parts.iter().map(|part| part.lines().count()).collect::<Vec<_>>(), [2, 2, 2, 2]);
    assert_eq!(parts.join("\n"), text);
    let long = "word ".repeat(2000);
    let parts = split(&long, ParseMode::None);
    assert!(parts.iter().all(|part| part.ends_with("word ")), "{parts:?}");
    assert_eq!(parts.concat(), long);
}

#[test]
fn tags_and_entities_stay_whole_and_what_is_open_goes_on() {
    let line = "a &lt;b&gt; &amp; ".repeat(20);
    let link = r#"<a href="https://shop.example/?a=1&amp;b=>">"#;
    let text = format!("<b>{link}{}</a></b>\n<pre>{}</pre>", [&*line; 20].join("\n"), "&quot;".repeat(2000));
    let parts = split(&text, ParseMode::Html);
    assert!(parts.len() > 4);
    for part in &parts {
        let mut open = Vec::new();
        let mut rest = &**part;
        while !rest.is_empty() {
            let piece = html(rest);
            let now = &rest[..piece.length];
            match piece.change {
                Change::Opens(mark) => open.push(mark.closing),
                Change::Closes => assert_eq!(open.pop().as_deref(), Some(now), "{part}"),
                Change::None => assert!(!now.starts_with('<') && now != "&", "{now:?} of {part}"),
            }
            rest = &rest[piece.length..];
        }
        assert_eq!(open, Vec::<String>::new(), "{part}");
    }
    assert!(parts[1].starts_with(&format!("<b>{link}a &lt;")) && parts[0].ends_with(" </a></b>"), "{parts:?}");
    assert!(parts[3].starts_with("<pre>&quot;") && parts[3].ends_with("&quot;</pre>"), "{parts:?}");
    let seen = |text: &str| {
        let tags = [link, "<b>", "</a>", "</b>", "<pre>", "</pre>", "\n"];
        tags.iter().fold(text.to_owned(), |text, tag| text.replace(tag, ""))
    };
    assert_eq!(seen(&parts.concat()), seen(&text));
}

#[test]
fn nothing_empty_is_sent_between_tags() {
    let text = format!("<b>\n{}</b>\n", "a".repeat(MOST - 8));
    assert_eq!(split(&text, ParseMode::Html), [format!("<b>\n{}</b>", "a".repeat(MOST - 8))]);
    let text = format!("<b>\n{}</b>\n\n", "a".repeat(MOST));
    let parts = split(&text, ParseMode::Html);
    assert_eq!(parts.len(), 2);
    assert!(parts[1].starts_with("<b>a") && parts[1].ends_with("a</b>"), "{parts:?}");
}

#[test]
fn escapes_marks_and_links_of_markdown_stay_whole() {
    let link = r"[a \] b](https://shop.example/\)x)";
    let text = format!("*_{}_* {link}\n", [r"a\.b\-c \_ "; 600].join(""));
    let parts = split(&text, ParseMode::MarkdownV2);
    assert_eq!(parts.len(), 2);
    assert!(parts[0].ends_with("_*") && parts[1].starts_with("*_") && parts[1].ends_with(&format!("_* {link}")));
    for part in &parts {
        assert!(!part.trim_end_matches("_*").ends_with('\\'), "{part}");
    }
    // A link that lies across the end goes into the next part.
    let text = format!("{}{link}", "a".repeat(MOST - 10));
    assert_eq!(split(&text, ParseMode::MarkdownV2), [&text[..MOST - 10], link]);
}

#[test]
fn code_goes_on_as_code_of_its_language() {
    let text = format!("```rust\n{}```\n*after*", "let a = [1](2) || *b_;\n".repeat(300));
    let parts = split(&text, ParseMode::MarkdownV2);
    assert_eq!(parts.len(), 2);
    assert!(parts[0].ends_with("b_;```") && parts[1].starts_with("```rust\nlet a"), "{parts:?}");
    assert!(parts[1].ends_with("```\n*after*"), "{parts:?}");
    let text = format!("```a b c\n{}```", "word\n".repeat(1500));
    let parts = split(&text, ParseMode::MarkdownV2);
    assert!(parts[1].starts_with("```\nword\n") && parts[1].ends_with("word\n```"));
}

#[test]
fn quotations_that_fold_leave_nothing_open() {
    let quotation = format!("**>first\n{}>last||", ">line\n".repeat(500));
    let text = format!("{quotation}\n{quotation}\n||hidden {}||", "word ".repeat(900));
    let parts = split(&text, ParseMode::MarkdownV2);
    let all = parts.join("\n");
    assert_eq!(all.matches("hidden").count(), 1);
    assert!(parts.last().unwrap().starts_with("||word") && parts.last().unwrap().ends_with("||"), "{parts:?}");
    assert!(parts[..parts.len() - 2].iter().all(|part| !part.ends_with("||||")), "{parts:?}");
}

#[test]
fn underline_and_italic_are_told_apart_where_they_meet() {
    let text = format!("__a _{}_ b__", "word ".repeat(1000));
    let parts = split(&text, ParseMode::MarkdownV2);
    assert!(parts[0].ends_with("word _**__") && parts[1].starts_with("___word"), "{parts:?}");
    let text = format!("_a __{}__ b_", "word ".repeat(1000));
    let parts = split(&text, ParseMode::MarkdownV2);
    assert!(parts[0].ends_with("word ___") && parts[1].starts_with("_**__word"), "{parts:?}");
}

#[test]
fn any_text_of_any_mode_comes_to_an_end() {
    for piece in
        ["<", "<b>", "</b>", "&", "&amp;", "*", "_", "`", "```", "||", "[", "\\", "![a](b)", "<a href=\"", "\n", "🦀"]
    {
        for mode in [ParseMode::Html, ParseMode::MarkdownV2, ParseMode::None] {
            parts(&piece.repeat(2500), mode);
            parts(&format!("{piece}word ").repeat(1200), mode);
        }
    }
}

#[test]
fn parts_are_not_filled_with_what_opens_again() {
    let tag = format!("<a href=\"https://a.example/{}\">", "x".repeat(4000));
    for text in [
        format!("{}{}{}", tag.repeat(30), "a".repeat(100_000), "</a>".repeat(30)),
        format!("{}{}{}", "<b>".repeat(4000), "a".repeat(100_000), "</b>".repeat(4000)),
        format!("{}{}", "<a href='x'>".repeat(9000), "</a>".repeat(9000)),
    ] {
        let parts = parts(&text, ParseMode::Html);
        assert!(parts.iter().map(String::len).sum::<usize>() < 3 * text.len() && parts.len() < 150, "{}", parts.len());
    }
}

/// What can be seen of a text, and what is open at its end.
fn seen(text: &str, mode: ParseMode) -> (String, Vec<Mark>) {
    let (mut seen, mut open, mut at) = (String::new(), Vec::new(), 0);
    let ends = Ends::of(text);
    while at < text.len() {
        let rest = &text[at..];
        let piece = match mode {
            ParseMode::Html => html(rest),
            ParseMode::MarkdownV2 => markdown(text, at, &open, &ends),
            ParseMode::None => plain(rest),
        };
        match piece.change {
            Change::None if !rest[..piece.length].trim().is_empty() => {
                seen += &format!(
                    "{:?}{}",
                    open.iter().map(|m: &Mark| &m.closing).collect::<Vec<_>>(),
                    &rest[..piece.length]
                );
            }
            Change::None => {}
            Change::Opens(mark) => open.push(mark),
            Change::Closes => assert!(open.pop().is_some(), "{rest}"),
        }
        at += piece.length;
    }
    (seen, open)
}

/// Dice that fall the same each time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % n
    }
}

#[test]
fn each_part_of_a_sound_text_is_sound_and_nothing_is_lost() {
    let html: (&[&str], &[(&str, &str)]) = (
        &["word ", "&lt;", "&quot; ", "<br/>", "\n", "\n", "é🦀", "a"],
        &[
            ("<b>", "</b>"),
            ("<a href=\"https://a.example/?x=>\">", "</a>"),
            ("<pre>", "</pre>"),
            ("<tg-spoiler>", "</tg-spoiler>"),
        ],
    );
    let markdown: (&[&str], &[(&str, &str)]) = (
        &[
            "word ",
            "\\.",
            "\\_ ",
            "`a*b` ",
            "[a\\]b](https://a.example/\\)) ",
            "\nx",
            "\nx",
            "é🦀",
            "```rust\nlet a;\n``` ",
        ],
        &[("*", "*"), ("~", "~"), ("||", "||"), ("_", "_")],
    );
    for seed in 0..25 {
        for (mode, (pieces, marks)) in [(ParseMode::Html, html), (ParseMode::MarkdownV2, markdown)] {
            let mut dice = Dice(seed);
            let (mut text, mut open) = (String::from("begin "), Vec::new());
            let lines = 1 + dice.below(12);
            while text.len() < 11_000 {
                let free: Vec<_> = marks.iter().filter(|mark| !open.contains(mark)).collect();
                match dice.below(8) {
                    0 if !free.is_empty() => {
                        let mark = free[dice.below(free.len())];
                        text += &format!("{}w", mark.0);
                        open.push(mark);
                    }
                    // A blank behind it, so that two marks never meet and are read as another one.
                    1 => text += &open.pop().map_or(String::new(), |mark| format!("{} ", mark.1)),
                    _ => {
                        let piece = pieces[dice.below(pieces.len())];
                        // Some texts have few line ends, or none.
                        text += if piece.starts_with('\n') && dice.below(lines) > 0 { "word" } else { piece };
                    }
                }
            }
            text.extend(open.iter().rev().map(|mark| mark.1));
            let parts = split(&text, mode);
            let mut all = String::new();
            for part in &parts {
                let (seen, open) = seen(part, mode);
                assert!(open.is_empty(), "seed {seed}, {mode}: {open:?} in {part:?}");
                all += &seen;
            }
            let whole = seen(&text, mode).0;
            let differs =
                all.bytes().zip(whole.bytes()).position(|(a, b)| a != b).unwrap_or(all.len().min(whole.len()));
            let near = |text: &str| {
                text[text.floor_char_boundary(differs.saturating_sub(90))..].chars().take(200).collect::<String>()
            };
            assert!(all == whole, "seed {seed}, {mode}: {:?} is not {:?}", near(&all), near(&whole));
            assert!((3..=6).contains(&parts.len()), "seed {seed}, {mode}: {}", parts.len());
        }
    }
}

#[test]
fn what_begins_again_and_again_is_read_once() {
    let squares = "[".repeat(250_000);
    for (text, mode) in [
        (squares.clone(), ParseMode::MarkdownV2),
        (squares.clone() + "](x", ParseMode::MarkdownV2),
        ("<".repeat(250_000), ParseMode::Html),
        ("&".repeat(250_000) + ";", ParseMode::Html),
    ] {
        let parts = split(&text, mode);
        assert!(parts.concat() == text && parts.len() == text.len().div_ceil(MOST), "{mode}: {}", parts.len());
    }
    let ends = Ends::of(&(squares + r"\](a](b)"));
    assert_eq!((ends.texts, ends.addresses), (vec![250_004], vec![250_007]));
}

#[test]
fn a_link_ends_at_its_own_marks() {
    for (text, end) in [
        ("[a](b) c)", Some(6)),
        ("![a](b)", Some(7)),
        (r"[a\]](b\))", Some(10)),
        ("[a] (b)", None),
        ("[a](b", None),
        ("[a", None),
        ("!a](b)", None),
    ] {
        assert_eq!(Ends::of(text).of_link(text, 0), end, "{text}");
    }
}
