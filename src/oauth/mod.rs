//! OAuth 2.0 and OpenID Connect as a client: discovery, keys, the authorization request, token requests, ID tokens, and
//! what Microsoft's error codes mean. Pure where it decides; the network only through `system::http`.

pub mod aadsts;
pub mod authorization;
pub mod callback;
pub mod claims;
pub mod discovery;
pub mod endpoints;
pub mod id_token;
pub mod issuer;
pub mod jwks;
mod jws;
pub mod microsoft;
pub mod pkce;
pub mod provider;
pub mod providers;
pub mod registration;
pub mod scopes;
pub mod signed;
mod text;
pub mod token;
pub mod token_response;
pub mod verdict;
pub mod xoauth2;

#[cfg(test)]
pub mod test_keys;
