//! The authorization request: the URL that a browser is sent to (RFC 6749 section 4.1.1, OpenID Connect Core 3.1.2.1).

use url::Url;

/// How the provider answers through the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum ResponseMode {
    /// In the query of a redirect.
    #[default]
    Query,
    /// By a cross-site POST: a `SameSite=Lax` cookie does not come along.
    FormPost,
}

impl ResponseMode {
    /// Its word on the wire and in records.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::FormPost => "form_post",
        }
    }
}

/// What the provider shall ask the person, whatever session exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prompt {
    /// Choose an account. Not together with a `login_hint`, which wins (Microsoft).
    SelectAccount,
}

impl Prompt {
    const fn as_str(self) -> &'static str {
        match self {
            Self::SelectAccount => "select_account",
        }
    }
}

/// One authorization request. Code flow with PKCE S256, always.
#[derive(Debug, Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// The client id as registered.
    pub client_id: &'a str,
    /// The same string goes to the token endpoint.
    pub redirect_uri: &'a str,
    /// Scopes, separated by blanks.
    pub scope: &'a str,
    /// Single use; base64url only, since Entra strips HTML from it.
    pub state: &'a str,
    /// Single use; comes back in the ID token.
    pub nonce: &'a str,
    /// `pkce::Verifier::challenge`.
    pub challenge: &'a str,
    /// How the answer arrives.
    pub response_mode: ResponseMode,
    /// What to ask for.
    pub prompt: Option<Prompt>,
    /// Who will probably sign in.
    pub login_hint: Option<&'a str>,
    /// More parameters (`claims`, `domain_hint`, v1's `resource`…); none of the above can be set here.
    pub extra: &'a [(&'a str, &'a str)],
}

impl AuthorizationRequest<'_> {
    /// The URL to send the browser to. A query that `endpoint` has is kept, but for what is ours.
    pub fn url(&self, endpoint: &Url) -> Url {
        let prompt = self.prompt.filter(|prompt| *prompt != Prompt::SelectAccount || self.login_hint.is_none());
        let ours = [
            ("client_id", Some(self.client_id)),
            ("response_type", Some("code")),
            ("redirect_uri", Some(self.redirect_uri)),
            ("scope", Some(self.scope)),
            ("state", Some(self.state)),
            ("nonce", Some(self.nonce)),
            ("code_challenge", Some(self.challenge)),
            ("code_challenge_method", Some("S256")),
            ("response_mode", Some(self.response_mode.as_str())),
            ("prompt", prompt.map(Prompt::as_str)),
            ("login_hint", self.login_hint),
        ];
        let is_ours = |name: &str| ours.iter().any(|(our, _)| *our == name);
        let kept: Vec<_> = endpoint.query_pairs().filter(|(name, _)| !is_ours(name)).collect();
        let extra = self.extra.iter().filter(|(name, _)| !is_ours(name));

        let mut url = endpoint.clone();
        url.query_pairs_mut()
            .clear()
            .extend_pairs(kept)
            .extend_pairs(ours.iter().filter_map(|(name, value)| Some((name, (*value)?))))
            .extend_pairs(extra);
        url
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const REQUEST: AuthorizationRequest<'_> = AuthorizationRequest {
        client_id: "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        redirect_uri: "https://desk.example.test/integrations/azuread/token",
        scope: "openid https://graph.microsoft.com/User.Read",
        state: "s-1",
        nonce: "n-1",
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        response_mode: ResponseMode::Query,
        prompt: None,
        login_hint: None,
        extra: &[],
    };

    fn query(request: &AuthorizationRequest<'_>, endpoint: &str) -> HashMap<String, String> {
        let url = request.url(&Url::parse(endpoint).unwrap());
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let count = pairs.len();
        let map: HashMap<_, _> = pairs.into_iter().collect();
        assert_eq!(map.len(), count, "no parameter twice: {url}");
        map
    }

    #[test]
    fn every_parameter_arrives_as_it_was_meant() {
        let query = query(&REQUEST, "https://login.example/organizations/oauth2/v2.0/authorize");
        for (name, value) in [
            ("client_id", REQUEST.client_id),
            ("response_type", "code"),
            ("redirect_uri", REQUEST.redirect_uri),
            ("scope", REQUEST.scope),
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("code_challenge", REQUEST.challenge),
            ("code_challenge_method", "S256"),
            ("response_mode", "query"),
        ] {
            assert_eq!(query.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert_eq!(query.len(), 9);
    }

    #[test]
    fn a_hint_wins_over_the_choice_of_an_account() {
        let chosen = AuthorizationRequest { prompt: Some(Prompt::SelectAccount), ..REQUEST };
        assert_eq!(query(&chosen, "https://l.example/a")["prompt"], "select_account");
        let hinted = AuthorizationRequest { login_hint: Some("ann+x@example.test"), ..chosen };
        let query = query(&hinted, "https://l.example/a");
        assert_eq!((query.get("prompt"), query["login_hint"].as_str()), (None, "ann+x@example.test"));
    }

    #[test]
    fn nothing_given_from_outside_overrides_what_is_ours() {
        let request = AuthorizationRequest { extra: &[("state", "evil"), ("domain_hint", "example.test")], ..REQUEST };
        let query = query(&request, "https://l.example/a?p=policy&response_type=token");
        assert_eq!((query["state"].as_str(), query["response_type"].as_str()), ("s-1", "code"));
        assert_eq!((query["p"].as_str(), query["domain_hint"].as_str()), ("policy", "example.test"));
    }
}
