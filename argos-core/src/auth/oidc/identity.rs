//! What is taken over of what a provider tells about a person. Source: OpenID Connect Core 1.0, §5.1; RFC 8176.

use serde_json::Value;

use super::fault::Fault;
use super::token::Claims;
use crate::schema::is_mail_address;

/// Groups of one person.
const MOST_GROUPS: usize = 1000;
/// Bytes of a group's name.
const MOST_GROUP: usize = 256;
/// Characters of a name.
const MOST_NAME: usize = 128;

/// A person at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who it is: the only thing by which a user is found.
    pub sub: String,
    /// Address of mail.
    pub email: Option<String>,
    /// Whether the provider vouches for it.
    pub email_verified: bool,
    /// As people call them.
    pub name: Option<String>,
    /// What they like to sign in with.
    pub preferred_username: Option<String>,
    /// Groups, in the provider's order, each once.
    pub groups: Vec<String>,
    /// Whether they showed a second factor there.
    pub has_mfa: bool,
}

/// Whether the ID token leaves out what is needed.
pub(super) fn is_incomplete(claims: &Claims, groups_claim: &str) -> bool {
    email(claims).is_none() || groups_value(claims, groups_claim).is_none()
}

impl Identity {
    /// The person whom the ID token `claims` and, behind it, the answer `more` tell about. The token comes first.
    pub(super) fn read(sub: String, claims: &Claims, more: &Claims, groups_claim: &str) -> Result<Self, Fault> {
        let from =
            |name: &str, read: fn(&Claims, &str) -> Option<String>| read(claims, name).or_else(|| read(more, name));
        let email = email(claims).or_else(|| email(more));
        // Who vouches must vouch for this very address.
        let vouches = |said: &Claims| self::email(said) == email && is_true(said.get("email_verified"));
        let is_silent = self::email(claims).is_none() || !claims.contains_key("email_verified");
        let email_verified = email.is_some() && (vouches(claims) || (is_silent && vouches(more)));
        let groups = groups_value(claims, groups_claim).or_else(|| groups_value(more, groups_claim));
        Ok(Self {
            sub,
            email,
            email_verified,
            name: from("name", name),
            preferred_username: from("preferred_username", name),
            groups: groups.map_or(Ok(Vec::new()), groups_of)?,
            has_mfa: claims.get("amr").and_then(Value::as_array).is_some_and(|all| all.iter().any(|one| one == "mfa")),
        })
    }
}

/// Some providers write it as a text.
fn is_true(value: Option<&Value>) -> bool {
    matches!(value, Some(Value::Bool(true))) || matches!(value, Some(Value::String(text)) if text == "true")
}

fn email(claims: &Claims) -> Option<String> {
    let text = claims.get("email")?.as_str()?;
    is_mail_address(text).then(|| text.to_owned())
}

fn name(claims: &Claims, field: &str) -> Option<String> {
    let text: String = claims.get(field)?.as_str()?.chars().filter(|c| !c.is_control()).collect();
    let text: String = text.trim().chars().take(MOST_NAME).collect();
    let text = text.trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

/// What stands under the claim's name; where there is none of that very name, its dots lead into objects.
fn groups_value<'a>(claims: &'a Claims, claim: &str) -> Option<&'a Value> {
    let nested = || {
        let mut parts = claim.split('.');
        let first = claims.get(parts.next()?)?;
        parts.try_fold(first, |at, part| at.get(part))
    };
    claims.get(claim).or_else(nested).filter(|value| !value.is_null())
}

