//! A template is tried before it is stored: with every kind of event, as it may come and as an attacker would have it.

use serde_json::{Value, json};

use super::{Occasion, Template};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::event::EventKind;

/// What looks like marks of JSON, HTML, MarkdownV2 and templates, ends of lines, and characters of 2 and 4 bytes.
pub(super) const HOSTILE: &str =
    "<>&\"'\\\r\n\t{}_*[]()~`>#+-=|.! </b></pre>&lt;{{ type }}{% raw %}```||**>\u{e4}\u{1f600}\u{1d54f}\u{202e}";

/// Tries it with each kind of event.
pub(super) fn every_kind(template: &Template) -> Result<()> {
    for kind in EventKind::ALL {
        let sample = serde_json::to_value(kind.sample()).unwrap_or_default();
        let hostile = hostile(&sample);
        for event in [&sample, &hostile] {
            let occasion = Occasion { event, delivery_id: 0, panel_url: "https://argos.example.org", generation: 1 };
            let (page, name) = (occasion.page(), Some(kind.as_str()));
            let made = template.made(&page, name)?;
            template.check(&made, &page, name)?;
        }
    }
    Ok(())
}

/// The event with hostile texts wherever somebody else may have chosen the words.
pub(super) fn hostile(sample: &Value) -> Value {
    let mut event = sample.clone();
    event["host_id"] = json!(1);
    event["host_domain"] = json!(HOSTILE);
    event["message"] = json!(HOSTILE);
    for fact in event["data"].as_object_mut().into_iter().flatten().map(|(_, fact)| fact) {
        // A time is never anybody's words, and templates write it as a date.
        if fact.as_str().is_some_and(|text| Timestamp::parse(text).is_none()) {
            *fact = json!(HOSTILE);
        }
    }
    event
}
