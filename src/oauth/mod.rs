//! OAuth 2.0 and OpenID Connect as a client: discovery, keys, the authorization request, token requests, ID tokens, and
//! what Microsoft's error codes mean. Pure where it decides; the network only through `system::http`.

pub mod token;
