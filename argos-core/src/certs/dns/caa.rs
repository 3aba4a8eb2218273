//! Which authorities a name's CAA records let issue. Source: RFC 8659.

use hickory_proto::rr::RData;

/// One CAA record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaaRecord {
    /// Bit 128 says that who does not understand the tag may not issue.
    pub flags: u8,
    /// What it is about: `issue`, `issuewild`, `iodef` and others; in lower case.
    pub tag: String,
    /// What it says.
    pub value: String,
}

/// The flag of a tag that has to be understood.
const CRITICAL: u8 = 128;

/// Tags that don't restrict who issues certificates for servers, beside the two that do.
const HARMLESS: &[&str] = &["iodef", "contactemail", "contactphone", "issuemail", "issuevmc"];

impl CaaRecord {
    pub(super) fn of(data: &RData) -> Option<Self> {
        let RData::CAA(caa) = data else { return None };
        let value = String::from_utf8_lossy(&caa.value).into_owned();
        Some(Self { flags: caa.flags(), tag: caa.tag.to_ascii_lowercase(), value })
    }

    /// The authority that an `issue` or `issuewild` names; empty for none. Parameters behind `;`, such as
    /// `accounturi`, are for the authority to judge.
    fn issuer(&self) -> String {
        let (issuer, _parameters) = self.value.split_once(';').unwrap_or((&self.value, ""));
        issuer.trim_matches([' ', '\t']).trim_end_matches('.').to_ascii_lowercase()
    }
}

/// Whether an authority that knows itself as one of `issuers` may issue, by the CAA `records` that hold for a name.
/// Without `issuers` nothing can be judged, and nothing is refused.
///
/// # Errors
/// Why not, and what helps.
pub fn caa_allows(records: &[CaaRecord], issuers: &[String], wildcard: bool) -> Result<(), String> {
    let known = |tag: &str| tag == "issue" || tag == "issuewild" || HARMLESS.contains(&tag);
    if let Some(unknown) = records.iter().find(|r| r.flags & CRITICAL != 0 && !known(&r.tag)) {
        let tag = &unknown.tag;
        return Err(format!(
            "a CAA record with the tag {tag:?} is marked critical, and authorities don't know that tag"
        ));
    }
    let tagged = |tag: &str| records.iter().filter(|r| r.tag == tag).map(CaaRecord::issuer).collect::<Vec<_>>();
    let (mut tag, mut named) = ("issuewild", if wildcard { tagged("issuewild") } else { Vec::new() });
    if named.is_empty() {
        (tag, named) = ("issue", tagged("issue"));
    }
    let mine = |named: &String| issuers.iter().any(|i| i.trim_end_matches('.').eq_ignore_ascii_case(named));
    if named.is_empty() || issuers.is_empty() || named.iter().any(|n| !n.is_empty() && mine(n)) {
        return Ok(());
    }
    let wanted = issuers.first().map_or("", String::as_str);
    named.retain(|n| !n.is_empty());
    named.dedup();
    let allowed = if named.is_empty() { "no authority".to_owned() } else { format!("only {}", named.join(", ")) };
    Err(format!("the CAA records let {allowed} issue; add: CAA 0 {tag} \"{wanted}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Records as in a zone file: flags, tag, value; one a line.
    fn records(text: &str) -> Vec<CaaRecord> {
        let parse = |line: &str| {
            let mut parts = line.trim().splitn(3, ' ');
            let mut next = || parts.next().unwrap_or_default();
            CaaRecord { flags: next().parse().unwrap(), tag: next().into(), value: next().into() }
        };
        text.split('|').filter(|l| !l.trim().is_empty()).map(parse).collect()
    }

    #[test]
    fn an_authority_may_issue_where_it_is_named_or_nobody_is() {
        // Records, whether for one name, whether for a wildcard.
        let table = [
            ("", true, true),
            ("0 issue ca.test", true, true),
            ("0 issue CA.Test.", true, true),
            ("0 issue  ca.test ", true, true),
            ("0 issue other.test", false, false),
            ("0 issue other.test | 0 issue ca.test", true, true),
            ("0 issue ca.test; accounturi=https://ca.test/acct/1", true, true),
            ("0 issue ca.test;validationmethods=dns-01", true, true),
            ("0 issue ;", false, false),
            ("0 issue ; | 0 issue ca.test", true, true),
            ("0 issue", false, false),
            ("0 issue sub.ca.test", false, false),
            ("0 issue %%%%", false, false),
            // Only a wildcard looks at issuewild, and then at nothing else.
            ("0 issuewild ca.test", true, true),
            ("0 issuewild other.test", true, false),
            ("0 issuewild ;", true, false),
            ("0 issue ca.test | 0 issuewild other.test", true, false),
            ("0 issue other.test | 0 issuewild ca.test", false, true),
            ("0 issue ca.test | 0 issuewild ;", true, false),
            // Others restrict nothing, unless they have to be understood.
            ("0 iodef mailto:a@example.test", true, true),
            ("128 iodef mailto:a@example.test", true, true),
            ("128 issue ca.test", true, true),
            ("0 tbs unknown", true, true),
            ("128 tbs unknown", false, false),
            ("128 tbs unknown | 0 issue ca.test", false, false),
            ("1 tbs unknown", true, true),
            ("0 contactemail a@example.test | 128 issuemail ;", true, true),
        ];
        let issuers = ["ca.test".to_owned(), "old.ca.test".to_owned()];
        for (text, one, wildcard) in table {
            assert_eq!(caa_allows(&records(text), &issuers, false).is_ok(), one, "{text}");
            assert_eq!(caa_allows(&records(text), &issuers, true).is_ok(), wildcard, "*. {text}");
        }
    }

    #[test]
    fn a_refusal_says_who_may_and_what_to_add() {
        let issuers = ["ca.test".to_owned()];
        let say = |text, wildcard| caa_allows(&records(text), &issuers, wildcard).unwrap_err();
        let expected = "the CAA records let only a.test, b.test issue; add: CAA 0 issue \"ca.test\"";
        assert_eq!(say("0 issue a.test | 0 issue b.test", false), expected);
        let expected = "the CAA records let no authority issue; add: CAA 0 issuewild \"ca.test\"";
        assert_eq!(say("0 issuewild ; | 0 issue ca.test", true), expected);
        assert!(say("128 tbs x", false).contains("\"tbs\""));
    }

    #[test]
    fn an_authority_that_does_not_say_its_name_is_not_judged() {
        assert_eq!(caa_allows(&records("0 issue other.test"), &[], false), Ok(()));
    }
}
