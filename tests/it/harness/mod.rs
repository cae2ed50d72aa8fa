//! What the tests are made of: the real daemon, a browser, and real web servers.

pub mod browser;
pub mod daemon;
pub mod http;
pub mod servers;
