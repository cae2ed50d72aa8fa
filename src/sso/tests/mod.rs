//! Single sign-on end to end, below its doors.

mod groups;
mod linking;
mod sign_in;
mod signing_out;
mod world;
