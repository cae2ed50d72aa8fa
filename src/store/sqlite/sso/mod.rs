//! Single sign-on on SQLite.

mod admission;
mod desk;
mod lobby;
mod people;
mod records;
mod search;
mod sessions;
mod transit;

pub(super) use lobby::Lobby;
