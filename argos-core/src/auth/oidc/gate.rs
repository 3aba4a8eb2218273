//! Who of a provider's people may come in, and as what.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::fault::{Failure, Fault, Stage, quoted};
use super::identity::Identity;
use crate::schema::Role;

/// Characters of a username.
const MOST_USERNAME: usize = 64;

/// Whom the settings let in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// Whether the provider must vouch for the address of mail.
    pub require_email_verified: bool,
    /// Addresses of mail; with `allowed_domains` both empty = all.
    pub allowed_emails: Vec<String>,
    /// What may stand behind the `@`.
    pub allowed_domains: Vec<String>,
    /// Groups of which one is needed; empty = all.
    pub allowed_groups: Vec<String>,
}

impl Gate {
    /// Refuses who may not come in at all, whether they have an account or not.
    ///
    /// # Errors
    /// `email_missing`, `email_unverified`, `not_allowed`, in this order.
    pub fn check(&self, who: &Identity) -> Result<(), Fault> {
        let fault = |failure: Failure, why: String| Err(Fault::new(Stage::Gate, failure, why));
        let Some(email) = &who.email else {
            let text = "the provider tells no address of mail: oidc.scopes must hold email";
            return fault(Failure::EmailMissing, text.into());
        };
        if self.require_email_verified && !who.email_verified {
            let text = format!("the provider does not vouch for {} (email_verified)", quoted(email));
            return fault(Failure::EmailUnverified, text);
        }
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let among = |list: &[String], text: &str| list.iter().any(|one| one.eq_ignore_ascii_case(text));
        let all = self.allowed_emails.is_empty() && self.allowed_domains.is_empty();
        if !all && !among(&self.allowed_emails, email) && !among(&self.allowed_domains, domain) {
            let text = format!("{} is in neither oidc.allowed_emails nor oidc.allowed_domains", quoted(email));
            return fault(Failure::NotAllowed, text);
        }
        if !self.allowed_groups.is_empty() && !shares(&self.allowed_groups, &who.groups) {
            let text = format!("none of the groups {} is in panel.oidc_allowed_groups", quoted(&who.groups.join(", ")));
            return fault(Failure::NotAllowed, text);
        }
        Ok(())
    }
}

/// Groups that give roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleGroups {
    /// Those of admins.
    pub admin: Vec<String>,
    /// Those of operators.
    pub operator: Vec<String>,
    /// Those of viewers.
    pub viewer: Vec<String>,
}

impl RoleGroups {
    /// The role that `groups` give: the highest one, `user` where they give none. Nothing while no group gives any role:
    /// the role is then the account's own.
    #[must_use]
    pub fn role(&self, groups: &[String]) -> Option<Role> {
        let lists = [(&self.admin, Role::Admin), (&self.operator, Role::Operator), (&self.viewer, Role::Viewer)];
        if lists.iter().all(|(list, _)| list.is_empty()) {
            return None;
        }
        let found = lists.iter().find(|(list, _)| shares(list, groups));
        Some(found.map_or(Role::User, |(_, role)| *role))
    }
}

fn shares(list: &[String], groups: &[String]) -> bool {
    groups.iter().any(|group| list.contains(group))
}

/// A username for a new account: what the person likes to sign in with, else what stands before the `@`, in the letters
/// that usernames have.
#[must_use]
pub fn username(who: &Identity) -> String {
    let local = who.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(local, _)| local);
    let wished = who.preferred_username.as_deref().map(cleaned).filter(|name| !name.is_empty());
    let name = wished.or_else(|| local.map(cleaned)).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "user".into())
}

/// The name to try where `tries` others are taken: `ann`, `ann-2`, `ann-3`.
#[must_use]
pub fn numbered(name: &str, tries: usize) -> String {
    if tries == 0 {
        return name.to_owned();
    }
    let end = format!("-{}", tries + 1);
    let room = MOST_USERNAME.saturating_sub(end.len());
    format!("{}{end}", &name[..name.floor_char_boundary(room)])
}

