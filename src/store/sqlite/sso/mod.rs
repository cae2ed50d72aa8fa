//! Single sign-on on SQLite.

mod desk;
mod people;
mod records;
mod sessions;
mod transit;
