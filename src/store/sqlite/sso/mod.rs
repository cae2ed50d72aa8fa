//! Single sign-on on SQLite.

mod desk;
mod people;
mod records;
mod search;
mod sessions;
mod transit;
