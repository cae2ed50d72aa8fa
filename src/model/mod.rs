//! Values only: what the product talks about, parsed at the border and valid ever after. No I/O.

pub mod clock;
pub mod email;
pub mod generation;
pub mod hint;
pub mod ids;
pub mod loopback;
pub mod person;
pub mod problem_document;
pub mod secret;
pub mod state;
pub mod text;
pub mod token;

pub use clock::Clock;
pub use email::EmailAddress;
pub use generation::Generation;
pub use hint::{Hint, Problem};
pub use ids::{ClientId, ConflictId, ConnectionId, GrantId, ObjectId, PersonId, RequestId, TenantId};
pub use loopback::is_loopback;
pub use problem_document::{ProblemDocument, ProviderTrace};
pub use secret::Secret;
pub use state::{GrantState, ReauthReason, WaitReason};
pub use token::{AccessToken, Audience, Purpose};
