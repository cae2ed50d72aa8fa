//! Single sign-on, whole: the real daemon, a scriptable provider, browsers, and real web servers.

mod attacks;
mod conformance;
mod entra;
mod journeys;
mod logout;
mod modules;
mod people;
mod proxies;
mod stage;