/// Letters without their marks; what usernames don't have becomes a dash.
fn cleaned(text: &str) -> String {
    let mut name = String::new();
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        let allowed = c.is_ascii_alphanumeric() || "_.-@".contains(c);
        match if allowed { c } else { '-' } {
            '-' if name.ends_with('-') => {}
            c => name.push(c),
        }
    }
    let name = name.trim_matches(|c| "-.@".contains(c));
    name[..name.floor_char_boundary(MOST_USERNAME)].trim_end_matches(|c| "-.@".contains(c)).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Identity {
        Identity {
            sub: "1".into(),
            email: Some("Ann@Shop.example".into()),
            email_verified: true,
            name: None,
            preferred_username: None,
            groups: vec!["staff".into(), "dev".into()],
            has_mfa: false,
        }
    }

    fn list(items: &[&str]) -> Vec<String> {
        items.iter().map(|&item| item.to_owned()).collect()
    }

    fn closed() -> Gate {
        Gate {
            require_email_verified: true,
            allowed_emails: list(&["bob@else.example"]),
            allowed_domains: list(&["else.example"]),
            allowed_groups: list(&["ops"]),
        }
    }

    #[test]
    fn the_first_reason_of_the_order_is_told() {
        let failure = |gate: &Gate, who: &Identity| gate.check(who).err().map(|fault| fault.failure);
        let (mut gate, mut who) = (closed(), ann());
        (who.email, who.email_verified) = (None, false);
        assert_eq!(failure(&gate, &who), Some(Failure::EmailMissing));
        who.email = ann().email;
        assert_eq!(failure(&gate, &who), Some(Failure::EmailUnverified));
        who.email_verified = true;
        assert!(gate.check(&who).unwrap_err().reason.contains("allowed_domains"));
        gate.allowed_domains.push("shop.example".into());
        assert!(gate.check(&who).unwrap_err().reason.contains("allowed_groups"));
        gate.allowed_groups.push("dev".into());
        assert_eq!(failure(&gate, &who), None);
        // An address of mail is needed even where every one may come in.
        who.email = None;
        assert_eq!(failure(&Gate::default(), &who), Some(Failure::EmailMissing));
    }

    #[test]
    fn either_the_address_or_its_domain_is_enough_and_both_are_exact() {
        let may = |emails: &[&str], domains: &[&str], email: &str| {
            let (allowed_emails, allowed_domains) = (list(emails), list(domains));
            let gate = Gate { allowed_emails, allowed_domains, ..Gate::default() };
            gate.check(&Identity { email: Some(email.into()), ..ann() }).is_ok()
        };
        assert!(may(&[], &[], "x@any.example"));
        assert!(may(&["a@x.example"], &[], "A@X.example"));
        assert!(may(&["a@x.example"], &["y.example"], "b@Y.example"));
        assert!(!may(&["a@x.example"], &[], "b@x.example"));
        assert!(!may(&[], &["x.example"], "a@sub.x.example"));
        assert!(!may(&[], &["x.example"], "a@evilx.example"));
        assert!(!may(&[], &["x.example"], "a@x.example.evil.example"));
        assert!(!may(&[], &["x.example"], "\"a@x.example\"@evil.example"));
        // A letter that only looks like one of ours is another one.
        assert!(!may(&[], &["x.example"], "a@х.example"));
        assert!(!may(&["kim@x.example"], &[], "\u{212a}im@x.example"));
    }

    #[test]
    fn not_verified_is_enough_where_the_setting_says_so() {
        let who = Identity { email_verified: false, ..ann() };
        assert!(Gate::default().check(&who).is_ok());
    }

    #[test]
    fn the_highest_role_of_the_groups_wins_and_no_list_leaves_the_role_alone() {
        let roles = RoleGroups { admin: list(&["root"]), operator: list(&["ops", "both"]), viewer: list(&["both"]) };
        let of = |groups: &[&str]| roles.role(&list(groups));
        assert_eq!(of(&["both", "root"]), Some(Role::Admin));
        assert_eq!(of(&["both"]), Some(Role::Operator));
        assert_eq!(of(&["Root", "roots", ""]), Some(Role::User));
        assert_eq!(of(&[]), Some(Role::User));
        assert_eq!(RoleGroups::default().role(&list(&["admin", "root"])), None);
        let only = RoleGroups { viewer: list(&["v"]), ..RoleGroups::default() };
        assert_eq!(only.role(&list(&["v"])), Some(Role::Viewer));
    }

    #[test]
    fn usernames_are_made_of_the_letters_they_may_have() {
        let name = |preferred: Option<&str>, email: &str| {
            username(&Identity { preferred_username: preferred.map(Into::into), email: Some(email.into()), ..ann() })
        };
        for (preferred, expected) in [
            ("ann", "ann"),
            ("Jürgen Müller", "Jurgen-Muller"),
            ("DOMAIN\\ann", "DOMAIN-ann"),
            ("ann@shop.example", "ann@shop.example"),
            ("  ann  ", "ann"),
            ("a'; --x", "a-x"),
            ("ａｄｍｉｎ", "admin"),
            ("-.@ann@.-", "ann"),
            ("a\u{202e}b", "a-b"),
        ] {
            assert_eq!(name(Some(preferred), "x@y"), expected, "{preferred}");
        }
        assert_eq!(name(None, "Ann.Bee+tag@y"), "Ann.Bee-tag");
        assert_eq!(name(Some("山田"), "yamada@y"), "yamada");
        assert_eq!(name(Some("山田"), "山田@y"), "user");
        assert_eq!(name(Some(&"x".repeat(100)), "a@y").len(), 64);
    }

    #[test]
    fn a_taken_name_gets_a_number_and_stays_within_its_length() {
        assert_eq!([0, 1, 2, 9].map(|n| numbered("ann", n)), ["ann", "ann-2", "ann-3", "ann-10"]);
        let long = "x".repeat(64);
        assert_eq!(numbered(&long, 1), format!("{}-2", "x".repeat(62)));
    }
}