fn groups_of(value: &Value) -> Result<Vec<String>, Fault> {
    let all = match value {
        Value::Array(all) => all.as_slice(),
        one @ Value::String(_) => std::slice::from_ref(one),
        _ => return Err(Fault::token("the claim of groups is neither a list of texts nor a text")),
    };
    if all.len() > MOST_GROUPS {
        let text = format!("the claim of groups names {}; at most {MOST_GROUPS} are read", all.len());
        return Err(Fault::token(text));
    }
    let mut groups: Vec<String> = Vec::new();
    for group in all.iter().filter_map(Value::as_str) {
        let good = (1..=MOST_GROUP).contains(&group.len()) && !group.chars().any(char::is_control);
        if good && !groups.iter().any(|known| known == group) {
            groups.push(group.to_owned());
        }
    }
    Ok(groups)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: Value) -> Claims {
        value.as_object().unwrap().clone()
    }

    fn read(token: Value, more: Value) -> Identity {
        Identity::read("s".into(), &claims(token), &claims(more), "groups").unwrap()
    }

    #[test]
    fn the_token_comes_first_and_the_answer_fills_what_is_missing() {
        let token = json!({"email": "a@x.example", "name": "Ann\r\n", "groups": ["a", "b", "a", 7, "", "c\n"]});
        let more = json!({"email": "b@x.example", "email_verified": true, "preferred_username": "ann",
            "name": "Else", "groups": ["admin"]});
        let who = read(token, more);
        assert_eq!((who.email.as_deref(), who.email_verified), (Some("a@x.example"), false));
        assert_eq!((who.name.as_deref(), who.preferred_username.as_deref()), (Some("Ann"), Some("ann")));
        assert_eq!(who.groups, ["a", "b"]);
    }

    #[test]
    fn an_address_is_verified_by_who_tells_it() {
        let both = json!({"email": "a@x.example", "email_verified": true});
        for (token, more, expected) in [
            (both.clone(), json!({}), true),
            (json!({"email": "a@x.example", "email_verified": "true"}), json!({}), true),
            (json!({"email": "a@x.example"}), both.clone(), true),
            (json!({}), both.clone(), true),
            (json!({"email_verified": true}), json!({"email": "a@x.example"}), false),
            (json!({"email_verified": true, "email": "other@x.example"}), json!({"email": "a@x.example"}), true),
            (json!({"email": "a@x.example", "email_verified": false}), both.clone(), false),
            (json!({"email": "a@x.example"}), json!({"email_verified": true}), false),
            (json!({"email": "a@x.example"}), json!({"email": "b@x.example", "email_verified": true}), false),
            (json!({"email_verified": true}), json!({}), false),
            (json!({"email_verified": true}), both.clone(), true),
            (json!({"email_verified": false}), both.clone(), true),
            (json!({"email": "a@x.example", "email_verified": 1}), json!({}), false),
        ] {
            assert_eq!(read(token.clone(), more.clone()).email_verified, expected, "{token} {more}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        for bad in [
            json!(""),
            json!("a"),
            json!("@x.example"),
            json!("a@"),
            json!("a @x.example"),
            json!("a\n@x.example"),
            json!(7),
            json!(["a@x.example"]),
        ] {
            assert_eq!(read(json!({ "email": bad }), json!({})).email, None, "{bad}");
        }
        assert_eq!(read(json!({"email": format!("{}@x.example", "a".repeat(400))}), json!({})).email, None);
    }

    #[test]
    fn more_is_asked_for_when_email_or_groups_are_missing() {
        let is = |value: Value, claim: &str| is_incomplete(&claims(value), claim);
        assert!(!is(json!({"email": "a@x.example", "groups": []}), "groups"));
        assert!(is(json!({"groups": ["a"]}), "groups"));
        assert!(is(json!({"email": "a@x.example"}), "groups"));
        assert!(is(json!({"email": "a@x.example", "groups": null}), "groups"));
        assert!(!is(json!({"email": "a@x.example", "realm_access": {"roles": []}}), "realm_access.roles"));
    }

    #[test]
    fn groups_stand_under_the_claim_or_where_its_dots_lead() {
        let groups = |value: Value, claim: &str| {
            Identity::read("s".into(), &claims(value), &Claims::new(), claim).map(|who| who.groups)
        };
        assert_eq!(groups(json!({"g": "one"}), "g").unwrap(), ["one"]);
        assert_eq!(groups(json!({"a": {"b": ["x"]}}), "a.b").unwrap(), ["x"]);
        assert_eq!(groups(json!({"https://x.example/g": ["y"]}), "https://x.example/g").unwrap(), ["y"]);
        assert_eq!(groups(json!({"a.b": ["z"], "a": {"b": ["x"]}}), "a.b").unwrap(), ["z"]);
        assert!(groups(json!({}), "a.b").unwrap().is_empty());
        assert!(groups(json!({"g": {"admin": true}}), "g").unwrap_err().reason.contains("neither"));
        let many: Vec<String> = (0..1001).map(|n| n.to_string()).collect();
        assert!(groups(json!({ "g": many }), "g").unwrap_err().reason.contains("1001"));
        assert_eq!(groups(json!({ "g": many[1..] }), "g").unwrap().len(), 1000);
        assert!(groups(json!({"g": ["x".repeat(257)]}), "g").unwrap().is_empty());
    }

    #[test]
    fn a_second_factor_is_what_the_token_says() {
        assert!(read(json!({"amr": ["pwd", "mfa"]}), json!({})).has_mfa);
        assert!(!read(json!({"amr": ["pwd"]}), json!({"amr": ["mfa"]})).has_mfa);
        assert!(!read(json!({"amr": "mfa"}), json!({})).has_mfa);
    }
}
