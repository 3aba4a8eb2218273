//! A code for tokens, and a token for what the provider tells about the person. Source: RFC 6749 §4.1.3, §2.3.1;
//! RFC 7636 §4.5; OpenID Connect Core 1.0, §5.3.

use reqwest::{StatusCode, Url};

use super::Client;
use super::discovery::{ClientAuth, Provider};
use super::fault::{Failure, Fault, Stage, quoted};
use super::token::{Claims, object};
use super::wire::Wire;
use crate::secret::Secret;

/// What a code was good for.
#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) id: Secret<String>,
    pub(super) access: Option<Secret<String>>,
}

fn fault(why: impl Into<String>) -> Fault {
    Fault::new(Stage::Exchange, Failure::ExchangeFailed, why)
}

/// Gives the code and what only the beginner of this sign-in knows, and gets tokens.
pub(super) async fn exchange(
    wire: &Wire,
    provider: &Provider,
    client: &Client,
    code: &str,
    verifier: &Secret<String>,
) -> Result<Tokens, Fault> {
    let (form, basic) = request(provider, client, code, verifier)?;
    let answer = wire.post(&provider.token_endpoint, form, basic).await;
    let answer = answer.map_err(|fault| fault.at(Stage::Exchange, Failure::ExchangeFailed))?;
    let said = object(&answer.body);
    if answer.status != StatusCode::OK {
        let said = said.unwrap_or_default();
        let text = |name: &str| said.get(name).and_then(|v| v.as_str()).map(quoted).unwrap_or_default();
        let (error, why) = (text("error"), text("error_description"));
        return Err(fault(format!("the provider answers {} to the code: {error} {why}", answer.status)));
    }
    let said = said.map_err(|why| fault(format!("the provider's answer to the code can't be read: {why}")))?;
    let text = |name: &str| said.get(name).and_then(|v| v.as_str()).filter(|text| !text.is_empty());
    let id = text("id_token").ok_or_else(|| fault("the provider gives no ID token: oidc.scopes must hold openid"))?;
    // Another kind of token would have to be shown in another way.
    let is_bearer = text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let access = text("access_token").filter(|_| is_bearer).map(|token| Secret::new(token.to_owned()));
    Ok(Tokens { id: Secret::new(id.to_owned()), access })
}

/// The form, and what stands in the header.
fn request(
    provider: &Provider,
    client: &Client,
    code: &str,
    verifier: &Secret<String>,
) -> Result<(String, Option<(String, String)>), Fault> {
    let mut fields = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", client.redirect_uri.as_str()),
        ("code_verifier", verifier.expose()),
    ];
    let secret = client.secret.as_ref().map(|secret| secret.expose().as_str());
    let basic = match (secret, provider.client_auth) {
        (None, _) => {
            fields.push(("client_id", &client.id));
            None
        }
        (Some(secret), ClientAuth::Basic) => Some((encoded(&client.id), encoded(secret))),
        (Some(secret), ClientAuth::Post) => {
            fields.push(("client_id", &client.id));
            fields.push(("client_secret", secret));
            None
        }
        (Some(_), ClientAuth::Neither) => {
            return Err(fault("the provider takes a client's secret neither in the header nor in the form"));
        }
    };
    Ok((form(&fields), basic))
}

/// Fields as a form writes them.
fn form(fields: &[(&str, &str)]) -> String {
    // Only a URL knows the encoding of forms here.
    let mut url = Url::parse("https://form.invalid").expect("a constant URL parses");
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap_or_default().to_owned()
}

/// A name or a word as a form writes it: both are written so before they are joined for the header.
fn encoded(text: &str) -> String {
    form(&[(text, "")]).trim_end_matches('=').to_owned()
}

/// What the provider tells about the person whose `sub` is `subject`.
pub(super) async fn userinfo(wire: &Wire, url: &Url, token: &Secret<String>, subject: &str) -> Result<Claims, Fault> {
    let fault = |failure: Failure, why: String| Fault::new(Stage::Userinfo, failure, why);
    let answer = wire.get(url, Some(token.expose())).await;
    let answer = answer.map_err(|fault| fault.at(Stage::Userinfo, Failure::ExchangeFailed))?;
    if answer.status != StatusCode::OK {
        let text = format!("the provider's userinfo_endpoint answers {}", answer.status);
        return Err(fault(Failure::ExchangeFailed, text));
    }
    if answer.is_token {
        let text = "the provider's userinfo_endpoint answers a token: have it answer plain JSON to this client";
        return Err(fault(Failure::ExchangeFailed, text.into()));
    }
    let said = object(&answer.body).map_err(|why| {
        fault(Failure::ExchangeFailed, format!("the answer of the provider's userinfo_endpoint can't be read: {why}"))
    })?;
    // Source: §5.3.2. Somebody else's answer must not be taken for this person's.
    if said.get("sub").and_then(|sub| sub.as_str()) != Some(subject) {
        let text = "the provider's userinfo_endpoint answers about somebody else than the ID token (sub)";
        return Err(fault(Failure::TokenInvalid, text.into()));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(secret: Option<&str>, auth: ClientAuth) -> Result<(String, Option<(String, String)>), Fault> {
        let url = |path: &str| Url::parse(&format!("https://idp.example/{path}")).unwrap();
        let provider = Provider {
            issuer: "https://idp.example".into(),
            authorization_endpoint: url("auth"),
            token_endpoint: url("token"),
            jwks_uri: url("keys"),
            userinfo_endpoint: None,
            end_session_endpoint: None,
            answers_with_issuer: false,
            client_auth: auth,
            algorithms: vec![],
        };
        let client = Client {
            issuer: super::super::Issuer::parse("https://idp.example").unwrap(),
            id: "argos:1 ü".into(),
            secret: secret.map(|text| Secret::new(text.into())),
            scopes: "openid".into(),
            redirect_uri: url("cb?a=b&c"),
            groups_claim: "groups".into(),
        };
        request(&provider, &client, "c&d", &Secret::new("v".into()))
    }

    #[test]
    fn a_client_shows_itself_as_the_provider_wants() {
        let common = "grant_type=authorization_code&code=c%26d\
                      &redirect_uri=https%3A%2F%2Fidp.example%2Fcb%3Fa%3Db%26c&code_verifier=v";
        let named = format!("{common}&client_id=argos%3A1+%C3%BC");
        let (form, basic) = ways(Some("p+:=%"), ClientAuth::Basic).unwrap();
        assert_eq!((&*form, basic), (common, Some(("argos%3A1+%C3%BC".into(), "p%2B%3A%3D%25".into()))));
        assert_eq!(ways(Some("p="), ClientAuth::Post).unwrap(), (format!("{named}&client_secret=p%3D"), None));
        for auth in [ClientAuth::Basic, ClientAuth::Post, ClientAuth::Neither] {
            assert_eq!(ways(None, auth).unwrap(), (named.clone(), None));
        }
        let fault = ways(Some("p"), ClientAuth::Neither).unwrap_err();
        assert_eq!((fault.stage, fault.failure), (Stage::Exchange, Failure::ExchangeFailed));
    }
}
