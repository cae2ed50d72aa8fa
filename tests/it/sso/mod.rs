//! Single sign-on, whole: the real daemon, a scriptable provider, browsers, and real web servers.

mod attacks;
mod browser;
mod conformance;
mod entra;
pub mod host;
mod http;
mod independent;
mod journeys;
mod logout;
mod modules;
mod people;
mod proxies;
pub mod servers;
mod snippets;
mod stage;
