//! `git skillmeat`: version control, signatures and deployment for the artifacts that drive AI coding tools.
//!
//! The modules stand in levels; a module imports only from lower ones, and `tests/it/walls.rs` keeps it so.
//! Level 0 `model`, level 1 `pack`, `signature`, `scan`, `fsio`, level 2 `git`, `client`, `store`, `trust`,
//! level 3 `config`, `ops`, level 4 `cli`.

pub mod cli;
pub mod client;
pub mod config;
pub mod fsio;
pub mod git;
pub mod model;
pub mod ops;
pub mod pack;
pub mod scan;
pub mod search;
pub mod signature;
pub mod store;
pub mod trust;
