//! Recommendations: a signed reference to a release that somebody else can look at, import, or ignore.
//!
//! A reference says what a person recommends, and where it is. The release is verified by its own signature as ever; that of
//! the reference decides whether the address in it is asked at all (`schema/recommendation.md`).

mod error;
mod fetch;
mod make;
mod read;

pub use error::{Error, Unbelieved};
pub use fetch::{Fetched, fetch};
pub(crate) use make::publishable;
pub use make::{Made, Wish, make};
pub use read::{Opened, Recommended, Standing, check, read};
