//! The installer helper: `onedeskctl` on a host that is not set up yet.

mod explain;
